//! The rows of `directus_permissions`: what one role may do in one collection, perhaps in one status only.

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, did_you_mean, quote};
use crate::source::json::{Json, Node};
use crate::source::span::{Span, Spanned};

use super::legacy_table::{Record, read_csv, read_key};
use super::reader;

/// How far an action goes, from nobody's items to everybody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// No item.
    #[default]
    None,
    /// The caller's own.
    Mine,
    /// Those of people with the same role, and the caller's own.
    Role,
    /// All.
    Full,
}

/// What may be done with comments; each level brings those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CommentLevel {
    /// Nothing.
    #[default]
    None,
    /// Seeing them.
    Read,
    /// Adding some.
    Create,
    /// Changing and deleting one's own.
    Update,
    /// Changing and deleting everybody's.
    Full,
}

/// When an explanation is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Explain {
    /// With a new item.
    pub(super) create: bool,
    /// With a changed one.
    pub(super) update: bool,
}

/// What a row is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowStatus {
    /// Items of every status.
    Any,
    /// Items of this one.
    Named(Spanned<String>),
    /// Items that are being made (`$create`).
    Creation(Span),
}

impl RowStatus {
    /// Returns the word in the file, for comparing; `None` stands for null.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            RowStatus::Any => None,
            RowStatus::Named(status) => Some(&status.value),
            RowStatus::Creation(_) => Some(CREATION),
        }
    }
}

/// The status of the row for items that are being made.
const CREATION: &str = "$create";

/// A row.
#[derive(Clone, Debug)]
pub(super) struct PermissionRow {
    pub(super) collection: Spanned<String>,
    pub(super) role: Spanned<String>,
    pub(super) status: RowStatus,
    pub(super) create: Spanned<Level>,
    pub(super) read: Spanned<Level>,
    pub(super) update: Spanned<Level>,
    pub(super) delete: Spanned<Level>,
    pub(super) comment: Spanned<CommentLevel>,
    pub(super) explain: Spanned<Explain>,
    pub(super) unreadable: Vec<Spanned<String>>,
    pub(super) unwritable: Vec<Spanned<String>>,
    pub(super) statuses: Vec<Spanned<String>>,
    /// Where all of it stands.
    pub(super) origin: Span,
}

impl PermissionRow {
    /// Returns the row of a role in a collection that grants nothing yet.
    pub(super) fn empty(collection: Spanned<String>, role: Spanned<String>, origin: Span) -> Self {
        let nothing = Spanned::new(Level::None, origin);
        Self {
            collection,
            role,
            status: RowStatus::Any,
            create: nothing,
            read: nothing,
            update: nothing,
            delete: nothing,
            comment: Spanned::new(CommentLevel::None, origin),
            explain: Spanned::new(Explain::default(), origin),
            unreadable: Vec::new(),
            unwritable: Vec::new(),
            statuses: Vec::new(),
            origin,
        }
    }

