//! Filters of Directus let exactly those items through that the engine admits: each is read back as the permission of a policy
//! of Directus, in both modes, on databases that compare text with letter case and on SQLite.

use std::collections::BTreeMap;

use placet::compile::compile;
use placet::engine::check::check;
use placet::model::Model;
use placet::source::diagnostic::Severity;
use placet::source::file::SourceMap;
use placet::target::directus::render;
use placet::validate::validate;
use placet::vocab::effect::Effect;
use placet::vocab::operator::{FieldType, Operator};
use serde_json::{Value as Json, json};

use crate::leaves::{Case, Dice, admits, cases, item, items, model_of, related, rule, stored};
use crate::{ask, native};

const POLICY: &str = "8b2d9f64-0f0c-4b3a-8a57-6f2d1e7c0b00";
const SETTINGS: [(&str, &str); 4] = [
    ("strict", "sensitive"),
    ("strict", "ascii_insensitive_like"),
    ("exact", "sensitive"),
    ("exact", "ascii_insensitive_like"),
];

/// The snapshot of a schema: collections with their fields, the first of which is the key, and relations.
fn snapshot(
    collections: &[(&str, Vec<(&str, &str)>)],
    relations: &[(&str, &str, &str, Option<&str>)],
) -> Json {
    let field = |collection: &str, name: &str, kind: &str, is_key: bool| {
        let schema = if kind == "alias" {
            json!(null)
        } else {
            json!({"name": name, "default_value": null, "is_nullable": !is_key, "is_primary_key": is_key, "is_generated": false,
                "has_auto_increment": false})
        };
        let special = if kind == "alias" {
            json!(["o2m"])
        } else {
            json!(null)
        };
        json!({"collection": collection, "field": name, "type": kind, "schema": schema,
            "meta": {"interface": null, "options": null, "special": special, "validation": null, "required": false}})
    };
    let fields: Vec<Json> = collections
        .iter()
        .flat_map(|(collection, fields)| {
            fields
                .iter()
                .enumerate()
                .map(|(index, (name, kind))| field(collection, name, kind, index == 0))
        })
        .collect();
    let names: Vec<Json> = collections
        .iter()
        .map(|(name, _)| json!({"collection": name, "meta": {"singleton": false}, "schema": {"name": name}}))
        .collect();
    let relations: Vec<Json> = relations
        .iter()
        .map(|(collection, field, other, one)| {
            json!({"collection": collection, "field": field, "related_collection": other, "meta": {"one_field": one}})
        })
        .collect();
    json!({"data": {"version": 1, "directus": "11.17.4", "vendor": "postgres",
        "collections": names, "fields": fields, "relations": relations}})
}

