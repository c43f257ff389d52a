//! What is missing for an allow, against trying everything.

use placet::engine::check::check;
use placet::engine::decision::{Decision, Fact};
use placet::engine::missing::{Trials, missing};
use placet::engine::query::{Query, Resource};
use placet::engine::role;
use placet::engine::validity::valid_until;
use placet::model::Model;
use placet::model::id::RoleId;
use placet::model::role::RoleKind;
use placet::vocab::limits::{MISSING_ALTERNATIVES_MAX, MISSING_REQUEST_TRIALS_MAX, MISSING_TRIALS_MAX};
use serde_json::json;

use crate::agreement::{each, granted};
use crate::ask;
use crate::native::policy_of;
use crate::properties::model;

/// Every fact that may be granted, attributes aside: any role that can be claimed, an explanation, approvals, a state, and
/// waiting for the moment at which the answer changes.
fn facts<'q>(model: &'q Model, query: &Query<'q>, decision: &Decision<'q>) -> Vec<Fact<'q>> {
    let mut facts = Vec::new();
    if query.context.explanation.trim().is_empty() {
        facts.push(Fact::Explanation);
    }
    let lacking = decision.approvals.iter().filter(|each| each.given < each.needed);
    facts.extend(lacking.map(|each| Fact::Approvals {
        rule: each.rule,
        count: each.needed - each.given,
    }));
    facts.extend(valid_until(model, query, decision).map(Fact::Time));
    let roles = (0..model.roles.rows.len()).map(RoleId::new);
    let can_be_claimed = |role: &RoleId| {
        model
            .roles
            .row(*role)
            .is_some_and(|row| row.kind == RoleKind::Role)
    };
    // Who holds a role on the whole site does not lack it, even if naming it would make it the first one.
    let mut elsewhere = query.clone();
    elsewhere.resource = Resource {
        collection: query.resource.collection,
        ..Resource::default()
    };
    let held = role::list(model, &elsewhere).unwrap_or_default();
    let is_held = |role: &RoleId| held.iter().any(|each| each.role == *role && !each.is_outside);
    facts.extend(
        roles
            .filter(can_be_claimed)
            .filter(|role| !is_held(role))
            .filter(|role| !model.roles.administrators.contains(role.index()))
            .map(Fact::Role),
    );
    let collection = model
        .collection_names
        .find(query.resource.collection)
        .map(|index| &model.collections[index]);
    if let Some(workflow) = collection.and_then(|collection| collection.workflow) {
        let states = &model.workflow(workflow).unwrap().states;
        facts.extend(
            states
                .iter()
                .map(|state| Fact::State(model.state_names.name(state.id.index()))),
        );
    }
    facts
}

fn helps<'q>(model: &'q Model, query: &Query<'q>, decision: &Decision<'q>, facts: &[Fact<'q>]) -> bool {
    granted(model, query, decision, facts)
        .is_some_and(|with| check(model, &with).is_ok_and(|decision| decision.is_allow()))
}

/// The size of the smallest set that helps, up to two facts.
fn smallest<'q>(
    model: &'q Model,
    query: &Query<'q>,
    decision: &Decision<'q>,
) -> Option<(usize, Vec<Fact<'q>>)> {
    let facts = facts(model, query, decision);
    for fact in &facts {
        let set = vec![fact.clone()];
        if helps(model, query, decision, &set) {
            return Some((1, set));
        }
    }
    for (at, first) in facts.iter().enumerate() {
        for second in &facts[at + 1..] {
            if matches!((first, second), (Fact::State(_), Fact::State(_))) {
                continue;
            }
            let set = vec![first.clone(), second.clone()];
            if helps(model, query, decision, &set) {
                return Some((2, set));
            }
        }
    }
    None
}

#[test]
fn no_smaller_set_of_facts_was_overlooked() {
    let (found, pairs) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    each(|_, model, query| {
        let Ok(decision) = check(model, query) else { return };
        if decision.is_allow() {
            return;
        }
        let told = missing(model, query, &decision, &mut Trials::of_request());
        assert!(told.len() <= MISSING_ALTERNATIVES_MAX);
        let Some((size, set)) = smallest(model, query, &decision) else {
            return;
        };
        found.set(found.get() + 1);
        pairs.set(pairs.get() + usize::from(size == 2));
        let least = told.iter().map(|way| way.facts.len()).min();
        assert!(
            least.is_some_and(|least| least <= size),
            "{set:?} helps, but {told:?} is told: {query:?}\n{decision:?}"
        );
        if size == 1 {
            // Of single facts, each is told, or another one that it brings.
            let count = told.iter().filter(|way| way.facts.len() == 1).count();
            assert!(count >= 1);
        }
    });
    assert!(found.get() > 30, "only {} sets were found", found.get());
    assert!(pairs.get() > 3, "only {} pairs were found", pairs.get());
}

#[test]
fn the_answers_of_a_request_share_what_they_may_try() {
    let roles: Vec<_> = (0..400)
        .map(|number| json!({"id": format!("role{number}")}))
        .collect();
    let names: Vec<_> = (0..400).map(|number| format!("role{number}")).collect();
    let policy = policy_of(&[
        ("roles.json", json!({"roles": roles})),
        (
            "grants.json",
            json!({"grants": [{"roles": names, "collections": ["notes"], "actions": ["read"]}]}),
        ),
    ]);
    let model = model(&policy).unwrap();
    let question = json!({"resource": {"collection": "notes"}, "action": "read"});
    let query = ask::query(&question);
    let decision = check(&model, &query).unwrap();
    assert!(missing(&model, &query, &decision, &mut Trials::none()).is_empty());
    let mut budget = Trials::of_request();
    let answers = MISSING_REQUEST_TRIALS_MAX / MISSING_TRIALS_MAX;
    for _ in 0..answers {
        let told = missing(&model, &query, &decision, &mut budget);
        assert_eq!(told.len(), MISSING_ALTERNATIVES_MAX);
    }
    assert!(missing(&model, &query, &decision, &mut budget).is_empty());
}
