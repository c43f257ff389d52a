//! What the steps of a decision add up to: several actions, presets of several constraints, several rules that refuse, facts
//! that two parts of a request tell.

use placet::engine::check::check;
use placet::engine::decision::{Decision, Rule};
use placet::engine::query::Query;
use placet::engine::role::{self, How};
use placet::engine::transitions;
use placet::model::Model;
use placet::vocab::effect::Reason;
use placet::vocab::value::Value;
use serde_json::{Value as Json, json};

use crate::ask;
use crate::native::policy_of;
use crate::properties;

pub(crate) fn model(files: &[(&str, Json)]) -> Model {
    properties::model(&policy_of(files)).unwrap()
}

pub(crate) fn question(json: Json) -> Query<'static> {
    ask::query(Box::leak(Box::new(json)))
}

pub(crate) fn decide(model: &Model, json: Json) -> Decision<'_> {
    check(model, Box::leak(Box::new(question(json)))).unwrap()
}

pub(crate) fn rules<'m>(model: &'m Model, decision: &Decision<'_>) -> Vec<&'m str> {
    let name = |rule: &Rule| match *rule {
        Rule::Grant(id) => model.grant(id).unwrap().name.as_deref().unwrap(),
        Rule::Constraint(id) => model.constraint(id).unwrap().name.as_deref().unwrap(),
        Rule::Transition(id) => model.transition(id).unwrap().name.as_ref(),
        Rule::Administrator(id) => model.roles.names.name(id.index()),
        Rule::DocumentGrant(_) => "a document grant",
    };
    decision.deciding.iter().map(name).collect()
}

fn presets(decision: &Decision<'_>) -> Vec<String> {
    let text = |(field, value): &(&str, Value<'_>)| match value {
        Value::Text(text) => format!("{field}={text}"),
        other => format!("{field}={other:?}"),
    };
    decision.presets.iter().map(text).collect()
}

#[test]
fn the_preset_of_the_last_role_is_written() {
    let preset =
        |roles: Json, value: &str| json!({"roles": roles, "collections": ["notes"], "presets": {"x": value}});
    let all = || json!({"collections": ["notes"], "presets": {"x": "all"}});
    let profile = |constraints: Vec<Json>| {
        model(&[
            ("roles.json", json!({"roles": [{"id": "a"}, {"id": "b"}]})),
            (
                "grants.json",
                json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["update"]}], "constraints": constraints}),
            ),
        ])
    };
    let written = |constraints: &[Json], roles: Json| {
        let model = profile(constraints.to_vec());
        let decision = decide(
            &model,
            json!({"subject": {"id": "1", "roles": roles}, "action": "update", "resource": {"collection": "notes"}}),
        );
        presets(&decision).concat()
    };
    // The order of the file does not matter, that of the roles does.
    let (a, b) = (preset(json!(["a"]), "a"), preset(json!(["b"]), "b"));
    for rules in [[a.clone(), b.clone(), all()], [all(), b.clone(), a.clone()]] {
        assert_eq!(written(&rules, json!(["a", "b"])), "x=b");
        assert_eq!(written(&rules, json!(["b", "a"])), "x=a");
        assert_eq!(written(&rules, json!(["a"])), "x=a");
        assert_eq!(written(&rules, json!([])), "x=all");
    }
    let others = preset(json!({"except": ["a", "everyone", "authenticated"]}), "others");
    for rules in [[a.clone(), others.clone()], [others, a]] {
        assert_eq!(written(&rules, json!(["a", "b"])), "x=others");
        assert_eq!(written(&rules, json!(["b", "a"])), "x=a");
    }
}

