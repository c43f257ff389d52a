//! Hand-made cases that pin the reading of the semantics: each once told the engine and the reference apart, and is named after
//! what was in doubt.

use placet::engine::check::check as decide;
use placet::engine::query::Query;
use placet::policy::Policy;
use placet::vocab::effect::Reason;
use serde_json::{Value as Json, json};

use super::{Malformed, check};
use crate::native::policy_of;
use crate::properties::model;
use crate::{ask, reference::Outcome};

fn question(json: Json) -> Query<'static> {
    ask::query(Box::leak(Box::new(json)))
}

/// Asks both, which must agree on the reason, and returns what the reference says.
#[track_caller]
fn ask_both(policy: &Policy, json: Json) -> Result<Outcome, Malformed> {
    let query = question(json);
    let ours = check(policy, &query);
    let model = model(policy).unwrap();
    let theirs = decide(&model, &query);
    let reason = theirs.as_ref().ok().map(|decision| decision.reason);
    assert_eq!(ours.as_ref().ok().map(|outcome| outcome.reason), reason);
    ours
}

#[track_caller]
fn assert_reason(policy: &Policy, json: Json, reason: Reason) {
    assert_eq!(ask_both(policy, json).unwrap().reason, reason);
}

/// So many related items that two lists of them are more combinations than are tried.
fn crowd() -> Json {
    let rows: Vec<Json> = (0..101).map(|_| json!({"x": "b"})).collect();
    json!({"collection": "notes", "id": "1", "any_item": true, "attributes": {"rows": rows, "more": rows}})
}

fn asked_of_crowds() -> Json {
    json!({"_and": [{"rows": {"x": "a"}}, {"more": {"x": "a"}}]})
}

#[test]
fn a_fault_is_never_taken_in_favour_of_some_item() {
    let ask = || json!({"resource": crowd(), "action": "update"});
    let allow = |more: Json| {
        let mut grant = json!({"roles": ["everyone"], "collections": ["notes"], "actions": ["update"]});
        grant
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        grant
    };
    let all = || allow(json!({}));
    let rules = [
        json!({"grants": [allow(json!({"when": asked_of_crowds()}))]}),
        json!({"grants": [allow(json!({"validate": asked_of_crowds()}))]}),
        json!({"grants": [all(), allow(json!({"effect": "deny", "when": asked_of_crowds()}))]}),
        json!({"grants": [all()], "constraints": [{"require": asked_of_crowds()}]}),
        json!({"grants": [all()], "constraints": [{"when": asked_of_crowds(), "require": {"y": 1}}]}),
    ];
    for (index, rules) in rules.into_iter().enumerate() {
        let policy = policy_of(&[("grants.json", rules)]);
        let reason = ask_both(&policy, ask()).unwrap().reason;
        // What a constraint demands may be open, if only the constraint applies.
        let expected = if index == 4 {
            Reason::Allowed
        } else {
            Reason::Fault
        };
        assert_eq!(reason, expected, "rules {index}");
    }
}

#[test]
fn a_constraint_whose_condition_faults_applies_to_some_item() {
    let policy = policy_of(&[(
        "grants.json",
        json!({
            "grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["update"]}],
            "constraints": [{"when": asked_of_crowds(), "require": {"y": {"_eq": 1}}}]}),
    )]);
    let mut item = crowd();
    item["attributes"]["y"] = json!(2);
    assert_reason(
        &policy,
        json!({"resource": item, "action": "update"}),
        Reason::Violation,
    );
}

