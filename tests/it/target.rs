//! Filters in the languages of databases: each rendering passes exactly the rows for which the engine's own comparison holds.
//!
//! SQLite runs in this process. PostgreSQL and MariaDB are those of `PLACET_POSTGRESQL` and `PLACET_MARIADB`, which
//! `tests/databases/run` starts; without them it says "skipped: no database".

mod columns;
pub(crate) mod database;
mod hostile;
mod listed;
mod oracle;
mod related;
mod table;
mod tree;
