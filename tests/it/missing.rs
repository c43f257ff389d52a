//! What is missing for an allow, against trying everything.

use placet::engine::check::check;
use placet::engine::decision::{Decision, Fact};
use placet::engine::missing::{Trials, missing};
use placet::engine::query::{Query, Resource};
use placet::engine::role;
use placet::engine::validity::valid_until;
use placet::model::Model;
use placet::model::id::RoleId;
use placet::model::role::RoleKind;
use placet::vocab::limits::{MISSING_ALTERNATIVES_MAX, MISSING_REQUEST_TRIALS_MAX, MISSING_TRIALS_MAX};
use placet::vocab::value::Value;
use serde_json::json;

use crate::agreement::{each, granted};
use crate::ask;
use crate::native::policy_of;
use crate::properties::model;

/// Every fact that may be granted, attributes aside: any role that can be claimed, an explanation, approvals, a state, and
/// waiting for the moment at which the answer changes.
fn facts<'q>(model: &'q Model, query: &Query<'q>, decision: &Decision<'q>) -> Vec<Fact<'q>> {
    let mut facts = Vec::new();
    if query.context.explanation.trim().is_empty() {
        facts.push(Fact::Explanation);
    }
    let lacking = decision.approvals.iter().filter(|each| each.given < each.needed);
    facts.extend(lacking.map(|each| Fact::Approvals {
        rule: each.rule,
        count: each.needed - each.given,
    }));
    facts.extend(valid_until(model, query, decision).map(Fact::Time));
    let roles = (0..model.roles.rows.len()).map(RoleId::new);
    let can_be_claimed = |role: &RoleId| {
        model
            .roles
            .row(*role)
            .is_some_and(|row| row.kind == RoleKind::Role)
    };
    // Who holds a role on the whole site does not lack it, even if naming it would make it the first one.
    let mut elsewhere = query.clone();
    elsewhere.resource = Resource {
        collection: query.resource.collection,
        ..Resource::default()
    };
    let held = role::list(model, &elsewhere).unwrap_or_default();
    let is_held = |role: &RoleId| held.iter().any(|each| each.role == *role && !each.is_outside);
    facts.extend(
        roles
            .filter(can_be_claimed)
            .filter(|role| !is_held(role))
            .filter(|role| !model.roles.administrators.contains(role.index()))
            .map(Fact::Role),
    );
    let collection = model
        .collection_names
        .find(query.resource.collection)
        .map(|index| &model.collections[index]);
    if let Some(workflow) = collection.and_then(|collection| collection.workflow) {
        let states = &model.workflow(workflow).unwrap().states;
        facts.extend(
            states
                .iter()
                .map(|state| Fact::State(model.state_names.name(state.id.index()))),
        );
    }
    facts
}

fn helps<'q>(model: &'q Model, query: &Query<'q>, decision: &Decision<'q>, facts: &[Fact<'q>]) -> bool {
    granted(model, query, decision, facts)
        .is_some_and(|with| check(model, &with).is_ok_and(|decision| decision.is_allow()))
}

/// The size of the smallest set that helps, up to two facts.
fn smallest<'q>(
    model: &'q Model,
    query: &Query<'q>,
    decision: &Decision<'q>,
) -> Option<(usize, Vec<Fact<'q>>)> {
    let facts = facts(model, query, decision);
    for fact in &facts {
        let set = vec![fact.clone()];
        if helps(model, query, decision, &set) {
            return Some((1, set));
        }
    }
    for (at, first) in facts.iter().enumerate() {
        for second in &facts[at + 1..] {
            if matches!((first, second), (Fact::State(_), Fact::State(_))) {
                continue;
            }
            let set = vec![first.clone(), second.clone()];
            if helps(model, query, decision, &set) {
                return Some((2, set));
            }
        }
    }
    None
}

