//! The roles of Apostrophe and of its groups, and the actions: its seven checks, its lists, its operations.

use std::collections::BTreeMap;

use crate::policy::role::{Administrator, Group, Implicit, Role, RoleKind, Within};
use crate::policy::{Action, Codes, Policy, Title};
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::{Operation, Reason};

use super::Mode;
use super::apostrophe_group::GroupRow;
use super::apostrophe_lower::at;
use super::apostrophe_operation::operation_actions;
use super::apostrophe_right::{ACTIONS, Holder, Who, World};
use super::apostrophe_type::Rank;

/// Makes the roles, and returns who holds rights: everybody but administrators.
pub(super) fn lower_roles(
    groups: Option<&[GroupRow]>,
    mode: Mode,
    origin: Span,
    policy: &mut Policy,
) -> Vec<Holder> {
    let administrator = match mode {
        Mode::Strict => Administrator::Known,
        Mode::Exact => Administrator::Anything,
    };
    let mut holders = Vec::new();
    let mut hold = |role: Role, who: Option<Who>| {
        holders.extend(who.map(|who| Holder {
            role: role.id.clone(),
            who,
        }));
        policy.roles.push(role);
    };
    let implicit = |id: &str, implicit| Role {
        implicit: Some(implicit),
        ..Role::new(at(id, origin), origin)
    };
    let Some(groups) = groups else {
        hold(implicit(VISITOR, Implicit::Roleless), Some(Who::Visitor));
        for rank in Rank::ALL {
            let mut role = Role::new(at(rank.name(), origin), origin);
            let who = (rank != Rank::Admin).then_some(Who::Role(rank));
            if who.is_none() {
                role.administrator = administrator;
            }
            hold(role, who);
        }
        return holders;
    };
    hold(implicit(VISITOR, Implicit::Anonymous), Some(Who::Visitor));
    hold(
        implicit(Rank::Guest.name(), Implicit::Authenticated),
        Some(Who::Member),
    );
    for group in groups {
        let id = Spanned::new(format!("group:{}", group.name.value), group.name.span);
        let mut role = Role {
            title: group.title.clone(),
            kind: RoleKind::Part,
            ..Role::new(id, group.origin)
        };
        if group.admin {
            role.administrator = administrator;
        }
        let who = (!group.admin).then(|| Who::Group(group.clone()));
        // Who may do everything may do so in every locale.
        let locales = group.locales.as_ref().filter(|_| !group.admin);
        let locales = locales.map(|locales| Within {
            attribute: at("locale", group.name.span),
            values: locales.clone(),
        });
        policy.groups.push(Group {
            id: group.name.clone(),
            title: group.title.clone(),
            roles: vec![role.id.clone()],
            context: locales.into_iter().collect(),
            origin: group.origin,
        });
        hold(role, who);
    }
    holders
}

/// The role of whoever has not signed in, or has no role that is known.
const VISITOR: &str = "visitor";

/// The check of what the interface for programs shows.
pub(super) const API: &str = "api";
/// The question which fields a form has.
pub(super) const SCHEMA: &str = "schema";
/// The list of submitted drafts.
pub(super) const LIST_SUBMITTED: &str = "list:submitted";
/// The lists that exist in mode `exact`, and the checks whose lists they are.
const LISTS: [(&str, &str); 5] = [
    ("view", "list:view"),
    ("create", "list:create"),
    ("edit", "list:edit"),
    ("delete", "list:delete"),
    ("publish", "list:publish"),
];

pub(super) fn actions(world: &World<'_>, origin: Span) -> Vec<Action> {
    let list_of = |id: &str| {
        let list = LISTS.into_iter().find(|(check, _)| *check == id);
        list.filter(|_| world.mode == Mode::Exact)
            .map(|(_, list)| at(list, origin))
    };
    let action = |id: &str, operation| Action {
        id: at(id, origin),
        title: Title::default(),
        operation,
        inside: false,
        listed_by: list_of(id),
        codes: Codes::default(),
        origin,
    };
    let mut actions: Vec<Action> = ACTIONS
        .into_iter()
        .map(|id| {
            let operation = match id {
                "view" => Operation::Read,
                "create" => Operation::Create,
                "edit" => Operation::Update,
                "delete" => Operation::Delete,
                _ => Operation::Other,
            };
            action(id, operation)
        })
        .collect();
    actions.push(action(API, Operation::Read));
    actions.push(action(SCHEMA, Operation::Other));
    let mut lists = vec![LIST_SUBMITTED];
    if world.mode == Mode::Exact {
        lists.extend(LISTS.map(|(_, list)| list));
    }
    for id in lists {
        // Who looks for a document that his list does not hold does not find it.
        let mut list = action(id, Operation::Other);
        list.codes.by_reason = codes("notfound");
        actions.push(list);
    }
    actions.extend(operation_actions(origin));
    for permission in world.types.iter().flat_map(|found| &found.permissions) {
        let name = permission.name.value.as_str();
        if actions.iter().all(|known| known.id.value != name) {
            actions.push(Action {
                title: permission.title.clone(),
                ..action(name, Operation::Other)
            });
        }
    }
    actions
}

/// Returns the codes of errors: what is refused has the one given.
pub(super) fn codes(refused: &str) -> BTreeMap<Reason, String> {
    let invalid = [Reason::UnknownAction, Reason::UnknownTransition];
    let refusals = [
        Reason::NoGrant,
        Reason::NoMatchingGrant,
        Reason::Denied,
        Reason::UnknownRole,
        Reason::UnknownCollection,
    ];
    let refusals = refusals.map(|reason| (reason, refused.to_owned()));
    let invalid = invalid.map(|reason| (reason, "invalid".to_owned()));
    refusals.into_iter().chain(invalid).collect()
}
