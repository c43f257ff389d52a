//! Answers that were worked out by hand, under `tests/corpus/decisions`.
//!
//! `condition/<operator>.json` holds truth tables: what a condition is on a stored item and on submitted values. A table row is
//! `[value of x, stored, submitted]`, or with `items` `[attributes, stored, submitted]`; each verdict is `true`, `false`,
//! `"open"`, or null where the table says nothing. Every verdict is asked for in several ways (as the condition of an allow, of a
//! deny, of a constraint …), because each way reads it differently. The other files ask the sample profiles.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use placet::engine::check::check;
use placet::engine::transitions::list;
use placet::load::discover::{ScanLimits, read_root};
use placet::load::{LoadedProfile, load};
use placet::model::Model;
use placet::source::diagnostic::Severity;
use placet::source::render::render_text;
use placet::vocab::effect::{Effect, Reason};
use placet::vocab::operator::{Function, Operator};
use placet::vocab::value::Value as Told;
use serde_json::{Value as Json, json};

use crate::ask;

/// Returns the root of a directory of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Loads every profile of a root, and shows what is wrong if one has no model.
pub(crate) fn load_all(root: &Path) -> Vec<Arc<LoadedProfile>> {
    let scan = read_root(root, &ScanLimits::default()).unwrap();
    let profiles = load(&scan, &[]);
    for profile in &profiles {
        let complaints = render_text(&profile.diagnostics, &profile.sources, false);
        assert!(
            profile.model.is_some(),
            "{} has no model\n{complaints}",
            profile.id
        );
        assert_eq!(profile.count(Severity::Error), 0, "{complaints}");
    }
    profiles
}

/// Reads a JSON file of the corpus.
pub(crate) fn read_json(path: &Path) -> Json {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the files of a corpus directory that end in `.json`, sorted.
fn json_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    files
}

/// What a condition may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    True,
    False,
    Open,
}

impl Verdict {
    /// Reads a verdict of a table; `None` where the table says nothing.
    fn read(json: &Json) -> Option<Self> {
        match json {
            Json::Bool(true) => Some(Self::True),
            Json::Bool(false) => Some(Self::False),
            Json::String(text) if text == "open" => Some(Self::Open),
            Json::Null => None,
            Json::String(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                panic!("`{json}` is no verdict")
            }
        }
    }
}

/// A way to ask for the verdict of a condition: the action whose rules hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The `when` of an allow.
    Allow,
    /// The `when` of an allow, asked for some item.
    Some,
    /// The `when` of an allow that says `_not`.
    Negate,
    /// The `when` of a deny.
    Deny,
    /// The `require` of a constraint.
    Require,
    /// The `validate` of an allow.
    Validate,
    /// The `submitted` of a constraint.
    Submit,
}

impl Reading {
    const STORED: [Reading; 6] = [
        Reading::Allow,
        Reading::Some,
        Reading::Negate,
        Reading::Deny,
        Reading::Require,
        Reading::Validate,
    ];

    fn action(self) -> &'static str {
        match self {
            Reading::Allow | Reading::Some => "allow",
            Reading::Negate => "negate",
            Reading::Deny => "deny",
            Reading::Require => "require",
            Reading::Validate => "validate",
            Reading::Submit => "submit",
        }
    }

    fn name(self) -> &'static str {
        if self == Reading::Some {
            "some"
        } else {
            self.action()
        }
    }

    /// Returns the reason that the verdict leads to.
    fn reason(self, verdict: Verdict) -> Reason {
        match (self, verdict) {
            (Reading::Some, Verdict::Open) => Reason::Allowed,
            (_, Verdict::Open) => Reason::MissingAttribute,
            (Reading::Deny, Verdict::True) => Reason::Denied,
            (Reading::Deny | Reading::Negate, Verdict::False) => Reason::Allowed,
            (Reading::Allow | Reading::Some, Verdict::False) | (Reading::Negate, Verdict::True) => {
                Reason::NoMatchingGrant
            }
            (Reading::Require | Reading::Validate | Reading::Submit, Verdict::False) => Reason::Violation,
            (_, Verdict::True) => Reason::Allowed,
        }
    }
}

