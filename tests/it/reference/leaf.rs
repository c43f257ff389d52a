//! The two tables of leaves: of a stored value, and of a submitted one.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use placet::vocab::limits::PATTERN_TEXT_BYTES_MAX;
use placet::vocab::operator::{Function, Operand as Form, Operator};
use placet::vocab::time::{from_milliseconds, parse_instant, parse_time_of_day};
use placet::vocab::value::{Value, is_twin, number_text};
use regex::Regex;

use super::kleene::Kleene;

/// One side of a leaf.
#[derive(Clone, Debug)]
pub(crate) enum Side {
    /// Not told.
    Open,
    /// A value; `moment` says that it comes from `$NOW`, or is declared to be a moment.
    Known { value: Value<'static>, moment: bool },
}

impl Side {
    pub(crate) fn known(value: Value<'static>) -> Self {
        Side::Known { value, moment: false }
    }
}

/// Decides a leaf on a value that is stored; whether null is in a list is not asked here.
pub(crate) fn stored(operator: Operator, left: &Side, right: &[Side]) -> Kleene {
    let Side::Known { value, moment } = left else {
        return Kleene::Open;
    };
    match operator {
        Operator::In => return is_in(value, *moment, right),
        Operator::Nin => return is_in(value, *moment, right).not(),
        Operator::Between | Operator::Nbetween if *value != Value::Null => {
            return between(operator, value, right);
        }
        _ => {}
    }
    if right.iter().any(|side| matches!(side, Side::Open)) {
        return Kleene::Open;
    }
    let (operand, operand_moment) = match right.first() {
        Some(Side::Known { value, moment }) => (value, *moment),
        Some(Side::Open) | None => (&Value::Null, false),
    };
    let moment = *moment || operand_moment;
    if *value == Value::Null {
        let holds = match operator {
            Operator::Null | Operator::Empty => true,
            Operator::Is => *operand == Value::Null,
            _ => false,
        };
        return holds.into();
    }
    if *operand == Value::Null && operator.operand() != Form::Flag {
        return Kleene::False;
    }
    known(operator, value, operand, moment).into()
}

/// Decides a leaf on a value that is submitted.
pub(crate) fn submitted(operator: Operator, left: &Side, right: &[Side]) -> Kleene {
    let Side::Known { value, moment } = left else {
        return Kleene::Open;
    };
    if *value != Value::Null {
        let text = matches!(value, Value::Text(text) if !text.is_empty());
        let list = matches!(value, Value::List(_));
        match operator {
            Operator::Empty => {
                return (*value == Value::Text("".into()) || *value == Value::List(Vec::new())).into();
            }
            Operator::Contains | Operator::Icontains | Operator::Ncontains | Operator::Nicontains
                if !text && !list =>
            {
                return Kleene::False;
            }
            Operator::StartsWith
            | Operator::NstartsWith
            | Operator::IstartsWith
            | Operator::NistartsWith
            | Operator::EndsWith
            | Operator::NendsWith
            | Operator::IendsWith
            | Operator::NiendsWith
                if !text =>
            {
                return Kleene::False;
            }
            Operator::Neq
                if matches!(
                    right,
                    [Side::Known {
                        value: Value::Null,
                        ..
                    }]
                ) =>
            {
                return Kleene::True;
            }
            _ => {}
        }
        let _ = moment;
        return stored(operator, left, right);
    }
    let lists_null = right.iter().any(|side| {
        matches!(
            side,
            Side::Known {
                value: Value::Null,
                ..
            }
        )
    });
    // An element that is not told leaves membership open, unless another one is null for sure.
    let settles = lists_null && matches!(operator, Operator::In | Operator::Nin);
    if right.iter().any(|side| matches!(side, Side::Open)) && !settles {
        return Kleene::Open;
    }
    let holds = match operator {
        Operator::Null | Operator::Nempty => true,
        Operator::Eq | Operator::Is | Operator::In => lists_null,
        Operator::Neq | Operator::Nin => !lists_null,
        _ => false,
    };
    holds.into()
}

fn is_in(value: &Value<'static>, moment: bool, right: &[Side]) -> Kleene {
    right
        .iter()
        .map(|side| match side {
            Side::Open => Kleene::Open,
            Side::Known {
                value: Value::Null, ..
            } => Kleene::False,
            Side::Known {
                value: other,
                moment: other_moment,
            } => equal(value, other, moment || *other_moment).into(),
        })
        .max()
        .unwrap_or(Kleene::False)
}

fn between(operator: Operator, value: &Value<'static>, right: &[Side]) -> Kleene {
    let [low, high] = right else {
        return if right.iter().any(|side| matches!(side, Side::Open)) {
            Kleene::Open
        } else {
            Kleene::False
        };
    };
    let (
        Side::Known {
            value: low,
            moment: low_moment,
        },
        Side::Known {
            value: high,
            moment: high_moment,
        },
    ) = (low, high)
    else {
        return Kleene::Open;
    };
    let _ = (low_moment, high_moment);
    let (Some(low), Some(high)) = (compare(value, low), compare(value, high)) else {
        return Kleene::False;
    };
    let inside = low.is_ge() && high.is_le();
    (inside == (operator == Operator::Between)).into()
}

/// Decides a leaf on two values that are not null.
fn known(operator: Operator, left: &Value<'static>, right: &Value<'static>, moment: bool) -> bool {
    let ordered = |test: fn(std::cmp::Ordering) -> bool| compare(left, right).is_some_and(test);
    let fold = |text: &str| text.to_lowercase();
    let same = |text: &str| text.to_owned();
    match operator {
        Operator::Eq | Operator::Is => equal(left, right, moment),
        Operator::Neq => !equal(left, right, moment),
        Operator::Ieq => texts(left, right, fold, |x, y| x == y),
        Operator::Nieq => texts(left, right, fold, |x, y| x != y),
        Operator::Lt => ordered(std::cmp::Ordering::is_lt),
        Operator::Lte => ordered(std::cmp::Ordering::is_le),
        Operator::Gt => ordered(std::cmp::Ordering::is_gt),
        Operator::Gte => ordered(std::cmp::Ordering::is_ge),
        Operator::Null => false,
        Operator::Nnull => true,
        Operator::Empty => is_empty(left),
        Operator::Nempty => !is_empty(left),
        Operator::Contains => contains(left, right, same) == Some(true),
        Operator::Ncontains => contains(left, right, same) == Some(false),
        Operator::Icontains => contains(left, right, fold) == Some(true),
        Operator::Nicontains => contains(left, right, fold) == Some(false),
        Operator::StartsWith => texts(left, right, same, |x, y| x.starts_with(y)),
        Operator::NstartsWith => texts(left, right, same, |x, y| !x.starts_with(y)),
        Operator::IstartsWith => texts(left, right, fold, |x, y| x.starts_with(y)),
        Operator::NistartsWith => texts(left, right, fold, |x, y| !x.starts_with(y)),
        Operator::EndsWith => texts(left, right, same, |x, y| x.ends_with(y)),
        Operator::NendsWith => texts(left, right, same, |x, y| !x.ends_with(y)),
        Operator::IendsWith => texts(left, right, fold, |x, y| x.ends_with(y)),
        Operator::NiendsWith => texts(left, right, fold, |x, y| !x.ends_with(y)),
        Operator::Regex => matches_pattern(left, right),
        Operator::Like => texts(left, right, same, fits),
        Operator::Nlike => texts(left, right, same, |x, y| !fits(x, y)),
        Operator::IsText => matches!(left, Value::Text(_)),
        Operator::IsNumber => match left {
            Value::Number(_) => true,
            Value::Text(text) => text.parse::<f64>().is_ok_and(f64::is_finite),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => false,
        },
        // The shapes of the reference are their own bounding boxes.
        Operator::Intersects | Operator::IntersectsBbox => meet(left, right) == Some(true),
        Operator::Nintersects | Operator::NintersectsBbox => meet(left, right) == Some(false),
        // Lists are decided before, presence by the caller.
        Operator::In | Operator::Nin | Operator::Between | Operator::Nbetween | Operator::Submitted => false,
    }
}

/// Tells whether two values that are not null are equal.
pub(crate) fn equal(left: &Value<'_>, right: &Value<'_>, moment: bool) -> bool {
    if moment && let (Some(left), Some(right)) = (instant(left), instant(right)) {
        return left == right;
    }
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::Number(number), Value::Text(text)) | (Value::Text(text), Value::Number(number)) => {
            is_twin(*number, text)
        }
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        _ => false,
    }
}

