//! What a decision did, step by step: recorded by the very run that decides.

use crate::model::id::ActionId;

use super::condition::Truth;
use super::decision::Rule;

/// Is told what happens while deciding.
pub trait Trace {
    /// Whether anybody listens; where nobody does, deciding stops at the first thing that settles it.
    const ENABLED: bool;

    /// Takes note of what became of one rule.
    fn record(&mut self, event: Event);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    const ENABLED: bool = false;

    fn record(&mut self, _event: Event) {}
}

/// Keeps what happens.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// The events, in order.
    pub events: Vec<Event>,
}

impl Trace for Recorder {
    const ENABLED: bool = true;

    fn record(&mut self, event: Event) {
        self.events.push(event);
    }
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The rule.
    pub rule: Rule,
    /// The action that was asked; `None` for what concerns no action.
    pub action: Option<ActionId>,
    /// What became of it.
    pub outcome: Outcome,
    /// The comparison that settled a condition of it; `None` where none did.
    pub leaf: Option<Settled>,
    /// Whether the part is open: the request does not tell enough.
    pub open: bool,
    /// The fields in question: those that a matching allow covers, or those that a deny takes away.
    pub fields: Vec<String>,
}

/// A comparison that settled a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The comparison as a profile would write it, variables filled in as far as they are told; at most
    /// [`crate::vocab::limits::LEAF_TEXT_BYTES_MAX`] bytes and a mark that it goes on.
    pub text: String,
    /// What it came to.
    pub truth: Truth,
}

impl Event {
    /// Returns what became of a rule, with nothing else told yet.
    pub fn new(rule: Rule, action: Option<ActionId>, outcome: Outcome) -> Self {
        Self {
            rule,
            action,
            outcome,
            leaf: None,
            open: false,
            fields: Vec::new(),
        }
    }
}

/// What became of a rule: that it counts, or the first thing in it that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It counts: an allow or a deny that matches, a constraint that applies and is met.
    Matched,
    /// The subject holds none of its roles.
    Roles,
    /// The subject holds a role, but not in the way that it must be held.
    Held,
    /// It is not for this collection.
    Collection,
    /// It is not for this state.
    State,
    /// It is not for this state afterwards.
    TargetState,
    /// The item is not in its scope.
    Scope,
    /// The request does not come from its networks.
    Network,
    /// Its condition does not hold.
    Condition,
    /// It touches none of the fields.
    Fields,
    /// The item as it would be breaks its `validate`.
    Validate,
    /// It is a constraint, and the item as it would be breaks its `require`.
    Require,
    /// It is a constraint, and the presets and changes break its `submitted`.
    Submitted,
    /// Its neutral condition drops out beside others.
    Neutral,
    /// A transition is not offered here.
    NotOffered,
    /// A transition is not open at this moment.
    Time,
    /// It fits, and demands an explanation that was not given.
    Explanation,
    /// A transition lacks approvals.
    Approvals,
    /// It is known to be broken, and refuses.
    Broken,
}
