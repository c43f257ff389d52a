//! Rows of decisions: raw checks, list filters, whole lists, fields.

use placet::rpc::proto::v1::{Effect, Reason};
use serde_json::{Value, json};

use super::super::Judged;
use super::super::door::Door;
use super::ask::{Question, mode_of, who};
use super::world::World;

/// Judges with a closure that may fail.
fn judged(
    judge: impl FnOnce(&mut Vec<String>, &mut Vec<(String, &'static str)>) -> Result<(), String>,
) -> Judged {
    let (mut wrong, mut unchecked) = (Vec::new(), Vec::new());
    match judge(&mut wrong, &mut unchecked) {
        Ok(()) => Judged::of(&wrong, unchecked),
        Err(text) => Judged::disagree(text),
    }
}

/// Notes what is not as recorded.
fn compare(what: &str, expected: &Value, found: &Value, wrong: &mut Vec<String>) {
    if expected != found {
        wrong.push(format!("{what}: expected {expected}, found {found}"));
    }
}

/// Returns the question of a raw check.
pub(crate) fn question_of_check(profile: &'static str, row: &Value) -> Question {
    let question = who(profile, row).with("mode", json!(mode_of(row)));
    if row["doc"].is_object() {
        return question.document(&row["doc"]);
    }
    question.some(row["type"].as_str().unwrap_or_default())
}

/// A raw check: allowed or not, or an action that there is not.
pub(crate) fn can(_world: &World, door: &dyn Door, row: &Value) -> Judged {
    judged(|wrong, _| {
        let question = question_of_check("exact", row);
        let action = row["action"].as_str().unwrap_or_default();
        if action.is_empty() {
            // The wire has no question without an action; whoever may do anything is found by any unknown name.
            return unnamed(&question, door, row, wrong);
        }
        let decision = question.check(door, action)?;
        match row["error"].as_str() {
            Some(error) => {
                let is_unknown = decision.reason() == Reason::UnknownAction;
                compare("the unknown action", &json!(true), &json!(is_unknown), wrong);
                compare("the error", &json!(error), &json!(decision.cms_code), wrong);
            }
            None => {
                let found = json!(decision.effect() == Effect::Allow);
                compare("the decision", &row["allow"], &found, wrong);
            }
        }
        Ok(())
    })
}

/// A check without an action is refused as malformed; what is recorded of it is what is recorded of any unknown action.
fn unnamed(question: &Question, door: &dyn Door, row: &Value, wrong: &mut Vec<String>) -> Result<(), String> {
    let refused = question.check(door, "").is_err();
    compare(
        "the request without an action is malformed",
        &json!(true),
        &json!(refused),
        wrong,
    );
    let decision = question.check(door, "no such action")?;
    let found = json!(decision.effect() == Effect::Allow);
    compare(
        "any unknown action is allowed",
        &json!(row["allow"] == true),
        &found,
        wrong,
    );
    if let Some(error) = row["error"].as_str() {
        compare("the error", &json!(error), &json!(decision.cms_code), wrong);
    }
    Ok(())
}

/// A list filter: which documents it lets through, one by one.
pub(crate) fn criteria(world: &World, door: &dyn Door, row: &Value) -> Judged {
    judged(|wrong, unchecked| {
        let list = format!("list:{}", row["action"].as_str().unwrap_or_default());
        let mut question = who("exact", row);
        if let Some(id) = row["share"]["aposShareId"].as_str() {
            let published = id.replace(":draft", ":published");
            question = question
                .with("share_id", json!(id))
                .with("share_key", row["share"]["aposShareKey"].clone())
                .with("share_published_id", json!(published));
        }
        if let Some(error) = row["error"].as_str() {
            let decision = question.some("").check(door, &list)?;
            let is_unknown = decision.reason() == Reason::UnknownAction;
            compare("the unknown list", &json!(true), &json!(is_unknown), wrong);
            compare("the error", &json!(error), &json!(decision.cms_code), wrong);
            return Ok(());
        }
        let mut found = Vec::new();
        for doc in &world.docs {
            if question.clone().document(doc).allows(door, &list)? {
                found.push(doc["_id"].clone());
            }
        }
        if let Some(listed) = world.lists.find(world, door, &question, &[&list])? {
            compare("the documents by plan", &row["match"], &json!(listed), wrong);
        }
        compare("the documents", &row["match"], &Value::Array(found), wrong);
        unchecked.push((
            "criteria".to_owned(),
            "how the filter is written, not what it finds",
        ));
        Ok(())
    })
}

/// The checks that a list tells of each of its documents.
const ANNOTATIONS: [&str; 4] = ["create", "edit", "publish", "delete"];

/// A whole list: of the documents that the request selects those that the filter lets through, and what may be done with each.
pub(crate) fn list(world: &World, door: &dyn Door, row: &Value) -> Judged {
    judged(|wrong, _| {
        let mode = mode_of(row);
        let question = who("exact", row).with("mode", json!(mode));
        let mut lists: Vec<String> = row["permission"]
            .as_str()
            .map(|name| format!("list:{name}"))
            .into_iter()
            .collect();
        if row["inbox"] == true {
            lists.push("list:submitted".to_owned());
        }
        let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
        let mut found = Vec::new();
        for doc in world.docs.iter().filter(|doc| is_selected(doc, row, mode)) {
            let question = question.clone().document(doc);
            if !question.allows_all(door, &lists)? {
                continue;
            }
            let mut allowed = Vec::new();
            for action in ANNOTATIONS {
                if question.allows(door, action)? {
                    allowed.push(action);
                }
            }
            found.push(json!([doc["_id"], allowed.join(",")]));
        }
        if let Some(mut listed) = world.lists.find(world, door, &question, &lists)? {
            let is_asked = |doc: &&Value| is_selected(doc, row, mode);
            let asked: Vec<&Value> = world
                .docs
                .iter()
                .filter(is_asked)
                .map(|doc| &doc["_id"])
                .collect();
            listed.retain(|id| asked.contains(&id));
            let ids: Vec<&Value> = found.iter().map(|entry| &entry[0]).collect();
            compare("the list by plan", &json!(ids), &json!(listed), wrong);
        }
        compare("the list", &row["result"], &Value::Array(found), wrong);
        Ok(())
    })
}

/// What the request asks for itself: the copy in its mode, and archived documents or not.
fn is_selected(doc: &Value, row: &Value, mode: &str) -> bool {
    let locale = doc["aposLocale"].as_str();
    let copy = locale.is_none_or(|locale| locale.ends_with(&format!(":{mode}")));
    let archived = doc["archived"] == true;
    copy && row["archived"].as_bool().is_none_or(|wanted| archived == wanted)
}

/// The document whose fields were looked at.
fn article(mode: &str) -> Value {
    json!({
        "_id": format!("article1:en:{mode}"), "type": "article", "visibility": "public", "aposMode": mode,
        "aposLocale": format!("en:{mode}"), "lastPublishedAt": "2024-05-01T00:00:00.000Z", "archived": false,
    })
}

/// Which fields are read, which a form has, and which a write changes.
pub(crate) fn fields(world: &World, door: &dyn Door, row: &Value) -> Judged {
    judged(|wrong, unchecked| {
        let mode = mode_of(row);
        let question = who("fields", row)
            .with("mode", json!(mode))
            .document(&article(mode));
        let op = row["op"].as_str().unwrap_or_default();
        let drafting = mode == "draft";
        if op == "schema" {
            let form = question.fields(door, "schema", &world.fields)?;
            compare("editable", &row["editable"], &json!(form), wrong);
            let seen = question.fields(door, "view", &world.fields)?;
            compare("visible", &row["visible"], &json!(seen), wrong);
            return Ok(());
        }
        let mut asked: Vec<&str> = if drafting { vec!["view-draft"] } else { Vec::new() };
        match op {
            "read-rest" => asked.extend(["api", "list:view", "view"]),
            "write-PATCH" | "write-PUT" => asked.extend(["list:edit", "edit"]),
            other => return Err(format!("no request asks the fields of `{other}`")),
        }
        let allowed = question.allows_all(door, &asked)?;
        let expected = row["status"].as_u64().is_some_and(|status| status < 400);
        compare("the decision", &json!(expected), &json!(allowed), wrong);
        unchecked.push(("status".to_owned(), "HTTP status"));
        if !row["error"].is_null() {
            unchecked.push((
                "error".to_owned(),
                "which refusal it is depends on where the site stops",
            ));
        }
        if !allowed {
            for key in ["visible", "changed", "lost"] {
                if !row[key].is_null() {
                    compare(key, &row[key], &json!([]), wrong);
                }
            }
            return Ok(());
        }
        if op == "read-rest" {
            let shown = question.fields(door, "api", &world.fields)?;
            let seen = question.fields(door, "view", &shown)?;
            compare("visible", &row["visible"], &json!(seen), wrong);
            return Ok(());
        }
        let written = question.fields(door, "edit", &world.fields)?;
        compare("changed", &row["changed"], &json!(written), wrong);
        // What is left out of a write stays as it was.
        compare("lost", &row["lost"], &json!([]), wrong);
        Ok(())
    })
}
