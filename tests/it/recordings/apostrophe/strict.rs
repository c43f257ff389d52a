//! Where mode `strict` answers otherwise than `exact`: rule by rule, and nowhere else.
//!
//! What `strict` must answer is told by questions to `exact`: a document passes if both the raw check and the list filter let it
//! through. No verdict of the recording is looked at here, nor an id.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::super::door::Door;
use super::file::question_of_check;
use super::operation;
use super::world::World;

const CONJUNCTION: &str = "a check of a document asks the list filter as well";
const VISITORS: &str = "a role option of `view` closes a type to visitors";
const UNKNOWN: &str = "administrators know no unknown names";
const AUTOPUBLISH: &str = "what is published at once is made by those who publish";
const UPLOADS: &str = "contributors do not upload";

const OFFERED: &str = "an operation is done only where the state offers it";

/// The lists of the checks that have one.
const LISTED: [&str; 5] = ["view", "create", "edit", "delete", "publish"];

/// The differences found, by rule.
#[derive(Default)]
pub(crate) struct Differences {
    questions: usize,
    by_rule: BTreeMap<&'static str, usize>,
    unexplained: Vec<String>,
}

impl Differences {
    /// Asks a raw check in both modes, and the raw check alone in mode `strict`.
    pub(crate) fn compare_check(&mut self, world: &World, door: &dyn Door, row: &Value) {
        let action = row["action"].as_str().unwrap_or_default();
        if action.is_empty() {
            return;
        }
        let mut compare = || -> Result<(), String> {
            let exact = question_of_check("exact", row);
            let strict = question_of_check("strict", row);
            let (can, found) = (exact.allows(door, action)?, strict.allows(door, action)?);
            let mut rule = closing_rule(world, row, action);
            let mut expected = can && rule.is_none();
            let raw = strict
                .clone()
                .with("evaluate", json!("can"))
                .allows(door, action)?;
            self.judge(row, "the raw check", can, raw, expected, rule);
            let listed = LISTED.contains(&action) && row["doc"].is_object();
            if listed && expected && !exact.allows(door, &format!("list:{action}"))? {
                (expected, rule) = (false, Some(CONJUNCTION));
            }
            self.judge(row, "the check", can, found, expected, rule);
            Ok(())
        };
        if let Err(text) = compare() {
            self.unexplained.push(format!("{}: {text}", row["id"]));
        }
    }

    /// Asks an operation in both modes.
    pub(crate) fn compare_operation(&mut self, world: &World, door: &dyn Door, row: &Value) {
        let doc_type = match row["kind"].as_str() {
            Some("page") => "default-page",
            Some("autopub") => "autopub",
            _ => "article",
        };
        let ask = |profile| operation::ask(profile, world, door, row, doc_type, &row["before"]);
        match (ask("exact"), ask("strict")) {
            (Ok(exact), Ok(strict)) => {
                let op = row["op"].as_str().unwrap_or_default();
                let state = operation::state_of(&row["before"]);
                let rule = (exact && !is_offered(op, state, doc_type)).then_some(OFFERED);
                self.judge(row, op, exact, strict, exact && rule.is_none(), rule);
            }
            (Err(text), _) | (_, Err(text)) => self.unexplained.push(format!("{}: {text}", row["id"])),
        }
    }

    fn judge(
        &mut self,
        row: &Value,
        what: &str,
        exact: bool,
        strict: bool,
        expected: bool,
        rule: Option<&'static str>,
    ) {
        self.questions += 1;
        if strict != expected {
            let rule = rule.unwrap_or("no rule speaks of it");
            self.unexplained.push(format!(
                "{}, {what}: exact {exact}, strict {strict}, expected {expected}: {rule}",
                row["id"]
            ));
        } else if exact != strict {
            *self.by_rule.entry(rule.unwrap_or("no rule")).or_default() += 1;
        }
    }

    /// Returns how many answers no rule explains.
    pub(crate) fn unexplained(&self) -> usize {
        self.unexplained.len()
    }

    /// Returns the list: what is not explained, then each rule and how often it speaks.
    pub(crate) fn report(&self) -> String {
        let mut out = String::new();
        for line in self.unexplained.iter().take(50) {
            writeln!(out, "  {line}").unwrap();
        }
        let differ: usize = self.by_rule.values().sum();
        let (questions, unexplained) = (self.questions, self.unexplained.len());
        writeln!(
            out,
            "apostrophe strict against exact: {questions} questions, {differ} differ, {unexplained} unexplained"
        )
        .unwrap();
        for (rule, count) in &self.by_rule {
            writeln!(out, "  differ {count}: {rule}").unwrap();
        }
        out
    }
}

/// Returns the rule that closes a raw check, whatever the document.
fn closing_rule(world: &World, row: &Value, action: &str) -> Option<&'static str> {
    let doc_type = row["doc"]["type"].as_str().or(row["type"].as_str());
    let options = doc_type.map(|name| &world.types[name]);
    let role = row["role"].as_str();
    let is_known = LISTED.contains(&action) || ["view-draft", "upload-attachment"].contains(&action);
    if role == Some("admin") {
        return (!is_known || options.is_some_and(Value::is_null)).then_some(UNKNOWN);
    }
    let has_role = role.is_some_and(|role| ["guest", "contributor", "editor"].contains(&role));
    let known_role = |options: &Value| {
        let known = ["guest", "contributor", "editor", "admin"];
        options["viewRole"]
            .as_str()
            .is_some_and(|role| known.contains(&role))
    };
    if action == "view" && !has_role && options.is_some_and(known_role) {
        return Some(VISITORS);
    }
    if action == "create" && options.is_some_and(|options| options["autopublish"] == true) {
        let publishes =
            role == Some("editor") && options.is_some_and(|options| options["publishRole"] != "admin");
        return (!publishes).then_some(AUTOPUBLISH);
    }
    (action == "upload-attachment" && role == Some("contributor")).then_some(UPLOADS)
}

/// Tells whether a state offers an operation, as the table of the specification has it.
fn is_offered(op: &str, state: Option<&str>, doc_type: &str) -> bool {
    let Some(state) = state else { return true };
    let live = matches!(state, "live" | "live-modified" | "live-submitted");
    let archived = matches!(state, "archived" | "archived-live");
    match op {
        "dismiss" => matches!(state, "submitted" | "live-submitted"),
        "publish" => !archived && state != "live",
        // Of pages only the edit is looked at.
        "edit-and-publish" => !archived || doc_type == "default-page",
        "edit-published" => live,
        "archive" | "share" | "localize" => !archived,
        "restore" => archived,
        "revert-draft-to-published" => matches!(state, "live-modified" | "live-submitted"),
        "undo-publish" => state == "live",
        // Nothing is shared in the recorded documents.
        "unshare" => false,
        _ => true,
    }
}
