//! What is kept of a document, of the items that it is related to, and of paths to them.

use placet::engine::fields::{filter, filter_document};
use placet::engine::query::Query;
use placet::model::Model;
use placet::vocab::effect::Reason;
use placet::vocab::value::Value;
use serde_json::{Value as Json, json};

use crate::ask;
use crate::native::policy_of;
use crate::properties;

/// Articles with an author, a reviewer, comments and a plan, of which authors may see more or less.
fn articles() -> Model {
    let relation = |to: &str, many: bool| json!({"type": "alias", "relation": to, "many": many});
    let fields = json!({"id": {}, "title": {}, "price": {}, "author": relation("people", false), "reviewer": relation("people", false),
        "comments": relation("comments", true), "plan": relation("plans", false)});
    let read = |collection: &str, more: Json| {
        let mut grant = json!({"roles": ["author"], "collections": [collection], "actions": ["read"]});
        grant
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        grant
    };
    let policy = policy_of(&[
        ("roles.json", json!({"roles": [{"id": "author"}]})),
        (
            "collections.json",
            json!({"collections": [{"id": "articles", "fields": fields}, {"id": "comments"}, {"id": "plans"}, {"id": "notes"},
                {"id": "people", "key": "number", "fields": {"number": {}, "name": {}, "phone": {}, "public": {}, "boss": relation("people", false)}}]}),
        ),
        (
            "grants.json",
            json!({"grants": [
                read("articles", json!({"fields": {"except": ["price"]}})),
                read("people", json!({"fields": ["number", "name", "boss"], "when": {"public": true}})),
                read("comments", json!({"when": {"open": true}})),
                read("notes", json!({"fields": []})),
                {"id": "long", "roles": ["author"], "collections": ["articles"], "actions": ["update"], "validate": {"title": {"_nempty": true}}}]}),
        ),
        (
            "document_grants.json",
            json!({"document_grants": [{"collection": "people", "id": "5", "actions": ["read"], "users": ["7"]}]}),
        ),
    ]);
    properties::model(&policy).unwrap()
}

fn question(action: &str, more: Json) -> Query<'static> {
    let mut question = json!({"subject": {"id": "7", "roles": ["author"]}, "action": action,
        "resource": {"collection": "articles", "id": "1"}});
    question
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    ask::query(Box::leak(Box::new(question)))
}

fn json_of(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Number(number) => json!(*number as i64),
        Value::Text(text) => json!(text),
        Value::List(values) => values.iter().map(json_of).collect(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.to_owned(), json_of(value)))
            .collect(),
    }
}

#[test]
fn related_items_are_kept_as_far_as_they_may_be_read() {
    let model = articles();
    let person =
        |number: u32, public: bool| json!({"number": number, "name": "Ann", "phone": "1", "public": public});
    let mut ann = person(1, true);
    ann["boss"] = person(2, true);
    let document = json!({"id": 1, "title": "T", "price": 9, "author": ann, "reviewer": person(2, false),
        "comments": [{"id": 1, "open": true}, {"id": 2, "open": false}, 3], "plan": {"id": 1}});
    let document = Box::leak(Box::new(document));
    let query = question("read", json!({}));
    let object = ask::object(document);
    let kept = filter_document(&model, &query, &object).unwrap();
    assert_eq!(
        json_of(&Value::Object(kept)),
        json!({"id": 1, "title": "T", "author": {"number": 1, "name": "Ann", "boss": {"number": 2, "name": "Ann"}}, "reviewer": null,
            "comments": [{"id": 1, "open": true}, 3], "plan": null})
    );
    // A grant on the very document shows all of it, found by the key of its collection.
    let document = Box::leak(Box::new(json!({"reviewer": person(5, false)})));
    let kept = filter_document(&model, &query, &ask::object(document)).unwrap();
    assert_eq!(
        json_of(&Value::Object(kept)),
        json!({"reviewer": person(5, false)})
    );
}

#[test]
fn paths_pass_where_some_related_item_shows_the_field() {
    let model = articles();
    let query = question(
        "read",
        json!({"fields": ["title", "price", "author.name", "author.phone", "author.boss.name", "plan.id", "title.length"]}),
    );
    let filtered = filter(&model, &query).unwrap();
    assert_eq!(
        filtered.allowed,
        ["title", "author.name", "author.boss.name", "title.length"]
    );
    let denied: Vec<_> = filtered
        .denied
        .iter()
        .map(|each| (each.field, each.reason))
        .collect();
    assert_eq!(
        denied,
        [
            ("price", Reason::FieldOutOfReach),
            ("author.phone", Reason::FieldOutOfReach),
            ("plan.id", Reason::NoGrant)
        ]
    );
}

#[test]
fn a_field_that_is_not_taken_away_names_no_deny() {
    let model = articles();
    let query = question("update", json!({"fields": ["title"]}));
    let filtered = filter(&model, &query).unwrap();
    let [title] = filtered.denied.as_slice() else {
        panic!("{filtered:?}")
    };
    assert_eq!((title.reason, title.rules.len()), (Reason::MissingAttribute, 0));
    let attributes = json!({"collection": "articles", "id": "1", "attributes": {"title": ""}});
    let query = question("update", json!({"fields": ["title"], "resource": attributes}));
    let filtered = filter(&model, &query).unwrap();
    let [title] = filtered.denied.as_slice() else {
        panic!("{filtered:?}")
    };
    assert_eq!((title.reason, title.rules.len()), (Reason::Violation, 0));
    // The bare item is shown, and none of its fields.
    let query = question(
        "read",
        json!({"fields": ["title"], "resource": {"collection": "notes", "id": "1"}}),
    );
    let filtered = filter(&model, &query).unwrap();
    assert!(filtered.item.is_allow() && filtered.allowed.is_empty() && !filtered.others_allowed);
    assert_eq!(filtered.denied[0].reason, Reason::FieldOutOfReach);
}
