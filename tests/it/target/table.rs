//! Each operator and function on a column of each type, against the engine's own comparison, row by row.

use std::collections::{BTreeMap, BTreeSet};

use placet::engine::filter::{Comparison, Filter};
use placet::model::Model;
use placet::model::id::CollectionId;
use placet::target::{Target, render};
use placet::vocab::operator::{FieldType, Function, Operand, Operator};
use placet::vocab::value::Value;
use serde_json::{Value as Json, json};

use super::columns::{Column, choices, columns, pairs, scalars};
use super::database::Database;
use super::oracle::{Oracle, holds};
use crate::ask;

/// What came of the comparisons with one target.
#[derive(Default)]
struct Count {
    compared: usize,
    unsayable: usize,
    rows: usize,
    /// How many could be said, by type and operator.
    said: BTreeMap<(&'static str, &'static str), usize>,
}

/// Which functions are asked of a type.
fn functions(kind: FieldType) -> Vec<Option<Function>> {
    let parts = Function::ALL
        .into_iter()
        .filter(|part| !matches!(part, Function::Count | Function::Joined));
    let more: Vec<Function> = match kind {
        FieldType::Date | FieldType::DateTime | FieldType::Timestamp => parts.collect(),
        FieldType::Csv => vec![Function::Count, Function::Joined],
        FieldType::Json => vec![Function::Count],
        FieldType::String => vec![Function::Joined],
        _ => Vec::new(),
    };
    [None].into_iter().chain(more.into_iter().map(Some)).collect()
}

/// A comparison as the condition language says it, with variables in the place of what is compared with.
struct Form {
    name: String,
    operator: Operator,
    function: Option<Function>,
    condition: Json,
}

fn forms(column: &Column) -> Vec<Form> {
    let mut forms = Vec::new();
    for function in functions(column.kind) {
        let field = function.map_or("x".to_owned(), |function| format!("{}(x)", function.name()));
        for operator in Operator::ALL.iter().copied() {
            let right = match operator.operand() {
                Operand::Scalar | Operand::Ordered | Operand::Text | Operand::List => json!("$CONTEXT.x"),
                Operand::Pair => json!(["$CONTEXT.low", "$CONTEXT.high"]),
                Operand::Flag if operator != Operator::Submitted => json!(true),
                Operand::Pattern => json!("^a"),
                Operand::Flag | Operand::Geometry => continue,
            };
            forms.push(Form {
                name: format!("{}{}", function.map_or("", Function::name), operator.name()),
                operator,
                function,
                condition: json!({ &field: { operator.name(): right } }),
            });
        }
    }
    forms
}

/// Returns what a form is compared with: the values of the filter, and the facts of the question.
fn operands(form: &Form, kind: FieldType) -> Vec<(Vec<Value<'static>>, Json)> {
    let value = |json: &Json| {
        let object = json!({ "x": json });
        ask::object(&object).get("x").cloned().unwrap().into_owned()
    };
    let list = |json: &Json| json.as_array().unwrap().iter().map(value).collect();
    match form.operator.operand() {
        Operand::List => choices()
            .iter()
            .map(|json| (list(json), json!({ "x": json })))
            .collect(),
        Operand::Pair => pairs()
            .iter()
            .map(|json| (list(json), json!({"low": json[0], "high": json[1]})))
            .collect(),
        Operand::Flag => vec![(Vec::new(), json!({}))],
        Operand::Pattern => vec![(vec![value(&json!("^a"))], json!({}))],
        Operand::Scalar | Operand::Ordered | Operand::Text | Operand::Geometry => {
            let mut kind = kind;
            if form.function.is_some() && form.function != Some(Function::Joined) {
                kind = FieldType::Integer;
            }
            scalars(kind)
                .iter()
                .map(|json| (vec![value(json)], json!({ "x": json })))
                .collect()
        }
    }
}

fn create(database: &mut Database, column: &Column) {
    let target = database.target;
    let label = column.label;
    database.run(&format!(
        "CREATE TABLE t_{label} (nr bigint PRIMARY KEY, x {})",
        column.type_in(target)
    ));
    let rows: Vec<String> = column
        .rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let stored = row.expression(target);
            match target {
                Target::Postgresql if stored != "NULL" => {
                    let name = column.type_in(target).split(" COLLATE").next().unwrap();
                    format!("({index}, CAST({stored} AS {name}))")
                }
                _ => format!("({index}, {stored})"),
            }
        })
        .collect();
    database.run(&format!("INSERT INTO t_{label} VALUES {}", rows.join(", ")));
}

fn things(model: &Model) -> CollectionId {
    CollectionId::new(model.collection_names.find("things").unwrap())
}

