//! Rows of operations on one document: each as the transition that it is, from the state that its copies are in.

use placet::rpc::proto::v1::DescribeWorkflowRequest;
use serde_json::{Value, json};

use super::super::Judged;
use super::super::door::Door;
use super::ask::{Question, who};
use super::world::World;

/// The type of each kind of document.
const TYPES: [(&str, &str); 3] = [
    ("article", "article"),
    ("page", "default-page"),
    ("autopub", "autopub"),
];

/// Operations that have another name than their transition.
const NAMES: [(&str, &str); 4] = [
    ("edit-draft", "save"),
    ("edit-published", "save-live"),
    ("delete-published", "delete-live"),
    ("revert-draft-to-published", "revert-to-published"),
];

/// Judges a row.
pub(crate) fn judge(world: &World, door: &dyn Door, row: &Value) -> Judged {
    let kind = row["kind"].as_str().unwrap_or_default();
    let Some((_, doc_type)) = TYPES.iter().find(|(name, _)| *name == kind) else {
        return Judged::disagree(format!("no request asks about the kind `{kind}`"));
    };
    let found = ask("exact", world, door, row, doc_type, &row["before"]);
    finish(door, row, doc_type, &row["before"], found)
}

/// Compares the outcome of an operation, and where it led.
pub(crate) fn finish(
    door: &dyn Door,
    row: &Value,
    doc_type: &str,
    before: &Value,
    found: Result<bool, String>,
) -> Judged {
    let found = match found {
        Ok(found) => found,
        Err(text) => return Judged::disagree(text),
    };
    let mut wrong = Vec::new();
    let expected = is_allowed(row);
    if found != expected {
        wrong.push(format!("expected ok {expected}, found {found}"));
    }
    let mut unchecked = vec![("status".to_owned(), "HTTP status")];
    if !row["error"].is_null() {
        unchecked.push((
            "error".to_owned(),
            "which refusal it is depends on where the site stops",
        ));
    }
    if !row["changed"].is_null() {
        unchecked.push((
            "changed".to_owned(),
            "an effect of the site, on refused operations as well",
        ));
    }
    if !row["modesCreated"].is_null() {
        unchecked.push((
            "modesCreated".to_owned(),
            "an effect of the site, on refused operations as well",
        ));
    }
    if !row["after"].is_null() {
        match state_after(door, row, doc_type, before) {
            Ok(Some(target)) => {
                let reached = state_of(&row["after"]);
                if reached != Some(target.as_str()) {
                    wrong.push(format!("expected state {reached:?} afterwards, found {target}"));
                }
            }
            Ok(None) => unchecked.push(("after".to_owned(), "only the site knows where it leads")),
            Err(text) => wrong.push(text),
        }
    }
    Judged::of(&wrong, unchecked)
}

/// Tells whether an operation was allowed: a failure of the recorded release on a document that it has changed already counts.
fn is_allowed(row: &Value) -> bool {
    let fails_late = matches!(row["op"].as_str(), Some("archive" | "localize"));
    row["ok"] == true || (row["status"] == 500 && fails_late)
}

/// Asks for an operation on a document of a type whose copies are as told.
pub(crate) fn ask(
    profile: &'static str,
    world: &World,
    door: &dyn Door,
    row: &Value,
    doc_type: &str,
    before: &Value,
) -> Result<bool, String> {
    let op = row["op"].as_str().unwrap_or_default();
    if let Some(kind) = op.strip_prefix("create-") {
        let (action, mode) = match kind {
            "draft" => ("op:create", "draft"),
            "published" => ("op:create-live", "published"),
            other => return Err(format!("no request makes `{other}`")),
        };
        let question = who(profile, row).with("mode", json!(mode));
        let new = json!({"type": doc_type, "aposMode": mode, "visibility": "public"});
        let question = question.document(&new);
        // Where the new document does not begin with a draft, the question tells.
        let question = if kind == "draft" {
            question
        } else {
            question.in_state("live")
        };
        return question.allows(door, action);
    }
    let Some(state) = state_of(before) else {
        return Err("the document has no state".to_owned());
    };
    let question = |mode: &str| {
        let mut question = who(profile, row)
            .with("mode", json!(mode))
            .with("has_previous", before["previous"].clone());
        if world.is_page(doc_type) {
            // The recorded pages lie below the home page.
            question = question.with("parent_published", json!(true));
        }
        question.document(&copy(doc_type, before, mode)).in_state(state)
    };
    match op {
        "read-draft" => question("draft").allows_all(door, &reading(profile, &["view-draft"])),
        "read-published" => {
            let question = question("published");
            Ok(question.takes(door, "view-live")?
                && question.allows_all(door, &reading(profile, &["api"]))?)
        }
        // Of pages only the edit is looked at.
        "edit-and-publish" => {
            let question = question("draft");
            let saved = leads(door, doc_type, state, "save")?.unwrap_or_else(|| state.to_owned());
            let publishes = || question.clone().in_state(&saved).takes(door, "publish");
            Ok(question.takes(door, "save")? && (world.is_page(doc_type) || publishes()?))
        }
        _ => question("draft").takes(door, transition(op)),
    }
}

