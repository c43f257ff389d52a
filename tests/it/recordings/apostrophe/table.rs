//! The tables of the documentation, asked in mode `strict`.

use serde_json::{Value, json};

use super::super::Judged;
use super::super::door::Door;
use super::ask::Question;
use super::operation::{ask, copies};
use super::world::World;

/// What an ability of the tables comes to: operations on a document in a state, or checks.
enum Ability {
    /// All of these operations on an article in this state, submitted by oneself or by somebody else.
    Operations(&'static [&'static str], &'static str, Option<&'static str>),
    /// Reading an article that is for signed-in people.
    LoginRequired,
    /// Making what is uploaded a document of the library.
    Upload,
    /// Everything that is done with people.
    People,
    /// Looking at what others have submitted.
    Inbox,
}

/// Who asks.
const SELF: &str = "somebody";

fn find(ability: &str) -> Option<Ability> {
    use Ability::{Inbox, LoginRequired, Operations, People, Upload};
    Some(match ability {
        "view-login-required" => LoginRequired,
        "create-content" | "step1-create" => Operations(&["create-draft"], "draft", None),
        "edit-content" | "step2-edit-draft" | "step3-save-draft" => {
            Operations(&["edit-draft"], "draft", None)
        }
        "publish-content" | "step5-publish" => Operations(&["publish"], "draft", None),
        "step3-publish-immediately" => Operations(&["edit-and-publish"], "draft", None),
        "upload-media" | "step2-add-media" => Upload,
        "manage-users" => People,
        "step4-submit" | "resubmit" => Operations(&["submit"], "draft", None),
        "step6-continue-editing-draft" => Operations(&["edit-draft"], "live", None),
        "step6-edit-live" => Operations(&["edit-published"], "live", None),
        "edit-after-submit" => Operations(&["edit-draft"], "draft", Some(SELF)),
        // What is changed while it waits is what is published, so it is the change that is asked for.
        "changes-during-review-included" => Operations(&["edit-draft"], "draft", Some(SELF)),
        "withdraw-own-submission" => Operations(&["dismiss"], "draft", Some(SELF)),
        "dismiss-others-submission" => Operations(&["dismiss"], "draft", Some("somebody-else")),
        "publish-submission" => Operations(&["publish"], "draft", Some("somebody-else")),
        "see-all-submissions" => Inbox,
        "share-preview-link" => Operations(&["share"], "draft", None),
        "preview-draft" => Operations(&["read-draft"], "draft", None),
        _ => return None,
    })
}

/// Judges a row.
pub(crate) fn judge(world: &World, door: &dyn Door, row: &Value) -> Judged {
    let name = row["ability"].as_str().unwrap_or_default();
    let Some(ability) = find(name) else {
        return Judged::disagree(format!("no request asks for the ability `{name}`"));
    };
    let role = row["role"].as_str();
    let question = Question::new("strict", Some(SELF), role);
    let found = match ability {
        Ability::Operations(operations, state, by) => operations.iter().try_fold(true, |all, op| {
            let mut before = copies(state);
            before["draft"]["submittedBy"] = json!(by);
            let row = json!({"op": op, "actor": SELF, "role": role});
            Ok(all && ask("strict", world, door, &row, "article", &before)?)
        }),
        Ability::LoginRequired => question
            .document(&json!({
                "_id": "document:en:published", "type": "article", "aposMode": "published", "visibility": "loginRequired",
            }))
            .allows(door, "view"),
        Ability::Upload => uploads(door, &question),
        Ability::People => manages_people(door, &question),
        Ability::Inbox => question
            .with("mode", json!("draft"))
            .document(&json!({
                "_id": "document:en:draft", "type": "article", "aposMode": "draft", "visibility": "public",
                "submitted": {"byId": "somebody-else"},
            }))
            .allows(door, "list:submitted"),
    };
    match found {
        Ok(found) if json!(found) == row["allow"] => Judged::of(&[], Vec::new()),
        Ok(found) => Judged::disagree(format!("{name}: expected {}, found {found}", row["allow"])),
        Err(text) => Judged::disagree(text),
    }
}

fn uploads(door: &dyn Door, question: &Question) -> Result<bool, String> {
    let mut all = true;
    for doc_type in ["@apostrophecms/image", "@apostrophecms/file"] {
        let new = json!({"type": doc_type, "aposMode": "draft"});
        let question = question.clone().with("mode", json!("draft")).document(&new);
        all &= question.allows(door, "create")?;
    }
    // The raw upload goes with it.
    all &= question.clone().some("").allows(door, "upload-attachment")?;
    Ok(all)
}

fn manages_people(door: &dyn Door, question: &Question) -> Result<bool, String> {
    let person = json!({"_id": "person1", "type": "@apostrophecms/user", "visibility": "public"});
    let question = question.clone().document(&person);
    let found: Result<Vec<bool>, String> = ["create", "edit", "delete", "view"]
        .iter()
        .map(|action| question.allows(door, action))
        .collect();
    let found = found?;
    if found.iter().any(|each| *each != found[0]) {
        return Err(format!("people are managed in parts: {found:?}"));
    }
    Ok(found[0])
}
