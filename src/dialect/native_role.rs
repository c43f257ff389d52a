//! Roles, groups and known users in the native form.

use crate::policy::role::{Administrator, Group, Implicit, Role, RoleKind, User, Within};
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member};
use crate::source::span::{Span, Spanned};

use super::reader::{self, Empty, Item};
use super::value;
use super::word;

/// Reads a role. One that is named like an implicit role is that role, unless it says otherwise.
pub(super) fn read_role(Item { id, mut keys, origin }: Item<'_>, diagnostics: &mut Vec<Diagnostic>) -> Role {
    let (title, _) = keys.titles(diagnostics);
    let inherits = keys.ids("inherits", diagnostics).unwrap_or_default();
    let attributes = keys.optional("attributes");
    let attributes = attributes.and_then(|json| reader::read_members(json, "`attributes`", diagnostics));
    let attributes = attributes
        .map(|members| value::read_object(members, diagnostics))
        .unwrap_or_default();
    let networks = keys.networks("networks", diagnostics);
    let named = Implicit::ALL
        .into_iter()
        .find(|implicit| implicit.name() == id.value);
    let implicit = match keys.optional("implicit") {
        Some(json) => read_implicit(json, diagnostics),
        None => named,
    };
    let built_in = named.is_some() && implicit == named;
    let kind = keys.word("kind", &KINDS, diagnostics);
    let kind = kind.unwrap_or(if built_in { RoleKind::Part } else { RoleKind::Role });
    let administrator = keys.optional("administrator");
    let administrator = administrator
        .and_then(|json| read_administrator(json, diagnostics))
        .unwrap_or_default();
    keys.finish(diagnostics);
    Role {
        id,
        title,
        inherits,
        attributes,
        networks,
        kind,
        administrator,
        implicit,
        declared: true,
        origin,
    }
}

/// Adds the implicit roles that the profile does not mention.
pub(super) fn add_implicit_roles(roles: &mut Vec<Role>, origin: Span) {
    for implicit in Implicit::ALL {
        let taken = |role: &Role| role.implicit == Some(implicit) || role.id.value == implicit.name();
        if roles.iter().any(taken) {
            continue;
        }
        roles.push(Role {
            kind: RoleKind::Part,
            implicit: Some(implicit),
            ..Role::new(Spanned::new(implicit.name().to_owned(), origin), origin)
        });
    }
}

/// Reads a group.
pub(super) fn read_group(
    Item { id, mut keys, origin }: Item<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Group {
    let (title, _) = keys.titles(diagnostics);
    let roles = keys.ids("roles", diagnostics).unwrap_or_default();
    let context = keys.optional("context");
    let context = context.map(|json| read_context(json, diagnostics));
    keys.finish(diagnostics);
    Group {
        id,
        title,
        roles,
        context: context.unwrap_or_default(),
        origin,
    }
}

/// Reads in which contexts a group counts: for attributes, the texts of which they must be one.
fn read_context(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Vec<Within> {
    let members = reader::read_members(json, "`context`", diagnostics).unwrap_or_default();
    let read = |Member { key, value }: &Member| {
        let named = reader::check_id(
            &key.value,
            key.span,
            "an attribute of the context",
            Empty::Refused,
            diagnostics,
        );
        let values = reader::read_ids(value, &quote(&key.value), Empty::Allowed, diagnostics);
        values.filter(|_| named).map(|values| Within {
            attribute: key.clone(),
            values,
        })
    };
    members.iter().filter_map(read).collect()
}

/// Reads a known user.
pub(super) fn read_user(Item { id, mut keys, origin }: Item<'_>, diagnostics: &mut Vec<Diagnostic>) -> User {
    let roles = keys.ids("roles", diagnostics).unwrap_or_default();
    let groups = keys.ids("groups", diagnostics).unwrap_or_default();
    keys.finish(diagnostics);
    User {
        id,
        roles,
        groups,
        origin,
    }
}

const KINDS: [(&str, RoleKind); 3] = [
    ("role", RoleKind::Role),
    ("policy", RoleKind::Policy),
    ("part", RoleKind::Part),
];

fn read_implicit(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Implicit> {
    if json.as_bool() == Some(false) {
        return None;
    }
    if json.as_text().is_none() {
        reader::wrong_type(json, "`implicit`", "text or `false`", diagnostics);
        return None;
    }
    let words = Implicit::ALL.map(|implicit| (implicit.name(), implicit));
    word::read_word(json, "`implicit`", &words, diagnostics)
}

fn read_administrator(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Administrator> {
    if let Some(yes) = json.as_bool() {
        return Some(if yes {
            Administrator::Known
        } else {
            Administrator::No
        });
    }
    if json.as_text().is_none() {
        reader::wrong_type(
            json,
            "`administrator`",
            "`true`, `false` or `\"anything\"`",
            diagnostics,
        );
        return None;
    }
    let words = [("anything", Administrator::Anything)];
    word::read_word(json, "`administrator`", &words, diagnostics)
}