#[test]
fn a_fault_does_not_keep_another_allow_from_allowing() {
    let policy = policy_of(&[(
        "grants.json",
        json!({"grants": [
            {"roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "when": asked_of_crowds()},
            {"roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "scope": "mine"}]}),
    )]);
    let mut item = crowd();
    item["any_item"] = json!(false);
    let alone = json!({"resource": item.clone(), "action": "update"});
    assert_reason(&policy, alone, Reason::Fault);
    item["owner"] = json!({"id": "ann"});
    let owned = json!({"subject": {"id": "ann"}, "resource": item, "action": "update"});
    assert_reason(&policy, owned, Reason::Allowed);
}

#[test]
fn the_worst_of_what_is_open_is_the_reason_whatever_the_order_of_denies() {
    let untold =
        json!({"effect": "deny", "collections": ["notes"], "actions": ["update"], "when": {"untold": 1}});
    let faulty =
        json!({"effect": "deny", "collections": ["notes"], "actions": ["update"], "when": asked_of_crowds()});
    let mut item = crowd();
    item["any_item"] = json!(false);
    for denies in [[&untold, &faulty], [&faulty, &untold]] {
        let policy = policy_of(&[("grants.json", json!({"grants": denies}))]);
        let ask = json!({"resource": item.clone(), "action": "update"});
        assert_reason(&policy, ask, Reason::Fault);
    }
}

#[test]
fn a_field_that_sorts_does_not_make_a_neutral_allow_match_the_item() {
    let policy = policy_of(&[(
        "grants.json",
        json!({"grants": [
            {"roles": ["everyone"], "collections": ["notes"], "actions": ["create"], "when": {"_neutral": true}},
            {"roles": ["everyone"], "collections": ["notes"], "actions": ["create"], "fields": [],
             "when": {"$CURRENT_USER": "ann"}}]}),
    )]);
    let ask = json!({"subject": {"id": "bob"}, "resource": {"collection": "notes"}, "action": "create",
        "filter_fields": ["tags"]});
    assert_reason(&policy, ask, Reason::NoMatchingGrant);
}

#[test]
fn whatever_may_be_read_is_asked_of_reads_alone_be_the_action_known_or_not() {
    let policy = policy_of(&[
        (
            "roles.json",
            json!({"roles": [{"id": "root", "administrator": "anything"}]}),
        ),
        (
            "grants.json",
            json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["read", "update"]}]}),
        ),
    ]);
    let ask = |action: &str, role: &str| {
        json!({"subject": {"id": "ann", "roles": [role]}, "resource": {"collection": "notes"}, "action": action,
            "fields": ["*"]})
    };
    assert_reason(&policy, ask("read", "none"), Reason::Allowed);
    assert_eq!(ask_both(&policy, ask("update", "none")), Err(Malformed));
    assert_reason(&policy, ask("fly", "none"), Reason::UnknownAction);
    // What an unknown action does, its name tells to whom may do anything.
    assert_eq!(ask_both(&policy, ask("fly", "root")), Err(Malformed));
}

#[test]
fn a_read_of_all_that_may_be_read_may_move_the_item() {
    let policy = policy_of(&[
        (
            "collections.json",
            json!({"collections": [{"id": "notes", "workflow": "line", "state_field": "status"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "line", "states": {"draft": {"transitions": ["submit"]}, "review": {}},
                "transitions": {"submit": {"to": "review", "actions": ["update"]}}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["read", "update"]}]}),
        ),
    ]);
    let ask = json!({"resource": {"collection": "notes", "id": "1", "state": "draft"}, "action": "read", "fields": ["*"],
        "to_state": "review"});
    assert_reason(&policy, ask, Reason::Allowed);
}

#[test]
fn whether_null_is_in_a_list_that_is_not_told_is_open() {
    let policy = |condition: Json| {
        policy_of(&[(
            "grants.json",
            json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["read"], "when": condition}]}),
        )])
    };
    let ask = || json!({"subject": {"id": "ann"}, "resource": {"collection": "notes", "attributes": {"x": null}}, "action": "read"});
    for operator in ["_in", "_nin"] {
        let untold = policy(json!({"x": {operator: "$CURRENT_USER.list"}}));
        assert_reason(&untold, ask(), Reason::MissingAttribute);
        // Whatever its elements are, null is in no list that the policy writes.
        let written = policy(json!({"x": {operator: ["$CURRENT_USER.list"]}}));
        assert_reason(&written, ask(), Reason::NoMatchingGrant);
    }
    let empty = policy(json!({"x": {"_nin": []}}));
    assert_reason(&empty, ask(), Reason::Allowed);
}

#[test]
fn a_related_item_whose_key_is_null_is_an_item_all_the_same() {
    let policy = policy_of(&[(
        "grants.json",
        json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["read"], "when": {"rows": {"_nnull": true}}}]}),
    )]);
    let ask = |rows: Json| json!({"resource": {"collection": "notes", "attributes": {"rows": rows}}, "action": "read"});
    assert_reason(&policy, ask(json!([{"id": null}])), Reason::Allowed);
    assert_reason(&policy, ask(json!(null)), Reason::NoMatchingGrant);
}

