//! The native dialect: whatever a policy can say, pleasant to write by hand.
//!
//! Every file holds one or two lists under the keys of [`read_file`]. The files of each layer become a [`Draft`]; a later
//! draft is laid over an earlier one entry by entry, and only the outcome is lowered, since what a state grants depends on
//! the collections of all layers.

use crate::policy::collection::Collection;
use crate::policy::grant::{Constraint, Grant};
use crate::policy::merge::lay_over_entries;
use crate::policy::role::{Group, Role, User};
use crate::policy::{Action, Policy, Selector, Settings};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};

use super::native_collection::{read_action, read_codes, read_collection};
use super::native_grant::{GrantEntry, Home, read_constraint, read_grant};
use super::native_role::{add_implicit_roles, read_group, read_role, read_user};
use super::native_workflow::{WorkflowEntry, read_workflow};
use super::profile::ProfileFile;
use super::reader::{self, Empty, Item, Keys, read_items};
use super::word;
use super::{Dialect, Input, Layer, LayerFile, Mode};

/// Reads profiles in the native form.
pub(super) struct Native;

impl Dialect for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn modes(&self) -> &'static [Mode] {
        &[Mode::Strict]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["absent", "anonymous_id", "codes"]
    }

    fn recognises(&self, files: &[&str]) -> bool {
        files.contains(&"grants.json")
    }

    fn read(&self, input: &Input<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
        let mut draft = Draft::default();
        for layer in input.layers {
            draft.lay_over(read_layer(layer, diagnostics));
        }
        let mut settings = Settings::default();
        for profile in input.bases.iter().copied().chain([input.profile]) {
            read_settings(profile, &mut settings, diagnostics);
        }
        Some(draft.lower(settings, input.profile.origin, diagnostics))
    }
}

/// Holds one kind of thing that a layer declares.
#[derive(Clone, Debug)]
struct Section<T> {
    /// Whether the layer drops what lies below.
    purge: bool,
    entries: Vec<T>,
}

impl<T> Default for Section<T> {
    fn default() -> Self {
        Self {
            purge: false,
            entries: Vec::new(),
        }
    }
}

impl<T> Section<T> {
    fn lay_over(&mut self, over: Self, id: impl Fn(&T) -> Option<&str>) {
        if over.purge {
            self.entries.clear();
        }
        lay_over_entries(&mut self.entries, over.entries, id);
    }
}

/// Holds what the layers declare so far, in the native form's own terms.
#[derive(Clone, Debug, Default)]
struct Draft {
    roles: Section<Role>,
    groups: Section<Group>,
    users: Section<User>,
    actions: Section<Action>,
    collections: Section<(Collection, Vec<Grant>)>,
    grants: Section<GrantEntry>,
    constraints: Section<Constraint>,
    workflows: Section<WorkflowEntry>,
}

impl Draft {
    fn lay_over(&mut self, over: Self) {
        self.roles.lay_over(over.roles, |role| Some(&role.id.value));
        self.groups.lay_over(over.groups, |group| Some(&group.id.value));
        self.users.lay_over(over.users, |user| Some(&user.id.value));
        self.actions
            .lay_over(over.actions, |action| Some(&action.id.value));
        self.collections
            .lay_over(over.collections, |(collection, _)| Some(&collection.id.value));
        self.grants.lay_over(over.grants, |entry| entry.id.as_deref());
        self.constraints.lay_over(over.constraints, |rule| {
            rule.id.as_ref().map(|id| id.value.as_str())
        });
        self.workflows
            .lay_over(over.workflows, |entry| Some(&entry.workflow.id.value));
    }

    fn lower(self, settings: Settings, origin: Span, diagnostics: &mut Vec<Diagnostic>) -> Policy {
        let mut policy = Policy {
            settings,
            roles: self.roles.entries,
            groups: self.groups.entries,
            users: self.users.entries,
            actions: self.actions.entries,
            constraints: self.constraints.entries,
            ..Policy::default()
        };
        add_implicit_roles(&mut policy.roles, origin);
        policy
            .grants
            .extend(self.grants.entries.into_iter().flat_map(|entry| entry.grants));
        for (collection, grants) in self.collections.entries {
            policy.collections.push(collection);
            policy.grants.extend(grants);
        }
        for entry in self.workflows.entries {
            lower_workflow(entry, &mut policy, diagnostics);
        }
        policy
    }
}

/// What a state grants, it grants in the collections that use its workflow.
fn lower_workflow(
    WorkflowEntry { workflow, grants }: WorkflowEntry,
    policy: &mut Policy,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let uses = |collection: &&Collection| {
        collection
            .workflow
            .as_ref()
            .is_some_and(|name| name.value == workflow.id.value)
    };
    let users: Vec<Spanned<String>> = policy
        .collections
        .iter()
        .filter(uses)
        .map(|collection| collection.id.clone())
        .collect();
    if users.is_empty() && !grants.is_empty() {
        let id = quote(&workflow.id.value);
        let message =
            format!("no collection uses the workflow {id}, so what its states permit counts nowhere");
        let help = format!(
            "name it in `collections.json`: `\"workflow\": {:?}`",
            workflow.id.value
        );
        diagnostics.push(Diagnostic::new(Code::UnmatchableGrant, workflow.id.span, message).help(help));
    }
    if !users.is_empty() {
        policy.grants.extend(grants.into_iter().map(|mut grant| {
            grant.selection.collections = Selector::Only(users.clone());
            grant
        }));
    }
    policy.workflows.push(workflow);
}

