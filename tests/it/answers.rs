//! What answers tell besides yes and no: rules, fields, comparisons, networks, and how much of it a listener may tell.

use std::fs;

use placet::rpc::DecisionService;
use placet::rpc::encode::Detail;
use placet::rpc::proto::v1;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::grpc::{local, message};

/// A profile of its own, served in process.
struct House {
    service: DecisionService,
    _root: TempDir,
}

impl House {
    /// Serves a native profile of these files.
    fn of(files: &[(&str, Value)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let profile = root.path().join("house");
        fs::create_dir(&profile).unwrap();
        fs::write(profile.join("profile.json"), r#"{"dialect": "native"}"#).unwrap();
        for (name, json) in files {
            fs::write(profile.join(name), json.to_string()).unwrap();
        }
        Self {
            service: local(root.path()),
            _root: root,
        }
    }

    /// Serves grants, and the roles `author` and `editor`.
    fn with_rules(rules: Value) -> Self {
        Self::of(&[
            (
                "roles.json",
                json!({"roles": [{"id": "author"}, {"id": "editor"}]}),
            ),
            ("grants.json", rules),
        ])
    }

    fn telling(self, detail: Detail) -> Self {
        Self {
            service: self.service.telling(detail),
            ..self
        }
    }

    fn ask(&self, request: Value) -> v1::CheckResponse {
        let mut request: v1::CheckRequest = message("CheckRequest", request);
        request.explain = true;
        self.service.check(&request).unwrap()
    }

    fn decide(&self, request: Value) -> v1::Decision {
        self.ask(request).decision.unwrap()
    }

    /// Returns the event of a rule in the trace of a question; there must be just one.
    fn event(&self, rule: &str, request: Value) -> v1::TraceEvent {
        let events = self.ask(request).trace.unwrap().events;
        let mut of_rule = events
            .into_iter()
            .filter(|event| event.rule.as_ref().unwrap().id == rule);
        let event = of_rule.next().unwrap_or_else(|| panic!("no event of {rule}"));
        assert_eq!(of_rule.next(), None, "two events of {rule}");
        event
    }
}

/// A question of an author about the article 1.
fn of_author(action: &str, more: Value) -> Value {
    let mut request = json!({
        "subject": {"id": "7", "roles": ["author"]}, "action": action,
        "resource": {"collection": "articles", "id": "1"},
    });
    for (key, value) in more.as_object().unwrap() {
        match (request.get_mut(key).and_then(Value::as_object_mut), value) {
            (Some(object), Value::Object(value)) => object.extend(value.clone()),
            _ => request[key] = value.clone(),
        }
    }
    request
}

fn ids(rules: &[v1::GrantRef]) -> Vec<&str> {
    rules.iter().map(|rule| rule.id.as_str()).collect()
}

#[test]
fn a_broken_validate_is_a_violation_that_names_field_operator_and_grant() {
    let house = House::with_rules(json!({"grants": [
        {"id": "titled", "roles": ["author"], "collections": ["articles"], "actions": ["update"],
         "validate": {"title": {"_nempty": true}}},
        {"id": "not-live", "roles": ["author"], "collections": ["articles"], "actions": ["update"],
         "fields": ["body"], "validate": {"_not": {"status": {"_eq": "live"}}}},
        {"id": "pair", "roles": ["author"], "collections": ["articles"], "actions": ["create"],
         "validate": {"tags": {"name": "a", "kind": "b"}}}]}));
    let attributes = json!({"status": "live"});
    let decision = house.decide(of_author(
        "update",
        json!({"changes": {"title": ""}, "resource": {"attributes": attributes}}),
    ));
    assert_eq!(decision.reason(), v1::Reason::Violation);
    assert_eq!(ids(&decision.grants), ["titled"]);
    let [violation] = decision.violations.as_slice() else {
        panic!("{decision:?}")
    };
    assert_eq!(
        (
            violation.field.as_str(),
            violation.operator(),
            violation.constraint.as_str()
        ),
        ("title", v1::Operator::Nempty, "titled")
    );
    assert_eq!(violation.origin.as_ref().unwrap().file, "house/grants.json");
    assert!(decision.message.contains("`title`") && decision.message.contains("`titled`"));

    // Both grants cover the body, and each says what it wants.
    let decision = house.decide(of_author(
        "update",
        json!({"changes": {"body": ""}, "resource": {"attributes": {"title": "", "status": "live"}}}),
    ));
    let told: Vec<_> = decision
        .violations
        .iter()
        .map(|each| (each.constraint.as_str(), each.field.as_str(), each.operator()))
        .collect();
    assert_eq!(
        told,
        [
            ("titled", "title", v1::Operator::Nempty),
            ("not-live", "status", v1::Operator::Neq)
        ]
    );

    // One tag has the name, another one the kind: no comparison alone is at fault.
    let tags = json!([{"name": "a", "kind": "x"}, {"name": "y", "kind": "b"}]);
    let decision = house.decide(of_author("create", json!({"changes": {"tags": tags}})));
    let [violation] = decision.violations.as_slice() else {
        panic!("{decision:?}")
    };
    assert_eq!(
        (
            violation.field.as_str(),
            violation.operator(),
            violation.constraint.as_str()
        ),
        ("", v1::Operator::Unspecified, "pair")
    );
}

#[test]
fn what_is_left_out_names_the_denies_that_took_it() {
    let rules = json!({"grants": [
        {"id": "all", "roles": ["author"], "collections": ["articles"], "actions": ["read", "update"], "fields": ["title", "price", "cost"]},
        {"id": "no-price", "effect": "deny", "roles": ["author"], "actions": ["read", "update"], "fields": ["price"]},
        {"id": "no-money", "effect": "deny", "roles": ["author"], "actions": ["read", "update"], "fields": ["price", "cost"]}]});
    let collections = json!({"collections": [{"id": "articles", "unreadable": "omit", "fields": ["title", "price", "cost", "x"]}]});
    let house = House::of(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        ("collections.json", collections),
        ("grants.json", rules),
    ]);
    let decision = house.decide(of_author(
        "read",
        json!({"fields": ["title", "price", "cost", "x"]}),
    ));
    let told: Vec<_> = decision
        .left_out
        .iter()
        .map(|each| (each.field.as_str(), ids(&each.grants)))
        .collect();
    assert_eq!(
        told,
        [
            ("price", vec!["no-price", "no-money"]),
            ("cost", vec!["no-money"]),
            ("x", vec![])
        ]
    );
    // A refusal for a field names the denies of this field alone.
    let decision = house.decide(of_author("update", json!({"changes": {"cost": 1}})));
    assert_eq!(decision.reason(), v1::Reason::Denied);
    assert_eq!(ids(&decision.grants), ["no-money"]);

    let request: v1::FilterFieldsRequest = message(
        "FilterFieldsRequest",
        of_author("read", json!({"fields": ["title", "cost", "x"]})),
    );
    let filtered = house.service.filter_fields(&request).unwrap();
    let told: Vec<_> = filtered
        .denied
        .iter()
        .map(|each| (each.field.as_str(), ids(&each.grants)))
        .collect();
    assert_eq!(told, [("cost", vec!["no-money"]), ("x", vec![])]);
}

#[test]
fn a_bare_item_is_shown_by_the_allow_that_says_so() {
    let house = House::with_rules(json!({"grants": [
        {"id": "bare", "roles": ["author"], "collections": ["articles"], "actions": ["read"], "fields": []}]}));
    for fields in [json!([]), json!(["title"]), json!(["*"]), json!(["title", "*"])] {
        let decision = house.decide(of_author("read", json!({ "fields": fields })));
        assert_eq!(decision.effect(), v1::Effect::Allow, "{fields}");
        assert_eq!(ids(&decision.grants), ["bare"], "{fields}");
    }
}

#[test]
fn events_name_the_fields_and_the_comparison_that_settled_them() {
    let house = House::with_rules(json!({"grants": [
        {"id": "own", "roles": ["author"], "collections": ["articles"], "actions": ["update"], "fields": ["title", "body"],
         "when": {"author": {"id": "$CURRENT_USER"}}},
        {"id": "desk", "roles": ["author"], "collections": ["articles"], "actions": ["update"], "fields": ["title"],
         "when": {"desk": {"_in": ["$CURRENT_USER.desk", "$$free"]}}},
        {"id": "long", "roles": ["author"], "collections": ["articles"], "actions": ["update"],
         "validate": {"title": {"_regex": "^.{3,}$"}}},
        {"id": "asks", "roles": ["author"], "collections": ["articles"], "actions": ["update"], "explain": true},
        {"id": "frozen", "effect": "deny", "collections": ["articles"], "actions": ["update"],
         "when": {"_or": [{"month(frozen_at)": {"_gte": 6}}, {"_not": {"$CONTEXT.mode": "edit"}}]}},
        {"id": "taken", "effect": "deny", "collections": ["articles"], "actions": ["update"], "fields": ["body", "slug"]}],
     "constraints": [
        {"id": "short", "collections": ["articles"], "actions": ["update"], "submitted": {"title": {"_regex": "^.{0,2}$"}}},
        {"id": "named", "collections": ["articles"], "actions": ["update"], "require": {"slug": {"_nempty": true}}},
        {"id": "stamp", "collections": ["articles"], "actions": ["update"], "presets": {"by": "$CURRENT_USER.name"}}]}));
    let attributes = json!({"author": {"id": "8"}, "desk": "a", "slug": "", "frozen_at": "2026-02-01"});
    let ask = |rule: &str| {
        house.event(
            rule,
            of_author(
                "update",
                json!({"changes": {"title": "ab", "body": "b"}, "resource": {"attributes": attributes},
                    "context": {"attributes": {"mode": "edit"}}}),
            ),
        )
    };
    let own = ask("own");
    assert_eq!(own.outcome(), v1::Outcome::Condition);
    assert_eq!(
        (own.leaf.as_str(), own.leaf_result()),
        (r#"{"author": {"id": {"_eq": "7"}}}"#, v1::LeafResult::False)
    );
    // A variable that is not told stays as it is written, and so does text that looks like one.
    let desk = ask("desk");
    assert_eq!(
        (desk.leaf.as_str(), desk.leaf_result()),
        (
            r#"{"desk": {"_in": ["$CURRENT_USER.desk", "$$free"]}}"#,
            v1::LeafResult::Open
        )
    );
    let long = ask("long");
    assert_eq!(
        (long.outcome(), long.leaf.as_str()),
        (v1::Outcome::Validate, r#"{"title": {"_regex": "^.{3,}$"}}"#)
    );
    let asks = ask("asks");
    assert_eq!(asks.outcome(), v1::Outcome::Explanation);
    assert_eq!(asks.fields, ["body", "title"]);
    let taken = ask("taken");
    assert_eq!(
        (taken.outcome(), taken.fields),
        (v1::Outcome::Matched, vec!["body".to_owned()])
    );
    let frozen = ask("frozen");
    assert_eq!(
        (frozen.outcome(), frozen.leaf.as_str(), frozen.leaf_result()),
        (
            v1::Outcome::Condition,
            r#"{"month(frozen_at)": {"_gte": 6}}"#,
            v1::LeafResult::False
        )
    );
    let frozen = house.event(
        "frozen",
        of_author(
            "update",
            json!({"resource": {"attributes": attributes},
        "context": {"attributes": {"mode": "view"}}}),
        ),
    );
    assert_eq!(
        (
            frozen.outcome(),
            frozen.leaf.as_str(),
            frozen.leaf_result(),
            frozen.decisive
        ),
        (
            v1::Outcome::Matched,
            r#"{"$CONTEXT.mode": {"_eq": "edit"}}"#,
            v1::LeafResult::False,
            true
        )
    );
    let named = ask("named");
    assert_eq!(
        (named.outcome(), named.leaf.as_str()),
        (v1::Outcome::Require, r#"{"slug": {"_nempty": true}}"#)
    );
    assert_eq!(ask("short").outcome(), v1::Outcome::Matched);
    let long_title = json!({"changes": {"title": "abc"}, "context": {"attributes": {"mode": "edit"}},
        "resource": {"attributes": {"slug": "a", "frozen_at": null}}});
    let short = house.event("short", of_author("update", long_title));
    assert_eq!(
        (short.outcome(), short.leaf.as_str(), short.leaf_result()),
        (
            v1::Outcome::Submitted,
            r#"{"title": {"_regex": "^.{0,2}$"}}"#,
            v1::LeafResult::False
        )
    );
    // The preset reads a name that nobody told.
    let stamp = ask("stamp");
    assert_eq!(
        (stamp.outcome(), stamp.leaf.as_str()),
        (v1::Outcome::Submitted, "")
    );
}

#[test]
fn a_comparison_about_related_items_is_told_whole() {
    let grant = |id: &str, when: Value| json!({"id": id, "roles": ["author"], "collections": ["articles"], "actions": ["read"], "when": when});
    let house = House::with_rules(json!({"grants": [
        grant("talk", json!({"meta": {"comments": {"_some": {"_or": [{"a": 1}, {"b": {"_gt": 2}}]}}}})),
        grant("calm", json!({"meta": {"comments": {"_none": {"_not": {"a": 1}}}}})),
        grant("sure", json!({"_and": [{"x": 1}, {"y": 1}]})),
        grant("open", json!({"_or": [{"y": 1}, {"x": 1}]}))]}));
    let attributes = json!({"meta": {"comments": [{"a": 2, "b": 1}]}, "y": 2});
    let told = |rule: &str| {
        let event = house.event(
            rule,
            of_author("read", json!({"resource": {"attributes": attributes}})),
        );
        (event.leaf.clone(), event.leaf_result())
    };
    let text = |text: &str, result: v1::LeafResult| (text.to_owned(), result);
    assert_eq!(
        told("talk"),
        text(
            r#"{"meta": {"comments": {"_some": {"_or": [{"a": {"_eq": 1}}, {"b": {"_gt": 2}}]}}}}"#,
            v1::LeafResult::False
        )
    );
    assert_eq!(
        told("calm"),
        text(
            r#"{"meta": {"comments": {"_none": {"_not": {"a": {"_eq": 1}}}}}}"#,
            v1::LeafResult::False
        )
    );
    // What is sure settles a condition that does not hold, and what is open one that is open.
    assert_eq!(told("sure"), text(r#"{"y": {"_eq": 1}}"#, v1::LeafResult::False));
    assert_eq!(told("open"), text(r#"{"x": {"_eq": 1}}"#, v1::LeafResult::Open));
}

#[test]
fn a_long_comparison_is_cut() {
    let values: Vec<String> = (0..400).map(|number| format!("value-{number}")).collect();
    let house = House::with_rules(json!({"grants": [
        {"id": "many", "roles": ["author"], "collections": ["articles"], "actions": ["read"], "when": {"a": {"_in": values}}}]}));
    let event = house.event(
        "many",
        of_author("read", json!({"resource": {"attributes": {"a": "ä"}}})),
    );
    assert!(
        event.leaf.ends_with('…') && event.leaf.len() <= 1024 + '…'.len_utf8(),
        "{}",
        event.leaf
    );
    assert!(
        event.leaf.starts_with(r#"{"a": {"_in": ["value-0", "value-1""#),
        "{}",
        event.leaf
    );
}

#[test]
fn rules_that_stand_back_or_are_broken_say_so() {
    let house = House::with_rules(json!({"grants": [
        {"id": "neutral", "roles": ["author"], "collections": ["articles"], "actions": ["read"], "when": {"_neutral": true}},
        {"id": "own", "roles": ["author"], "collections": ["articles"], "actions": ["read"], "when": {"a": 1}},
        {"id": "alone", "roles": ["author"], "collections": ["articles"], "actions": ["update"], "when": {"_neutral": true}},
        {"id": "a", "roles": ["author"], "collections": ["articles"], "actions": ["print"], "fields": ["a"], "when": {"a": 1}},
        {"id": "b", "roles": ["author"], "collections": ["articles"], "actions": ["print"], "fields": ["b"], "when": {"_neutral": true}},
        {"id": "no", "roles": ["author"], "collections": ["articles"], "actions": ["delete"], "broken": "who knows"},
        {"id": "elsewhere", "roles": ["author"], "collections": {"except": ["articles"]}, "actions": ["read"]}]}));
    let read = || of_author("read", json!({"resource": {"attributes": {"a": 1}}}));
    assert_eq!(house.event("neutral", read()).outcome(), v1::Outcome::Neutral);
    assert_eq!(house.event("own", read()).outcome(), v1::Outcome::Matched);
    let update = of_author("update", json!({}));
    assert_eq!(house.event("alone", update).outcome(), v1::Outcome::Matched);
    // A neutral one counts for the field that no condition is about.
    let print = of_author(
        "print",
        json!({"changes": {"a": 1, "b": 1}, "resource": {"attributes": {"a": 1}}}),
    );
    let event = house.event("b", print);
    assert_eq!(
        (event.outcome(), event.fields),
        (v1::Outcome::Matched, vec!["b".to_owned()])
    );
    let broken = house.event("no", of_author("delete", json!({})));
    assert_eq!((broken.outcome(), broken.decisive), (v1::Outcome::Broken, true));
    // A rule for all collections but this one is no candidate.
    let events = house.ask(read()).trace.unwrap().events;
    assert!(
        events
            .iter()
            .all(|event| event.outcome() != v1::Outcome::Unspecified),
        "{events:?}"
    );
    assert_eq!(events.len(), 2, "{events:?}");
}

#[test]
fn transitions_have_events_of_their_own() {
    let files = [
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w", "state_field": "status"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "initial_state": "draft",
                "states": {"draft": {"transitions": ["plain", "asks", "when", "two", "closed", "told"]}, "live": {"transitions": ["back"]}},
                "transitions": {
                    "plain": {"to": "live"}, "asks": {"to": "live", "explain": true},
                    "when": {"to": "live", "when": {"ready": true}},
                    "two": {"to": "live", "approvals": {"count": 2, "content_bound": false}}, "back": {"to": "draft"},
                    "closed": {"to": "live", "explain": true, "actions": ["print"]},
                    "told": {"to": "live", "actions": ["share"]}}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [{"roles": ["author"], "collections": ["articles"], "read": "any"},
                {"roles": ["author"], "collections": ["articles"], "actions": ["share"], "explain": true}]}),
        ),
    ];
    let house = House::of(&files);
    let event = |transition: &str| {
        house.event(
            transition,
            json!({"subject": {"roles": ["author"]}, "transition": transition,
                "resource": {"collection": "articles", "id": "1", "state": "draft", "attributes": {"ready": false}}}),
        )
    };
    assert_eq!(event("plain").outcome(), v1::Outcome::Matched);
    assert_eq!(event("asks").outcome(), v1::Outcome::Explanation);
    assert_eq!(event("two").outcome(), v1::Outcome::Approvals);
    assert_eq!(event("back").outcome(), v1::Outcome::NotOffered);
    // That its action is refused, or demands an explanation itself, is not the matter of a transition.
    assert_eq!(event("closed").outcome(), v1::Outcome::Matched);
    assert_eq!(event("told").outcome(), v1::Outcome::Matched);
    let when = event("when");
    assert_eq!(
        (when.outcome(), when.leaf.as_str(), when.leaf_result()),
        (
            v1::Outcome::Condition,
            r#"{"ready": {"_eq": true}}"#,
            v1::LeafResult::False
        )
    );
}

#[test]
fn roles_say_what_brought_them_and_whether_they_count_from_here() {
    let roles = json!({"roles": [
        {"id": "reader"}, {"id": "author", "inherits": ["reader"]}, {"id": "editor", "inherits": ["author"]},
        {"id": "reviewer"}, {"id": "helper"},
        {"id": "machine", "inherits": ["helper"], "networks": ["192.0.2.0/24"]},
        {"id": "owner", "networks": ["10.0.0.0/8"]}]});
    let house = House::of(&[
        ("roles.json", roles),
        (
            "groups.json",
            json!({"groups": [{"id": "desk", "roles": ["editor"]}]}),
        ),
        ("users.json", json!({"users": [{"id": "7", "roles": ["helper"]}]})),
        (
            "grants.json",
            json!({"grants": [{"roles": ["machine"], "collections": ["articles"], "actions": ["read"]}]}),
        ),
    ]);
    let ask = |ip: &str| {
        house.ask(of_author(
            "read",
            json!({"subject": {"roles": ["machine"], "groups": ["desk"]}, "context": {"ip": ip},
                "resource": {"owner": {"id": "7"}, "ancestors": [
                    {"id": "root"}, {"id": "sports", "local_roles": [{"subject_id": "7", "roles": ["reviewer"]}]}]}}),
        ))
    };
    let told = |answer: &v1::CheckResponse| -> Vec<(String, v1::RoleSource, String, bool)> {
        let roles = &answer.trace.as_ref().unwrap().roles;
        let tell = |role: &v1::EffectiveRole| {
            (
                role.role.clone(),
                role.source(),
                role.via.clone(),
                role.outside_networks,
            )
        };
        roles.iter().map(tell).collect()
    };
    let role = |role: &str, source: v1::RoleSource, via: &str, outside: bool| {
        (role.to_owned(), source, via.to_owned(), outside)
    };
    let elsewhere = ask("198.51.100.1");
    assert_eq!(
        told(&elsewhere),
        [
            role("everyone", v1::RoleSource::Implicit, "", false),
            role("authenticated", v1::RoleSource::Implicit, "", false),
            role("owner", v1::RoleSource::Implicit, "", true),
            role("reader", v1::RoleSource::Inherited, "author", false),
            role("author", v1::RoleSource::Inherited, "editor", false),
            role("machine", v1::RoleSource::Own, "", true),
            role("editor", v1::RoleSource::Group, "desk", false),
            role("helper", v1::RoleSource::UsersTable, "", false),
            role("reviewer", v1::RoleSource::Local, "sports", false),
        ]
    );
    let decision = elsewhere.decision.unwrap();
    assert_eq!(decision.reason(), v1::Reason::NoGrant);
    assert_eq!(
        decision.message,
        "no role of the subject may `read` in `articles`; the role `owner` and 1 more count in their networks alone, and \
         the request comes from elsewhere"
    );
    let there = ask("192.0.2.9");
    assert_eq!(there.decision.as_ref().unwrap().effect(), v1::Effect::Allow);
    assert!(told(&there).contains(&role("helper", v1::RoleSource::Inherited, "machine", false)));
    assert!(told(&there).contains(&role("machine", v1::RoleSource::Own, "", false)));
}

#[test]
fn groups_that_do_not_count_in_a_context_are_named() {
    let house = House::of(&[
        (
            "roles.json",
            json!({"roles": [{"id": "author"}, {"id": "editor"}, {"id": "part", "kind": "part"}]}),
        ),
        (
            "groups.json",
            json!({"groups": [
                {"id": "desk", "roles": ["part"], "context": {"locale": ["en", "fr"]}},
                {"id": "wire", "context": {"locale": ["en"]}}]}),
        ),
        ("users.json", json!({"users": [{"id": "8", "groups": ["desk"]}]})),
        (
            "grants.json",
            json!({"grants": [{"roles": ["part"], "collections": ["articles"], "actions": ["read"]}]}),
        ),
        (
            "document_grants.json",
            json!({"document_grants": [
                {"collection": "articles", "id": "1", "actions": ["update"], "groups": ["desk"]},
                {"collection": "articles", "id": "1", "roles": ["editor"], "groups": ["wire"]}]}),
        ),
    ]);
    let ask = |action: &str, groups: &[&str], attributes: Value| {
        house.ask(of_author(
            action,
            json!({"subject": {"groups": groups}, "context": {"attributes": attributes}}),
        ))
    };
    let allows = |action: &str, attributes: Value| {
        ask(action, &["desk"], attributes).decision.unwrap().effect() == v1::Effect::Allow
    };
    for action in ["read", "update"] {
        assert!(allows(action, json!({"locale": "fr"})));
        for elsewhere in [
            json!({"locale": "de"}),
            json!({"locale": null}),
            json!({"locale": ["fr"]}),
            json!({}),
        ] {
            assert!(!allows(action, elsewhere));
        }
    }
    let answer = ask("read", &["desk", "wire"], json!({"locale": "fr"}));
    let told: Vec<String> = answer
        .trace
        .unwrap()
        .roles
        .into_iter()
        .map(|role| role.role)
        .collect();
    assert_eq!(told, ["everyone", "authenticated", "author", "part"]);
    let decision = ask("read", &["desk", "wire"], json!({"locale": "de"}))
        .decision
        .unwrap();
    assert_eq!(decision.reason(), v1::Reason::NoGrant);
    assert_eq!(
        decision.message,
        "no role of the subject may `read` in `articles`; the group `desk` and 1 more count in other contexts alone"
    );
    // What is told cannot be told otherwise; what is not may be.
    assert_eq!(ways(&decision), Vec::<Vec<String>>::new());
    let untold = ask("read", &["desk"], json!({})).decision.unwrap();
    assert!(
        untold
            .message
            .ends_with("; the group `desk` counts in other contexts alone")
    );
    let paths: Vec<&str> = untold
        .missing
        .iter()
        .flat_map(|way| &way.facts)
        .map(path_of)
        .collect();
    assert_eq!(paths, ["$CONTEXT.locale"]);
    // The table of users knows of groups, too.
    let by_table = |locale: &str| {
        let request = json!({"subject": {"id": "8"}, "context": {"attributes": {"locale": locale}}});
        house.decide(of_author("update", request)).effect()
    };
    assert_eq!(
        (by_table("en"), by_table("de")),
        (v1::Effect::Allow, v1::Effect::Deny)
    );
}

fn path_of(fact: &v1::MissingFact) -> &str {
    match fact.fact.as_ref().unwrap() {
        v1::missing_fact::Fact::Attribute(attribute) => &attribute.path,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ids_of_rules_without_a_name_tell_no_place_where_places_are_not_told() {
    let files = [
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "grants.json",
            json!({"grants": [
                {"id": "named", "roles": ["author"], "collections": ["articles"], "actions": ["read"]},
                {"roles": ["author"], "collections": ["articles"], "actions": ["update"]}],
             "constraints": [{"collections": ["articles"], "actions": ["update"], "require": {"title": {"_nempty": true}}}]}),
        ),
        (
            "document_grants.json",
            json!({"document_grants": [{"collection": "articles", "id": "1", "actions": ["share"], "users": ["7"]}]}),
        ),
    ];
    let update = || of_author("update", json!({"changes": {"title": "A"}}));
    let broken = || of_author("update", json!({"changes": {"title": ""}}));
    let full = House::of(&files);
    let decision = full.decide(update());
    assert!(
        decision.grants[0].id.starts_with("house/grants.json:1:"),
        "{decision:?}"
    );
    let code = House::of(&files).telling(Detail::Code);
    let decision = code.decide(update());
    assert_eq!(
        (ids(&decision.grants), decision.grants[0].origin.clone()),
        (vec!["grant#2"], None)
    );
    assert_eq!(ids(&code.decide(of_author("read", json!({}))).grants), ["named"]);
    assert_eq!(
        ids(&code.decide(of_author("share", json!({}))).grants),
        ["document-grant#1"]
    );
    let decision = code.decide(broken());
    assert_eq!(decision.violations[0].constraint, "constraint#1");
    assert_eq!(decision.violations[0].field, "title");
    for each in [update(), broken(), of_author("share", json!({}))] {
        let told = format!("{:?}", code.ask(each));
        assert!(!told.contains(".json"), "{told}");
    }
    let none = House::of(&files).telling(Detail::None);
    let decision = none.decide(broken());
    assert!(decision.grants.is_empty() && decision.violations[0].constraint.is_empty());
}

/// The ways out of a denial, each fact as text.
fn ways(decision: &v1::Decision) -> Vec<Vec<String>> {
    use v1::missing_fact::Fact;
    let tell = |fact: &v1::MissingFact| match fact.fact.as_ref().unwrap() {
        Fact::Role(role) => format!("role {role}"),
        Fact::State(state) => format!("state {state}"),
        Fact::Ownership(true) => "ownership".to_owned(),
        Fact::Networks(networks) => format!("networks {}", networks.networks.join(" ")),
        Fact::Attribute(attribute) => {
            assert!(attribute.absent);
            let values = v1_values(&attribute.values);
            format!(
                "{} {} {values}",
                attribute.path,
                attribute.operator().as_str_name()
            )
        }
        other => format!("{other:?}"),
    };
    let ways = decision.missing.iter();
    ways.map(|way| way.facts.iter().map(tell).collect()).collect()
}

fn v1_values(values: &[prost_types::Value]) -> String {
    use prost_types::value::Kind;
    let tell = |value: &prost_types::Value| match value.kind.as_ref().unwrap() {
        Kind::StringValue(text) => text.clone(),
        Kind::NumberValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let values: Vec<String> = values.iter().map(tell).collect();
    format!("[{}]", values.join(" "))
}

#[test]
fn what_is_missing_names_networks_and_ownership() {
    let roles = json!({"roles": [{"id": "author"}, {"id": "editor"}, {"id": "owner"},
        {"id": "machine", "networks": ["192.0.2.0/24", "2001:db8::7"]}]});
    let house = House::of(&[
        ("roles.json", roles),
        (
            "grants.json",
            json!({"grants": [
                {"roles": ["machine"], "collections": ["articles"], "actions": ["read"]},
                {"roles": ["author"], "collections": ["articles"], "actions": ["update"], "scope": "mine"},
                {"roles": ["owner"], "collections": ["articles"], "actions": ["share"]},
                {"roles": ["author"], "collections": ["articles"], "actions": ["print"], "networks": ["10.0.0.1-10.0.0.9"]},
                {"roles": ["author"], "collections": ["articles"], "actions": ["delete"]}],
             "constraints": [
                {"collections": ["articles"], "actions": ["delete"], "networks": ["10.0.0.0/8"]},
                {"collections": ["articles"], "actions": ["print"], "networks": []}]}),
        ),
    ]);
    let machine = json!({"subject": {"roles": ["machine"]}, "context": {"ip": "198.51.100.1"}});
    let decision = house.decide(of_author("read", machine));
    assert_eq!(decision.reason(), v1::Reason::NoGrant);
    assert_eq!(ways(&decision), [["networks 192.0.2.0/24 2001:db8::7"]]);
    let decision = house.decide(of_author("update", json!({})));
    assert_eq!(ways(&decision), [["ownership"]]);
    let decision = house.decide(of_author("share", json!({"resource": {"owner": {"id": "8"}}})));
    assert_eq!(ways(&decision), [["ownership"]]);
    // Visitors own nothing, so owning cannot be what they lack.
    let decision = house.decide(of_author("update", json!({"subject": {"id": ""}})));
    assert_eq!(ways(&decision), Vec::<Vec<String>>::new());
    let decision = house.decide(of_author("delete", json!({})));
    assert_eq!(decision.reason(), v1::Reason::Network);
    assert_eq!(ways(&decision), [["networks 10.0.0.0/8"]]);
    // The other rule wants it to come from nowhere, so that no place helps.
    let decision = house.decide(of_author("print", json!({})));
    assert_eq!(ways(&decision), Vec::<Vec<String>>::new());
}

#[test]
fn what_is_missing_says_what_an_attribute_would_have_to_satisfy() {
    let grant = |action: &str, when: Value| json!({"roles": ["author"], "collections": ["articles"], "actions": [action], "when": when});
    let mut grants = vec![
        grant("read", json!({"desk": {"_in": ["a", "b"]}})),
        grant("update", json!({"desk": "$CURRENT_USER.desk"})),
        grant("share", json!({"tag": {"_in": "$CURRENT_USER.tags"}})),
        grant("print", json!({"size": {"_lt": "$CONTEXT.paper"}})),
        grant("move", json!({"year(made_at)": {"_gte": 2020}})),
        grant("wash", json!({"_not": {"locked": {"_eq": true}}})),
        grant("mark", json!({"note": {"_nnull": true}})),
        json!({"roles": ["author"], "collections": ["articles"], "actions": ["delete"]}),
    ];
    grants.push(json!({"effect": "deny", "collections": ["articles"], "actions": ["delete"], "when": {"pages": {"_lt": 9}}}));
    let house = House::with_rules(json!({ "grants": grants }));
    let attributes = json!({"desk": "sports", "tag": "x", "size": 4});
    let lacking = |action: &str, attributes: &Value| {
        let decision = house.decide(of_author(action, json!({"resource": {"attributes": attributes}})));
        assert_eq!(decision.reason(), v1::Reason::MissingAttribute, "{action}");
        ways(&decision).concat()
    };
    assert_eq!(lacking("read", &json!({})), ["desk OPERATOR_IN [a b]"]);
    assert_eq!(
        lacking("update", &attributes),
        ["$CURRENT_USER.desk OPERATOR_EQ [sports]"]
    );
    assert_eq!(
        lacking("share", &attributes),
        ["$CURRENT_USER.tags OPERATOR_CONTAINS [x]"]
    );
    assert_eq!(lacking("print", &attributes), ["$CONTEXT.paper OPERATOR_GT [4]"]);
    assert_eq!(
        lacking("move", &attributes),
        ["year(made_at) OPERATOR_GTE [2020]"]
    );
    assert_eq!(
        lacking("wash", &attributes),
        ["locked OPERATOR_NEQ [BoolValue(true)]"]
    );
    assert_eq!(lacking("mark", &attributes), ["note OPERATOR_NNULL []"]);
    // The deny must not match.
    assert_eq!(lacking("delete", &attributes), ["pages OPERATOR_GTE [9]"]);
}

/// Serves articles with a workflow in which two ways lead from draft to live.
fn press(transitions: Value, rules: Value) -> House {
    House::of(&[
        (
            "roles.json",
            json!({"roles": [{"id": "author"}, {"id": "editor"}]}),
        ),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w", "state_field": "status"}, {"id": "notes"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "initial_state": "draft",
                "states": {"draft": {"transitions": ["one", "two"]}, "live": {"transitions": ["back"]}},
                "transitions": transitions}]}),
        ),
        ("grants.json", rules),
    ])
}

#[test]
fn of_two_ways_to_a_state_the_nearest_is_told() {
    let back = json!({"to": "draft"});
    let rules = json!({
        "grants": [
            {"roles": ["author"], "collections": ["articles"], "actions": ["update", "check"]},
            {"roles": ["editor"], "collections": ["articles"], "actions": ["stamp"]},
            {"id": "half", "roles": ["author"], "collections": ["articles"], "actions": ["half"], "when": {"a": 1}},
            {"id": "no", "effect": "deny", "collections": ["articles"], "actions": ["frozen"]},
            {"id": "bare", "roles": ["author"], "collections": ["articles"], "actions": ["bare"], "fields": ["title"]}],
        "constraints": [
            {"id": "full", "collections": ["articles"], "actions": ["check"], "require": {"title": {"_nempty": true}}}]});
    let far_to_near = [
        (
            json!({"to": "live", "closes": "2020-01-01T00:00:00Z"}),
            v1::Reason::NotOffered,
        ),
        (json!({"to": "live", "actions": ["frozen"]}), v1::Reason::Denied),
        (json!({"to": "live", "actions": ["stamp"]}), v1::Reason::NoGrant),
        (
            json!({"to": "live", "actions": ["half"]}),
            v1::Reason::MissingAttribute,
        ),
        (
            json!({"to": "live", "actions": ["bare"]}),
            v1::Reason::FieldOutOfReach,
        ),
        (json!({"to": "live", "actions": ["check"]}), v1::Reason::Violation),
        (
            json!({"to": "live", "explain": true}),
            v1::Reason::ExplanationRequired,
        ),
        (
            json!({"to": "live", "approvals": {"count": 1, "content_bound": false}}),
            v1::Reason::ApprovalMissing,
        ),
    ];
    for (far, (first, _)) in far_to_near.iter().enumerate() {
        for (second, reason) in &far_to_near[far + 1..] {
            for (one, two) in [(first, second), (second, first)] {
                let house = press(json!({"one": one, "two": two, "back": back}), rules.clone());
                let attributes = json!({"title": ""});
                let request =
                    json!({"resource": {"state": "draft", "attributes": attributes}, "to_state": "live"});
                let decision = house.decide(of_author("update", request));
                assert_eq!(decision.reason(), *reason, "{one} {two}");
            }
        }
    }
}

#[test]
fn a_list_of_transitions_says_why_there_is_nothing_to_list() {
    let transitions = json!({"one": {"to": "live"}, "two": {"to": "live"}, "back": {"to": "draft"}});
    let grants = |action: &str| json!({"grants": [{"roles": ["author"], "collections": ["articles", "notes"], "actions": [action]}]});
    let list = |house: &House, resource: Value| {
        let request = json!({"subject": {"roles": ["author"]}, "resource": resource});
        let request: v1::ListAllowedTransitionsRequest = message("ListAllowedTransitionsRequest", request);
        let answer = house.service.list_allowed_transitions(&request).unwrap();
        (answer.reason(), answer.message, answer.transitions.len())
    };
    let house = press(transitions.clone(), grants("update"));
    let told = |resource: Value| list(&house, resource);
    assert_eq!(
        told(json!({"collection": "articles", "state": "draft"})),
        (v1::Reason::Unspecified, String::new(), 2)
    );
    for (resource, reason, words) in [
        (
            json!({"collection": "pages", "state": "draft"}),
            v1::Reason::UnknownCollection,
            "the profile knows no collection `pages`",
        ),
        (
            json!({"collection": "notes", "state": "draft"}),
            v1::Reason::UnknownTransition,
            "the collection `notes` has no workflow",
        ),
        (
            json!({"collection": "articles", "state": "gone"}),
            v1::Reason::NotOffered,
            "the workflow of `articles` does not have the state `gone`",
        ),
        (
            json!({"collection": "articles", "attributes": {"status": null}}),
            v1::Reason::NotOffered,
            "the workflow of `articles` does not have the state of the item",
        ),
        (
            json!({"collection": "articles"}),
            v1::Reason::UnknownAction,
            "no action of the profile creates items",
        ),
    ] {
        assert_eq!(told(resource), (reason, words.to_owned(), 0));
    }
    let house = press(transitions, grants("create"));
    assert_eq!(
        list(&house, json!({"collection": "articles"})),
        (v1::Reason::Unspecified, String::new(), 2)
    );
    let quiet = house.telling(Detail::Code);
    assert_eq!(
        list(&quiet, json!({"collection": "pages"})),
        (v1::Reason::UnknownCollection, String::new(), 0)
    );
}

#[test]
fn fields_without_an_item_are_those_in_reach() {
    let collections = json!({"collections": [{"id": "articles", "owner": "author", "state_field": "status",
        "workflow": "w", "fields": ["title", "body", "status", "author", "secret", "note"]}]});
    let workflows = json!({"workflows": [{"id": "w", "initial_state": "draft",
        "states": {"draft": {"transitions": ["go"]}, "live": {"transitions": ["go"]}},
        "transitions": {"go": {"to": {"draft": "live", "live": "draft"}}}}]});
    let house = House::of(&[
        (
            "roles.json",
            json!({"roles": [{"id": "author"}, {"id": "owner"}, {"id": "editor"}]}),
        ),
        ("collections.json", collections),
        ("workflows.json", workflows),
        (
            "grants.json",
            json!({"grants": [
                {"roles": ["author"], "collections": ["articles"], "actions": ["update"], "scope": "mine", "fields": ["title"]},
                {"roles": ["owner"], "collections": ["articles"], "actions": ["update"], "states": ["draft"], "fields": ["body"]},
                {"roles": ["author"], "collections": ["articles"], "actions": ["update"], "when": {"$OWNER.id": "7"}, "fields": ["note"]},
                {"roles": ["editor"], "collections": ["articles"], "actions": ["update"], "fields": ["secret"]},
                {"effect": "deny", "roles": ["owner"], "collections": ["articles"], "actions": ["update"], "fields": ["title"]}]}),
        ),
    ]);
    let filter = |subject: &str, resource: Value| {
        let request = json!({"subject": {"id": subject, "roles": ["author"]}, "operation": "OPERATION_UPDATE", "resource": resource});
        let request: v1::FilterFieldsRequest = message("FilterFieldsRequest", request);
        let answer = house.service.filter_fields(&request).unwrap();
        (answer.allowed.clone(), answer.conditional, answer.reason())
    };
    let open = vec!["title".to_owned(), "body".to_owned(), "note".to_owned()];
    let articles = json!({"collection": "articles"});
    assert_eq!(filter("7", articles.clone()), (open, true, v1::Reason::Allowed));
    // Visitors own nothing: of their own items there are none.
    let note = vec!["note".to_owned()];
    assert_eq!(filter("", articles), (note, true, v1::Reason::Allowed));
    // An item that is told is not some item: nobody owns it.
    let item = json!({"collection": "articles", "id": "1", "state": "draft"});
    assert_eq!(filter("7", item), (vec![], false, v1::Reason::NoMatchingGrant));
    let unknown = json!({"collection": "pages"});
    assert_eq!(
        filter("7", unknown),
        (vec![], false, v1::Reason::UnknownCollection)
    );

    // What is said to be owned by nobody is not open.
    let some = json!({"resource": {"id": "", "any_item": true, "attributes": {"author": null}}});
    assert_eq!(house.decide(of_author("update", some)).effect(), v1::Effect::Deny);
    let some = json!({"resource": {"id": "", "any_item": true}});
    let decision = house.decide(of_author("update", some));
    assert_eq!(
        (decision.effect(), decision.conditional),
        (v1::Effect::Allow, true)
    );
}

#[test]
fn an_action_inside_asks_about_the_container_and_its_state() {
    let actions = json!({"permissions": [
        {"id": "create"}, {"id": "add", "operation": "CREATE", "inside": true}]});
    let house = House::of(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        ("permissions.json", actions),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "workflow": "w", "state_field": "status"}]}),
        ),
        (
            "workflows.json",
            json!({"workflows": [{"id": "w", "initial_state": "draft", "states": {"draft": {"transitions": ["go"]}, "live": {}},
                "transitions": {"go": {"to": "live"}}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                {"roles": ["author"], "collections": ["articles"], "actions": ["create", "add"], "states": ["draft"]}]}),
        ),
    ]);
    let reason = |action: &str, resource: Value| {
        house
            .decide(of_author(action, json!({ "resource": resource })))
            .reason()
    };
    // A new item begins in the initial state; a container is where it is.
    assert_eq!(reason("create", json!({"id": ""})), v1::Reason::Allowed);
    assert_eq!(reason("add", json!({})), v1::Reason::MissingAttribute);
    assert_eq!(reason("add", json!({"id": ""})), v1::Reason::MissingAttribute);
    assert_eq!(reason("add", json!({"state": "draft"})), v1::Reason::Allowed);
    assert_eq!(
        reason("add", json!({"attributes": {"status": "live"}})),
        v1::Reason::NoGrant
    );
    // The value of the state field is that of the new item, and moves nothing.
    let request = json!({"resource": {"attributes": {"status": "draft"}}, "changes": {"title": "A"}});
    assert_eq!(
        house.decide(of_author("add", request)).reason(),
        v1::Reason::Allowed
    );
    let request = json!({"subject": {"roles": ["author"]}, "operation": "OPERATION_CREATE", "action": "add",
        "resource": {"collection": "articles", "id": "1", "state": "draft"}, "fields": ["title"]});
    let answer = house
        .service
        .filter_fields(&message("FilterFieldsRequest", request))
        .unwrap();
    assert_eq!(answer.allowed, ["title"]);
}