/// Writes the profile that asks the condition of a table in every way.
fn write_table_profile(root: &Path, table: &Json) {
    let condition = &table["condition"];
    let everyone =
        |action: &str| json!({"roles": ["everyone"], "collections": ["things"], "actions": [action]});
    let with = |mut rule: Json, key: &str, value: &Json| {
        rule[key] = value.clone();
        rule
    };
    let mut grants = vec![
        with(everyone("allow"), "when", condition),
        with(everyone("negate"), "when", &json!({ "_not": condition })),
        everyone("deny"),
        with(
            with(everyone("deny"), "when", condition),
            "effect",
            &json!("deny"),
        ),
        everyone("require"),
        with(everyone("validate"), "validate", condition),
        everyone("submit"),
    ];
    grants.extend(table["grants"].as_array().into_iter().flatten().cloned());
    let constraints = json!([
        {"collections": ["things"], "actions": ["require"], "require": condition},
        {"collections": ["things"], "actions": ["submit"], "submitted": condition}
    ]);
    let roles = json!([
        {"id": "author", "attributes": {"desk": "sport"}},
        {"id": "editor"},
        {"id": "chief", "inherits": ["editor", "bundle"]},
        {"id": "bundle", "kind": "policy"}
    ]);
    let mut things = json!({"id": "things"});
    let mut collections = Vec::new();
    if let Some(fields) = table.get("fields") {
        things["fields"] = fields.clone();
    }
    for (field, related) in table["relations"].as_object().into_iter().flatten() {
        things["fields"] = json!({ field: {"type": "alias", "relation": related, "many": true} });
        collections.push(json!({ "id": related }));
    }
    collections.push(things);
    let mut profile = json!({"id": "table", "dialect": "native"});
    if let Some(absent) = table.get("absent_is") {
        profile["absent"] = absent.clone();
    }
    let directory = root.join("table");
    fs::create_dir_all(&directory).unwrap();
    for (name, json) in [
        ("profile.json", profile),
        ("roles.json", json!({ "roles": roles })),
        ("collections.json", json!({ "collections": collections })),
        (
            "grants.json",
            json!({"grants": grants, "constraints": constraints}),
        ),
    ] {
        fs::write(directory.join(name), json.to_string()).unwrap();
    }
}

/// Returns the rows of a table: values of the item, verdict when stored, verdict when submitted.
fn rows(table: &Json) -> Vec<(Json, Json, Json)> {
    for key in table.as_object().unwrap().keys() {
        let known = [
            "about",
            "condition",
            "absent",
            "rows",
            "items",
            "request",
            "fields",
            "relations",
            "grants",
            "readings",
            "absent_is",
        ];
        assert!(known.contains(&key.as_str()), "`{key}` is no part of a table");
    }
    let mut rows = Vec::new();
    if let Some(absent) = table.get("absent") {
        rows.push((json!({}), absent[0].clone(), absent[1].clone()));
    }
    for (key, wrap) in [("rows", true), ("items", false)] {
        for row in table[key].as_array().into_iter().flatten() {
            assert_eq!(row.as_array().map(Vec::len), Some(3), "{row} is no row");
            let item = if wrap {
                json!({ "x": row[0] })
            } else {
                row[0].clone()
            };
            rows.push((item, row[1].clone(), row[2].clone()));
        }
    }
    assert!(!rows.is_empty(), "a table without rows proves nothing");
    rows
}

