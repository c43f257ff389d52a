//! Condition programs.

use regex::Regex;

use crate::vocab::operator::{FieldType, Function, Operator};
use crate::vocab::time::Step;
use crate::vocab::value::Value;

use super::id::CollectionId;

/// A compiled condition.
#[derive(Debug)]
pub struct Program {
    /// What it asks.
    pub root: Node,
    /// Paths of leaves that may run through, or end at, a list of related items, shortest first.
    pub joins: Box<[Join]>,
    /// Whether it looks at the clock.
    pub looks_at_clock: bool,
}

/// A path that may run through, or end at, a list of related items: all leaves share one of its items at a time.
#[derive(Debug)]
pub struct Join {
    /// The path.
    pub path: Box<[Box<str>]>,
    /// Whether some leaf goes on behind it, so that any list here is one of related items.
    pub is_prefix: bool,
    /// Whether it is declared to be a list of related items.
    pub is_many: bool,
}

/// What a condition asks.
#[derive(Debug)]
pub enum Node {
    /// All of these.
    All(Box<[Node]>),
    /// At least one of these.
    Any(Box<[Node]>),
    /// Not this.
    Not(Box<Node>),
    /// True alone.
    Neutral,
    /// The second; the first is what the CMS calls it if it does not hold.
    Coded(Box<str>, Box<Node>),
    /// Some, or none, of the related items.
    Related(Related),
    /// A comparison.
    Leaf(Leaf),
}

/// A question about related items.
#[derive(Debug)]
pub struct Related {
    /// The path to the list.
    pub path: Box<[Box<str>]>,
    /// `_none` instead of `_some`.
    pub none: bool,
    /// The related collection, if only items that a grant of the same action admits count.
    pub permitted: Option<CollectionId>,
    /// What is asked of one related item.
    pub program: Box<Program>,
    /// The path as conditions write it, dotted.
    pub text: Box<str>,
}

/// A comparison.
#[derive(Debug)]
pub struct Leaf {
    /// What is looked at.
    pub left: Left,
    /// A function of it.
    pub function: Option<Function>,
    /// The operator.
    pub operator: Operator,
    /// What it is compared with.
    pub right: Operand,
    /// The regular expression of `_regex`.
    pub pattern: Option<Regex>,
    /// The declared type of the field.
    pub kind: Option<FieldType>,
    /// The key field of related items, if the path ends at a relation.
    pub key: Box<str>,
    /// Whether the path is declared to end at a relation.
    pub is_relation: bool,
    /// Whether the path is declared to end at a list of related items.
    pub is_many: bool,
    /// The first fact of the request that the right side reads, as messages name it; empty if there is none.
    pub operand_name: Box<str>,
    /// What is looked at, as messages name it (`category.owner`, `$CONTEXT.mode`).
    pub name: Box<str>,
    /// The right side as a profile writes it, for traces where a variable of it is not told.
    pub operand_text: Box<str>,
}

/// The left side of a leaf.
#[derive(Debug)]
pub enum Left {
    /// A field, or a path through relations.
    Field(Box<[Box<str>]>),
    /// A fact of the request.
    Fact(Variable),
}

/// The right side of a leaf, and the value of a preset.
#[derive(Clone, Debug)]
pub enum Operand {
    /// A constant.
    Value(Value<'static>),
    /// A fact of the request.
    Variable(Variable),
    /// Several.
    List(Box<[Operand]>),
}

impl Node {
    /// Tells whether some comparison in it looks at the clock.
    pub fn looks_at_clock(&self) -> bool {
        match self {
            Node::All(parts) | Node::Any(parts) => parts.iter().any(Node::looks_at_clock),
            Node::Not(part) | Node::Coded(_, part) => part.looks_at_clock(),
            Node::Neutral => false,
            Node::Related(related) => related.program.looks_at_clock,
            Node::Leaf(leaf) => matches!(leaf.left, Left::Fact(Variable::Now(_))) || leaf.right.is_clock(),
        }
    }
}

impl Operand {
    /// Tells whether the operand is the clock, or lists it.
    pub fn is_clock(&self) -> bool {
        match self {
            Operand::Value(_) => false,
            Operand::Variable(variable) => matches!(variable, Variable::Now(_)),
            Operand::List(parts) => parts.iter().any(Operand::is_clock),
        }
    }
}

/// A fact of the request.
#[derive(Clone, Debug)]
pub enum Variable {
    /// The moment of the decision, or one a step away.
    Now(Option<Step>),
    /// The subject's id (empty path) or one of its attributes.
    CurrentUser(Box<[Box<str>]>),
    /// The subject's first own role (empty path) or one of its attributes.
    CurrentRole(Box<[Box<str>]>),
    /// The effective roles of kind role, or an attribute of each.
    CurrentRoles(Box<[Box<str>]>),
    /// The effective roles of kind policy, or an attribute of each.
    CurrentPolicies(Box<[Box<str>]>),
    /// An attribute of the context.
    Context(Box<[Box<str>]>),
    /// The owner's id.
    OwnerId,
    /// The owner's roles.
    OwnerRoles,
    /// `saved`, `new` or `none`.
    Item,
}
