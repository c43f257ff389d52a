//! Who the subject is, apart from roles: its id, and the groups that it belongs to.

use crate::model::Model;
use crate::model::role::Group;
use crate::vocab::sheet::Grantee;

use super::query::Query;

/// Who the subject is, apart from roles.
pub(super) struct Identity<'q> {
    /// The id under which things are owned and roles are given; `None` for nobody.
    pub(super) id: Option<&'q str>,
    /// Whether the subject is a visitor.
    pub(super) is_anonymous: bool,
}

/// Tells who the subject is.
pub(super) fn identify<'q>(model: &'q Model, query: &Query<'q>) -> Identity<'q> {
    let anonymous_id = model.settings.anonymous_id.as_ref();
    if query.subject.id.is_empty() || query.subject.id == anonymous_id {
        let id = (!anonymous_id.is_empty()).then_some(anonymous_id);
        return Identity {
            id,
            is_anonymous: true,
        };
    }
    Identity {
        id: Some(query.subject.id),
        is_anonymous: false,
    }
}

/// Lists the groups of the subject that do not count in this context, by name.
pub fn groups_elsewhere<'g>(model: &'g Model, query: &'g Query<'_>) -> Vec<&'g str> {
    if !model.roles.has_contexts {
        return Vec::new();
    }
    let identity = identify(model, query);
    let mut names: Vec<&str> = Vec::new();
    for name in group_names(model, query, &identity) {
        if !name_counts(model, query, name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Tells whether belonging to a group counts here: the context says what it must.
#[inline]
pub(super) fn group_counts(group: &Group, query: &Query<'_>) -> bool {
    group.context.iter().all(|within| {
        let told = within.attribute.first();
        let told = told.and_then(|name| query.context.attributes.get(name));
        let text = told.and_then(|value| value.view().text());
        text.is_some_and(|text| within.values.iter().any(|value| **value == *text))
    })
}

/// Tells the same of a group by its name; one that the policy does not know always counts.
#[inline]
fn name_counts(model: &Model, query: &Query<'_>, name: &str) -> bool {
    let roles = &model.roles;
    if !roles.has_contexts {
        return true;
    }
    let row = roles
        .group_names
        .find(name)
        .and_then(|group| roles.groups.get(group));
    row.is_none_or(|group| group_counts(group, query))
}

/// Tells whether the subject belongs to a group: it says so, or the users table does; and whether that counts here.
pub(super) fn is_member(model: &Model, query: &Query<'_>, identity: &Identity<'_>, name: &str) -> bool {
    if name.is_empty() || !name_counts(model, query, name) {
        return false;
    }
    query.subject.groups.contains(&name)
        || identity
            .id
            .and_then(|id| model.roles.users.get(id))
            .is_some_and(|user| {
                user.groups
                    .iter()
                    .any(|group| model.roles.group_names.name(group.index()) == name)
            })
}

/// Returns the subject and all groups that it belongs to and that count here, as grants on documents name them.
pub(super) fn grantees<'g>(
    model: &'g Model,
    query: &'g Query<'_>,
    identity: &Identity<'g>,
) -> impl Iterator<Item = Grantee<'g>> {
    let groups = group_names(model, query, identity).filter(|name| name_counts(model, query, name));
    let user = identity.id.map(Grantee::User);
    user.into_iter().chain(groups.map(Grantee::Group))
}

/// Returns the groups that the subject belongs to, whether they count here or not.
fn group_names<'g>(
    model: &'g Model,
    query: &'g Query<'_>,
    identity: &Identity<'g>,
) -> impl Iterator<Item = &'g str> {
    let told = query.subject.groups.iter().copied();
    let known = identity.id.and_then(|id| model.roles.users.get(id));
    let known = known.into_iter().flat_map(|user| &user.groups);
    let known = known.map(|group| model.roles.group_names.name(group.index()));
    told.chain(known).filter(|name| !name.is_empty())
}

/// Tells whether the subject is this holder of a grant on a document, or a member of this group.
pub(super) fn is_grantee(
    model: &Model,
    query: &Query<'_>,
    identity: &Identity<'_>,
    holder: Grantee<'_>,
) -> bool {
    match holder {
        Grantee::User(id) => identity.id == Some(id),
        Grantee::Group(name) => is_member(model, query, identity, name),
    }
}
