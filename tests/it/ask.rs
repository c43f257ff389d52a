//! Questions as test data writes them: JSON in the words of the wire, turned into the engine's own question.

use std::borrow::Cow;

use jiff::Timestamp;
use placet::engine::query::{
    Ancestor, Approval, Context, Holder, LocalRoles, Names, Owner, Query, Resource, Subject,
};
use placet::vocab::value::{Object, Value};
use serde_json::Value as Json;

/// The moment of every question that does not tell its own.
pub(crate) const NOW: &str = "2026-03-01T12:00:00Z";

/// Returns the question that the JSON asks; a key that no question has is a mistake in the test data.
pub(crate) fn query(json: &Json) -> Query<'_> {
    check_keys(
        json,
        &[
            "subject",
            "resource",
            "context",
            "action",
            "transition",
            "to_state",
            "fields",
            "filter_fields",
            "changes",
        ],
    );
    let (subject, context) = (&json["subject"], &json["context"]);
    check_keys(subject, &["id", "roles", "groups", "attributes"]);
    check_keys(
        context,
        &[
            "ip",
            "now",
            "explanation",
            "approvals",
            "comment_author_id",
            "attributes",
        ],
    );
    let now: Timestamp = context["now"].as_str().unwrap_or(NOW).parse().unwrap();
    Query {
        subject: Subject {
            id: text(&subject["id"]),
            roles: names(&subject["roles"]),
            groups: names(&subject["groups"]),
            attributes: object(&subject["attributes"]),
        },
        resource: resource(&json["resource"]),
        context: Context {
            ip: text(&context["ip"]),
            now,
            explanation: text(&context["explanation"]),
            approvals: each(&context["approvals"]).map(approval).collect(),
            comment_author_id: text(&context["comment_author_id"]),
            attributes: object(&context["attributes"]),
        },
        action: text(&json["action"]),
        transition: text(&json["transition"]),
        to_state: text(&json["to_state"]),
        fields: names(&json["fields"]),
        filter_fields: names(&json["filter_fields"]),
        changes: object(&json["changes"]),
    }
}

fn resource(json: &Json) -> Resource<'_> {
    let known = [
        "collection",
        "id",
        "state",
        "owner",
        "attributes",
        "local_roles",
        "block_inheritance",
        "ancestors",
        "content_digest",
        "any_item",
    ];
    check_keys(json, &known);
    check_keys(&json["owner"], &["id", "roles"]);
    Resource {
        collection: text(&json["collection"]),
        id: text(&json["id"]),
        state: text(&json["state"]),
        owner: Owner {
            id: text(&json["owner"]["id"]),
            roles: names(&json["owner"]["roles"]),
        },
        attributes: object(&json["attributes"]),
        local_roles: local_roles(&json["local_roles"]),
        block_inheritance: json["block_inheritance"].as_bool().unwrap_or(false),
        ancestors: each(&json["ancestors"])
            .map(|ancestor| Ancestor {
                collection: text(&ancestor["collection"]),
                id: text(&ancestor["id"]),
                local_roles: local_roles(&ancestor["local_roles"]),
                block_inheritance: ancestor["block_inheritance"].as_bool().unwrap_or(false),
            })
            .collect(),
        content_digest: text(&json["content_digest"]),
        any_item: json["any_item"].as_bool().unwrap_or(false),
    }
}

fn local_roles(json: &Json) -> Vec<LocalRoles<'_>> {
    each(json)
        .map(|given| LocalRoles {
            holder: match given["group"].as_str() {
                Some(group) => Holder::Group(group),
                None => Holder::User(text(&given["subject_id"])),
            },
            roles: names(&given["roles"]),
        })
        .collect()
}

fn approval(json: &Json) -> Approval<'_> {
    check_keys(json, &["subject_id", "roles", "transition", "content_digest"]);
    Approval {
        subject_id: text(&json["subject_id"]),
        roles: names(&json["roles"]),
        transition: text(&json["transition"]),
        content_digest: text(&json["content_digest"]),
    }
}

/// Returns the values of a JSON object; of anything else none.
pub(crate) fn object(json: &Json) -> Object<'_> {
    let entries = json.as_object().into_iter().flatten();
    Object::new(
        entries
            .map(|(key, value)| (Cow::Borrowed(key.as_str()), self::value(value)))
            .collect(),
    )
}

fn value(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.as_f64().unwrap()),
        Json::String(text) => Value::Text(Cow::Borrowed(text)),
        Json::Array(values) => Value::List(values.iter().map(value).collect()),
        Json::Object(_) => Value::Object(object(json)),
    }
}

fn text(json: &Json) -> &str {
    assert!(json.is_string() || json.is_null(), "`{json}` should be text");
    json.as_str().unwrap_or("")
}

fn names(json: &Json) -> Names<'_> {
    each(json).map(text).collect()
}

fn each(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn check_keys(json: &Json, known: &[&str]) {
    for key in json.as_object().into_iter().flat_map(|object| object.keys()) {
        assert!(known.contains(&key.as_str()), "`{key}` is no part of a question");
    }
}
