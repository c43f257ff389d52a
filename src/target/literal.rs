//! Operands, fields, and what of a filter is known without a database.

use serde_json::{Value as Json, json};

use super::Unsayable;
use crate::engine::filter::{Comparison, Filter, OWNER, STATE};
use crate::model::Model;
use crate::model::id::CollectionId;
use crate::vocab::operator::{FieldType, Operand, Operator};
use crate::vocab::value::{Value, is_twin, number_text};

/// The largest whole number up to which doubles, in which the engine counts, hold each.
pub(super) const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Tells whether an operator compares a value, so that a related item is compared by its key.
pub(super) fn compares_by_key(operator: Operator) -> bool {
    match operator.operand() {
        Operand::Scalar
        | Operand::Ordered
        | Operand::List
        | Operand::Pair
        | Operand::Text
        | Operand::Pattern => true,
        Operand::Flag | Operand::Geometry => false,
    }
}

/// Returns the number that a text is, as numbers are written.
pub(super) fn twin_of(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    is_twin(number, text).then_some(number)
}

/// Returns the number that a value is, or writes.
pub(super) fn number_in(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => {
            let first = text.as_bytes().first()?;
            if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
                return None;
            }
            text.parse().ok().filter(|number: &f64| number.is_finite())
        }
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

/// Returns the text of a scalar as operators on text see it.
pub(super) fn text_of(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Number(number) => Some(number_text(*number)),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::List(_) | Value::Object(_) => None,
    }
}

/// Tells whether an item all of whose fields are null passes a filter.
pub(super) fn holds_of_nulls(filter: &Filter) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(holds_of_nulls),
        Filter::Any(parts) => parts.iter().any(holds_of_nulls),
        Filter::Not(part) => !holds_of_nulls(part),
        Filter::Compare(comparison) => {
            matches!(comparison.operator, Operator::Null | Operator::Empty)
                || comparison.operator == Operator::Nin && comparison.values.is_empty()
        }
        Filter::Exists(exists) => exists.or_nulls && holds_of_nulls(&exists.filter),
        Filter::Holds(_) | Filter::Below(_) => false,
    }
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
    let mut home = collection;
    let mut field = None;
    for step in &comparison.path {
        field = home
            .and_then(|id| model.collection(id))
            .and_then(|row| row.field(step));
        home = field
            .and_then(|field| field.relation.as_ref())
            .map(|relation| relation.collection);
    }
    let relation = field.and_then(|field| field.relation.as_ref());
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
