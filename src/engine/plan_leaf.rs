//! A comparison of a field of an item with what the request tells: what remains of it as a part of a filter.

use jiff::Timestamp;

use crate::model::condition::{Leaf, Operand};
use crate::vocab::operator::{FieldType, Function, Operand as Form, Operator};
use crate::vocab::value::{Value, View};

use super::compare::Side;
use super::condition::{Scene, Truth};
use super::filter::{Comparison, Filter};
use super::plan_truth::Pair;

/// The left side of a comparison that is left open.
pub(super) struct Field {
    pub(super) path: Vec<Box<str>>,
    pub(super) kind: Option<FieldType>,
}

impl Field {
    /// Returns a comparison of the field itself.
    pub(super) fn compare(&self, operator: Operator, values: Vec<Value<'static>>) -> Filter {
        compare(self, None, operator, values)
    }
}

/// Returns a comparison; that with one of a single value is that with it.
fn compare(
    field: &Field,
    function: Option<Function>,
    operator: Operator,
    values: Vec<Value<'static>>,
) -> Filter {
    let is_single = operator == Operator::In && values.len() == 1;
    Filter::Compare(Comparison {
        path: field.path.clone(),
        function,
        operator: if is_single { Operator::Eq } else { operator },
        values,
        kind: field.kind,
    })
}

/// Returns what a leaf asks of a field, its right side being what the scene tells.
pub(super) fn leave_open(scene: &Scene<'_>, leaf: &Leaf, field: &Field) -> Pair {
    let sides = Sides { scene, leaf, field };
    match leaf.operator.operand() {
        Form::Flag => Pair::known(sides.compare(leaf.operator, Vec::new())),
        Form::Pattern => match scene.operand(&leaf.right) {
            Side::View(view) => Pair::known(sides.compare(leaf.operator, vec![view.to_value().into_owned()])),
            Side::Instant(_) | Side::List(_) | Side::Open => Pair::of(Truth::False),
        },
        Form::List => sides.list(),
        Form::Pair => sides.pair(),
        Form::Scalar | Form::Ordered | Form::Text | Form::Geometry => sides.single(),
    }
}

struct Sides<'l, 's> {
    scene: &'l Scene<'s>,
    leaf: &'l Leaf,
    field: &'l Field,
}

/// The elements of a list that something is sought in.
#[derive(Default)]
struct Elements {
    scalars: Vec<Value<'static>>,
    moments: Vec<Timestamp>,
    is_open: bool,
    /// Whether there was nothing in it.
    is_empty: bool,
}

impl Sides<'_, '_> {
    fn compare(&self, operator: Operator, values: Vec<Value<'static>>) -> Filter {
        compare(self.field, self.leaf.function, operator, values)
    }

    fn is_there(&self) -> Filter {
        self.compare(Operator::Nnull, Vec::new())
    }

