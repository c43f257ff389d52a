//! Operands of a rule: what JavaScript makes of them, and the variables of Directus.

use std::borrow::Cow;

use crate::policy::condition::{Operand, Variable};
use crate::source::diagnostic::quote;
use crate::source::json::{Json, Node};
use crate::source::span::Span;
use crate::vocab::time::Step;
use crate::vocab::value::{Value, number_text};

use super::directus_filter::{FORBIDDEN, Fault};
use super::directus_rows::value_of;
use super::directus_schema::Schema;

/// One operand, or one element of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arg {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// `$NOW`, or a step away from it.
    Now(Option<Step>),
    /// One fact of the request.
    Fact(Variable),
    /// A fact that is a list: `$CURRENT_ROLES`.
    Facts(Variable),
    /// A list that no operator expects; its elements are not looked at.
    List(Vec<Value<'static>>),
    Object(Value<'static>),
}

impl Arg {
    /// Returns the fact that may be null when the request is there.
    pub(super) fn fact(&self) -> Option<&Variable> {
        match self {
            Arg::Fact(variable) => Some(variable),
            Arg::Null
            | Arg::Bool(_)
            | Arg::Number(_)
            | Arg::Text(_)
            | Arg::Now(_)
            | Arg::Facts(_)
            | Arg::List(_)
            | Arg::Object(_) => None,
        }
    }

    /// Returns the fact that is a list.
    pub(super) fn facts(&self) -> Option<&Variable> {
        match self {
            Arg::Facts(variable) => Some(variable),
            Arg::Null
            | Arg::Bool(_)
            | Arg::Number(_)
            | Arg::Text(_)
            | Arg::Now(_)
            | Arg::Fact(_)
            | Arg::List(_)
            | Arg::Object(_) => None,
        }
    }
}

/// Reads one operand.
pub(super) fn read_arg(json: &Json, schema: &Schema) -> Result<Arg, Fault> {
    Ok(match &json.node {
        Node::Null => Arg::Null,
        Node::Bool(value) => Arg::Bool(*value),
        Node::Number(number) => Arg::Number(number.value),
        Node::Text(text) => read_text(text, json.span, schema)?,
        Node::List(values) => Arg::List(values.iter().map(value_of).collect()),
        Node::Object(_) => Arg::Object(value_of(json)),
    })
}

/// Reads the operand of an operator that wants a list: text is split at its commas, an object stands for its values, and
/// anything else for a list of one.
pub(super) fn read_args(json: &Json, schema: &Schema) -> Result<Vec<Arg>, Fault> {
    let flat = |json: &Json, args: &mut Vec<Arg>| match &json.node {
        Node::List(values) => values
            .iter()
            .try_for_each(|value| read_arg(value, schema).map(|arg| args.push(arg))),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Object(_) => {
            read_arg(json, schema).map(|arg| args.push(arg))
        }
    };
    let mut args = Vec::new();
    match &json.node {
        Node::Text(text) => {
            for part in text.split(',') {
                args.push(read_text(part, json.span, schema)?);
            }
        }
        Node::List(values) => values.iter().try_for_each(|value| flat(value, &mut args))?,
        Node::Object(members) => members
            .iter()
            .try_for_each(|member| flat(&member.value, &mut args))?,
        Node::Null | Node::Bool(_) | Node::Number(_) => args.push(read_arg(json, schema)?),
    }
    Ok(args)
}

/// Reads text: some words are values, and some beginnings are variables.
fn read_text(text: &str, span: Span, schema: &Schema) -> Result<Arg, Fault> {
    match text {
        "true" => return Ok(Arg::Bool(true)),
        "false" => return Ok(Arg::Bool(false)),
        "null" | "NULL" => return Ok(Arg::Null),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("$NOW") {
        let step = rest.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')'));
        return Ok(Arg::Now(step.and_then(|(step, _)| Step::parse(step))));
    }
    let Some((variable, collection)) = find_variable(text) else {
        return Ok(Arg::Text(text.to_owned()));
    };
    let Some(variable) = variable else {
        return Ok(Arg::Null);
    };
    let (path, is_list) = match &variable {
        Variable::CurrentUser(path) | Variable::CurrentRole(path) => (path, false),
        Variable::CurrentRoles(path) | Variable::CurrentPolicies(path) => (path, true),
        Variable::Now(_) | Variable::Context(_) | Variable::Owner(_) | Variable::Item => {
            return Ok(Arg::Fact(variable));
        }
    };
    check_path(text, path, collection, span, schema)?;
    Ok(if is_list {
        Arg::Facts(variable)
    } else {
        Arg::Fact(variable)
    })
}

