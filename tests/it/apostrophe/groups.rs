//! Groups, grids and grants of single documents: the rules that README lists, one by one.

use std::fs;
use std::sync::Arc;

use placet::engine::check::check;
use placet::model::Model;
use serde_json::{Value, json};

use crate::ask;
use crate::decisions::load_all;

const TYPES: &str = r#"{
  "post": {"fields": [
      {"name": "title", "type": "string"},
      {"name": "plate", "type": "string", "editPermission": {"action": "print", "type": "post"}}],
    "permissions": [{"name": "print", "requires": "edit", "perDoc": true}, {"name": "sell", "requires": "publish"}]},
  "letter": {"viewRole": "editor"},
  "secret": {"viewRole": "admin"},
  "room-page": {"kind": "page"}}"#;

const GROUPS: &str = r#"[
  {"name": "board", "admin": true},
  {"name": "desk", "locales": ["en"], "permissions": {"post": ["create", "edit", "print", "sell"], "letter": ["edit"]}},
  {"name": "release", "permissions": {"post": ["publish"]}},
  {"name": "chief", "permissions": {"post": ["create", "edit", "publish", "delete"], "@apostrophecms/any-page-type": ["edit"]}},
  {"name": "half", "permissions": {"post": ["edit", "delete"]}}]"#;

const DOCUMENTS: &str = r#"{"document_grants": [
  {"collection": "post", "id": "seen", "roles": ["doc:view"], "users": ["ann"]},
  {"collection": "post", "id": "mine", "roles": ["doc:edit"], "actions": ["print"], "users": ["ann"]},
  {"collection": "post", "id": "live", "roles": ["doc:publish"], "groups": ["release"]},
  {"collection": "room-page", "id": "attic", "roles": ["doc:edit"], "groups": ["desk"]},
  {"collection": "room-page", "id": "cellar", "roles": ["doc:edit"], "groups": ["desk"], "users": ["cy"]},
  {"collection": "post", "id": "poster", "actions": ["sell"], "groups": ["desk"]},
  {"collection": "room-page", "id": "hall", "roles": ["doc:edit"], "users": ["ann"], "descendants": true}]}"#;

fn model() -> Arc<Model> {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("profile.json", r#"{"dialect": "apostrophe"}"#),
        ("types.json", TYPES),
        ("groups.json", GROUPS),
        ("document_grants.json", DOCUMENTS),
    ] {
        fs::write(root.path().join(name), text).unwrap();
    }
    let profiles = load_all(root.path());
    let warnings: Vec<&str> = profiles[0]
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code.name())
        .collect();
    // `sell` without `publish`.
    assert_eq!(warnings, ["ignored-part"]);
    Arc::clone(profiles[0].model.as_ref().unwrap())
}

/// Asks in the locale `en`: who, in which groups, for an action (or `-> transition`), about which document.
fn allows(model: &Model, user: &str, groups: &[&str], what: &str, resource: Value) -> bool {
    allows_in(model, user, groups, what, resource, "en", json!({}))
}

fn allows_in(
    model: &Model,
    user: &str,
    groups: &[&str],
    what: &str,
    resource: Value,
    locale: &str,
    changes: Value,
) -> bool {
    let mut json = json!({
        "subject": {"id": user, "groups": groups}, "resource": resource, "changes": changes,
        "context": {"attributes": {"locale": locale, "parent_published": true}},
    });
    match what.strip_prefix("-> ") {
        Some(transition) => json["transition"] = json!(transition),
        None => json["action"] = json!(what),
    }
    check(model, &ask::query(&json)).unwrap().is_allow()
}

fn post(id: &str, mode: &str) -> Value {
    let state = if mode == "draft" { "draft" } else { "live" };
    json!({
        "collection": "post", "id": id, "state": state,
        "attributes": {"aposMode": mode, "visibility": "loginRequired", "lastPublishedAt": null},
    })
}

