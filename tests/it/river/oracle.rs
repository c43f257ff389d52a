//! What must hold for any profile and any condition, from the bytes of the files to the decisions; the fuzz targets ask it, too.

use std::path::PathBuf;

use jiff::Timestamp;
use placet::engine::check::{check, check_traced};
use placet::engine::decision::Decision;
use placet::engine::query::{Query, QueryError};
use placet::engine::trace::Recorder;
use placet::engine::{actions, fields, transitions};
use placet::load::discover::{Scan, ScannedFile, ScannedProfile};
use placet::load::{LoadedProfile, load};
use placet::model::Model;
use placet::source::code::Code;
use placet::source::diagnostic::Severity;
use placet::source::render::{render_text, to_json};
use placet::vocab::effect::{Effect, Reason};
use placet::vocab::value::{Object, Value};
use serde_json::{Map, Value as Json, json};

/// Names that one question each is asked for, at most.
const ASKED_MAX: usize = 4;

/// Loads a profile from a JSON object of file names and contents, if it is one, and asks what it decides.
pub(crate) fn check_profile(dialect: &str, text: &str) {
    let Ok(Json::Object(files)) = serde_json::from_str(text) else {
        return;
    };
    let profile = load_profile(dialect, &files);
    if let Some(model) = &profile.model {
        check_model(model);
    }
}

/// Asks one condition in every place that a condition may stand in, about an item: the answers must fit together.
///
/// The text is an object: the condition under `when`, and what it is asked about under `item`, `subject`, `context`.
pub(crate) fn check_condition(text: &str) {
    let Ok(Json::Object(mut parts)) = serde_json::from_str(text) else {
        return;
    };
    let mut part = |name| parts.remove(name).unwrap_or_default();
    let (when, item, subject, context) = (part("when"), part("item"), part("subject"), part("context"));
    if when.as_object().is_none_or(Map::is_empty) || mentions(&when, "_neutral") {
        return;
    }
    let rule = |action: &str, condition: Json| json!({"roles": ["r"], "collections": ["c"], "actions": [action], "when": condition});
    let open = |action: &str| json!({"roles": ["r"], "collections": ["c"], "actions": [action]});
    let mut deny = rule("deny", when.clone());
    deny["effect"] = "deny".into();
    let require = json!({"collections": ["c"], "actions": ["require"], "require": when});
    let files = json!({
        "roles.json": {"roles": [{"id": "r"}]},
        "grants.json": {
            "grants": [rule("yes", when.clone()), rule("no", json!({"_not": when})), open("deny"), deny, open("require")],
            "constraints": [require],
        },
    });
    let profile = load_profile("native", files.as_object().unwrap());
    let Some(model) = &profile.model else { return };

    let mut query = Query::at(Timestamp::UNIX_EPOCH);
    query.subject.id = "u";
    query.subject.roles = (&["r"] as &[_]).into();
    query.subject.attributes = object(&subject);
    query.context.attributes = object(&context);
    query.resource.collection = "c";
    query.resource.id = "i";
    query.resource.attributes = object(&item);
    let allows = |action| {
        let mut query = query.clone();
        query.action = action;
        ask(model, &query).is_some_and(|allowed| allowed)
    };
    let (yes, no, deny, require) = (allows("yes"), allows("no"), allows("deny"), allows("require"));
    // A path through a list tries one related item after the other, so one may satisfy it and another one its opposite.
    if !has_list(&item) {
        assert!(!(yes && no), "a condition and its opposite hold: {when}");
        assert_eq!(
            deny, no,
            "a deny lets pass what its condition does not exclude: {when}"
        );
    }
    assert_eq!(
        require, yes,
        "a constraint is met by what its condition does not hold for: {when}"
    );
    query.resource.any_item = true;
    let allows_some = |action| {
        let mut query = query.clone();
        query.action = action;
        ask(model, &query).is_some_and(|allowed| allowed)
    };
    assert!(
        !yes || allows_some("yes"),
        "what holds for this item holds for no item: {when}"
    );
    assert!(
        allows_some("yes") || allows_some("no"),
        "for no item holds {when}, and for none its opposite"
    );
}

/// Loads one profile that lies in no directory, twice, and checks what holds for any.
fn load_profile(dialect: &str, files: &Map<String, Json>) -> LoadedProfile {
    let scan = scan(dialect, files);
    let [first, second] = [(); 2].map(|()| load(&scan, &[]).remove(0));
    let shown = |profile: &LoadedProfile| render_text(&profile.diagnostics, &profile.sources, false);
    assert_eq!(
        shown(&first),
        shown(&second),
        "the same files give the same complaints"
    );
    assert!(
        first
            .diagnostics
            .iter()
            .all(|diagnostic| diagnostic.code != Code::Fault),
        "{}",
        shown(&first)
    );
    assert_eq!(
        first.model.is_none(),
        first.count(Severity::Error) > 0,
        "{}",
        shown(&first)
    );
    let rows = to_json(&first.diagnostics, &first.sources);
    assert_eq!(rows.as_array().map(Vec::len), Some(first.diagnostics.len()));
    drop(second);
    std::sync::Arc::into_inner(first).expect("nobody else holds it")
}

