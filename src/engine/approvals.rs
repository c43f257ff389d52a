//! Approvals: step eight of a decision. So many distinct people, none of whom is the author.

use crate::model::Model;
use crate::model::workflow::{ApprovalRule, Transition};

use super::decision::ApprovalCount;
use super::facts::Facts;
use super::query::Approval;
use super::role::roles_of_other;

/// Counts the approvals of a transition: each person serves one rule, so that as many rules as possible are served.
pub(super) fn count(facts: &Facts<'_>, transition: &Transition) -> Vec<ApprovalCount> {
    if transition.approvals.is_empty() {
        return Vec::new();
    }
    let approvers = approvers(facts, transition);
    // One place for each person that a rule needs; an approver takes at most one place.
    let mut places: Vec<(usize, Option<usize>)> = Vec::new();
    for (rule, each) in transition.approvals.iter().enumerate() {
        // More places than approvers can never be taken.
        let wanted = usize::try_from(each.count)
            .unwrap_or(usize::MAX)
            .min(approvers.len());
        places.extend(std::iter::repeat_n((rule, None), wanted));
    }
    for place in 0..places.len() {
        let mut tried = vec![false; approvers.len()];
        take(place, &approvers, &mut places, &mut tried);
    }
    transition
        .approvals
        .iter()
        .enumerate()
        .map(|(rule, each)| {
            let given = places
                .iter()
                .filter(|(of, taken)| *of == rule && taken.is_some())
                .count();
            ApprovalCount {
                rule,
                needed: each.count,
                given: u32::try_from(given).unwrap_or(u32::MAX),
            }
        })
        .collect()
}

/// A person, and the rules that he may serve.
struct Approver {
    serves: Vec<bool>,
}

fn approvers(facts: &Facts<'_>, transition: &Transition) -> Vec<Approver> {
    let mut people: Vec<(&str, Approver)> = Vec::new();
    for approval in &facts.query.context.approvals {
        let id = approval.subject_id;
        if id.is_empty() || id == facts.owner || approval.transition != transition.name.as_ref() {
            continue;
        }
        let serves: Vec<bool> = transition
            .approvals
            .iter()
            .map(|rule| serves(facts.model, rule, approval, facts))
            .collect();
        match people.iter_mut().find(|(other, _)| *other == id) {
            // The same person again: what he may serve adds up, he does not.
            Some((_, approver)) => {
                approver
                    .serves
                    .iter_mut()
                    .zip(serves)
                    .for_each(|(serves, more)| *serves |= more);
            }
            None => people.push((id, Approver { serves })),
        }
    }
    people.into_iter().map(|(_, approver)| approver).collect()
}

fn serves(model: &Model, rule: &ApprovalRule, approval: &Approval<'_>, facts: &Facts<'_>) -> bool {
    let digest = facts.query.resource.content_digest;
    if rule.content_bound && (digest.is_empty() || digest != approval.content_digest) {
        return false;
    }
    if !rule.users.is_empty() && !rule.users.iter().any(|user| user.as_ref() == approval.subject_id) {
        return false;
    }
    rule.roles
        .as_ref()
        .is_none_or(|roles| roles_of_other(model, approval.subject_id, &approval.roles).intersects(roles))
}

/// Gives a place to somebody, moving others to other places if need be.
fn take(
    place: usize,
    approvers: &[Approver],
    places: &mut [(usize, Option<usize>)],
    tried: &mut [bool],
) -> bool {
    let Some((rule, _)) = places.get(place).copied() else {
        return false;
    };
    for (index, approver) in approvers.iter().enumerate() {
        let is_new = tried
            .get_mut(index)
            .is_some_and(|tried| !std::mem::replace(tried, true));
        if !is_new || !approver.serves.get(rule).copied().unwrap_or(false) {
            continue;
        }
        let other = places.iter().position(|(_, taken)| *taken == Some(index));
        if other.is_none_or(|other| take(other, approvers, places, tried)) {
            if let Some(slot) = places.get_mut(place) {
                slot.1 = Some(index);
            }
            return true;
        }
    }
    false
}
