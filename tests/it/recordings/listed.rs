//! Plans run on databases: which rows of a table the filter of an answer finds.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use placet::rpc::proto::v1::{Plan, PlanKind, PlanTarget};
use placet::target::{Rendering, Target};
use placet::vocab::value::Value;
use prost_types::value::Kind;

use crate::target::database::Database;

/// The languages that are asked for.
pub(crate) const TARGETS: [PlanTarget; 3] = [PlanTarget::Sqlite, PlanTarget::Postgresql, PlanTarget::Mysql];

/// What came of running a plan.
pub(crate) enum Asked {
    /// The keys of the rows that are found, and how they were asked for.
    Listed { sql: String, ids: BTreeSet<i64> },
    /// The language of the database cannot say the filter, and why.
    Unsayable(String),
}

/// How often lists were compared, by what came of it.
#[derive(Default)]
pub(crate) struct Comparisons(RefCell<BTreeMap<String, usize>>);

impl Comparisons {
    /// Counts one.
    pub(crate) fn count(&self, what: String) {
        *self.0.borrow_mut().entry(what).or_default() += 1;
    }

    /// Returns a line for each end that a comparison came to.
    pub(crate) fn report(&self) -> String {
        let counts = self.0.borrow();
        let lines = counts
            .iter()
            .map(|(what, count)| format!("  lists by plan: {count} {what}\n"));
        lines.collect()
    }
}

/// Returns which rows of a table a plan finds; `key` is a column of whole numbers.
pub(crate) fn ask(database: &mut Database, table: &str, key: &str, plan: &Plan) -> Result<Asked, String> {
    let rendering = match rendering(database.target, plan)? {
        Ok(rendering) => rendering,
        Err(error) => return Ok(Asked::Unsayable(error)),
    };
    let (sql, ids) = select(database, (table, table), key, &rendering)?;
    Ok(Asked::Listed { sql, ids })
}

/// Returns which rows of a table, by another name if so, a condition finds, and how they were asked for.
pub(crate) fn select(
    database: &mut Database,
    (table, alias): (&str, &str),
    key: &str,
    rendering: &Rendering,
) -> Result<(String, BTreeSet<i64>), String> {
    let target = database.target;
    let [key, table, alias] = [key, table, alias].map(|name| quote(target, name));
    let whole = if target == Target::Mysql {
        "SIGNED"
    } else {
        "BIGINT"
    };
    let condition = &rendering.text;
    let sql = format!("SELECT CAST({key} AS {whole}) FROM {table} AS {alias} WHERE {condition}");
    let told = format!("{sql} with {:?}", rendering.parameters);
    match database.ask(&sql, rendering) {
        Ok(ids) => Ok((told, ids)),
        Err(error) => Err(format!("{}: {error} of {told}", target.name())),
    }
}

/// Returns the filter of a plan as a condition of SQL, or why there is none.
fn rendering(target: Target, plan: &Plan) -> Result<Result<Rendering, String>, String> {
    let constant = |text: &str| Rendering {
        text: text.to_owned(),
        parameters: Vec::new(),
    };
    match plan.kind() {
        PlanKind::Always => return Ok(Ok(constant("1 = 1"))),
        PlanKind::Never => return Ok(Ok(constant("1 = 0"))),
        PlanKind::Conditional => {}
        PlanKind::Unspecified => return Err("the plan is of no kind".to_owned()),
    }
    let word = match target {
        Target::Postgresql => PlanTarget::Postgresql,
        Target::Mysql => PlanTarget::Mysql,
        Target::Sqlite | Target::Directus | Target::Mongodb => PlanTarget::Sqlite,
    };
    let found = plan.renderings.iter().find(|each| each.target() == word);
    let found = found.ok_or_else(|| format!("nothing is rendered for {}", target.name()))?;
    if !found.error.is_empty() {
        return Ok(Err(found.error.clone()));
    }
    Ok(Ok(Rendering {
        text: found.text.clone(),
        parameters: found.parameters.iter().map(operand).collect(),
    }))
}

fn operand(value: &prost_types::Value) -> Value<'static> {
    match &value.kind {
        Some(Kind::StringValue(text)) => Value::Text(text.clone().into()),
        Some(Kind::NumberValue(number)) => Value::Number(*number),
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        other => panic!("{other:?} is no parameter"),
    }
}

/// Returns a name as a database wants it quoted.
pub(crate) fn quote(target: Target, name: &str) -> String {
    match target {
        Target::Mysql => format!("`{name}`"),
        Target::Postgresql | Target::Sqlite | Target::Directus | Target::Mongodb => format!("\"{name}\""),
    }
}
