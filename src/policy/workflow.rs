//! Workflows: states, what they offer, and what a transition asks.

use jiff::Timestamp;

use crate::source::span::{Span, Spanned};

use super::condition::Condition;
use super::{Selector, Title};

/// A workflow.
#[derive(Clone, Debug, Hash)]
pub struct Workflow {
    /// The name.
    pub id: Spanned<String>,
    /// A title for people.
    pub title: Title,
    /// A longer text for people.
    pub description: Title,
    /// The state of a new item.
    pub initial_state: Option<Spanned<String>>,
    /// Whether a change of state without a named transition must be one that is open.
    pub closed: bool,
    /// The states.
    pub states: Vec<State>,
    /// The transitions.
    pub transitions: Vec<Transition>,
    /// Where it is declared.
    pub origin: Span,
}

/// A state.
#[derive(Clone, Debug, Hash)]
pub struct State {
    /// The name.
    pub id: Spanned<String>,
    /// A title for people.
    pub title: Title,
    /// A longer text for people.
    pub description: Title,
    /// The transitions that it offers, in order.
    pub transitions: Vec<Spanned<String>>,
    /// Where it is declared.
    pub origin: Span,
}

/// A transition.
#[derive(Clone, Debug, Hash)]
pub struct Transition {
    /// The name.
    pub id: Spanned<String>,
    /// A title for people.
    pub title: Title,
    /// A longer text for people.
    pub description: Title,
    /// Where it leads.
    pub to: Target,
    /// Actions that must all be allowed; none: no permission is asked.
    pub actions: Vec<Spanned<String>>,
    /// States it can be executed from; `None`: those that offer it.
    pub from: Option<Selector>,
    /// Whether lists name it.
    pub listed: bool,
    /// Condition on the stored item; binds administrators, too.
    pub when: Option<Condition>,
    /// Whether an explanation is demanded.
    pub explain: bool,
    /// From when it is open.
    pub opens: Option<Timestamp>,
    /// From when it is no longer open.
    pub closes: Option<Timestamp>,
    /// Approvals that it needs.
    pub approvals: Vec<ApprovalRule>,
    /// Where it is declared.
    pub origin: Span,
}

/// Where a transition leads.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Target {
    /// To a state.
    State(Spanned<String>),
    /// To a state that depends on where it starts: (from, to).
    Map(Vec<(Spanned<String>, Spanned<String>)>),
    /// The CMS knows.
    Unknown,
}

/// Approvals: so many distinct people of these, none of whom is the author.
#[derive(Clone, Debug, Hash)]
pub struct ApprovalRule {
    /// How many people.
    pub count: u32,
    /// Roles of which an approver must hold one; empty: any.
    pub roles: Vec<Spanned<String>>,
    /// People who may approve; empty: anybody with the role.
    pub users: Vec<Spanned<String>>,
    /// Whether an approval counts only for the content that it was given for.
    pub content_bound: bool,
    /// Where it is declared.
    pub origin: Span,
}
