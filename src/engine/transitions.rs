//! Which transitions are open from a state, or in which states an item may be created.

use crate::model::Model;
use crate::model::id::{StateId, TransitionId};
use crate::model::workflow::Target;
use crate::vocab::effect::{Operation, Reason};

use super::check::{Question, allows_anything, judge};
use super::decision::Decision;
use super::facts::{Facts, State};
use super::query::{Query, QueryError};
use super::trace::NoTrace;

/// A transition that a state offers, or a state in which an item might be created.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered<'q> {
    /// The transition; `None` for the creation in a state.
    pub transition: Option<TransitionId>,
    /// The state afterwards; `None` if only the CMS knows.
    pub target: Option<&'q str>,
    /// Whether lists name it.
    pub listed: bool,
    /// Whether it is allowed.
    pub decision: Decision<'q>,
}

/// Judges what the item's state offers, in its order and each once. Without a state: in which states an item may be created,
/// the initial one first.
///
/// # Errors
///
/// See [`super::check::check`].
pub fn list<'q>(model: &'q Model, query: &'q Query<'q>) -> Result<Vec<Offered<'q>>, QueryError> {
    let mut facts = Facts::bind(model, query)?;
    let Some(workflow) = facts.workflow else {
        return Ok(Vec::new());
    };
    let state = match facts.state_of_stored()? {
        State::Named(_, Some(id)) => id,
        State::Named(_, None) | State::None => return Ok(Vec::new()),
        State::Open => return creations(&mut facts),
    };
    let offers = workflow.state(state).map_or(&[][..], |state| &state.offers);
    offers
        .iter()
        .filter_map(|id| Some((*id, model.transition(*id)?)))
        .map(|(id, transition)| {
            let question = Question {
                action: "",
                transition: transition.name.as_ref(),
                fields: &[],
                filter_fields: &[],
            };
            let decision = judge(&facts, &question, &mut NoTrace)?;
            let target = match &transition.to {
                Target::State(to) => Some(*to),
                Target::Map(pairs) => pairs.iter().find(|(from, _)| *from == state).map(|(_, to)| *to),
                Target::Unknown => None,
            };
            let target = target.map(|id| model.state_names.name(id.index()));
            Ok(Offered {
                transition: Some(id),
                target,
                listed: transition.listed,
                decision,
            })
        })
        .collect()
}

/// Tells why no transition could be listed, whatever the subject may do: the reason of every check of one. `None` where the
/// state is a known one, or states in which an item might be created.
///
/// # Errors
///
/// See [`super::check::check`].
pub fn find_obstacle(model: &Model, query: &Query<'_>) -> Result<Option<Reason>, QueryError> {
    let facts = Facts::bind(model, query)?;
    let state = facts.state_of_stored()?;
    if facts.collection.is_none() {
        return Ok((!allows_anything(&facts)).then_some(Reason::UnknownCollection));
    }
    if facts.workflow.is_none() {
        return Ok(Some(Reason::UnknownTransition));
    }
    let creates = || {
        model
            .actions
            .iter()
            .any(|action| action.on_item() == Operation::Create)
    };
    Ok(match state {
        State::Named(_, Some(id)) => {
            let is_known = facts
                .workflow
                .is_some_and(|workflow| workflow.state(id).is_some());
            (!is_known).then_some(Reason::NotOffered)
        }
        State::Named(_, None) | State::None => Some(Reason::NotOffered),
        State::Open => (!creates()).then_some(Reason::UnknownAction),
    })
}

/// Judges the creation of an item in each state.
fn creations<'q>(facts: &mut Facts<'q>) -> Result<Vec<Offered<'q>>, QueryError> {
    let model = facts.model;
    let initial = facts.collection.and_then(|collection| collection.initial_state);
    let states = facts
        .workflow
        .map_or(&[][..], |workflow| &workflow.states)
        .iter()
        .map(|state| state.id);
    let others = states.filter(|state| Some(*state) != initial);
    let states: Vec<StateId> = initial.into_iter().chain(others).collect();
    let actions: Vec<&'q str> = model
        .actions
        .iter()
        .enumerate()
        .filter(|(_, action)| action.on_item() == Operation::Create)
        .map(|(index, _)| model.action_names.name(index))
        .collect();
    let mut offered = Vec::with_capacity(states.len());
    for state in states {
        facts.assume(state);
        let mut best: Option<Decision<'q>> = None;
        for action in &actions {
            let question = Question {
                action,
                transition: "",
                fields: &[],
                filter_fields: &[],
            };
            let decision = judge(facts, &question, &mut NoTrace)?;
            if best.as_ref().is_none_or(|best| !best.is_allow()) {
                best = Some(decision);
            }
        }
        let target = Some(model.state_names.name(state.index()));
        offered.extend(best.map(|decision| Offered {
            transition: None,
            target,
            listed: true,
            decision,
        }));
    }
    Ok(offered)
}