#[test]
fn the_condition_of_a_transition_counts_what_its_first_action_permits() {
    let policy = |actions: Json| {
        policy_of(&[
            (
                "collections.json",
                json!({"collections": [
                    {"id": "articles", "workflow": "flow", "fields": {"comments": {"type": "alias", "relation": "comments", "many": true}}},
                    {"id": "comments"}]}),
            ),
            (
                "workflows.json",
                json!({"workflows": [{"id": "flow", "states": {"draft": {"transitions": ["submit"]}, "review": {}},
                    "transitions": {"submit": {"to": "review", "actions": actions,
                        "when": {"comments": {"_some_permitted": {"text": "a"}}}}}}]}),
            ),
            (
                "grants.json",
                json!({"grants": [
                    {"roles": ["everyone"], "collections": ["articles"], "actions": ["read", "update"]},
                    {"roles": ["everyone"], "collections": ["comments"], "actions": ["update"], "when": {"text": "b"}}]}),
            ),
        ])
    };
    let ask = || {
        json!({"resource": {"collection": "articles", "id": "1", "state": "draft", "attributes": {"comments": [{"text": "a"}]}},
            "transition": "submit"})
    };
    assert_reason(&policy(json!(["update"])), ask(), Reason::NotOffered);
    // Nothing about comments is said of reading, so that all of them count; and of no action at all.
    assert_reason(&policy(json!(["read", "update"])), ask(), Reason::Allowed);
    assert_reason(&policy(json!([])), ask(), Reason::Allowed);
}

#[test]
fn a_new_item_has_the_state_that_is_named_though_its_field_is_null() {
    let policy = policy_of(&[
        (
            "collections.json",
            json!({"collections": [{"id": "notes", "state_field": "status"}]}),
        ),
        (
            "grants.json",
            json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["create"], "states": ["live"]}]}),
        ),
    ]);
    let ask = |more: Json| {
        let mut ask =
            json!({"resource": {"collection": "notes"}, "action": "create", "changes": {"status": null}});
        ask.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        ask
    };
    assert_reason(&policy, ask(json!({"to_state": "live"})), Reason::Allowed);
    assert_reason(&policy, ask(json!({})), Reason::NoGrant);
}

#[test]
fn a_preset_that_is_not_told_is_told_of_some_item() {
    let policy = policy_of(&[(
        "grants.json",
        json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["update"]}],
            "constraints": [{"actions": ["update"], "presets": {"x": "$CURRENT_USER.desk"}}]}),
    )]);
    let ask = |any: bool| json!({"subject": {"id": "ann"}, "resource": {"collection": "notes", "any_item": any}, "action": "update"});
    assert_reason(&policy, ask(false), Reason::MissingAttribute);
    assert_reason(&policy, ask(true), Reason::Allowed);
}

#[test]
fn a_preset_that_is_not_told_hides_what_is_stored() {
    let policy = policy_of(&[(
        "grants.json",
        json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["update"]}],
            "constraints": [{"actions": ["update"], "presets": {"x": "$CURRENT_USER.desk"}, "require": {"x": {"_eq": "a"}}}]}),
    )]);
    for stored in ["a", "b"] {
        let ask = json!({"subject": {"id": "ann"}, "resource": {"collection": "notes", "attributes": {"x": stored}},
            "action": "update"});
        assert_reason(&policy, ask, Reason::MissingAttribute);
    }
}

#[test]
fn a_later_preset_that_is_told_replaces_one_that_is_not() {
    let policy = policy_of(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "grants.json",
            json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["update"]}],
                "constraints": [
                    {"actions": ["update"], "presets": {"x": "$CURRENT_USER.desk"}},
                    {"roles": ["author"], "actions": ["update"], "presets": {"x": "a"}}]}),
        ),
    ]);
    let ask = |roles: Json| json!({"subject": {"id": "ann", "roles": roles}, "resource": {"collection": "notes"}, "action": "update"});
    assert_reason(&policy, ask(json!([])), Reason::MissingAttribute);
    assert_reason(&policy, ask(json!(["author"])), Reason::Allowed);
}

#[test]
fn parts_of_a_number_are_parts_of_the_moment_that_it_counts() {
    let policy = policy_of(&[(
        "grants.json",
        json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["read"], "when": {"year(x)": {"_eq": 1970}}}]}),
    )]);
    let ask =
        |x: Json| json!({"resource": {"collection": "notes", "attributes": {"x": x}}, "action": "read"});
    assert_reason(&policy, ask(json!(5)), Reason::Allowed);
    assert_reason(&policy, ask(json!(true)), Reason::NoMatchingGrant);
}

#[test]
fn a_neutral_allow_does_not_let_sort_by_a_field_that_an_allow_with_a_condition_is_about() {
    let policy = policy_of(&[(
        "grants.json",
        json!({"grants": [
            {"roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "when": {"_neutral": true}},
            {"roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "fields": {"except": ["author"]},
             "when": {"$CURRENT_USER": "ann"}}]}),
    )]);
    let ask = |sort: &str| {
        json!({"subject": {"id": "bob"}, "resource": {"collection": "notes"}, "action": "update", "fields": ["author"],
            "filter_fields": [sort]})
    };
    assert_reason(&policy, ask("author"), Reason::Allowed);
    assert_reason(&policy, ask("y"), Reason::FieldNotCovered);
}