/// Asks one comparison of one database, and says what differs from what the engine found.
fn compare(
    database: &mut Database,
    column: &Column,
    model: &Model,
    filter: &Filter,
    wanted: &BTreeSet<i64>,
    count: &mut Count,
) -> Option<String> {
    let target = database.target;
    let rendering = match render(model, things(model), filter, target) {
        Ok(rendering) => rendering,
        Err(error) => {
            assert!(error.0.contains('`'), "{error} names nothing");
            count.unsayable += 1;
            return None;
        }
    };
    let quote = if target == Target::Mysql { '`' } else { '"' };
    let sql = format!(
        "SELECT nr FROM t_{} AS {quote}things{quote} WHERE {}",
        column.label, rendering.text
    );
    count.compared += 1;
    count.rows += column.rows.len();
    let found = database.ask(&sql, &rendering);
    if found.as_ref() == Ok(wanted) {
        return None;
    }
    let told = |rows: &BTreeSet<i64>| {
        let row = |row: &i64| column.rows[usize::try_from(*row).unwrap()].told.to_string();
        rows.iter().map(row).collect::<Vec<_>>().join(", ")
    };
    let found = match found {
        Err(error) => error,
        Ok(found) => format!(
            "too many: {}; too few: {}",
            told(&(&found - wanted)),
            told(&(wanted - &found))
        ),
    };
    Some(format!(
        "{} {}: {}\n  {sql}\n  {:?}",
        target.name(),
        column.label,
        found,
        rendering.parameters
    ))
}

#[test]
fn every_comparison_passes_exactly_the_rows_that_the_engine_admits() {
    let mut databases = Database::open_all("placet_table");
    let mut counts: Vec<Count> = databases.iter().map(|_| Count::default()).collect();
    for database in &mut databases {
        if database.target == Target::Postgresql {
            database.run(
                "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
            );
        }
    }
    let mut complaints = Vec::new();
    let mut refused = 0;
    for column in columns() {
        for database in &mut databases {
            if !column.is_in(database.target) {
                continue;
            }
            database.set_zone("+00:00");
            create(database, &column);
            database.set_zone("-03:30");
        }
        let collections = json!([{"id": "things", "fields": {"nr": "integer", "x": column.kind.name()}}]);
        let forms = forms(&column);
        let conditions: Vec<(String, Json)> = forms
            .iter()
            .map(|form| (form.name.clone(), form.condition.clone()))
            .collect();
        let oracle = Oracle::load(&collections, &conditions);
        for form in &forms {
            let Some(model) = oracle.model(&form.name) else {
                refused += 1;
                continue;
            };
            for (values, context) in operands(form, column.kind) {
                let wanted: BTreeSet<i64> = (0_i64..)
                    .zip(&column.rows)
                    .filter(|(_, row)| holds(model, &json!({ "x": row.told }), &context))
                    .map(|(index, _)| index)
                    .collect();
                let filter = Filter::Compare(Comparison {
                    path: vec!["x".into()],
                    function: form.function,
                    operator: form.operator,
                    values,
                    kind: Some(column.kind),
                });
                let there = databases.iter_mut().zip(&mut counts);
                for (database, count) in there.filter(|(database, _)| column.is_in(database.target)) {
                    let before = count.compared;
                    complaints.extend(compare(database, &column, model, &filter, &wanted, count));
                    if form.function.is_none() {
                        *count
                            .said
                            .entry((column.label, form.operator.name()))
                            .or_default() += count.compared - before;
                    }
                }
            }
        }
    }
    for (database, count) in databases.iter().zip(&counts) {
        println!(
            "{}: {} comparisons on {} rows, {} unsayable",
            database.target.name(),
            count.compared,
            count.rows,
            count.unsayable
        );
    }
    println!("{refused} comparisons that no profile may say");
    let shown: Vec<&str> = complaints.iter().take(30).map(String::as_str).collect();
    assert!(
        complaints.is_empty(),
        "{} comparisons differ\n{}",
        complaints.len(),
        shown.join("\n")
    );
    for count in &counts {
        check_sayable(count);
    }
}

/// What profiles say every day must be sayable.
fn check_sayable(count: &Count) {
    assert!(count.compared > 10_000, "only {} comparisons ran", count.compared);
    let common: &[(&str, &[&str])] = &[
        (
            "_eq _neq _in _nin _null _nnull",
            &[
                "string",
                "plain",
                "uuid",
                "integer",
                "big",
                "float",
                "decimal",
                "boolean",
                "date",
                "datetime",
                "timestamp",
            ],
        ),
        (
            "_lt _lte _gt _gte _between",
            &[
                "integer",
                "big",
                "float",
                "short",
                "decimal",
                "date",
                "datetime",
                "timestamp",
                "time",
            ],
        ),
        (
            "_contains _icontains _starts_with _istarts_with _ends_with _iends_with _ieq _like _nlike _empty",
            &["string", "plain"],
        ),
        ("_contains _ncontains _icontains _empty _nempty", &["csv"]),
        ("_null _nnull _empty _nempty", &["json", "jsonb"]),
    ];
    for (operators, labels) in common {
        for operator in operators.split(' ') {
            for label in *labels {
                let said = count
                    .said
                    .iter()
                    .filter(|((column, name), _)| column == label && *name == operator);
                let said: usize = said.map(|(_, said)| said).sum();
                assert!(said > 0, "{operator} of {label} is never sayable");
            }
        }
    }
}
