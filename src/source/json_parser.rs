//! The parser behind [`json::parse`](crate::source::json::parse): one pass, exactly the grammar of RFC 8259.
//!
//! After a fault of the grammar there is no telling what the rest means, so the first one ends the document. A key that
//! comes twice is a fault of the author and none of the grammar: these are all reported.

use crate::source::code::Code;
use crate::source::diagnostic::Diagnostic;
use crate::source::file::to_u32;
use crate::source::json::{Json, Member, Node, Take};
use crate::source::span::{FileId, Span, Spanned};
use crate::vocab::limits::{FILE_BYTES_MAX, NESTING_DEPTH_MAX};

/// Says that a complaint has been made and the document cannot be read on.
pub(super) struct Stop;

/// Reads one document from front to back.
pub(in crate::source) struct Parser<'t, 'd> {
    pub(super) file: FileId,
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
    /// Where the lists and objects begin that are open at `at`.
    pub(super) open: Vec<usize>,
    pub(super) diagnostics: &'d mut Vec<Diagnostic>,
    pub(super) duplicates: usize,
    pub(super) broken: bool,
}

impl<'t, 'd> Parser<'t, 'd> {
    pub(in crate::source) fn new(file: FileId, text: &'t str, diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        let bytes = text.as_bytes();
        Self {
            file,
            text,
            bytes,
            at: 0,
            open: Vec::new(),
            diagnostics,
            duplicates: 0,
            broken: false,
        }
    }

    pub(in crate::source) fn parse_document(self) -> Option<Json> {
        self.parse_document_with(FILE_BYTES_MAX, |parser| parser.parse_value("a value"))
    }