#[test]
fn grids_add_up_and_take_nothing_away() {
    let model = model();
    let (draft, live) = (|| post("1", "draft"), || post("1", "published"));
    assert!(allows(
        &model,
        "root",
        &["board"],
        "edit",
        json!({"collection": "@apostrophecms/user", "id": "u"})
    ));
    assert!(!allows(
        &model,
        "bob",
        &["chief"],
        "edit",
        json!({"collection": "@apostrophecms/user", "id": "u"})
    ));
    // Whoever has signed in is a guest, and no role of a request changes that.
    assert!(allows(&model, "bob", &[], "view", live()));
    assert!(!allows(&model, "bob", &[], "view", draft()));
    assert!(!allows(&model, "", &[], "view", live()));
    assert!(!allows(&model, "bob", &[], "edit", draft()));
    // Drafts are edited with `edit`, what is published with `publish` as well.
    assert!(allows(&model, "bob", &["desk"], "edit", draft()));
    assert!(allows(&model, "bob", &["desk"], "view", draft()));
    assert!(!allows(&model, "bob", &["desk"], "edit", live()));
    assert!(allows(&model, "bob", &["chief"], "edit", live()));
    assert!(!allows(&model, "bob", &["desk"], "publish", draft()));
    assert!(allows(&model, "bob", &["desk", "release"], "publish", draft()));
    // Taking published copies away wants both.
    assert!(allows(&model, "bob", &["chief"], "-> delete-live", live()));
    assert!(!allows(&model, "bob", &["half"], "-> delete-live", live()));
    assert!(allows(&model, "bob", &["half"], "-> delete-draft", draft()));
    // Pages are one row.
    let page =
        json!({"collection": "room-page", "id": "p", "state": "draft", "attributes": {"aposMode": "draft"}});
    assert!(allows(&model, "bob", &["chief"], "-> save", page.clone()));
    assert!(!allows(&model, "bob", &["desk"], "-> save", page));
    assert!(allows(
        &model,
        "bob",
        &["chief"],
        "view-draft",
        json!({"collection": ""})
    ));
    assert!(!allows(
        &model,
        "bob",
        &[],
        "view-draft",
        json!({"collection": ""})
    ));
}

#[test]
fn locales_and_needs_limit_a_grid() {
    let model = model();
    let draft = || post("1", "draft");
    let edits = |locale| allows_in(&model, "bob", &["desk"], "edit", draft(), locale, json!({}));
    assert!(edits("en"));
    assert!(!edits("de"));
    assert!(allows(&model, "bob", &["desk"], "print", draft()));
    assert!(
        !allows(&model, "bob", &["desk"], "sell", draft()),
        "it needs `publish`"
    );
    let writes = |groups: &[&str]| {
        allows_in(
            &model,
            "bob",
            groups,
            "edit",
            draft(),
            "en",
            json!({"plate": "x"}),
        )
    };
    assert!(writes(&["desk"]));
    assert!(!writes(&["chief"]), "the field asks for `print`");
}

#[test]
fn locales_limit_what_documents_give_to_a_group() {
    let model = model();
    let page = |id: &str| json!({"collection": "room-page", "id": id, "state": "draft", "attributes": {"aposMode": "draft"}});
    let asks = |user: &str, what: &str, resource: Value, locale: &str| {
        allows_in(&model, user, &["desk"], what, resource, locale, json!({}))
    };
    for what in ["edit", "-> save"] {
        assert!(asks("bob", what, page("attic"), "en"));
        assert!(!asks("bob", what, page("attic"), "de"));
        // Who was granted it himself has it everywhere.
        assert!(asks("cy", what, page("cellar"), "de"));
        assert!(!asks("bob", what, page("cellar"), "de"));
    }
    assert!(asks("bob", "sell", post("poster", "draft"), "en"));
    assert!(!asks("bob", "sell", post("poster", "draft"), "de"));
    // What the request tells of a group is no more than that.
    let mut told = page("shed");
    told["local_roles"] = json!([{"group": "desk", "roles": ["doc:edit"]}]);
    assert!(asks("bob", "edit", told.clone(), "en"));
    assert!(!asks("bob", "edit", told, "de"));
    assert!(asks("bob", "view-draft", page("attic"), "en"));
    assert!(!asks("bob", "view-draft", page("attic"), "de"));
}

