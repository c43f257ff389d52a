//! The filter as a boolean SQL expression.
//!
//! # What a query must do
//!
//! The columns of the collection are qualified by its name, so the query uses that name as the name or alias of the table.
//! Names are quoted; related tables get aliases of their own (`r1`, `r2` …).
//!
//! # Parameters
//!
//! Every value is a parameter, in order: `$1`, `$2` … for PostgreSQL, where one may stand in several places, and `?` for the
//! others. A parameter is text, a number or a boolean. The expression casts each to the type that it compares with, so a driver
//! may bind numbers as numbers or as text. Moments are bound as text, in UTC, as the database writes them. Connections to MySQL
//! and MariaDB speak utf8mb4.
//!
//! # What columns hold
//!
//! A rendering is exact if a column holds what its field is declared to hold, and the CMS tells the daemon the same value:
//!
//! | type | PostgreSQL | MySQL, MariaDB | SQLite |
//! |---|---|---|---|
//! | `string`, `text`, `hash` | any text type | any text type | text |
//! | `uuid` | `uuid` | text | text |
//! | `csv` | text, elements parted by commas; empty text is the empty list | the same | the same |
//! | `json` | `json`, `jsonb` | JSON | JSON as text |
//! | `boolean` | `boolean` | 0 or 1 | 0 or 1 |
//! | `integer`, `bigInteger` | whole numbers | whole numbers | whole numbers |
//! | `float`, `decimal` | any number, as the database writes it | the same | numbers |
//! | `date` | `date` | `DATE` | text, or milliseconds since 1970 |
//! | `dateTime` | `timestamp` | `DATETIME` | the same |
//! | `timestamp` | `timestamptz` | `TIMESTAMP` | the same |
//! | `time` | `time` | `TIME` | text (`09:30:00`) |
//!
//! Text holds no NUL, moments lie in the years 1 to 9999 (in SQLite to the millisecond), and times of day are told as
//! `09:30:00`, with a fraction only if there is one. The time zone of the session does not matter, nor do collations.
//!
//! # Where to read
//!
//! `sql_filter` follows the tree and its relations, `sql_compare` picks what a comparison needs by the type of its field, and
//! `sql_text` (with `sql_fold`), `sql_number`, `sql_moment` and `sql_list` say it by `sql_sides`. `sql_writer` holds the text that is being made.

use super::sql_filter::{Table, write_filter};
use super::sql_writer::Writer;
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

impl Dialect {
    /// Returns the name for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Dialect::Postgresql => "PostgreSQL",
            Dialect::Mysql => "MySQL",
            Dialect::Sqlite => "SQLite",
        }
    }
}

/// Writes a filter.
///
/// # Errors
///
/// [`Unsayable`] if it cannot be said.
pub fn render(
    model: &Model,
    collection: CollectionId,
    filter: &Filter,
    dialect: Dialect,
) -> Result<Rendering, Unsayable> {
    let name = model.collection_names.name(collection.index());
    let mut writer = Writer::new(dialect, name);
    let table = Table {
        alias: writer.quote(name)?,
        collection: Some(collection),
    };
    write_filter(model, &table, filter, &mut writer)?;
    writer.finish()
}
