//! Values as they stand: what conditions compare with, and attributes.

use std::borrow::Cow;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node, Number};
use crate::source::span::Span;
use crate::vocab::value::{Object, Value};

/// Reads any value as it stands.
pub(super) fn read_value(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Value<'static> {
    match &json.node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Number(number) => Value::Number(read_number(number, json.span, diagnostics)),
        Node::Text(text) => Value::Text(Cow::Owned(text.clone())),
        Node::List(values) => Value::List(
            values
                .iter()
                .map(|value| read_value(value, diagnostics))
                .collect(),
        ),
        Node::Object(members) => Value::Object(read_object(members, diagnostics)),
    }
}

/// Reads named values as they stand.
pub(super) fn read_object(members: &[Member], diagnostics: &mut Vec<Diagnostic>) -> Object<'static> {
    let read = |member: &Member| {
        (
            Cow::Owned(member.key.value.clone()),
            read_value(&member.value, diagnostics),
        )
    };
    Object::new(members.iter().map(read).collect())
}

/// Takes the value of a number, with a warning if it is not quite what was written.
pub(super) fn read_number(number: &Number, span: Span, diagnostics: &mut Vec<Diagnostic>) -> f64 {
    if !number.exact() {
        let message = format!("{} is too large to be kept exactly", quote(&number.literal));
        diagnostics.push(Diagnostic::new(Code::InexactNumber, span, message).help("write it as text"));
    }
    number.value
}
