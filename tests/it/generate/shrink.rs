//! Making a policy and a question that show a failure smaller, part by part.

use placet::engine::query::{Names, Owner, Query};
use placet::policy::condition::{Condition, Node};
use placet::policy::grant::{Held, Scope, Selection};
use placet::policy::{Policy, Selector};
use placet::vocab::value::Object;

/// Takes parts away as long as the failure stays.
pub(crate) fn shrink(
    policy: Policy,
    query: Query<'static>,
    fails: &dyn Fn(&Policy, &Query<'static>) -> bool,
) -> (Policy, Query<'static>) {
    let (mut policy, mut query) = (policy, query);
    for _ in 0..8 {
        let mut smaller = false;
        let mut at = 0;
        while let Some(candidate) = smaller_policy(&policy, at) {
            if fails(&candidate, &query) {
                policy = candidate;
                smaller = true;
            } else {
                at += 1;
            }
        }
        for step in QUERY_STEPS {
            let mut candidate = query.clone();
            step(&mut candidate);
            if format!("{candidate:?}") != format!("{query:?}") && fails(&policy, &candidate) {
                query = candidate;
                smaller = true;
            }
        }
        query.resource.attributes = without_entries(&query.resource.attributes, &|attributes| {
            let mut candidate = query.clone();
            candidate.resource.attributes = attributes;
            fails(&policy, &candidate)
        });
        query.changes = without_entries(&query.changes, &|changes| {
            let mut candidate = query.clone();
            candidate.changes = changes;
            fails(&policy, &candidate)
        });
        if !smaller {
            break;
        }
    }
    (policy, query)
}

fn without_entries(object: &Object<'static>, fails: &dyn Fn(Object<'static>) -> bool) -> Object<'static> {
    let mut kept: Vec<_> = object
        .iter()
        .map(|(name, value)| (name.to_owned().into(), value.clone()))
        .collect();
    let mut at = 0;
    while at < kept.len() {
        let mut candidate = kept.clone();
        candidate.remove(at);
        if fails(Object::new(candidate.clone())) {
            kept = candidate;
        } else {
            at += 1;
        }
    }
    Object::new(kept)
}