fn read_layer(layer: &Layer<'_>, diagnostics: &mut Vec<Diagnostic>) -> Draft {
    let mut draft = Draft::default();
    for file in &layer.files {
        read_file(file, &mut draft, diagnostics);
    }
    draft
}

fn read_file(file: &LayerFile<'_>, draft: &mut Draft, diagnostics: &mut Vec<Diagnostic>) {
    match file.name {
        "roles.json" => read_section(file, "roles", &mut draft.roles, "a role", read_role, diagnostics),
        "groups.json" => read_section(
            file,
            "groups",
            &mut draft.groups,
            "a group",
            read_group,
            diagnostics,
        ),
        "users.json" => read_section(file, "users", &mut draft.users, "a user", read_user, diagnostics),
        "permissions.json" => {
            read_section(
                file,
                "permissions",
                &mut draft.actions,
                "a permission",
                read_action,
                diagnostics,
            );
        }
        "collections.json" => {
            read_section(
                file,
                "collections",
                &mut draft.collections,
                "a collection",
                read_collection,
                diagnostics,
            );
        }
        "workflows.json" => {
            read_section(
                file,
                "workflows",
                &mut draft.workflows,
                "a workflow",
                read_workflow,
                diagnostics,
            );
        }
        "grants.json" => read_rules(file, draft, diagnostics),
        // Files in directories (tests, for one) and the profile file are for others to read.
        "profile.json" => {}
        name if name.contains('/') => {}
        name => {
            let message = format!("a native profile has no file {}", quote(name));
            let mut diagnostic = Diagnostic::new(Code::UnknownFile, file.json.span.at_start(), message);
            diagnostic.help = reader::suggestion(name, FILES);
            diagnostics.push(diagnostic);
        }
    }
}

/// Every file of a layer.
const FILES: [&str; 9] = [
    "roles.json",
    "groups.json",
    "users.json",
    "permissions.json",
    "collections.json",
    "workflows.json",
    "grants.json",
    "document_grants.json",
    "document_grants.jsonl",
];

/// Reads a file with things that have ids.
fn read_section<'j, T>(
    file: &LayerFile<'j>,
    key: &'static str,
    section: &mut Section<T>,
    what: &'static str,
    read: fn(Item<'j>, &mut Vec<Diagnostic>) -> T,
    diagnostics: &mut Vec<Diagnostic>,
) {
    // The empty name is a collection, too.
    let empty = if key == "collections" {
        Empty::Allowed
    } else {
        Empty::Refused
    };
    let Some(mut keys) = open_file(file.json, &mut section.purge, diagnostics) else {
        return;
    };
    let json = if section.purge {
        keys.optional(key)
    } else {
        keys.required(key, diagnostics)
    };
    keys.finish(diagnostics);
    if let Some(json) = json {
        let items = read_items(json, what, empty, diagnostics);
        section
            .entries
            .extend(items.into_iter().map(|item| read(item, diagnostics)));
    }
}

/// Opens a file and reads what any file may say.
fn open_file<'j>(json: &'j Json, purge: &mut bool, diagnostics: &mut Vec<Diagnostic>) -> Option<Keys<'j>> {
    let mut keys = Keys::open(json, "this file", diagnostics)?;
    keys.text("$schema", diagnostics);
    *purge = keys.bool("purge", diagnostics).unwrap_or(false);
    Some(keys)
}

fn read_rules(file: &LayerFile<'_>, draft: &mut Draft, diagnostics: &mut Vec<Diagnostic>) {
    let Some(mut keys) = open_file(file.json, &mut draft.grants.purge, diagnostics) else {
        return;
    };
    draft.constraints.purge = draft.grants.purge;
    let constraints = keys.optional("constraints");
    let optional = constraints.is_some() || draft.grants.purge;
    let grants = if optional {
        keys.optional("grants")
    } else {
        keys.required("grants", diagnostics)
    };
    keys.finish(diagnostics);
    let grants = grants
        .and_then(|json| reader::read_list(json, "`grants`", diagnostics))
        .unwrap_or_default();
    let grants = grants
        .iter()
        .filter_map(|json| read_grant(json, Home::File, diagnostics));
    draft.grants.entries.extend(grants);
    let constraints = constraints.and_then(|json| reader::read_list(json, "`constraints`", diagnostics));
    let constraints = constraints
        .unwrap_or_default()
        .iter()
        .filter_map(|json| read_constraint(json, diagnostics));
    draft.constraints.entries.extend(constraints);
}

/// Reads what the profile file says in the native form; what it does not say stays as a base has it.
fn read_settings(profile: &ProfileFile, settings: &mut Settings, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(json) = profile.setting("absent") {
        let words = [("open", false), ("null", true)];
        let absent = word::read_word(json, "`absent`", &words, diagnostics);
        settings.absent_is_null = absent.unwrap_or(settings.absent_is_null);
    }
    if let Some(json) = profile.setting("anonymous_id") {
        settings.anonymous_id = reader::read_id(json, "`anonymous_id`", Empty::Refused, diagnostics);
    }
    if let Some(json) = profile.setting("codes") {
        settings.codes.extend(read_codes(json, "codes", diagnostics));
    }
}
