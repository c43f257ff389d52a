//! The answer: effect, reason, and what decided.

use jiff::Timestamp;
use smallvec::SmallVec;
use thin_vec::ThinVec;

use crate::model::id::{ConstraintId, DocumentGrantId, GrantId, RoleId, TransitionId};
use crate::vocab::effect::{Effect, Reason};
use crate::vocab::network::Network;
use crate::vocab::operator::{Function, Operator};
use crate::vocab::value::Value;

/// Rules that decided: one or two of them as a rule.
pub type Deciding = SmallVec<[Rule; 2]>;

/// The answer to one question; small, as it is handed from step to step, so what is rarely there is one word. A deny is an answer, never an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<'q> {
    /// Allow or deny.
    pub effect: Effect,
    /// Why.
    pub reason: Reason,
    /// What decided: of an allow the grants that cover the request, of a deny the rules that refuse.
    pub deciding: Deciding,
    /// The name that the reason is about: an unknown action, a field out of reach.
    pub about: Option<&'q str>,
    /// Whether the request must come with an explanation (it did, if the effect is allow).
    pub explanation_required: bool,
    /// Values to be written by default.
    pub presets: ThinVec<(&'q str, Value<'q>)>,
    /// Fields that are masked or dropped.
    pub left_out: ThinVec<LeftOut<'q>>,
    /// Conditions on the item as it would be that do not hold.
    pub violations: ThinVec<Violation<'q>>,
    /// Paths of facts that a rule needed and the request lacked.
    pub lacking: ThinVec<&'q str>,
    /// Approvals that the transition needs, by rule.
    pub approvals: ThinVec<ApprovalCount>,
    /// The transition that was judged, named or found.
    pub transition: Option<TransitionId>,
    /// Whether facts that stayed open were counted in favour of "some item".
    pub conditional: bool,
}

/// The steps of a decision as far as answers tell them apart, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Names, and whether the transition is open.
    Transition,
    /// Denies that refuse.
    Denies,
    /// No allow matches.
    Grants,
    /// What is not told decides whether an allow matches, or covers what is asked.
    OpenGrants,
    /// The allows that match do not cover what is asked.
    Fields,
    /// Constraints.
    Constraints,
    /// An explanation.
    Explanation,
    /// Approvals.
    Approvals,
    /// None failed.
    Allowed,
}

/// A rule of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A grant.
    Grant(GrantId),
    /// A constraint.
    Constraint(ConstraintId),
    /// A grant on one document.
    DocumentGrant(DocumentGrantId),
    /// An administrator role.
    Administrator(RoleId),
    /// A transition of a workflow.
    Transition(TransitionId),
}

/// A field that is masked or dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut<'q> {
    /// The field.
    pub field: &'q str,
    /// Why.
    pub reason: Reason,
    /// The denies that take it away; none where it is merely not granted.
    pub rules: SmallVec<[GrantId; 2]>,
}

/// A condition on the item as it would be that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation<'q> {
    /// The path of the field, dotted, or the fact of the request (`$CONTEXT.mode`); empty if no single comparison is at
    /// fault.
    pub field: &'q str,
    /// The name of the operator that would have to hold (`_neq`); empty where `field` is.
    pub operator: &'q str,
    /// What the CMS calls the failure; empty if nobody says.
    pub code: &'q str,
    /// The rule.
    pub rule: Rule,
}

/// How many approvals one rule of a transition needs, and how many it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalCount {
    /// Which of the transition's rules.
    pub rule: usize,
    /// How many people are needed.
    pub needed: u32,
    /// How many have approved; each person counts for one rule.
    pub given: u32,
}

/// One set of facts that would turn a deny into an allow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alternative<'q> {
    /// The facts; all of them are needed.
    pub facts: SmallVec<[Fact<'q>; 2]>,
    /// What the attributes among the facts would have to satisfy, as far as a single comparison says it.
    pub comparisons: Vec<Comparison<'q>>,
}