#[test]
fn actions_of_one_transition_add_up() {
    let model = model(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w", "unwritable": "drop"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "initial_state": "draft", "states": {"draft": {"transitions": ["go"]}, "live": {}},
                "transitions": {"go": {"to": "live", "actions": ["update", "check"]}}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"id": "both", "roles": ["author"], "collections": ["articles"], "actions": ["update", "check"], "fields": ["title"]},
                {"id": "body", "roles": ["author"], "collections": ["articles"], "actions": ["check"], "fields": ["body"]}],
             "constraints": [
                {"collections": ["articles"], "actions": ["update"], "presets": {"at": "first", "by": "one"}},
                {"collections": ["articles"], "actions": ["check"], "presets": {"at": "second"}}]}),
        ),
    ]);
    let decision = decide(
        &model,
        json!({"subject": {"id": "1", "roles": ["author"]}, "transition": "go",
            "resource": {"collection": "articles", "id": "1", "state": "draft"}, "changes": {"title": "a", "body": "b", "slug": "c"}}),
    );
    // Each rule and each field that is left out is told once, and the later action has the last word about a preset.
    assert_eq!(rules(&model, &decision), ["both", "body"]);
    let left_out: Vec<_> = decision
        .left_out
        .iter()
        .map(|each| (each.field, each.reason))
        .collect();
    assert_eq!(
        left_out,
        [
            ("body", Reason::FieldOutOfReach),
            ("slug", Reason::FieldOutOfReach)
        ]
    );
    assert_eq!(presets(&decision), ["by=one", "at=second"]);
}

#[test]
fn of_what_refuses_alike_the_first_is_told() {
    let files = |transitions: Json| {
        [
            ("roles.json", json!({"roles": [{"id": "author"}]})),
            (
                "collections.json",
                json!({"collections": [{"id": "articles", "workflow": "w"}]}),
            ),
            (
                "workflows.json",
                json!({"workflows": [{"id": "w", "closed": true, "initial_state": "draft",
                    "states": {"draft": {"transitions": ["one", "two"]}, "live": {}}, "transitions": transitions}]}),
            ),
            (
                "grants.json",
                json!({"grants": [
                    {"id": "all", "roles": ["author"], "collections": ["articles"], "actions": ["update"]},
                    {"id": "first", "effect": "deny", "collections": ["articles"], "actions": ["delete"]},
                    {"id": "second", "effect": "deny", "collections": ["articles"], "actions": ["delete"], "when": {"a": 1}}]}),
            ),
        ]
    };
    let ask = |action: &str, to: &str| {
        json!({"subject": {"id": "1", "roles": ["author"]}, "action": action, "to_state": to,
        "resource": {"collection": "articles", "id": "1", "state": "draft", "attributes": {"a": 1}}})
    };
    let same = json!({"to": "live", "explain": true});
    let model = model(&files(json!({"one": same, "two": same})));
    let decision = decide(&model, ask("update", "live"));
    assert_eq!(decision.reason, Reason::ExplanationRequired);
    let name = decision
        .transition
        .map(|id| model.transition(id).unwrap().name.to_string());
    assert_eq!(name.as_deref(), Some("one"));
    let decision = decide(&model, ask("delete", ""));
    assert_eq!(
        (decision.reason, rules(&model, &decision)),
        (Reason::Denied, vec!["first"])
    );
}

#[test]
fn an_empty_value_tells_nothing_against_a_name() {
    let model = model(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w", "state_field": "status", "owner": "author"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "initial_state": "draft", "states": {"draft": {}, "live": {}}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"id": "live", "roles": ["author"], "collections": ["articles"], "actions": ["read", "create"], "states": ["live"]},
                {"id": "mine", "roles": ["author"], "collections": ["articles"], "actions": ["update"], "scope": "mine"}]}),
        ),
    ]);
    let ask = |action: &str, resource: Json, changes: Json| {
        let mut item = json!({"collection": "articles"});
        item.as_object_mut()
            .unwrap()
            .extend(resource.as_object().unwrap().clone());
        decide(
            &model,
            json!({"subject": {"id": "ann", "roles": ["author"]}, "action": action, "resource": item, "changes": changes}),
        )
        .reason
    };
    let read = json!({"id": "1", "state": "live", "attributes": {"status": ""}});
    assert_eq!(ask("read", read, json!({})), Reason::Allowed);
    let update = json!({"id": "1", "owner": {"id": "ann"}, "attributes": {"author": ""}});
    assert_eq!(ask("update", update, json!({})), Reason::Allowed);
    // A null that is written outweighs a value that a new item is said to have, not a name that is asked for.
    let create = json!({"attributes": {"status": "live"}});
    assert_eq!(ask("create", create.clone(), json!({})), Reason::Allowed);
    assert_eq!(ask("create", create, json!({"status": null})), Reason::NoGrant);
}

