//! Tables of Directus 7 and 8 as files: the body of an API answer, wrapped in `data` or not, or a dump of the table.
//!
//! The API writes lists as lists and objects as objects; a dump writes the columns as the database holds them: lists as
//! text parted by commas, objects as the text of JSON, flags as 0 and 1. Both are read.

use std::borrow::Cow;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::{Json, Member, Node, parse};
use crate::source::span::{Span, Spanned};

use super::reader::{self, Empty};

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'j> {
    /// The columns that the row has.
    pub(super) members: &'j [Member],
    /// Where it stands.
    pub(super) span: Span,
}

impl<'j> Record<'j> {
    /// Returns the value of a column, null included.
    pub(super) fn cell(&self, column: &str) -> Option<&'j Json> {
        self.members
            .iter()
            .find(|member| member.key.value == column)
            .map(|member| &member.value)
    }

    /// Returns the value of a column that is there and not null.
    pub(super) fn value(&self, column: &str) -> Option<&'j Json> {
        self.cell(column).filter(|value| !value.is_null())
    }

    /// Returns the key in a column that must hold one; `what` names the row in messages, with an article.
    pub(super) fn required_key(
        &self,
        column: &str,
        what: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Spanned<String>> {
        match self.value(column) {
            Some(value) => read_key(value, column, diagnostics),
            None => {
                let message = format!("{what} needs {}", quote(column));
                let span = self.cell(column).map_or(self.span, |cell| cell.span);
                diagnostics.push(Diagnostic::new(Code::MissingKey, span, message));
                None
            }
        }
    }

    /// Complains about columns that the table does not have: one that is nearly the name of another is an error.
    pub(super) fn check_columns(&self, columns: &[&str], what: &str, diagnostics: &mut Vec<Diagnostic>) {
        for Member { key, .. } in self.members {
            if columns.contains(&key.value.as_str()) {
                continue;
            }
            let mut diagnostic = reader::unknown_key(key, what, columns.iter().copied());
            if diagnostic.help.is_none() {
                diagnostic.severity = Severity::Warning;
            }
            diagnostics.push(diagnostic);
        }
    }
}

/// Reads the rows of a file; whatever stands beside `data` is the wrapping of an API answer.
pub(super) fn read_records<'j>(json: &'j Json, diagnostics: &mut Vec<Diagnostic>) -> Vec<Record<'j>> {
    let rows = match &json.node {
        Node::Object(_) => json.get("data").unwrap_or(json),
        Node::List(_) | Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => json,
    };
    let Some(rows) = rows.as_list() else {
        let what = "a table";
        let wanted = "a list of rows, or an object that holds it as `data`";
        reader::wrong_type(rows, what, wanted, diagnostics);
        return Vec::new();
    };
    let read = |row| {
        reader::read_members(row, "a row", diagnostics).map(|members| Record {
            members,
            span: row.span,
        })
    };
    rows.iter().filter_map(read).collect()
}

/// Reads a key: a number, its text, or a row that was put in the place of its key.
pub(super) fn read_key(
    json: &Json,
    column: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Spanned<String>> {
    match &json.node {
        Node::Number(number) => Some(Spanned::new(number.literal.clone(), json.span)),
        Node::Text(text) => {
            let known = reader::check_id(text, json.span, &quote(column), Empty::Refused, diagnostics);
            known.then(|| Spanned::new(text.clone(), json.span))
        }
        Node::Object(_) if json.get("id").is_some_and(|id| !id.is_null()) => {
            read_key(json.get("id")?, column, diagnostics)
        }
        Node::Object(_) | Node::Null | Node::Bool(_) | Node::List(_) => {
            reader::wrong_type(json, &quote(column), "a number or text", diagnostics);
            None
        }
    }
}

/// Reads a list of names: a list, or text parted by commas. Blanks around an entry and empty entries are dropped.
pub(super) fn read_csv(json: &Json, column: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Spanned<String>> {
    let mut names = Vec::new();
    let mut add = |text: &str, span: Span, diagnostics: &mut Vec<Diagnostic>| {
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if reader::check_id(entry, span, &quote(column), Empty::Refused, diagnostics) {
                names.push(Spanned::new(entry.to_owned(), span));
            }
        }
    };
    match &json.node {
        Node::Null => {}
        Node::Text(text) => add(text, json.span, diagnostics),
        Node::List(values) => {
            for value in values {
                match &value.node {
                    Node::Text(text) => add(text, value.span, diagnostics),
                    Node::Number(number) => add(&number.literal, value.span, diagnostics),
                    Node::Null => {}
                    Node::Bool(_) | Node::List(_) | Node::Object(_) => {
                        let what = format!("an entry of {}", quote(column));
                        reader::wrong_type(value, &what, "text", diagnostics);
                    }
                }
            }
        }
        Node::Bool(_) | Node::Number(_) | Node::Object(_) => {
            let wanted = "a list of texts, or text parted by commas";
            reader::wrong_type(json, &quote(column), wanted, diagnostics);
        }
    }
    names
}

/// Reads a flag: true or false, 1 or 0, as number or text; null and nothing are false.
pub(super) fn read_flag(json: Option<&Json>, what: &str, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(json) = json else { return false };
    match &json.node {
        Node::Null => false,
        Node::Bool(value) => *value,
        Node::Number(number) if number.literal == "0" || number.literal == "1" => number.literal == "1",
        Node::Text(text) if matches!(text.as_str(), "" | "0" | "1" | "false" | "true") => {
            matches!(text.as_str(), "1" | "true")
        }
        Node::Number(_) | Node::Text(_) | Node::List(_) | Node::Object(_) => {
            reader::wrong_type(json, &quote(what), "true or false", diagnostics);
            false
        }
    }
}

/// Returns what a column of JSON holds: the value itself, or what its text says, all of it at the place of the text.
pub(super) fn unpack<'j>(
    json: &'j Json,
    column: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Cow<'j, Json>> {
    let Some(text) = json.as_text() else {
        return Some(Cow::Borrowed(json));
    };
    if text.trim().is_empty() {
        return None;
    }
    // Places inside of the text mean nothing in the file.
    let mut inner = Vec::new();
    match parse(json.span.file, text, &mut inner) {
        Some(parsed) => Some(Cow::Owned(place(parsed, json.span))),
        None => {
            let message = format!("the text of {} is not JSON", quote(column));
            let mut diagnostic = Diagnostic::new(Code::InvalidJson, json.span, message);
            diagnostic.help = inner.first().map(|first| first.message.clone());
            diagnostics.push(diagnostic);
            None
        }
    }
}