#[test]
fn no_smaller_set_of_facts_was_overlooked() {
    let (found, pairs) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    each(|_, model, query| {
        let Ok(decision) = check(model, query) else { return };
        if decision.is_allow() {
            return;
        }
        let told = missing(model, query, &decision, &mut Trials::of_request());
        assert!(told.len() <= MISSING_ALTERNATIVES_MAX);
        let Some((size, set)) = smallest(model, query, &decision) else {
            return;
        };
        found.set(found.get() + 1);
        pairs.set(pairs.get() + usize::from(size == 2));
        let least = told.iter().map(|way| way.facts.len()).min();
        assert!(
            least.is_some_and(|least| least <= size),
            "{set:?} helps, but {told:?} is told: {query:?}\n{decision:?}"
        );
        if size == 1 {
            // Of single facts, each is told, or another one that it brings.
            let count = told.iter().filter(|way| way.facts.len() == 1).count();
            assert!(count >= 1);
        }
    });
    assert!(found.get() > 30, "only {} sets were found", found.get());
    assert!(pairs.get() > 3, "only {} pairs were found", pairs.get());
}

#[test]
fn the_answers_of_a_request_share_what_they_may_try() {
    let roles: Vec<_> = (0..400)
        .map(|number| json!({"id": format!("role{number}")}))
        .collect();
    let names: Vec<_> = (0..400).map(|number| format!("role{number}")).collect();
    let policy = policy_of(&[
        ("roles.json", json!({"roles": roles})),
        (
            "grants.json",
            json!({"grants": [{"roles": names, "collections": ["notes"], "actions": ["read"]}]}),
        ),
    ]);
    let model = model(&policy).unwrap();
    let question = json!({"resource": {"collection": "notes"}, "action": "read"});
    let query = ask::query(&question);
    let decision = check(&model, &query).unwrap();
    assert!(missing(&model, &query, &decision, &mut Trials::none()).is_empty());
    let mut budget = Trials::of_request();
    let answers = MISSING_REQUEST_TRIALS_MAX / MISSING_TRIALS_MAX;
    for _ in 0..answers {
        let told = missing(&model, &query, &decision, &mut budget);
        assert_eq!(told.len(), MISSING_ALTERNATIVES_MAX);
    }
    assert!(missing(&model, &query, &decision, &mut budget).is_empty());
}

/// The ways out of a denial as text, facts joined by `+`; an attribute with its operator and what it is compared with.
fn ways(files: &[(&str, serde_json::Value)], question: serde_json::Value) -> Vec<String> {
    let model = model(&policy_of(files)).unwrap();
    let query = ask::query(&question);
    let decision = check(&model, &query).unwrap();
    let told = missing(&model, &query, &decision, &mut Trials::of_request());
    let tell = |way: &placet::engine::decision::Alternative<'_>| {
        let fact = |fact: &Fact<'_>| match fact {
            Fact::Role(role) => model.roles.names.name(role.index()).to_owned(),
            Fact::Explanation => "explanation".to_owned(),
            Fact::Approvals { count, .. } => format!("{count} approvals"),
            Fact::State(state) => format!("in {state}"),
            Fact::Time(moment) => format!("at {moment}"),
            Fact::Networks(networks) => format!("from {}", networks[0].first()),
            Fact::Ownership => "ownership".to_owned(),
            Fact::Attribute(name) => {
                let comparison = way.comparisons.iter().find(|each| each.name == *name);
                let operator = comparison
                    .and_then(|each| each.operator)
                    .map_or("", |each| each.name());
                let values = comparison.map_or(Vec::new(), |each| each.values.clone());
                format!("{name} {operator} {}", told_values(&values))
            }
        };
        way.facts.iter().map(fact).collect::<Vec<_>>().join(" + ")
    };
    told.iter().map(tell).collect()
}

