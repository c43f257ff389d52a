//! Names and values that want to become SQL, and any filter as text that a parser reads.

use placet::engine::filter::{Comparison, Filter};
use placet::model::id::CollectionId;
use placet::target::{Target, render};
use placet::vocab::operator::{FieldType, Operator};
use placet::vocab::value::Value;
use serde_json::json;

use super::oracle::Oracle;
use super::tree::{DIALECTS, MARK, check_text, check_tree};
use crate::generate::random::Random;

const HOSTILE: &[&str] = &[
    "'",
    "\"",
    "`",
    "\\",
    "'; DROP TABLE things; --",
    "\" OR 1=1 --",
    "` OR 1=1 #",
    "\\' OR 1=1 --",
    "$1",
    "?",
    "/*",
    "*/",
    "%_|",
    "'||'",
    "\u{2019}",
    "\u{ff07}",
    "$$",
    "{}",
    "\n--",
    "\u{1}",
];

#[test]
fn no_value_becomes_sql() {
    let collections = json!([{"id": "things", "fields": {
        "string": "string", "text": "text", "hash": "hash", "csv": "csv", "json": "json", "uuid": "uuid", "integer": "integer",
        "date": "date", "time": "time", "float": "float", "boolean": "boolean"}}]);
    let oracle = Oracle::load(
        &collections,
        &[("any".to_owned(), json!({"string": {"_null": true}}))],
    );
    let model = oracle.model("any").unwrap();
    let things = CollectionId::new(model.collection_names.find("things").unwrap());
    let fields = model.collection(things).unwrap().fields.as_ref();
    let mut rendered = 0;
    for field in fields {
        for operator in Operator::ALL
            .iter()
            .copied()
            .filter(|operator| *operator != Operator::Submitted)
        {
            for text in HOSTILE {
                let value = || Value::Text(format!("{MARK}{text}").into());
                let filter = Filter::Compare(Comparison {
                    path: vec![field.name.clone()],
                    function: None,
                    operator,
                    values: vec![value(), value()],
                    kind: field.kind,
                });
                for target in DIALECTS {
                    if let Ok(rendering) = render(model, things, &filter, target) {
                        check_text(target, &rendering);
                        rendered += 1;
                    }
                }
            }
        }
    }
    assert!(rendered > 5_000, "{rendered} filters were rendered");
}

#[test]
fn names_are_quoted_or_refused() {
    for name in HOSTILE {
        let collections = json!([
            {"id": "things", "fields": {"id": "integer", "x": {"type": "string", "column": name},
                "many": {"relation": "others", "many": true, "via": "back"}}},
            {"id": "others", "table": name, "fields": {"id": "integer", "back": {"type": "integer", "column": name}}}]);
        let oracle = Oracle::load(&collections, &[("any".to_owned(), json!({"x": {"_null": true}}))]);
        let Some(model) = oracle.model("any") else {
            assert!(name.contains(char::is_control), "{name:?} is no name");
            continue;
        };
        let things = CollectionId::new(model.collection_names.find("things").unwrap());
        let compare = Filter::Compare(Comparison {
            path: vec!["x".into()],
            function: None,
            operator: Operator::Eq,
            values: vec![Value::Text("v".into())],
            kind: Some(FieldType::String),
        });
        let exists = Filter::Exists(placet::engine::filter::Exists {
            path: vec!["many".into()],
            collection: None,
            filter: Box::new(Filter::always()),
            or_nulls: false,
        });
        for target in DIALECTS {
            let rendering = render(
                model,
                things,
                &Filter::all([compare.clone(), exists.clone()]),
                target,
            )
            .unwrap();
            check_text(target, &rendering);
            let mark = if target == Target::Mysql { '`' } else { '"' };
            let doubled = name.replace(mark, &format!("{mark}{mark}"));
            let table = format!("FROM {mark}{doubled}{mark} AS");
            assert!(rendering.text.contains(&table), "{target:?}: {}", rendering.text);
        }
    }
    let long = "n".repeat(64);
    let collections = json!([{"id": "things", "fields": {"x": {"type": "string", "column": long}}}]);
    let oracle = Oracle::load(&collections, &[("any".to_owned(), json!({"x": {"_null": true}}))]);
    let model = oracle.model("any").unwrap();
    let things = CollectionId::new(model.collection_names.find("things").unwrap());
    let filter = Filter::Compare(Comparison {
        path: vec!["x".into()],
        function: None,
        operator: Operator::Null,
        values: Vec::new(),
        kind: None,
    });
    assert!(render(model, things, &filter, Target::Mysql).is_ok());
    let error = render(model, things, &filter, Target::Postgresql).unwrap_err();
    assert!(error.0.contains(&long), "PostgreSQL would cut it: {error}");
}

#[test]
fn any_filter_is_one_expression() {
    let mut random = Random::new(11);
    let mut said = 0;
    for _ in 0..4_000 {
        let length = random.between(1, 200);
        let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        said += check_tree(&bytes);
    }
    println!("{said} renderings of 12000 parsed");
    assert!(said > 2_000, "only {said} could be said");
}

#[test]
fn a_filter_has_no_more_values_than_databases_take() {
    let collections = json!([{"id": "things", "fields": {"x": "integer", "t": "string"}}]);
    let oracle = Oracle::load(&collections, &[("any".to_owned(), json!({"x": {"_null": true}}))]);
    let model = oracle.model("any").unwrap();
    let things = CollectionId::new(model.collection_names.find("things").unwrap());
    let filter = |size: u32| {
        Filter::Compare(Comparison {
            path: vec!["x".into()],
            function: None,
            operator: Operator::In,
            values: (0..size).map(|number| Value::Number(number.into())).collect(),
            kind: Some(FieldType::Integer),
        })
    };
    let most = u32::try_from(placet::vocab::limits::SQL_PARAMETERS_MAX).unwrap();
    for target in DIALECTS {
        let rendering = render(model, things, &filter(most), target).unwrap();
        assert_eq!(rendering.parameters.len(), most as usize);
        let error = render(model, things, &filter(most + 1), target).unwrap_err();
        assert!(error.0.contains("32766") && error.0.contains("32767"), "{error}");
    }
}
