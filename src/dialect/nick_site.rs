//! What Nick's database holds after the layers were seeded one after the other, as far as permissions go.

use rustc_hash::FxHashMap;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};

use super::nick_document::Documents;
use super::nick_entry::{
    Table, keep_known, read_entry, read_ids, read_listing, text_of, unknown, wrong_type,
};
use super::nick_merge::merge;

/// Holds the rows that the layers have left so far.
#[derive(Debug, Default)]
pub(super) struct Site {
    pub(super) permissions: Table<PermissionRow>,
    pub(super) roles: Table<RoleRow>,
    pub(super) groups: Table<GroupRow>,
    pub(super) users: Table<UserRow>,
    pub(super) workflows: Table<WorkflowRow>,
    pub(super) behaviors: Table<BehaviorRow>,
    pub(super) types: Table<TypeRow>,
    pub(super) documents: Documents,
    /// Where the e-mail address of a group, or of a user, is written: no two rows of a table share one.
    group_emails: FxHashMap<String, Span>,
    user_emails: FxHashMap<String, Span>,
}

/// A permission.
#[derive(Debug)]
pub(super) struct PermissionRow {
    pub(super) id: Spanned<String>,
    pub(super) title: Option<String>,
}

/// A role and the permissions that it has everywhere.
#[derive(Debug)]
pub(super) struct RoleRow {
    pub(super) id: Spanned<String>,
    pub(super) title: Option<String>,
    pub(super) permissions: Vec<Spanned<String>>,
}

/// A group and its roles.
#[derive(Debug)]
pub(super) struct GroupRow {
    pub(super) id: Spanned<String>,
    pub(super) title: Option<String>,
    pub(super) roles: Vec<Spanned<String>>,
    pub(super) origin: Span,
}

/// A user with roles and groups.
#[derive(Debug)]
pub(super) struct UserRow {
    pub(super) id: Spanned<String>,
    pub(super) roles: Vec<Spanned<String>>,
    pub(super) groups: Vec<Spanned<String>>,
    pub(super) origin: Span,
}

/// A workflow, as merged.
#[derive(Debug)]
pub(super) struct WorkflowRow {
    pub(super) id: Spanned<String>,
    pub(super) entry: Json,
}

/// A behavior: a piece of schema that types share.
#[derive(Debug)]
pub(super) struct BehaviorRow {
    pub(super) entry: Json,
}

/// A content type, as merged.
#[derive(Debug)]
pub(super) struct TypeRow {
    pub(super) id: Spanned<String>,
    pub(super) entry: Json,
    /// The fields of the effective schema; Nick works them out when the type is loaded, with the behaviors known by then.
    pub(super) fields: Vec<Spanned<String>>,
}

impl Site {
    /// Loads `permissions.json`; permissions are made, never merged.
    pub(super) fn load_permissions(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let Some(listing) = read_listing(json, "permissions", diagnostics) else {
            return;
        };
        if let Some(span) = listing.purge {
            self.permissions.clear();
            let mut lost = Vec::new();
            for role in self.roles.rows_mut() {
                if !std::mem::take(&mut role.permissions).is_empty() {
                    lost.push(role.id.value.as_str());
                }
            }
            report_cascade(span, "the global permissions of roles", &lost, diagnostics);
        }
        for entry in listing.entries {
            let Some(id) = read_entry(entry, "permission", &["id", "title"], diagnostics) else {
                continue;
            };
            if let Some(first) = self.permissions.find(&id.value) {
                diagnostics.push(duplicate(&id, first.id.span, "permission"));
                continue;
            }
            let title = text_of(entry, "title").map(str::to_owned);
            self.permissions
                .put(&id.value.clone(), PermissionRow { id, title });
        }
    }