fn told_values(values: &[Value<'_>]) -> String {
    let tell = |value: &Value<'_>| match value {
        Value::Text(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    values.iter().map(tell).collect::<Vec<_>>().join(" ")
}

fn some_roles() -> (&'static str, serde_json::Value) {
    let roles = json!([{"id": "author"}, {"id": "editor", "inherits": ["author"]}, {"id": "helper"}, {"id": "staff"},
        {"id": "public", "implicit": "roleless"}]);
    ("roles.json", json!({ "roles": roles }))
}

/// What a visitor without roles who wants to read note 1 might do.
fn ways_to_read(rules: serde_json::Value, more: serde_json::Value) -> Vec<String> {
    let mut question =
        json!({"subject": {"id": "7"}, "action": "read", "resource": {"collection": "notes", "id": "1"}});
    for (key, value) in more.as_object().unwrap() {
        match (
            question.get_mut(key).and_then(serde_json::Value::as_object_mut),
            value,
        ) {
            (Some(object), serde_json::Value::Object(value)) => object.extend(value.clone()),
            _ => question[key] = value.clone(),
        }
    }
    ways(&[some_roles(), ("grants.json", rules)], question)
}

fn allow(more: serde_json::Value) -> serde_json::Value {
    let mut grant = json!({"roles": ["everyone"], "collections": ["notes"], "actions": ["read"]});
    grant
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    grant
}

#[test]
fn a_role_is_named_only_if_it_does_not_just_bring_another_one() {
    let rules = json!({"grants": [allow(json!({"roles": ["author"]}))]});
    assert_eq!(ways_to_read(rules, json!({})), ["author"]);
    let rules = json!({"grants": [allow(json!({"roles": ["author"], "explain": true}))]});
    assert_eq!(ways_to_read(rules, json!({})), ["explanation + author"]);
}

#[test]
fn any_role_helps_who_suffers_from_having_none() {
    let any = ["author", "helper", "staff"];
    let deny = |roles: serde_json::Value| json!({"grants": [allow(json!({})), allow(json!({"roles": roles, "effect": "deny"}))]});
    assert_eq!(ways_to_read(deny(json!(["public"])), json!({})), any);
    let others = json!({"except": ["everyone", "authenticated", "staff"]});
    assert_eq!(ways_to_read(deny(others), json!({})), ["staff"]);
    // The allow with a condition is for those who have none, and keeps the neutral one from counting.
    let rules = json!({"grants": [
        allow(json!({"when": {"_neutral": true}})), allow(json!({"roles": ["public"], "when": {"a": 1}}))]});
    let more = json!({"resource": {"attributes": {"a": 2}}});
    assert_eq!(ways_to_read(rules, more), any);
    // A condition may ask for roles that no rule is for.
    let rules = json!({"grants": [allow(json!({"when": {"$CURRENT_ROLES": {"_contains": "staff"}}}))]});
    assert_eq!(ways_to_read(rules, json!({})), ["staff"]);
    let rules = json!({"grants": [allow(json!({"when": {"_and": [{"$CURRENT_ROLE": "staff"}, {"a": 1}]}}))]});
    let more = json!({"resource": {"attributes": {"a": 1}}});
    assert_eq!(ways_to_read(rules, more), ["staff"]);
    let rules = json!({"grants": [allow(json!({"when": {"kind": {"_in": "$CURRENT_ROLES"}}}))]});
    let more = json!({"resource": {"attributes": {"kind": "staff"}}});
    assert_eq!(ways_to_read(rules, more), ["staff"]);
}

#[test]
fn a_role_whose_preset_meets_a_demand_helps() {
    let rules = json!({
        "grants": [allow(json!({"actions": ["update"]}))],
        "constraints": [
            {"roles": ["author"], "collections": ["notes"], "actions": ["update"], "presets": {"desk": "sports"}},
            {"roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "require": {"desk": "sports"}}]});
    let more = json!({"action": "update", "resource": {"attributes": {"desk": "culture"}}});
    assert_eq!(ways_to_read(rules, more), ["author"]);
}

#[test]
fn each_network_of_an_allow_is_named_and_none_of_a_deny() {
    let rules = json!({"grants": [
        allow(json!({"networks": ["10.0.0.0/8"]})), allow(json!({"networks": ["192.0.2.0/24"]})),
        allow(json!({"networks": ["10.0.0.0/8"]})),
        allow(json!({"roles": ["staff"], "effect": "deny", "networks": ["10.9.0.0/16"]}))]});
    assert_eq!(
        ways_to_read(rules, json!({})),
        ["from 10.0.0.0", "from 192.0.2.0"]
    );
}

#[test]
fn numbers_are_tried_on_both_sides_of_what_they_are_compared_with() {
    let rules = |when: serde_json::Value| json!({"grants": [allow(json!({ "when": when }))]});
    for (when, way) in [
        (json!({"n": {"_lt": -5}}), "n _lt -5"),
        (json!({"n": {"_gt": 5}}), "n _gt 5"),
        (json!({"n": {"_eq": 5}}), "n _eq 5"),
        (
            json!({"_and": [{"n": {"_lt": -5}}, {"n": {"_is_number": true}}]}),
            "n _lt -5",
        ),
        (
            json!({"_and": [{"n": {"_gt": 5}}, {"n": {"_is_number": true}}]}),
            "n _gt 5",
        ),
        // Of several comparisons that hold, the first is told; of others, one that does not.
        (json!({"n": {"_gte": 5, "_lte": 9}}), "n _gte 5"),
        (json!({"_or": [{"n": {"_eq": 3}}, {"n": {"_lt": -3}}]}), "n _eq 3"),
        (
            json!({"_or": [{"n": {"_eq": "$CONTEXT.n"}}, {"n": {"_eq": 3}}]}),
            "n _eq 3",
        ),
    ] {
        assert_eq!(ways_to_read(rules(when.clone()), json!({})), [way], "{when}");
    }
    for (when, n, way) in [
        (
            json!({"n": {"_lt": "$CURRENT_USER.level"}}),
            5,
            "$CURRENT_USER.level _gt 5",
        ),
        (
            json!({"n": {"_gt": "$CURRENT_USER.level"}}),
            -5,
            "$CURRENT_USER.level _lt -5",
        ),
        (
            json!({"_and": [{"n": {"_gt": "$CURRENT_USER.level"}}, {"$CURRENT_USER.level": {"_is_number": true}}]}),
            -5,
            "$CURRENT_USER.level _lt -5",
        ),
        (
            json!({"_and": [{"n": {"_lt": "$CURRENT_USER.level"}}, {"$CURRENT_USER.level": {"_is_number": true}}]}),
            5,
            "$CURRENT_USER.level _gt 5",
        ),
        (
            json!({"n": {"_nin": "$CURRENT_USER.list"}}),
            5,
            "$CURRENT_USER.list _ncontains 5",
        ),
    ] {
        let more = json!({"resource": {"attributes": {"n": n}}});
        assert_eq!(ways_to_read(rules(when.clone()), more), [way], "{when}");
    }
    // One of a list that is written out equals it, or does not.
    for (first, second, operator) in [("_in", "_eq", "_eq"), ("_nin", "_neq", "_neq")] {
        let list = json!({"tag": {first: ["$CURRENT_USER.tag", "y"]}});
        let when = json!({"_and": [list, {"tag": {second: "$CURRENT_USER.tag"}}]});
        let more = json!({"resource": {"attributes": {"tag": "x"}}});
        let way = format!("$CURRENT_USER.tag {operator} x");
        assert_eq!(ways_to_read(rules(when), more), [way]);
    }
    // Each of two attributes is tried with its own values.
    let both = json!({"a": {"_gt": 5}, "b": {"_lt": 7}});
    assert_eq!(ways_to_read(rules(both), json!({})), ["a _gt 5 + b _lt 7"]);
}

#[test]
fn states_are_named_where_there_are_some() {
    let profile = |field: Option<&str>| {
        let mut notes = json!({"id": "notes"});
        if let Some(field) = field {
            notes["state_field"] = json!(field);
        }
        [
            some_roles(),
            (
                "collections.json",
                json!({ "collections": [notes, {"id": "pages", "state_field": "status"}] }),
            ),
            (
                "grants.json",
                json!({"grants": [allow(json!({"collections": ["notes", "pages"], "states": ["live"]}))]}),
            ),
        ]
    };
    let ask = |state: &str| json!({"subject": {"id": "7"}, "action": "read", "resource": {"collection": "notes", "state": state}});
    assert_eq!(ways(&profile(Some("status")), ask("draft")), ["in live"]);
    assert_eq!(ways(&profile(None), ask("")), Vec::<String>::new());
}

#[test]
fn what_a_transition_lacks_is_told_together() {
    let files = |transition: serde_json::Value| {
        [
            some_roles(),
            (
                "collections.json",
                json!({"collections": [{"id": "notes", "workflow": "w", "state_field": "status"}]}),
            ),
            (
                "workflows.json",
                json!({"workflows": [{"id": "w", "initial_state": "draft", "states": {"draft": {"transitions": ["go"]}, "live": {}},
                    "transitions": {"go": transition}}]}),
            ),
        ]
    };
    let ask = |more: serde_json::Value| {
        let mut item = json!({"collection": "notes", "id": "1", "state": "draft"});
        item.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let approval = json!({"subject_id": "8", "transition": "go", "content_digest": "d1"});
        json!({"subject": {"id": "7"}, "transition": "go", "resource": item, "context": {"approvals": [approval]}})
    };
    // A transition that is not open yet lacks its approvals all the same.
    let later = json!({"to": "live", "opens": "2026-04-01T00:00:00Z", "approvals": {"count": 2, "content_bound": false}});
    assert_eq!(
        ways(&files(later), ask(json!({}))),
        ["1 approvals + at 2026-04-01T00:00:00Z"]
    );
    // Nobody's approval counts twice, so that each rule lacks people of its own.
    let rule = json!({"count": 2, "content_bound": false});
    for (rules, way) in [
        (
            json!([rule, {"count": 3, "content_bound": false}]),
            "1 approvals + 3 approvals",
        ),
        (
            json!([rule, rule, rule]),
            "1 approvals + 2 approvals + 2 approvals",
        ),
    ] {
        let guarded = json!({"to": "live", "approvals": rules});
        assert_eq!(ways(&files(guarded), ask(json!({}))), [way]);
    }
    let bound =
        json!({"to": "live", "when": {"ready": true}, "approvals": {"count": 1, "content_bound": true}});
    let told = json!({"content_digest": "d1"});
    assert_eq!(ways(&files(bound.clone()), ask(told)), ["ready _eq Bool(true)"]);
    let untold = json!({"attributes": {"ready": true}});
    assert_eq!(
        ways(&files(bound), ask(untold)),
        ["1 approvals + resource.content_digest  "]
    );
}

#[test]
fn ownership_is_named_where_a_condition_looks_at_the_owner() {
    let files = |when: serde_json::Value| {
        [
            some_roles(),
            (
                "collections.json",
                json!({"collections": [{"id": "notes", "owner": "by"}]}),
            ),
            ("grants.json", json!({"grants": [allow(json!({ "when": when }))]})),
        ]
    };
    let ask = |who: &str, item: serde_json::Value| {
        let mut resource = json!({"collection": "notes", "id": "1"});
        resource
            .as_object_mut()
            .unwrap()
            .extend(item.as_object().unwrap().clone());
        json!({"subject": {"id": who}, "action": "read", "resource": resource})
    };
    let none = Vec::<String>::new();
    let by_field = || files(json!({"by": "$CURRENT_USER"}));
    let of_others = || json!({"attributes": {"by": "8"}});
    assert_eq!(ways(&by_field(), ask("7", of_others())), ["ownership"]);
    // Visitors own nothing.
    assert_eq!(ways(&by_field(), ask("", of_others())), none);
    // A field that is not told lacks as such.
    assert_eq!(ways(&by_field(), ask("7", json!({}))), ["by _eq 7"]);
    let by_fact = || files(json!({"$OWNER.id": "$CURRENT_USER"}));
    assert_eq!(ways(&by_fact(), ask("7", of_others())), ["ownership"]);
    let by_other_side = || files(json!({"$CURRENT_USER": {"_eq": "$OWNER.id"}}));
    assert_eq!(ways(&by_other_side(), ask("7", of_others())), ["ownership"]);
    // Owning does not help where something else lacks, too.
    let never = || files(json!({"by": "$CURRENT_USER", "kind": "open"}));
    let closed = json!({"attributes": {"by": "8", "kind": "shut"}});
    assert_eq!(ways(&never(), ask("7", closed)), none);
}

#[test]
fn an_answer_takes_from_the_budget_what_it_tried() {
    let rules = json!({"grants": [allow(json!({"roles": ["author"]}))]});
    let model = model(&policy_of(&[some_roles(), ("grants.json", rules)])).unwrap();
    let question = json!({"subject": {"id": "7"}, "action": "read", "resource": {"collection": "notes"}});
    let query = ask::query(&question);
    let decision = check(&model, &query).unwrap();
    let mut budget = Trials::of_request();
    for _ in 0..20 {
        assert_eq!(missing(&model, &query, &decision, &mut budget).len(), 1);
    }
}