#[test]
fn an_item_may_be_created_where_one_action_may() {
    let model = model(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "permissions.json",
            json!({"permissions": [{"id": "import", "operation": "CREATE"}, {"id": "create"}, {"id": "copy", "operation": "CREATE"}]}),
        ),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w", "state_field": "status"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "initial_state": "draft", "states": {"draft": {}, "live": {}, "gone": {}}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"id": "one", "roles": ["author"], "collections": ["articles"], "actions": ["create"], "states": ["draft"]},
                {"id": "all", "roles": ["author"], "collections": ["articles"], "actions": ["copy"]}],
             "constraints": [
                {"id": "early", "collections": ["articles"], "actions": ["copy"], "submitted": {"status": {"_in": ["draft", "live"]}}}]}),
        ),
    ]);
    let query = question(
        json!({"subject": {"id": "1", "roles": ["author"]}, "resource": {"collection": "articles"}}),
    );
    let offered = transitions::list(&model, &query).unwrap();
    let told: Vec<_> = offered
        .iter()
        .map(|each| {
            (
                each.target.unwrap(),
                each.decision.is_allow(),
                rules(&model, &each.decision),
            )
        })
        .collect();
    // The state in which it would be created is submitted, though no change tells it.
    assert_eq!(told[0], ("draft", true, vec!["one"]));
    assert_eq!((told[1].0, told[1].1), ("gone", false));
    assert_eq!(told[2], ("live", true, vec!["all"]));
}

#[test]
fn a_role_of_those_who_have_none_is_inherited_by_others() {
    let model = model(&[
        (
            "roles.json",
            json!({"roles": [{"id": "public", "implicit": "roleless"}, {"id": "maker", "implicit": "owner"}, {"id": "base"},
                {"id": "editor", "inherits": ["base"]}, {"id": "author", "inherits": ["public", "maker"]}]}),
        ),
        (
            "grants.json",
            json!({"grants": [{"roles": ["public"], "collections": ["notes"], "actions": ["read"]}]}),
        ),
    ]);
    let list = |owner: &str, roles: Json| -> Vec<(String, How)> {
        let query = question(
            json!({"subject": {"id": "1", "roles": roles}, "resource": {"collection": "notes", "owner": {"id": owner}}}),
        );
        let holdings = role::list(&model, &query).unwrap();
        let name = |role| {
            model
                .roles
                .names
                .name(placet::model::id::RoleId::index(role))
                .to_owned()
        };
        let all = holdings.iter().map(|each| (name(each.role), each.how));
        all.filter(|(name, _)| name != "everyone" && name != "authenticated")
            .collect()
    };
    let id = |name: &str| placet::model::id::RoleId::new(model.roles.names.find(name).unwrap());
    let entry = |name: &str, how: How| (name.to_owned(), how);
    assert_eq!(list("", json!([])), [entry("public", How::Implicit)]);
    assert_eq!(
        list("", json!(["editor", "author"])),
        [
            entry("base", How::Inherited(id("editor"))),
            entry("public", How::Inherited(id("author"))),
            entry("maker", How::Inherited(id("author"))),
            entry("editor", How::Own),
            entry("author", How::Own),
        ]
    );
    assert_eq!(
        list("1", json!(["author"])),
        [
            entry("maker", How::Owner),
            entry("public", How::Inherited(id("author"))),
            entry("author", How::Own),
        ]
    );
}

