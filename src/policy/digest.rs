//! What a policy says, thing by thing, boiled down to numbers: to tell two versions of a policy apart without keeping both.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::vocab::sheet::Sheet;

use super::Policy;
use super::document::{DocumentGrants, Part, hash_row};

/// Holds the marks of all things that a policy declares.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Grants, constraints and transitions.
    rules: Vec<Mark>,
    /// Grants on documents: there may be too many to mark each.
    documents: DocumentGrants,
    /// All else: roles, groups, users, actions, collections, workflows with their states, settings.
    others: Vec<Mark>,
}

/// One thing: what it is called, and what it says.
///
/// What has no name is called like all others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    name: u64,
    content: u64,
}

/// Counts what differs between two versions of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Things of which only the newer version has one.
    pub added: usize,
    /// Things that say something else under the same name; of things without a name, as many as were both added and removed.
    pub changed: usize,
    /// Things of which only the older version had one.
    pub removed: usize,
}

impl Marks {
    /// Takes the marks of a policy.
    pub fn of(policy: &Policy) -> Self {
        let mut marks = Self::default();
        let rules = &mut marks.rules;
        for grant in &policy.grants {
            rules.push(mark("grant", grant.id.as_ref().map(|id| &id.value), grant));
        }
        for constraint in &policy.constraints {
            let id = constraint.id.as_ref().map(|id| &id.value);
            rules.push(mark("constraint", id, constraint));
        }
        for workflow in &policy.workflows {
            for transition in &workflow.transitions {
                let id = (&workflow.id.value, &transition.id.value);
                rules.push(mark("transition", Some(id), transition));
            }
        }
        marks.others = other_marks(policy);
        marks.documents = policy.document_grants.clone();
        marks.rules.sort_unstable();
        marks.others.sort_unstable();
        marks
    }

    /// Counts what is new in the rules since `old`.
    #[must_use]
    pub fn rules_since(&self, old: &Self) -> Changes {
        let rules = compare(&old.rules, &self.rules);
        let (gone, come) = (
            document_marks(&old.documents, &self.documents),
            document_marks(&self.documents, &old.documents),
        );
        let documents = compare(&gone, &come);
        Changes {
            added: rules.added + documents.added,
            changed: rules.changed + documents.changed,
            removed: rules.removed + documents.removed,
        }
    }

    /// Counts what is new in all else since `old`.
    #[must_use]
    pub fn others_since(&self, old: &Self) -> Changes {
        compare(&old.others, &self.others)
    }

    /// Tells how many rules there are.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.rules.len() + self.documents.len()
    }
}

/// Returns the marks of grants on documents, but for those of sheets that another version has as well, sorted.
fn document_marks(grants: &DocumentGrants, others: &DocumentGrants) -> Vec<Mark> {
    let mut shared: FxHashMap<*const Sheet, usize> = FxHashMap::default();
    for part in others.parts() {
        *shared.entry(Arc::as_ptr(&part.sheet)).or_default() += 1;
    }
    let mut marks = Vec::new();
    for Part { sheet, .. } in grants.parts() {
        if let Some(count) = shared.get_mut(&Arc::as_ptr(sheet)).filter(|count| **count > 0) {
            *count -= 1;
            continue;
        }
        marks.extend(sheet.rows().iter().map(|row| {
            let mut hasher = DefaultHasher::new();
            hash_row(sheet, row, &mut hasher);
            Mark {
                name: 0,
                content: hasher.finish(),
            }
        }));
    }
    marks.sort_unstable();
    marks
}

fn other_marks(policy: &Policy) -> Vec<Mark> {
    let mut marks = vec![mark("settings", Some(""), &policy.settings)];
    for role in &policy.roles {
        marks.push(mark("role", Some(&role.id.value), role));
    }
    for group in &policy.groups {
        marks.push(mark("group", Some(&group.id.value), group));
    }
    for user in &policy.users {
        marks.push(mark("user", Some(&user.id.value), user));
    }
    for action in &policy.actions {
        marks.push(mark("action", Some(&action.id.value), action));
    }
    for collection in &policy.collections {
        marks.push(mark("collection", Some(&collection.id.value), collection));
    }
    for workflow in &policy.workflows {
        // Its transitions are counted one by one.
        let mut own = workflow.clone();
        mem::take(&mut own.transitions);
        marks.push(mark("workflow", Some(&workflow.id.value), own));
    }
    marks
}

fn mark(kind: &str, name: Option<impl Hash>, content: impl Hash) -> Mark {
    Mark {
        name: number((kind, name)),
        content: number(content),
    }
}

fn number(thing: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}

/// Compares two sorted lists.
fn compare(old: &[Mark], new: &[Mark]) -> Changes {
    let gone = without(old, new);
    let come = without(new, old);
    let mut changes = Changes::default();
    let (mut gone, mut come) = (gone.iter().peekable(), come.iter().peekable());
    loop {
        match (gone.peek(), come.peek()) {
            (Some(old), Some(new)) if old.name == new.name => {
                changes.changed += 1;
                gone.next();
                come.next();
            }
            (Some(old), new) if new.is_none_or(|new| old.name < new.name) => {
                changes.removed += 1;
                gone.next();
            }
            (_, Some(_)) => {
                changes.added += 1;
                come.next();
            }
            (_, None) => return changes,
        }
    }
}

/// Returns what of a sorted list is not in another one; what is there twice must be there twice as well.
fn without(list: &[Mark], other: &[Mark]) -> Vec<Mark> {
    let mut rest = other.iter().peekable();
    let mut kept = Vec::new();
    for mark in list {
        while rest.next_if(|each| *each < mark).is_some() {}
        if rest.next_if_eq(&mark).is_none() {
            kept.push(*mark);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(list: &[(u64, u64)]) -> Vec<Mark> {
        let mut marks: Vec<Mark> = list
            .iter()
            .map(|&(name, content)| Mark { name, content })
            .collect();
        marks.sort_unstable();
        marks
    }

    #[test]
    fn changes_are_counted_by_name_and_of_what_has_none_by_number() {
        let cases = [
            (&[][..], &[][..], (0, 0, 0)),
            (&[(1, 1)], &[(1, 1)], (0, 0, 0)),
            (&[(1, 1)], &[(1, 2)], (0, 1, 0)),
            (&[(1, 1)], &[(2, 1)], (1, 0, 1)),
            (&[(2, 1)], &[(1, 1)], (1, 0, 1)),
            (&[(1, 1), (1, 1)], &[(1, 1)], (0, 0, 1)),
            (&[(1, 1)], &[(1, 1), (1, 1), (1, 2)], (2, 0, 0)),
            (&[(1, 1), (1, 2), (1, 3)], &[(1, 3), (1, 4)], (0, 1, 1)),
            (&[(1, 1), (2, 2), (4, 4)], &[(2, 3), (3, 3), (4, 4)], (1, 1, 1)),
        ];
        for (old, new, (added, changed, removed)) in cases {
            let expected = Changes {
                added,
                changed,
                removed,
            };
            assert_eq!(compare(&marks(old), &marks(new)), expected, "{old:?} to {new:?}");
        }
    }
}