    /// Loads `roles.json`; a role that exists gains the permissions of the new entry.
    pub(super) fn load_roles(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let Some(listing) = read_listing(json, "roles", diagnostics) else {
            return;
        };
        if let Some(span) = listing.purge {
            self.roles.clear();
            self.unlink_roles(span, diagnostics);
        }
        let mut seen: FxHashMap<String, Span> = FxHashMap::default();
        for entry in listing.entries {
            let columns = ["id", "title", "order", "permissions"];
            let Some(id) = read_entry(entry, "role", &columns, diagnostics) else {
                continue;
            };
            if let Some(first) = seen.insert(id.value.clone(), id.span) {
                // The second entry merges into the first; nothing is lost, but hardly anybody means it.
                diagnostics.push(duplicate(&id, first, "role").severity(Severity::Warning));
            }
            let permissions = read_ids(entry, "permissions", diagnostics);
            let permissions = keep_known(
                permissions,
                &self.permissions,
                Code::UnknownPermission,
                "permission",
                diagnostics,
            );
            let title = text_of(entry, "title").map(str::to_owned);
            match self.roles.find_mut(&id.value) {
                Some(role) => {
                    role.title = if entry.get("title").is_some() {
                        title
                    } else {
                        role.title.take()
                    };
                    for permission in permissions {
                        if role.permissions.iter().all(|old| old.value != permission.value) {
                            role.permissions.push(permission);
                        }
                    }
                }
                None => self.roles.put(
                    &id.value.clone(),
                    RoleRow {
                        id,
                        title,
                        permissions,
                    },
                ),
            }
        }
    }

    fn unlink_roles(&mut self, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        let mut groups = Vec::new();
        for group in self.groups.rows_mut() {
            if !std::mem::take(&mut group.roles).is_empty() {
                groups.push(group.id.value.as_str());
            }
        }
        report_cascade(span, "the roles of groups", &groups, diagnostics);
        let mut users = Vec::new();
        for user in self.users.rows_mut() {
            if !std::mem::take(&mut user.roles).is_empty() {
                users.push(user.id.value.as_str());
            }
        }
        report_cascade(span, "the roles of users", &users, diagnostics);
        report_cascade(
            span,
            "the local roles of documents",
            &self.documents.paths(),
            diagnostics,
        );
    }

    /// Loads `groups.json`; groups are made, never merged.
    pub(super) fn load_groups(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let Some(listing) = read_listing(json, "groups", diagnostics) else {
            return;
        };
        if let Some(span) = listing.purge {
            self.groups.clear();
            self.group_emails.clear();
            let mut users = Vec::new();
            for user in self.users.rows_mut() {
                if !std::mem::take(&mut user.groups).is_empty() {
                    users.push(user.id.value.as_str());
                }
            }
            report_cascade(span, "the group memberships of users", &users, diagnostics);
        }
        for entry in listing.entries {
            let columns = ["id", "title", "description", "email", "roles"];
            let Some(id) = read_entry(entry, "group", &columns, diagnostics) else {
                continue;
            };
            if let Some(first) = self.groups.find(&id.value) {
                diagnostics.push(duplicate(&id, first.id.span, "group"));
                continue;
            }
            let roles = read_ids(entry, "roles", diagnostics);
            let roles = keep_known(roles, &self.roles, Code::UnknownRole, "role", diagnostics);
            read_email(entry, &mut self.group_emails, "groups", diagnostics);
            let title = text_of(entry, "title").map(str::to_owned);
            self.groups.put(
                &id.value.clone(),
                GroupRow {
                    id,
                    title,
                    roles,
                    origin: entry.span,
                },
            );
        }
    }

    /// Loads `users.json`; users are made, never merged, and keys that are no column are theirs to have.
    pub(super) fn load_users(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let Some(listing) = read_listing(json, "users", diagnostics) else {
            return;
        };
        if let Some(span) = listing.purge {
            self.users.clear();
            self.user_emails.clear();
            // Every document has an owner, and all owners go.
            let documents = std::mem::take(&mut self.documents);
            report_cascade(
                span,
                "the documents that the users own",
                &documents.paths(),
                diagnostics,
            );
        }
        for entry in listing.entries {
            let Some(id) = read_entry(entry, "user", &[], diagnostics) else {
                continue;
            };
            if let Some(first) = self.users.find(&id.value) {
                diagnostics.push(duplicate(&id, first.id.span, "user"));
                continue;
            }
            match entry.get("password") {
                None => diagnostics.push(Diagnostic::new(
                    Code::MissingKey,
                    entry.span,
                    format!("a user needs a {}", quote("password")),
                )),
                Some(password) if password.as_text().is_none() => {
                    diagnostics.push(wrong_type(password, "text"))
                }
                Some(_) => {}
            }
            let roles = read_ids(entry, "roles", diagnostics);
            let roles = keep_known(roles, &self.roles, Code::UnknownRole, "role", diagnostics);
            let groups = read_ids(entry, "groups", diagnostics);
            let groups = keep_known(groups, &self.groups, Code::UnknownGroup, "group", diagnostics);
            read_email(entry, &mut self.user_emails, "users", diagnostics);
            self.users.put(
                &id.value.clone(),
                UserRow {
                    id,
                    roles,
                    groups,
                    origin: entry.span,
                },
            );
        }
    }

