//! Document types: what `types.json` says of them, and what Apostrophe's own ones have without it.

use crate::policy::Title;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};

use super::Mode;
use super::apostrophe_field::{FieldRow, read_fields};
use super::apostrophe_right::ACTIONS;
use super::reader::{Empty, Keys, check_id, read_list, read_members, suggestion, wrong_type};
use super::word::read_title;

/// A role of Apostrophe; each may do all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Guest,
    Contributor,
    Editor,
    Admin,
}

impl Rank {
    pub(super) const ALL: [Rank; 4] = [Rank::Guest, Rank::Contributor, Rank::Editor, Rank::Admin];

    /// Returns the word in options and requests.
    pub(super) fn name(self) -> &'static str {
        match self {
            Rank::Guest => "guest",
            Rank::Contributor => "contributor",
            Rank::Editor => "editor",
            Rank::Admin => "admin",
        }
    }
}

/// What kind of document a type is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// It stands by itself.
    #[default]
    Piece,
    /// It has a place in the tree of pages.
    Page,
}

/// A document type.
#[derive(Clone, Debug)]
pub(super) struct DocType {
    pub(super) name: Spanned<String>,
    pub(super) title: Title,
    pub(super) kind: Kind,
    /// Who is below this role does not view.
    pub(super) view_role: Option<Rank>,
    /// Who is below this role does not create or edit.
    pub(super) edit_role: Option<Rank>,
    /// Who is below this role does not publish.
    pub(super) publish_role: Option<Rank>,
    /// Whether there is a draft and a published copy for each locale.
    pub(super) localized: bool,
    /// Whether saving the draft publishes it.
    pub(super) autopublish: bool,
    pub(super) singleton: bool,
    /// Whether guests get all that the interface for programs has.
    pub(super) guest_api: bool,
    /// What of a document the interface for programs shows to everybody; absent: nothing at all.
    pub(super) projection: Option<Vec<Spanned<String>>>,
    /// The fields, if they are told.
    pub(super) fields: Option<Vec<FieldRow>>,
    /// Permissions that the project has invented for the type.
    pub(super) permissions: Vec<CustomPermission>,
    pub(super) origin: Span,
}

/// A permission that a project has invented.
#[derive(Clone, Debug)]
pub(super) struct CustomPermission {
    pub(super) name: Spanned<String>,
    pub(super) title: Title,
    /// Permissions of which one must be there as well; none: it stands by itself.
    pub(super) requires: Vec<Spanned<String>>,
}

impl DocType {
    fn new(name: Spanned<String>, origin: Span) -> Self {
        let mut found = Self {
            name,
            title: Title::default(),
            kind: Kind::Piece,
            view_role: None,
            edit_role: Some(Rank::Contributor),
            publish_role: Some(Rank::Editor),
            localized: true,
            autopublish: false,
            singleton: false,
            guest_api: false,
            projection: None,
            fields: None,
            permissions: Vec::new(),
            origin,
        };
        found.know_own();
        found
    }

    /// Returns what questions without a type are about: nothing is closed there.
    pub(super) fn none(origin: Span) -> Self {
        let mut found = Self::new(Spanned::new(String::new(), origin), origin);
        (found.edit_role, found.publish_role, found.localized) = (None, None, false);
        found
    }

    /// Sets what Apostrophe's own types have by default.
    fn know_own(&mut self) {
        let Some(own) = self.name.value.strip_prefix(OWN) else {
            return;
        };
        match own {
            "user" => {
                (self.view_role, self.edit_role, self.publish_role) =
                    (Some(Rank::Admin), Some(Rank::Admin), Some(Rank::Admin));
                self.localized = false;
            }
            "image" | "image-tag" | "file" | "file-tag" => {
                self.edit_role = Some(Rank::Editor);
                self.autopublish = true;
            }
            "styles" => {
                self.edit_role = Some(Rank::Editor);
                (self.singleton, self.autopublish) = (true, true);
            }
            "global" => self.singleton = true,
            "home-page" | "archive-page" | "any-page-type" | "search" => self.kind = Kind::Page,
            _ => {}
        }
    }

    /// Tells whether documents of the type stay where they are, whoever asks.
    pub(super) fn is_fixed(&self) -> bool {
        [HOME_PAGE, ARCHIVE_PAGE].contains(&self.name.value.as_str())
    }
}

/// How names of Apostrophe's own types begin.
const OWN: &str = "@apostrophecms/";
const HOME_PAGE: &str = "@apostrophecms/home-page";
const ARCHIVE_PAGE: &str = "@apostrophecms/archive-page";
/// The type of people.
pub(super) const USER: &str = "@apostrophecms/user";
/// The type that stands for all submitted drafts.
pub(super) const SUBMITTED_DRAFT: &str = "@apostrophecms/submitted-draft";
/// The types of what is uploaded.
pub(super) const UPLOADED: [&str; 2] = ["@apostrophecms/image", "@apostrophecms/file"];