/// Returns the variable that a text begins like, and whose fields it names; a text that only begins like one is null.
fn find_variable(text: &str) -> Option<(Option<Variable>, &'static str)> {
    type Make = fn(Vec<String>) -> Variable;
    let heads: [(&str, Make, &str); 4] = [
        ("$CURRENT_USER", Variable::CurrentUser, "directus_users"),
        (
            "$CURRENT_POLICIES",
            Variable::CurrentPolicies,
            "directus_policies",
        ),
        ("$CURRENT_ROLES", Variable::CurrentRoles, "directus_roles"),
        ("$CURRENT_ROLE", Variable::CurrentRole, "directus_roles"),
    ];
    let (head, make, collection) = heads.into_iter().find(|(head, ..)| text.starts_with(head))?;
    let rest = text.strip_prefix(head)?;
    let variable = if rest.is_empty() {
        Some(make(Vec::new()))
    } else {
        rest.strip_prefix('.')
            .filter(|path| path.split('.').all(|step| !step.is_empty()))
            .map(|path| make(path.split('.').map(str::to_owned).collect()))
    };
    Some((variable, collection))
}

/// A variable with a field that does not exist makes the whole request fail.
fn check_path(
    text: &str,
    path: &[String],
    collection: &str,
    span: Span,
    schema: &Schema,
) -> Result<(), Fault> {
    let mut home = schema.find(collection).filter(|_| schema.is_known);
    for step in path {
        let Some(row) = home else { break };
        let Some(field) = row.field(step) else {
            if !row.is_closed {
                break;
            }
            let message = format!(
                "there is no field {} in {}, which {} asks for",
                quote(step),
                quote(&row.id.value),
                quote(text)
            );
            return Err(Fault {
                code: FORBIDDEN,
                message,
                span,
            });
        };
        let relation = field.relation.as_ref();
        home = relation.and_then(|relation| schema.find(&relation.collection.value));
    }
    Ok(())
}

/// Returns what JavaScript's `Number` makes of a value; `None` if that is no number.
pub(super) fn js_number(arg: &Arg) -> Option<f64> {
    match arg {
        Arg::Null | Arg::Bool(false) => Some(0.0),
        Arg::Bool(true) => Some(1.0),
        Arg::Number(number) => Some(*number),
        Arg::Text(text) => text_number(text),
        Arg::Now(_) | Arg::Fact(_) | Arg::Facts(_) | Arg::List(_) | Arg::Object(_) => None,
    }
}

/// Returns the number that a text writes, as JavaScript reads it; nothing but blanks is zero.
pub(super) fn text_number(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_empty() {
        return Some(0.0);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        let lower = text.to_ascii_lowercase();
        if let Some(digits) = lower.strip_prefix(prefix) {
            #[expect(clippy::cast_precision_loss, reason = "JavaScript rounds it as well")]
            return u64::from_str_radix(digits, radix)
                .ok()
                .map(|number| number as f64);
        }
    }
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse()
        .ok()
        .filter(|number: &f64| is_plain && number.is_finite())
}

/// Returns what JavaScript's `String` makes of a value; `None` for a fact of the request.
pub(super) fn js_text(arg: &Arg) -> Option<String> {
    Some(match arg {
        Arg::Null => "null".to_owned(),
        Arg::Bool(value) => value.to_string(),
        Arg::Number(number) => number_text(*number),
        Arg::Text(text) => text.clone(),
        Arg::List(values) => joined(values),
        Arg::Object(_) => "[object Object]".to_owned(),
        Arg::Now(_) | Arg::Fact(_) | Arg::Facts(_) => return None,
    })
}

fn joined(values: &[Value<'static>]) -> String {
    let texts: Vec<_> = values
        .iter()
        .map(|value| match value {
            Value::Null => String::new(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number_text(*number),
            Value::Text(text) => text.to_string(),
            Value::List(values) => joined(values),
            Value::Object(_) => "[object Object]".to_owned(),
        })
        .collect();
    texts.join(",")
}

/// Returns text as an operand.
pub(super) fn text(text: impl Into<String>) -> Operand {
    Operand::Value(Value::Text(Cow::Owned(text.into())))
}

/// Returns a number as an operand.
pub(super) fn number(number: f64) -> Operand {
    Operand::Value(Value::Number(number))
}

/// Returns a value that is no fact as an operand.
pub(super) fn constant(arg: &Arg) -> Operand {
    Operand::Value(match arg {
        Arg::Null => Value::Null,
        Arg::Bool(value) => Value::Bool(*value),
        Arg::Number(number) => Value::Number(*number),
        Arg::Text(text) => Value::Text(Cow::Owned(text.clone())),
        Arg::List(values) => Value::List(values.clone()),
        Arg::Object(value) => value.clone(),
        Arg::Now(step) => return Operand::Variable(Variable::Now(*step)),
        Arg::Fact(variable) | Arg::Facts(variable) => return Operand::Variable(variable.clone()),
    })
}