    /// A field that is this very moment, however it writes that.
    fn is_moment(&self, moment: Timestamp) -> Filter {
        let value = Value::Text(moment.to_string().into());
        match self.field.kind {
            Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp) => {
                self.compare(Operator::Eq, vec![value])
            }
            _ => self.compare(Operator::Between, vec![value.clone(), value]),
        }
    }

    fn single(&self) -> Pair {
        let operator = self.leaf.operator;
        let value = match self.scene.operand(&self.leaf.right) {
            Side::Open => return Pair::of(Truth::Open),
            Side::Instant(moment) if matches!(operator, Operator::Eq | Operator::Is) => {
                return Pair::known(self.is_moment(moment));
            }
            Side::Instant(moment) if operator == Operator::Neq => {
                return Pair::known(self.is_there().and(self.is_moment(moment).not()));
            }
            Side::Instant(moment) => Value::Text(moment.to_string().into()),
            Side::View(View::Null) if operator == Operator::Is => {
                return Pair::known(self.compare(Operator::Null, Vec::new()));
            }
            Side::View(View::Null) => return Pair::of(Truth::False),
            Side::View(View::List(_)) | Side::List(_) => Value::List(Vec::new()),
            Side::View(view) => view.to_value().into_owned(),
        };
        let is_composed = matches!(value, Value::List(_) | Value::Object(_));
        if !is_composed || operator.operand() == Form::Geometry {
            return Pair::known(self.compare(operator, vec![value]));
        }
        // Nothing is equal to a list or an object, nor ordered with it, nor has it a text.
        if operator == Operator::Neq {
            Pair::known(self.is_there())
        } else {
            Pair::of(Truth::False)
        }
    }

    fn pair(&self) -> Pair {
        let sides = match &self.leaf.right {
            Operand::List(parts) => parts.iter().map(|part| self.scene.operand(part)).collect(),
            Operand::Value(Value::List(values)) => {
                values.iter().map(|value| Side::View(value.view())).collect()
            }
            Operand::Value(_) | Operand::Variable(_) => Vec::new(),
        };
        if sides.len() != 2 {
            return Pair::of(Truth::False);
        }
        if sides.iter().any(Side::is_open) {
            return Pair::of(Truth::Open);
        }
        let values: Option<Vec<_>> = sides.into_iter().map(scalar).collect();
        match values {
            Some(values) => Pair::known(self.compare(self.leaf.operator, values)),
            None => Pair::of(Truth::False),
        }
    }

    fn list(&self) -> Pair {
        let is_in = self.leaf.operator == Operator::In;
        let is_written = matches!(
            &self.leaf.right,
            Operand::List(_) | Operand::Value(Value::List(_))
        );
        if !is_written && self.scene.operand(&self.leaf.right).is_open() {
            return Pair::of(Truth::Open);
        }
        let elements = self.elements();
        let known = if elements.scalars.is_empty() {
            Filter::never()
        } else {
            self.compare(Operator::In, elements.scalars)
        };
        let moments = elements.moments.into_iter().map(|moment| self.is_moment(moment));
        let among = Filter::any([known].into_iter().chain(moments));
        let may = if elements.is_open {
            self.is_there()
        } else {
            among.clone()
        };
        let is_one = Pair { sure: among, may };
        if is_in {
            return is_one;
        }
        if elements.is_empty {
            // Everything, null too, is none of nothing.
            return Pair::of(Truth::True);
        }
        Pair::known(self.is_there()).and(is_one.not())
    }

    fn elements(&self) -> Elements {
        let mut elements = Elements {
            is_empty: true,
            ..Elements::default()
        };
        match &self.leaf.right {
            Operand::List(parts) => {
                elements.is_empty = parts.is_empty();
                for part in parts {
                    self.gather(part, &mut elements);
                }
            }
            Operand::Value(Value::List(values)) => {
                elements.is_empty = values.is_empty();
                values.iter().for_each(|value| elements.add(value.view()));
            }
            operand @ (Operand::Value(_) | Operand::Variable(_)) => {
                let side = self.scene.operand(operand);
                elements.is_empty = side.elements().is_some_and(<[_]>::is_empty);
                self.gather(operand, &mut elements);
            }
        }
        elements
    }

    fn gather(&self, operand: &Operand, elements: &mut Elements) {
        if let Operand::List(parts) = operand {
            parts.iter().for_each(|part| self.gather(part, elements));
            return;
        }
        let side = self.scene.operand(operand);
        match &side {
            Side::Open => elements.is_open = true,
            Side::Instant(moment) => elements.moments.push(*moment),
            Side::View(View::List(values)) => values.iter().for_each(|value| elements.add(value.view())),
            Side::List(values) => values.iter().for_each(|value| elements.add(value.view())),
            Side::View(view) => elements.add(*view),
        }
    }
}

impl Elements {
    /// Adds what may be equal to something; null, lists and objects are not.
    fn add(&mut self, view: View<'_>) {
        match view {
            View::Null | View::List(_) | View::Object(_) => {}
            View::Bool(_) | View::Number(_) | View::Text(_) => {
                let value = view.to_value().into_owned();
                if !self.scalars.contains(&value) {
                    self.scalars.push(value);
                }
            }
        }
    }
}

/// Returns a side that may be ordered with something.
fn scalar(side: Side<'_>) -> Option<Value<'static>> {
    match side {
        Side::View(view @ (View::Number(_) | View::Text(_))) => Some(view.to_value().into_owned()),
        Side::Instant(moment) => Some(Value::Text(moment.to_string().into())),
        Side::View(View::Null | View::Bool(_) | View::List(_) | View::Object(_))
        | Side::List(_)
        | Side::Open => None,
    }
}