/// Moves a tree to one place.
fn place(json: Json, span: Span) -> Json {
    let node = match json.node {
        Node::List(values) => Node::List(values.into_iter().map(|value| place(value, span)).collect()),
        Node::Object(members) => {
            let move_member = |member: Member| Member {
                key: Spanned::new(member.key.value, span),
                value: place(member.value, span),
            };
            Node::Object(members.into_iter().map(move_member).collect())
        }
        node @ (Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_)) => node,
    };
    Json { span, node }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::span::FileId;

    fn json(text: &str) -> Json {
        parse(FileId::new(0), text, &mut Vec::new()).unwrap()
    }

    #[test]
    fn lists_are_read_from_lists_and_from_text() {
        let cases = [
            ("null", vec![]),
            (r#""""#, vec![]),
            (r#"" , ,""#, vec![]),
            ("[]", vec![]),
            (r#""a, b ,,c""#, vec!["a", "b", "c"]),
            (r#"["a"," b ",""]"#, vec!["a", "b"]),
            ("[0,1]", vec!["0", "1"]),
        ];
        for (text, expected) in cases {
            let mut diagnostics = Vec::new();
            let found: Vec<String> = read_csv(&json(text), "x", &mut diagnostics)
                .into_iter()
                .map(|name| name.value)
                .collect();
            assert_eq!(
                (found, diagnostics.len()),
                (expected.iter().map(|name| (*name).to_owned()).collect(), 0),
                "{text}"
            );
        }
        for text in ["1", "true", "{}", "[[]]", "[true]"] {
            let mut diagnostics = Vec::new();
            assert!(read_csv(&json(text), "x", &mut diagnostics).is_empty());
            assert_eq!(diagnostics.len(), 1, "{text}");
        }
    }

    #[test]
    fn flags_are_read_as_the_api_and_a_dump_write_them() {
        let cases = [
            ("null", false),
            ("true", true),
            ("1", true),
            ("0", false),
            (r#""1""#, true),
            (r#""""#, false),
        ];
        for (text, expected) in cases {
            let mut diagnostics = Vec::new();
            assert_eq!(
                read_flag(Some(&json(text)), "x", &mut diagnostics),
                expected,
                "{text}"
            );
            assert!(diagnostics.is_empty());
        }
        let mut diagnostics = Vec::new();
        assert!(!read_flag(Some(&json("2")), "x", &mut diagnostics));
        assert_eq!(diagnostics.len(), 1);
    }

    #[test]
    fn json_in_text_lies_where_the_text_does() {
        let outer = json(r#"{"options": "{\"a\": [1]}"}"#);
        let text = outer.get("options").unwrap();
        let mut diagnostics = Vec::new();
        let inner = unpack(text, "options", &mut diagnostics).unwrap();
        let list = inner.get("a").unwrap();
        assert_eq!(list.span, text.span);
        assert_eq!(list.as_list().unwrap()[0].span, text.span);
        assert!(unpack(&json(r#""{""#), "options", &mut diagnostics).is_none());
        assert_eq!(diagnostics.len(), 1);
        assert!(unpack(&json(r#"" ""#), "options", &mut diagnostics).is_none());
        assert_eq!(diagnostics.len(), 1);
    }
}
