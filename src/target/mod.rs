//! Writes a filter in the language of a database or a CMS.
//!
//! Comes in: a [`Filter`] on the items of a collection, and the [`Model`] that knows its fields and relations. Goes out: a
//! [`Rendering`]: text, and for SQL the values of its parameters.
//!
//! INVARIANT: a rendered filter passes exactly the items that the filter passes. What a target cannot say is an
//! [`Unsayable`] that names it, never a wider filter; values never become part of SQL text.

pub mod directus;
mod directus_leaf;
mod directus_text;
mod literal;
pub mod mongodb;
mod mongodb_field;
mod mongodb_function;
mod mongodb_leaf;
mod mongodb_moment;
mod mongodb_text;
pub mod sql;
mod sql_compare;
mod sql_filter;
mod sql_fold;
mod sql_list;
mod sql_moment;
mod sql_number;
mod sql_sides;
mod sql_text;
mod sql_writer;

use crate::engine::filter::Filter;
use crate::model::Model;
use crate::model::id::CollectionId;
use crate::vocab::value::Value;

/// A language in which a filter can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The filter JSON of Directus.
    Directus,
    /// SQL of PostgreSQL.
    Postgresql,
    /// SQL of MySQL and MariaDB.
    Mysql,
    /// SQL of SQLite.
    Sqlite,
    /// A query document of MongoDB, as extended JSON.
    Mongodb,
}

impl Target {
    /// Every target, in the order of the wire.
    pub const ALL: [Target; 5] = [
        Target::Directus,
        Target::Postgresql,
        Target::Mysql,
        Target::Sqlite,
        Target::Mongodb,
    ];

    /// Returns the word of the command line (`postgresql`).
    pub fn name(self) -> &'static str {
        match self {
            Target::Directus => "directus",
            Target::Postgresql => "postgresql",
            Target::Mysql => "mysql",
            Target::Sqlite => "sqlite",
            Target::Mongodb => "mongodb",
        }
    }
}

/// A filter written for one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendering {
    /// JSON, or a boolean SQL expression.
    pub text: String,
    /// The values of the parameters of SQL text, in order.
    pub parameters: Vec<Value<'static>>,
}

/// Why a target cannot say a filter: what it lacks, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsayable(pub String);

/// Writes a filter on the items of a collection for a target.
///
/// # Errors
///
/// [`Unsayable`] if the target cannot say the filter exactly.
pub fn render(
    model: &Model,
    collection: CollectionId,
    filter: &Filter,
    target: Target,
) -> Result<Rendering, Unsayable> {
    match target {
        Target::Directus => directus::render(model, collection, filter),
        Target::Mongodb => mongodb::render(model, collection, filter),
        Target::Postgresql => sql::render(model, collection, filter, sql::Dialect::Postgresql),
        Target::Mysql => sql::render(model, collection, filter, sql::Dialect::Mysql),
        Target::Sqlite => sql::render(model, collection, filter, sql::Dialect::Sqlite),
    }
}
