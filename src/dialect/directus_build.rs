//! Conditions of the neutral policy, as the readers of rules put them together.

use crate::policy::condition::{Coded, Condition, Leaf, Left, Node, Operand, Variable};
use crate::source::span::{Span, Spanned};
use crate::vocab::operator::{Function, Operator};
use crate::vocab::value::Value;

/// What a leaf looks at.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) path: Vec<Spanned<String>>,
    pub(super) function: Option<Function>,
    pub(super) span: Span,
}

impl Look {
    /// Compares with an operand.
    pub(super) fn leaf(&self, operator: Operator, right: Operand) -> Condition {
        Condition {
            node: Node::Leaf(Leaf {
                left: Left::Field(self.path.clone()),
                function: self.function,
                operator,
                right,
            }),
            span: self.span,
        }
    }

    /// Asks a question that has no operand.
    pub(super) fn flag(&self, operator: Operator) -> Condition {
        self.leaf(operator, yes())
    }

    /// Compares a fact of the request.
    pub(super) fn fact(&self, variable: &Variable, operator: Operator, right: Operand) -> Condition {
        Condition::compare(Left::Fact(variable.clone()), operator, right, self.span)
    }

    /// Asks whether a fact of the request is null.
    pub(super) fn is_null(&self, variable: &Variable) -> Condition {
        self.fact(variable, Operator::Null, yes())
    }

    /// Asks whether a fact of the request is there.
    pub(super) fn is_there(&self, variable: &Variable) -> Condition {
        self.fact(variable, Operator::Nnull, yes())
    }

    /// Holds never, whatever the request tells.
    pub(super) fn never(&self) -> Condition {
        never(self.span)
    }

    /// Holds always, whatever the request tells.
    pub(super) fn always(&self) -> Condition {
        always(self.span)
    }

    /// Joins conditions that must all hold.
    pub(super) fn all(&self, parts: Vec<Condition>) -> Condition {
        group(parts, Node::All, self.span)
    }

    /// Joins conditions of which one must hold.
    pub(super) fn any(&self, parts: Vec<Condition>) -> Condition {
        group(parts, Node::Any, self.span)
    }

    /// Turns a condition round.
    pub(super) fn not(&self, condition: Condition) -> Condition {
        Condition {
            node: Node::Not(Box::new(condition)),
            span: self.span,
        }
    }

    /// Gives the failure of a condition a name.
    pub(super) fn coded(&self, code: &str, condition: Condition) -> Condition {
        Condition {
            node: Node::Coded(Coded {
                code: Spanned::new(code.to_owned(), self.span),
                condition: Box::new(condition),
            }),
            span: self.span,
        }
    }
}

/// Joins conditions; one alone needs no group.
pub(super) fn group(mut parts: Vec<Condition>, node: fn(Vec<Condition>) -> Node, span: Span) -> Condition {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    Condition {
        node: node(parts),
        span,
    }
}

/// A condition that never holds.
pub(super) fn never(span: Span) -> Condition {
    of_item(Operator::In, span)
}

/// A condition that always holds.
pub(super) fn always(span: Span) -> Condition {
    of_item(Operator::Nin, span)
}

/// A condition that asks nothing, and drops out beside others.
pub(super) fn neutral(span: Span) -> Condition {
    Condition {
        node: Node::Neutral,
        span,
    }
}

fn of_item(operator: Operator, span: Span) -> Condition {
    let right = Operand::Value(Value::List(Vec::new()));
    Condition::compare(Left::Fact(Variable::Item), operator, right, span)
}

/// The operand of a question that has none.
pub(super) fn yes() -> Operand {
    Operand::Value(Value::Bool(true))
}
