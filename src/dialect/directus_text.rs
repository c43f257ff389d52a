//! Text patterns of item rules: `LIKE`, as the databases of Directus understand it.

use crate::policy::condition::{Condition, Operand, Variable};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity};
use crate::vocab::limits::PATTERN_LENGTH_MAX;
use crate::vocab::operator::{FieldType, Operator};

use super::Mode;
use super::directus_item::TextCase;
use super::directus_schema::Class;
use super::directus_test::Comparison;
use super::directus_value::{Arg, js_text, text};

/// Where in a text a part must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Anywhere,
    Start,
    End,
}

/// An operator on text, taken apart.
#[derive(Clone, Copy, Debug)]
struct Shape {
    place: Where,
    /// It asks for the absence.
    negative: bool,
    /// It is one of those that put letter case aside.
    folds: bool,
}

impl Comparison<'_, '_> {
    /// Lowers an operator on text.
    pub(super) fn lower_text(&mut self, arg: &Arg) -> Condition {
        let shape = shape(self.operator);
        let look = self.look.clone();
        if matches!(self.class, Class::Typed(FieldType::Timestamp) | Class::Other) {
            // The database keeps moments in a form of its own, and no text is in there that anybody would write.
            return if shape.negative {
                look.flag(Operator::Nnull)
            } else {
                look.never()
            };
        }
        let Some(part) = js_text(arg) else {
            return self.lower_fact(arg, shape);
        };
        self.lower_part(&part, shape)
    }

    /// Lowers an operator on text with a constant.
    fn lower_part(&mut self, part: &str, shape: Shape) -> Condition {
        let escapes = self.context.case != TextCase::AsciiLike;
        let (bare, has_wildcard) = take_apart(part, escapes);
        if has_wildcard {
            let message =
                "`%` and `_` stand for any text and any character, since Directus does not escape them";
            let severity = Severity::Warning;
            self.diagnostics
                .push(Diagnostic::new(Code::FailsOpen, self.look.span, message).severity(severity));
        }
        let is_literal = has_wildcard && self.context.mode == Mode::Strict;
        let folds = shape.folds || self.context.case != TextCase::Sensitive;
        if is_literal {
            return self.plain(text(bare), shape, folds);
        }
        if self.context.case == TextCase::AsciiLike {
            let part = if shape.folds {
                part.to_lowercase()
            } else {
                part.to_owned()
            };
            let operator = if shape.negative {
                Operator::Nlike
            } else {
                Operator::Like
            };
            return self.look.leaf(operator, text(wrap(&part, shape.place)));
        }
        if !has_wildcard {
            return self.plain(text(bare), shape, folds);
        }
        let pattern = regex_of(&wrap(part, shape.place), folds);
        if pattern.chars().count() > PATTERN_LENGTH_MAX {
            return self.plain(text(part), shape, folds);
        }
        let matches = self.look.leaf(Operator::Regex, text(pattern));
        if shape.negative {
            let look = &self.look;
            return look.all(vec![look.flag(Operator::Nnull), look.not(matches)]);
        }
        matches
    }

    /// Lowers an operator on text with a fact: what it holds is taken as it is, and null is the text `null`.
    fn lower_fact(&mut self, arg: &Arg, shape: Shape) -> Condition {
        let look = self.look.clone();
        let folds = shape.folds || self.context.case != TextCase::Sensitive;
        let variable = match arg {
            Arg::Fact(variable) => variable.clone(),
            Arg::Now(step) => Variable::Now(*step),
            // A list becomes text with commas, which nobody means.
            Arg::Null
            | Arg::Bool(_)
            | Arg::Number(_)
            | Arg::Text(_)
            | Arg::Facts(_)
            | Arg::List(_)
            | Arg::Object(_) => {
                return if shape.negative {
                    look.flag(Operator::Nnull)
                } else {
                    look.never()
                };
            }
        };
        let plain = self.plain(Operand::Variable(variable.clone()), shape, folds);
        if self.context.mode == Mode::Strict || matches!(arg, Arg::Now(_)) {
            return plain;
        }
        let of_null = self.lower_part("null", shape);
        look.any(vec![plain, look.all(vec![look.is_null(&variable), of_null])])
    }

    /// Asks for the part itself.
    fn plain(&self, part: Operand, shape: Shape, folds: bool) -> Condition {
        use Operator as O;
        let operator = match (shape.place, shape.negative, folds) {
            (Where::Anywhere, false, false) => O::Contains,
            (Where::Anywhere, true, false) => O::Ncontains,
            (Where::Anywhere, false, true) => O::Icontains,
            (Where::Anywhere, true, true) => O::Nicontains,
            (Where::Start, false, false) => O::StartsWith,
            (Where::Start, true, false) => O::NstartsWith,
            (Where::Start, false, true) => O::IstartsWith,
            (Where::Start, true, true) => O::NistartsWith,
            (Where::End, false, false) => O::EndsWith,
            (Where::End, true, false) => O::NendsWith,
            (Where::End, false, true) => O::IendsWith,
            (Where::End, true, true) => O::NiendsWith,
        };
        self.look.leaf(operator, part)
    }
}

fn shape(operator: Operator) -> Shape {
    use Operator as O;
    let place = if matches!(
        operator,
        O::StartsWith | O::NstartsWith | O::IstartsWith | O::NistartsWith
    ) {
        Where::Start
    } else if matches!(
        operator,
        O::EndsWith | O::NendsWith | O::IendsWith | O::NiendsWith
    ) {
        Where::End
    } else {
        Where::Anywhere
    };
    Shape {
        place,
        negative: operator.is_negative(),
        folds: matches!(
            operator,
            O::Icontains | O::Nicontains | O::IstartsWith | O::NistartsWith | O::IendsWith | O::NiendsWith
        ),
    }
}

/// Returns a part of a pattern without what escapes, and tells whether a wildcard is left in it.
fn take_apart(part: &str, escapes: bool) -> (String, bool) {
    let mut bare = String::with_capacity(part.len());
    let mut has_wildcard = false;
    let mut chars = part.chars();
    while let Some(char) = chars.next() {
        if char == '\\' && escapes {
            bare.push(chars.next().unwrap_or('\\'));
        } else {
            has_wildcard |= matches!(char, '%' | '_');
            bare.push(char);
        }
    }
    (bare, has_wildcard)
}

fn wrap(part: &str, place: Where) -> String {
    match place {
        Where::Anywhere => format!("%{part}%"),
        Where::Start => format!("{part}%"),
        Where::End => format!("%{part}"),
    }
}

/// Writes a pattern of SQL, in which a backslash escapes, as a regular expression.
fn regex_of(pattern: &str, folds: bool) -> String {
    let mut out = String::from(if folds { "(?is)^" } else { "(?s)^" });
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '\\' => out.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push('$');
    out
}
