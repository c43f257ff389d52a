//! The filter as JSON.

use super::{Rendering, Unsayable};
use crate::engine::filter::Filter;
use crate::model::Model;
use crate::model::id::CollectionId;

/// Writes a filter.
///
/// # Errors
///
/// [`Unsayable`] if it cannot be said.
pub fn render(_model: &Model, _collection: CollectionId, _filter: &Filter) -> Result<Rendering, Unsayable> {
    Err(Unsayable("this target is not there".to_owned()))
}