/// The checks of a read; in mode `strict` a check asks the list filter as well.
fn reading(profile: &str, first: &[&'static str]) -> Vec<&'static str> {
    let mut asked = first.to_vec();
    if profile == "exact" {
        asked.push("list:view");
    }
    asked.push("view");
    asked
}

fn transition(op: &str) -> &str {
    NAMES
        .iter()
        .find(|(name, _)| *name == op)
        .map_or(op, |(_, transition)| *transition)
}

/// Returns the state that a draft and a published copy are in.
pub(crate) fn state_of(copies: &Value) -> Option<&'static str> {
    let draft = copies["draft"].as_object()?;
    let live = copies["published"].is_object();
    let is_submitted = draft["submittedBy"].is_string();
    Some(match (draft["archived"] == true, live) {
        (true, false) => "archived",
        (true, true) => "archived-live",
        (false, false) if is_submitted => "submitted",
        (false, false) => "draft",
        (false, true) if is_submitted => "live-submitted",
        (false, true) if draft["modified"] == true => "live-modified",
        (false, true) => "live",
    })
}

/// Returns the attributes of the copy that a request in this mode is about.
fn copy(doc_type: &str, copies: &Value, mode: &str) -> Value {
    let draft = &copies["draft"];
    let published = draft["publishedBefore"] == true;
    let mut doc = json!({
        "_id": format!("document:en:{mode}"), "type": doc_type, "visibility": "public", "aposMode": mode,
        "aposLocale": format!("en:{mode}"), "archived": draft["archived"],
        "lastPublishedAt": published.then_some("2024-05-01T00:00:00.000Z"),
    });
    if let Some(by) = draft["submittedBy"].as_str() {
        doc["submitted"] = json!({"by": by, "byId": by, "at": "2024-05-01T00:00:00.000Z"});
    }
    if draft["shared"] == true {
        doc["aposShareKey"] = json!("key");
    }
    doc
}

/// Returns where the workflow says that an operation leads; `None` if it does not say.
fn state_after(
    door: &dyn Door,
    row: &Value,
    doc_type: &str,
    before: &Value,
) -> Result<Option<String>, String> {
    let op = row["op"].as_str().unwrap_or_default();
    let Some(state) = state_of(before) else {
        return Ok(None);
    };
    if row["ok"] != true {
        // What a refused operation leaves behind is its own affair.
        return Ok(None);
    }
    if op == "edit-and-publish" {
        let saved = leads(door, doc_type, state, "save")?.unwrap_or_else(|| state.to_owned());
        return if row["kind"] == "page" {
            Ok(Some(saved))
        } else {
            leads(door, doc_type, &saved, "publish")
        };
    }
    leads(door, doc_type, state, transition(op))
}

/// Returns where the workflow of a type says that a transition leads from a state; `None` if it does not say.
fn leads(door: &dyn Door, doc_type: &str, from: &str, id: &str) -> Result<Option<String>, String> {
    let request = DescribeWorkflowRequest {
        profile: "exact".to_owned(),
        collection: doc_type.to_owned(),
        ..DescribeWorkflowRequest::default()
    };
    let answer = door
        .describe_workflow(&request)
        .map_err(|status| format!("no workflow: {status}"))?;
    let workflow = answer.workflow.unwrap_or_default();
    let Some(transition) = workflow.transitions.iter().find(|each| each.id == id) else {
        return Err(format!("the workflow has no transition `{id}`"));
    };
    if !transition.to_state.is_empty() {
        return Ok(Some(transition.to_state.clone()));
    }
    let target = transition.targets.iter().find(|target| target.from_state == from);
    Ok(target.map(|target| target.to_state.clone()))
}

/// Returns the copies of a document of which a file tells no more than whether it is live.
pub(crate) fn copies(state: &str) -> Value {
    let live = state == "live";
    json!({
        "draft": {"modified": !live, "publishedBefore": live, "submittedBy": null, "archived": false, "shared": false},
        "published": live.then(|| json!({"archived": false})),
        "previous": false,
    })
}

/// Returns a question about a document of a type in a state, without asking it.
pub(crate) fn about(
    profile: &'static str,
    world: &World,
    row: &Value,
    doc_type: &str,
    state: &str,
    mode: &str,
) -> Question {
    let question = who(profile, row).with("mode", json!(mode));
    let question = if world.is_page(doc_type) {
        question.with("parent_published", json!(true))
    } else {
        question
    };
    question
        .document(&copy(doc_type, &copies(state), mode))
        .in_state(state)
}
