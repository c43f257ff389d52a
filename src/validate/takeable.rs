//! Transitions that nobody can ever take, because no allow can ever grant what they ask.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::policy::Selector;
use crate::policy::grant::{Grant, TargetStates};
use crate::policy::role::Administrator;
use crate::policy::workflow::{Target, Transition};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::vocab::effect::Effect;
use crate::vocab::limits::TAKEABLE_TRIALS_MAX;

use super::names::{Flow, Names};
use super::report::Report;

/// An action that a transition asks for in a state, as long as no allow is known to grant it.
struct Need<'p> {
    flow: usize,
    transition: usize,
    /// The place of the state among those that the transition is offered in.
    state: usize,
    /// The state afterwards; `None` if only the CMS knows.
    target: Option<&'p str>,
}

/// Warns of transitions that no allow is for.
///
/// An administrator may take anything, so there is nothing to find in a policy that has some.
pub(super) fn validate_transitions(names: &Names<'_>, report: &mut Report<'_>) {
    let policy = names.policy;
    if policy
        .roles
        .iter()
        .any(|role| role.administrator != Administrator::No)
    {
        return;
    }
    let mut needs = collect_needs(names);
    let mut trials_left = TAKEABLE_TRIALS_MAX;
    for grant in policy
        .grants
        .iter()
        .filter(|grant| grant.effect == Effect::Allow && grant.broken.is_none())
    {
        if needs.is_empty() {
            return;
        }
        let Some(left) = meet(names, grant, &mut needs, trials_left) else {
            return;
        };
        trials_left = left;
    }
    for grant in &policy.document_grants {
        let flow = names
            .find_place(&grant.collection.value)
            .and_then(|place| names.places.get(place)?.flow);
        for action in &grant.actions {
            if let Some(needs) = needs.get_mut(action.value.as_str()) {
                needs.retain(|need| Some(need.flow) != flow);
            }
        }
    }
    report_needs(names, &needs, report);
}

/// Collects what the transitions of workflows in use ask for, by action.
fn collect_needs<'p>(names: &Names<'p>) -> FxHashMap<&'p str, Vec<Need<'p>>> {
    let mut needs: FxHashMap<&str, Vec<Need<'_>>> = FxHashMap::default();
    for (index, flow) in names
        .flows
        .iter()
        .enumerate()
        .filter(|(_, flow)| !flow.places.is_empty())
    {
        for (state, source) in flow.workflow.states.iter().enumerate() {
            for name in &source.transitions {
                let number = flow.transitions.get(name.value.as_str()).copied();
                let Some((number, transition)) =
                    number.and_then(|number| Some((number, flow.workflow.transitions.get(number)?)))
                else {
                    continue;
                };
                let target = find_target(transition, &source.id.value);
                for action in &transition.actions {
                    let need = Need {
                        flow: index,
                        transition: number,
                        state,
                        target,
                    };
                    needs.entry(&action.value).or_default().push(need);
                }
            }
        }
    }
    needs
}

fn find_target<'p>(transition: &'p Transition, source: &str) -> Option<&'p str> {
    match &transition.to {
        Target::State(target) => Some(&target.value),
        Target::Map(pairs) => pairs
            .iter()
            .find(|(from, _)| from.value == source)
            .map(|(_, to)| to.value.as_str()),
        Target::Unknown => None,
    }
}

/// Takes away the needs that an allow meets; returns how many trials are left, `None` if there are none.
fn meet(
    names: &Names<'_>,
    grant: &Grant,
    needs: &mut FxHashMap<&str, Vec<Need<'_>>>,
    mut trials_left: usize,
) -> Option<usize> {
    let selection = &grant.selection;
    let flows = find_flows(names, &selection.collections);
    let mut meet_action = |open: &mut Vec<Need<'_>>| {
        trials_left = trials_left.checked_sub(open.len())?;
        open.retain(|need| {
            let Some(flow) = names.flows.get(need.flow) else {
                return true;
            };
            let of_flow = flows.as_ref().is_none_or(|flows| flows.contains(&need.flow));
            !(of_flow && is_for(grant, flow, need))
        });
        Some(())
    };
    match &selection.actions {
        Selector::Any | Selector::Except(_) => {
            for (_, open) in needs
                .iter_mut()
                .filter(|(action, _)| selection.actions.selects(action))
            {
                meet_action(open)?;
            }
        }
        Selector::Only(actions) => {
            for action in actions {
                if let Some(open) = needs.get_mut(action.value.as_str()) {
                    meet_action(open)?;
                }
            }
        }
    }
    needs.retain(|_, open| !open.is_empty());
    Some(trials_left)
}

