//! Grants, constraints and document grants.

use crate::source::span::{Span, Spanned};
use crate::vocab::effect::Effect;
use crate::vocab::network::Network;

use super::Selector;
use super::condition::{Condition, Operand};

/// What an allow and a constraint have in common: for whom, for what and when they are.
#[derive(Clone, Debug, Default, Hash)]
pub struct Selection {
    /// Roles; [`Selector::Any`] binds everybody (an allow must name its roles).
    pub roles: Selector,
    /// How a role must be held.
    pub held: Held,
    /// Collections.
    pub collections: Selector,
    /// Actions.
    pub actions: Selector,
    /// States of the item; on CREATE those of the future item.
    pub states: Selector,
    /// States afterwards; `None`: any.
    pub to_states: Option<TargetStates>,
    /// Whose items.
    pub scope: Scope,
    /// Condition on the stored item.
    pub when: Option<Condition>,
}

/// A grant: these roles may, or must not, do this.
#[derive(Clone, Debug, Hash)]
pub struct Grant {
    /// The name in answers; absent: its origin stands for it.
    pub id: Option<Spanned<String>>,
    /// Allow or deny.
    pub effect: Effect,
    /// For whom, what and when.
    pub selection: Selection,
    /// Condition on the item as it would be.
    pub validate: Option<Condition>,
    /// Fields covered; of a deny, fields taken away ([`Selector::Any`] refuses).
    pub fields: Selector,
    /// Whether an explanation is demanded.
    pub explain: bool,
    /// Networks that the request must come from for the grant to match; absent: any.
    pub networks: Option<Vec<Spanned<Network>>>,
    /// Why the rule can never be evaluated as written; such a grant is a deny.
    pub broken: Option<String>,
    /// The code with which the CMS reports that the rule refuses.
    pub code: Option<String>,
    /// Where it is declared.
    pub origin: Span,
}

/// What holds whoever allowed.
#[derive(Clone, Debug, Hash)]
pub struct Constraint {
    /// The name in answers; absent: its origin stands for it.
    pub id: Option<Spanned<String>>,
    /// For whom, what and when.
    pub selection: Selection,
    /// Condition on the item as it would be.
    pub require: Option<Condition>,
    /// Condition on presets and changes alone; what was not submitted passes.
    pub submitted: Option<Condition>,
    /// Networks that the request must come from.
    pub networks: Option<Vec<Spanned<Network>>>,
    /// Values written by default.
    pub presets: Vec<(Spanned<String>, Operand)>,
    /// The code with which the CMS reports that the rule refuses.
    pub code: Option<String>,
    /// Where it is declared.
    pub origin: Span,
}

/// How a role must be held for a rule to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Held {
    /// In any way.
    #[default]
    Anywhere,
    /// Site-wide: not by local roles and not by ownership.
    Site,
    /// Site-wide or by sharing: not by ownership.
    Shared,
    /// In any way, even if the role of an administrator puts it aside.
    Aside,
}

/// Whose items a rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Anybody's.
    #[default]
    Any,
    /// Items whose owner holds the role through which the rule is held, and the subject's own.
    Role,
    /// The subject's own.
    Mine,
}

/// States afterwards.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct TargetStates {
    /// Named states.
    pub selector: Selector,
    /// Whether `"same"` is among the names: the state stays what it is.
    pub same: bool,
}

impl Grant {
    /// Returns a grant without anything special: no name, no `validate`, no networks, and no explanation demanded.
    pub fn new(effect: Effect, selection: Selection, fields: Selector, origin: Span) -> Self {
        Self {
            id: None,
            effect,
            selection,
            validate: None,
            fields,
            explain: false,
            networks: None,
            broken: None,
            code: None,
            origin,
        }
    }
}

impl Constraint {
    /// Returns a constraint that demands nothing yet.
    pub fn new(selection: Selection, origin: Span) -> Self {
        Self {
            id: None,
            selection,
            require: None,
            submitted: None,
            networks: None,
            presets: Vec::new(),
            code: None,
            origin,
        }
    }
}
