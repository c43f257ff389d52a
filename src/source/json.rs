//! JSON as a tree in which every key and every value knows its place.

use crate::source::code::Code;
use crate::source::diagnostic::Diagnostic;
use crate::source::file::to_u32;
use crate::source::json_parser::Parser;
use crate::source::span::{FileId, Span, Spanned};
use crate::vocab::limits::{BROKEN_LINES_REPORTED_MAX, FILE_BYTES_MAX};

/// Parses one document, and says where it is not JSON.
///
/// Returns no tree if anything is wrong; whatever is wrong has then been added to `diagnostics`. The text must be that
/// of `file` in the map that will show the complaints.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Json> {
    Parser::new(file, text, diagnostics).parse_document()
}

/// Parses a file of JSON lines, one document on each line that is not blank, into the list of these documents.
///
/// Returns no list if anything is wrong with any line; broken lines have then been complained about, up to a limit.
pub fn parse_lines(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Json> {
    let span = Span::new(file, 0, to_u32(text.len()));
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes, the limit is {FILE_BYTES_MAX}", text.len());
        diagnostics.push(Diagnostic::new(Code::FileTooLarge, span.at_start(), message));
        return None;
    }
    let mut values = Vec::new();
    let broken = parse_each_line(file, text, diagnostics, &mut |value, _| values.push(value));
    (broken == 0).then_some(Json {
        span,
        node: Node::List(values),
    })
}

/// Takes entries of a file one after the other, with what is complained about.
pub type Take<'t> = dyn FnMut(Json, &mut Vec<Diagnostic>) + 't;

/// Parses JSON lines, and hands over each document before the next one is parsed.
///
/// Returns how many lines are broken; after [`BROKEN_LINES_REPORTED_MAX`] of them the rest is not looked at.
pub fn parse_each_line(
    file: FileId,
    text: &str,
    diagnostics: &mut Vec<Diagnostic>,
    take: &mut Take<'_>,
) -> usize {
    let (mut start, mut broken) = (0, 0);
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if !line.trim_ascii().is_empty() {
            match Parser::new(file, text, diagnostics).parse_part(start, end) {
                Some(value) => take(value, diagnostics),
                None => broken += 1,
            }
        }
        if broken == BROKEN_LINES_REPORTED_MAX {
            break;
        }
        start = end;
    }
    broken
}

/// Parses one object, and hands over each entry of the list under one of its keys before the next one is parsed.
///
/// Returns the object with that list empty, or none if anything is wrong; what was handed over before means nothing then. The text may
/// have `bytes_max` bytes.
pub fn parse_entries(
    file: FileId,
    text: &str,
    key: &str,
    bytes_max: usize,
    diagnostics: &mut Vec<Diagnostic>,
    take: &mut Take<'_>,
) -> Option<Json> {
    Parser::new(file, text, diagnostics)
        .parse_document_with(bytes_max, |parser| parser.parse_entries(key, take))
}

/// Parses a piece of an object that holds nothing but a list under this key, and hands over each entry of the list that lies in the
/// piece before the next one is parsed. A piece that does not begin the object begins with an entry, and one that does not end it
/// ends behind the comma after an entry.
///
/// Returns whether the next piece may be read: after a fault of the grammar there is no telling what it means.
pub fn parse_stretch(
    file: FileId,
    text: &str,
    key: &str,
    (begins, ends): (bool, bool),
    diagnostics: &mut Vec<Diagnostic>,
    take: &mut Take<'_>,
) -> bool {
    Parser::new(file, text, diagnostics)
        .parse_stretch(key, begins, ends, take)
        .is_ok()
}

/// Holds one value and the place where it is written, brackets and quotes included.
#[derive(Clone, Debug, PartialEq)]
pub struct Json {
    /// Marks the whole value.
    pub span: Span,
    /// Holds the value itself.
    pub node: Node,
}

/// Tells the kinds of values apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Stands for `null`.
    Null,
    /// Stands for `true` or `false`.
    Bool(bool),
    /// Holds a number.
    Number(Number),
    /// Holds text, escapes resolved.
    Text(String),
    /// Holds the values of a list.
    List(Vec<Json>),
    /// Holds the members of an object in the order of the file, each key once.
    Object(Vec<Member>),
}

/// Holds a number as a value and as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Holds the nearest value that a double has; it is finite.
    pub value: f64,
    /// Holds the characters of the file.
    pub literal: String,
}

/// Holds one key of an object and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Holds the key; its span includes the quotes.
    pub key: Spanned<String>,
    /// Holds the value.
    pub value: Json,
}

