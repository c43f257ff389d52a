//! Directus 9 and 10: permissions of roles, one for each collection and action, with those of the app merged into them.

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};

use super::directus_rows::{Holder, PermissionRow, Rows};
use super::directus_system::app_permissions;

/// Returns the permissions that count: the first of each role, collection and action, joined with that of the app where the
/// role may use it.
pub(super) fn merge_older(rows: &Rows, diagnostics: &mut Vec<Diagnostic>) -> Vec<PermissionRow> {
    let mut counting: Vec<PermissionRow> = Vec::with_capacity(rows.permissions.len());
    for row in &rows.permissions {
        if let Some(first) = counting.iter().find(|first| is_same(first, row)) {
            let message = format!(
                "the role has a permission to {} in {} already, and Directus looks at the first",
                quote(&row.action.value),
                quote(&row.collection.value)
            );
            diagnostics.push(
                Diagnostic::new(Code::IgnoredPart, row.origin, message)
                    .label(first.origin, "the one that counts"),
            );
            continue;
        }
        counting.push(row.clone());
    }
    for role in rows.roles.iter().filter(|role| !role.flags.admin) {
        let Some(place) = role.flags.app else { continue };
        for mut app in app_permissions(place) {
            app.holder = Holder::Role(role.id.clone());
            match counting.iter_mut().find(|own| is_same(own, &app)) {
                Some(own) => join(own, app, place),
                None => counting.push(app),
            }
        }
    }
    counting
}

fn is_same(one: &PermissionRow, other: &PermissionRow) -> bool {
    let is_one_holder = match (&one.holder, &other.holder) {
        (Holder::Role(one), Holder::Role(other)) | (Holder::Policy(one), Holder::Policy(other)) => {
            one.value == other.value
        }
        (Holder::Public, Holder::Public) | (Holder::App, Holder::App) => true,
        (Holder::Role(_) | Holder::Policy(_) | Holder::Public | Holder::App, _) => false,
    };
    is_one_holder && one.collection.value == other.collection.value && one.action.value == other.action.value
}

/// Joins a permission with another: one of the rules is enough, one of the validations too, and the fields are those of both.
fn join(own: &mut PermissionRow, app: PermissionRow, place: Span) {
    own.rule = either(own.rule.take(), app.rule, place);
    own.validation = either(own.validation.take(), app.validation, place);
    own.fields = match (own.fields.take(), app.fields) {
        (Some(mut own), Some(app)) => {
            let new: Vec<_> = app
                .into_iter()
                .filter(|name| own.iter().all(|other| other.value != name.value))
                .collect();
            own.extend(new);
            Some(own)
        }
        (None, _) | (_, None) => None,
    };
}

/// Joins two rules with `_or`; one that asks nothing wins.
fn either(one: Option<Json>, other: Option<Json>, place: Span) -> Option<Json> {
    let asks = |json: &Json| !json.as_object().is_some_and(<[Member]>::is_empty);
    let (one, other) = (one.filter(asks)?, other.filter(asks)?);
    let list = Json {
        span: place,
        node: Node::List(vec![one, other]),
    };
    Some(Json {
        span: place,
        node: Node::Object(vec![Member {
            key: Spanned::new("_or".to_owned(), place),
            value: list,
        }]),
    })
}