type QueryStep = fn(&mut Query<'static>);

const QUERY_STEPS: &[QueryStep] = &[
    |query| query.subject.roles = Names::new(),
    |query| query.subject.groups = Names::new(),
    |query| query.subject.attributes = Object::default(),
    |query| query.subject.id = "",
    |query| query.resource.attributes = Object::default(),
    |query| query.resource.local_roles.clear(),
    |query| query.resource.ancestors.clear(),
    |query| query.resource.owner = Owner::default(),
    |query| query.resource.state = "",
    |query| query.resource.id = "",
    |query| query.resource.any_item = false,
    |query| query.resource.block_inheritance = false,
    |query| query.resource.content_digest = "",
    |query| query.context.attributes = Object::default(),
    |query| query.context.approvals.clear(),
    |query| query.context.approvals.truncate(1),
    |query| query.context.explanation = "",
    |query| query.context.ip = "",
    |query| query.changes = Object::default(),
    |query| query.fields = Names::new(),
    |query| query.fields = query.fields.iter().take(1).copied().collect(),
    |query| query.fields = query.fields.iter().skip(1).copied().collect(),
    |query| query.filter_fields = Names::new(),
    |query| query.to_state = "",
];

/// Returns the policy with one thing less; `None` when there are no more things to try.
fn smaller_policy(policy: &Policy, at: usize) -> Option<Policy> {
    let mut policy = policy.clone();
    let mut left = at;
    let mut done = false;
    remove(&mut policy.grants, &mut left, &mut done);
    remove(&mut policy.constraints, &mut left, &mut done);
    let mut documents: Vec<_> = policy.document_grants.iter().collect();
    remove(&mut documents, &mut left, &mut done);
    policy.document_grants = documents.into_iter().collect();
    remove(&mut policy.users, &mut left, &mut done);
    remove(&mut policy.groups, &mut left, &mut done);
    remove(&mut policy.workflows, &mut left, &mut done);
    remove(&mut policy.collections, &mut left, &mut done);
    remove(&mut policy.roles, &mut left, &mut done);
    remove(&mut policy.actions, &mut left, &mut done);
    for role in &mut policy.roles {
        remove(&mut role.inherits, &mut left, &mut done);
        drop_some(&mut role.networks, &mut left, &mut done);
    }
    for group in &mut policy.groups {
        remove(&mut group.roles, &mut left, &mut done);
        remove(&mut group.context, &mut left, &mut done);
    }
    for collection in &mut policy.collections {
        drop_some(&mut collection.workflow, &mut left, &mut done);
        drop_some(&mut collection.state_field, &mut left, &mut done);
        drop_some(&mut collection.owner, &mut left, &mut done);
        remove(&mut collection.fields, &mut left, &mut done);
        drop_some(&mut collection.initial_state, &mut left, &mut done);
    }
    for workflow in &mut policy.workflows {
        remove(&mut workflow.transitions, &mut left, &mut done);
        for state in &mut workflow.states {
            remove(&mut state.transitions, &mut left, &mut done);
        }
        for transition in &mut workflow.transitions {
            remove(&mut transition.actions, &mut left, &mut done);
            remove(&mut transition.approvals, &mut left, &mut done);
            drop_some(&mut transition.from, &mut left, &mut done);
            drop_some(&mut transition.when, &mut left, &mut done);
            drop_some(&mut transition.opens, &mut left, &mut done);
            drop_some(&mut transition.closes, &mut left, &mut done);
            condition(&mut transition.when, &mut left, &mut done);
        }
    }
    for grant in &mut policy.grants {
        selection(&mut grant.selection, &mut left, &mut done);
        drop_some(&mut grant.validate, &mut left, &mut done);
        drop_some(&mut grant.networks, &mut left, &mut done);
        condition(&mut grant.validate, &mut left, &mut done);
        selector(&mut grant.fields, &mut left, &mut done);
        flag(&mut grant.explain, &mut left, &mut done);
    }
    for constraint in &mut policy.constraints {
        selection(&mut constraint.selection, &mut left, &mut done);
        drop_some(&mut constraint.require, &mut left, &mut done);
        drop_some(&mut constraint.submitted, &mut left, &mut done);
        drop_some(&mut constraint.networks, &mut left, &mut done);
        remove(&mut constraint.presets, &mut left, &mut done);
        condition(&mut constraint.require, &mut left, &mut done);
        condition(&mut constraint.submitted, &mut left, &mut done);
    }
    flag(&mut policy.settings.absent_is_null, &mut left, &mut done);
    drop_some(&mut policy.settings.anonymous_id, &mut left, &mut done);
    done.then_some(policy)
}

fn turn(left: &mut usize, done: &mut bool) -> bool {
    if *done {
        return false;
    }
    if *left == 0 {
        *done = true;
        return true;
    }
    *left -= 1;
    false
}

fn remove<T>(all: &mut Vec<T>, left: &mut usize, done: &mut bool) {
    if *done {
        return;
    }
    if *left < all.len() {
        all.remove(*left);
        *done = true;
    } else {
        *left -= all.len();
    }
}

fn drop_some<T>(part: &mut Option<T>, left: &mut usize, done: &mut bool) {
    if part.is_some() && turn(left, done) {
        *part = None;
    }
}

fn flag(part: &mut bool, left: &mut usize, done: &mut bool) {
    if *part && turn(left, done) {
        *part = false;
    }
}

fn selector(part: &mut Selector, left: &mut usize, done: &mut bool) {
    if *part != Selector::Any && turn(left, done) {
        *part = Selector::Any;
    }
    if let Selector::Only(names) | Selector::Except(names) = part
        && names.len() > 1
    {
        remove(names, left, done);
    }
}

fn selection(part: &mut Selection, left: &mut usize, done: &mut bool) {
    drop_some(&mut part.when, left, done);
    drop_some(&mut part.to_states, left, done);
    selector(&mut part.states, left, done);
    selector(&mut part.actions, left, done);
    selector(&mut part.collections, left, done);
    if let Selector::Only(names) | Selector::Except(names) = &mut part.roles
        && names.len() > 1
    {
        remove(names, left, done);
    }
    if part.scope != Scope::Any && turn(left, done) {
        part.scope = Scope::Any;
    }
    if part.held != Held::Anywhere && turn(left, done) {
        part.held = Held::Anywhere;
    }
    condition(&mut part.when, left, done);
}

fn condition(part: &mut Option<Condition>, left: &mut usize, done: &mut bool) {
    if let Some(part) = part {
        inner(part, left, done);
    }
}

fn inner(part: &mut Condition, left: &mut usize, done: &mut bool) {
    match &mut part.node {
        Node::All(parts) | Node::Any(parts) => {
            if parts.len() > 1 {
                remove(parts, left, done);
            } else if turn(left, done) {
                let only = parts.remove(0);
                *part = only;
                return;
            }
            if let Node::All(parts) | Node::Any(parts) = &mut part.node {
                parts.iter_mut().for_each(|part| inner(part, left, done));
            }
        }
        Node::Not(only) => {
            if turn(left, done) {
                let only = (**only).clone();
                *part = only;
                return;
            }
            inner(only, left, done);
        }
        Node::Coded(coded) => inner(&mut coded.condition, left, done),
        Node::Related(related) => inner(&mut related.condition, left, done),
        Node::Neutral | Node::Leaf(_) => {}
    }
}
