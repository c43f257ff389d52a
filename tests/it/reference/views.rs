//! The other questions, in terms of the one.

use placet::engine::query::Query;
use placet::policy::Policy;

use super::bind::{self, State};
use super::{Malformed, Outcome, check, decide, intern};

/// Lists the transitions open to the subject, in the order of the state.
pub(crate) fn transitions(policy: &Policy, query: &Query<'static>) -> Result<Vec<String>, Malformed> {
    let mut question = query.clone();
    question.to_state = "";
    question.action = "update";
    let facts = bind::bind(policy, &question)?;
    let (Some(workflow), State::Named(name)) = (facts.workflow, &facts.state) else {
        return Ok(Vec::new());
    };
    let mut found: Vec<String> = Vec::new();
    let state = workflow.states.iter().find(|state| state.id.value == *name);
    for id in state
        .map(|state| state.transitions.as_slice())
        .unwrap_or_default()
    {
        let Some(transition) = workflow.transitions.iter().find(|each| each.id.value == id.value) else {
            continue;
        };
        let mut question = question.clone();
        question.action = "";
        question.transition = intern(&transition.id.value);
        let listed = transition.listed && !found.contains(&id.value);
        if listed && check(policy, &question)?.is_allow() {
            found.push(id.value.clone());
        }
    }
    Ok(found)
}

/// Answers for every known action.
pub(crate) fn actions(policy: &Policy, query: &Query<'static>) -> Vec<(String, Result<Outcome, Malformed>)> {
    decide::known_actions(policy)
        .into_iter()
        .map(|action| {
            let mut question = query.clone();
            question.action = intern(&action);
            question.transition = "";
            let outcome = check(policy, &question);
            (action, outcome)
        })
        .collect()
}
