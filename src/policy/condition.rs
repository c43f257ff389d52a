//! Conditions: the filter language of Directus, made explicit.

use crate::source::span::{Span, Spanned};
use crate::vocab::operator::{Function, Operator};
use crate::vocab::time::Step;
use crate::vocab::value::Value;

/// A condition and where it stands.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Condition {
    /// What it asks.
    pub node: Node,
    /// Where it stands.
    pub span: Span,
}

/// What a condition asks.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Node {
    /// All of these; never empty.
    All(Vec<Condition>),
    /// At least one of these; never empty.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// True alone; beside other conditions, of other grants too, it drops out.
    Neutral,
    /// This, and if it does not hold the failure is called so.
    Coded(Coded),
    /// Some, or none, of the related items.
    Related(Related),
    /// A comparison.
    Leaf(Leaf),
}

/// A condition whose failure has a name in the CMS.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Coded {
    /// The name, which violations carry.
    pub code: Spanned<String>,
    /// The condition.
    pub condition: Box<Condition>,
}

/// A question about related items.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Related {
    /// The field path to the list of related items.
    pub path: Vec<Spanned<String>>,
    /// `_none` instead of `_some`.
    pub none: bool,
    /// Counts only the related items that a grant of the same action admits; all of them if the subject has no such grant.
    pub permitted: bool,
    /// What is asked of one related item.
    pub condition: Box<Condition>,
}

/// A comparison of a field, or a fact of the request, with an operand.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Leaf {
    /// What is looked at.
    pub left: Left,
    /// A function of it.
    pub function: Option<Function>,
    /// The operator.
    pub operator: Operator,
    /// What it is compared with; of a flag `Value(Bool(true))`, since the reader turns `false` into the opposite operator.
    pub right: Operand,
}

/// The left side of a leaf.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Left {
    /// A field, or a path through relations.
    Field(Vec<Spanned<String>>),
    /// A fact of the request.
    Fact(Variable),
}

/// The right side of a leaf, and the value of a preset.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Operand {
    /// A constant.
    Value(Value<'static>),
    /// A fact of the request.
    Variable(Variable),
    /// Several; a variable that holds a list counts as its elements.
    List(Vec<Operand>),
}

/// A fact of the request.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Variable {
    /// `$NOW`, `$NOW(-1 day)`.
    Now(Option<Step>),
    /// `$CURRENT_USER` (the id, null for visitors), `$CURRENT_USER.a.b` (attributes of the subject).
    CurrentUser(Vec<String>),
    /// `$CURRENT_ROLE` (the first role of the subject's own, null without one), `$CURRENT_ROLE.x`.
    CurrentRole(Vec<String>),
    /// `$CURRENT_ROLES` (effective roles of kind role), `$CURRENT_ROLES.x`.
    CurrentRoles(Vec<String>),
    /// `$CURRENT_POLICIES` (effective roles of kind policy), `$CURRENT_POLICIES.x`.
    CurrentPolicies(Vec<String>),
    /// `$CONTEXT.x`: attributes of the context.
    Context(Vec<String>),
    /// `$OWNER.id`, `$OWNER.roles`: the owner of the resource.
    Owner(OwnerPart),
    /// `$ITEM`: `saved` (it has an id), `new` (attributes or changes, but no id), `none`.
    Item,
}

/// What is asked of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwnerPart {
    /// The id; null if unowned.
    Id,
    /// The list of the owner's roles.
    Roles,
}

impl Condition {
    /// Returns a comparison, of the left side as it is.
    pub fn compare(left: Left, operator: Operator, right: Operand, span: Span) -> Self {
        Self {
            node: Node::Leaf(Leaf {
                left,
                function: None,
                operator,
                right,
            }),
            span,
        }
    }
}