/// Asks one row in one way, and complains if the answer is not what the verdict leads to.
fn ask_row(
    model: &Model,
    table: &Json,
    reading: Reading,
    item: &Json,
    verdict: Verdict,
) -> Result<(), String> {
    let mut question = table.get("request").cloned().unwrap_or_else(|| json!({}));
    question["action"] = json!(reading.action());
    question["resource"]["collection"] = json!("things");
    if reading == Reading::Submit {
        question["changes"] = item.clone();
    } else {
        question["resource"]["attributes"] = item.clone();
    }
    if reading == Reading::Some {
        question["resource"]["any_item"] = json!(true);
    }
    let query = ask::query(&question);
    let decision = check(model, &query).map_err(|error| error.to_string())?;
    let wanted = reading.reason(verdict);
    let conditional = reading == Reading::Some && verdict == Verdict::Open;
    if decision.reason == wanted && decision.conditional == conditional {
        return Ok(());
    }
    Err(format!(
        "{} of {item} should be {verdict:?}, so `{}` {} ({}conditional), but it is {} ({}conditional)",
        table["condition"],
        reading.name(),
        wanted.name(),
        if conditional { "" } else { "not " },
        decision.reason.name(),
        if decision.conditional { "" } else { "not " },
    ))
}

/// Asks every row of a table, and returns how many questions that were.
fn ask_table(table: &Json, complaints: &mut Vec<String>) -> usize {
    let root = tempfile::tempdir().unwrap();
    write_table_profile(root.path(), table);
    let profiles = load_all(root.path());
    let model = profiles[0].model.as_ref().unwrap();
    let readings: Vec<Reading> = match table.get("readings") {
        None => Reading::STORED.to_vec(),
        Some(names) => {
            let names = names.as_array().unwrap();
            let find = |name: &Json| {
                Reading::STORED
                    .into_iter()
                    .find(|reading| name == reading.name())
                    .unwrap()
            };
            names.iter().map(find).collect()
        }
    };
    let mut asked = 0;
    for (item, stored, submitted) in rows(table) {
        let stored = Verdict::read(&stored)
            .into_iter()
            .flat_map(|verdict| readings.iter().map(move |each| (*each, verdict)));
        let submitted = Verdict::read(&submitted).map(|verdict| (Reading::Submit, verdict));
        for (reading, verdict) in stored.chain(submitted) {
            asked += 1;
            if let Err(complaint) = ask_row(model, table, reading, &item, verdict) {
                complaints.push(complaint);
            }
        }
    }
    asked
}

#[test]
fn conditions() {
    let (mut asked, mut complaints) = (0, Vec::new());
    for file in json_files(&project("tests/corpus/decisions/condition")) {
        let corpus = read_json(&file);
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for table in corpus["tables"].as_array().unwrap() {
            let before = complaints.len();
            asked += ask_table(table, &mut complaints);
            for complaint in &mut complaints[before..] {
                *complaint = format!("{name}, {}: {complaint}", table["about"]);
            }
        }
    }
    assert!(
        complaints.is_empty(),
        "{} of {asked} answers differ\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    println!("{asked} answers about conditions");
}

#[test]
fn every_operator_has_its_tables() {
    let subjects: BTreeSet<String> = json_files(&project("tests/corpus/decisions/condition"))
        .iter()
        .map(|file| read_json(file)["subject"].as_str().unwrap().to_owned())
        .collect();
    for operator in Operator::ALL {
        assert!(
            subjects.contains(operator.name()),
            "no tables for {}",
            operator.name()
        );
    }
    for function in Function::ALL {
        assert!(
            subjects.contains(&format!("{}()", function.name())),
            "no tables for {}()",
            function.name()
        );
    }
}

/// Compares the answer to a case with what the case says.
fn ask_case(model: &Model, case: &Json) -> Result<(), String> {
    let known = [
        "name",
        "ask",
        "effect",
        "reason",
        "explanation_required",
        "left_out",
        "presets",
        "targets",
        "transitions",
    ];
    for key in case.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "`{key}` is no part of a case");
    }
    if case.get("targets").is_some() || case.get("transitions").is_some() {
        return ask_offers(model, case);
    }
    let mut question = case["ask"].clone();
    let explained = case["explanation_required"].is_boolean();
    if explained {
        demand_explanation(model, case)?;
        question["context"]["explanation"] = json!("because");
    }
    let query = ask::query(&question);
    let decision = check(model, &query).map_err(|error| error.to_string())?;
    let effect = if decision.effect == Effect::Allow {
        "ALLOW"
    } else {
        "DENY"
    };
    differs("effect", &case["effect"], &json!(effect), decision.reason)?;
    if let Some(reason) = case.get("reason") {
        differs("reason", reason, &json!(decision.reason.name()), decision.reason)?;
    }
    if explained {
        differs(
            "explanation_required",
            &case["explanation_required"],
            &json!(decision.explanation_required),
            decision.reason,
        )?;
    }
    if decision.effect == Effect::Allow {
        let left_out: serde_json::Map<String, Json> = decision
            .left_out
            .iter()
            .map(|left| (left.field.to_owned(), json!(left.reason.name())))
            .collect();
        let wanted = case.get("left_out").cloned().unwrap_or_else(|| json!({}));
        differs("left_out", &wanted, &Json::Object(left_out), decision.reason)?;
    }
    if let Some(wanted) = case.get("presets") {
        let presets: serde_json::Map<String, Json> = decision
            .presets
            .iter()
            .map(|(field, value)| ((*field).to_owned(), told(value)))
            .collect();
        differs("presets", wanted, &Json::Object(presets), decision.reason)?;
    }
    Ok(())
}

