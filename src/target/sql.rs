//! The filter as a boolean SQL expression.

use super::{Rendering, Unsayable};
use crate::engine::filter::Filter;
use crate::model::Model;
use crate::model::id::CollectionId;

/// A dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgresql,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

/// Writes a filter.
///
/// # Errors
///
/// [`Unsayable`] if it cannot be said.
pub fn render(
    _model: &Model,
    _collection: CollectionId,
    _filter: &Filter,
    _dialect: Dialect,
) -> Result<Rendering, Unsayable> {
    Err(Unsayable("this target is not there".to_owned()))
}
