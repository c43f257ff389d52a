//! Lists by the database: what `PlanQuery` plans is run on tables with the recorded items, and must find those that single
//! questions allow.

use std::cell::RefCell;
use std::collections::BTreeSet;

use placet::rpc::proto::v1::{Plan, PlanKind, PlanQueryResponse};
use placet::target::Target;
use serde_json::Value;

use super::super::listed::{Asked, Comparisons, ask, quote};
use super::ask::Verdict;
use super::read::{Shown, finds_nothing};
use super::world::World;
use crate::target::database::{Database, literal};

/// The tables that there are.
const TABLES: [&str; 5] = [
    "articles",
    "comments",
    "categories",
    "directus_users",
    "directus_roles",
];

/// The item whose moment lies beyond those that a `TIMESTAMP` of MariaDB may hold in releases that are in use, and the field.
const FAR: (i64, &str) = (18, "embargo_ts");

/// Databases with the recorded items.
pub(crate) struct Lists {
    databases: RefCell<Vec<Database>>,
    /// How often a list was compared, by what came of it.
    tally: Comparisons,
}

impl Lists {
    /// Opens the databases that are there, and fills them.
    pub(crate) fn open(world: &World, name: &str) -> Self {
        let mut databases = Database::open_all(name);
        for database in &mut databases {
            for table in TABLES {
                fill(database, world, table);
            }
        }
        Self {
            databases: RefCell::new(databases),
            tally: Comparisons::default(),
        }
    }

    /// Compares what a plan finds with what single questions allowed.
    pub(crate) fn compare(
        &self,
        collection: &str,
        answer: &PlanQueryResponse,
        verdict: &Verdict,
        items: &[Shown],
    ) -> Result<(), String> {
        let plan = answer.plan.as_ref().ok_or("the answer has no plan")?;
        let ids: BTreeSet<i64> = items
            .iter()
            .filter_map(|shown| shown.item["id"].as_i64())
            .collect();
        if !TABLES.contains(&collection) {
            self.tally
                .count("of collections without a recorded item".to_owned());
            return Ok(());
        }
        if let Verdict::Refused { reason, .. } = verdict
            && !finds_nothing(*reason)
        {
            self.tally.count("never".to_owned());
            let is_so = plan.kind() == PlanKind::Never && plan.reason() == *reason;
            return is_so.then_some(()).ok_or_else(|| {
                format!(
                    "the list is refused as {reason:?}, and planned as {:?} {:?}",
                    plan.kind(),
                    plan.reason()
                )
            });
        }
        match plan.kind() {
            PlanKind::Never if ids.is_empty() => self.tally.count("never".to_owned()),
            PlanKind::Always | PlanKind::Conditional => {
                for database in self.databases.borrow_mut().iter_mut() {
                    self.run(database, collection, plan, &ids)?;
                }
            }
            PlanKind::Never | PlanKind::Unspecified => {
                return Err(format!("planned as {:?}, and {ids:?} are allowed", plan.kind()));
            }
        }
        Ok(())
    }

    fn run(
        &self,
        database: &mut Database,
        collection: &str,
        plan: &Plan,
        ids: &BTreeSet<i64>,
    ) -> Result<(), String> {
        let name = database.target.name();
        let (sql, listed) = match ask(database, collection, "id", plan)? {
            Asked::Listed { sql, ids } => (sql, ids),
            Asked::Unsayable(error) => {
                self.tally.count(format!("{name} cannot say it: {error}"));
                return Ok(());
            }
        };
        self.tally.count(format!("{name} agrees"));
        let mut ids = ids.clone();
        let mut listed = listed;
        if database.target == Target::Mysql && sql.contains(FAR.1) {
            // What the column cannot hold is not there.
            ids.remove(&FAR.0);
            listed.remove(&FAR.0);
        }
        if listed == ids {
            Ok(())
        } else {
            Err(format!("{name} lists {listed:?}, and {ids:?} are allowed: {sql}"))
        }
    }

    /// Returns how many lists were compared, and how many no database could say.
    pub(crate) fn report(&self) -> String {
        self.tally.report()
    }
}

/// Makes a table with the columns of a collection, and its rows.
fn fill(database: &mut Database, world: &World, table: &str) {
    let target = database.target;
    let rows = world.all(table);
    let mut columns: Vec<(String, &str)> = Vec::new();
    for row in &rows {
        for name in row.as_object().unwrap().keys() {
            let kind = world.kind(table, name).unwrap_or(match (table, name.as_str()) {
                ("directus_users" | "directus_roles", "id") | ("directus_users", "role") => "uuid",
                ("directus_users", "clearance") => "integer",
                _ => "string",
            });
            // A list of related items is no column.
            let is_list = world.related(table, name).is_some_and(|(_, back)| back.is_some());
            if name != "key" && !is_list && columns.iter().all(|(known, _)| known != name) {
                columns.push((name.clone(), kind));
            }
        }
    }
    let declared = columns.iter().map(|(name, kind)| {
        let kind = if world
            .related(table, name)
            .is_some_and(|(to, _)| to.starts_with("directus_"))
        {
            "uuid"
        } else {
            kind
        };
        format!("{} {}", quote(target, name), column(target, kind))
    });
    let declared: Vec<String> = declared.collect();
    database.run(&format!(
        "CREATE TABLE {} ({})",
        quote(target, table),
        declared.join(", ")
    ));
    for row in &rows {
        let values = columns
            .iter()
            .map(|(name, kind)| written(target, kind, &row[name.as_str()]));
        let values: Vec<String> = values.collect();
        database.run(&format!(
            "INSERT INTO {} VALUES ({})",
            quote(target, table),
            values.join(", ")
        ));
    }
}

/// Returns the type of a column as Directus makes it.
fn column(target: Target, kind: &str) -> &'static str {
    match (target, kind) {
        (_, "integer") => "INTEGER",
        (Target::Postgresql, "uuid") => "UUID",
        (_, "uuid") => "CHAR(36)",
        (_, "boolean") => "BOOLEAN",
        (Target::Sqlite, "date" | "dateTime" | "timestamp") => "TEXT",
        (_, "date") => "DATE",
        (Target::Postgresql, "dateTime") => "TIMESTAMP",
        (Target::Postgresql, "timestamp") => "TIMESTAMPTZ",
        (_, "dateTime") => "DATETIME(3)",
        (_, "timestamp") => "TIMESTAMP(3) NULL",
        (Target::Postgresql, "float") => "DOUBLE PRECISION",
        (_, "float") => "DOUBLE",
        (Target::Sqlite, "json") => "TEXT",
        (_, "json") => "JSON",
        _ => "TEXT",
    }
}

/// Returns a value as a literal of SQL.
fn written(target: Target, kind: &str, value: &Value) -> String {
    match (kind, value) {
        (_, Value::Null) => "NULL".to_owned(),
        ("csv", Value::Array(values)) => {
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            literal(target, &texts.join(","))
        }
        ("timestamp", Value::String(text)) if target == Target::Mysql && text.starts_with("2099") => {
            "NULL".to_owned()
        }
        ("dateTime" | "timestamp", Value::String(text)) if target == Target::Mysql => {
            literal(target, text.trim_end_matches('Z'))
        }
        ("boolean", Value::Bool(value)) => value.to_string().to_uppercase(),
        (_, Value::Number(number)) => number.to_string(),
        (_, Value::String(text)) if kind != "json" => literal(target, text),
        (_, other) => literal(target, &other.to_string()),
    }
}
