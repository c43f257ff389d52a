//! Until when an answer holds, for each way in which a rule may look at the clock.

use placet::engine::check::check;
use placet::engine::validity::valid_until;
use serde_json::{Value as Json, json};

use crate::ask;
use crate::native::policy_of;
use crate::properties;

/// Asks at noon on the first of March 2026, a Sunday, until when the answer holds.
fn until(files: &[(&str, Json)], more: Json) -> Option<String> {
    let model = properties::model(&policy_of(files)).unwrap();
    let mut question = json!({"subject": {"id": "7"}, "action": "update", "resource": {"collection": "notes", "id": "1"},
        "context": {"now": "2026-03-01T12:30:15Z"}});
    for (key, value) in more.as_object().unwrap() {
        match (question.get_mut(key).and_then(Json::as_object_mut), value) {
            (Some(object), Json::Object(value)) => object.extend(value.clone()),
            _ => question[key] = value.clone(),
        }
    }
    let query = ask::query(&question);
    let decision = check(&model, &query).unwrap();
    valid_until(&model, &query, &decision).map(|moment| moment.to_string())
}

fn allow(when: Json) -> Json {
    json!({"roles": ["everyone"], "collections": ["notes"], "actions": ["update"], "when": when})
}

#[test]
fn an_answer_ends_where_the_clock_passes_what_it_is_compared_with() {
    for (when, moment) in [
        (
            json!({"$NOW": {"_lt": "2026-03-02T00:00:00Z"}}),
            Some("2026-03-02T00:00:00Z"),
        ),
        (
            json!({"$NOW": {"_lte": "2026-03-02T00:00:00Z"}}),
            Some("2026-03-02T00:00:00.000000001Z"),
        ),
        (json!({"$NOW": {"_lt": "2026-02-02T00:00:00Z"}}), None),
        (json!({"until": {"_gt": "$NOW"}}), Some("2026-03-05T00:00:00Z")),
        (
            json!({"until": {"_gt": "$NOW(+1 day)"}}),
            Some("2026-03-04T00:00:00Z"),
        ),
        // A month after the last day of April is the thirtieth of May.
        (
            json!({"$NOW(+1 month)": {"_lt": "2026-05-31T00:00:00Z"}}),
            Some("2026-05-01T00:00:00Z"),
        ),
        (
            json!({"$NOW": {"_lt": "$CURRENT_USER.ends"}}),
            Some("2026-03-07T00:00:00Z"),
        ),
        (
            json!({"$CURRENT_USER.ends": {"_gt": "$NOW"}}),
            Some("2026-03-07T00:00:00Z"),
        ),
    ] {
        let rules = json!({"grants": [allow(when.clone())]});
        let more = json!({"subject": {"attributes": {"ends": "2026-03-07T00:00:00Z"}},
            "resource": {"attributes": {"until": "2026-03-05T00:00:00Z"}}});
        assert_eq!(
            until(&[("grants.json", rules)], more).as_deref(),
            moment,
            "{when}"
        );
    }
}

