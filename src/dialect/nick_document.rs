//! Nick's `documents/`: content, which no policy holds; checked because a mistake here makes Nick load nothing at all.

use rustc_hash::FxHashMap;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};

use super::nick_entry::{is_truthy, read_ids, unknown, wrong_type};
use super::nick_site::Site;

/// The path of the root.
const ROOT: &str = "/";

/// Holds the documents loaded so far, as far as later ones need them.
#[derive(Debug, Default)]
pub(super) struct Documents {
    /// Where each path was first loaded.
    paths: FxHashMap<String, Span>,
    /// Which path, loaded where, has a uuid.
    uuids: FxHashMap<String, (String, Span)>,
}

impl Documents {
    /// Returns the paths in order.
    pub(super) fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.paths.keys().map(String::as_str).collect();
        paths.sort_unstable();
        paths
    }
}

impl Site {
    /// Loads a file of `documents/`; its name without the ending is the path, with dots for slashes.
    pub(super) fn load_document(&mut self, name: &str, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        if json.as_object().is_none() {
            diagnostics.push(wrong_type(json, "an object"));
            return;
        }
        let start = json.span.at_start();
        let (path, parent) = read_path(name);
        if let Some(parent) = parent.filter(|parent| !self.documents.paths.contains_key(parent)) {
            let message = format!("the document {} has no parent {}", quote(&path), quote(&parent));
            let diagnostic = Diagnostic::new(Code::UnknownParent, start, message);
            diagnostics.push(
                diagnostic.help("Nick loads documents in the order of their file names, parents first"),
            );
        }
        self.check_owner(json, start, diagnostics);
        self.check_state(json, start, diagnostics);
        self.check_sharing(json, diagnostics);
        self.check_twice(json, path, start, diagnostics);
    }

    fn check_twice(&mut self, json: &Json, path: String, start: Span, diagnostics: &mut Vec<Diagnostic>) {
        let uuid = json.get("uuid").filter(|uuid| is_truthy(uuid));
        let uuids = &mut self.documents.uuids;
        if let Some((uuid, text)) = uuid.and_then(|uuid| Some((uuid, uuid.as_text()?)))
            && let Some((other, first)) = uuids.insert(text.to_owned(), (path.clone(), start))
        {
            let message = format!("the document {} has the same {}", quote(&other), quote("uuid"));
            let diagnostic = Diagnostic::new(Code::DuplicateId, uuid.span, message);
            diagnostics.push(diagnostic.label(first, "this document"));
        }
        if let Some(first) = self.documents.paths.get(&path) {
            let message = format!(
                "there is a document {} already, and Nick makes a second one",
                quote(&path)
            );
            let diagnostic = Diagnostic::new(Code::DuplicateId, start, message).severity(Severity::Warning);
            diagnostics.push(diagnostic.label(*first, "the first one"));
        } else {
            self.documents.paths.insert(path, start);
        }
    }

    fn check_owner(&self, json: &Json, start: Span, diagnostics: &mut Vec<Diagnostic>) {
        let owner = name_or(json, "owner", "admin", start);
        if self.users.find(&owner.value).is_none() {
            diagnostics.push(unknown(&owner, &self.users, Code::UnknownUser, "user"));
        }
    }

    /// A document is indexed when all of them are loaded, and that looks into the state's map of permissions.
    fn check_state(&self, json: &Json, start: Span, diagnostics: &mut Vec<Diagnostic>) {
        let kind = name_or(json, "type", "Page", start);
        let Some(row) = self.types.find(&kind.value) else {
            diagnostics.push(unknown(&kind, &self.types, Code::UnknownCollection, "type"));
            return;
        };
        let workflow = row.entry.get("workflow").and_then(Json::as_text);
        let Some(workflow) = workflow.and_then(|id| self.workflows.find(id)) else {
            return;
        };
        let state = name_or(json, "workflow_state", "published", start);
        let found = workflow
            .entry
            .get("json")
            .and_then(|json| json.get("states")?.get(&state.value));
        let Some(found) = found else {
            let message = format!(
                "the workflow {} of {} has no state {}",
                quote(&workflow.id.value),
                quote(&kind.value),
                quote(&state.value)
            );
            diagnostics.push(Diagnostic::new(Code::UnknownState, state.span, message));
            return;
        };
        if found
            .get("permissions")
            .is_none_or(|permissions| !is_truthy(permissions))
        {
            let message = format!(
                "the state {} has no {}, and Nick cannot index a document in it",
                quote(&state.value),
                quote("permissions")
            );
            diagnostics
                .push(Diagnostic::new(Code::MissingKey, state.span, message).label(found.span, "this state"));
        }
    }

    fn check_sharing(&self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let Some(sharing) = json.get("sharing").filter(|sharing| is_truthy(sharing)) else {
            return;
        };
        for (key, users) in [("users", true), ("groups", false)] {
            let Some(list) = sharing.get(key).filter(|list| is_truthy(list)) else {
                continue;
            };
            let Some(entries) = list.as_list() else {
                diagnostics.push(wrong_type(list, "a list"));
                continue;
            };
            for entry in entries {
                if entry.get("roles").and_then(Json::as_list).is_none() {
                    let message = format!(
                        "an entry of {} needs a list of {}",
                        quote("sharing"),
                        quote("roles")
                    );
                    diagnostics.push(Diagnostic::new(Code::MissingKey, entry.span, message));
                    continue;
                }
                let roles = read_ids(entry, "roles", diagnostics);
                for role in &roles {
                    if self.roles.find(&role.value).is_none() {
                        diagnostics.push(unknown(role, &self.roles, Code::UnknownRole, "role"));
                    }
                }
                let id = name_or(entry, "id", "", entry.span);
                // Without roles nothing is stored, so nothing can be refused.
                if roles.is_empty() {
                    continue;
                }
                if users && self.users.find(&id.value).is_none() {
                    diagnostics.push(unknown(&id, &self.users, Code::UnknownUser, "user"));
                }
                if !users && self.groups.find(&id.value).is_none() {
                    diagnostics.push(unknown(&id, &self.groups, Code::UnknownGroup, "group"));
                }
            }
        }
    }
}

/// Returns the path of a document and of its parent; a name that ends in `_root` is the root wherever it lies.
fn read_path(name: &str) -> (String, Option<String>) {
    let slugs: Vec<&str> = name.split('.').collect();
    match slugs.split_last() {
        None | Some((&"_root", _)) => (ROOT.to_owned(), None),
        Some((_, above)) => (
            format!("/{}", slugs.join("/")),
            Some(format!("/{}", above.join("/"))),
        ),
    }
}

/// Returns the text under a key, or what Nick takes if there is none.
fn name_or(json: &Json, key: &str, default: &str, start: Span) -> Spanned<String> {
    match json.get(key) {
        Some(value) if is_truthy(value) => Spanned {
            value: value.as_text().unwrap_or_default().to_owned(),
            span: value.span,
        },
        Some(_) | None => Spanned {
            value: default.to_owned(),
            span: start,
        },
    }
}
