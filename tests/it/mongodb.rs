//! Queries of MongoDB find exactly what the engine admits: an engine of npm runs them (`tests/databases/mongodb/run`).

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use placet::target::mongodb::render;
use placet::vocab::operator::{FieldType, Operator};
use serde_json::{Value as Json, json};

use crate::leaves::{Case, Dice, MOMENTS, admits, cases, item, items, model_of, related, rule, stored};

/// An engine that runs queries.
struct Engine {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Engine {
    /// Starts the engine; `None`, said aloud, if there is none.
    fn start() -> Option<Self> {
        let Some(script) = env::var_os("PLACET_MONGODB") else {
            println!("mongodb: skipped: no database");
            return None;
        };
        let mut child = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, input, output })
    }

    /// Returns the places of the documents that a query finds.
    fn find(&mut self, query: &Json, documents: &[Json]) -> Vec<usize> {
        let line = json!({"query": query, "documents": documents}).to_string();
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        let answer: Json = serde_json::from_str(&answer).unwrap();
        let Some(places) = answer.as_array() else {
            panic!("{answer}: {query}");
        };
        places
            .iter()
            .map(|place| place.as_u64().unwrap() as usize)
            .collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

/// What a field of a type may hold: as the engine sees it, and as a document has it.
fn documents(kind: Option<FieldType>) -> Vec<(Json, Json)> {
    let mut all = vec![(json!({}), json!({}))];
    for value in stored(kind) {
        all.push((json!({"f": value}), json!({"f": value})));
    }
    if matches!(
        kind,
        Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp)
    ) {
        for text in MOMENTS {
            let moment = placet::vocab::time::parse_instant(text).unwrap();
            let milliseconds = moment.as_nanosecond().div_euclid(1_000_000);
            if moment.as_nanosecond().rem_euclid(1_000_000) == 0 {
                let date = json!({"$date": {"$numberLong": milliseconds.to_string()}});
                all.push((json!({"f": moment.to_string()}), json!({"f": date})));
            }
        }
    }
    all
}

#[test]
fn every_comparison_finds_what_the_engine_admits() {
    let Some(mut engine) = Engine::start() else { return };
    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let mut compared = 0;
    let mut wrong = Vec::new();
    let mut pools = BTreeMap::new();
    for (case, model) in cases() {
        let pool: &Vec<(Json, Json)> = pools.entry(case.kind).or_insert_with(|| documents(case.kind));
        let stored: Vec<Json> = pool.iter().map(|(_, stored)| stored.clone()).collect();
        let count = counts.entry(case.name()).or_default();
        let admitted: Vec<bool> = pool.iter().map(|(item, _)| admits(&model, item)).collect();
        for (filter, holds) in [(case.filter(), true), (case.filter().not(), false)] {
            let Ok(rendering) = render(&model, items(&model), &filter) else {
                count[1] += 1;
                continue;
            };
            count[0] += 1;
            let query: Json = serde_json::from_str(&rendering.text).unwrap();
            let found = engine.find(&query, &stored);
            compared += stored.len();
            for (index, admitted) in admitted.iter().enumerate() {
                if found.contains(&index) != (*admitted == holds) && wrong.len() < 60 {
                    wrong.push(format!(
                        "{} of {}: {} {query}",
                        case.condition(),
                        pool[index].1,
                        if holds { "" } else { "not" }
                    ));
                }
            }
        }
    }
    report(&counts, compared);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Prints how many comparisons are said, and sees to it that the usual ones are.
fn report(counts: &BTreeMap<String, [usize; 2]>, compared: usize) {
    for (name, [said, refused]) in counts {
        if *refused > 0 {
            println!("mongodb: {name}: said {said}, refused {refused}");
        }
    }
    let said: usize = counts.values().map(|[said, _]| said).sum();
    let refused: usize = counts.values().map(|[_, refused]| refused).sum();
    println!("mongodb: {said} filters said, {refused} refused, {compared} documents compared");
    for (name, least) in [
        ("string _eq", 1.0),
        ("string _neq", 1.0),
        ("string _in", 1.0),
        ("string _contains", 1.0),
        ("string _nstarts_with", 1.0),
        ("string _like", 1.0),
        ("string _empty", 1.0),
        ("string _icontains", 0.9),
        ("string _regex", 0.9),
        ("uuid _eq", 1.0),
        ("integer _eq", 0.9),
        ("integer _gte", 0.9),
        ("integer _between", 0.9),
        ("float _lt", 0.9),
        ("boolean _eq", 1.0),
        ("timestamp _gte", 1.0),
        ("timestamp _eq", 1.0),
        ("timestamp _nbetween", 1.0),
        ("date _lt", 1.0),
        ("time _lte", 1.0),
        ("csv _contains", 1.0),
        ("json _contains", 0.8),
        ("undeclared _eq", 0.9),
        ("undeclared _null", 1.0),
        ("year(timestamp) _eq", 1.0),
        ("month(date) _in", 1.0),
        ("hour(timestamp) _gte", 1.0),
        ("count(json) _gt", 1.0),
    ] {
        let [said, refused] = counts.get(name).copied().unwrap_or_default();
        let share = said as f64 / (said + refused).max(1) as f64;
        assert!(share >= least, "{name}: only {said} said, {refused} refused");
    }
}

#[test]
fn random_conditions_find_what_the_engine_admits() {
    let Some(mut engine) = Engine::start() else { return };
    let mut dice = Dice::new(7);
    let (mut compared, mut found_any) = (0, 0);
    for _ in 0..1_500 {
        let rule = rule(&mut dice);
        let model = model_of(&related(), &rule.condition).unwrap_or_else(|| panic!("{}", rule.condition));
        let items: Vec<Json> = (0..40).map(|_| item(&mut dice)).collect();
        let rendering = render(&model, crate::leaves::items(&model), &rule.filter).unwrap();
        let query: Json = serde_json::from_str(&rendering.text).unwrap();
        let found = engine.find(&query, &items);
        found_any += found.len();
        for (index, item) in items.iter().enumerate() {
            compared += 1;
            assert_eq!(
                found.contains(&index),
                admits(&model, item),
                "{}\n{query}\n{item}",
                rule.condition
            );
        }
    }
    println!("mongodb: 1500 random conditions, {compared} documents compared, {found_any} found");
}

#[test]
fn what_cannot_be_said_names_what_would_help() {
    for (condition, words) in [
        (json!({"f": {"_gt": 5}}), "declare it as a number"),
        (json!({"f": {"_contains": "7"}}), "declare the field as string"),
        (json!({"f": {"_regex": "\\bword\\b"}}), "borders of words"),
        (json!({"f": {"_icontains": "Σ"}}), "sigma"),
    ] {
        let collections = json!([{"id": "items", "key": "id", "fields": {"id": "integer", "f": {}}}]);
        let model = model_of(&collections, &condition).unwrap();
        let (name, operand) = condition["f"].as_object().unwrap().iter().next().unwrap();
        let case = Case {
            kind: None,
            function: None,
            operator: Operator::find(name).unwrap(),
            values: vec![operand.clone()],
        };
        let message = render(&model, items(&model), &case.filter())
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message}");
    }
}