#[test]
fn what_an_administrator_may_not_write_refuses_the_write() {
    let profile = |unwritable: &str| {
        model(&[
            (
                "roles.json",
                json!({"roles": [{"id": "root", "administrator": true}, {"id": "author"}]}),
            ),
            (
                "collections.json",
                json!({"collections": [{"id": "notes", "unwritable": unwritable}]}),
            ),
            (
                "grants.json",
                json!({"grants": [
                    {"id": "fixed", "effect": "deny", "roles": ["author"], "collections": ["notes"], "actions": ["read", "update"], "fields": ["id"], "held": "aside"}]}),
            ),
        ])
    };
    let ask = |model: &Model, action: &str, names: &[&str]| {
        let changes: serde_json::Map<String, Json> =
            names.iter().map(|name| ((*name).to_owned(), json!(1))).collect();
        let mut query = json!({"subject": {"id": "1", "roles": ["root", "author"]}, "action": action, "resource": {"collection": "notes"}});
        if action == "read" {
            query["fields"] = json!(names);
        } else {
            query["changes"] = json!(changes);
        }
        let decision = decide(model, query);
        let left_out: Vec<String> = decision
            .left_out
            .iter()
            .map(|each| each.field.to_owned())
            .collect();
        (decision.reason, left_out)
    };
    let (refuses, drops) = (profile("refuse"), profile("drop"));
    let left_out = || vec!["id".to_owned()];
    assert_eq!(
        ask(&refuses, "update", &["id", "title"]),
        (Reason::Denied, vec![])
    );
    assert_eq!(
        ask(&drops, "update", &["id", "title"]),
        (Reason::Allowed, left_out())
    );
    assert_eq!(ask(&drops, "update", &["id"]), (Reason::Denied, vec![]));
    assert_eq!(
        ask(&refuses, "read", &["id", "title"]),
        (Reason::Allowed, left_out())
    );
    assert_eq!(ask(&refuses, "read", &["id"]), (Reason::Denied, vec![]));
    // Whatever else may be read is shown all the same.
    assert_eq!(ask(&refuses, "read", &["id", "*"]), (Reason::Allowed, left_out()));
}

#[test]
fn whatever_may_be_read_is_denied_only_where_something_would_be_shown() {
    let model = model(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "grants.json",
            json!({"grants": [
                {"roles": ["author"], "collections": ["asks"], "actions": ["read"], "explain": true},
                {"roles": ["author"], "collections": ["notes"], "actions": ["read"], "fields": ["title"]},
                {"id": "no", "effect": "deny", "collections": ["notes"], "actions": ["read"], "fields": ["title"]},
                {"roles": ["author"], "collections": ["pages"], "actions": ["read"], "fields": []},
                {"roles": ["author"], "collections": ["pages"], "actions": ["read"], "fields": ["title"], "when": {"a": 1}},
                {"id": "no pages", "effect": "deny", "collections": ["pages"], "actions": ["read"], "fields": ["title"]}]}),
        ),
    ]);
    let ask = |collection: &str, a: u32| {
        decide(
            &model,
            json!({"subject": {"id": "1", "roles": ["author"]}, "action": "read", "fields": ["*"],
                "resource": {"collection": collection, "id": "1", "attributes": {"a": a}}}),
        )
        .reason
    };
    assert_eq!(ask("asks", 1), Reason::ExplanationRequired);
    assert_eq!(ask("notes", 1), Reason::Denied);
    assert_eq!(ask("pages", 1), Reason::Denied);
    assert_eq!(ask("pages", 2), Reason::FieldNotCovered);
}

/// The reason of an update of a note that is about comments which the subject may update, with these grants on comments.
fn reason_of_permitted(grants: &[Json], comments: Json) -> Reason {
    let mut all = vec![
        json!({"roles": ["everyone"], "collections": ["notes"], "actions": ["update"],
        "when": {"comments": {"_some_permitted": {"id": {"_nnull": true}}}}}),
    ];
    for grant in grants {
        let mut grant = grant.clone();
        grant["collections"] = json!(["comments"]);
        grant["actions"] = json!(["update"]);
        all.push(grant);
    }
    let many = json!({"type": "alias", "relation": "comments", "many": true});
    let model = model(&[
        (
            "roles.json",
            json!({"roles": [{"id": "author"}, {"id": "editor"}]}),
        ),
        (
            "users.json",
            json!({"users": [{"id": "8", "roles": ["author"]}, {"id": "9", "roles": ["editor"]}]}),
        ),
        (
            "collections.json",
            json!({"collections": [{"id": "comments", "owner": "by", "fields": {"replies": many, "id": {}, "by": {}, "a": {}, "last": {}, "rows": {}, "more": {}}},
                {"id": "notes", "fields": {"comments": many}}]}),
        ),
        ("grants.json", json!({ "grants": all })),
    ]);
    decide(
        &model,
        json!({"subject": {"id": "7", "roles": ["author"]}, "action": "update",
            "resource": {"collection": "notes", "id": "1", "attributes": {"comments": comments}}}),
    )
    .reason
}

