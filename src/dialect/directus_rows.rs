//! The rows of a Directus export: roles, policies, access and permissions, as its API answers them.
//!
//! Columns that decide nothing are passed over: an export has many, and each release adds some.

use std::borrow::Cow;

use crate::policy::merge::lay_over_entries;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};
use crate::vocab::network::Network;
use crate::vocab::value::{Object, Value};

use super::reader::{self, Empty};

/// All rows of an export.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) roles: Vec<RoleRow>,
    pub(super) policies: Vec<PolicyRow>,
    pub(super) access: Vec<AccessRow>,
    pub(super) permissions: Vec<PermissionRow>,
}

/// What a policy, or a role of Directus 9 and 10, switches on.
#[derive(Clone, Debug, Default)]
pub(super) struct Flags {
    pub(super) admin: bool,
    /// Where the access to the app is switched on, if it is.
    pub(super) app: Option<Span>,
    /// Absent: from everywhere.
    pub(super) networks: Option<Vec<Spanned<Network>>>,
}

/// A role.
#[derive(Clone, Debug)]
pub(super) struct RoleRow {
    pub(super) id: Spanned<String>,
    pub(super) name: Option<String>,
    pub(super) parent: Option<Spanned<String>>,
    /// All columns that hold values, for `$CURRENT_ROLE.x`.
    pub(super) attributes: Object<'static>,
    /// What Directus 9 and 10 keep here.
    pub(super) flags: Flags,
    pub(super) origin: Span,
}

/// A policy.
#[derive(Clone, Debug)]
pub(super) struct PolicyRow {
    pub(super) id: Spanned<String>,
    pub(super) name: Option<String>,
    pub(super) attributes: Object<'static>,
    pub(super) flags: Flags,
    pub(super) origin: Span,
}

/// Whom a policy is attached to; to nobody by name: to visitors and to people without a role.
#[derive(Clone, Debug)]
pub(super) struct AccessRow {
    pub(super) id: Option<String>,
    pub(super) policy: Spanned<String>,
    pub(super) role: Option<Spanned<String>>,
    pub(super) user: Option<Spanned<String>>,
}

/// Whose a permission is.
#[derive(Clone, Debug)]
pub(super) enum Holder {
    /// That of a policy.
    Policy(Spanned<String>),
    /// That of a role, in Directus 9 and 10.
    Role(Spanned<String>),
    /// That of visitors and of people without a role, in Directus 9 and 10.
    Public,
    /// That of whoever may use the app.
    App,
}

/// A permission.
#[derive(Clone, Debug)]
pub(super) struct PermissionRow {
    pub(super) id: Option<String>,
    pub(super) holder: Holder,
    pub(super) collection: Spanned<String>,
    pub(super) action: Spanned<String>,
    /// The item rule.
    pub(super) rule: Option<Json>,
    pub(super) validation: Option<Json>,
    pub(super) presets: Vec<Member>,
    /// `None`: any.
    pub(super) fields: Option<Vec<Spanned<String>>>,
    /// Where the fields stand, if they do.
    pub(super) fields_span: Option<Span>,
    pub(super) origin: Span,
}

impl Rows {
    /// Reads the body of `/roles`.
    pub(super) fn load_roles(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let rows = read_body(json, "the body of `/roles`", diagnostics);
        let read = |row| read_role(row, diagnostics);
        lay_over_entries(&mut self.roles, rows.iter().filter_map(read).collect(), |row| {
            Some(&row.id.value)
        });
    }

    /// Reads the body of `/policies`.
    pub(super) fn load_policies(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let rows = read_body(json, "the body of `/policies`", diagnostics);
        let read = |row| read_policy(row, diagnostics);
        lay_over_entries(
            &mut self.policies,
            rows.iter().filter_map(read).collect(),
            |row| Some(&row.id.value),
        );
    }

    /// Reads the body of `/access`.
    pub(super) fn load_access(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let rows = read_body(json, "the body of `/access`", diagnostics);
        let read = |row| read_access(row, diagnostics);
        lay_over_entries(&mut self.access, rows.iter().filter_map(read).collect(), |row| {
            row.id.as_deref()
        });
    }

