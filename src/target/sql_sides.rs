//! Equality and order: two sides that a database compares as the engine does.

use super::Unsayable;
use super::sql_compare::{Leaf, Order, Question};
use super::sql_writer::Writer;
use crate::vocab::value::Value;

/// Two sides that a database compares as the engine does.
#[derive(Clone)]
pub(super) struct Sides {
    /// The left one.
    pub(super) left: String,
    /// What stands around the parameter on the right.
    pub(super) around: (&'static str, &'static str),
    /// A comparison that holds wherever these sides are equal, and that an index serves.
    pub(super) index: Option<(String, (&'static str, &'static str))>,
    /// What the left side has to pass to be ordered at all, where it is less, and where it is more.
    pub(super) ordered: (Option<&'static str>, Option<&'static str>),
}

impl Sides {
    pub(super) fn new(left: String, around: (&'static str, &'static str)) -> Self {
        Self {
            left,
            around,
            index: None,
            ordered: (None, None),
        }
    }
}

/// The place of a value among those that a column can hold.
pub(super) struct Bound {
    /// The value, or the largest below it that the column can hold.
    pub(super) value: Value<'static>,
    /// Whether it is the value itself.
    pub(super) is_exact: bool,
    pub(super) sides: Sides,
}

/// Writes whether the left side is one of these values, or none of them.
pub(super) fn write_equal(leaf: &Leaf<'_>, sides: &Sides, values: Vec<Value<'static>>, writer: &mut Writer) {
    if values.is_empty() {
        leaf.write_unmatched(writer);
        return;
    }
    let is_single = values.len() == 1;
    let index = sides.index.as_ref().filter(|_| !leaf.is_negative());
    let mut numbers = Vec::new();
    if let Some((left, around)) = index {
        writer.push(&format!("({left} {}", if is_single { "= " } else { "IN (" }));
        for (index, value) in values.iter().enumerate() {
            writer.push(if index > 0 { ", " } else { "" });
            writer.push(around.0);
            numbers.push(writer.bind(value.clone()));
            writer.push(around.1);
        }
        writer.push(if is_single { " AND " } else { ") AND " });
    }
    let word = match (is_single, leaf.is_negative()) {
        (true, false) => "= ",
        (true, true) => "<> ",
        (false, false) => "IN (",
        (false, true) => "NOT IN (",
    };
    writer.push(&format!("{} {word}", sides.left));
    for (index, value) in values.into_iter().enumerate() {
        writer.push(if index > 0 { ", " } else { "" });
        writer.push(sides.around.0);
        match numbers.get(index) {
            Some(number) => writer.bind_again(*number),
            None => {
                writer.bind(value);
            }
        }
        writer.push(sides.around.1);
    }
    writer.push(if is_single { "" } else { ")" });
    writer.push(if index.is_some() { ")" } else { "" });
}

/// Writes how the left side is ordered.
pub(super) fn write_order(order: Order, bound: Bound, writer: &mut Writer) {
    let sign = match (order, bound.is_exact) {
        (Order::Lt, true) => "<",
        (Order::Lt, false) | (Order::Lte, _) => "<=",
        (Order::Gt, _) | (Order::Gte, false) => ">",
        (Order::Gte, true) => ">=",
    };
    let sides = bound.sides;
    let guard = match order {
        Order::Lt | Order::Lte => sides.ordered.0,
        Order::Gt | Order::Gte => sides.ordered.1,
    };
    writer.push(if guard.is_some() { "(" } else { "" });
    writer.push(&format!("{} {sign} {}", sides.left, sides.around.0));
    writer.bind(bound.value);
    writer.push(sides.around.1);
    if let Some(guard) = guard {
        writer.push(&format!(" AND {} {guard})", sides.left));
    }
}

/// Writes an ordering, or a look between two values; what has no order passes neither that nor its negative.
pub(super) fn write_ordered(
    leaf: &Leaf<'_>,
    find_bound: impl Fn(&Value<'static>) -> Result<Option<Bound>, Unsayable>,
    writer: &mut Writer,
) -> Result<(), Unsayable> {
    let mut bounds = Vec::new();
    for value in leaf.values {
        match find_bound(value)? {
            Some(bound) => bounds.push(bound),
            None => {
                leaf.write_never(writer);
                return Ok(());
            }
        }
    }
    let mut bounds = bounds.into_iter();
    match (leaf.question, bounds.next(), bounds.next()) {
        (Question::Order(order), Some(bound), None) => write_order(order, bound, writer),
        (Question::Between, Some(low), Some(high)) => {
            let (first, word, second) = if leaf.is_negative() {
                (Order::Lt, " OR ", Order::Gt)
            } else {
                (Order::Gte, " AND ", Order::Lte)
            };
            writer.push("(");
            write_order(first, low, writer);
            writer.push(word);
            write_order(second, high, writer);
            writer.push(")");
        }
        _ => leaf.write_never(writer),
    }
    Ok(())
}