/// Returns the model of a profile of Directus whose public may read the items that pass a filter.
fn read_back(snapshot: &Json, filter: &Json, mode: &str, text_case: &str) -> Model {
    let policies = json!({"data": [{"id": POLICY, "name": "$t:public_label", "icon": "badge", "description": null, "ip_access": null,
        "enforce_tfa": false, "admin_access": false, "app_access": false}]});
    let access = json!({"data": [{"id": "a1", "role": null, "user": null, "policy": POLICY, "sort": null}]});
    let permissions = json!({"data": [{"id": 1, "policy": POLICY, "collection": "items", "action": "read", "permissions": filter,
        "validation": null, "presets": null, "fields": ["*"]}]});
    let profile = json!({"dialect": "directus", "mode": mode, "text_case": text_case});
    let files = BTreeMap::from([
        ("profile.json".to_owned(), profile.to_string()),
        ("policies.json".to_owned(), policies.to_string()),
        ("access.json".to_owned(), access.to_string()),
        ("roles.json".to_owned(), json!({"data": []}).to_string()),
        ("permissions.json".to_owned(), permissions.to_string()),
        ("snapshot.json".to_owned(), snapshot.to_string()),
    ]);
    let outcome = native::read(&files);
    let errors: Vec<_> = outcome
        .diagnostics
        .iter()
        .filter(|each| each.severity == Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{filter}: {errors:?}");
    let mut sources = SourceMap::new();
    sources.add("permissions.json".to_owned(), "{}".to_owned());
    let mut diagnostics = Vec::new();
    let valid = validate(outcome.policy.unwrap(), &mut diagnostics)
        .unwrap_or_else(|| panic!("{filter}: {diagnostics:?}"));
    compile(&valid, &sources)
}

fn lets_through(model: &Model, attributes: &Json) -> bool {
    let question = json!({"subject": {}, "action": "read",
        "resource": {"collection": "items", "id": "1", "attributes": attributes}});
    check(model, &ask::query(&question)).unwrap().effect == Effect::Allow
}

/// What Directus stores in a field of a type, as its API tells it.
fn kept(kind: Option<FieldType>) -> Vec<Json> {
    let texts = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect();
    let mut all: Vec<Json> = match kind {
        Some(FieldType::Uuid) => texts(&[
            "c0ffee00-0000-4000-8000-000000000001",
            "c0ffee00-0000-4000-8000-000000000002",
        ]),
        Some(FieldType::Time) => texts(&["00:00:00", "09:30:00", "09:30:01", "23:59:59"]),
        Some(FieldType::DateTime | FieldType::Timestamp) => stored(kind)
            .into_iter()
            .filter(|value| {
                value
                    .as_str()
                    .is_some_and(|text| text.len() > 10 && text.len() < 26)
            })
            .collect(),
        Some(FieldType::Json) | None => vec![json!("abc")],
        kind => stored(kind),
    };
    all.push(Json::Null);
    all.into_iter()
        .map(|value| json!({"id": 1, "f": value}))
        .collect()
}

#[test]
fn every_comparison_lets_through_what_the_engine_admits() {
    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for (case, model) in cases() {
        let kind = case.kind.map_or("unknown", FieldType::name);
        let snapshot = snapshot(&[("items", vec![("id", "integer"), ("f", kind)])], &[]);
        let pool = kept(case.kind);
        let count = counts.entry(case.name()).or_default();
        for (filter, holds) in [(case.filter(), true), (case.filter().not(), false)] {
            let Ok(rendering) = render(&model, items(&model), &filter) else {
                count[1] += 1;
                continue;
            };
            count[0] += 1;
            if count[0] > 8 && !count[0].is_multiple_of(4) {
                // One profile of Directus for each would take long.
                continue;
            }
            let json: Json = serde_json::from_str(&rendering.text).unwrap();
            let (mode, text_case) = SETTINGS[(count[0] / 4 + count[0] + count[1]) % 4];
            let back = read_back(&snapshot, &json, mode, text_case);
            for item in &pool {
                compared += 1;
                if lets_through(&back, item) != (admits(&model, item) == holds) && wrong.len() < 60 {
                    wrong.push(format!(
                        "{mode} {text_case}: {} of {item}: {holds} {json}",
                        case.condition()
                    ));
                }
            }
        }
    }
    for (name, [said, refused]) in &counts {
        if *refused > 0 {
            println!("directus: {name}: said {said}, refused {refused}");
        }
    }
    let said: usize = counts.values().map(|[said, _]| said).sum();
    let refused: usize = counts.values().map(|[_, refused]| refused).sum();
    println!("directus: {said} filters said, {refused} refused, {compared} items compared");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    for (name, least) in [
        ("string _eq", 0.9),
        ("string _neq", 0.9),
        ("string _in", 0.8),
        ("string _nempty", 1.0),
        ("uuid _eq", 1.0),
        ("uuid _nin", 1.0),
        ("integer _eq", 0.9),
        ("integer _gte", 0.9),
        ("integer _between", 0.9),
        ("boolean _eq", 1.0),
        ("boolean _in", 1.0),
        ("timestamp _gte", 1.0),
        ("timestamp _nbetween", 1.0),
        ("date _lt", 1.0),
        ("time _eq", 1.0),
        ("undeclared _null", 1.0),
        ("year(timestamp) _eq", 1.0),
        ("string _istarts_with", 0.1),
        ("string _contains", 0.1),
    ] {
        let [said, refused] = counts.get(name).copied().unwrap_or_default();
        let share = said as f64 / (said + refused).max(1) as f64;
        assert!(share >= least, "{name}: only {said} said, {refused} refused");
    }
}

#[test]
fn random_conditions_let_through_what_the_engine_admits() {
    let snapshot = snapshot(
        &[
            (
                "items",
                vec![
                    ("id", "integer"),
                    ("title", "string"),
                    ("rank", "integer"),
                    ("on", "timestamp"),
                    ("tags", "csv"),
                    ("author", "integer"),
                    ("comments", "alias"),
                ],
            ),
            (
                "people",
                vec![("id", "integer"), ("name", "string"), ("chief", "integer")],
            ),
            (
                "comments",
                vec![
                    ("id", "integer"),
                    ("status", "string"),
                    ("score", "integer"),
                    ("item", "integer"),
                ],
            ),
        ],
        &[
            ("items", "author", "people", None),
            ("people", "chief", "people", None),
            ("comments", "item", "items", Some("comments")),
        ],
    );
    let mut dice = Dice::new(11);
    let (mut said, mut refused, mut compared, mut passed) = (0, 0, 0, 0);
    for round in 0..2_000 {
        let rule = rule(&mut dice);
        let model = model_of(&related(), &rule.condition).unwrap_or_else(|| panic!("{}", rule.condition));
        let Ok(rendering) = render(&model, items(&model), &rule.filter) else {
            refused += 1;
            continue;
        };
        said += 1;
        let json: Json = serde_json::from_str(&rendering.text).unwrap();
        let (mode, text_case) = SETTINGS[round % 4];
        let back = read_back(&snapshot, &json, mode, text_case);
        for _ in 0..30 {
            let item = whole(item(&mut dice));
            compared += 1;
            let admitted = admits(&model, &item);
            passed += usize::from(admitted);
            assert_eq!(
                lets_through(&back, &item),
                admitted,
                "{mode} {text_case}: {}\n{json}\n{item}",
                rule.condition
            );
        }
    }
    println!(
        "directus: {said} random conditions said, {refused} refused, {compared} items compared, {passed} passed"
    );
    assert!(said > 500 && refused > 0, "{said} said, {refused} refused");
}

/// Returns the item with everything that Directus would tell of it: what is null, too.
fn whole(mut item: Json) -> Json {
    let fill = |value: &mut Json, names: &[&str]| {
        for name in names {
            if value.get(name).is_none() {
                value[*name] = Json::Null;
            }
        }
    };
    item["id"] = json!(1);
    if item["comments"].is_null() {
        item["comments"] = json!([]);
    }
    fill(&mut item, &["title", "rank", "on", "tags", "author"]);
    for path in [&["author"][..], &["author", "chief"]] {
        let mut here = &mut item;
        for step in path {
            if here.is_object() {
                here = here.get_mut(*step).unwrap();
            }
        }
        if here.is_object() {
            fill(here, &["name", "chief"]);
        }
    }
    for comment in item["comments"].as_array_mut().unwrap() {
        fill(comment, &["status", "score"]);
    }
    item
}

#[test]
fn what_cannot_be_said_names_what_would_help() {
    for (kind, operator, value, words) in [
        (
            Some(FieldType::String),
            Operator::Eq,
            "$NOW",
            "takes for something else",
        ),
        (
            Some(FieldType::String),
            Operator::Eq,
            "$CURRENT_USER.id",
            "takes for something else",
        ),
        (
            Some(FieldType::String),
            Operator::Eq,
            "null",
            "takes for something else",
        ),
        (
            Some(FieldType::String),
            Operator::Contains,
            "abc",
            "whose case counts or not",
        ),
        (Some(FieldType::String), Operator::StartsWith, "1%", "wildcards"),
        (Some(FieldType::String), Operator::Regex, "a", "do not have"),
        (
            Some(FieldType::Integer),
            Operator::Lt,
            "2024-03-01",
            "declare the field as timestamp",
        ),
        (None, Operator::Eq, "a", "declare the type"),
    ] {
        let case = Case {
            kind,
            function: None,
            operator,
            values: vec![json!(value)],
        };
        let field = kind.map_or(json!({}), |kind| json!(kind.name()));
        let collections = json!([{"id": "items", "key": "id", "fields": {"id": "integer", "f": field}}]);
        let model = model_of(&collections, &json!({"f": {"_null": true}})).unwrap();
        let message = render(&model, items(&model), &case.filter())
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message}");
    }
}
