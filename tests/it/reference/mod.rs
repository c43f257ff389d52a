//! A slow, naive evaluator over the policy as it was written: names, loops, no tables.
//!
//! In come a [`Policy`] and a [`Query`], out goes an [`Outcome`]. It follows the semantics sentence by sentence and shares
//! nothing with `compile` and `engine` but the words of `vocab`, the question's plain data and the policy types, so that a
//! mistake in the one is not a mistake in the other. Read [`decide`] first, then [`bind`], [`roles`] and [`matching`];
//! [`condition`] with [`lookup`] and [`leaf`] is the language of conditions.

pub(crate) mod approvals;
pub(crate) mod bind;
pub(crate) mod condition;
pub(crate) mod decide;
pub(crate) mod fields;
pub(crate) mod kleene;
pub(crate) mod leaf;
pub(crate) mod lookup;
pub(crate) mod matching;
pub(crate) mod roles;
pub(crate) mod tests;
pub(crate) mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use placet::engine::query::Query;
use placet::policy::Policy;
use placet::vocab::effect::{Effect, Reason};
use placet::vocab::value::Value;

/// What the reference answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Allow or deny.
    pub(crate) effect: Effect,
    /// Why.
    pub(crate) reason: Reason,
    /// Fields that are masked or dropped, in the order asked.
    pub(crate) left_out: Vec<(String, Reason)>,
    /// Whether an explanation is demanded.
    pub(crate) explanation_required: bool,
    /// Values to be written by default.
    pub(crate) presets: BTreeMap<String, Value<'static>>,
    /// How many approvals are needed in all, and how many people were found for them.
    pub(crate) approvals: (u32, u32),
    /// Whether an open fact was met although the question is about some item.
    pub(crate) conditional: bool,
}

impl Outcome {
    /// Returns a refusal with nothing else told.
    pub(crate) fn deny(reason: Reason) -> Self {
        Self {
            effect: Effect::Deny,
            reason,
            left_out: Vec::new(),
            explanation_required: false,
            presets: BTreeMap::new(),
            approvals: (0, 0),
            conditional: false,
        }
    }

    /// Tells whether the action may go on.
    pub(crate) fn is_allow(&self) -> bool {
        self.effect == Effect::Allow
    }
}

/// A question that cannot be answered at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Answers a question about one action or transition.
pub(crate) fn check(policy: &Policy, query: &Query<'static>) -> Result<Outcome, Malformed> {
    decide::check(policy, query)
}

/// Returns a name that lives as long as the run; names are few, and each is kept once.
pub(crate) fn intern(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap();
    match names.get(name) {
        Some(known) => known,
        None => {
            let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
            names.insert(kept);
            kept
        }
    }
}