#[test]
fn of_related_items_those_count_that_a_scope_is_about() {
    let by = |id: &str| json!([{"id": 1, "by": id, "a": 2}]);
    let mine = json!({"roles": ["everyone"], "scope": "mine"});
    let role = json!({"roles": ["author", "editor"], "scope": "role"});
    for (grant, owner, is_admitted) in [
        (&mine, "7", true),
        (&mine, "8", false),
        (&mine, "", false),
        (&role, "7", true),
        (&role, "8", true),
        (&role, "9", false),
        (&role, "", false),
    ] {
        let reason = reason_of_permitted(std::slice::from_ref(grant), by(owner));
        assert_eq!(
            reason == Reason::Allowed,
            is_admitted,
            "{grant} {owner}: {reason:?}"
        );
    }
    // Beside a condition that does not hold neutral ones do not count; beside what asks for nothing they do.
    let neutral = json!({"roles": ["everyone"], "when": {"_neutral": true}});
    let conditioned = json!({"roles": ["everyone"], "when": {"a": 1}});
    let reason = |grants: &[Json]| reason_of_permitted(grants, by("8"));
    assert_eq!(reason(&[neutral.clone(), conditioned]), Reason::NoMatchingGrant);
    assert_eq!(reason(&[neutral.clone(), mine]), Reason::Allowed);
    assert_eq!(reason(&[neutral]), Reason::Allowed);
}

#[test]
fn permitted_in_each_other_are_asked_so_deep_and_no_deeper() {
    fn nest(depth: usize) -> Json {
        match depth {
            0 => json!({"id": 0, "last": true, "replies": []}),
            depth => json!({"id": depth, "last": false, "replies": [nest(depth - 1)]}),
        }
    }
    let grant = json!({"roles": ["everyone"], "when": {"_or": [
        {"last": true}, {"replies": {"_some_permitted": {"id": {"_nnull": true}}}}]}});
    let reason = |depth: usize| reason_of_permitted(std::slice::from_ref(&grant), json!([nest(depth)]));
    assert_eq!(reason(0), Reason::Allowed);
    assert_eq!(reason(1), Reason::Allowed);
    assert_eq!(reason(3), Reason::Allowed);
    assert_eq!(reason(4), Reason::Fault);
    // What goes wrong while asking whether an item is permitted is a fault as well.
    let rows: Vec<Json> = (0..101).map(|_| json!({"x": "b"})).collect();
    let crowd = json!([{"id": 1, "rows": rows, "more": rows}]);
    let grant =
        json!({"roles": ["everyone"], "when": {"_and": [{"rows": {"x": "a"}}, {"more": {"x": "a"}}]}});
    assert_eq!(reason_of_permitted(&[grant], crowd), Reason::Fault);
}

#[test]
fn a_violation_about_related_items_names_what_would_have_to_hold() {
    let rule = |action: &str, require: Json| json!({"collections": ["notes"], "actions": [action], "require": require});
    let model = model(&[(
        "grants.json",
        json!({
            "grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["a", "b", "c", "d"]}],
            "constraints": [
                rule("a", json!({"comments": {"_some": {"open": true}}})),
                rule("b", json!({"comments": {"_none": {"open": false}}})),
                rule("c", json!({"_not": {"comments": {"_some": {"open": false}}}})),
                rule("d", json!({"_not": {"comments": {"_none": {"open": true}}}}))]}),
    )]);
    for (action, operator) in [("a", "_some"), ("b", "_none"), ("c", "_none"), ("d", "_some")] {
        let decision = decide(
            &model,
            json!({"action": action, "resource": {"collection": "notes", "id": "1", "attributes": {"comments": [{"open": false}]}}}),
        );
        let [violation] = decision.violations.as_slice() else {
            panic!("{decision:?}")
        };
        assert_eq!(
            (violation.field, violation.operator),
            ("comments", operator),
            "{action}"
        );
    }
}

