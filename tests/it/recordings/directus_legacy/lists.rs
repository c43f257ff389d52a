//! Lists by the database: what `PlanQuery` plans is run on tables with the items of a case, and must find those that single
//! questions allow.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use placet::rpc::proto::v1::{CheckRequest, PlanKind, PlanQueryRequest, Reason};
use serde_json::Value;

use super::super::door::Door;
use super::super::listed::{Asked, Comparisons, TARGETS, ask, quote};
use super::ask::Item;
use crate::target::database::{Database, literal};

/// The people, whose roles decide as well.
const USERS: &str = "directus_users";

/// Databases, and how often a list was compared, by what came of it.
pub(crate) struct Lists {
    databases: RefCell<Vec<Database>>,
    tally: Comparisons,
}

/// An item, and what single questions about it came to.
pub(crate) struct Judged {
    pub(crate) item: Item,
    pub(crate) is_allowed: bool,
}

impl Lists {
    /// Opens the databases that are there.
    pub(crate) fn open(name: &str) -> Self {
        Self {
            databases: RefCell::new(Database::open_all(name)),
            tally: Comparisons::default(),
        }
    }

    /// Plans the list of a question, and compares what it finds among items with what each of them came to.
    pub(crate) fn compare(
        &self,
        request: &CheckRequest,
        facts: &Value,
        items: &[Judged],
        door: &dyn Door,
    ) -> Result<(), String> {
        let collection = &request
            .resource
            .as_ref()
            .ok_or("there is no resource")?
            .collection;
        let request = PlanQueryRequest {
            profile: request.profile.clone(),
            subject: request.subject.clone(),
            context: request.context.clone(),
            action: request.action.clone(),
            collection: collection.clone(),
            fields: request.fields.clone(),
            filter_fields: request.filter_fields.clone(),
            targets: TARGETS.map(i32::from).to_vec(),
            ..PlanQueryRequest::default()
        };
        let answer = door
            .plan_query(&request)
            .map_err(|status| format!("the plan is refused: {status}"))?;
        let plan = answer.plan.ok_or("the answer has no plan")?;
        if plan.kind() == PlanKind::Never && plan.reason() == Reason::Unspecified {
            return Err("no reason is told for an empty list".to_owned());
        }
        let allowed: BTreeSet<i64> = (1..)
            .zip(items)
            .filter(|(_, judged)| judged.is_allowed)
            .map(|(key, _)| key)
            .collect();
        for database in self.databases.borrow_mut().iter_mut() {
            let name = database.target.name();
            fill(database, collection, facts, items);
            let listed = match ask(database, collection, "row", &plan)? {
                Asked::Listed { sql, ids } if ids != allowed => {
                    return Err(format!(
                        "{name} lists {ids:?}, and {allowed:?} are allowed: {sql}"
                    ));
                }
                Asked::Listed { .. } => format!("{name} agrees"),
                Asked::Unsayable(error) => format!("{name} cannot say it: {error}"),
            };
            self.tally
                .count(format!("{listed} ({})", plan.kind().as_str_name()));
        }
        Ok(())
    }

    /// Returns how many lists were compared.
    pub(crate) fn report(&self) -> String {
        self.tally.report()
    }
}

/// What a column holds of an item.
type ValueOf = fn(&Item) -> Option<&str>;

/// Makes the tables anew: the items, numbered from one, and the people who own them.
fn fill(database: &mut Database, collection: &str, facts: &Value, items: &[Judged]) {
    let target = database.target;
    let mut columns: Vec<(String, &str, ValueOf)> = Vec::new();
    let mut add = |field: &Value, whole: bool, value: ValueOf| {
        if let Some(name) = field.as_str() {
            let kind = if whole { "INTEGER" } else { "VARCHAR(64)" };
            columns.push((quote(target, name), kind, value));
        }
    };
    // Statuses may be numbers.
    let is_number = |text: &str| text.parse::<i64>().is_ok();
    let whole = items
        .iter()
        .all(|judged| judged.item.status.as_deref().is_none_or(is_number));
    add(&facts["status_field"], whole, |item| item.status.as_deref());
    add(&facts["owner_field"], true, |item| item.owner.as_deref());
    let write = |value: Option<&str>| match value {
        None => "NULL".to_owned(),
        Some(text) if is_number(text) => text.to_owned(),
        Some(text) => literal(target, text),
    };
    let row = quote(target, "row");
    let table = quote(target, collection);
    let declared: Vec<String> = columns
        .iter()
        .map(|(name, kind, _)| format!(", {name} {kind}"))
        .collect();
    database.run(&format!("DROP TABLE IF EXISTS {table}"));
    database.run(&format!(
        "CREATE TABLE {table} ({row} INTEGER{})",
        declared.concat()
    ));
    for (number, judged) in (1..).zip(items) {
        let values: Vec<String> = columns
            .iter()
            .map(|(_, _, value)| format!(", {}", write(value(&judged.item))))
            .collect();
        database.run(&format!(
            "INSERT INTO {table} VALUES ({number}{})",
            values.concat()
        ));
    }
    if collection == USERS {
        return;
    }
    let users = quote(target, USERS);
    let (id, role) = (quote(target, "id"), quote(target, "role"));
    let people: BTreeMap<&str, Option<&str>> = items
        .iter()
        .filter_map(|judged| Some((judged.item.owner.as_deref()?, judged.item.owner_role.as_deref())))
        .collect();
    database.run(&format!("DROP TABLE IF EXISTS {users}"));
    database.run(&format!("CREATE TABLE {users} ({id} INTEGER, {role} INTEGER)"));
    for (person, role) in people {
        database.run(&format!(
            "INSERT INTO {users} VALUES ({}, {})",
            write(Some(person)),
            write(role)
        ));
    }
}
