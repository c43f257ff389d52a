//! Workflows.

use jiff::Timestamp;

use super::bits::Bits;
use super::collection::Title;
use super::grant::Mask;
use super::id::{ActionId, ConditionId, OriginId, StateId, TransitionId, WorkflowId};

/// A compiled workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// A title for people.
    pub title: Title,
    /// A longer text for people.
    pub description: Title,
    /// The state of a new item.
    pub initial_state: Option<StateId>,
    /// Whether a change of state without a named transition must be one that is open.
    pub closed: bool,
    /// The states, in order.
    pub states: Vec<State>,
    /// The transitions, in order.
    pub transitions: Vec<TransitionId>,
    /// Where it was declared.
    pub origin: OriginId,
}

/// A state of a workflow.
#[derive(Clone, Debug)]
pub struct State {
    /// The state.
    pub id: StateId,
    /// A title for people.
    pub title: Title,
    /// A longer text for people.
    pub description: Title,
    /// What it offers, in order, each once.
    pub offers: Box<[TransitionId]>,
}

/// A compiled transition.
#[derive(Clone, Debug)]
pub struct Transition {
    /// Its name within the workflow.
    pub name: Box<str>,
    /// The workflow that it belongs to.
    pub workflow: WorkflowId,
    /// A title for people.
    pub title: Title,
    /// A longer text for people.
    pub description: Title,
    /// Where it leads.
    pub to: Target,
    /// Actions that must all be allowed.
    pub actions: Box<[ActionId]>,
    /// States it can be executed from; absent: those that offer it.
    pub from: Option<Mask<Bits>>,
    /// Whether lists name it.
    pub listed: bool,
    /// Condition on the stored item.
    pub when: Option<ConditionId>,
    /// Whether an explanation is demanded.
    pub explain: bool,
    /// From when it is open.
    pub opens: Option<Timestamp>,
    /// From when it is no longer open.
    pub closes: Option<Timestamp>,
    /// Approvals that it needs.
    pub approvals: Box<[ApprovalRule]>,
    /// Where it was declared.
    pub origin: OriginId,
}

/// Where a transition leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// To a state.
    State(StateId),
    /// To a state that depends on where it starts.
    Map(Box<[(StateId, StateId)]>),
    /// The CMS knows.
    Unknown,
}

/// A compiled approval rule.
#[derive(Clone, Debug)]
pub struct ApprovalRule {
    /// How many people.
    pub count: u32,
    /// Roles of which an approver must hold one; absent: any.
    pub roles: Option<Bits>,
    /// People who may approve; empty: anybody with the role.
    pub users: Box<[Box<str>]>,
    /// Whether an approval counts only for the content that it was given for.
    pub content_bound: bool,
}

impl Workflow {
    /// Returns a state.
    pub fn state(&self, id: StateId) -> Option<&State> {
        self.states.iter().find(|state| state.id == id)
    }
}