fn instant(value: &Value<'_>) -> Option<Timestamp> {
    match value {
        Value::Text(text) => parse_instant(text),
        Value::Number(number) => from_milliseconds(*number),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
    }
}

/// Orders two values: as numbers, as moments, or as times of day.
pub(crate) fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<std::cmp::Ordering> {
    let number = |value: &Value<'_>| match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.parse::<f64>().ok().filter(|number| number.is_finite()),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
    };
    let is_number = |value: &Value<'_>| matches!(value, Value::Number(_));
    if (is_number(left) || is_number(right))
        && let (Some(left), Some(right)) = (number(left), number(right))
    {
        return left.partial_cmp(&right);
    }
    if let (Some(left), Some(right)) = (instant(left), instant(right)) {
        return Some(left.cmp(&right));
    }
    let time = |value: &Value<'_>| match value {
        Value::Text(text) => parse_time_of_day(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Object(_) => None,
    };
    Some(time(left)?.cmp(&time(right)?))
}

fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn text_of(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Number(number) => Some(number_text(*number)),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::List(_) | Value::Object(_) => None,
    }
}

/// Compares two texts; values that are no text compare neither way.
fn texts(
    left: &Value<'_>,
    right: &Value<'_>,
    form: impl Fn(&str) -> String,
    test: impl Fn(&str, &str) -> bool,
) -> bool {
    match (text_of(left), text_of(right)) {
        (Some(left), Some(right)) => test(&form(&left), &form(&right)),
        (None, _) | (_, None) => false,
    }
}