    /// Loads `workflows.json`; a workflow that exists is merged with the new entry.
    pub(super) fn load_workflows(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let Some(listing) = read_listing(json, "workflows", diagnostics) else {
            return;
        };
        if let Some(span) = listing.purge {
            self.workflows.clear();
            let types: Vec<String> = self.types.ids().map(str::to_owned).collect();
            self.types.clear();
            let mut types: Vec<&str> = types.iter().map(String::as_str).collect();
            types.sort_unstable();
            report_cascade(span, "the types that use the workflows", &types, diagnostics);
            let documents = std::mem::take(&mut self.documents);
            report_cascade(
                span,
                "the documents of these types",
                &documents.paths(),
                diagnostics,
            );
        }
        let mut seen: FxHashMap<String, Span> = FxHashMap::default();
        for entry in listing.entries {
            let columns = ["id", "title", "description", "json"];
            let Some(id) = read_entry(entry, "workflow", &columns, diagnostics) else {
                continue;
            };
            if let Some(first) = seen.insert(id.value.clone(), id.span) {
                // Nick loads the entries of one file at the same time: the second fails, or overtakes the first.
                diagnostics.push(duplicate(&id, first, "workflow"));
                continue;
            }
            match self.workflows.find_mut(&id.value) {
                Some(row) => merge(&mut row.entry, entry, diagnostics),
                None => self.workflows.put(
                    &id.value.clone(),
                    WorkflowRow {
                        id: id.clone(),
                        entry: entry.clone(),
                    },
                ),
            }
            if let Some(row) = self.workflows.find(&id.value) {
                for key in ["title", "json"] {
                    require(&row.entry, entry.span, "workflow", key, diagnostics);
                }
            }
        }
    }

    /// Loads a file of `behaviors/`; behaviors are made, never merged.
    pub(super) fn load_behavior(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let columns = ["id", "title", "description", "schema"];
        let Some(id) = read_entry(json, "behavior", &columns, diagnostics) else {
            return;
        };
        for key in ["title", "schema"] {
            require(json, json.span, "behavior", key, diagnostics);
        }
        match self
            .behaviors
            .find(&id.value)
            .and_then(|first| first.entry.get("id"))
        {
            Some(first) => diagnostics.push(duplicate(&id, first.span, "behavior")),
            None => self.behaviors.put(&id.value, BehaviorRow { entry: json.clone() }),
        }
    }

    /// Loads a file of `types/`; a type that exists is merged with the new entry.
    pub(super) fn load_type(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let columns = [
            "id",
            "title",
            "description",
            "global_allow",
            "filter_content_types",
            "allowed_content_types",
            "schema",
            "workflow",
        ];
        let Some(id) = read_entry(json, "type", &columns, diagnostics) else {
            return;
        };
        match self.types.find_mut(&id.value) {
            Some(row) => merge(&mut row.entry, json, diagnostics),
            None => {
                let row = TypeRow {
                    id: id.clone(),
                    entry: json.clone(),
                    fields: Vec::new(),
                };
                self.types.put(&id.value, row);
            }
        }
        let Some(row) = self.types.find(&id.value) else {
            return;
        };
        for key in ["title", "schema", "workflow"] {
            require(&row.entry, json.span, "type", key, diagnostics);
        }
        for key in ["global_allow", "filter_content_types"] {
            if let Some(value) = row
                .entry
                .get(key)
                .filter(|value| !value.is_null() && value.as_bool().is_none())
            {
                diagnostics.push(wrong_type(value, "true or false"));
            }
        }
        if let Some(workflow) = row.entry.get("workflow").filter(|value| !value.is_null()) {
            match workflow.as_text() {
                None => diagnostics.push(wrong_type(workflow, "text")),
                Some(text) if self.workflows.find(text).is_none() => {
                    let name = Spanned {
                        value: text.to_owned(),
                        span: workflow.span,
                    };
                    diagnostics.push(unknown(&name, &self.workflows, Code::UnknownWorkflow, "workflow"));
                }
                Some(_) => {}
            }
        }
        let mut fields = Vec::new();
        if let Some(schema) = row.entry.get("schema") {
            self.collect_fields(schema, &mut Vec::new(), &mut fields, diagnostics);
        }
        if let Some(row) = self.types.find_mut(&id.value) {
            row.fields = fields;
        }
    }

