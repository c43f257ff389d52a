//! The right side of a condition: what an operator wants, and nothing that it would silently never match.

use regex::RegexBuilder;

use crate::policy::condition::{Operand, OwnerPart, Variable};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Node};
use crate::source::span::Span;
use crate::vocab::geometry::count_positions;
use crate::vocab::limits::{GEOMETRY_POSITIONS_MAX, PATTERN_BYTES_MAX, PATTERN_LENGTH_MAX};
use crate::vocab::operator::{Operand as Wanted, Operator};
use crate::vocab::value::Value;

use super::reader;
use super::value;
use super::variable::{is_variable, read_text_operand, read_variable};

/// Reads what an operator is compared with, in the shape that the operator wants; flags have no operand to read.
pub(super) fn read_operand(
    operator: Operator,
    value: &Json,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Operand> {
    match operator.operand() {
        Wanted::Scalar => read_scalar(operator, value, diagnostics),
        Wanted::Ordered => read_ordered(operator, value, diagnostics),
        Wanted::Text => match &value.node {
            Node::Text(text) => read_text_operand(text, value.span, diagnostics),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Object(_) => {
                wrong_operand(operator.name(), "text or a variable", value, diagnostics)
            }
        },
        Wanted::List => read_operands(operator, value, diagnostics),
        Wanted::Pair => match value.as_list() {
            Some(values @ [_, _]) => {
                let read = |value| read_ordered(operator, value, diagnostics);
                let pair: Vec<_> = values.iter().filter_map(read).collect();
                (pair.len() == values.len()).then_some(Operand::List(pair))
            }
            Some(values) => {
                let message = format!("`{}` wants two values, not {}", operator.name(), values.len());
                complain(Code::WrongOperand, value.span, message, diagnostics)
            }
            None => wrong_operand(operator.name(), "a list of two values", value, diagnostics),
        },
        Wanted::Pattern => read_pattern(operator, value, diagnostics),
        Wanted::Geometry => read_geometry(operator, value, diagnostics),
        Wanted::Flag => None,
    }
}

fn read_scalar(operator: Operator, value: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Operand> {
    match &value.node {
        Node::Text(text) => read_text_operand(text, value.span, diagnostics),
        Node::Bool(_) | Node::Number(_) => Some(Operand::Value(value::read_value(value, diagnostics))),
        Node::Null if operator == Operator::Is => Some(Operand::Value(Value::Null)),
        Node::Null => {
            let message = format!("null matches no `{}`", operator.name());
            let diagnostic = Diagnostic::new(Code::WrongOperand, value.span, message);
            diagnostics.push(diagnostic.help("write `\"_null\": true` or `\"_nnull\": true`"));
            None
        }
        Node::List(_) => {
            let message = format!("`{}` wants one value, not a list", operator.name());
            let diagnostic = Diagnostic::new(Code::WrongOperand, value.span, message);
            diagnostics.push(diagnostic.help("write `_in` or `_nin`"));
            None
        }
        Node::Object(_) => wrong_operand(operator.name(), "one value", value, diagnostics),
    }
}

fn read_ordered(operator: Operator, value: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Operand> {
    match &value.node {
        Node::Text(text) => read_text_operand(text, value.span, diagnostics),
        Node::Number(_) => Some(Operand::Value(value::read_value(value, diagnostics))),
        Node::Null | Node::Bool(_) | Node::List(_) | Node::Object(_) => {
            wrong_operand(operator.name(), "a number or a time", value, diagnostics)
        }
    }
}

/// Reads a list, or one variable that holds a list.
fn read_operands(operator: Operator, value: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Operand> {
    let wanted = "a list, or a variable that holds one";
    match &value.node {
        Node::List(values) => {
            let read = |value: &Json| match value.is_null() {
                true => Some(Operand::Value(Value::Null)),
                false => read_scalar(operator, value, diagnostics),
            };
            // Every element is read before the first bad one counts.
            let operands: Vec<_> = values.iter().map(read).collect();
            operands.into_iter().collect::<Option<_>>().map(Operand::List)
        }
        Node::Text(text) if is_variable(text) => {
            let variable = read_variable(text, value.span, diagnostics)?;
            if may_be_list(&variable) {
                return Some(Operand::Variable(variable));
            }
            let message = format!(
                "`{}` wants a list, and {} holds one value",
                operator.name(),
                quote(text)
            );
            complain(Code::WrongOperand, value.span, message, diagnostics)
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Object(_) => {
            wrong_operand(operator.name(), wanted, value, diagnostics)
        }
    }
}

/// Reads a regular expression, without the slashes that may stand around it, and tries whether it compiles.
fn read_pattern(operator: Operator, value: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Operand> {
    let Some(text) = value.as_text() else {
        return wrong_operand(operator.name(), "a regular expression", value, diagnostics);
    };
    let bare = text
        .strip_prefix('/')
        .and_then(|text| text.strip_suffix('/'))
        .unwrap_or(text);
    let length = bare.chars().count();
    if length > PATTERN_LENGTH_MAX {
        let message = format!("the pattern has {length} characters, the limit is {PATTERN_LENGTH_MAX}");
        return complain(Code::PatternTooLarge, value.span, message, diagnostics);
    }
    match RegexBuilder::new(bare).size_limit(PATTERN_BYTES_MAX).build() {
        Ok(_) => Some(Operand::Value(Value::Text(bare.to_owned().into()))),
        Err(regex::Error::CompiledTooBig(_)) => {
            let message = format!("the pattern needs more than {PATTERN_BYTES_MAX} bytes when compiled");
            complain(Code::PatternTooLarge, value.span, message, diagnostics)
        }
        Err(error) => {
            // The last line of the message is the reason; those before draw the pattern.
            let text = error.to_string();
            let reason = text.lines().next_back().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            let message = format!("the pattern is no regular expression: {reason}");
            complain(Code::InvalidPattern, value.span, message, diagnostics)
        }
    }
}

fn read_geometry(operator: Operator, value: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Operand> {
    let read = value::read_value(value, diagnostics);
    let positions = match &read {
        Value::Object(object) => count_positions(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
    };
    match positions {
        None if matches!(read, Value::Object(_)) => {
            let message = format!(
                "`{}` wants a GeoJSON geometry, and this object is none",
                operator.name()
            );
            complain(Code::WrongOperand, value.span, message, diagnostics)
        }
        None => wrong_operand(operator.name(), "a GeoJSON geometry", value, diagnostics),
        Some(count) if count > GEOMETRY_POSITIONS_MAX => {
            let message =
                format!("the geometry has {count} positions, the limit is {GEOMETRY_POSITIONS_MAX}");
            complain(Code::GeometryTooLarge, value.span, message, diagnostics)
        }
        Some(_) => Some(Operand::Value(read)),
    }
}

/// Complains that an operator wants something else.
pub(super) fn wrong_operand<T>(
    operator: &str,
    wanted: &str,
    value: &Json,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    let message = format!("`{operator}` wants {wanted}, not {}", reader::found(value));
    complain(Code::WrongOperand, value.span, message, diagnostics)
}

fn complain<T>(code: Code, span: Span, message: String, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    diagnostics.push(Diagnostic::new(code, span, message));
    None
}

/// Tells whether a variable can hold a list.
fn may_be_list(variable: &Variable) -> bool {
    match variable {
        Variable::Now(_) | Variable::Item | Variable::Owner(OwnerPart::Id) => false,
        Variable::CurrentUser(path) | Variable::CurrentRole(path) => !path.is_empty(),
        Variable::CurrentRoles(_)
        | Variable::CurrentPolicies(_)
        | Variable::Context(_)
        | Variable::Owner(OwnerPart::Roles) => true,
    }
}
