//! Profiles in layers: one policy over another, by id, and the later one wins.
//!
//! This is for profiles of different dialects. Layers of one dialect are merged by its reader, on its own files.

use rustc_hash::FxHashMap;

use super::role::Role;
use super::{Policy, Settings};

/// Lays a policy over its base: what has the same id takes the base's place, all else is added.
pub fn lay_over(mut base: Policy, mut over: Policy) -> Policy {
    join_implicit_roles(&mut base.roles, &mut over.roles);
    lay_over_entries(&mut base.roles, over.roles, |role| Some(&role.id.value));
    lay_over_entries(&mut base.groups, over.groups, |group| Some(&group.id.value));
    lay_over_entries(&mut base.users, over.users, |user| Some(&user.id.value));
    lay_over_entries(&mut base.actions, over.actions, |action| Some(&action.id.value));
    lay_over_entries(&mut base.collections, over.collections, |collection| {
        Some(&collection.id.value)
    });
    lay_over_entries(&mut base.grants, over.grants, |grant| {
        grant.id.as_ref().map(|id| id.value.as_str())
    });
    lay_over_entries(&mut base.constraints, over.constraints, |rule| {
        rule.id.as_ref().map(|id| id.value.as_str())
    });
    lay_over_entries(&mut base.workflows, over.workflows, |workflow| {
        Some(&workflow.id.value)
    });
    base.document_grants.append(over.document_grants);
    lay_over_settings(&mut base.settings, over.settings);
    base
}

/// Lays entries over others: the first one of an id takes the place of its namesake, all others are added at the end.
///
/// An id that stands twice in `over` stands twice in the outcome, so that it can be complained about.
pub fn lay_over_entries<T>(base: &mut Vec<T>, over: Vec<T>, id: impl Fn(&T) -> Option<&str>) {
    if base.is_empty() {
        *base = over;
        return;
    }
    let mut places: FxHashMap<String, usize> = FxHashMap::default();
    for (place, entry) in base.iter().enumerate() {
        if let Some(id) = id(entry) {
            places.entry(id.to_owned()).or_insert(place);
        }
    }
    for entry in over {
        let place = id(&entry).and_then(|id| places.remove(id));
        match place.and_then(|place| base.get_mut(place)) {
            Some(namesake) => *namesake = entry,
            None => base.push(entry),
        }
    }
}

/// Each dialect has its own name for whoever visits, owns, or is just anybody. Where both policies have one, holding the
/// base's brings the other, so that the rules of both hold for the same people.
fn join_implicit_roles(base: &mut [Role], over: &mut [Role]) {
    for role in over {
        let namesake = |other: &&mut Role| other.implicit == role.implicit;
        let Some(other) = role.implicit.and_then(|_| base.iter_mut().find(namesake)) else {
            continue;
        };
        if other.id.value != role.id.value {
            other.inherits.push(role.id.clone());
            role.implicit = None;
        }
    }
}

/// A setting that only one of the two makes stays made; a policy does not remember that it said "open".
fn lay_over_settings(base: &mut Settings, over: Settings) {
    base.absent_is_null |= over.absent_is_null;
    base.anonymous_id = over.anonymous_id.or(base.anonymous_id.take());
    base.codes.extend(over.codes);
}
