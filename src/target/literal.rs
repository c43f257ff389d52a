//! Operands, fields, and what of a filter is known without a database.

use serde_json::{Value as Json, json};

use super::Unsayable;
use crate::engine::filter::{Comparison, OWNER, STATE};
use crate::model::Model;
use crate::model::id::CollectionId;
use crate::vocab::operator::FieldType;
use crate::vocab::value::{Value, read_number};

/// The largest whole number up to which doubles, in which the engine counts, hold each.
pub(super) const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Returns the number that a value is, or writes.
pub(super) fn number_in(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => read_number(text),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
    }
}

/// Writes a number: whole ones without a fraction.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked on the line before"
)]
pub(super) fn number_of(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        return json!(number as i64);
    }
    json!(number)
}

/// What is declared of the field that a comparison is about.
pub(super) struct Spot<'m> {
    /// Its type; of a relation without one, that of the key of the related items.
    pub(super) kind: Option<FieldType>,
    /// The name of the key of the related item, if the path ends at a relation to one.
    pub(super) key: Option<&'m str>,
    /// Whether the path ends at a relation to many.
    pub(super) many: bool,
}

/// Finds what is declared of the field that a comparison is about.
///
/// # Errors
///
/// [`Unsayable`] if no field holds it.
pub(super) fn find_spot<'m>(
    model: &'m Model,
    collection: Option<CollectionId>,
    comparison: &Comparison,
) -> Result<Spot<'m>, Unsayable> {
    if let [only] = comparison.path.as_slice() {
        if &**only == STATE {
            let message = "no field of the collection holds the state; declare it as `state_field`";
            return Err(Unsayable(message.to_owned()));
        }
        if &**only == OWNER {
            let message = "no field of the collection holds the owner; declare it as `owner`";
            return Err(Unsayable(message.to_owned()));
        }
    }
    let home = collection.and_then(|id| model.collection(id));
    let field = model.declared(home, &comparison.path).last().flatten();
    let relation = field.and_then(|field| field.relation);
    let related = relation.and_then(|relation| model.collection(relation.collection));
    let kind = match comparison.kind.or_else(|| field.and_then(|field| field.kind)) {
        kind @ (None | Some(FieldType::Alias)) => related
            .and_then(|related| related.field(&related.key))
            .and_then(|field| field.kind)
            .or(kind),
        Some(kind) => Some(kind),
    };
    let is_one = relation.is_some_and(|relation| !relation.many);
    Ok(Spot {
        kind,
        key: related.filter(|_| is_one).map(|related| &*related.key),
        many: relation.is_some_and(|relation| relation.many),
    })
}

/// Returns the complaint that a comparison cannot be said, and why.
pub(super) fn unsayable(comparison: &Comparison, why: &str) -> Unsayable {
    let kind = match comparison.kind {
        Some(kind) => format!("declared as {}", kind.name()),
        None => "of no declared type".to_owned(),
    };
    let function = comparison
        .function
        .map(|function| format!("`{}()` of ", function.name()));
    Unsayable(format!(
        "`{}` of {}`{}`, {kind}, {why}",
        comparison.operator.name(),
        function.unwrap_or_default(),
        comparison.path.join("."),
    ))
}

/// Tells whether a text is a UUID as databases and Directus write it.
pub(super) fn is_uuid(text: &str) -> bool {
    let is_fit = |(index, byte): (usize, u8)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_fit)
}