    /// Reads the body of `/permissions`.
    pub(super) fn load_permissions(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let rows = read_body(json, "the body of `/permissions`", diagnostics);
        let read = |row: &Json| {
            let is_system = row
                .get("system")
                .is_some_and(|system| system.as_bool() == Some(true));
            (!is_system).then(|| read_permission(row, None, diagnostics))?
        };
        lay_over_entries(
            &mut self.permissions,
            rows.iter().filter_map(read).collect(),
            |row| row.id.as_deref(),
        );
    }
}

/// Returns the rows of a body: a list, or an object that holds it as `data`, as every answer of the API does.
pub(super) fn read_body<'j>(json: &'j Json, what: &str, diagnostics: &mut Vec<Diagnostic>) -> &'j [Json] {
    let list = json.get("data").unwrap_or(json);
    match list.as_list() {
        Some(rows) => rows,
        None => {
            let wanted = "a list of rows, or an object that holds it as `data`";
            reader::wrong_type(list, what, wanted, diagnostics);
            &[]
        }
    }
}

/// Returns the key of a row, or of another row that it points to: text or a number, or that row as an object with its `id`.
fn read_key(json: &Json, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Spanned<String>> {
    let key = match &json.node {
        Node::Object(_) => json.get("id").unwrap_or(json),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_) => json,
    };
    if let Some(number) = key.as_number() {
        return Some(Spanned::new(number.literal.clone(), key.span));
    }
    reader::read_id(key, what, Empty::Refused, diagnostics)
}