#[test]
fn a_list_of_transitions_tells_where_they_lead_and_who_approved() {
    let model = model(&[
        (
            "roles.json",
            json!({"roles": [{"id": "author"}, {"id": "chief"}]}),
        ),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "initial_state": "draft",
                "states": {"draft": {"transitions": ["turn"]}, "live": {"transitions": ["turn"]}},
                "transitions": {"turn": {"to": {"draft": "live", "live": "draft"},
                    "approvals": [{"count": 1, "content_bound": false}, {"count": 1, "roles": ["chief"], "content_bound": false}]}}}]}),
        ),
    ]);
    let approval = |id: &str, roles: Json| json!({"subject_id": id, "roles": roles, "transition": "turn"});
    let ask = |state: &str| {
        let approvals = [
            approval("7", json!([])),
            approval("2", json!(["chief"])),
            approval("1", json!([])),
            approval("9", json!([])),
        ];
        let item = json!({"collection": "articles", "id": "1", "state": state, "owner": {"id": "7"}});
        question(
            json!({"subject": {"id": "3", "roles": ["author"]}, "resource": item, "context": {"approvals": approvals}}),
        )
    };
    for (from, to) in [("draft", "live"), ("live", "draft")] {
        let query = ask(from);
        let offered = transitions::list(&model, &query).unwrap();
        assert_eq!(offered.len(), 1);
        assert_eq!(offered[0].target, Some(to));
        let transition = model.transition(offered[0].transition.unwrap()).unwrap();
        let progress = placet::engine::approvals::progress(&model, &query, transition).unwrap();
        let counts: Vec<_> = progress
            .counts
            .iter()
            .map(|each| (each.needed, each.given))
            .collect();
        assert_eq!(counts, [(1, 1), (1, 1)]);
        // The chief makes room for somebody who is none; the owner and whoever is one too many do not count.
        assert_eq!(progress.approved_by, ["2", "1"]);
        assert!(offered[0].decision.is_allow());
    }
}

#[test]
fn what_one_step_leaves_open_is_open_in_the_whole() {
    let model = model(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "closed": true, "initial_state": "draft",
                "states": {"draft": {"transitions": ["go", "both"]}, "live": {}, "gone": {}},
                "transitions": {"go": {"to": "live", "actions": ["check"]}, "both": {"to": "gone", "actions": ["update", "check"]}}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"roles": ["author"], "collections": ["articles"], "actions": ["update"]},
                {"roles": ["author"], "collections": ["articles"], "actions": ["check"], "when": {"a": 1}}]}),
        ),
    ]);
    let ask = |more: Json, attributes: Json| {
        let item =
            json!({"collection": "articles", "state": "draft", "any_item": true, "attributes": attributes});
        let mut question = json!({"subject": {"id": "1", "roles": ["author"]}, "resource": item});
        question
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let decision = decide(&model, question);
        (decision.reason, decision.conditional)
    };
    let both = json!({"transition": "both"});
    let moving = json!({"action": "update", "to_state": "live"});
    for question in [both, moving] {
        assert_eq!(
            ask(question.clone(), json!({})),
            (Reason::Allowed, true),
            "{question}"
        );
        assert_eq!(
            ask(question.clone(), json!({"a": 1})),
            (Reason::Allowed, false),
            "{question}"
        );
    }
}