/// Tells whether text holds text, or a list an equal element; `None` if neither can be asked.
fn contains(left: &Value<'_>, right: &Value<'_>, form: impl Fn(&str) -> String) -> Option<bool> {
    let part = form(&text_of(right)?);
    if let Value::List(items) = left {
        return Some(items.iter().filter_map(text_of).any(|item| form(&item) == part));
    }
    Some(form(&text_of(left)?).contains(&part))
}

/// Tells whether two shapes share a point: of points, and of lines and rectangles along the axes; `None` if one is none.
fn meet(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    let ([left_x, left_y], [right_x, right_y]) = (extent(left)?, extent(right)?);
    let overlap = |one: (f64, f64), other: (f64, f64)| one.0 <= other.1 && other.0 <= one.1;
    Some(overlap(left_x, right_x) && overlap(left_y, right_y))
}

/// From where to where a shape reaches, along either axis.
fn extent(shape: &Value<'_>) -> Option<[(f64, f64); 2]> {
    let Value::Object(object) = shape else { return None };
    let mut corners = Vec::new();
    collect_corners(object.get("coordinates")?, &mut corners);
    let reach = |axis: usize| {
        let along = corners.iter().map(|corner: &[f64; 2]| corner[axis]);
        (
            along.clone().fold(f64::INFINITY, f64::min),
            along.fold(f64::NEG_INFINITY, f64::max),
        )
    };
    Some([reach(0), reach(1)])
}

fn collect_corners(coordinates: &Value<'_>, corners: &mut Vec<[f64; 2]>) {
    match coordinates {
        Value::List(pair) if matches!(pair.as_slice(), [Value::Number(_), Value::Number(_)]) => {
            if let [Value::Number(x), Value::Number(y)] = pair.as_slice() {
                corners.push([*x, *y]);
            }
        }
        Value::List(parts) => parts.iter().for_each(|part| collect_corners(part, corners)),
        _ => {}
    }
}

fn matches_pattern(left: &Value<'_>, right: &Value<'_>) -> bool {
    let (Value::Text(text), Value::Text(pattern)) = (left, right) else {
        return false;
    };
    // Compiling a pattern is all that costs here, and a run asks for the same few again and again.
    static PATTERNS: OnceLock<Mutex<HashMap<String, Regex>>> = OnceLock::new();
    let mut patterns = PATTERNS.get_or_init(Mutex::default).lock().unwrap();
    let compiled = patterns
        .entry(pattern.to_string())
        .or_insert_with(|| Regex::new(pattern).unwrap());
    text.len() <= PATTERN_TEXT_BYTES_MAX && compiled.is_match(text)
}

/// Tells whether a text fits a pattern of SQL: every way to share the text out among the parts of the pattern is tried.
fn fits(text: &str, pattern: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    if first == '%' {
        let ends = text.char_indices().map(|(end, _)| end).chain([text.len()]);
        return ends.into_iter().any(|end| fits(&text[end..], rest));
    }
    text.chars().next().is_some_and(|found| {
        (first == '_' || first.eq_ignore_ascii_case(&found)) && fits(&text[found.len_utf8()..], rest)
    })
}

/// Applies a function to a value; `None` where it has none, and the leaf is false.
pub(crate) fn apply(function: Function, value: &Value<'static>) -> Option<Value<'static>> {
    if *value == Value::Null {
        return Some(Value::Null);
    }
    if function == Function::Count {
        let Value::List(items) = value else {
            return None;
        };
        return Some(Value::Number(items.len() as f64));
    }
    if function == Function::Joined {
        let text = match value {
            Value::List(items) => {
                let texts: Vec<String> = items
                    .iter()
                    .map(|item| text_of(item).unwrap_or_default())
                    .collect();
                texts.join(",")
            }
            other => text_of(other)?,
        };
        return Some(Value::Text(text.into()));
    }
    let moment = instant(value)?.to_zoned(TimeZone::UTC);
    let number = match function {
        Function::Year => i32::from(moment.year()),
        Function::Month => i32::from(moment.month()),
        Function::Week => {
            let monday_first = i32::from(moment.weekday().to_monday_zero_offset());
            (i32::from(moment.day_of_year()) - 1 + 7 - monday_first) / 7
        }
        Function::Day => i32::from(moment.day()),
        Function::Weekday => i32::from(moment.weekday().to_sunday_zero_offset()),
        Function::Hour => i32::from(moment.hour()),
        Function::Minute => i32::from(moment.minute()),
        Function::Second => i32::from(moment.second()),
        Function::Count | Function::Joined => return None,
    };
    Some(Value::Number(f64::from(number)))
}
