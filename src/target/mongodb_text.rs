//! Regular expressions that mean the same to the server and to the engine.
//!
//! Nothing that engines of regular expressions disagree on is used: every character is written out, `(?![\s\S])` is the end of
//! the text (`$` would also be before a last line break), and letter case is put aside by naming the characters that are
//! one, since the `i` of a server folds otherwise than Unicode's lower case does.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::Unsayable;
use crate::vocab::limits::MONGODB_PATTERN_BYTES_MAX;

/// The end of the text.
pub(super) const END: &str = r"(?![\s\S])";

/// Where in a text something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// Anywhere.
    Inside,
    /// At its start.
    Start,
    /// At its end.
    End,
    /// It is the whole text.
    Whole,
}

impl Where {
    fn wrap(self, pattern: &str) -> String {
        let start = if matches!(self, Where::Start | Where::Whole) {
            "^"
        } else {
            ""
        };
        let end = if matches!(self, Where::End | Where::Whole) {
            END
        } else {
            ""
        };
        format!("{start}{pattern}{end}")
    }
}

/// Returns the expression of the texts in which a text stands.
///
/// # Errors
///
/// [`Unsayable`] if letter case is put aside and differs with the place in a word, or if the expression gets too long.
pub(super) fn pattern_of(text: &str, place: Where, folded: bool) -> Result<String, Unsayable> {
    let pattern = if folded {
        fold(&text.to_lowercase(), place)?
    } else {
        text.chars().map(escape).collect()
    };
    fit(place.wrap(&pattern))
}

/// Returns the expression of a pattern of SQL: `%` is any text, `_` any character, and A to Z are a to z.
///
/// # Errors
///
/// [`Unsayable`] if the expression gets too long.
pub(super) fn pattern_of_like(pattern: &str) -> Result<String, Unsayable> {
    let mut out = String::new();
    for each in pattern.chars() {
        match each {
            '%' => out.push_str(r"[\s\S]*"),
            '_' => out.push_str(r"[\s\S]"),
            _ if each.is_ascii_alphabetic() => {
                out.extend(['[', each.to_ascii_lowercase(), each.to_ascii_uppercase(), ']']);
            }
            _ => out.push_str(&escape(each)),
        }
    }
    fit(Where::Whole.wrap(&out))
}

/// Returns the expression that matches where a regular expression of a policy does.
///
/// # Errors
///
/// [`Unsayable`] if it looks for the borders of words, or if the expression gets too long.
pub(super) fn pattern_of_regex(pattern: &str) -> Result<String, Unsayable> {
    let hir = regex_syntax::parse(pattern)
        .map_err(|_| Unsayable(format!("the regular expression {pattern:?} cannot be read")))?;
    let mut out = String::new();
    write_hir(&mut out, &hir).map_err(|Border| {
        Unsayable(format!(
            "the regular expression {pattern:?} looks for the borders of words or lines, of which MongoDB has other ideas; \
             name the characters around the word"
        ))
    })?;
    fit(out)
}

fn fit(pattern: String) -> Result<String, Unsayable> {
    if pattern.len() > MONGODB_PATTERN_BYTES_MAX {
        return Err(Unsayable(format!(
            "a regular expression of more than {MONGODB_PATTERN_BYTES_MAX} bytes, as this would become, is too long for MongoDB"
        )));
    }
    Ok(pattern)
}

/// Writes a character so that it stands for itself.
fn escape(each: char) -> String {
    match each {
        '\\' | '^' | '$' | '.' | '|' | '?' | '*' | '+' | '(' | ')' | '[' | ']' | '{' | '}' => {
            format!("\\{each}")
        }
        '\0'..='\u{1f}' => format!("\\x{:02x}", u32::from(each)),
        _ => each.to_string(),
    }
}

