//! Grants and constraints, and the slots that lead to them.

use crate::vocab::effect::Effect;
use crate::vocab::network::Network;

use super::bits::Bits;
use super::condition::Operand;
use super::id::{CollectionId, ConditionId, FieldId, OriginId};

/// Which ids a rule is for.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mask<T> {
    /// Any.
    #[default]
    Any,
    /// These.
    Only(T),
    /// Any but these.
    Except(T),
}

/// For whom, for what and when a rule is.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Roles.
    pub roles: Mask<Bits>,
    /// How a role must be held.
    pub held: Held,
    /// Whose items.
    pub scope: Scope,
    /// Collections that a rule for all collections is not for.
    pub except_collections: Box<[CollectionId]>,
    /// States of the item.
    pub states: Mask<Bits>,
    /// States afterwards; absent: any.
    pub to_states: Option<TargetMask>,
    /// Condition on the stored item.
    pub when: Option<ConditionId>,
    /// Where it was declared.
    pub origin: OriginId,
}

/// How a role must be held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    /// In any way.
    #[default]
    Anywhere,
    /// Site-wide.
    Site,
    /// Site-wide or by sharing.
    Shared,
    /// In any way, even if the role of an administrator puts it aside.
    Aside,
}

/// Whose items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Anybody's.
    #[default]
    Any,
    /// Those of people with the same role, and the subject's own.
    Role,
    /// The subject's own.
    Mine,
}

/// States afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetMask {
    /// The states.
    pub states: Mask<Bits>,
    /// Whether staying is among the names.
    pub same: bool,
}

/// A compiled grant.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The name in answers, if it has one.
    pub name: Option<Box<str>>,
    /// Allow or deny.
    pub effect: Effect,
    /// For whom, what and when.
    pub selection: Selection,
    /// Condition on the item as it would be.
    pub validate: Option<ConditionId>,
    /// Fields.
    pub fields: Mask<Box<[FieldId]>>,
    /// Whether an explanation is demanded.
    pub explain: bool,
    /// Whether its condition drops out beside others.
    pub neutral: bool,
    /// Networks that the request must come from.
    pub networks: Option<Box<[Network]>>,
    /// Why the rule can never be evaluated as written.
    pub broken: Option<Box<str>>,
    /// The code with which the CMS reports that it refuses.
    pub code: Option<Box<str>>,
}

/// A compiled constraint.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// The name in answers, if it has one.
    pub name: Option<Box<str>>,
    /// For whom, what and when.
    pub selection: Selection,
    /// Condition on the item as it would be.
    pub require: Option<ConditionId>,
    /// Condition on presets and changes alone.
    pub submitted: Option<ConditionId>,
    /// Networks that the request must come from.
    pub networks: Option<Box<[Network]>>,
    /// Values written by default.
    pub presets: Box<[(FieldId, Operand)]>,
    /// The code with which the CMS reports that it refuses.
    pub code: Option<Box<str>>,
}

impl Mask<Bits> {
    /// Tells whether the mask is for a position; `None` is a name that the policy does not know.
    pub fn selects(&self, position: Option<usize>) -> bool {
        match self {
            Mask::Any => true,
            Mask::Only(bits) => position.is_some_and(|position| bits.contains(position)),
            Mask::Except(bits) => !position.is_some_and(|position| bits.contains(position)),
        }
    }
}

impl Mask<Box<[FieldId]>> {
    /// Tells whether the mask is for a field; `None` is a name that the policy does not know.
    pub fn selects(&self, field: Option<FieldId>) -> bool {
        let holds = |ids: &[FieldId]| field.is_some_and(|field| ids.binary_search(&field).is_ok());
        match self {
            Mask::Any => true,
            Mask::Only(ids) => holds(ids),
            Mask::Except(ids) => !holds(ids),
        }
    }
}
