//! Workflows and their transitions.

use rustc_hash::FxHashMap;

use crate::model::bits::Bits;
use crate::model::grant::Mask;
use crate::model::id::{ActionId, CollectionId, TransitionId, WorkflowId};
use crate::model::workflow::{ApprovalRule, State, Target, Transition, Workflow};
use crate::policy::workflow as declared;
use crate::policy::{Policy, Selector};

use super::condition::{Place, compile_condition};
use super::intern::{Interner, title};

pub(super) fn compile_workflows(policy: &Policy, interner: &mut Interner<'_>) {
    for (index, workflow) in policy.workflows.iter().enumerate() {
        let id = WorkflowId::new(index);
        let place = place_of(policy, &workflow.id.value, interner);
        let mut by_name: FxHashMap<&str, TransitionId> = FxHashMap::default();
        let mut transitions = Vec::with_capacity(workflow.transitions.len());
        for transition in &workflow.transitions {
            let compiled = compile_transition(transition, id, place, interner);
            let transition_id = TransitionId::new(interner.model.transitions.len());
            interner.model.transitions.push(compiled);
            by_name.insert(&transition.id.value, transition_id);
            transitions.push(transition_id);
        }
        let states = workflow
            .states
            .iter()
            .map(|state| compile_state(state, &by_name, interner))
            .collect();
        let compiled = Workflow {
            title: title(&workflow.title),
            description: title(&workflow.description),
            initial_state: workflow
                .initial_state
                .as_ref()
                .map(|state| interner.state(&state.value)),
            closed: workflow.closed,
            states,
            transitions,
            origin: interner.origin(workflow.origin),
        };
        interner.model.workflows.push(compiled);
    }
}

/// The collection whose fields the conditions of a workflow look at, if there is just one.
fn place_of(policy: &Policy, workflow: &str, interner: &Interner<'_>) -> Place {
    let mut users = policy.collections.iter().filter(|collection| {
        collection
            .workflow
            .as_ref()
            .is_some_and(|name| name.value == workflow)
    });
    match (users.next(), users.next()) {
        (Some(only), None) => Place {
            collection: interner
                .model
                .collection_names
                .find(&only.id.value)
                .map(CollectionId::new),
        },
        _ => Place { collection: None },
    }
}

fn compile_state(
    state: &declared::State,
    by_name: &FxHashMap<&str, TransitionId>,
    interner: &mut Interner<'_>,
) -> State {
    let mut offers: Vec<TransitionId> = Vec::with_capacity(state.transitions.len());
    for name in &state.transitions {
        if let Some(id) = by_name.get(name.value.as_str())
            && !offers.contains(id)
        {
            offers.push(*id);
        }
    }
    State {
        id: interner.state(&state.id.value),
        title: title(&state.title),
        description: title(&state.description),
        offers: offers.into(),
    }
}

fn compile_transition(
    transition: &declared::Transition,
    workflow: WorkflowId,
    place: Place,
    interner: &mut Interner<'_>,
) -> Transition {
    let to = match &transition.to {
        declared::Target::State(state) => Target::State(interner.state(&state.value)),
        declared::Target::Map(pairs) => Target::Map(
            pairs
                .iter()
                .map(|(from, to)| (interner.state(&from.value), interner.state(&to.value)))
                .collect(),
        ),
        declared::Target::Unknown => Target::Unknown,
    };
    Transition {
        name: transition.id.value.as_str().into(),
        workflow,
        title: title(&transition.title),
        description: title(&transition.description),
        to,
        actions: transition
            .actions
            .iter()
            .map(|action| ActionId::new(interner.model.action_names.intern(&action.value)))
            .collect(),
        from: transition
            .from
            .as_ref()
            .map(|selector| state_mask(selector, interner)),
        listed: transition.listed,
        when: transition
            .when
            .as_ref()
            .map(|when| compile_condition(when, place, interner)),
        explain: transition.explain,
        opens: transition.opens,
        closes: transition.closes,
        approvals: transition
            .approvals
            .iter()
            .map(|rule| compile_approval(rule, interner))
            .collect(),
        origin: interner.origin(transition.origin),
    }
}

fn compile_approval(rule: &declared::ApprovalRule, interner: &Interner<'_>) -> ApprovalRule {
    let roles = &interner.model.roles.names;
    ApprovalRule {
        count: rule.count,
        roles: (!rule.roles.is_empty())
            .then(|| Bits::of(rule.roles.iter().filter_map(|role| roles.find(&role.value)))),
        users: rule.users.iter().map(|user| user.value.as_str().into()).collect(),
        content_bound: rule.content_bound,
    }
}

/// Compiles a selector of states.
pub(super) fn state_mask(selector: &Selector, interner: &mut Interner<'_>) -> Mask<Bits> {
    let mut bits = Bits::default();
    for name in selector.names() {
        bits.insert(interner.state(&name.value).index());
    }
    match selector {
        Selector::Any => Mask::Any,
        Selector::Only(_) => Mask::Only(bits),
        Selector::Except(_) => Mask::Except(bits),
    }
}
