//! Transitions that nobody can ever take, because no allow can ever grant what they ask.

use rustc_hash::FxHashMap;

use crate::policy::Selector;
use crate::policy::grant::{Grant, TargetStates};
use crate::policy::role::{Administrator, Role};
use crate::policy::workflow::{Target, Transition};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::vocab::effect::Effect;
use crate::vocab::limits::TAKEABLE_TRIALS_MAX;

use super::flow::Flow;
use super::names::Names;
use super::report::Report;

/// An action that a transition asks for in a state, as long as no allow is known to grant it.
struct Need<'p> {
    transition: usize,
    /// The state that offers it.
    state: usize,
    /// The state afterwards; `None` if only the CMS knows.
    target: Option<&'p str>,
}

/// The needs of one workflow, by action.
type FlowNeeds<'p> = FxHashMap<&'p str, Vec<Need<'p>>>;

/// Warns of transitions that no allow is for.
///
/// An administrator may take anything, so there is nothing to find in a policy that has some.
pub(super) fn validate_transitions(names: &Names<'_>, report: &mut Report<'_>) {
    let policy = names.policy;
    let is_ordinary = |role: &Role| role.administrator == Administrator::No;
    if !policy.roles.iter().all(is_ordinary) {
        return;
    }
    let mut needs: Vec<FlowNeeds<'_>> = names.flows.iter().map(collect_needs).collect();
    let mut trials = 0;
    for grant in &policy.grants {
        if grant.effect == Effect::Allow && grant.broken.is_none() {
            trials += meet(names, grant, &mut needs);
        }
        // Giving up costs a warning, and going on might cost the start.
        if trials > TAKEABLE_TRIALS_MAX {
            return;
        }
    }
    for kind in policy.document_grants.kinds() {
        if kind.descendants() {
            // What lies below may be of any collection.
            needs.iter_mut().for_each(|needs| {
                kind.actions().for_each(|action| drop(needs.remove(action.name)));
            });
            continue;
        }
        let place = names
            .find_place(kind.collection().name)
            .and_then(|place| names.places.get(place));
        if let Some(needs) = place.and_then(|place| needs.get_mut(place.flow?)) {
            kind.actions().for_each(|action| drop(needs.remove(action.name)));
        }
    }
    for (flow, needs) in names.flows.iter().zip(&needs) {
        report_needs(flow, needs, report);
    }
}

/// Collects what the transitions of a workflow ask for, if it is in use.
fn collect_needs<'p>(flow: &Flow<'p>) -> FlowNeeds<'p> {
    let mut needs = FlowNeeds::default();
    let states = if flow.places.is_empty() {
        &[][..]
    } else {
        flow.workflow.states.as_slice()
    };
    for (state, source) in states.iter().enumerate() {
        for name in &source.transitions {
            let number = flow.transitions.get(name.value.as_str()).copied();
            let found = number.and_then(|number| Some((number, flow.workflow.transitions.get(number)?)));
            let Some((number, transition)) = found else {
                continue;
            };
            // What cannot start here, or leads nowhere from here, is another complaint.
            let starts = transition
                .from
                .as_ref()
                .is_none_or(|from| from.selects(&source.id.value));
            let Some(target) = find_target(transition, &source.id.value).filter(|_| starts) else {
                continue;
            };
            for action in &transition.actions {
                let need = Need {
                    transition: number,
                    state,
                    target,
                };
                needs.entry(&action.value).or_default().push(need);
            }
        }
    }
    needs
}

/// Returns the state that the transition leads to, `Some(None)` if only the CMS knows it.
fn find_target<'p>(transition: &'p Transition, source: &str) -> Option<Option<&'p str>> {
    match &transition.to {
        Target::State(target) => Some(Some(&target.value)),
        Target::Map(pairs) => {
            let pair = pairs.iter().find(|(from, _)| from.value == source);
            pair.map(|(_, to)| Some(to.value.as_str()))
        }
        Target::Unknown => Some(None),
    }
}

/// Takes away the needs that an allow meets, and returns how many were looked at.
fn meet(names: &Names<'_>, grant: &Grant, needs: &mut [FlowNeeds<'_>]) -> usize {
    let selection = &grant.selection;
    let mut trials = 0;
    for index in find_flows(names, &selection.collections) {
        let (Some(flow), Some(needs)) = (names.flows.get(index), needs.get_mut(index)) else {
            continue;
        };
        if needs.is_empty() {
            continue;
        }
        let mut meet_action = |open: &mut Vec<Need<'_>>| {
            trials += open.len();
            open.retain(|need| !is_for(grant, flow, need));
        };
        match &selection.actions {
            Selector::Any => needs.values_mut().for_each(meet_action),
            Selector::Only(actions) => actions.iter().for_each(|action| {
                if let Some(open) = needs.get_mut(action.value.as_str()) {
                    meet_action(open);
                }
            }),
            Selector::Except(_) => {
                let selected = needs
                    .iter_mut()
                    .filter(|(action, _)| selection.actions.selects(action));
                selected.for_each(|(_, open)| meet_action(open));
            }
        }
        needs.retain(|_, open| !open.is_empty());
    }
    trials
}

/// Returns the workflows of the collections that a selector is for, each once; exceptions are not looked at.
fn find_flows(names: &Names<'_>, collections: &Selector) -> Vec<usize> {
    match collections {
        Selector::Any | Selector::Except(_) => names.everywhere.flows.clone(),
        Selector::Only(named) => {
            let places = named
                .iter()
                .filter_map(|name| names.places.get(names.find_place(&name.value)?));
            let mut flows: Vec<usize> = places.filter_map(|place| place.flow).collect();
            flows.sort_unstable();
            flows.dedup();
            flows
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
fn report_needs(flow: &Flow<'_>, needs: &FlowNeeds<'_>, report: &mut Report<'_>) {
    let mut lacking: FxHashMap<usize, FxHashMap<usize, &str>> = FxHashMap::default();
    for (action, need) in needs
        .iter()
        .flat_map(|(action, open)| open.iter().map(|need| (*action, need)))
    {
        let states = lacking.entry(need.transition).or_default();
        let named = states.entry(need.state).or_insert(action);
        *named = action.min(*named);
    }
    for (number, transition) in flow.workflow.transitions.iter().enumerate() {
        if let Some(states) = lacking.get(&number) {
            report_transition(flow, number, transition, states, report);
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
