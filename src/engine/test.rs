//! What each operator asks of its two sides.

use std::cmp::Ordering;

use crate::model::condition::{Leaf, Operand};
use crate::vocab::limits::PATTERN_TEXT_BYTES_MAX;
use crate::vocab::operator::Operator;
use crate::vocab::value::{Value, View};

use super::compare::{Side, equal, number, order, text};
use super::condition::{Scene, Truth};
use super::geometry;
use super::like::like;

/// Tests a leaf whose left side is known.
pub(super) fn test<'s>(scene: &Scene<'s>, leaf: &'s Leaf, left: &Side<'s>) -> Truth {
    if left.is_null() {
        return test_null(scene, leaf);
    }
    match leaf.operator {
        Operator::Null => Truth::False,
        Operator::Nnull => Truth::True,
        Operator::Empty => Truth::of(is_empty(left)),
        Operator::Nempty => Truth::of(!is_empty(left)),
        Operator::In => test_in(scene, leaf, left),
        Operator::Nin => test_in(scene, leaf, left).not(),
        Operator::Between | Operator::Nbetween => test_between(scene, leaf, left),
        // The scene answers this one, since it is not about a value.
        Operator::Submitted => Truth::False,
        Operator::IsText => Truth::of(matches!(left, Side::View(View::Text(_)))),
        Operator::IsNumber => Truth::of(number(left).is_some()),
        Operator::Regex => Truth::of(leaf.pattern.as_ref().is_some_and(|pattern| match left {
            Side::View(View::Text(text)) => text.len() <= PATTERN_TEXT_BYTES_MAX && pattern.is_match(text),
            Side::View(_) | Side::Instant(_) | Side::List(_) | Side::Open => false,
        })),
        Operator::Eq
        | Operator::Neq
        | Operator::Is
        | Operator::Ieq
        | Operator::Nieq
        | Operator::Lt
        | Operator::Lte
        | Operator::Gt
        | Operator::Gte
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
        | Operator::Intersects
        | Operator::Nintersects
        | Operator::IntersectsBbox
        | Operator::NintersectsBbox => test_one(scene, leaf, left),
    }
}

/// A stored null matches no negative; a submitted one is told apart from what it is not.
fn test_null<'s>(scene: &Scene<'s>, leaf: &'s Leaf) -> Truth {
    let is_submitted = scene.is_submitted_table();
    let right = |holds: &dyn Fn(&Side<'s>) -> bool| {
        let side = scene.operand(&leaf.right);
        if side.is_open() {
            Truth::Open
        } else {
            Truth::of(holds(&side))
        }
    };
    let is_among = || {
        each_element(scene, &leaf.right, &mut |element| {
            if element.is_open() {
                Truth::Open
            } else {
                Truth::of(element.is_null())
            }
        })
    };
    // Whatever the elements are that a list is written with, a stored null is none of them.
    let written = match &leaf.right {
        Operand::List(parts) => Some(parts.is_empty()),
        Operand::Value(Value::List(values)) => Some(values.is_empty()),
        Operand::Value(_) | Operand::Variable(_) => None,
    };
    match leaf.operator {
        Operator::In if is_submitted => is_among(),
        Operator::Nin if is_submitted => is_among().not(),
        Operator::In if written.is_some() => Truth::False,
        Operator::Nin if written.is_some() => Truth::of(written == Some(true)),
        Operator::Null => Truth::True,
        Operator::Empty => Truth::of(!is_submitted),
        Operator::Nempty => Truth::of(is_submitted),
        Operator::Is => right(&Side::is_null),
        Operator::Eq if is_submitted => right(&Side::is_null),
        Operator::Neq if is_submitted => right(&|side| !side.is_null()),
        Operator::Nin => right(&|side| side.elements().is_some_and(<[_]>::is_empty)),
        Operator::Eq
        | Operator::Neq
        | Operator::Ieq
        | Operator::Nieq
        | Operator::In
        | Operator::Lt
        | Operator::Lte
        | Operator::Gt
        | Operator::Gte
        | Operator::Between
        | Operator::Nbetween
        | Operator::Nnull
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
        | Operator::Submitted
        | Operator::Intersects
        | Operator::Nintersects
        | Operator::IntersectsBbox
        | Operator::NintersectsBbox => right(&|_| false),
    }
}

