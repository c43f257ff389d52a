//! How two sides of a leaf compare.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;

use crate::vocab::operator::{FieldType, Function};
use crate::vocab::time::{from_milliseconds, parse_instant, parse_time_of_day};
use crate::vocab::value::{Value, View, is_twin, read_number};

/// One side of a leaf.
#[derive(Clone, Debug)]
pub(super) enum Side<'v> {
    /// The request does not tell it.
    Open,
    /// A value.
    View(View<'v>),
    /// A moment: `$NOW`.
    Instant(Timestamp),
    /// A list that was made for the question: `$CURRENT_ROLES`.
    List(Vec<Value<'v>>),
}

impl Side<'_> {
    /// Returns the elements if the side is a list.
    pub(super) fn elements(&self) -> Option<&[Value<'_>]> {
        match self {
            Side::View(View::List(values)) => Some(values),
            Side::List(values) => Some(values),
            Side::View(_) | Side::Instant(_) | Side::Open => None,
        }
    }

    /// Tells whether the request does not tell the side.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Side::Open)
    }

    /// Tells whether the side is null.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Side::View(View::Null))
    }
}

/// Tells whether two sides are one value; null is no value.
pub(super) fn equal(left: &Side<'_>, right: &Side<'_>, kind: Option<FieldType>) -> bool {
    match (left, right) {
        (Side::View(left), Side::View(right)) => equal_views(*left, *right, kind),
        (Side::Instant(_), _) | (_, Side::Instant(_)) => instant(left)
            .zip(instant(right))
            .is_some_and(|(left, right)| left == right),
        (Side::Open | Side::List(_), _) | (_, Side::Open | Side::List(_)) => false,
    }
}

fn equal_views(left: View<'_>, right: View<'_>, kind: Option<FieldType>) -> bool {
    match (left, right) {
        (View::Text(left), View::Text(right)) => {
            left == right
                || is_moment(kind)
                    && parse_instant(left)
                        .zip(parse_instant(right))
                        .is_some_and(|(left, right)| left == right)
        }
        (View::Number(left), View::Number(right)) => left == right,
        (View::Number(number), View::Text(text)) | (View::Text(text), View::Number(number)) => {
            is_twin(number, text)
        }
        (View::Bool(left), View::Bool(right)) => left == right,
        (View::Null | View::List(_) | View::Object(_), _)
        | (_, View::Null | View::List(_) | View::Object(_))
        | (View::Bool(_), _)
        | (_, View::Bool(_)) => false,
    }
}

fn is_moment(kind: Option<FieldType>) -> bool {
    matches!(
        kind,
        Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp)
    )
}

/// Orders two sides: as numbers, as moments or as times of day; `None` if they are none of these together.
pub(super) fn order(left: &Side<'_>, right: &Side<'_>) -> Option<Ordering> {
    let is_number = |side: &Side<'_>| matches!(side, Side::View(View::Number(_)));
    if (is_number(left) || is_number(right))
        && let (Some(left), Some(right)) = (number(left), number(right))
    {
        return left.partial_cmp(&right);
    }
    if let (Some(left), Some(right)) = (instant(left), instant(right)) {
        return Some(left.cmp(&right));
    }
    match (left, right) {
        (Side::View(View::Text(left)), Side::View(View::Text(right))) => {
            Some(parse_time_of_day(left)?.cmp(&parse_time_of_day(right)?))
        }
        (Side::View(_) | Side::Instant(_) | Side::List(_) | Side::Open, _) => None,
    }
}

/// Returns the number that a side is, or writes.
pub(super) fn number(side: &Side<'_>) -> Option<f64> {
    match side {
        Side::View(View::Number(number)) => Some(*number),
        Side::View(View::Text(text)) => read_number(text),
        Side::View(_) | Side::Instant(_) | Side::List(_) | Side::Open => None,
    }
}

/// Returns the moment that a side writes; a number counts milliseconds since 1970.
pub(super) fn instant(side: &Side<'_>) -> Option<Timestamp> {
    match side {
        Side::Instant(instant) => Some(*instant),
        Side::View(View::Text(text)) => parse_instant(text),
        Side::View(View::Number(number)) => from_milliseconds(*number),
        Side::View(_) | Side::List(_) | Side::Open => None,
    }
}

/// Returns the text of a side, as text operators see it.
pub(super) fn text<'s>(side: &'s Side<'_>) -> Option<Cow<'s, str>> {
    match side {
        Side::View(view) => view.text(),
        Side::Instant(instant) => Some(Cow::Owned(instant.to_string())),
        Side::List(_) | Side::Open => None,
    }
}

/// Applies a function; null has no parts, and what is no moment or list has none either (`Err`).
pub(super) fn apply(function: Function, side: &Side<'_>) -> Result<Side<'static>, Unfit> {
    if side.is_null() {
        return Ok(Side::View(View::Null));
    }
    if function == Function::Count {
        let elements = side.elements().ok_or(Unfit)?;
        #[expect(clippy::cast_precision_loss, reason = "a request cannot hold 2^53 elements")]
        return Ok(Side::View(View::Number(elements.len() as f64)));
    }
    let moment = instant(side).ok_or(Unfit)?.to_zoned(jiff::tz::TimeZone::UTC);
    let weekday = moment.weekday();
    let part = match function {
        Function::Year => i32::from(moment.year()),
        Function::Month => i32::from(moment.month()),
        // Weeks begin on Monday; the days before the first one are week 0 (strftime's %W, as SQLite counts).
        Function::Week => {
            (i32::from(moment.day_of_year()) + 6 - i32::from(weekday.to_monday_zero_offset())) / 7
        }
        Function::Day => i32::from(moment.day()),
        Function::Weekday => i32::from(weekday.to_sunday_zero_offset()),
        Function::Hour => i32::from(moment.hour()),
        Function::Minute => i32::from(moment.minute()),
        Function::Second => i32::from(moment.second()),
        Function::Count | Function::Joined => return Err(Unfit),
    };
    Ok(Side::View(View::Number(f64::from(part))))
}

/// Returns the elements of a list as one text, or the text that stands in place of a list; null has none.
pub(super) fn joined(side: &Side<'_>) -> Result<Option<String>, Unfit> {
    if side.is_null() {
        return Ok(None);
    }
    let Some(values) = side.elements() else {
        return text(side).map(|text| Some(text.into_owned())).ok_or(Unfit);
    };
    let texts: Vec<_> = values
        .iter()
        .map(|value| value.view().text().unwrap_or_default())
        .collect();
    Ok(Some(texts.join(",")))
}

/// A value that a function is not for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfit;
