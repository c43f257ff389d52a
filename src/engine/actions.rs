//! Which of the known actions are allowed on an item: what a CMS draws its buttons from.

use crate::model::Model;
use crate::model::id::ActionId;

use super::check::{Question, judge};
use super::decision::Decision;
use super::facts::Facts;
use super::query::{Query, QueryError};
use super::trace::NoTrace;

/// Judges every known action on the item of a question, in the order in which the profile makes them known.
///
/// # Errors
///
/// See [`super::check::check`].
pub fn list<'q>(model: &'q Model, query: &'q Query<'q>) -> Result<Vec<(ActionId, Decision<'q>)>, QueryError> {
    let facts = Facts::bind(model, query)?;
    (0..model.actions.len())
        .map(ActionId::new)
        .map(|id| {
            let action = model.action_names.name(id.index());
            let question = Question {
                action,
                transition: "",
                fields: &[],
                filter_fields: &[],
            };
            judge(&facts, &question, &mut NoTrace).map(|decision| (id, decision))
        })
        .collect()
}
