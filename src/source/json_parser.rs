//! The parser behind [`json::parse`](crate::source::json::parse): one pass, exactly the grammar of RFC 8259.
//!
//! After a fault of the grammar there is no telling what the rest means, so the first one ends the document. A key that
//! comes twice is a fault of the author and none of the grammar: these are all reported.

use std::collections::HashMap;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::file::to_u32;
use crate::source::json::{Json, Member, Node, Number};
use crate::source::span::{FileId, Span, Spanned};
use crate::vocab::limits::{DUPLICATE_KEYS_REPORTED_MAX, FILE_BYTES_MAX, NESTING_DEPTH_MAX};

/// Up to this many members, comparing all pairs of keys is faster than hashing them.
const FEW_MEMBERS: usize = 16;

/// Says that a complaint has been made and the document cannot be read on.
struct Stop;

/// Reads one document from front to back.
pub(in crate::source) struct Parser<'t, 'd> {
    file: FileId,
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// Where the lists and objects begin that are open at `at`.
    open: Vec<usize>,
    diagnostics: &'d mut Vec<Diagnostic>,
    duplicates: usize,
    broken: bool,
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

    pub(in crate::source) fn parse_document(mut self) -> Option<Json> {
        if self.text.len() > FILE_BYTES_MAX {
            let message = format!(
                "the file has {} bytes, the limit is {FILE_BYTES_MAX}",
                self.text.len()
            );
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
        let json = self.parse_root().ok()?;
        (!self.broken).then_some(json)
    }

    /// Parses the document that lies between two places of the text, each between two characters.
    pub(in crate::source) fn parse_part(mut self, start: usize, end: usize) -> Option<Json> {
        self.text = self.text.get(..end).unwrap_or(self.text);
        self.bytes = self.text.as_bytes();
        self.at = start;
        let json = self.parse_root().ok()?;
        (!self.broken).then_some(json)
    }

    fn parse_root(&mut self) -> Result<Json, Stop> {
        self.skip_space();
        if self.at == self.bytes.len() {
            return Err(self.report(Code::InvalidJson, self.at, self.at, "the file is empty"));
        }
        let json = self.parse_value("a value")?;
        self.skip_space();
        if self.at == self.bytes.len() {
            return Ok(json);
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
        Err(self.add(rest.label(json.span.at_end(), "the document ends here")))
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
        let value = self.parse_value("a value")?;
        Ok(Member { key, value })
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

    fn parse_number(&mut self) -> Result<Number, Stop> {
        let start = self.at;
        self.take(b'-');
        let digits = self.at;
        let leading_zero = self.peek() == Some(b'0');
        let hexadecimal = leading_zero && matches!(self.bytes.get(self.at + 1), Some(b'x' | b'X'));
        if self.take_digits() == 0 {
            return Err(self.refuse_number(start, "expected a digit after `-`"));
        }
        if hexadecimal {
            return Err(self.refuse_number(start, "hexadecimal numbers are not allowed"));
        }
        if leading_zero && self.at > digits + 1 {
            return Err(self.refuse_number(start, "a number must not begin with a needless `0`"));
        }
        if self.take(b'.') && self.take_digits() == 0 {
            return Err(self.refuse_number(start, "expected a digit after the decimal point"));
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            if self.take_digits() == 0 {
                return Err(self.refuse_number(start, "expected a digit in the exponent"));
            }
        }
        let literal = self.slice(start, self.at);
        match literal.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Number {
                value,
                literal: literal.to_owned(),
            }),
            Ok(_) | Err(_) => {
                let message = format!("the number {} is too large", quote(literal));
                Err(self.report(Code::InvalidJson, start, self.at, message))
            }
        }
    }

    /// Takes text in double quotes, escapes resolved.
    fn parse_text(&mut self) -> Result<String, Stop> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let piece = self.at;
            while self
                .peek()
                .is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= b' ')
            {
                self.at += 1;
            }
            // Borrow until here: most text has no escapes and is copied once, at its exact size.
            text.push_str(self.slice(piece, self.at));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.parse_escape()?),
                None | Some(b'\n' | b'\r') => {
                    let message = "the text is not closed on its line";
                    return Err(self.report(Code::InvalidJson, start, self.at, message));
                }
                Some(byte) => {
                    let message = format!("a control character in text must be written as `\\u{byte:04x}`");
                    return Err(self.report(Code::ControlCharacter, self.at, self.at + 1, message));
                }
            }
        }
    }

    fn parse_escape(&mut self) -> Result<char, Stop> {
        let start = self.at;
        self.at += 1;
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.parse_unicode_escape(start),
            None => {
                let message = "the text is not closed on its line";
                return Err(self.report(Code::InvalidJson, start, self.at, message));
            }
            Some(_) => {
                let end = self.character_end(self.at);
                let message = format!("unknown escape {}", quote(self.slice(start, end)));
                return Err(self.report(Code::InvalidJson, start, end, message));
            }
        };
        self.at += 1;
        Ok(character)
    }

    fn parse_unicode_escape(&mut self, start: usize) -> Result<char, Stop> {
        self.at += 1;
        let first = self.parse_hex(start)?;
        let mut code = first;
        if (0xD800..0xDC00).contains(&first) && self.bytes.get(self.at..self.at + 2) == Some(b"\\u") {
            let second_start = self.at;
            self.at += 2;
            let second = self.parse_hex(second_start)?;
            if (0xDC00..0xE000).contains(&second) {
                code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            }
        }
        // A lone half of a pair is the only code of four digits that is no character.
        char::from_u32(code).ok_or_else(|| {
            let end = start + 6;
            let message = format!("the escape {} is half of a pair", quote(self.slice(start, end)));
            let half = self.complain(Code::InvalidJson, start, end, message);
            self.add(half.help("characters beyond U+FFFF are written as two escapes, or as they are"))
        })
    }

    fn parse_hex(&mut self, start: usize) -> Result<u32, Stop> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                let message = "expected four hexadecimal digits after `\\u`";
                return Err(self.report(Code::InvalidJson, start, self.at, message));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn refuse_duplicates(&mut self, members: &[Member]) {
        if members.len() <= FEW_MEMBERS {
            for (index, member) in members.iter().enumerate() {
                let mut earlier = members.iter().take(index);
                if let Some(first) = earlier.find(|earlier| earlier.key.value == member.key.value) {
                    self.refuse_duplicate(first.key.span, &member.key);
                }
            }
            return;
        }
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(members.len());
        for member in members {
            let first = *seen.entry(&member.key.value).or_insert(member.key.span);
            if first != member.key.span {
                self.refuse_duplicate(first, &member.key);
            }
        }
    }

    fn refuse_duplicate(&mut self, first: Span, key: &Spanned<String>) {
        self.broken = true;
        self.duplicates += 1;
        if self.duplicates <= DUPLICATE_KEYS_REPORTED_MAX {
            let message = format!("the key {} comes twice", quote(&key.value));
            let twice = Diagnostic::new(Code::DuplicateKey, key.span, message);
            self.diagnostics.push(twice.label(first, "it comes first here"));
        }
    }

    /// Complains about whatever stands here instead of what was expected.
    fn refuse(&mut self, expected: &str) -> Stop {
        if let Some(stop) = self.refuse_comment() {
            return stop;
        }
        let start = self.at;
        let word = self.word(start);
        match self.peek() {
            None => self.refuse_end(),
            Some(b'\'') => {
                let line = self.line_end(start);
                let closing = self.slice(start + 1, line).find('\'');
                let end = closing.map_or(line, |offset| start + offset + 2);
                self.report(Code::InvalidJson, start, end, "text must be in double quotes")
            }
            Some(b'+') => self.refuse_number(start, "a number must not begin with `+`"),
            Some(b'.') => self.refuse_number(start, "a number must not begin with its decimal point"),
            Some(_) if word.is_empty() => {
                let end = self.character_end(start);
                let character = self.slice(start, end);
                let mut message = format!("expected {expected}, found {}", quote(character));
                if let Some(unusual) = character
                    .chars()
                    .next()
                    .filter(|character| !character.is_ascii_graphic())
                {
                    // Many of these look like nothing or like something else: tell their number.
                    message.push_str(&format!(" (U+{:04X})", u32::from(unusual)));
                }
                self.report(Code::InvalidJson, start, end, message)
            }
            Some(_) => {
                let message = format!("expected {expected}, found {}", quote(word));
                let mut found = self.complain(Code::InvalidJson, start, start + word.len(), message);
                let lower = word.to_ascii_lowercase();
                if let Some(known) = ["true", "false", "null"]
                    .into_iter()
                    .find(|known| *known == lower)
                {
                    found = found.help(format!("did you mean `{known}`?"));
                }
                self.add(found)
            }
        }
    }

    /// Complains that the text ends, behind the last thing that it says, and shows what is still open.
    fn refuse_end(&mut self) -> Stop {
        let end = self.text.trim_end_matches([' ', '\t', '\n', '\r']).len();
        let Some(&open) = self.open.last() else {
            return self.report(Code::InvalidJson, end, end, "the file ends too early");
        };
        let kind = if self.bytes.get(open) == Some(&b'{') {
            "object"
        } else {
            "list"
        };
        let message = format!("the file ends before the {kind} is closed");
        let unclosed = self.complain(Code::InvalidJson, end, end, message);
        let label = self.span(open, open + 1);
        self.add(unclosed.label(label, format!("the {kind} begins here")))
    }

    fn refuse_comment(&mut self) -> Option<Stop> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let end = if rest.starts_with(b"//") || rest.starts_with(b"#") {
            self.line_end(start)
        } else if rest.starts_with(b"/*") {
            start + 2
        } else {
            return None;
        };
        Some(self.report(Code::InvalidJson, start, end, "comments are not allowed in JSON"))
    }

    /// Complains about a number, up to where anything that looks like one ends.
    fn refuse_number(&mut self, start: usize, message: &str) -> Stop {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
        let length = self
            .bytes
            .iter()
            .skip(start)
            .take_while(|byte| part(byte))
            .count();
        self.report(Code::InvalidJson, start, start + length, message)
    }

    fn complain(&self, code: Code, start: usize, end: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, self.span(start, end), message)
    }

    fn add(&mut self, diagnostic: Diagnostic) -> Stop {
        self.broken = true;
        self.diagnostics.push(diagnostic);
        Stop
    }

    fn report(&mut self, code: Code, start: usize, end: usize, message: impl Into<String>) -> Stop {
        let diagnostic = self.complain(code, start, end, message);
        self.add(diagnostic)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, to_u32(start), to_u32(end))
    }

    /// INVARIANT: callers pass offsets between characters, as they stop at ASCII bytes alone.
    fn slice(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn take_digits(&mut self) -> usize {
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
    fn word(&self, start: usize) -> &'t str {
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

    fn character_end(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or("");
        start + rest.chars().next().map_or(0, char::len_utf8)
    }

    /// Returns where the line of `start` ends, blanks before its end left out.
    fn line_end(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or("");
        start + rest.lines().next().map_or(0, |line| line.trim_end().len())
    }
}
