//! Approvals: step eight of a decision. So many distinct people, none of whom is the author.

use thin_vec::ThinVec;

use crate::model::Model;
use crate::model::workflow::{ApprovalRule, Transition};

use super::decision::ApprovalCount;
use super::facts::Facts;
use super::query::{Approval, Query, QueryError};
use super::role::roles_of_other;

/// Counts the approvals of a transition: each person serves one rule, so that as many rules as possible are served.
pub(super) fn count(facts: &Facts<'_>, transition: &Transition) -> ThinVec<ApprovalCount> {
    if transition.approvals.is_empty() {
        return ThinVec::new();
    }
    let people = approvers(facts, transition);
    let places = seat(&people, transition);
    tally(&places, transition)
}

/// How far the approvals of a transition have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The count of each rule.
    pub counts: ThinVec<ApprovalCount>,
    /// Whose approvals count, in the order of the request.
    pub approved_by: Vec<String>,
}

/// Tells how far the approvals of a transition have come, whatever else it lacks.
///
/// # Errors
///
/// A [`QueryError`] if the question cannot be meant.
pub fn progress(model: &Model, query: &Query<'_>, transition: &Transition) -> Result<Progress, QueryError> {
    let facts = Facts::bind(model, query)?;
    let people = approvers(&facts, transition);
    let places = seat(&people, transition);
    let is_seated = |index: usize| places.iter().any(|(_, taken)| *taken == Some(index));
    let seated = people.iter().enumerate().filter(|(index, _)| is_seated(*index));
    Ok(Progress {
        counts: tally(&places, transition),
        approved_by: seated.map(|(_, approver)| approver.id.to_owned()).collect(),
    })
}

/// One place for each person that a rule needs, and who has taken it; an approver takes at most one place.
type Places = Vec<(usize, Option<usize>)>;

fn seat(approvers: &[Approver<'_>], transition: &Transition) -> Places {
    let mut places = Places::new();
    for (rule, each) in transition.approvals.iter().enumerate() {
        // More places than approvers can never be taken.
        let wanted = usize::try_from(each.count)
            .unwrap_or(usize::MAX)
            .min(approvers.len());
        places.extend(std::iter::repeat_n((rule, None), wanted));
    }
    for place in 0..places.len() {
        let mut tried = vec![false; approvers.len()];
        take(place, approvers, &mut places, &mut tried);
    }
    places
}

fn tally(places: &Places, transition: &Transition) -> ThinVec<ApprovalCount> {
    let count = |(rule, each): (usize, &ApprovalRule)| {
        let given = places
            .iter()
            .filter(|(of, taken)| *of == rule && taken.is_some())
            .count();
        ApprovalCount {
            rule,
            needed: each.count,
            given: u32::try_from(given).unwrap_or(u32::MAX),
        }
    };
    transition.approvals.iter().enumerate().map(count).collect()
}

/// A person, and the rules that he may serve.
struct Approver<'q> {
    id: &'q str,
    serves: Vec<bool>,
}

fn approvers<'q>(facts: &Facts<'q>, transition: &Transition) -> Vec<Approver<'q>> {
    let mut people: Vec<Approver<'q>> = Vec::new();
    for approval in &facts.query.context.approvals {
        let id = approval.subject_id;
        if id.is_empty() || id == facts.owner || approval.transition != transition.name.as_ref() {
            continue;
        }
        let rules = transition.approvals.iter();
        let serves: Vec<bool> = rules
            .map(|rule| serves(facts.model, rule, approval, facts))
            .collect();
        match people.iter_mut().find(|approver| approver.id == id) {
            // The same person again: what he may serve adds up, he does not.
            Some(approver) => {
                approver
                    .serves
                    .iter_mut()
                    .zip(serves)
                    .for_each(|(serves, more)| *serves |= more);
            }
            None => people.push(Approver { id, serves }),
        }
    }
    people
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
    approvers: &[Approver<'_>],
    places: &mut [(usize, Option<usize>)],
    tried: &mut [bool],
) -> bool {
    let Some((rule, _)) = places.get(place).copied() else {
        return false;
    };
    for (index, approver) in approvers.iter().enumerate() {
        let serves = approver.serves.get(rule).copied().unwrap_or(false);
        if !serves
            || tried
                .get_mut(index)
                .is_none_or(|tried| std::mem::replace(tried, true))
        {
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
