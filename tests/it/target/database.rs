//! Databases to run renderings on.

use std::collections::BTreeSet;

use placet::target::{Rendering, Target};
use placet::vocab::value::{Value, number_text};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, Row, SqliteConnection};
use tokio::runtime::Runtime;

/// A connection.
enum Link {
    Postgresql(Box<PgConnection>),
    Mariadb(Box<MySqlConnection>),
    Sqlite(Box<SqliteConnection>),
}

/// A database with tables of its own.
pub(crate) struct Database {
    pub(crate) target: Target,
    link: Link,
    runtime: Runtime,
    /// How often a statement ran: numbers are bound as numbers and as text by turns.
    runs: usize,
}

/// Runs the same calls on whichever connection there is.
macro_rules! on {
    ($self:ident, $link:ident => $run:expr) => {
        match &mut $self.link {
            Link::Postgresql($link) => $self.runtime.block_on($run),
            Link::Mariadb($link) => $self.runtime.block_on($run),
            Link::Sqlite($link) => $self.runtime.block_on($run),
        }
    };
}

impl Database {
    /// Opens every database that is there, in a schema or file of this name; says which ones are not.
    pub(crate) fn open_all(name: &str) -> Vec<Self> {
        let mut all = vec![Self::sqlite()];
        for (target, variable) in [
            (Target::Postgresql, "PLACET_POSTGRESQL"),
            (Target::Mysql, "PLACET_MARIADB"),
        ] {
            match std::env::var(variable) {
                Ok(url) => all.push(Self::server(target, &url, name)),
                Err(_) => println!("skipped: no database ({variable} is not set)"),
            }
        }
        all
    }

    fn of(target: Target, connect: impl Future<Output = Link>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let link = runtime.block_on(connect);
        Self {
            target,
            link,
            runtime,
            runs: 0,
        }
    }

    fn sqlite() -> Self {
        Self::of(Target::Sqlite, async {
            Link::Sqlite(Box::new(
                SqliteConnection::connect("sqlite::memory:").await.unwrap(),
            ))
        })
    }

    fn server(target: Target, url: &str, name: &str) -> Self {
        let mut database = Self::of(target, async {
            match target {
                Target::Postgresql => Link::Postgresql(Box::new(PgConnection::connect(url).await.unwrap())),
                _ => Link::Mariadb(Box::new(MySqlConnection::connect(url).await.unwrap())),
            }
        });
        if target == Target::Postgresql {
            database.run(&format!("DROP SCHEMA IF EXISTS {name} CASCADE"));
            database.run(&format!("CREATE SCHEMA {name}"));
            database.run(&format!("SET search_path = {name}"));
        } else {
            database.run(&format!("DROP DATABASE IF EXISTS {name}"));
            database.run(&format!("CREATE DATABASE {name} COLLATE utf8mb4_general_ci"));
            database.run(&format!("USE {name}"));
        }
        database.set_zone("+00:00");
        database
    }

    /// Sets the time zone of the session, where there is such a thing.
    pub(crate) fn set_zone(&mut self, zone: &str) {
        match self.target {
            Target::Postgresql => self.run(&format!("SET TIME ZONE INTERVAL '{zone}' HOUR TO MINUTE")),
            Target::Mysql => self.run(&format!("SET time_zone = '{zone}'")),
            _ => {}
        }
    }

    /// Runs a statement without parameters.
    pub(crate) fn run(&mut self, sql: &str) {
        let statement = AssertSqlSafe(sql.to_owned());
        let done = on!(self, link => async {
            link.execute(sqlx::raw_sql(statement)).await.map(|_| ())
        });
        done.unwrap_or_else(|error| panic!("{}: {error}\n{sql}", self.target.name()));
    }

    /// Returns the numbers in the first column of what a query with the parameters of a rendering finds.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub(crate) fn ask(&mut self, sql: &str, rendering: &Rendering) -> Result<BTreeSet<i64>, String> {
        self.runs += 1;
        let as_text = self.runs.is_multiple_of(2);
        let statement = AssertSqlSafe(sql.to_owned());
        macro_rules! bound {
            () => {{
                let mut query = sqlx::query(statement).persistent(false);
                for value in &rendering.parameters {
                    query = match value {
                        Value::Text(text) => query.bind(text.clone().into_owned()),
                        Value::Number(number) if as_text => query.bind(number_text(*number)),
                        Value::Number(number) => query.bind(*number),
                        Value::Bool(value) => query.bind(*value),
                        other => panic!("{other:?} is no parameter"),
                    };
                }
                query
            }};
        }
        macro_rules! found {
            ($link:ident) => {{
                let query = bound!();
                self.runtime.block_on(async {
                    let rows = query
                        .fetch_all($link.as_mut())
                        .await
                        .map_err(|error| error.to_string())?;
                    Ok(rows.iter().map(|row| row.get::<i64, _>(0)).collect())
                })
            }};
        }
        match &mut self.link {
            Link::Postgresql(link) => found!(link),
            Link::Mariadb(link) => found!(link),
            Link::Sqlite(link) => found!(link),
        }
    }
}

/// Returns text as a literal of SQL, for statements of the tests themselves.
pub(crate) fn literal(target: Target, text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match target {
        Target::Mysql => format!("'{}'", doubled.replace('\\', "\\\\")),
        _ => format!("'{doubled}'"),
    }
}
