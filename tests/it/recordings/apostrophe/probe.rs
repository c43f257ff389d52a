//! Rows of single probes of a site: uploads, people, pages, what a new document of a type takes.

use serde_json::{Value, json};

use super::super::Judged;
use super::super::door::Door;
use super::ask::{Question, mode_of, who};
use super::operation::{about, ask, copies, finish};
use super::world::World;

const USER: &str = "@apostrophecms/user";

/// Judges a row.
pub(crate) fn judge(world: &World, door: &dyn Door, row: &Value) -> Judged {
    let what = row["what"].as_str().unwrap_or_default();
    let reads = ["read", "view", "list"].iter().any(|verb| what.starts_with(verb));
    if !reads && what.split('-').any(|part| part == "login") {
        return Judged::apart("login probe: the site finds out who asks");
    }
    let probe = Probe {
        world,
        door,
        row,
        what,
    };
    let doc_type = probe.doc_type();
    if what == "type-op" {
        let before = copies(row["state"].as_str().unwrap_or_default());
        let found = ask("exact", world, door, row, doc_type, &before);
        return finish(door, row, doc_type, &before, found);
    }
    let found = probe.ask("exact");
    let mut judged = finish(door, row, doc_type, &Value::Null, found);
    if let Some(count) = row["count"].as_u64() {
        judged = probe.compare_count(judged, count);
    }
    if !row["storedRole"].is_null() {
        judged
            .unchecked
            .push(("storedRole".to_owned(), "what the site stores"));
    }
    judged
}

/// A probe by its name.
struct Probe<'p> {
    world: &'p World,
    door: &'p dyn Door,
    row: &'p Value,
    what: &'p str,
}

impl<'p> Probe<'p> {
    fn doc_type(&self) -> &'p str {
        self.row["type"].as_str().unwrap_or_default()
    }

    /// Tells whether a word is part of the name.
    fn says(&self, word: &str) -> bool {
        self.what.split('-').any(|part| part == word)
    }

    fn ask(&self, profile: &'static str) -> Result<bool, String> {
        let verb = self.what.split('-').next().unwrap_or_default();
        let doc_type = self.doc_type();
        let question = who(profile, self.row).with("mode", json!(mode_of(self.row)));
        match (self.what, verb) {
            ("permission-grid", _) => question.some(USER).allows(self.door, "edit"),
            ("slug-taken", _) => question.some("").allows(self.door, "view-draft"),
            (_, "upload" | "crop" | "attachment") => question.some("").allows(self.door, "upload-attachment"),
            (_, "list") => self.read(question, profile, &["api"]),
            (_, "read" | "view" | "get") => {
                let question = self.document(question);
                let checks = if profile == "exact" {
                    &["api", "list:view", "view"][..]
                } else {
                    &["api", "view"]
                };
                self.read(question, profile, checks)
            }
            _ if doc_type == USER || !self.world.is_localized(doc_type) => {
                self.unlocalized(question, profile, verb)
            }
            (_, "create" | "copy" | "duplicate" | "insert") => self.create(question),
            _ => self.operation(profile, verb),
        }
    }

    /// A request in draft mode is refused before anything else to whoever may not see drafts.
    fn read(&self, question: Question, _profile: &str, checks: &[&str]) -> Result<bool, String> {
        let question = if question.collection().is_empty() {
            question.some(self.doc_type())
        } else {
            question
        };
        if question.context["mode"] == "draft" && !question.allows(self.door, "view-draft")? {
            return Ok(false);
        }
        question.allows_all(self.door, checks)
    }

    fn document(&self, question: Question) -> Question {
        let mode = if self.says("draft") { "draft" } else { "published" };
        let visibility = if self.says("login") {
            "loginRequired"
        } else {
            "public"
        };
        let doc_type = self.doc_type();
        question.with("mode", json!(mode)).document(&json!({
            "_id": format!("document:en:{mode}"), "type": doc_type, "aposMode": mode,
            "visibility": visibility, "lastPublishedAt": "2024-05-01T00:00:00.000Z", "archived": false,
        }))
    }

    /// Documents without copies: raw checks, each through the filter of what may be edited.
    fn unlocalized(&self, question: Question, profile: &str, verb: &str) -> Result<bool, String> {
        let doc_type = self.doc_type();
        let role = self.row["requestedRole"].as_str();
        if verb == "create" {
            let mode = if self.says("draft") {
                "draft"
            } else {
                mode_of(self.row)
            };
            let question = question.with("mode", json!(mode));
            let question = question.document(&json!({"type": doc_type, "visibility": "public"}));
            return match role {
                Some(role) => {
                    let decision = question.check_values(self.door, "create", &json!({"role": role}))?;
                    Ok(decision.effect() == placet::rpc::proto::v1::Effect::Allow)
                }
                None => question.allows(self.door, "create"),
            };
        }
        let doc = json!({"_id": "person1", "type": doc_type, "visibility": "public", "archived": false});
        let question = question.document(&doc);
        let action = match verb {
            "delete" => "delete",
            "edit" | "archive" | "restore" | "disable" | "update" => "edit",
            "publish" => "publish",
            _ => return Err(format!("no request asks `{}`", self.what)),
        };
        let checks: &[&str] = if profile == "exact" {
            &["list:edit", action]
        } else {
            &[action]
        };
        question.allows_all(self.door, checks)
    }

    fn create(&self, question: Question) -> Result<bool, String> {
        let live = self.says("published") || self.says("live");
        let (action, mode) = if live {
            ("op:create-live", "published")
        } else {
            ("op:create", "draft")
        };
        let new = json!({"type": self.doc_type(), "aposMode": mode, "visibility": "public"});
        let question = question.with("mode", json!(mode)).document(&new);
        let question = if live { question.in_state("live") } else { question };
        question.allows(self.door, action)
    }

    /// An operation on a document that is live if the name says so, or if there is no other document of the type.
    fn operation(&self, profile: &'static str, verb: &str) -> Result<bool, String> {
        let transition = match verb {
            "publish" | "unpublish" | "archive" | "restore" | "move" | "submit" | "dismiss" | "share"
            | "unshare" | "localize" => verb,
            "edit" | "save" if self.says("live") || self.says("published") => "save-live",
            "edit" | "save" => "save",
            "delete" if self.says("live") || self.says("published") => "delete-live",
            "delete" => "delete-draft",
            _ => return Err(format!("no request asks `{}`", self.what)),
        };
        let always_live = self.doc_type().starts_with("@apostrophecms/") || verb == "unpublish";
        let state = if always_live || self.says("live") {
            "live"
        } else {
            "draft"
        };
        let mut question = about(profile, self.world, self.row, self.doc_type(), state, "draft");
        if self.says("unpublished") && (self.says("parent") || self.says("under")) {
            question = question.with("parent_published", json!(false));
        }
        question.takes(self.door, transition)
    }

    /// A list is empty exactly if its filter lets nothing through.
    fn compare_count(&self, judged: Judged, count: u64) -> Judged {
        let question = who("exact", self.row).with("mode", json!(mode_of(self.row)));
        let doc = json!({"_id": "person1", "type": self.doc_type(), "visibility": "public"});
        match question.document(&doc).allows(self.door, "list:view") {
            Ok(found) if found == (count > 0) => judged,
            Ok(found) => Judged::disagree(format!("expected {count} documents, found some: {found}")),
            Err(text) => Judged::disagree(text),
        }
    }
}
