//! Whom and what an answer names: the comparisons that a violation is about and what the CMS calls them, the rules that decided,
//! and what the trace of a question for some item says of each rule.

use placet::engine::check::check_traced;
use placet::engine::trace::{Event, Outcome, Recorder};
use placet::model::Model;
use placet::vocab::effect::Reason;
use serde_json::{Value as Json, json};

use crate::steps::{decide, model, question, rules};

/// Comparisons that go wrong, since they combine more related items than are tried.
fn crowd() -> (Json, Json) {
    let rows: Vec<Json> = (0..101).map(|_| json!({"x": "b"})).collect();
    (
        json!({"_and": [{"rows": {"x": "a"}}, {"more": {"x": "a"}}]}),
        json!({"rows": rows, "more": rows}),
    )
}

#[test]
fn a_violation_has_the_name_that_the_cms_gives_to_the_failure() {
    let cases = [
        // Of ways that all fail those count that have a name.
        (
            json!({"_or": [{"_code": "early", "a": 1}, {"b": 1}]}),
            vec![("a", "_eq", "early")],
        ),
        (
            json!({"_or": [{"b": 1}, {"_code": "early", "a": 1}, {"_code": "late", "c": 1}]}),
            vec![("a", "_eq", "early"), ("c", "_eq", "late")],
        ),
        (
            json!({"_or": [{"a": 1}, {"b": 1}]}),
            vec![("a", "_eq", ""), ("b", "_eq", "")],
        ),
        // What fails beside the ways is not one of them.
        (
            json!({"_and": [{"c": 1}, {"_or": [{"b": 1}, {"_code": "early", "a": 1}]}]}),
            vec![("c", "_eq", ""), ("a", "_eq", "early")],
        ),
        (
            json!({"_and": [{"_code": "early", "a": 1}, {"b": 1}]}),
            vec![("a", "_eq", "early"), ("b", "_eq", "")],
        ),
        // A name is of a failure: what must fail and does not has none.
        (
            json!({"_not": {"_code": "early", "a": 2}}),
            vec![("a", "_neq", "")],
        ),
        (
            json!({"_not": {"_or": [{"_not": {"_code": "early", "a": 1}}, {"b": 2}]}}),
            vec![("a", "_eq", "early"), ("b", "_neq", "")],
        ),
        // One failure of several comparisons is about the last field, even if that one is not told.
        (
            json!({"_code": "pair", "_and": [{"a": 1}, {"untold": 1}]}),
            vec![("untold", "_eq", "pair")],
        ),
    ];
    let actions: Vec<String> = (0..cases.len()).map(|index| format!("act{index}")).collect();
    let constraints: Vec<Json> = cases
        .iter()
        .zip(&actions)
        .map(|((require, _), action)| json!({"collections": ["notes"], "actions": [action], "require": require}))
        .collect();
    let model = model(&[(
        "grants.json",
        json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": actions}], "constraints": constraints}),
    )]);
    for ((require, told), action) in cases.iter().zip(&actions) {
        let decision = decide(
            &model,
            json!({"action": action, "resource": {"collection": "notes", "id": "1", "attributes": {"a": 2, "b": 2, "c": 2}}}),
        );
        assert_eq!(decision.reason, Reason::Violation, "{require}");
        let violations: Vec<_> = decision
            .violations
            .iter()
            .map(|each| (each.field, each.operator, each.code))
            .collect();
        assert_eq!(&violations, told, "{require}");
    }
}

