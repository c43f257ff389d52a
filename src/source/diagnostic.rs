//! Complaints about a profile: for the person who writes it, collected, and never only the first.

use std::cmp::Ordering;

use crate::source::code::Code;
use crate::source::file::SourceMap;
use crate::source::span::Span;
use crate::vocab::limits::{QUOTED_CHARS_MAX, SUGGESTION_CHARS_MAX};

/// Says whether a profile can be used in spite of a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The profile is used, and probably does not do what its author believes.
    Warning,
    /// The profile is not used.
    Error,
}

impl Severity {
    /// Returns the word for people and machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Points at a second place that the complaint is about, such as the first of two equal keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// Marks the place.
    pub span: Span,
    /// Says what is there.
    pub message: String,
}

/// Says what is wrong with a profile, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Names the kind of complaint.
    pub code: Code,
    /// Says whether the profile can still be used.
    pub severity: Severity,
    /// Says what is wrong: lower case, no full stop, user input through [`quote`].
    pub message: String,
    /// Marks what the message is about.
    pub span: Span,
    /// Point at the other places that matter.
    pub labels: Vec<Label>,
    /// Says what to do about it, if that is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Makes a complaint of the severity that its code has.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            span,
            labels: Vec::new(),
            help: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            message: message.into(),
        });
        self
    }

    /// Replaces the severity that the code has.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// Orders complaints by file path, line, column, code and message, and removes exact duplicates.
pub fn sort(diagnostics: &mut Vec<Diagnostic>, map: &SourceMap) {
    diagnostics.sort_by(|a, b| compare(a, b, map));
    diagnostics.dedup();
}

fn compare(a: &Diagnostic, b: &Diagnostic, map: &SourceMap) -> Ordering {
    // Within one piece of a file offsets order like lines and columns. All remaining parts take part as well, so that equal
    // complaints always end up side by side.
    let key = |d: &Diagnostic| (map.lines_before(d.span.file), d.span.start, d.code.name());
    let rest = |d: &Diagnostic| (d.span, d.severity);
    map.path(a.span.file)
        .cmp(map.path(b.span.file))
        .then_with(|| key(a).cmp(&key(b)))
        .then_with(|| a.message.cmp(&b.message))
        .then_with(|| rest(a).cmp(&rest(b)))
        .then_with(|| a.help.cmp(&b.help))
        .then_with(|| a.labels.cmp(&b.labels))
}

/// Returns user input as messages show it: in backticks, cut if long, and escaped where a character would act on a
/// terminal or a log instead of being seen.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for (count, character) in text.chars().enumerate() {
        if count == QUOTED_CHARS_MAX {
            quoted.push('…');
            break;
        }
        let reorders =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || reorders {
            quoted.extend(character.escape_unicode());
        } else {
            quoted.push(character);
        }
    }
    quoted.push('`');
    quoted
}

/// Returns the known name that was probably meant, if one is near enough.
///
/// That is one that is equal but for case, else the nearest one of those that differ in at most a third of the longer
/// name's characters, where a swap of neighbours counts once. Of equally near ones the first in the order of the
/// alphabet is taken, so that the answer does not depend on the order of a table.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length == 0 || length > SUGGESTION_CHARS_MAX {
        return None;
    }
    let lower = name.to_lowercase();
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in known {
        let candidate_length = candidate.chars().count();
        let allowed = length.max(candidate_length) / 3;
        if candidate == name || candidate_length > SUGGESTION_CHARS_MAX {
            continue;
        }
        let distance = if candidate.to_lowercase() == lower {
            0
        } else if length.abs_diff(candidate_length) <= allowed {
            strsim::osa_distance(name, candidate)
        } else {
            continue;
        };
        let near = (distance, candidate);
        if distance <= allowed.max(usize::from(distance == 0)) && best.is_none_or(|best| near < best) {
            best = Some(near);
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::span::FileId;

    #[test]
    fn suggestions_are_near_names_only() {
        let known = [
            "editor",
            "author",
            "Site Administrator",
            "read",
            "en",
            "publisher",
            "publishes",
        ];
        let cases = [
            ("edtior", Some("editor")),
            ("EDITOR", Some("editor")),
            ("raed", Some("read")),
            ("site administrator", Some("Site Administrator")),
            ("publishe", Some("publisher")),
            ("EN", Some("en")),
            ("de", None),
            ("editor", None),
            ("reviewer", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(did_you_mean(name, known), expected, "{name}");
            assert_eq!(
                did_you_mean(name, known.into_iter().rev()),
                expected,
                "{name}, other order"
            );
        }
        assert_eq!(did_you_mean(&"a".repeat(65), ["a".repeat(64).as_str()]), None);
    }

    #[test]
    fn sorting_goes_by_path_then_place_and_drops_duplicates() {
        let mut map = SourceMap::new();
        let late = map.add("b.json".to_owned(), "x\ny".to_owned());
        let early = map.add("a.json".to_owned(), "x\ny".to_owned());
        let at = |file: FileId, start, message: &str| {
            Diagnostic::new(Code::UnknownRole, Span::new(file, start, start + 1), message)
        };
        let mut diagnostics = vec![
            at(late, 0, "z"),
            at(late, 2, "b"),
            at(early, 2, "c"),
            at(late, 2, "a"),
            at(late, 0, "z"),
        ];
        sort(&mut diagnostics, &map);
        let messages: Vec<_> = diagnostics.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(messages, ["c", "z", "a", "b"]);
    }

    #[test]
    fn quoting_escapes_and_cuts() {
        assert_eq!(quote("a\u{1b}[31m"), "`a\\u{1b}[31m`");
        assert_eq!(quote("user\u{202e}nimda"), "`user\\u{202e}nimda`");
        assert_eq!(quote(&"é".repeat(100)).chars().count(), QUOTED_CHARS_MAX + 3);
    }
}
