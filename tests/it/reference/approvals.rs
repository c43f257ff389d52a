//! Step 8: approvals, and who they serve.

use std::collections::BTreeSet;

use placet::engine::query::Approval;
use placet::policy::workflow::{ApprovalRule, Transition};

use super::matching::Case;
use super::roles;

/// Returns how many approvals a transition needs in all, and how many it has when each person serves one rule.
pub(crate) fn count(case: &Case<'_>, transition: &Transition) -> (u32, u32) {
    let needed = transition.approvals.iter().map(|rule| rule.count).sum();
    let people: BTreeSet<&str> = case
        .query
        .context
        .approvals
        .iter()
        .map(|approval| approval.subject_id)
        .collect();
    let may: Vec<Vec<bool>> = people
        .iter()
        .map(|person| {
            transition
                .approvals
                .iter()
                .map(|rule| {
                    case.query
                        .context
                        .approvals
                        .iter()
                        .any(|each| each.subject_id == *person && serves(case, transition, rule, each))
                })
                .collect()
        })
        .collect();
    let open: Vec<u32> = transition.approvals.iter().map(|rule| rule.count).collect();
    (needed, best(&may, &open))
}

/// Tries every way to give each person one rule or none.
fn best(people: &[Vec<bool>], open: &[u32]) -> u32 {
    let Some((person, others)) = people.split_first() else {
        return 0;
    };
    let mut most = best(others, open);
    for (rule, may) in person.iter().enumerate() {
        if *may && open[rule] > 0 {
            let mut open = open.to_vec();
            open[rule] -= 1;
            most = most.max(1 + best(others, &open));
        }
    }
    most
}

fn serves(case: &Case<'_>, transition: &Transition, rule: &ApprovalRule, approval: &Approval<'_>) -> bool {
    let who = approval.subject_id;
    let digest = case.query.resource.content_digest;
    let counts = !who.is_empty() && who != case.facts.owner && approval.transition == transition.id.value;
    let bound = !rule.content_bound || (!digest.is_empty() && approval.content_digest == digest);
    let named = rule.users.is_empty() || rule.users.iter().any(|user| user.value == who);
    let held = roles::approver_closure(case.policy, who, &approval.roles);
    let in_role = rule.roles.is_empty() || rule.roles.iter().any(|role| held.contains(&role.value));
    counts && bound && named && in_role
}