/// The types that every project has.
const OWN_TYPES: [&str; 15] = [
    USER,
    UPLOADED[0],
    "@apostrophecms/image-tag",
    UPLOADED[1],
    "@apostrophecms/file-tag",
    "@apostrophecms/global",
    "@apostrophecms/styles",
    SUBMITTED_DRAFT,
    HOME_PAGE,
    ARCHIVE_PAGE,
    "@apostrophecms/any-page-type",
    "@apostrophecms/any-doc-type",
    "@apostrophecms/polymorphic-type",
    "@apostrophecms/recently-edited",
    "@apostrophecms/search",
];

/// Reads the types of a project; a type that stands there already is replaced.
pub(super) fn read_types(
    json: &Json,
    mode: Mode,
    types: &mut Vec<DocType>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for Member { key, value } in read_members(json, "the list of types", diagnostics).unwrap_or_default() {
        if !check_id(
            &key.value,
            key.span,
            "the name of a type",
            Empty::Refused,
            diagnostics,
        ) {
            continue;
        }
        let origin = key.span.to(value.span);
        let Some(keys) = Keys::open(value, "a type", diagnostics) else {
            continue;
        };
        let found = read_type(key.clone(), keys, origin, mode, diagnostics);
        match types.iter_mut().find(|other| other.name.value == key.value) {
            Some(other) => *other = found,
            None => types.push(found),
        }
    }
}

/// Adds the types that every project has, as Apostrophe makes them.
pub(super) fn add_own_types(types: &mut Vec<DocType>, origin: Span) {
    for name in OWN_TYPES {
        if types.iter().all(|other| other.name.value != name) {
            types.push(DocType::new(Spanned::new(name.to_owned(), origin), origin));
        }
    }
}

fn read_type(
    name: Spanned<String>,
    mut keys: Keys<'_>,
    origin: Span,
    mode: Mode,
    diagnostics: &mut Vec<Diagnostic>,
) -> DocType {
    let mut found = DocType::new(name, origin);
    let kinds = [("piece", Kind::Piece), ("page", Kind::Page)];
    if let Some(kind) = keys.word("kind", &kinds, diagnostics) {
        found.kind = kind;
    }
    for key in ["label", "pluralLabel"] {
        let title = keys.optional(key).filter(|json| json.node != Node::Null);
        let title = title.and_then(|json| read_title(json, &quote(key), diagnostics));
        if found.title == Title::default() {
            found.title = title.unwrap_or_default();
        }
    }
    for (key, place, least) in [
        ("viewRole", &mut found.view_role, None),
        (
            "editRole",
            &mut found.edit_role,
            Some((Rank::Contributor, "edit")),
        ),
        (
            "publishRole",
            &mut found.publish_role,
            Some((Rank::Editor, "publish")),
        ),
    ] {
        if let Some(json) = keys.optional(key) {
            *place = read_bar(json, key, least, mode, diagnostics);
        }
    }
    for (key, place) in [
        ("localized", &mut found.localized),
        ("autopublish", &mut found.autopublish),
        ("singleton", &mut found.singleton),
        ("guestApiAccess", &mut found.guest_api),
    ] {
        *place = read_switch(&mut keys, key, diagnostics).unwrap_or(*place);
    }
    // These change nothing about who may do what.
    for key in ["singletonAuto", "showPermissions"] {
        keys.optional(key);
    }
    let admin_only = keys.member("adminOnly").map(|member| member.key.span);
    if let Some(span) = admin_only
        && read_switch(&mut keys, "adminOnly", diagnostics) == Some(true)
    {
        read_admin_only(&mut found, span, mode, diagnostics);
    }
    found.autopublish &= found.localized;
    found.projection = keys
        .optional("publicApiProjection")
        .and_then(|json| read_projection(json, diagnostics));
    let fields = keys.optional("fields").filter(|json| json.node != Node::Null);
    found.fields = fields.map(|json| read_fields(json, diagnostics));
    let permissions = keys
        .optional("permissions")
        .filter(|json| json.node != Node::Null);
    for json in permissions
        .and_then(|json| read_list(json, "`permissions`", diagnostics))
        .unwrap_or_default()
    {
        found.permissions.extend(read_permission(json, diagnostics));
    }
    keys.finish(diagnostics);
    found
}

