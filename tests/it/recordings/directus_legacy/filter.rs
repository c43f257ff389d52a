//! The filter that the API adds to a list, on items that stand for all others.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ask::{Case, Item};
use super::site::id;

/// Returns items that stand for all others: every status, with every kind of owner.
pub(crate) fn grid(case: &Case<'_>) -> Vec<Item> {
    let facts = &case.site.facts;
    let statuses: Vec<Option<String>> = match facts["status_field"].as_str() {
        Some(_) => facts["statuses"]
            .as_object()
            .into_iter()
            .flat_map(|statuses| statuses.keys().cloned().map(Some))
            .collect(),
        None => vec![None],
    };
    let role = case.json["user"]["roles"].get(0).and_then(id);
    let me = id(&case.json["user"]["id"]);
    // Nobody, the caller, and a stranger.
    let mut owners: Vec<(Option<String>, Option<String>)> = vec![
        (None, None),
        (me.clone(), role.clone()),
        (Some("9001".to_owned()), Some("77".to_owned())),
    ];
    if let Some(field) = facts["owner_field"].as_str() {
        // Whom the filter names beside the caller has the caller's role: no other filter names people.
        let mut named = BTreeSet::new();
        collect_named(&case.json["expect"]["filter"], field, &mut named);
        named.retain(|id| Some(id) != me.as_ref());
        owners.extend(named.into_iter().map(|id| (Some(id), role.clone())));
    }
    let mut items = Vec::new();
    for status in &statuses {
        for (owner, owner_role) in &owners {
            items.push(Item {
                status: status.clone(),
                owner: owner.clone(),
                owner_role: owner_role.clone(),
            });
        }
    }
    items
}

fn collect_named(filter: &Value, field: &str, named: &mut BTreeSet<String>) {
    match filter {
        Value::Object(members) => {
            for (key, value) in members {
                if key == field {
                    named.extend(value["in"].as_array().into_iter().flatten().filter_map(id));
                    named.extend(id(value));
                } else {
                    collect_named(value, field, named);
                }
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| collect_named(part, field, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Tells whether an item passes a recorded filter; `None` if the filter is of a form that is not known here.
pub(crate) fn passes(filter: &Value, facts: &Value, item: &Item) -> Option<bool> {
    let members = match filter {
        Value::Null => return Some(true),
        Value::String(word) if word == "nothing" => return Some(false),
        Value::Object(members) => members,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
    };
    let mut all = true;
    for (key, value) in members {
        let part = match key.as_str() {
            "or" | "and" => {
                let parts: Option<Vec<bool>> = value
                    .as_array()?
                    .iter()
                    .map(|part| passes(part, facts, item))
                    .collect();
                let parts = parts?;
                if key == "or" {
                    parts.contains(&true)
                } else {
                    !parts.contains(&false)
                }
            }
            field if facts["status_field"] == field => holds(value, item.status.as_deref())?,
            field if facts["owner_field"] == field => holds(value, item.owner.as_deref())?,
            _ => return None,
        };
        all &= part;
    }
    Some(all)
}

/// Tells whether a value is as a filter asks: equal, or in or not in a list.
fn holds(asked: &Value, found: Option<&str>) -> Option<bool> {
    let Value::Object(operators) = asked else {
        return Some(id(asked).as_deref() == found);
    };
    let mut all = true;
    for (operator, operand) in operators {
        let values: Option<Vec<String>> = match operand {
            Value::Array(values) => values.iter().map(id).collect(),
            one => id(one).map(|one| vec![one]),
        };
        let values = values?;
        let is_in = found.is_some_and(|found| values.iter().any(|value| value == found));
        all &= match operator.as_str() {
            "in" | "eq" => is_in,
            "nin" | "neq" => !is_in,
            _ => return None,
        };
    }
    Some(all)
}

#[test]
fn filters_are_read() {
    use serde_json::json;

    let facts = json!({"status_field": "status", "owner_field": "author"});
    let item = |status: &str, owner: &str| Item {
        status: Some(status.to_owned()),
        owner: Some(owner.to_owned()),
        owner_role: None,
    };
    let filter =
        json!({"or": [{"status": "draft", "author": {"in": [2]}}, {"status": {"nin": ["draft", "x"]}}]});
    let cases = [
        ("draft", "2", true),
        ("draft", "3", false),
        ("live", "3", true),
        ("x", "2", false),
    ];
    for (status, owner, expected) in cases {
        assert_eq!(passes(&filter, &facts, &item(status, owner)), Some(expected));
    }
    assert_eq!(passes(&json!({"title": "a"}), &facts, &item("a", "2")), None);
    assert_eq!(
        passes(&json!({"author": {"like": "a"}}), &facts, &item("a", "2")),
        None
    );
    assert_eq!(passes(&Value::Null, &facts, &item("a", "2")), Some(true));
    assert_eq!(passes(&json!("nothing"), &facts, &item("a", "2")), Some(false));
}