/// Tests an operator whose right side is one value.
fn test_one<'s>(scene: &Scene<'s>, leaf: &'s Leaf, left: &Side<'s>) -> Truth {
    let is_submitted = scene.is_submitted_table();
    if is_submitted && !is_fit(leaf.operator, left) {
        return Truth::False;
    }
    let right = scene.operand(&leaf.right);
    if matches!(right, Side::Open) {
        return Truth::Open;
    }
    if right.is_null() {
        // Nothing stored compares with null; `_is` alone asks for it, and the left side is a value here. What is submitted
        // is told apart from it.
        return Truth::of(is_submitted && leaf.operator == Operator::Neq);
    }
    let compared = |holds: fn(Ordering) -> bool| order(left, &right).is_some_and(holds);
    Truth::of(match leaf.operator {
        Operator::Eq | Operator::Is => equal(left, &right, leaf.kind),
        Operator::Neq => !equal(left, &right, leaf.kind),
        Operator::Ieq => texts(left, &right, true, |left, right| left == right).unwrap_or(false),
        Operator::Nieq => texts(left, &right, true, |left, right| left != right).unwrap_or(false),
        Operator::Lt => compared(Ordering::is_lt),
        Operator::Lte => compared(Ordering::is_le),
        Operator::Gt => compared(Ordering::is_gt),
        Operator::Gte => compared(Ordering::is_ge),
        Operator::Contains => contains(left, &right, false).unwrap_or(false),
        Operator::Ncontains => contains(left, &right, false).is_some_and(|holds| !holds),
        Operator::Icontains => contains(left, &right, true).unwrap_or(false),
        Operator::Nicontains => contains(left, &right, true).is_some_and(|holds| !holds),
        Operator::StartsWith => texts(left, &right, false, str_starts).unwrap_or(false),
        Operator::NstartsWith => texts(left, &right, false, str_starts).is_some_and(|holds| !holds),
        Operator::IstartsWith => texts(left, &right, true, str_starts).unwrap_or(false),
        Operator::NistartsWith => texts(left, &right, true, str_starts).is_some_and(|holds| !holds),
        Operator::EndsWith => texts(left, &right, false, str_ends).unwrap_or(false),
        Operator::NendsWith => texts(left, &right, false, str_ends).is_some_and(|holds| !holds),
        Operator::IendsWith => texts(left, &right, true, str_ends).unwrap_or(false),
        Operator::NiendsWith => texts(left, &right, true, str_ends).is_some_and(|holds| !holds),
        Operator::Like => texts(left, &right, false, like).unwrap_or(false),
        Operator::Nlike => texts(left, &right, false, like).is_some_and(|holds| !holds),
        Operator::Intersects => geometry::intersects(left, &right, false).unwrap_or(false),
        Operator::Nintersects => geometry::intersects(left, &right, false).is_some_and(|holds| !holds),
        Operator::IntersectsBbox => geometry::intersects(left, &right, true).unwrap_or(false),
        Operator::NintersectsBbox => geometry::intersects(left, &right, true).is_some_and(|holds| !holds),
        Operator::In
        | Operator::Nin
        | Operator::Between
        | Operator::Nbetween
        | Operator::Null
        | Operator::Nnull
        | Operator::Empty
        | Operator::Nempty
        | Operator::IsText
        | Operator::IsNumber
        | Operator::Regex
        | Operator::Submitted => false,
    })
}

