//! What an attribute that a denial lacks would have to satisfy: the comparison behind the name.

use crate::model::condition::{Leaf, Left, Operand};
use crate::vocab::limits::MISSING_VALUES_MAX;
use crate::vocab::operator::{Operand as Form, Operator};
use crate::vocab::value::{Value, View};

use super::compare::Side;
use super::condition::{Item, Notes, Scene, Truth};
use super::decision::Comparison;
use super::facts::Facts;
use super::path::Found;
use super::programs::Touched;
use super::query::Query;

/// Finds the comparison that an attribute satisfies in a question that tells it and is allowed: one that holds there, else
/// the opposite of one that must not.
pub(super) fn find_comparison<'q>(
    facts: &Facts<'q>,
    allowed: &Query<'_>,
    touched: &Touched<'q>,
    name: &'q str,
) -> Option<Comparison<'q>> {
    let after = Facts::bind(facts.model, allowed).ok()?;
    let mut best: Option<(&'q Leaf, bool, Truth)> = None;
    for condition in &touched.programs {
        condition.each_leaf(&mut |leaf, prefix| {
            let is_left = leaf.name.as_ref() == name;
            if !prefix.is_empty() || !is_left && leaf.operand_name.as_ref() != name {
                return;
            }
            let truth = plain(&after).alone(leaf);
            if truth != Truth::Open && best.as_ref().is_none_or(|(_, _, best)| truth > *best) {
                best = Some((leaf, is_left, truth));
            }
        });
    }
    let (leaf, is_left, truth) = best?;
    let operator = if truth == Truth::True {
        Some(leaf.operator)
    } else {
        leaf.operator.opposite()
    };
    // A comparison of the other side with this one is turned around.
    let operator = operator.and_then(|operator| {
        if is_left {
            Some(operator)
        } else {
            turned(operator, leaf)
        }
    });
    let before = plain(facts);
    let values = match operator {
        None => Vec::new(),
        Some(operator) if operator.operand() == Form::Flag => Vec::new(),
        Some(_) if is_left => right_values(&before, leaf),
        Some(_) => left_value(&before, leaf).into_iter().collect(),
    };
    Some(Comparison {
        name,
        function: leaf.function.filter(|_| is_left),
        operator,
        values,
    })
}

/// Returns what conditions on the stored item look at, for no action.
pub(super) fn plain<'s>(facts: &'s Facts<'s>) -> Scene<'s> {
    Scene {
        facts,
        action: None,
        item: Item::Stored,
        state: None,
        named: None,
        creates: false,
        depth: 0,
    }
}

/// Returns the operator that says of the right side what this one says of the left.
fn turned(operator: Operator, leaf: &Leaf) -> Option<Operator> {
    let is_alone = matches!(leaf.right, Operand::Variable(_));
    match operator {
        Operator::Eq
        | Operator::Neq
        | Operator::Is
        | Operator::Ieq
        | Operator::Nieq
        | Operator::Intersects
        | Operator::Nintersects
        | Operator::IntersectsBbox
        | Operator::NintersectsBbox => Some(operator),
        Operator::Lt => Some(Operator::Gt),
        Operator::Lte => Some(Operator::Gte),
        Operator::Gt => Some(Operator::Lt),
        Operator::Gte => Some(Operator::Lte),
        Operator::In if is_alone => Some(Operator::Contains),
        Operator::Nin if is_alone => Some(Operator::Ncontains),
        // One of a list that is written out.
        Operator::In => Some(Operator::Eq),
        Operator::Nin => Some(Operator::Neq),
        Operator::Between
        | Operator::Nbetween
        | Operator::Null
        | Operator::Nnull
        | Operator::Empty
        | Operator::Nempty
        | Operator::Contains
        | Operator::Ncontains
        | Operator::Icontains
        | Operator::Nicontains
        | Operator::StartsWith
        | Operator::NstartsWith
        | Operator::IstartsWith
        | Operator::NistartsWith
        | Operator::EndsWith
        | Operator::NendsWith
        | Operator::IendsWith
        | Operator::NiendsWith
        | Operator::Like
        | Operator::Nlike
        | Operator::IsText
        | Operator::IsNumber
        | Operator::Regex
        | Operator::Submitted => None,
    }
}

/// Returns what the right side of a comparison is, as far as the request tells it.
fn right_values(scene: &Scene<'_>, leaf: &Leaf) -> Vec<Value<'static>> {
    let mut values = match scene.operand(&leaf.right) {
        Side::Open => Vec::new(),
        Side::View(View::List(values)) => values.iter().cloned().map(Value::into_owned).collect(),
        Side::View(view) => vec![view.to_value().into_owned()],
        Side::Instant(moment) => vec![Value::Text(moment.to_string().into())],
        Side::List(values) => values.into_iter().map(Value::into_owned).collect(),
    };
    values.truncate(MISSING_VALUES_MAX);
    values
}

/// Returns what the left side of a comparison is, if the request tells it.
fn left_value(scene: &Scene<'_>, leaf: &Leaf) -> Option<Value<'static>> {
    if leaf.function.is_some() {
        return None;
    }
    match &leaf.left {
        Left::Field(path) => match scene.walk(path, &Default::default(), path.len()) {
            Found::Value(view) => Some(view.to_value().into_owned()),
            Found::Open | Found::Absent | Found::Misfit | Found::Rows => None,
        },
        Left::Fact(variable) => match scene.variable(variable) {
            Side::View(view) => Some(view.to_value().into_owned()),
            Side::Instant(moment) => Some(Value::Text(moment.to_string().into())),
            Side::Open | Side::List(_) => None,
        },
    }
}

impl<'s> Scene<'s> {
    /// Runs a comparison by itself.
    fn alone<'m: 's>(&self, leaf: &'m Leaf) -> Truth {
        self.leaf(leaf, &Default::default(), &mut Notes::new())
    }
}