/// The characters that become another one in lower case, by that one. Those that become several are left out: there is only
/// `İ`, which becomes `i` and a dot above.
static UPPER: LazyLock<BTreeMap<char, Vec<char>>> = LazyLock::new(|| {
    let mut upper: BTreeMap<char, Vec<char>> = BTreeMap::new();
    for each in '\0'..=char::MAX {
        let mut lower = each.to_lowercase();
        if let (Some(first), None) = (lower.next(), lower.next())
            && first != each
        {
            upper.entry(first).or_default().push(each);
        }
    }
    upper
});

const DOT_ABOVE: char = '\u{307}';

/// Returns the expression of the texts whose lower case is, or holds, this one.
fn fold(lower: &str, place: Where) -> Result<String, Unsayable> {
    let is_open_at_start = matches!(place, Where::Inside | Where::End);
    let is_open_at_end = matches!(place, Where::Inside | Where::Start);
    let mut out = String::new();
    let mut chars = lower.chars().peekable();
    let mut is_first = true;
    while let Some(each) = chars.next() {
        match (each, chars.peek()) {
            ('σ' | 'ς', _) => {
                return Err(Unsayable(
                    "letter case cannot be put aside of a sigma, whose lower case differs at the end of a word".to_owned(),
                ));
            }
            ('i', Some(&DOT_ABOVE)) => {
                chars.next();
                out.push_str("(?:[iI]\u{307}|İ)");
            }
            ('i', None) if is_open_at_end => out.push_str("[iIİ]"),
            (DOT_ABOVE, _) if is_first && is_open_at_start => out.push_str("(?:\u{307}|İ)"),
            _ => match UPPER.get(&each) {
                Some(upper) => {
                    let all: Vec<String> = std::iter::once(&each)
                        .chain(upper)
                        .map(|each| escape(*each))
                        .collect();
                    out.push_str(&format!("(?:{})", all.join("|")));
                }
                None => out.push_str(&escape(each)),
            },
        }
        is_first = false;
    }
    Ok(out)
}

/// A border that engines of regular expressions see differently.
struct Border;

fn write_hir(out: &mut String, hir: &Hir) -> Result<(), Border> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).map_err(|_| Border)?;
            out.extend(text.chars().map(escape));
        }
        HirKind::Class(class) => write_class(out, class),
        HirKind::Look(look) => {
            let looks = [
                (Look::Start, "^"),
                (Look::End, END),
                (Look::StartLF, r"(?<![^\n])"),
                (Look::EndLF, r"(?![^\n])"),
            ];
            let known = looks.into_iter().find(|(each, _)| each == look);
            out.push_str(known.ok_or(Border)?.1);
        }
        HirKind::Repetition(repetition) => {
            out.push_str("(?:");
            write_hir(out, &repetition.sub)?;
            out.push(')');
            out.push_str(&match (repetition.min, repetition.max) {
                (0, None) => "*".to_owned(),
                (1, None) => "+".to_owned(),
                (0, Some(1)) => "?".to_owned(),
                (min, None) => format!("{{{min},}}"),
                (min, Some(max)) => format!("{{{min},{max}}}"),
            });
        }
        HirKind::Capture(capture) => write_hir(out, &capture.sub)?,
        HirKind::Concat(parts) => {
            for part in parts {
                write_hir(out, part)?;
            }
        }
        HirKind::Alternation(ways) => {
            for (index, way) in ways.iter().enumerate() {
                out.push_str(if index == 0 { "(?:" } else { "|" });
                write_hir(out, way)?;
            }
            out.push(')');
        }
    }
    Ok(())
}

fn write_class(out: &mut String, class: &Class) {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => class
            .iter()
            .map(|range| (char::from(range.start()), char::from(range.end())))
            .collect(),
    };
    if ranges.is_empty() {
        out.push_str("(?!)");
        return;
    }
    out.push('[');
    for (start, end) in ranges {
        out.push_str(&escape_in_class(start));
        if start != end {
            out.push('-');
            out.push_str(&escape_in_class(end));
        }
    }
    out.push(']');
}

fn escape_in_class(each: char) -> String {
    match each {
        '-' => "\\-".to_owned(),
        _ => escape(each),
    }
}