/// Reads a permission that the project has invented.
fn read_permission(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<CustomPermission> {
    let mut keys = Keys::open(json, "a permission", diagnostics)?;
    keys.required("name", diagnostics);
    let name = keys.id("name", diagnostics);
    let label = keys.text("label", diagnostics);
    let requires = keys.optional("requires").and_then(|json| match &json.node {
        Node::Object(_) => {
            let mut keys = Keys::open(json, "`requires`", diagnostics)?;
            keys.required("$or", diagnostics);
            let needs = keys.ids("$or", diagnostics);
            keys.finish(diagnostics);
            needs
        }
        Node::Text(_) => super::reader::read_ids(json, "`requires`", Empty::Refused, diagnostics),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) => {
            wrong_type(
                json,
                "`requires`",
                "a permission or `{\"$or\": […]}`",
                diagnostics,
            );
            None
        }
    });
    // Grants of documents name it or not.
    keys.bool("perDoc", diagnostics);
    keys.finish(diagnostics);
    let name = name?;
    if ACTIONS.contains(&name.value.as_str()) {
        let message = format!("{} is a permission that every type has", quote(&name.value));
        diagnostics.push(Diagnostic::new(Code::DuplicateId, name.span, message));
        return None;
    }
    Some(CustomPermission {
        name,
        title: Title {
            text: label.map(|label| label.value),
            ..Title::default()
        },
        requires: requires.unwrap_or_default(),
    })
}

/// Reads a switch; null is as good as absent.
fn read_switch(keys: &mut Keys<'_>, key: &'static str, diagnostics: &mut Vec<Diagnostic>) -> Option<bool> {
    let json = keys.optional(key).filter(|json| json.node != Node::Null)?;
    super::reader::read_bool(json, &quote(key), diagnostics)
}

/// Reads a role below which something is closed; `least` is the role that it takes in any case, and for what.
fn read_bar(
    json: &Json,
    key: &str,
    least: Option<(Rank, &str)>,
    mode: Mode,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Rank> {
    let word = match &json.node {
        Node::Null | Node::Bool(false) => return None,
        Node::Text(word) => word,
        Node::Bool(true) | Node::Number(_) | Node::List(_) | Node::Object(_) => {
            wrong_type(json, &quote(key), "a role or `false`", diagnostics);
            return None;
        }
    };
    let rank = Rank::ALL.into_iter().find(|rank| rank.name() == word);
    match (rank, least) {
        (None, _) => report_role(json, key, word, mode, diagnostics),
        (Some(rank), Some((least, what))) if rank < least => {
            let message = format!(
                "{} opens nothing to {}: to {what} it takes {} in any case",
                quote(key),
                quote(word),
                quote(least.name())
            );
            diagnostics.push(Diagnostic::new(Code::IgnoredPart, json.span, message));
        }
        (Some(_), _) => {}
    }
    rank
}

/// Apostrophe takes a role that it does not know for no role at all.
fn report_role(json: &Json, key: &str, word: &str, mode: Mode, diagnostics: &mut Vec<Diagnostic>) {
    let names = Rank::ALL.map(Rank::name);
    let help = suggestion(word, names).unwrap_or_else(|| {
        let names = names.map(quote).join(", ");
        format!("the roles are {names}; write `false` where the option should close nothing")
    });
    let diagnostic = match mode {
        Mode::Strict => {
            let message = format!("{} names no role: {}", quote(key), quote(word));
            Diagnostic::new(Code::UnknownRole, json.span, message)
        }
        Mode::Exact => {
            let message = format!(
                "{} names no role, and Apostrophe ignores it: {}",
                quote(key),
                quote(word)
            );
            Diagnostic::new(Code::AcceptedUnknown, json.span, message)
        }
    };
    diagnostics.push(diagnostic.help(help));
}

/// The documentation knows a switch that the system does not.
fn read_admin_only(found: &mut DocType, span: Span, mode: Mode, diagnostics: &mut Vec<Diagnostic>) {
    let admin = Some(Rank::Admin);
    match mode {
        Mode::Strict => (found.view_role, found.edit_role, found.publish_role) = (admin, admin, admin),
        Mode::Exact => {
            let message = format!("{} does nothing in this Apostrophe", quote("adminOnly"));
            let help = "set `viewRole`, `editRole` and `publishRole` to `admin`";
            let diagnostic = Diagnostic::new(Code::FailsOpen, span, message).help(help);
            diagnostics.push(diagnostic.severity(Severity::Warning));
        }
    }
}

/// Reads what everybody may see: a list of fields, or an object whose values say 1.
fn read_projection(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Spanned<String>>> {
    match &json.node {
        Node::Null | Node::Bool(false) => None,
        Node::List(_) | Node::Text(_) => {
            super::reader::read_ids(json, "`publicApiProjection`", Empty::Refused, diagnostics)
        }
        Node::Object(members) => {
            let mut shown = Vec::with_capacity(members.len());
            for Member { key, value } in members {
                let is_one = value.as_number().is_some_and(|number| number.value != 0.0);
                if is_one || value.as_bool() == Some(true) {
                    shown.push(key.clone());
                } else {
                    let what = format!("{} of `publicApiProjection`", quote(&key.value));
                    wrong_type(value, &what, "1: name what is shown", diagnostics);
                }
            }
            Some(shown)
        }
        Node::Bool(true) | Node::Number(_) => {
            let what = "`publicApiProjection`";
            wrong_type(
                json,
                what,
                "an object with fields as keys, or a list of them",
                diagnostics,
            );
            None
        }
    }
}