#[test]
fn a_geometry_beyond_the_limit_helps_nobody() {
    let square = json!({"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]});
    let grant = |action: &str, operator: &str| json!({"roles": ["author"], "collections": ["articles"], "actions": [action], "when": {"place": {operator: square}}});
    let rules = json!({"grants": [
        grant("read", "_intersects"), grant("print", "_nintersects"), grant("share", "_intersects_bbox"),
        {"roles": ["author"], "collections": ["articles"], "actions": ["delete"]},
        {"effect": "deny", "collections": ["articles"], "actions": ["delete"], "when": {"place": {"_intersects": square}}}]});
    let house = House::with_rules(rules);
    let reason = |action: &str, size: u32, x: u32| {
        let positions: Vec<Value> = (0..size).map(|y| json!([x, f64::from(y) / 1000.0])).collect();
        let place = json!({"type": "MultiPoint", "coordinates": positions});
        let attributes = json!({ "place": place });
        house
            .decide(of_author(action, json!({"resource": {"attributes": attributes}})))
            .reason()
    };
    assert_eq!(reason("read", 1000, 1), v1::Reason::Allowed);
    assert_eq!(reason("share", 1000, 1), v1::Reason::Allowed);
    assert_eq!(reason("print", 1000, 99), v1::Reason::Allowed);
    assert_eq!(reason("delete", 1000, 99), v1::Reason::Allowed);
    assert_eq!(reason("delete", 1000, 1), v1::Reason::Denied);
    for action in ["read", "share", "print", "delete"] {
        assert_eq!(reason(action, 1001, 99), v1::Reason::Fault, "{action}");
    }
}
