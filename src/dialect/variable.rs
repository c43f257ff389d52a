//! Facts of the request, as conditions and presets write them: `$CURRENT_USER.department`, `$NOW(-1 day)`.

use std::borrow::Cow;

use crate::policy::condition::{Operand, OwnerPart, Variable};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Node};
use crate::source::span::Span;
use crate::vocab::time::Step;
use crate::vocab::value::Value;

use super::reader;
use super::value;

/// Tells whether a text names a fact of the request: one `$` in front.
pub(super) fn is_variable(text: &str) -> bool {
    text.starts_with('$') && !text.starts_with("$$")
}

/// Reads text on the right side: a variable if it starts with `$`, and `$$x` for the text `$x`.
pub(super) fn read_text_operand(
    text: &str,
    span: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Operand> {
    match text.strip_prefix('$') {
        Some(rest) if !rest.starts_with('$') => read_variable(text, span, diagnostics).map(Operand::Variable),
        Some(escaped) => Some(Operand::Value(Value::Text(Cow::Owned(escaped.to_owned())))),
        None => Some(Operand::Value(Value::Text(Cow::Owned(text.to_owned())))),
    }
}

/// Reads the value of a preset: any value, in which text, alone or in a list, may be a variable.
pub(super) fn read_preset(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Operand> {
    match &json.node {
        Node::Text(text) => read_text_operand(text, json.span, diagnostics),
        Node::List(values)
            if values
                .iter()
                .any(|value| value.as_text().is_some_and(|text| text.starts_with('$'))) =>
        {
            let read = |value: &Json| read_preset(value, diagnostics);
            let operands: Vec<_> = values.iter().filter_map(read).collect();
            (operands.len() == values.len()).then_some(Operand::List(operands))
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Object(_) => {
            let before = diagnostics.len();
            refuse_inner_variables(json, diagnostics);
            (diagnostics.len() == before).then(|| Operand::Value(value::read_value(json, diagnostics)))
        }
    }
}

/// A variable deep inside a value would be written to the item as the text that it is.
fn refuse_inner_variables(json: &Json, diagnostics: &mut Vec<Diagnostic>) {
    match &json.node {
        Node::Text(text) if text.starts_with('$') => diagnostics.push(
            Diagnostic::new(
                Code::Unsupported,
                json.span,
                "a variable cannot stand inside of an object or a nested list",
            )
            .help("a preset is a variable, a list with variables, or a value without any"),
        ),
        Node::List(values) => values
            .iter()
            .for_each(|value| refuse_inner_variables(value, diagnostics)),
        Node::Object(members) => {
            members
                .iter()
                .for_each(|member| refuse_inner_variables(&member.value, diagnostics));
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
    }
}

/// Reads the name of a variable, `$` included.
pub(super) fn read_variable(text: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Option<Variable> {
    let found = parse_now(text).unwrap_or_else(|| parse_named(text));
    found
        .map_err(|(message, help)| {
            let mut diagnostic = Diagnostic::new(Code::UnknownVariable, span, message);
            diagnostic.help = help;
            diagnostics.push(diagnostic);
        })
        .ok()
}

/// What is wrong, and what to do about it.
type Complaint = (String, Option<String>);

fn parse_now(text: &str) -> Option<Result<Variable, Complaint>> {
    let rest = text.strip_prefix("$NOW")?;
    if rest.is_empty() {
        return Some(Ok(Variable::Now(None)));
    }
    let step = rest.strip_prefix('(')?.strip_suffix(')')?;
    let step = Step::parse(step).ok_or_else(|| {
        let help = "write a number and a unit: `$NOW(-1 day)`, `$NOW(+2 hours)`".to_owned();
        (format!("{} is no step in time", quote(step)), Some(help))
    });
    Some(step.map(|step| Variable::Now(Some(step))))
}

fn parse_named(text: &str) -> Result<Variable, Complaint> {
    let (head, rest) = text
        .split_once('.')
        .map_or((text, None), |(head, rest)| (head, Some(rest)));
    let path: Vec<String> = rest
        .map(|rest| rest.split('.').map(str::to_owned).collect())
        .unwrap_or_default();
    if path.iter().any(String::is_empty) {
        return Err((
            format!("{} names nothing between or behind its dots", quote(text)),
            None,
        ));
    }
    match (head, path.as_slice()) {
        ("$CURRENT_USER", _) => Ok(Variable::CurrentUser(path)),
        ("$CURRENT_ROLE", _) => Ok(Variable::CurrentRole(path)),
        ("$CURRENT_ROLES", _) => Ok(Variable::CurrentRoles(path)),
        ("$CURRENT_POLICIES", _) => Ok(Variable::CurrentPolicies(path)),
        ("$CONTEXT", [_, ..]) => Ok(Variable::Context(path)),
        ("$OWNER", [part]) if part == "id" => Ok(Variable::Owner(OwnerPart::Id)),
        ("$OWNER", [part]) if part == "roles" => Ok(Variable::Owner(OwnerPart::Roles)),
        ("$ITEM", []) => Ok(Variable::Item),
        _ => Err((
            format!("there is no variable {}", quote(text)),
            Some(find_help(head)),
        )),
    }
}

fn find_help(head: &str) -> String {
    match head {
        "$CONTEXT" => "name an attribute of the context: `$CONTEXT.mode`".to_owned(),
        "$OWNER" => "write `$OWNER.id` or `$OWNER.roles`".to_owned(),
        "$ITEM" | "$NOW" => format!("write {} alone", quote(head)),
        _ => reader::suggestion(head, HEADS)
            .unwrap_or_else(|| "a text that starts with `$` is written `$$`".to_owned()),
    }
}

/// How each variable begins.
const HEADS: [&str; 8] = [
    "$NOW",
    "$CURRENT_USER",
    "$CURRENT_ROLE",
    "$CURRENT_ROLES",
    "$CURRENT_POLICIES",
    "$CONTEXT",
    "$OWNER",
    "$ITEM",
];