/// Returns the key of another row that a row may point to.
fn read_reference(row: &Json, key: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Spanned<String>> {
    let value = row.get(key).filter(|value| !value.is_null())?;
    read_key(value, &quote(key), diagnostics)
}

fn read_required(
    row: &Json,
    key: &str,
    what: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Spanned<String>> {
    reader::read_members(row, what, diagnostics)?;
    let Some(value) = row.get(key) else {
        let message = format!("{what} needs the key {}", quote(key));
        diagnostics.push(Diagnostic::new(Code::MissingKey, row.span, message));
        return None;
    };
    read_key(value, &quote(key), diagnostics)
}

fn read_role(row: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<RoleRow> {
    let id = read_required(row, "id", "a role", diagnostics)?;
    Some(RoleRow {
        id,
        name: row.get("name").and_then(Json::as_text).map(str::to_owned),
        parent: read_reference(row, "parent", diagnostics),
        attributes: read_attributes(row),
        flags: read_flags(row, diagnostics),
        origin: row.span,
    })
}

fn read_policy(row: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<PolicyRow> {
    let id = read_required(row, "id", "a policy", diagnostics)?;
    Some(PolicyRow {
        id,
        name: row.get("name").and_then(Json::as_text).map(str::to_owned),
        attributes: read_attributes(row),
        flags: read_flags(row, diagnostics),
        origin: row.span,
    })
}

fn read_access(row: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<AccessRow> {
    let policy = read_required(row, "policy", "a row of access", diagnostics)?;
    let id = row.get("id").filter(|id| !id.is_null());
    let access = AccessRow {
        id: id
            .and_then(|id| read_key(id, "`id`", diagnostics))
            .map(|id| id.value),
        policy,
        role: read_reference(row, "role", diagnostics),
        user: read_reference(row, "user", diagnostics),
    };
    if let (Some(_), Some(user)) = (&access.role, &access.user) {
        let message = "a row of access is for a role or for a user, not for both";
        diagnostics.push(Diagnostic::new(Code::WrongType, user.span, message));
        return None;
    }
    Some(access)
}

/// Reads a permission; `holder` is known of those that are built in.
pub(super) fn read_permission(
    row: &Json,
    holder: Option<Holder>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<PermissionRow> {
    let before = diagnostics.len();
    let collection = read_required(row, "collection", "a permission", diagnostics);
    let action = read_required(row, "action", "a permission", diagnostics);
    let holder = holder.or_else(|| read_holder(row, diagnostics));
    let id = row.get("id").filter(|id| !id.is_null());
    let id = id.and_then(|id| read_key(id, "`id`", diagnostics));
    let known = |key: &str| row.get(key).filter(|value| !value.is_null());
    let (fields, fields_span) = match known("fields") {
        None => (Some(Vec::new()), None),
        Some(fields) => (read_fields(fields, diagnostics), Some(fields.span)),
    };
    let presets =
        known("presets").and_then(|presets| reader::read_members(presets, "`presets`", diagnostics));
    if reader::failed_since(before, diagnostics) {
        return None;
    }
    Some(PermissionRow {
        id: id.map(|id| id.value),
        holder: holder?,
        collection: collection?,
        action: action?,
        rule: known("permissions").cloned(),
        validation: known("validation").cloned(),
        presets: presets.unwrap_or_default().to_vec(),
        fields,
        fields_span,
        origin: row.span,
    })
}

/// Since Directus 11 a permission belongs to a policy, before that to a role or to everybody.
fn read_holder(row: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Holder> {
    if row.get("policy").is_some_and(|policy| !policy.is_null()) {
        return read_reference(row, "policy", diagnostics).map(Holder::Policy);
    }
    match row.get("role") {
        Some(role) if role.is_null() => Some(Holder::Public),
        Some(role) => read_key(role, "`role`", diagnostics).map(Holder::Role),
        None => {
            let message = "a permission needs the key `policy` (of Directus 9 and 10: `role`)";
            diagnostics.push(Diagnostic::new(Code::MissingKey, row.span, message));
            None
        }
    }
}

/// Reads a list of names, or a text with commas; `None` if `*` is among them.
fn read_fields(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Spanned<String>>> {
    let names = read_csv(json, "`fields`", diagnostics);
    (!names.iter().any(|name| name.value == "*")).then_some(names)
}

/// Reads a list of texts, or the same as one text with commas.
fn read_csv(json: &Json, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Spanned<String>> {
    if let Some(text) = json.as_text() {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        return parts
            .map(|part| Spanned::new(part.to_owned(), json.span))
            .collect();
    }
    reader::read_ids(json, what, Empty::Refused, diagnostics).unwrap_or_default()
}

fn read_flags(row: &Json, diagnostics: &mut Vec<Diagnostic>) -> Flags {
    let flag = |key: &str| {
        row.get(key).filter(|value| {
            value.as_bool() == Some(true) || value.as_number().is_some_and(|number| number.value == 1.0)
        })
    };
    let networks = row.get("ip_access").filter(|list| !list.is_null());
    let networks = networks
        .map(|list| read_csv(list, "`ip_access`", diagnostics))
        .unwrap_or_default();
    let is_restricted = !networks.is_empty();
    let mut read = Vec::new();
    for text in networks {
        if let Some(network) = Network::parse(&text.value) {
            read.push(text.map(|_| network));
        } else {
            let message = format!("{} is no network", quote(&text.value));
            let help = "Directus takes an address, a range (`10.0.0.1-10.0.0.9`) or a block (`10.0.0.0/8`)";
            diagnostics.push(Diagnostic::new(Code::InvalidNetwork, text.span, message).help(help));
        }
    }
    Flags {
        admin: flag("admin_access").is_some(),
        app: flag("app_access").map(|value| value.span),
        networks: is_restricted.then_some(read),
    }
}

/// Returns the columns of a row, without the lists of rows that point to it.
fn read_attributes(row: &Json) -> Object<'static> {
    const POINTERS: [&str; 5] = ["users", "policies", "permissions", "roles", "children"];
    let members = row.as_object().unwrap_or_default();
    let kept = members
        .iter()
        .filter(|member| !POINTERS.contains(&member.key.value.as_str()));
    // A number that a double does not hold exactly is no id, and is compared as the CMS, which is JavaScript, has it.
    let entry = |member: &Member| (Cow::Owned(member.key.value.clone()), value_of(&member.value));
    Object::new(kept.map(entry).collect())
}

/// Returns a value as JavaScript has it.
pub(super) fn value_of(json: &Json) -> Value<'static> {
    match &json.node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Number(number) => Value::Number(number.value),
        Node::Text(text) => Value::Text(Cow::Owned(text.clone())),
        Node::List(values) => Value::List(values.iter().map(value_of).collect()),
        Node::Object(members) => Value::Object(Object::new(
            members
                .iter()
                .map(|member| (Cow::Owned(member.key.value.clone()), value_of(&member.value)))
                .collect(),
        )),
    }
}
