//! What belongs to Directus itself: its collections, the fields that rules follow, and the permissions of whoever uses the app.

use crate::source::json::{Json, Member, Node, parse};
use crate::source::span::{FileId, Span};
use crate::vocab::operator::FieldType;

use super::directus_rows::{Holder, PermissionRow, read_permission};

/// The collections of Directus 9 to 12.
pub(super) const SYSTEM: &[&str] = &[
    "directus_access",
    "directus_activity",
    "directus_collections",
    "directus_comments",
    "directus_dashboards",
    "directus_deployments",
    "directus_extensions",
    "directus_fields",
    "directus_files",
    "directus_flows",
    "directus_folders",
    "directus_migrations",
    "directus_notifications",
    "directus_operations",
    "directus_panels",
    "directus_permissions",
    "directus_policies",
    "directus_presets",
    "directus_relations",
    "directus_revisions",
    "directus_roles",
    "directus_sessions",
    "directus_settings",
    "directus_shares",
    "directus_translations",
    "directus_users",
    "directus_versions",
    "directus_webhooks",
];

/// A related collection, and whether the field stands for a list of its items.
type Related = Option<(&'static str, bool)>;

/// The fields of people, roles and policies, which variables and relations lead to: collection, field, type, relation.
pub(super) const FIELDS: &[(&str, &str, FieldType, Related)] = {
    use FieldType::{Alias, Boolean, Csv, DateTime, Hash, Json, String, Text, Uuid};
    const USERS: &str = "directus_users";
    const ROLES: &str = "directus_roles";
    const POLICIES: &str = "directus_policies";
    const ACCESS: Related = Some(("directus_access", true));
    &[
        (USERS, "id", Uuid, None),
        (USERS, "first_name", String, None),
        (USERS, "last_name", String, None),
        (USERS, "email", String, None),
        (USERS, "password", Hash, None),
        (USERS, "location", String, None),
        (USERS, "title", String, None),
        (USERS, "description", Text, None),
        (USERS, "tags", Json, None),
        (USERS, "avatar", Uuid, Some(("directus_files", false))),
        (USERS, "language", String, None),
        (USERS, "tfa_secret", Hash, None),
        (USERS, "status", String, None),
        (USERS, "role", Uuid, Some((ROLES, false))),
        (USERS, "token", Hash, None),
        (USERS, "last_access", DateTime, None),
        (USERS, "last_page", String, None),
        (USERS, "provider", String, None),
        (USERS, "external_identifier", String, None),
        (USERS, "auth_data", Json, None),
        (USERS, "email_notifications", Boolean, None),
        (USERS, "theme", String, None),
        (USERS, "appearance", String, None),
        (USERS, "theme_light", String, None),
        (USERS, "theme_dark", String, None),
        (USERS, "theme_light_overrides", Json, None),
        (USERS, "theme_dark_overrides", Json, None),
        (USERS, "text_direction", String, None),
        (USERS, "preferences_divider", Alias, None),
        (USERS, "policies", Alias, ACCESS),
        (ROLES, "id", Uuid, None),
        (ROLES, "name", String, None),
        (ROLES, "icon", String, None),
        (ROLES, "description", Text, None),
        (ROLES, "parent", Uuid, Some((ROLES, false))),
        (ROLES, "children", Alias, Some((ROLES, true))),
        (ROLES, "policies", Alias, ACCESS),
        (ROLES, "users", Alias, Some((USERS, true))),
        (ROLES, "ip_access", Csv, None),
        (ROLES, "enforce_tfa", Boolean, None),
        (ROLES, "admin_access", Boolean, None),
        (ROLES, "app_access", Boolean, None),
        (POLICIES, "id", Uuid, None),
        (POLICIES, "name", String, None),
        (POLICIES, "icon", String, None),
        (POLICIES, "description", Text, None),
        (POLICIES, "ip_access", Csv, None),
        (POLICIES, "enforce_tfa", Boolean, None),
        (POLICIES, "admin_access", Boolean, None),
        (POLICIES, "app_access", Boolean, None),
        (
            POLICIES,
            "permissions",
            Alias,
            Some(("directus_permissions", true)),
        ),
        (POLICIES, "users", Alias, ACCESS),
        (POLICIES, "roles", Alias, ACCESS),
    ]
};

/// What whoever may use the app may do besides, as the API would answer it.
const APP: &str = r#"[
{"collection": "directus_collections", "action": "read", "fields": ["*"]},
{"collection": "directus_fields", "action": "read", "fields": ["*"]},
{"collection": "directus_relations", "action": "read", "fields": ["*"]},
{"collection": "directus_translations", "action": "read", "fields": ["*"]},
{"collection": "directus_settings", "action": "read", "fields": ["*"]},
{"collection": "directus_activity", "action": "read", "permissions": {"user": {"_eq": "$CURRENT_USER"}}, "fields": ["*"]},
{"collection": "directus_comments", "action": "read", "permissions": {"user_created": {"_eq": "$CURRENT_USER"}}, "fields": ["*"]},
{"collection": "directus_comments", "action": "create", "validation": {"comment": {"_nnull": true}}, "fields": ["*"]},
{"collection": "directus_comments", "action": "update", "permissions": {"user_created": {"_eq": "$CURRENT_USER"}}, "fields": ["comment"]},
{"collection": "directus_comments", "action": "delete", "permissions": {"user_created": {"_eq": "$CURRENT_USER"}}, "fields": ["*"]},
{"collection": "directus_presets", "action": "read", "permissions": {"_or": [
    {"user": {"_eq": "$CURRENT_USER"}},
    {"_and": [{"user": {"_null": true}}, {"role": {"_eq": "$CURRENT_ROLE"}}]},
    {"_and": [{"user": {"_null": true}}, {"role": {"_null": true}}]}]}, "fields": ["*"]},
{"collection": "directus_presets", "action": "create", "validation": {"user": {"_eq": "$CURRENT_USER"}}, "fields": ["*"]},
{"collection": "directus_presets", "action": "update", "permissions": {"user": {"_eq": "$CURRENT_USER"}},
    "validation": {"user": {"_eq": "$CURRENT_USER"}}, "fields": ["*"]},
{"collection": "directus_presets", "action": "delete", "permissions": {"user": {"_eq": "$CURRENT_USER"}}, "fields": ["*"]},
{"collection": "directus_roles", "action": "read", "permissions": {"id": {"_in": "$CURRENT_ROLES"}}, "fields": ["*"]},
{"collection": "directus_notifications", "action": "read", "permissions": {"recipient": {"_eq": "$CURRENT_USER"}}, "fields": ["*"]},
{"collection": "directus_notifications", "action": "update", "permissions": {"recipient": {"_eq": "$CURRENT_USER"}}, "fields": ["status"]},
{"collection": "directus_shares", "action": "read", "permissions": {"user_created": {"_eq": "$CURRENT_USER"}}, "fields": ["*"]},
{"collection": "directus_users", "action": "read", "permissions": {"id": {"_eq": "$CURRENT_USER"}}, "fields": [
    "id", "first_name", "last_name", "last_page", "email", "password", "location", "title", "description", "tags", "provider",
    "preferences_divider", "avatar", "language", "appearance", "theme_light", "theme_dark", "tfa_secret", "status", "role"]}
]"#;

/// Returns the permissions of whoever may use the app; they all stand where the access to the app is switched on.
pub(super) fn app_permissions(place: Span) -> Vec<PermissionRow> {
    let mut diagnostics = Vec::new();
    let mut rows = parse(FileId::new(0), APP, &mut diagnostics);
    if let Some(rows) = &mut rows {
        put_at(rows, place);
    }
    let list = rows.as_ref().and_then(Json::as_list).unwrap_or_default();
    list.iter()
        .filter_map(|row| read_permission(row, Some(Holder::App), &mut diagnostics))
        .collect()
}

/// Gives a tree the place of what it comes from.
fn put_at(json: &mut Json, place: Span) {
    json.span = place;
    match &mut json.node {
        Node::List(values) => values.iter_mut().for_each(|value| put_at(value, place)),
        Node::Object(members) => {
            for Member { key, value } in members {
                key.span = place;
                put_at(value, place);
            }
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_permissions_can_be_read() {
        let place = Span::new(FileId::new(3), 7, 11);
        let rows = app_permissions(place);
        assert_eq!(rows.len(), 19);
        assert!(rows.iter().all(|row| row.origin == place));
    }
}