impl Json {
    /// Returns what the value is, with an article, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match &self.node {
            Node::Null => "null",
            Node::Bool(_) => "true or false",
            Node::Number(_) => "a number",
            Node::Text(_) => "text",
            Node::List(_) => "a list",
            Node::Object(_) => "an object",
        }
    }

    /// Returns the value under a key, if this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?
            .iter()
            .find(|member| member.key.value == key)
            .map(|member| &member.value)
    }

    /// Returns the text, if this is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Node::Text(text) = &self.node {
            Some(text)
        } else {
            None
        }
    }

    /// Returns the truth value, if this is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Node::Bool(value) = self.node {
            Some(value)
        } else {
            None
        }
    }

    /// Returns the number, if this is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<&Number> {
        if let Node::Number(number) = &self.node {
            Some(number)
        } else {
            None
        }
    }

    /// Returns the values, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Node::List(values) = &self.node {
            Some(values)
        } else {
            None
        }
    }

    /// Returns the members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[Member]> {
        if let Node::Object(members) = &self.node {
            Some(members)
        } else {
            None
        }
    }

    /// Tells whether this is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.node, Node::Null)
    }
}

impl Number {
    /// Tells whether the value is what was written: `false` for a whole number, written without point and exponent,
    /// that no double equals. Fractions are rounded everywhere, and nobody counts on their last digit.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.literal.contains(['.', 'e', 'E']) || format!("{:.0}", self.value) == self.literal
    }
}

impl From<&Json> for serde_json::Value {
    /// Forgets the places. A whole number keeps its type as long as 64 bits hold it.
    fn from(json: &Json) -> Self {
        match &json.node {
            Node::Null => Self::Null,
            Node::Bool(value) => Self::Bool(*value),
            Node::Number(number) => number.into(),
            Node::Text(text) => Self::String(text.clone()),
            Node::List(values) => Self::Array(values.iter().map(Self::from).collect()),
            Node::Object(members) => {
                let member = |member: &Member| (member.key.value.clone(), Self::from(&member.value));
                Self::Object(members.iter().map(member).collect())
            }
        }
    }
}

impl From<&Number> for serde_json::Value {
    fn from(number: &Number) -> Self {
        // `-0` would lose its sign as an integer.
        let whole = (number.literal != "-0").then_some(number.literal.as_str());
        if let Some(value) = whole.and_then(|literal| literal.parse::<i64>().ok()) {
            value.into()
        } else if let Some(value) = whole.and_then(|literal| literal.parse::<u64>().ok()) {
            value.into()
        } else {
            number.value.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::SourceMap;

    #[test]
    fn lines_keep_their_places_in_the_file() {
        let mut map = SourceMap::new();
        let text = "{\"a\": 1}\r\n\n  [\"\u{e9}\"]\n2";
        let file = map.add("a.jsonl".to_owned(), text.to_owned());
        let mut diagnostics = Vec::new();
        let lines = parse_lines(file, text, &mut diagnostics).unwrap();
        let lines = lines.as_list().unwrap();
        let slices: Vec<_> = lines.iter().map(|line| map.slice(line.span)).collect();
        assert_eq!(slices, ["{\"a\": 1}", "[\"\u{e9}\"]", "2"]);
        assert_eq!(diagnostics, []);
    }

    #[test]
    fn every_broken_line_is_reported() {
        let mut map = SourceMap::new();
        let text = "{\"a\": 1\n{}\n{} {}\n";
        let file = map.add("a.jsonl".to_owned(), text.to_owned());
        let mut diagnostics = Vec::new();
        assert_eq!(parse_lines(file, text, &mut diagnostics), None);
        let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, [Code::InvalidJson, Code::TrailingText]);
        let places: Vec<_> = diagnostics
            .iter()
            .map(|diagnostic| map.position(diagnostic.span).line)
            .collect();
        assert!(places[0] <= 2 && places[1] == 3, "{places:?}");
    }

    #[test]
    fn a_whole_number_is_exact_if_a_double_equals_it() {
        let exact = |literal: &str| {
            Number {
                value: literal.parse().unwrap(),
                literal: literal.to_owned(),
            }
            .exact()
        };
        for literal in [
            "0",
            "-0",
            "-12",
            "9007199254740992",
            "18446744073709551616",
            "0.1",
            "1e3",
            "1E-7",
        ] {
            assert!(exact(literal), "{literal}");
        }
        for literal in ["9007199254740993", "-9007199254740993", "18446744073709551615"] {
            assert!(!exact(literal), "{literal}");
        }
    }
}
