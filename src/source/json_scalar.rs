//! The parser's part for numbers and texts.

use crate::source::code::Code;
use crate::source::diagnostic::quote;
use crate::source::json::Number;

use super::json_parser::{Parser, Stop};

impl Parser<'_, '_> {
    pub(super) fn parse_number(&mut self) -> Result<Number, Stop> {
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
    pub(super) fn parse_text(&mut self) -> Result<String, Stop> {
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

    pub(super) fn parse_escape(&mut self) -> Result<char, Stop> {
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

    pub(super) fn parse_unicode_escape(&mut self, start: usize) -> Result<char, Stop> {
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

    pub(super) fn parse_hex(&mut self, start: usize) -> Result<u32, Stop> {
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
}
