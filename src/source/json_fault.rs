//! The parser's part for what is wrong with a document: what stands where something else belongs, and keys that come twice.

use std::collections::HashMap;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::Member;
use crate::source::span::{Span, Spanned};
use crate::vocab::limits::DUPLICATE_KEYS_REPORTED_MAX;

use super::json_parser::{Parser, Stop};

/// Up to this many members, comparing all pairs of keys is faster than hashing them.
const FEW_MEMBERS: usize = 16;

impl Parser<'_, '_> {
    pub(super) fn refuse_duplicates(&mut self, members: &[Member]) {
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

    pub(super) fn refuse_duplicate(&mut self, first: Span, key: &Spanned<String>) {
        self.broken = true;
        self.duplicates += 1;
        if self.duplicates <= DUPLICATE_KEYS_REPORTED_MAX {
            let message = format!("the key {} comes twice", quote(&key.value));
            let twice = Diagnostic::new(Code::DuplicateKey, key.span, message);
            self.diagnostics.push(twice.label(first, "it comes first here"));
        }
    }

    /// Complains about whatever stands here instead of what was expected.
    pub(super) fn refuse(&mut self, expected: &str) -> Stop {
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
    pub(super) fn refuse_end(&mut self) -> Stop {
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

    pub(super) fn refuse_comment(&mut self) -> Option<Stop> {
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
    pub(super) fn refuse_number(&mut self, start: usize, message: &str) -> Stop {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
        let length = self
            .bytes
            .iter()
            .skip(start)
            .take_while(|byte| part(byte))
            .count();
        self.report(Code::InvalidJson, start, start + length, message)
    }

    pub(super) fn complain(
        &self,
        code: Code,
        start: usize,
        end: usize,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(code, self.span(start, end), message)
    }

    pub(super) fn add(&mut self, diagnostic: Diagnostic) -> Stop {
        self.broken = true;
        self.diagnostics.push(diagnostic);
        Stop
    }

    pub(super) fn report(
        &mut self,
        code: Code,
        start: usize,
        end: usize,
        message: impl Into<String>,
    ) -> Stop {
        let diagnostic = self.complain(code, start, end, message);
        self.add(diagnostic)
    }
}