#[test]
fn an_answer_ends_where_a_part_of_the_clock_passes_what_it_is_compared_with() {
    for (preset, require, moment) in [
        (
            "$NOW",
            json!({"year(at)": {"_eq": 2026}}),
            Some("2027-01-01T00:00:00Z"),
        ),
        (
            "$NOW",
            json!({"year(at)": {"_gte": 2028}}),
            Some("2028-01-01T00:00:00Z"),
        ),
        (
            "$NOW",
            json!({"year(at)": {"_gt": 2028}}),
            Some("2029-01-01T00:00:00Z"),
        ),
        ("$NOW", json!({"year(at)": {"_lt": 2026}}), None),
        (
            "$NOW",
            json!({"month(at)": {"_gte": 6}}),
            Some("2026-06-01T00:00:00Z"),
        ),
        (
            "$NOW",
            json!({"month(at)": {"_lte": 6}}),
            Some("2026-07-01T00:00:00Z"),
        ),
        (
            "$NOW",
            json!({"week(at)": {"_gt": 9}}),
            Some("2026-03-09T00:00:00Z"),
        ),
        (
            "$NOW",
            json!({"day(at)": {"_neq": 4}}),
            Some("2026-03-04T00:00:00Z"),
        ),
        (
            "$NOW",
            json!({"weekday(at)": {"_in": [6, 0]}}),
            Some("2026-03-02T00:00:00Z"),
        ),
        (
            "$NOW",
            json!({"hour(at)": {"_between": [9, 17]}}),
            Some("2026-03-01T18:00:00Z"),
        ),
        (
            "$NOW(+2 hours)",
            json!({"hour(at)": {"_lt": 17}}),
            Some("2026-03-01T15:00:00Z"),
        ),
        (
            "$NOW",
            json!({"minute(at)": {"_lt": 45}}),
            Some("2026-03-01T12:45:00Z"),
        ),
        (
            "$NOW",
            json!({"second(at)": {"_lt": 45}}),
            Some("2026-03-01T12:30:45Z"),
        ),
        (
            "$NOW",
            json!({"hour(at)": {"_lt": "$CONTEXT.closing"}}),
            Some("2026-03-01T16:00:00Z"),
        ),
        (
            "$NOW",
            json!({"hour(at)": {"_lt": "$CONTEXT.words"}}),
            Some("2026-03-01T17:00:00Z"),
        ),
        // Of one field only what is written into it is compared.
        ("$NOW", json!({"hour(by)": {"_lt": 17}}), None),
    ] {
        let rules = json!({
            "grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["update"]}],
            "constraints": [{"collections": ["notes"], "actions": ["update"], "presets": {"at": preset}, "require": require}]});
        let more = json!({"context": {"attributes": {"closing": 16, "words": "17"}},
            "resource": {"attributes": {"by": "2026-03-01T12:00:00Z"}}});
        assert_eq!(
            until(&[("grants.json", rules)], more).as_deref(),
            moment,
            "{require}"
        );
    }
}

#[test]
fn a_preset_may_write_the_clock() {
    let rules = |field: &str| {
        json!({
            "grants": [{"roles": ["everyone"], "collections": ["notes"], "actions": ["update"]}],
            "constraints": [{"collections": ["notes"], "actions": ["update"], "presets": {field: "$NOW"},
                "require": {"at": {"_lt": "2026-03-02T00:00:00Z"}}}]})
    };
    let item = || json!({"resource": {"attributes": {"at": "2026-01-01T00:00:00Z"}}});
    assert_eq!(
        until(&[("grants.json", rules("at"))], item()).as_deref(),
        Some("2026-03-02T00:00:00Z")
    );
    assert_eq!(until(&[("grants.json", rules("by"))], item()), None);
}

#[test]
fn what_is_permitted_of_related_items_may_change_with_time() {
    let collections = json!({"collections": [{"id": "comments"},
        {"id": "notes", "fields": {"comments": {"type": "alias", "relation": "comments", "many": true}}}]});
    let rules = json!({"grants": [
        allow(json!({"comments": {"_some_permitted": {"open": true}}})),
        {"roles": ["everyone"], "collections": ["comments"], "actions": ["update"], "when": {"until": {"_gt": "$NOW"}}}]});
    let comments = json!([{"id": 1, "open": true, "until": "2026-03-02T00:00:00Z"}]);
    let moment = until(
        &[("collections.json", collections), ("grants.json", rules)],
        json!({"resource": {"attributes": {"comments": comments}}}),
    );
    assert_eq!(moment.as_deref(), Some("2026-03-02T00:00:00Z"));
}

#[test]
fn what_is_permitted_of_what_is_permitted_may_change_with_time() {
    let many = json!({"type": "alias", "relation": "comments", "many": true});
    let collections = json!({"collections": [{"id": "comments", "fields": {"id": {}, "until": {}, "replies": many}},
        {"id": "notes", "fields": {"comments": many}}]});
    let rules = json!({"grants": [
        allow(json!({"comments": {"_some_permitted": {"id": 1}}})),
        {"roles": ["everyone"], "collections": ["comments"], "actions": ["update"], "when": {"_or": [
            {"until": {"_gt": "$NOW"}}, {"replies": {"_some_permitted": {"id": 2}}}]}}]});
    let reply = json!({"id": 2, "until": "2026-03-02T00:00:00Z", "replies": []});
    let comments = json!([{"id": 1, "until": "2026-02-02T00:00:00Z", "replies": [reply]}]);
    let moment = until(
        &[("collections.json", collections), ("grants.json", rules)],
        json!({"resource": {"attributes": {"comments": comments}}}),
    );
    assert_eq!(moment.as_deref(), Some("2026-03-02T00:00:00Z"));
}