/// Tells whether a submitted value is of a kind that an operator on text judges: text that is not empty, or a list whose
/// elements it looks at. It passes none of these operators otherwise, not even the negative ones.
fn is_fit(operator: Operator, left: &Side<'_>) -> bool {
    let is_text = matches!(left, Side::View(View::Text(text)) if !text.is_empty());
    match operator {
        Operator::Contains | Operator::Ncontains | Operator::Icontains | Operator::Nicontains => {
            is_text || left.elements().is_some()
        }
        Operator::StartsWith
        | Operator::NstartsWith
        | Operator::IstartsWith
        | Operator::NistartsWith
        | Operator::EndsWith
        | Operator::NendsWith
        | Operator::IendsWith
        | Operator::NiendsWith => is_text,
        Operator::Eq
        | Operator::Neq
        | Operator::Is
        | Operator::Ieq
        | Operator::Nieq
        | Operator::In
        | Operator::Nin
        | Operator::Lt
        | Operator::Lte
        | Operator::Gt
        | Operator::Gte
        | Operator::Between
        | Operator::Nbetween
        | Operator::Null
        | Operator::Nnull
        | Operator::Empty
        | Operator::Nempty
        | Operator::Like
        | Operator::Nlike
        | Operator::IsText
        | Operator::IsNumber
        | Operator::Regex
        | Operator::Submitted
        | Operator::Intersects
        | Operator::Nintersects
        | Operator::IntersectsBbox
        | Operator::NintersectsBbox => true,
    }
}

/// Tests membership; an element that is not told leaves it open unless another one decides.
fn test_in<'s>(scene: &Scene<'s>, leaf: &'s Leaf, left: &Side<'s>) -> Truth {
    each_element(scene, &leaf.right, &mut |element| {
        if element.is_open() {
            Truth::Open
        } else {
            Truth::of(equal(left, element, leaf.kind))
        }
    })
}

/// Returns the best of what the elements of an operand come to; lists in it count as their elements.
fn each_element<'s>(
    scene: &Scene<'s>,
    operand: &'s Operand,
    visit: &mut dyn FnMut(&Side<'_>) -> Truth,
) -> Truth {
    if let Operand::List(parts) = operand {
        let mut best = Truth::False;
        for part in parts {
            best = best.or(each_element(scene, part, visit));
            if best == Truth::True {
                break;
            }
        }
        return best;
    }
    let side = scene.operand(operand);
    match side.elements() {
        Some(values) => values
            .iter()
            .map(|value| visit(&Side::View(value.view())))
            .max()
            .unwrap_or(Truth::False),
        None => visit(&side),
    }
}

fn test_between<'s>(scene: &Scene<'s>, leaf: &'s Leaf, left: &Side<'s>) -> Truth {
    let (low, high) = match &leaf.right {
        Operand::List(parts) => match parts.as_ref() {
            [low, high] => (scene.operand(low), scene.operand(high)),
            _ => return Truth::False,
        },
        Operand::Value(Value::List(values)) => match values.as_slice() {
            [low, high] => (Side::View(low.view()), Side::View(high.view())),
            _ => return Truth::False,
        },
        Operand::Value(_) | Operand::Variable(_) => return Truth::False,
    };
    if matches!(low, Side::Open) || matches!(high, Side::Open) {
        return Truth::Open;
    }
    let (Some(low), Some(high)) = (order(left, &low), order(left, &high)) else {
        return Truth::False;
    };
    let is_inside = low.is_ge() && high.is_le();
    Truth::of(if leaf.operator == Operator::Nbetween {
        low.is_lt() || high.is_gt()
    } else {
        is_inside
    })
}

fn is_empty(side: &Side<'_>) -> bool {
    match side.elements() {
        Some(values) => values.is_empty(),
        None => matches!(side, Side::View(View::Text(""))),
    }
}

fn str_starts(left: &str, right: &str) -> bool {
    left.starts_with(right)
}

fn str_ends(left: &str, right: &str) -> bool {
    left.ends_with(right)
}

/// Compares as text, letter case aside if asked; `None` if a side has no text.
fn texts(left: &Side<'_>, right: &Side<'_>, folded: bool, holds: fn(&str, &str) -> bool) -> Option<bool> {
    let (left, right) = (text(left)?, text(right)?);
    Some(if folded {
        holds(&left.to_lowercase(), &right.to_lowercase())
    } else {
        holds(&left, &right)
    })
}

/// Tells whether text holds a text, or a list an element.
fn contains(left: &Side<'_>, right: &Side<'_>, folded: bool) -> Option<bool> {
    let Some(values) = left.elements() else {
        return texts(left, right, folded, |left, right| left.contains(right));
    };
    let wanted = text(right)?;
    Some(
        values
            .iter()
            .filter_map(|value| value.view().text())
            .any(|element| {
                if folded {
                    element.to_lowercase() == wanted.to_lowercase()
                } else {
                    element == wanted
                }
            }),
    )
}
