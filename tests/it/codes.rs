//! The codes by which a CMS reports refusals: of a rule, of an action, of a profile, in this order.

use std::fs;
use std::path::Path;

use placet::rpc::json::from_json;
use placet::rpc::proto::v1::CheckRequest;
use serde_json::{Value, json};

use crate::decisions::project;
use crate::recordings::door;

/// Asks the profiles of a directory, and compares the codes of the answers.
fn expect_codes(root: &Path, profile: &str, cases: &[(Value, &str)]) {
    let door = door::open(root);
    let mut complaints = Vec::new();
    for (question, code) in cases {
        let mut request: CheckRequest = from_json("CheckRequest", question).unwrap();
        profile.clone_into(&mut request.profile);
        let decision = door.check(&request).unwrap().decision.unwrap();
        if decision.cms_code != *code {
            let (found, reason) = (&decision.cms_code, decision.reason().as_str_name());
            complaints.push(format!(
                "{question}: expected {code:?}, found {found:?} ({reason})"
            ));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn directus_7_and_8_have_theirs() {
    let ask = |role: &str, action: &str, resource: Value, more: Value| {
        let mut question =
            json!({"subject": {"id": "31", "roles": [role]}, "action": action, "resource": resource});
        for (key, value) in more.as_object().unwrap() {
            question[key] = value.clone();
        }
        question
    };
    let article = |state: &str| json!({"collection": "articles", "id": "900", "state": state, "owner": {"id": "41", "roles": ["4"]}});
    let person = json!({"collection": "directus_users", "id": "1", "state": "active", "attributes": {"id": 1, "role": 1}});
    let none = json!({});
    let cases = [
        (
            ask(
                "3",
                "create",
                json!({"collection": "articles"}),
                json!({"to_state": "locked"}),
            ),
            "301",
        ),
        (
            ask(
                "3",
                "create",
                json!({"collection": "articles"}),
                json!({"changes": {"notes": "x"}}),
            ),
            "305",
        ),
        (
            ask("3", "create", json!({"collection": "articles"}), none.clone()),
            "10",
        ),
        (ask("3", "read", article("draft"), none.clone()), "203"),
        (
            ask(
                "2",
                "read",
                json!({"collection": "articles", "any_item": true}),
                none.clone(),
            ),
            "300",
        ),
        (
            ask("3", "read", article("published"), json!({"fields": ["notes"]})),
            "304",
        ),
        (
            ask(
                "3",
                "read",
                json!({"collection": "articles", "any_item": true}),
                json!({"filter_fields": ["notes"]}),
            ),
            "215",
        ),
        (ask("3", "read", article("published"), none.clone()), ""),
        (
            ask(
                "3",
                "update",
                article("review"),
                json!({"changes": {"title": "T"}}),
            ),
            "302",
        ),
        (
            ask(
                "4",
                "update",
                article("draft"),
                json!({"changes": {"status": "locked"}}),
            ),
            "302",
        ),
        (
            ask(
                "4",
                "update",
                article("draft"),
                json!({"changes": {"created_by": 5}}),
            ),
            "305",
        ),
        (ask("4", "delete", article("locked"), none.clone()), "303"),
        (ask("3", "comment.read", article("locked"), none.clone()), ""),
        (ask("3", "comment.create", article("locked"), none.clone()), "210"),
        (
            ask(
                "4",
                "comment.update",
                article("draft"),
                json!({"context": {"comment_author_id": "5"}}),
            ),
            "211",
        ),
        (
            ask(
                "4",
                "comment.delete",
                article("draft"),
                json!({"context": {"comment_author_id": "5"}}),
            ),
            "212",
        ),
        (
            ask(
                "6",
                "create",
                json!({"collection": "articles"}),
                json!({"context": {"ip": "198.51.100.1"}}),
            ),
            "19",
        ),
        (
            ask(
                "3",
                "create",
                json!({"collection": "directus_fields"}),
                none.clone(),
            ),
            "306",
        ),
        (
            ask(
                "1",
                "delete",
                json!({"collection": "directus_roles", "id": "2", "attributes": {"id": 2, "users": []}}),
                none.clone(),
            ),
            "3",
        ),
        (
            ask(
                "1",
                "delete",
                person.clone(),
                json!({"context": {"attributes": {"last_administrator": true}}}),
            ),
            "216",
        ),
        (
            ask(
                "1",
                "update",
                person,
                json!({"changes": {"status": "suspended"}, "context": {"attributes": {"last_administrator": true}}}),
            ),
            "216",
        ),
        (
            json!({"subject": {"id": "41", "roles": ["4"]}, "transition": "locked", "resource": article("draft")}),
            "302",
        ),
    ];
    expect_codes(&project("policies"), "newsroom-legacy", &cases);
}

#[test]
fn a_rule_comes_before_the_action_and_the_action_before_the_profile() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("shop");
    fs::create_dir_all(&directory).unwrap();
    let files = [
        (
            "profile.json",
            json!({"codes": {"DENIED": "profile", "VIOLATION": "profile", "NO_GRANT": "profile"}}),
        ),
        (
            "collections.json",
            json!({"collections": [{"id": "goods", "state_field": "state"}]}),
        ),
        ("roles.json", json!({"roles": [{"id": "clerk"}]})),
        (
            "permissions.json",
            json!({"permissions": {
            "sell": {"codes": {"DENIED": "action", "VIOLATION": "action"}, "any_item_codes": {"DENIED": "list"}},
            "buy": {}}}),
        ),
        (
            "grants.json",
            json!({
            "grants": [
                {"roles": ["clerk"], "actions": ["sell"]},
                {"effect": "deny", "actions": ["sell"], "states": ["closed"], "code": "rule"},
                {"effect": "deny", "actions": ["sell"], "states": ["shut"]}],
            "constraints": [
                {"actions": ["sell"], "require": {"price": {"_gt": 0}}, "code": "constraint"},
                {"actions": ["sell"], "require": {"name": {"_nempty": true}}}]}),
        ),
    ];
    for (name, json) in files {
        fs::write(directory.join(name), json.to_string()).unwrap();
    }
    let ask = |action: &str, resource: Value| json!({"subject": {"id": "a", "roles": ["clerk"]}, "action": action, "resource": resource});
    let cases = [
        (
            ask("sell", json!({"collection": "goods", "state": "closed"})),
            "rule",
        ),
        (
            ask("sell", json!({"collection": "goods", "state": "shut"})),
            "action",
        ),
        (
            ask(
                "sell",
                json!({"collection": "goods", "state": "shut", "any_item": true}),
            ),
            "list",
        ),
        (
            ask(
                "sell",
                json!({"collection": "goods", "state": "closed", "any_item": true}),
            ),
            "rule",
        ),
        (
            ask(
                "sell",
                json!({"collection": "goods", "state": "open", "attributes": {"price": 0, "name": "Tea"}}),
            ),
            "constraint",
        ),
        (
            ask(
                "sell",
                json!({"collection": "goods", "state": "open", "attributes": {"price": 1, "name": ""}}),
            ),
            "action",
        ),
        (ask("buy", json!({"collection": "goods"})), "profile"),
        (
            ask(
                "sell",
                json!({"collection": "goods", "state": "open", "attributes": {"price": 1, "name": "Tea"}}),
            ),
            "",
        ),
    ];
    expect_codes(root.path(), "shop", &cases);
}
