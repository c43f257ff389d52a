//! Grants of single documents to users and groups, another part of the extension "Advanced Permission".
//!
//! What somebody may do with one document is a role that he holds there: `doc:view`, `doc:edit` or `doc:publish`, each with all that
//! those before it have. A grant in a file gives it, or the request does as a role on the document.

use crate::policy::Policy;
use crate::policy::grant::DocumentGrant;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};

use super::apostrophe_group::GroupRow;
use super::apostrophe_right::{Holder, Level, Rights, Sight, Who};
use super::apostrophe_role::role;
use super::apostrophe_type::DocType;
use super::reader::{Empty, Keys, failed_since, read_ids, read_list, suggestion};

/// How far a grant of a document goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    View,
    Edit,
    Publish,
}

impl Reach {
    const ALL: [Reach; 3] = [Reach::View, Reach::Edit, Reach::Publish];

    fn name(self) -> &'static str {
        match self {
            Reach::View => "view",
            Reach::Edit => "edit",
            Reach::Publish => "publish",
        }
    }

    /// Returns what it lets do with the document.
    pub(super) fn rights(self) -> Rights {
        Rights {
            view: true,
            edit: match self {
                Reach::View => Level::None,
                Reach::Edit => Level::Draft,
                Reach::Publish => Level::Any,
            },
            publish: self == Reach::Publish,
            ..Rights::default()
        }
    }

    /// Returns which copies it shows.
    pub(super) fn sight(self) -> Sight {
        match self {
            Reach::View => Sight::Reader,
            Reach::Edit | Reach::Publish => Sight::Member,
        }
    }
}

/// A grant as a file has it.
#[derive(Clone, Debug)]
pub(super) struct DocumentRow {
    doc_type: Spanned<String>,
    document: Spanned<String>,
    permissions: Vec<Spanned<String>>,
    users: Vec<Spanned<String>>,
    groups: Vec<Spanned<String>>,
    descendants: bool,
    origin: Span,
}

/// Reads the grants of a file.
pub(super) fn read_documents(json: &Json, rows: &mut Vec<DocumentRow>, diagnostics: &mut Vec<Diagnostic>) {
    for json in read_list(json, "the list of document grants", diagnostics).unwrap_or_default() {
        rows.extend(read_row(json, diagnostics));
    }
}