    /// Parses a document of at most so many bytes, the value of which `parse` takes.
    pub(in crate::source) fn parse_document_with(
        mut self,
        bytes_max: usize,
        parse: impl FnOnce(&mut Self) -> Result<Json, Stop>,
    ) -> Option<Json> {
        if self.text.len() > bytes_max {
            let message = format!("the file has {} bytes, the limit is {bytes_max}", self.text.len());
            self.report(Code::FileTooLarge, 0, 0, message);
            return None;
        }
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
            let mark = self.complain(
                Code::ByteOrderMark,
                0,
                self.at,
                "the file begins with a byte order mark",
            );
            self.add(mark.help("save the file as UTF-8 without a byte order mark"));
        }
        let json = self.parse_root(parse).ok()?;
        (!self.broken).then_some(json)
    }

    /// Parses the document that lies between two places of the text, each between two characters.
    pub(in crate::source) fn parse_part(mut self, start: usize, end: usize) -> Option<Json> {
        self.text = self.text.get(..end).unwrap_or(self.text);
        self.bytes = self.text.as_bytes();
        self.at = start;
        let json = self.parse_root(|parser| parser.parse_value("a value")).ok()?;
        (!self.broken).then_some(json)
    }

    fn parse_root(&mut self, parse: impl FnOnce(&mut Self) -> Result<Json, Stop>) -> Result<Json, Stop> {
        self.skip_space();
        if self.at == self.bytes.len() {
            return Err(self.report(Code::InvalidJson, self.at, self.at, "the file is empty"));
        }
        let json = parse(self)?;
        self.parse_end()?;
        Ok(json)
    }

    /// Takes the end of a document, which is here; nothing but blanks may follow.
    fn parse_end(&mut self) -> Result<(), Stop> {
        let document_end = self.span(self.at, self.at);
        self.skip_space();
        if self.at == self.bytes.len() {
            return Ok(());
        }
        if let Some(stop) = self.refuse_comment() {
            return Err(stop);
        }
        let end = self.line_end(self.at);
        let rest = self.complain(
            Code::TrailingText,
            self.at,
            end,
            "text follows the end of the document",
        );
        Err(self.add(rest.label(document_end, "the document ends here")))
    }

    fn parse_value(&mut self, expected: &str) -> Result<Json, Stop> {
        let start = self.at;
        let node = match self.peek() {
            Some(b'{') => self.parse_nested(Self::parse_object)?,
            Some(b'[') => self.parse_nested(Self::parse_list)?,
            Some(b'"') => Node::Text(self.parse_text()?),
            Some(b'-' | b'0'..=b'9') => Node::Number(self.parse_number()?),
            _ => match self.word(self.at) {
                "null" => self.take_word("null", Node::Null),
                "true" => self.take_word("true", Node::Bool(true)),
                "false" => self.take_word("false", Node::Bool(false)),
                _ => return Err(self.refuse(expected)),
            },
        };
        Ok(Json {
            span: self.span(start, self.at),
            node,
        })
    }

    /// Parses a value; if it is an object, the list under one of its keys is handed over entry by entry, and left empty.
    pub(super) fn parse_entries(&mut self, key: &str, take: &mut Take<'_>) -> Result<Json, Stop> {
        if self.peek() != Some(b'{') {
            return self.parse_value("a value");
        }
        let start = self.at;
        self.open.push(start);
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        let mut is_closed = self.take(b'}');
        while !is_closed {
            let found = self.parse_key()?;
            let value = if found.value == key && self.peek() == Some(b'[') {
                self.hand_over(take)?
            } else {
                self.parse_value("a value")?
            };
            members.push(Member { key: found, value });
            is_closed = self.parse_separator(b'}')?;
        }
        self.refuse_duplicates(&members);
        self.open.pop();
        Ok(Json {
            span: self.span(start, self.at),
            node: Node::Object(members),
        })
    }

    /// Takes a list, and hands over its values one by one.
    fn hand_over(&mut self, take: &mut Take<'_>) -> Result<Json, Stop> {
        let start = self.at;
        self.open.push(start);
        self.at += 1;
        self.skip_space();
        let mut is_closed = self.take(b']');
        while !is_closed {
            let value = self.parse_value("a value")?;
            take(value, self.diagnostics);
            is_closed = self.parse_separator(b']')?;
        }
        self.open.pop();
        Ok(Json {
            span: self.span(start, self.at),
            node: Node::List(Vec::new()),
        })
    }

    /// Takes a piece of an object with one list, and hands over the entries in it; see [`crate::source::json::parse_stretch`].
    pub(super) fn parse_stretch(
        &mut self,
        key: &str,
        begins: bool,
        ends: bool,
        take: &mut Take<'_>,
    ) -> Result<(), Stop> {
        self.skip_space();
        if begins {
            self.open.push(self.at);
            if !self.take(b'{') {
                return Err(self.refuse("an object"));
            }
            self.skip_space();
            let found = self.parse_key()?;
            self.open.push(self.at);
            if found.value != key || !self.take(b'[') {
                return Err(self.refuse("the list"));
            }
            self.skip_space();
        }
        loop {
            let value = self.parse_value("a value")?;
            take(value, self.diagnostics);
            if self.parse_separator(b']')? {
                break;
            }
            if !ends && self.at == self.bytes.len() {
                return Ok(());
            }
        }
        self.open.pop();
        let end = self.at;
        let mut other = None;
        while !self.parse_separator(b'}')? {
            let member = self.parse_member()?;
            other.get_or_insert(member.key.span);
        }
        self.open.pop();
        self.parse_end()?;
        if let Some(Span { start, end, .. }) = other {
            let message = "this key means nothing behind the list";
            return Err(self.report(Code::UnknownKey, start as usize, end as usize, message));
        }
        if !ends {
            let message = "the list ends here, and more of the file follows";
            return Err(self.report(Code::TrailingText, end - 1, end, message));
        }
        Ok(())
    }

    /// Steps into a list or an object. INVARIANT: this alone recurses, and the limit keeps the stack small.
    fn parse_nested(&mut self, parse: fn(&mut Self) -> Result<Node, Stop>) -> Result<Node, Stop> {
        if self.open.len() >= NESTING_DEPTH_MAX {
            let message = format!("lists and objects lie in each other more than {NESTING_DEPTH_MAX} deep");
            return Err(self.report(Code::NestedTooDeep, self.at, self.at + 1, message));
        }
        self.open.push(self.at);
        self.at += 1;
        let node = parse(self)?;
        self.open.pop();
        Ok(node)
    }

    fn parse_list(&mut self) -> Result<Node, Stop> {
        let mut values = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Node::List(values));
        }
        loop {
            values.push(self.parse_value("a value")?);
            if self.parse_separator(b']')? {
                return Ok(Node::List(values));
            }
        }
    }

    fn parse_object(&mut self) -> Result<Node, Stop> {
        let mut members = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            members.push(self.parse_member()?);
            if self.parse_separator(b'}')? {
                self.refuse_duplicates(&members);
                return Ok(Node::Object(members));
            }
        }
    }

    fn parse_member(&mut self) -> Result<Member, Stop> {
        let key = self.parse_key()?;
        let value = self.parse_value("a value")?;
        Ok(Member { key, value })
    }

    /// Takes a key and what stands between it and its value.
    fn parse_key(&mut self) -> Result<Spanned<String>, Stop> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            let word = self.word(start);
            if word.is_empty() {
                return Err(self.refuse("a key"));
            }
            let end = start + word.len();
            return Err(self.report(Code::InvalidJson, start, end, "a key must be in double quotes"));
        }
        let text = self.parse_text()?;
        let key = Spanned::new(text, self.span(start, self.at));
        self.skip_space();
        if !self.take(b':') {
            return Err(self.refuse("`:` after the key"));
        }
        self.skip_space();
        Ok(key)
    }

    /// Takes what follows a value in a list or object; tells whether that was its end.
    fn parse_separator(&mut self, close: u8) -> Result<bool, Stop> {
        let end = self.at;
        self.skip_space();
        if self.take(close) {
            return Ok(true);
        }
        let comma = self.at;
        if !self.take(b',') {
            let closing = char::from(close);
            return Err(match self.peek() {
                Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9') => self.report(
                    Code::InvalidJson,
                    end,
                    end,
                    format!("expected `,` or `{closing}` here"),
                ),
                _ => self.refuse(&format!("`,` or `{closing}`")),
            });
        }
        self.skip_space();
        if self.peek() == Some(close) {
            return Err(self.report(
                Code::InvalidJson,
                comma,
                comma + 1,
                "a comma after the last value is not allowed",
            ));
        }
        Ok(false)
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, to_u32(start), to_u32(end))
    }

    /// INVARIANT: callers pass offsets between characters, as they stop at ASCII bytes alone.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or("")
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn take_digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn take_word(&mut self, word: &str, node: Node) -> Node {
        self.at += word.len();
        node
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Returns the letters, digits, `_` and `$` from here on, of any script, unless they begin with a digit.
    pub(super) fn word(&self, start: usize) -> &'t str {
        let rest = self.text.get(start..).unwrap_or("");
        let part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
        let end = rest.find(|character| !part(character)).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or("");
        if word.starts_with(|character: char| character.is_ascii_digit()) {
            ""
        } else {
            word
        }
    }

    pub(super) fn character_end(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or("");
        start + rest.chars().next().map_or(0, char::len_utf8)
    }

    /// Returns where the line of `start` ends, blanks before its end left out.
    pub(super) fn line_end(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or("");
        start + rest.lines().next().map_or(0, |line| line.trim_end().len())
    }
}