/// Asks without an explanation: refused for that exactly if the case says that one is required.
fn demand_explanation(model: &Model, case: &Json) -> Result<(), String> {
    let query = ask::query(&case["ask"]);
    let decision = check(model, &query).map_err(|error| error.to_string())?;
    let wanted = if case["explanation_required"] == json!(true) {
        "EXPLANATION_REQUIRED"
    } else {
        "ALLOWED"
    };
    differs(
        "reason without an explanation",
        &json!(wanted),
        &json!(decision.reason.name()),
        decision.reason,
    )
}

/// Lists the open transitions, by their names or by the states that they lead to, in the order of the offers, an explanation given.
fn ask_offers(model: &Model, case: &Json) -> Result<(), String> {
    let mut question = case["ask"].clone();
    if question["context"]["explanation"].is_null() {
        question["context"]["explanation"] = json!("because");
    }
    let query = ask::query(&question);
    let offers = list(model, &query).map_err(|error| error.to_string())?;
    let open = offers
        .iter()
        .filter(|offer| offer.listed && offer.decision.is_allow());
    if let Some(wanted) = case.get("transitions") {
        let named = open.map(|offer| model.transition(offer.transition.unwrap()).unwrap());
        let names: Vec<&str> = named.map(|transition| transition.name.as_ref()).collect();
        return differs("transitions", wanted, &json!(names), Reason::Allowed);
    }
    let targets: Vec<&str> = open.map(|offer| offer.target.unwrap()).collect();
    differs("targets", &case["targets"], &json!(targets), Reason::Allowed)
}

fn differs(what: &str, wanted: &Json, got: &Json, reason: Reason) -> Result<(), String> {
    if wanted == got {
        return Ok(());
    }
    Err(format!(
        "{what} should be {wanted}, but is {got} ({})",
        reason.name()
    ))
}

/// Writes a value of a decision as JSON.
fn told(value: &Told<'_>) -> Json {
    match value {
        Told::Null => Json::Null,
        Told::Bool(value) => json!(value),
        Told::Number(number) => json!(number),
        Told::Text(text) => json!(text),
        Told::List(values) => values.iter().map(told).collect(),
        Told::Object(object) => object
            .iter()
            .map(|(key, value)| (key.to_owned(), told(value)))
            .collect(),
    }
}

#[test]
fn sample_profiles() {
    let profiles = load_all(&project("policies"));
    let (mut asked, mut complaints) = (0, Vec::new());
    for file in json_files(&project("tests/corpus/decisions")) {
        let corpus = read_json(&file);
        let profile = profiles
            .iter()
            .find(|profile| corpus["profile"] == *profile.id)
            .unwrap();
        for case in corpus["cases"].as_array().unwrap() {
            asked += 1;
            if let Err(complaint) = ask_case(profile.model.as_ref().unwrap(), case) {
                complaints.push(format!("{}, {}: {complaint}", profile.id, case["name"]));
            }
        }
    }
    assert!(
        complaints.is_empty(),
        "{} of {asked} answers differ\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    println!("{asked} answers of sample profiles");
}