#[test]
fn each_field_is_decided_by_the_first_allow_that_covers_it() {
    let model = model(&[(
        "grants.json",
        json!({"grants": [
            {"id": "title", "roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "fields": ["title"], "validate": {"a": 1}},
            {"id": "again", "roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "fields": ["title"], "validate": {"a": 1}},
            {"id": "body", "roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "fields": ["body"], "validate": {"b": 1}}]}),
    )]);
    let ask = |a: u32, b: u32| {
        decide(
            &model,
            json!({"action": "update", "changes": {"title": "t", "body": "b"},
                "resource": {"collection": "notes", "id": "1", "attributes": {"a": a, "b": b}}}),
        )
    };
    let named = |a: u32, b: u32| {
        let decision = ask(a, b);
        let names: Vec<String> = rules(&model, &decision).into_iter().map(str::to_owned).collect();
        (decision.reason, names.join(" "))
    };
    assert_eq!(named(1, 1), (Reason::Allowed, "title body".to_owned()));
    // A violation about one field names what covers that one.
    let decision = ask(2, 2);
    let about = decision.about.unwrap();
    let (reason, names) = named(2, 2);
    assert_eq!(reason, Reason::Violation);
    assert_eq!(names, if about == "body" { "body" } else { "title again" });
}

#[test]
fn what_several_denies_lack_is_named_once() {
    let deny = |id: &str| json!({"id": id, "effect": "deny", "collections": ["notes"], "actions": ["print"], "states": ["live"]});
    let model = model(&[
        (
            "collections.json",
            json!({"collections": [{"id": "notes", "state_field": "status"}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"roles": ["everyone"], "collections": ["notes"], "actions": ["print"]}, deny("one"), deny("two")]}),
        ),
    ]);
    let decision = decide(
        &model,
        json!({"action": "print", "resource": {"collection": "notes", "id": "1"}}),
    );
    assert_eq!(
        (decision.reason, decision.lacking.as_slice()),
        (Reason::MissingAttribute, ["resource.state"].as_slice())
    );
}

#[test]
fn an_allow_of_a_field_that_only_filters_is_none_of_what_is_read() {
    let model = model(&[
        (
            "collections.json",
            json!({"collections": [{"id": "notes", "filtering": "reach"}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"roles": ["everyone"], "collections": ["notes"], "actions": ["read"], "fields": ["title"], "when": {"_neutral": true}},
                {"roles": ["everyone"], "collections": ["notes"], "actions": ["read"], "fields": ["secret"], "when": {"a": 1}}]}),
        ),
    ]);
    let ask = |fields: Json, filter_fields: Json| {
        decide(
            &model,
            json!({"action": "read", "fields": fields, "filter_fields": filter_fields,
                "resource": {"collection": "notes", "id": "1", "attributes": {"a": 2}}}),
        )
        .reason
    };
    // Its condition keeps no neutral allow of what is read from counting.
    assert_eq!(ask(json!(["title"]), json!(["secret"])), Reason::Allowed);
    assert_eq!(
        ask(json!(["title", "secret"]), json!([])),
        Reason::NoMatchingGrant
    );
}

#[test]
fn what_goes_wrong_beside_something_open_is_taken_in_nobodys_favour() {
    let (when, attributes) = crowd();
    let grant = |action: &str, effect: &str, more: Json| {
        let mut grant = json!({"effect": effect, "roles": ["everyone"], "collections": ["notes"], "actions": [action], "when": when});
        grant
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        grant
    };
    let all = |action: &str| json!({"roles": ["everyone"], "collections": ["notes"], "actions": [action]});
    let (live, mine) = (json!({"states": ["live"]}), json!({"scope": "mine"}));
    let model = model(&[
        (
            "collections.json",
            json!({"collections": [{"id": "notes", "state_field": "status", "owner": "by"}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                grant("a", "allow", live.clone()), grant("b", "allow", mine.clone()),
                grant("c", "deny", live), all("c"), grant("d", "deny", mine), all("d")]}),
        ),
    ]);
    let ask = |action: &str, attributes: &Json| {
        let decision = decide(
            &model,
            json!({"subject": {"id": "7"}, "action": action, "resource": {"collection": "notes", "any_item": true, "attributes": attributes}}),
        );
        (decision.reason, decision.conditional)
    };
    for action in ["a", "b", "c", "d"] {
        assert_eq!(ask(action, &attributes), (Reason::Fault, false), "{action}");
        // Without what goes wrong, all of it is open.
        assert_eq!(ask(action, &json!({})), (Reason::Allowed, true), "{action}");
    }
}

/// What became of a rule where an author reads an item, or some item.
fn event(model: &Model, item: Json, name: &str) -> Event {
    let query =
        question(json!({"subject": {"id": "7", "roles": ["author"]}, "action": "read", "resource": item}));
    let mut recorder = Recorder::default();
    check_traced(model, &query, &mut recorder).unwrap();
    let is_meant = |event: &&Event| match event.rule {
        placet::engine::decision::Rule::Grant(id) => model.grant(id).unwrap().name.as_deref() == Some(name),
        _ => false,
    };
    let events: Vec<Event> = recorder.events.iter().filter(is_meant).cloned().collect();
    assert_eq!(events.len(), 1, "{name}: {events:?}");
    events.into_iter().next().unwrap()
}

#[test]
fn the_trace_of_some_item_tells_what_is_open_and_what_never_was() {
    let model = model(&[
        (
            "roles.json",
            json!({"roles": [{"id": "author"}, {"id": "editor"}]}),
        ),
        (
            "collections.json",
            json!({"collections": [{"id": "notes", "state_field": "status"}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"id": "sure", "roles": ["author"], "collections": ["notes"], "actions": ["read"]},
                {"id": "eight", "roles": ["author"], "collections": ["notes"], "actions": ["read"], "when": {"$CURRENT_USER": "8"}},
                {"id": "live", "roles": ["author"], "collections": ["notes"], "actions": ["read"], "states": ["live"]},
                {"id": "others", "roles": ["editor"], "collections": ["notes"], "actions": ["read"]},
                {"id": "two", "effect": "deny", "collections": ["notes"], "actions": ["read"], "states": ["live"], "when": {"a": 1}}]}),
        ),
    ]);
    let told = |name: &str| {
        let event = event(&model, json!({"collection": "notes", "any_item": true}), name);
        (event.outcome, event.open)
    };
    assert_eq!(told("sure"), (Outcome::Matched, false));
    assert_eq!(told("eight"), (Outcome::Condition, false));
    // A role that owners do not have is not held, whoever may own the item.
    assert_eq!(told("others"), (Outcome::Roles, false));
    // Of two parts that are open the first is told.
    assert_eq!(told("two"), (Outcome::State, true));
    // Of an item in another state, an allow says so.
    let event = event(
        &model,
        json!({"collection": "notes", "id": "1", "state": "draft"}),
        "live",
    );
    assert_eq!((event.outcome, event.open), (Outcome::State, false));
}