#[test]
fn two_groups_complete_each_other() {
    let model = model();
    let (draft, live) = (|| post("1", "draft"), || post("1", "published"));
    let both = |what: &str, resource: Value| allows(&model, "bob", &["desk", "release"], what, resource);
    // The one edits, the other one publishes.
    assert!(both("edit", live()) && both("-> save-live", live()) && both("-> publish", draft()));
    assert!(both(
        "create",
        json!({"collection": "post", "attributes": {"aposMode": "published"}})
    ));
    assert!(both(
        "op:create-live",
        json!({"collection": "post", "state": "live"})
    ));
    for alone in ["desk", "release"] {
        assert!(!allows(&model, "bob", &[alone], "edit", live()));
        assert!(!allows(&model, "bob", &[alone], "-> save-live", live()));
        assert!(!allows(&model, "bob", &[alone], "-> publish", draft()));
        assert!(!allows(
            &model,
            "bob",
            &[alone],
            "op:create-live",
            json!({"collection": "post", "state": "live"})
        ));
    }
    // Where one of them does not count it completes nothing.
    let elsewhere = |what: &str, resource: Value| {
        allows_in(
            &model,
            "bob",
            &["desk", "release"],
            what,
            resource,
            "de",
            json!({}),
        )
    };
    assert!(!elsewhere("edit", live()) && !elsewhere("-> publish", draft()));
    // Taking away what is published takes a third right.
    assert!(!both("-> delete-live", live()));
    assert!(allows(
        &model,
        "bob",
        &["half", "release"],
        "-> delete-live",
        live()
    ));
    assert!(!allows(
        &model,
        "bob",
        &["desk", "half"],
        "-> delete-live",
        live()
    ));
    let shown = || json!({"collection": "post", "id": "1", "attributes": {"aposMode": "published", "lastPublishedAt": "2024-05-01T00:00:00.000Z"}});
    assert!(allows(&model, "bob", &["half", "release"], "delete", shown()));
    assert!(!allows(&model, "bob", &["half"], "delete", shown()) && !both("delete", shown()));
    // Of other types they complete nothing.
    let letter = || json!({"collection": "letter", "id": "1", "attributes": {"aposMode": "published"}});
    assert!(!both("edit", letter()));
}

#[test]
fn a_group_opens_fields_to_another_one() {
    let model = model();
    let writes = |groups: &[&str], mode: &str| {
        allows_in(
            &model,
            "bob",
            groups,
            "edit",
            post("1", mode),
            "en",
            json!({"plate": "x"}),
        )
    };
    assert!(!writes(&["chief"], "published") && !writes(&["desk"], "published"));
    assert!(writes(&["chief", "desk"], "published"));
    assert!(writes(&["desk", "release"], "published"));
    // A grant of the document opens none by itself.
    let of_document = |groups: &[&str]| {
        let mine = post("mine", "draft");
        allows_in(&model, "ann", groups, "edit", mine, "en", json!({"plate": "x"}))
    };
    assert!(!of_document(&["release"]) && of_document(&["desk"]));
}

#[test]
fn a_group_and_a_document_complete_each_other() {
    let model = model();
    let ann =
        |groups: &[&str], what: &str, mode: &str| allows(&model, "ann", groups, what, post("mine", mode));
    assert!(!ann(&[], "edit", "published") && !ann(&[], "-> publish", "draft"));
    assert!(ann(&["release"], "edit", "published") && ann(&["release"], "-> publish", "draft"));
    assert!(!allows(
        &model,
        "ann",
        &["release"],
        "edit",
        post("other", "published")
    ));
    // The document gives `edit` and `publish`, the grid `delete`.
    let live = |groups: &[&str]| allows(&model, "bob", groups, "-> delete-live", post("live", "published"));
    assert!(live(&["release", "half"]) && !live(&["release"]) && !live(&["half"]));
    let told = |groups: &[&str]| {
        let mut told = post("9", "published");
        told["local_roles"] = json!([{"subject_id": "bob", "roles": ["doc:publish"]}]);
        allows(&model, "bob", groups, "-> delete-live", told)
    };
    assert!(told(&["half"]) && !told(&["desk"]));
}