/// What an attribute would have to satisfy.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison<'q> {
    /// The attribute, as [`Fact::Attribute`] names it.
    pub name: &'q str,
    /// A function of it that is compared.
    pub function: Option<Function>,
    /// The operator; `None` if no operator says it.
    pub operator: Option<Operator>,
    /// What it is compared with, as far as the request tells it; at most
    /// [`crate::vocab::limits::MISSING_VALUES_MAX`].
    pub values: Vec<Value<'static>>,
}

/// A fact that is missing for an allow.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<'q> {
    /// Holding this role.
    Role(RoleId),
    /// An explanation.
    Explanation,
    /// So many more approvals under this rule of the transition.
    Approvals {
        /// Which of the transition's rules.
        rule: usize,
        /// How many more people.
        count: u32,
    },
    /// The item being in this state.
    State(&'q str),
    /// A fact that a rule needs and the request does not tell.
    Attribute(&'q str),
    /// A later moment.
    Time(Timestamp),
    /// Coming from one of these networks.
    Networks(&'q [Network]),
    /// Owning the item.
    Ownership,
}

impl<'q> Fact<'q> {
    /// Returns the attribute that is missing; `None` if the fact is none.
    pub(super) fn attribute(&self) -> Option<&'q str> {
        match self {
            Fact::Attribute(name) => Some(*name),
            Fact::Role(_)
            | Fact::Explanation
            | Fact::Approvals { .. }
            | Fact::State(_)
            | Fact::Time(_)
            | Fact::Networks(_)
            | Fact::Ownership => None,
        }
    }
}

impl<'q> Decision<'q> {
    /// Returns a deny for a reason, with nothing else told yet.
    #[inline]
    pub fn deny(reason: Reason) -> Self {
        Self::new(Effect::Deny, reason)
    }

    /// Returns an allow, with nothing else told yet.
    #[inline]
    pub fn allow() -> Self {
        Self::new(Effect::Allow, Reason::Allowed)
    }

    /// Returns an allow by one rule, with nothing else told yet.
    #[inline]
    pub(super) fn allow_by(rule: Rule, conditional: bool) -> Self {
        Self {
            deciding: SmallVec::from_buf_and_len([rule; 2], 1),
            conditional,
            ..Self::allow()
        }
    }

    #[inline]
    fn new(effect: Effect, reason: Reason) -> Self {
        Self {
            effect,
            reason,
            deciding: SmallVec::new(),
            about: None,
            explanation_required: false,
            presets: ThinVec::new(),
            left_out: ThinVec::new(),
            violations: ThinVec::new(),
            lacking: ThinVec::new(),
            approvals: ThinVec::new(),
            transition: None,
            conditional: false,
        }
    }

    /// Tells at which step a deny failed, so that the nearest of several can be told: the later, the nearer to an allow.
    pub(super) fn step(&self) -> Step {
        let by = self.deciding.first();
        match self.reason {
            Reason::Allowed => Step::Allowed,
            Reason::UnknownCollection
            | Reason::UnknownAction
            | Reason::UnknownTransition
            | Reason::NotOffered => Step::Transition,
            Reason::Denied if self.about.is_some() => Step::Fields,
            Reason::Denied | Reason::BrokenRule => Step::Denies,
            Reason::NoGrant | Reason::NoMatchingGrant | Reason::UnknownRole => Step::Grants,
            Reason::FieldOutOfReach | Reason::FieldNotCovered => Step::Fields,
            Reason::Violation if matches!(by, Some(Rule::Constraint(_))) => Step::Constraints,
            Reason::Violation => Step::Fields,
            Reason::Network => Step::Constraints,
            Reason::ExplanationRequired => Step::Explanation,
            Reason::ApprovalMissing => Step::Approvals,
            Reason::MissingAttribute | Reason::Fault => match by {
                Some(Rule::Transition(_)) if !self.approvals.is_empty() => Step::Approvals,
                Some(Rule::Transition(_)) => Step::Transition,
                Some(Rule::Constraint(_)) => Step::Constraints,
                Some(Rule::Grant(_) | Rule::DocumentGrant(_) | Rule::Administrator(_)) => Step::Denies,
                None => Step::OpenGrants,
            },
        }
    }

    /// Tells whether the action may go on.
    #[inline]
    pub fn is_allow(&self) -> bool {
        self.effect == Effect::Allow
    }
}