fn scan(dialect: &str, files: &Map<String, Json>) -> Scan {
    let profile = json!({"id": "p", "dialect": dialect}).to_string();
    let mut scanned = vec![ScannedFile::of("p/profile.json".to_owned(), profile.into_bytes())];
    for (name, content) in files {
        let content = content
            .as_str()
            .map_or_else(|| content.to_string(), str::to_owned);
        if is_file_name(name) && name != "profile.json" {
            scanned.push(ScannedFile::of(format!("p/{name}"), content.into_bytes()));
        }
    }
    scanned.sort_by(|one, other| one.path.cmp(&other.path));
    let profile = ScannedProfile {
        name: "p".to_owned(),
        prefix: "p".to_owned(),
        files: scanned,
        scripts: Vec::new(),
        digest: [0; 32],
        problems: Vec::new(),
    };
    Scan {
        root: PathBuf::from("profiles"),
        profiles: vec![profile],
        problems: Vec::new(),
    }
}

/// Tells whether a directory could hold a file of this name.
fn is_file_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.split('/')
        .all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(fits))
        && (name.ends_with(".json") || name.ends_with(".jsonl"))
}

/// Asks a few questions in the words of the model.
fn check_model(model: &Model) {
    let roles: Vec<&str> = model.roles.names.names().take(ASKED_MAX).collect();
    let states = || model.state_names.names().take(ASKED_MAX).chain([""]);
    for collection in model.collection_names.names().take(ASKED_MAX) {
        for state in states() {
            let mut query = Query::at(Timestamp::UNIX_EPOCH);
            query.subject.id = "u";
            query.subject.roles = roles.as_slice().into();
            query.resource.collection = collection;
            query.resource.id = "i";
            query.resource.state = state;
            check_lists(model, &query);
            for action in model.action_names.names().take(ASKED_MAX) {
                query.action = action;
                ask(model, &query);
                let any_fields = fields::filter(model, &query);
                assert_eq!(any_fields.is_ok(), check(model, &query).is_ok());
            }
        }
    }
}

/// Checks that lists hold what single questions answer.
fn check_lists(model: &Model, query: &Query<'_>) {
    for (action, decision) in actions::list(model, query).into_iter().flatten() {
        let mut single = query.clone();
        single.action = model.action_names.name(action.index());
        same(&check(model, &single), &Ok(decision));
    }
    for offered in transitions::list(model, query).into_iter().flatten() {
        let Some(transition) = offered.transition.and_then(|id| model.transition(id)) else {
            continue;
        };
        let mut single = query.clone();
        single.transition = &transition.name;
        same(&check(model, &single), &Ok(offered.decision));
    }
}

/// Asks a question with and without a trace; `None` if it makes no sense.
fn ask(model: &Model, query: &Query<'_>) -> Option<bool> {
    let plain = check(model, query);
    same(&plain, &check_traced(model, query, &mut Recorder::default()));
    plain.ok().map(|decision| decision.is_allow())
}

fn same(one: &Result<Decision<'_>, QueryError>, other: &Result<Decision<'_>, QueryError>) {
    assert_eq!(verdict(one), verdict(other));
}

fn verdict<'e>(answer: &'e Result<Decision<'_>, QueryError>) -> Result<(Effect, Reason), &'e QueryError> {
    answer.as_ref().map(|decision| (decision.effect, decision.reason))
}

fn object(json: &Json) -> Object<'_> {
    let entries = json.as_object().into_iter().flatten();
    Object::new(
        entries
            .map(|(key, value)| (key.as_str().into(), self::value(value)))
            .collect(),
    )
}

fn value(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Array(values) => Value::List(values.iter().map(value).collect()),
        Json::Object(_) => Value::Object(object(json)),
    }
}

fn mentions(json: &Json, key: &str) -> bool {
    match json {
        Json::Object(members) => members
            .iter()
            .any(|(name, value)| name == key || mentions(value, key)),
        Json::Array(values) => values.iter().any(|value| mentions(value, key)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

fn has_list(json: &Json) -> bool {
    match json {
        Json::Array(_) => true,
        Json::Object(members) => members.values().any(has_list),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}