/// Returns the workflows of the collections that a selector is for; `None` stands for all, whatever is excepted.
fn find_flows(names: &Names<'_>, collections: &Selector) -> Option<FxHashSet<usize>> {
    match collections {
        Selector::Any | Selector::Except(_) => None,
        Selector::Only(named) => {
            let places = named
                .iter()
                .filter_map(|name| names.places.get(names.find_place(&name.value)?));
            Some(places.filter_map(|place| place.flow).collect())
        }
    }
}

fn is_for(grant: &Grant, flow: &Flow<'_>, need: &Need<'_>) -> bool {
    let Some(state) = flow.workflow.states.get(need.state) else {
        return false;
    };
    let state = state.id.value.as_str();
    grant.selection.states.selects(state)
        && grant
            .selection
            .to_states
            .as_ref()
            .is_none_or(|to_states| leads(to_states, state, need.target))
}

/// Tells whether a rule with these target states is for a move; a target that nobody knows may be any.
fn leads(to_states: &TargetStates, state: &str, target: Option<&str>) -> bool {
    let Some(target) = target else { return true };
    match &to_states.selector {
        Selector::Any => true,
        Selector::Only(_) => to_states.selector.selects(target) || (to_states.same && state == target),
        Selector::Except(_) => to_states.selector.selects(target) && !(to_states.same && state == target),
    }
}

/// Reports each offer that nobody can take, or the transition if that is true of all its offers.
fn report_needs(names: &Names<'_>, needs: &FxHashMap<&str, Vec<Need<'_>>>, report: &mut Report<'_>) {
    let mut lacking: FxHashMap<(usize, usize), FxHashMap<usize, &str>> = FxHashMap::default();
    for (action, need) in needs
        .iter()
        .flat_map(|(action, open)| open.iter().map(|need| (*action, need)))
    {
        let states = lacking.entry((need.flow, need.transition)).or_default();
        let named = states.entry(need.state).or_insert(action);
        *named = action.min(*named);
    }
    for (index, flow) in names.flows.iter().enumerate() {
        for (number, transition) in flow.workflow.transitions.iter().enumerate() {
            if let Some(states) = lacking.get(&(index, number)) {
                report_transition(flow, number, transition, states, report);
            }
        }
    }
}

fn report_transition(
    flow: &Flow<'_>,
    number: usize,
    transition: &Transition,
    lacking: &FxHashMap<usize, &str>,
    report: &mut Report<'_>,
) {
    let id = quote(&transition.id.value);
    let states = flow.workflow.states.iter().enumerate();
    let offers = states.filter_map(|(index, state)| {
        let is_this = |name: &str| flow.transitions.get(name) == Some(&number);
        state
            .transitions
            .iter()
            .find(|name| is_this(&name.value))
            .map(|name| (index, state, name))
    });
    let offers: Vec<_> = offers.collect();
    if offers.iter().all(|(index, _, _)| lacking.contains_key(index)) {
        let action = lacking.values().min().copied().unwrap_or_default();
        let message = format!(
            "nobody can take transition {id}: no allow grants {} where it is offered",
            quote(action)
        );
        report.add(Diagnostic::new(
            Code::UntakeableTransition,
            transition.id.span,
            message,
        ));
        return;
    }
    for (index, state, name) in offers {
        if let Some(action) = lacking.get(&index) {
            let state = quote(&state.id.value);
            let message = format!(
                "nobody can take transition {id} from {state}: no allow grants {} there",
                quote(action)
            );
            report.add(Diagnostic::new(Code::UntakeableTransition, name.span, message));
        }
    }
}
