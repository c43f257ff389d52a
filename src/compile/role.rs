//! Roles, groups and known users.

use rustc_hash::FxHashMap;

use crate::model::bits::Bits;
use crate::model::collection::Title;
use crate::model::id::{GroupId, RoleId};
use crate::model::role::{Group, Role, RoleKind, Roles, User, Within};
use crate::policy::Policy;
use crate::policy::role::{self as declared, Administrator, Implicit};
use crate::source::span::Spanned;
use crate::vocab::value::Object;

use super::intern::{Interner, title};

pub(super) fn compile_roles(policy: &Policy, interner: &mut Interner<'_>) {
    let mut roles = Roles::default();
    for role in &policy.roles {
        roles.names.intern(&role.id.value);
    }
    roles.rows = (0..roles.names.len()).map(|_| bare_role()).collect();
    for role in &policy.roles {
        let id = roles.names.intern(&role.id.value);
        let row = compile_role(role, &roles);
        if role.administrator != Administrator::No {
            roles.administrators.insert(id);
        }
        roles.has_networks |= role.networks.is_some();
        if let Some(slot) = roles.rows.get_mut(id) {
            *slot = row;
        }
    }
    compile_implicit(policy, &mut roles);
    close(&mut roles);
    for group in &policy.groups {
        roles.group_names.intern(&group.id.value);
    }
    roles.groups = vec![Group::default(); roles.group_names.len()];
    for group in &policy.groups {
        let index = roles.group_names.intern(&group.id.value);
        let row = Group {
            roles: role_ids(&group.roles, &roles),
            context: group.context.iter().map(compile_within).collect(),
        };
        roles.has_contexts |= !group.context.is_empty();
        if let Some(slot) = roles.groups.get_mut(index) {
            *slot = row;
        }
    }
    let users: FxHashMap<Box<str>, User> = policy
        .users
        .iter()
        .map(|user| (user.id.value.as_str().into(), compile_user(user, &roles)))
        .collect();
    roles.users = users;
    interner.model.roles = roles;
}

fn bare_role() -> Role {
    Role {
        title: Title::default(),
        closure: Bits::default(),
        inherits: Box::default(),
        attributes: Object::default(),
        networks: None,
        kind: RoleKind::Part,
        allows_anything: false,
    }
}

fn compile_role(role: &declared::Role, roles: &Roles) -> Role {
    Role {
        title: title(&role.title),
        closure: Bits::default(),
        inherits: role_ids(&role.inherits, roles),
        attributes: role.attributes.clone(),
        networks: role
            .networks
            .as_ref()
            .map(|networks| networks.iter().map(|network| network.value).collect()),
        kind: match role.kind {
            declared::RoleKind::Role => RoleKind::Role,
            declared::RoleKind::Policy => RoleKind::Policy,
            declared::RoleKind::Part => RoleKind::Part,
        },
        allows_anything: role.administrator == Administrator::Anything,
    }
}

/// The five implicit roles exist, under their usual names, where the policy gives them no others.
fn compile_implicit(policy: &Policy, roles: &mut Roles) {
    for kind in Implicit::ALL {
        let mut ids: Vec<RoleId> = policy
            .roles
            .iter()
            .filter(|role| role.implicit == Some(kind))
            .filter_map(|role| roles.names.find(&role.id.value))
            .map(RoleId::new)
            .collect();
        if ids.is_empty() && roles.names.find(kind.name()).is_none() {
            ids.push(RoleId::new(roles.names.intern(kind.name())));
            roles.rows.push(bare_role());
        }
        ids.iter().for_each(|id| roles.implicit.insert(id.index()));
        let slot = match kind {
            Implicit::Everyone => &mut roles.everyone,
            Implicit::Anonymous => &mut roles.anonymous,
            Implicit::Authenticated => &mut roles.authenticated,
            Implicit::Roleless => &mut roles.roleless,
            Implicit::Owner => &mut roles.owner,
        };
        *slot = ids.into();
    }
}

/// Fills what each role brings. `validate` has refused cycles; should one come here, it ends all the same.
fn close(roles: &mut Roles) {
    for index in 0..roles.rows.len() {
        let mut closure = Bits::of([index]);
        let mut open = vec![index];
        while let Some(next) = open.pop() {
            for parent in roles
                .rows
                .get(next)
                .into_iter()
                .flat_map(|role| role.inherits.iter())
            {
                if !closure.contains(parent.index()) {
                    closure.insert(parent.index());
                    open.push(parent.index());
                }
            }
        }
        if let Some(role) = roles.rows.get_mut(index) {
            role.closure = closure;
        }
    }
    roles.held_by_visitors = held_by(roles.everyone.iter().chain(&roles.anonymous), roles);
    roles.held_by_others = held_by(roles.everyone.iter().chain(&roles.authenticated), roles);
    roles.held_by_owners = held_by(roles.owner.iter(), roles);
}

/// Returns what these roles bring, themselves included.
fn held_by<'r>(given: impl Iterator<Item = &'r RoleId>, roles: &Roles) -> Bits {
    let mut held = Bits::default();
    for role in given.filter_map(|id| roles.row(*id)) {
        held.union(&role.closure);
    }
    held
}

fn compile_within(within: &declared::Within) -> Within {
    Within {
        attribute: Box::new([within.attribute.value.as_str().into()]),
        name: format!("$CONTEXT.{}", within.attribute.value).into(),
        values: within
            .values
            .iter()
            .map(|text| text.value.as_str().into())
            .collect(),
    }
}

fn compile_user(user: &declared::User, roles: &Roles) -> User {
    User {
        roles: role_ids(&user.roles, roles),
        groups: user
            .groups
            .iter()
            .filter_map(|name| roles.group_names.find(&name.value))
            .map(GroupId::new)
            .collect(),
    }
}

/// Returns the ids of those names that are roles.
fn role_ids(names: &[Spanned<String>], roles: &Roles) -> Box<[RoleId]> {
    names
        .iter()
        .filter_map(|name| roles.names.find(&name.value))
        .map(RoleId::new)
        .collect()
}
