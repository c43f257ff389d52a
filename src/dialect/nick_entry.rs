//! The entries of Nick's files: lists under a key, each entry with the columns that its table has.

use rustc_hash::FxHashMap;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, did_you_mean, quote};
use crate::source::json::{Json, Node};
use crate::source::span::{Span, Spanned};

/// Holds the rows of one kind in the order in which they were made, each id once.
#[derive(Debug)]
pub(super) struct Table<Row> {
    rows: Vec<Row>,
    index: FxHashMap<String, usize>,
}

impl<Row> Default for Table<Row> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            index: FxHashMap::default(),
        }
    }
}

impl<Row> Table<Row> {
    /// Returns the rows in order.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the rows in order, to be changed.
    pub(super) fn rows_mut(&mut self) -> &mut [Row] {
        &mut self.rows
    }

    /// Returns the row of an id.
    pub(super) fn find(&self, id: &str) -> Option<&Row> {
        self.rows.get(*self.index.get(id)?)
    }

    /// Returns the row of an id, to be changed.
    pub(super) fn find_mut(&mut self, id: &str) -> Option<&mut Row> {
        self.rows.get_mut(*self.index.get(id)?)
    }

    /// Adds a row, or replaces the one of the same id.
    pub(super) fn put(&mut self, id: &str, row: Row) {
        match self.find_mut(id) {
            Some(old) => *old = row,
            None => {
                self.index.insert(id.to_owned(), self.rows.len());
                self.rows.push(row);
            }
        }
    }

    /// Returns the ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }

    /// Drops every row and tells how many there were.
    pub(super) fn clear(&mut self) -> usize {
        self.index.clear();
        std::mem::take(&mut self.rows).len()
    }
}

/// Holds one file of a layer, and what it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listing<'j> {
    /// Where `purge` is written, if it is and says so.
    pub(super) purge: Option<Span>,
    /// The entries.
    pub(super) entries: &'j [Json],
}

/// Reads a file of the form `{ "purge": …, "<key>": [ … ] }`.
pub(super) fn read_listing<'j>(
    json: &'j Json,
    key: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Listing<'j>> {
    let Some(members) = json.as_object() else {
        let message = format!(
            "expected an object with the key {}, found {}",
            quote(key),
            json.kind()
        );
        diagnostics.push(Diagnostic::new(Code::WrongType, json.span, message));
        return None;
    };
    let known = ["purge", key];
    for member in members {
        let name = member.key.value.as_str();
        if !known.contains(&name) && name != "$schema" {
            let message = format!("Nick passes over the key {}", quote(name));
            let diagnostic = Diagnostic::new(Code::UnknownKey, member.key.span, message);
            diagnostics.push(with_hint(diagnostic, name, known).severity(Severity::Warning));
        }
    }
    let purge = members.iter().find(|member| member.key.value == "purge");
    let purge = purge
        .filter(|member| is_truthy(&member.value))
        .map(|member| member.key.span.to(member.value.span));
    let Some(list) = json.get(key) else {
        let message = format!("the key {} is missing", quote(key));
        diagnostics.push(Diagnostic::new(Code::MissingKey, json.span, message));
        return None;
    };
    let Some(entries) = list.as_list() else {
        diagnostics.push(wrong_type(list, "a list"));
        return None;
    };
    Some(Listing { purge, entries })
}

/// Checks that an entry is an object of these columns, and returns its id.
pub(super) fn read_entry(
    entry: &Json,
    kind: &str,
    columns: &[&str],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Spanned<String>> {
    let Some(members) = entry.as_object() else {
        diagnostics.push(wrong_type(entry, "an object"));
        return None;
    };
    for member in members {
        let name = member.key.value.as_str();
        if !columns.is_empty() && !columns.contains(&name) {
            let message = format!(
                "a {kind} has no {}, and Nick refuses to load one that has",
                quote(name)
            );
            let diagnostic = Diagnostic::new(Code::UnknownKey, member.key.span, message);
            diagnostics.push(with_hint(diagnostic, name, columns.iter().copied()));
        }
    }
    let Some(id) = entry.get("id") else {
        let message = format!("a {kind} needs an {}", quote("id"));
        diagnostics.push(Diagnostic::new(Code::MissingKey, entry.span, message));
        return None;
    };
    let Some(text) = id.as_text() else {
        diagnostics.push(wrong_type(id, "text"));
        return None;
    };
    Some(Spanned {
        value: text.to_owned(),
        span: id.span,
    })
}

/// Reads a list of ids under a key; anything but a list counts as none, as it does in Nick.
pub(super) fn read_ids(entry: &Json, key: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Spanned<String>> {
    let Some(value) = entry.get(key) else {
        return Vec::new();
    };
    if value.is_null() {
        return Vec::new();
    }
    let Some(values) = value.as_list() else {
        diagnostics.push(
            wrong_type(value, "a list")
                .severity(Severity::Warning)
                .help("Nick reads it as an empty list"),
        );
        return Vec::new();
    };
    let mut ids: Vec<Spanned<String>> = Vec::with_capacity(values.len());
    for value in values {
        let Some(text) = value.as_text() else {
            diagnostics.push(wrong_type(value, "text"));
            continue;
        };
        if let Some(first) = ids.iter().find(|id| id.value == text) {
            let message = format!(
                "{} is listed twice, and Nick refuses to store it twice",
                quote(text)
            );
            diagnostics.push(
                Diagnostic::new(Code::DuplicateId, value.span, message)
                    .label(first.span, "listed here first"),
            );
            continue;
        }
        ids.push(Spanned {
            value: text.to_owned(),
            span: value.span,
        });
    }
    ids
}

/// Keeps the ids that exist; the others are complaints, because Nick refuses to load them.
pub(super) fn keep_known<Row>(
    ids: Vec<Spanned<String>>,
    table: &Table<Row>,
    code: Code,
    kind: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Spanned<String>> {
    let mut check = |id: &Spanned<String>| {
        let known = table.find(&id.value).is_some();
        if !known {
            diagnostics.push(unknown(id, table, code, kind));
        }
        known
    };
    ids.into_iter().filter(|id| check(id)).collect()
}

/// Says that an id is declared nowhere.
pub(super) fn unknown<Row>(id: &Spanned<String>, table: &Table<Row>, code: Code, kind: &str) -> Diagnostic {
    let message = format!("there is no {kind} {}", quote(&id.value));
    with_hint(Diagnostic::new(code, id.span, message), &id.value, table.ids())
}

/// Returns the text under a key.
pub(super) fn text_of<'j>(entry: &'j Json, key: &str) -> Option<&'j str> {
    entry.get(key).and_then(Json::as_text)
}

/// Says that a value is of another type than expected.
pub(super) fn wrong_type(value: &Json, expected: &str) -> Diagnostic {
    Diagnostic::new(
        Code::WrongType,
        value.span,
        format!("expected {expected}, found {}", value.kind()),
    )
}

/// Tells what JavaScript takes for true.
pub(super) fn is_truthy(json: &Json) -> bool {
    match &json.node {
        Node::Null => false,
        Node::Bool(value) => *value,
        Node::Number(number) => number.value != 0.0,
        Node::Text(text) => !text.is_empty(),
        Node::List(_) | Node::Object(_) => true,
    }
}

fn with_hint<'a>(diagnostic: Diagnostic, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    match did_you_mean(name, known) {
        Some(near) => diagnostic.help(format!("did you mean {}?", quote(near))),
        None => diagnostic,
    }
}