#[test]
fn a_way_that_fails_at_a_field_is_nearer_than_one_without_a_grant() {
    let ask = |transitions: Json| {
        let model = model(&[
            ("roles.json", json!({"roles": [{"id": "author"}]})),
            (
                "collections.json",
                json!({"collections": [{"id": "articles", "workflow": "w", "state_field": "status"}]}),
            ),
            (
                "workflows.json",
                json!({"workflows": [{"id": "w", "closed": true, "initial_state": "draft",
                    "states": {"draft": {"transitions": ["one", "two"]}, "live": {}}, "transitions": transitions}]}),
            ),
            (
                "grants.json",
                json!({"grants": [
                    {"roles": ["author"], "collections": ["articles"], "actions": ["update", "sealed", "inside"]},
                    {"effect": "deny", "collections": ["articles"], "actions": ["sealed"], "fields": ["status"]},
                    {"roles": ["author"], "collections": ["articles"], "actions": ["empty"], "validate": {"title": {"_nempty": true}}}],
                 "constraints": [{"collections": ["articles"], "actions": ["inside"], "networks": ["10.0.0.0/8"]}]}),
            ),
        ]);
        decide(
            &model,
            json!({"subject": {"id": "1", "roles": ["author"]}, "action": "update", "to_state": "live",
                "resource": {"collection": "articles", "id": "1", "state": "draft", "attributes": {"title": ""}}}),
        )
        .reason
    };
    let far_to_near = [
        ("unknown", Reason::NoGrant),
        ("sealed", Reason::Denied),
        ("inside", Reason::Network),
    ];
    let to = |action: &str| json!({"to": "live", "actions": [action]});
    for (far, near) in [(0, 1), (1, 2)] {
        let ((first, _), (second, reason)) = (far_to_near[far], far_to_near[near]);
        for (one, two) in [(first, second), (second, first)] {
            assert_eq!(
                ask(json!({"one": to(one), "two": to(two)})),
                reason,
                "{one} {two}"
            );
        }
    }
    for (one, two) in [("empty", "inside"), ("inside", "empty")] {
        assert_eq!(
            ask(json!({"one": to(one), "two": to(two)})),
            Reason::Network,
            "{one} {two}"
        );
    }
}

#[test]
fn only_rules_about_what_is_asked_are_named() {
    let model = model(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w", "state_field": "status"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "initial_state": "draft", "states": {"draft": {}, "live": {}}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"id": "title", "roles": ["author"], "collections": ["articles"], "actions": ["update"], "fields": ["title"],
                 "validate": {"a": 1}},
                {"id": "body", "roles": ["author"], "collections": ["articles"], "actions": ["update"], "fields": ["body"],
                 "validate": {"b": 1}},
                {"id": "share", "roles": ["author"], "collections": ["articles"], "actions": ["share"]},
                {"id": "one", "effect": "deny", "collections": ["articles"], "actions": ["share"], "when": {"x": 1}},
                {"id": "two", "effect": "deny", "collections": ["articles"], "actions": ["share"], "when": {"x": 2}},
                {"id": "print", "roles": ["author"], "collections": ["articles"], "actions": ["print"]},
                {"id": "live", "effect": "deny", "collections": ["articles"], "actions": ["print"], "states": ["live"]}]}),
        ),
    ]);
    let ask = |action: &str, attributes: Json, changes: Json| {
        decide(
            &model,
            json!({"subject": {"id": "1", "roles": ["author"]}, "action": action, "changes": changes,
                "resource": {"collection": "articles", "id": "1", "attributes": attributes}}),
        )
    };
    let title = || json!({"title": "t"});
    let decision = ask("update", json!({"a": 1, "b": 1}), title());
    assert_eq!(rules(&model, &decision), ["title"]);
    let decision = ask("update", json!({"a": 2, "b": 2}), title());
    assert_eq!(
        (decision.reason, rules(&model, &decision)),
        (Reason::Violation, vec!["title"])
    );
    // Of what may refuse the first is named, and what it lacks.
    let decision = ask("share", json!({}), json!({}));
    assert_eq!(
        (decision.reason, rules(&model, &decision)),
        (Reason::MissingAttribute, vec!["one"])
    );
    let decision = ask("print", json!({}), json!({}));
    assert_eq!(
        (decision.reason, decision.lacking.as_slice()),
        (Reason::MissingAttribute, ["resource.state"].as_slice())
    );
}

#[test]
fn the_moment_of_the_question_is_part_of_its_context() {
    let model = model(&[(
        "grants.json",
        json!({"grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["read"],
            "when": {"$CONTEXT.now": {"_gt": "2026-01-01T00:00:00Z"}}}]}),
    )]);
    let ask = |now: &str| {
        decide(
            &model,
            json!({"action": "read", "resource": {"collection": "notes"}, "context": {"now": now}}),
        )
        .reason
    };
    assert_eq!(ask("2026-01-02T00:00:00Z"), Reason::Allowed);
    assert_eq!(ask("2025-01-02T00:00:00Z"), Reason::NoMatchingGrant);
}