fn read_row(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<DocumentRow> {
    let before = diagnostics.len();
    let mut keys = Keys::open(json, "a document grant", diagnostics)?;
    keys.required("type", diagnostics);
    let doc_type = keys.id("type", diagnostics);
    keys.required("document", diagnostics);
    let document = keys.id("document", diagnostics);
    let permissions = keys.required("permissions", diagnostics);
    let permissions =
        permissions.and_then(|json| read_ids(json, "`permissions`", Empty::Refused, diagnostics));
    let users = keys.ids("users", diagnostics).unwrap_or_default();
    let groups = keys.ids("groups", diagnostics).unwrap_or_default();
    let descendants = keys.bool("descendants", diagnostics).unwrap_or_default();
    keys.finish(diagnostics);
    if failed_since(before, diagnostics) {
        return None;
    }
    Some(DocumentRow {
        doc_type: doc_type?,
        document: document?,
        permissions: permissions?,
        users,
        groups,
        descendants,
        origin: json.span,
    })
}

/// Makes the roles that are held on documents, and the grants that give them; returns who holds rights by them.
pub(super) fn lower_documents(
    rows: &[DocumentRow],
    groups: &[GroupRow],
    types: &[DocType],
    origin: Span,
    policy: &mut Policy,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Holder> {
    let mut holders: Vec<Holder> = Vec::new();
    for reach in Reach::ALL {
        hold(reach, None, origin, policy, &mut holders);
    }
    for row in rows {
        lower_row(row, groups, types, policy, &mut holders, diagnostics);
    }
    holders
}

/// Returns the role for a reach, of members of a group if its rights count only in some locales; makes it if need be.
fn hold(
    reach: Reach,
    group: Option<&GroupRow>,
    origin: Span,
    policy: &mut Policy,
    holders: &mut Vec<Holder>,
) -> Spanned<String> {
    let mut name = format!("doc:{}", reach.name());
    if let Some(group) = group {
        name = format!("{name}:{}", group.name.value);
    }
    if let Some(held) = holders.iter().find(|held| held.role.value == name) {
        return held.role.clone();
    }
    let id = Spanned::new(name, origin);
    policy.roles.push(role(id.clone(), origin));
    holders.push(Holder {
        role: id.clone(),
        who: Who::Document(reach),
        locales: group.and_then(|group| group.locales.clone()),
    });
    id
}

fn lower_row(
    row: &DocumentRow,
    groups: &[GroupRow],
    types: &[DocType],
    policy: &mut Policy,
    holders: &mut Vec<Holder>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some((reach, actions)) = read_permissions(row, types, diagnostics) else {
        return;
    };
    let mut grant =
        |users: Vec<Spanned<String>>, members: Vec<Spanned<String>>, limits: Option<&GroupRow>| {
            let role = reach.map(|reach| hold(reach, limits, row.origin, policy, holders));
            policy.document_grants.push(DocumentGrant {
                collection: row.doc_type.clone(),
                document: row.document.clone(),
                actions: actions.clone(),
                roles: role.into_iter().collect(),
                users,
                groups: members,
                descendants: row.descendants,
                origin: row.origin,
            });
        };
    let limited = |name: &Spanned<String>| {
        let group = groups.iter().find(|group| group.name.value == name.value);
        group.filter(|group| group.locales.is_some())
    };
    let (apart, together): (Vec<_>, Vec<_>) = row.groups.iter().partition(|name| limited(name).is_some());
    if !row.users.is_empty() || !together.is_empty() || apart.is_empty() {
        grant(row.users.clone(), together.into_iter().cloned().collect(), None);
    }
    for name in apart {
        grant(Vec::new(), vec![name.clone()], limited(name));
    }
}

/// Finds out how far a grant goes, and which invented permissions it gives; `None` if its type does not exist.
fn read_permissions(
    row: &DocumentRow,
    types: &[DocType],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Option<Reach>, Vec<Spanned<String>>)> {
    let name = &row.doc_type;
    let Some(found) = types.iter().find(|found| found.name.value == name.value) else {
        let message = format!("there is no type {}", quote(&name.value));
        let help = suggestion(&name.value, types.iter().map(|found| found.name.value.as_str()));
        let diagnostic = Diagnostic::new(Code::UnknownCollection, name.span, message);
        diagnostics.push(Diagnostic { help, ..diagnostic });
        return None;
    };
    let custom = found.permissions.iter().filter(|permission| permission.per_doc);
    let custom: Vec<&str> = custom.map(|permission| permission.name.value.as_str()).collect();
    let (mut reach, mut actions) = (None, Vec::new());
    for permission in &row.permissions {
        let known = Reach::ALL
            .into_iter()
            .find(|reach| reach.name() == permission.value);
        if known.is_some() {
            reach = reach.max(known);
        } else if custom.contains(&permission.value.as_str()) {
            actions.push(permission.clone());
        } else {
            let message = format!(
                "single documents of {} have no permission {}",
                quote(&name.value),
                quote(&permission.value)
            );
            let known = Reach::ALL
                .map(Reach::name)
                .into_iter()
                .chain(custom.iter().copied());
            let help = suggestion(&permission.value, known.clone()).unwrap_or_else(|| {
                let known: Vec<String> = known.map(quote).collect();
                format!("they have {}", known.join(", "))
            });
            let diagnostic = Diagnostic::new(Code::UnknownPermission, permission.span, message);
            diagnostics.push(diagnostic.help(help));
        }
    }
    Some((reach, actions))
}