    /// The effective schema: the behaviors first, each with its own behaviors before it, then the schema itself.
    fn collect_fields<'s>(
        &'s self,
        schema: &'s Json,
        path: &mut Vec<&'s str>,
        fields: &mut Vec<Spanned<String>>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for behavior in schema
            .get("behaviors")
            .and_then(Json::as_list)
            .unwrap_or_default()
        {
            // Nick takes no offence at a behavior that is not there; core itself names some.
            let Some(name) = behavior.as_text() else { continue };
            let Some(row) = self.behaviors.find(name) else {
                continue;
            };
            if path.contains(&name) {
                let message = format!("the behavior {} contains itself", quote(name));
                diagnostics.push(Diagnostic::new(Code::Cycle, behavior.span, message));
                continue;
            }
            path.push(name);
            if let Some(schema) = row.entry.get("schema") {
                self.collect_fields(schema, path, fields, diagnostics);
            }
            path.pop();
        }
        for property in schema
            .get("properties")
            .and_then(Json::as_object)
            .unwrap_or_default()
        {
            if fields.iter().all(|field| field.value != property.key.value) {
                fields.push(property.key.clone());
            }
        }
    }
}

/// How many names a message lists before it only counts the rest.
const NAMES_SHOWN: usize = 5;

fn report_cascade(span: Span, what: &str, names: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    if names.is_empty() {
        return;
    }
    let mut shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(|name| quote(name)).collect();
    let rest = names.len().saturating_sub(NAMES_SHOWN);
    if rest > 0 {
        shown.push(format!("{rest} more"));
    }
    let message = format!("the purge also removes {what}: {}", shown.join(", "));
    diagnostics.push(Diagnostic::new(Code::PurgeCascade, span, message));
}

fn duplicate(id: &Spanned<String>, first: Span, kind: &str) -> Diagnostic {
    let message = format!("the {kind} {} exists already", quote(&id.value));
    Diagnostic::new(Code::DuplicateId, id.span, message).label(first, "declared here first")
}

/// Says that a column which must not be null is.
fn require(entry: &Json, span: Span, kind: &str, key: &str, diagnostics: &mut Vec<Diagnostic>) {
    match entry.get(key) {
        None => diagnostics.push(Diagnostic::new(
            Code::MissingKey,
            span,
            format!("a {kind} needs a {}", quote(key)),
        )),
        Some(value) if value.is_null() => {
            diagnostics.push(Diagnostic::new(
                Code::MissingKey,
                value.span,
                format!("the {} of a {kind} must not be null", quote(key)),
            ));
        }
        Some(_) => {}
    }
}

/// Checks that no other row of the table has the e-mail address, not even the empty one.
fn read_email(
    entry: &Json,
    emails: &mut FxHashMap<String, Span>,
    kind: &str,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(email) = entry.get("email") else { return };
    let Some(text) = email.as_text() else { return };
    if let Some(first) = emails.insert(text.to_owned(), email.span) {
        let message = format!("two {kind} have the e-mail address {}", quote(text));
        let diagnostic = Diagnostic::new(Code::DuplicateId, email.span, message);
        diagnostics.push(diagnostic.label(first, "used here first"));
    }
}
