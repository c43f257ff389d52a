//! Regular expressions as JavaScript writes them, in the form in which they are compiled here.

use regex::RegexBuilder;

use crate::vocab::limits::{PATTERN_BYTES_MAX, PATTERN_LENGTH_MAX};

/// What becomes of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// It can be compiled.
    Fits(String),
    /// JavaScript does not take it either.
    Invalid(String),
    /// JavaScript takes it, and it cannot be compiled here: it looks around, refers back, or is too large.
    Unsupported(String),
}

/// Translates a pattern; slashes around it are put aside.
pub(super) fn read_pattern(written: &str) -> Pattern {
    let bare = written
        .strip_prefix('/')
        .and_then(|bare| bare.strip_suffix('/'))
        .unwrap_or(written);
    let length = bare.chars().count();
    if length > PATTERN_LENGTH_MAX {
        let message = format!("the pattern has {length} characters, the limit is {PATTERN_LENGTH_MAX}");
        return Pattern::Unsupported(message);
    }
    if looks_further(bare) {
        let message = "the pattern looks around, or refers back, which is not supported";
        return Pattern::Unsupported(message.to_owned());
    }
    let pattern = translate(bare);
    match RegexBuilder::new(&pattern).size_limit(PATTERN_BYTES_MAX).build() {
        Ok(_) => Pattern::Fits(pattern),
        Err(regex::Error::CompiledTooBig(_)) => {
            let message = format!("the pattern needs more than {PATTERN_BYTES_MAX} bytes when compiled");
            Pattern::Unsupported(message)
        }
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().next_back().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            Pattern::Invalid(format!("the pattern is no regular expression: {reason}"))
        }
    }
}

/// Tells whether a pattern asks what surrounds a place, or for what a group found.
fn looks_further(pattern: &str) -> bool {
    let mut chars = pattern.char_indices().peekable();
    let mut in_class = false;
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => {
                let next = chars.next().map(|(_, next)| next);
                if !in_class && next.is_some_and(|next| ('1'..='9').contains(&next) || next == 'k') {
                    return true;
                }
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => {
                let rest = pattern.get(at + 1..).unwrap_or_default();
                if ["?=", "?!", "?<=", "?<!"]
                    .iter()
                    .any(|look| rest.starts_with(look))
                {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Writes what means something else here as JavaScript means it: digits, letters and word boundaries are those of ASCII, a
/// bracket within a class is a character, and so are pairs that would join two classes.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(char) = chars.next() {
        match (char, in_class) {
            ('\\', _) => match chars.next() {
                Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('D') if !in_class => out.push_str("[^0-9]"),
                Some('w') => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                Some('W') if !in_class => out.push_str("[^0-9A-Za-z_]"),
                Some('b') if in_class => out.push_str("\\x08"),
                Some('b') => out.push_str("(?-u:\\b)"),
                Some('B') if !in_class => out.push_str("(?-u:\\B)"),
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => out.push('\\'),
            },
            ('[', false) => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            ('[', true) => out.push_str("\\["),
            (']', true) => {
                in_class = false;
                out.push(']');
            }
            ('&' | '~', true) => {
                out.push('\\');
                out.push(char);
            }
            (other, _) => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_javascript_means() {
        let fits = [
            ("^a.c$", "^a.c$"),
            ("/^a.c$/", "^a.c$"),
            ("\\d[\\w-]", "[0-9][0-9A-Za-z_-]"),
            ("[[a&&b]", "[\\[a\\&\\&b]"),
            ("a\\/b", "a\\/b"),
        ];
        for (written, expected) in fits {
            assert_eq!(
                read_pattern(written),
                Pattern::Fits(expected.to_owned()),
                "{written}"
            );
        }
        for written in ["a(?=b)", "(a)\\1", "(?<!x)y"] {
            assert!(
                matches!(read_pattern(written), Pattern::Unsupported(_)),
                "{written}"
            );
        }
        for written in ["[", "a(", "*"] {
            assert!(matches!(read_pattern(written), Pattern::Invalid(_)), "{written}");
        }
    }
}