    /// Returns the levels of the four everyday actions with their columns.
    pub(super) fn levels(&self) -> [(&'static str, Spanned<Level>); 4] {
        [
            ("create", self.create),
            ("read", self.read),
            ("update", self.update),
            ("delete", self.delete),
        ]
    }
}

/// Every column of the table.
const COLUMNS: [&str; 13] = [
    "id",
    "collection",
    "role",
    "status",
    "create",
    "read",
    "update",
    "delete",
    "comment",
    "explain",
    "read_field_blacklist",
    "write_field_blacklist",
    "status_blacklist",
];

const LEVELS: [(&str, Level); 4] = [
    ("none", Level::None),
    ("mine", Level::Mine),
    ("role", Level::Role),
    ("full", Level::Full),
];

const COMMENT_LEVELS: [(&str, CommentLevel); 5] = [
    ("none", CommentLevel::None),
    ("read", CommentLevel::Read),
    ("create", CommentLevel::Create),
    ("update", CommentLevel::Update),
    ("full", CommentLevel::Full),
];

const EXPLAINS: [(&str, Explain); 4] = [
    (
        "none",
        Explain {
            create: false,
            update: false,
        },
    ),
    (
        "create",
        Explain {
            create: true,
            update: false,
        },
    ),
    (
        "update",
        Explain {
            create: false,
            update: true,
        },
    ),
    (
        "always",
        Explain {
            create: true,
            update: true,
        },
    ),
];

/// Reads a row; one that does not say for whom and what it is grants nothing.
pub(super) fn read_row(record: &Record<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<PermissionRow> {
    record.check_columns(&COLUMNS, "a row of `directus_permissions`", diagnostics);
    let what = "a row of `directus_permissions`";
    let collection = record.required_key("collection", what, diagnostics);
    let role = record.required_key("role", what, diagnostics);
    let status = read_status(record, diagnostics);
    let mut row = PermissionRow::empty(collection?, role?, record.span);
    row.status = status?;
    row.create = read_word(record, "create", &LEVELS, None, diagnostics);
    row.read = read_word(record, "read", &LEVELS, None, diagnostics);
    row.update = read_word(record, "update", &LEVELS, None, diagnostics);
    row.delete = read_word(record, "delete", &LEVELS, None, diagnostics);
    // A comment level that was never written is `none`; one that is null has the documented default.
    let unset = Some(CommentLevel::Update);
    row.comment = read_word(record, "comment", &COMMENT_LEVELS, unset, diagnostics);
    row.explain = read_word(record, "explain", &EXPLAINS, None, diagnostics);
    let mut list = |column| {
        record
            .value(column)
            .map(|json| read_csv(json, column, diagnostics))
            .unwrap_or_default()
    };
    row.unreadable = list("read_field_blacklist");
    row.unwritable = list("write_field_blacklist");
    row.statuses = list("status_blacklist");
    Some(row)
}

/// Reads what the row is for; `None` if that is nothing.
fn read_status(record: &Record<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<RowStatus> {
    let Some(json) = record.value("status") else {
        return Some(RowStatus::Any);
    };
    if json.as_text().is_some_and(str::is_empty) {
        let message = "the status of a row is the empty text, which no item has";
        let help = "write `null` if the row is for the whole collection";
        diagnostics.push(Diagnostic::new(Code::EmptyId, json.span, message).help(help));
        return None;
    }
    let status = read_key(json, "status", diagnostics)?;
    if status.value == CREATION {
        return Some(RowStatus::Creation(status.span));
    }
    if status.value.starts_with('$') {
        let message = format!(
            "Directus gives {} no meaning, and passes over the row",
            quote(&status.value)
        );
        let mut diagnostic = Diagnostic::new(Code::AcceptedUnknown, status.span, message);
        diagnostic.help = reader::suggestion(&status.value, [CREATION]);
        diagnostics.push(diagnostic);
        return None;
    }
    Some(RowStatus::Named(status))
}

/// Reads one of a few words; any other grants nothing, and demands nothing.
fn read_word<T: Copy + Default>(
    record: &Record<'_>,
    column: &str,
    words: &[(&str, T)],
    null: Option<T>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Spanned<T> {
    let Some(json) = record.cell(column) else {
        return Spanned::new(T::default(), record.span);
    };
    let found = match &json.node {
        Node::Null => Some(null.unwrap_or_default()),
        Node::Text(text) => words
            .iter()
            .find(|(name, _)| name == text)
            .map(|(_, value)| *value),
        Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Object(_) => None,
    };
    if found.is_none() {
        diagnostics.push(unknown_level(json, column, words.iter().map(|(name, _)| *name)));
    }
    Spanned::new(found.unwrap_or_default(), json.span)
}

fn unknown_level<'w>(json: &Json, column: &str, words: impl Iterator<Item = &'w str> + Clone) -> Diagnostic {
    let shown = match &json.node {
        Node::Text(text) if text.is_empty() => "the empty text".to_owned(),
        Node::Text(text) => quote(text),
        Node::Number(number) => quote(&number.literal),
        Node::Null | Node::Bool(_) | Node::List(_) | Node::Object(_) => reader::found(json).to_owned(),
    };
    let message = format!("{shown} is no level of {}, and counts as `none`", quote(column));
    let lower = json.as_text().map(str::to_lowercase).unwrap_or_default();
    let near = words.clone().find(|word| *word == lower);
    let near = near.or_else(|| did_you_mean(&lower, words.clone()));
    let help = near.map_or_else(
        || {
            let words: Vec<_> = words.map(quote).collect();
            format!("the levels are {}", words.join(", "))
        },
        |near| format!("did you mean {}?", quote(near)),
    );
    Diagnostic::new(Code::UnknownWord, json.span, message)
        .severity(Severity::Warning)
        .help(help)
}