#[test]
fn options_for_viewing_close_types_to_whoever_has_no_right() {
    let model = model();
    let view = |groups: &[&str], collection: &str| {
        let doc = json!({"collection": collection, "id": "1", "attributes": {"aposMode": "published", "visibility": "public"}});
        allows(&model, "bob", groups, "view", doc)
    };
    assert!(!view(&[], "letter"));
    assert!(view(&["desk"], "letter"));
    assert!(!view(&["desk"], "secret"));
    assert!(view(&["board"], "secret"));
}

#[test]
fn documents_are_granted_beside_the_grid() {
    let model = model();
    let ann = |what: &str, resource: Value| allows(&model, "ann", &[], what, resource);
    // What is granted with `view` is seen as it is published, for whomever that is.
    let odd = |mode: &str| json!({"collection": "post", "id": "seen", "attributes": {"aposMode": mode, "visibility": "odd"}});
    assert!(ann("view", odd("published")));
    assert!(!ann("view", odd("draft")));
    assert!(!ann("edit", post("seen", "draft")));
    assert!(!allows(&model, "bob", &[], "view", odd("published")));
    // `edit` reaches the draft alone, and creates nothing.
    assert!(ann("edit", post("mine", "draft")));
    assert!(ann("-> submit", post("mine", "draft")));
    assert!(ann("view-draft", post("mine", "draft")));
    assert!(ann("print", post("mine", "draft")));
    assert!(!ann("edit", post("mine", "published")));
    assert!(!ann("-> publish", post("mine", "draft")));
    assert!(!ann(
        "create",
        json!({"collection": "post", "attributes": {"aposMode": "draft"}})
    ));
    assert!(!ann("edit", post("other", "draft")));
    // `publish` has all of that, and lets delete nothing that is published.
    let release = |what: &str, mode: &str| allows(&model, "bob", &["release"], what, post("live", mode));
    assert!(release("-> publish", "draft") && release("-> save-live", "published"));
    assert!(!release("-> delete-live", "published"));
}

#[test]
fn grants_come_down_to_what_lies_below() {
    let model = model();
    let below = |blocks: bool| {
        json!({
            "collection": "room-page", "id": "corner", "state": "draft", "attributes": {"aposMode": "draft"},
            "ancestors": [{"collection": "room-page", "id": "house"}, {"collection": "room-page", "id": "hall"}],
            "block_inheritance": blocks,
        })
    };
    assert!(allows(&model, "ann", &[], "-> save", below(false)));
    assert!(!allows(&model, "ann", &[], "-> save", below(true)));
    assert!(!allows(&model, "bob", &[], "-> save", below(false)));
    // The request may tell such a grant itself.
    let mut told = post("77", "draft");
    told["local_roles"] = json!([{"subject_id": "bob", "roles": ["doc:edit"]}]);
    assert!(allows(&model, "bob", &[], "edit", told.clone()));
    assert!(!allows(&model, "ann", &[], "edit", told));
}

#[test]
fn a_role_and_a_document_complete_each_other() {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("profile.json", r#"{"dialect": "apostrophe"}"#),
        ("types.json", r#"{"post": {"editRole": "admin"}}"#),
        (
            "document_grants.json",
            r#"{"document_grants": [
            {"collection": "post", "id": "mine", "roles": ["doc:edit"], "users": ["ann"]}]}"#,
        ),
    ] {
        fs::write(root.path().join(name), text).unwrap();
    }
    let profiles = load_all(root.path());
    let model = profiles[0].model.as_ref().unwrap();
    let publishes = |role: &str, id: &str| {
        let json = json!({"subject": {"id": "ann", "roles": [role]}, "resource": post(id, "draft"), "transition": "publish"});
        check(model, &ask::query(&json)).unwrap().is_allow()
    };
    // The role publishes what it may not edit, and the grant lets edit.
    assert!(publishes("editor", "mine") && !publishes("editor", "other"));
    assert!(!publishes("contributor", "mine"));
}
