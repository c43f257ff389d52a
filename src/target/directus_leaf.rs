//! One comparison, as Directus makes it of a stored item.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::Unsayable;
use super::literal::{Spot, WHOLE_MAX, find_spot, is_uuid, number_in, number_of, unsayable};
use crate::engine::filter::Comparison;
use crate::model::Model;
use crate::model::id::CollectionId;
use crate::vocab::operator::{FieldType, Function, Operator};
use crate::vocab::time::{from_milliseconds, instant_text, parse_instant, parse_time_of_day};
use crate::vocab::value::{Value, find_twin, number_text};

/// What a comparison comes to.
pub(super) enum Side {
    Never,
    Always,
    /// The field is null.
    Null,
    /// The field is not null.
    There,
    /// An operator that is true or not of null as well, and its opposite.
    Total(&'static str, &'static str),
    /// All of these; none of them is true of null.
    All(Vec<Test>),
    /// One of these; none of them is true of null.
    Any(Vec<Test>),
}

/// An operator with its operand.
pub(super) struct Test {
    pub(super) word: &'static str,
    pub(super) operand: Json,
    /// The operator that is true of the other values that are not null.
    pub(super) opposite: Option<&'static str>,
}

/// The kinds of fields that Directus compares in ways of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Text,
    /// A list, which the database holds as one text.
    Joined,
    Uuid,
    Number,
    Boolean,
    Moment,
    Time,
    Hash,
    Geometry,
    /// Nothing but whether it is null.
    Other,
}

/// Returns the path of a comparison, with its function.
pub(super) fn path_of(comparison: &Comparison) -> Result<Vec<Box<str>>, Unsayable> {
    let mut path = check_path(&comparison.path)?.to_vec();
    let function = comparison
        .function
        .filter(|function| *function != Function::Joined);
    if let (Some(function), Some(last)) = (function, path.last_mut()) {
        *last = format!("{}({last})", function.name()).into();
    }
    Ok(path)
}

/// Refuses names that Directus would take for something else.
pub(super) fn check_path(path: &[Box<str>]) -> Result<&[Box<str>], Unsayable> {
    let is_odd = |name: &str| {
        name.is_empty() || name.starts_with(['_', '$']) || name.contains(['(', ')', '.', ':', ','])
    };
    match path.iter().find(|name| is_odd(name)) {
        Some(name) => Err(Unsayable(format!(
            "a filter of Directus cannot ask for a field that is named {name:?}; rename it"
        ))),
        None => Ok(path),
    }
}

/// Returns the complaint that a comparison has no opposite in Directus.
pub(super) fn no_opposite(comparison: &Comparison) -> Unsayable {
    unsayable(
        comparison,
        "has no opposite among the operators of Directus, which has no negation",
    )
}

/// Brings a comparison into the operators of Directus.
pub(super) fn render(
    model: &Model,
    collection: Option<CollectionId>,
    comparison: &Comparison,
) -> Result<Side, Unsayable> {
    let spot = find_spot(model, collection, comparison)?;
    let comparison = &Comparison {
        kind: spot.kind,
        ..comparison.clone()
    };
    let class = match comparison.function {
        Some(function) => class_of_function(comparison, &spot, function)?,
        None => class_of(spot.kind),
    };
    Leaf { comparison, class }.render()
}

fn class_of(kind: Option<FieldType>) -> Class {
    match kind {
        Some(FieldType::String | FieldType::Text) => Class::Text,
        Some(FieldType::Uuid) => Class::Uuid,
        Some(FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal) => {
            Class::Number
        }
        Some(FieldType::Boolean) => Class::Boolean,
        Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp) => Class::Moment,
        Some(FieldType::Time) => Class::Time,
        Some(FieldType::Hash) => Class::Hash,
        Some(FieldType::Geometry) => Class::Geometry,
        Some(FieldType::Csv | FieldType::Json | FieldType::Alias) | None => Class::Other,
    }
}

fn class_of_function(
    comparison: &Comparison,
    spot: &Spot<'_>,
    function: Function,
) -> Result<Class, Unsayable> {
    let kind = spot.kind;
    let is_moment = class_of(kind) == Class::Moment;
    match function {
        Function::Joined => match kind {
            Some(FieldType::Csv) => Ok(Class::Joined),
            Some(FieldType::String | FieldType::Text) => Ok(Class::Text),
            Some(_) | None => Err(unsayable(
                comparison,
                "makes text of what Directus does not hold as text",
            )),
        },
        Function::Year | Function::Month | Function::Day if is_moment => Ok(Class::Number),
        Function::Hour | Function::Minute | Function::Second
            if is_moment && kind != Some(FieldType::Date) =>
        {
            Ok(Class::Number)
        }
        // Of a declared list of related items, which is never null.
        Function::Count if spot.many => Ok(Class::Number),
        Function::Count => Err(unsayable(
            comparison,
            "counts what the databases of Directus count in different ways; count related items instead",
        )),
        Function::Week | Function::Weekday => Err(unsayable(
            comparison,
            "counts days and weeks, which every database of Directus does in its own way; keep the number in a field",
        )),
        Function::Year
        | Function::Month
        | Function::Day
        | Function::Hour
        | Function::Minute
        | Function::Second => Err(unsayable(
            comparison,
            "wants a field that is declared as dateTime or timestamp",
        )),
    }
}

pub(super) struct Leaf<'c> {
    pub(super) comparison: &'c Comparison,
    pub(super) class: Class,
}

/// A value, cast to the type of the field.
enum Cast {
    Operand(Json),
    /// No value of the field is equal to it.
    Unequal,
}

impl Leaf<'_> {
    fn render(&self) -> Result<Side, Unsayable> {
        use Operator as O;
        let values = self.comparison.values.as_slice();
        match self.comparison.operator {
            O::Null => Ok(Side::Null),
            O::Nnull => Ok(Side::There),
            O::Empty => self.empty("_empty", "_nempty", Side::Null),
            O::Nempty => self.empty("_nempty", "_empty", Side::There),
            O::Eq | O::Is | O::In => self.among(values),
            O::Nin if values.is_empty() => Ok(Side::Always),
            O::Neq | O::Nin => self.not_among(values),
            O::Lt => self.order("_lt", "_gte", values.first()),
            O::Lte => self.order("_lte", "_gt", values.first()),
            O::Gt => self.order("_gt", "_lte", values.first()),
            O::Gte => self.order("_gte", "_lt", values.first()),
            O::Between => self.between(("_gte", "_lt"), ("_lte", "_gt"), Side::All),
            O::Nbetween => self.between(("_lt", "_gte"), ("_gt", "_lte"), Side::Any),
            O::Contains => self.text("_contains", Some("_ncontains")),
            O::Ncontains => self.text("_ncontains", Some("_contains")),
            O::StartsWith => self.text("_starts_with", Some("_nstarts_with")),
            O::NstartsWith => self.text("_nstarts_with", Some("_starts_with")),
            O::EndsWith => self.text("_ends_with", Some("_nends_with")),
            O::NendsWith => self.text("_nends_with", Some("_ends_with")),
            O::Icontains => self.folded("_icontains", None),
            O::IstartsWith => self.folded("_istarts_with", Some("_nistarts_with")),
            O::NistartsWith => self.folded("_nistarts_with", Some("_istarts_with")),
            O::IendsWith => self.folded("_iends_with", Some("_niends_with")),
            O::NiendsWith => self.folded("_niends_with", Some("_iends_with")),
            O::Like | O::Nlike => self.like(),
            O::IsText => self.is_text(),
            O::IsNumber => self.is_number(),
            O::Regex if self.class == Class::Number || self.class == Class::Boolean => Ok(Side::Never),
            O::Nicontains | O::Ieq | O::Nieq | O::Regex | O::Submitted => {
                Err(self.unsayable("is an operator that filters of Directus do not have"))
            }
            O::Intersects => self.geometry("_intersects", "_nintersects"),
            O::Nintersects => self.geometry("_nintersects", "_intersects"),
            O::IntersectsBbox => self.geometry("_intersects_bbox", "_nintersects_bbox"),
            O::NintersectsBbox => self.geometry("_nintersects_bbox", "_intersects_bbox"),
        }
    }

    pub(super) fn unsayable(&self, why: &str) -> Unsayable {
        unsayable(self.comparison, why)
    }

    /// What Directus does not compare, as long as its type is what it is.
    pub(super) fn incomparable(&self) -> Unsayable {
        self.unsayable(match self.comparison.kind {
            None => "compares as nobody knows; declare the type of the field",
            Some(_) => "is no operator that Directus has for such fields",
        })
    }

    fn empty(&self, word: &'static str, other: &'static str, null: Side) -> Result<Side, Unsayable> {
        match self.class {
            Class::Text | Class::Joined | Class::Hash => Ok(Side::Total(word, other)),
            Class::Number | Class::Boolean | Class::Moment | Class::Time | Class::Uuid | Class::Geometry => {
                // Nothing but null is empty: no such value is an empty text.
                Ok(null)
            }
            Class::Other => Err(self.incomparable()),
        }
    }

    fn among(&self, values: &[Value<'static>]) -> Result<Side, Unsayable> {
        let mut operands = self.operands(values)?;
        if self.class == Class::Boolean || operands.len() < 2 {
            let test = |operand| Test {
                word: "_eq",
                operand,
                opposite: Some("_neq"),
            };
            return Ok(if operands.is_empty() {
                Side::Never
            } else {
                Side::Any(operands.drain(..).map(test).collect())
            });
        }
        Ok(Side::Any(vec![Test {
            word: "_in",
            operand: json!(operands),
            opposite: Some("_nin"),
        }]))
    }

    fn not_among(&self, values: &[Value<'static>]) -> Result<Side, Unsayable> {
        let mut operands = self.operands(values)?;
        if operands.is_empty() {
            return Ok(Side::There);
        }
        if self.class == Class::Boolean || operands.len() < 2 {
            let test = |operand| Test {
                word: "_neq",
                operand,
                opposite: Some("_eq"),
            };
            return Ok(Side::All(operands.drain(..).map(test).collect()));
        }
        Ok(Side::All(vec![Test {
            word: "_nin",
            operand: json!(operands),
            opposite: Some("_in"),
        }]))
    }

    /// Returns the operands that a value of the field may be equal to.
    fn operands(&self, values: &[Value<'static>]) -> Result<Vec<Json>, Unsayable> {
        let mut operands = Vec::new();
        for value in values {
            if let Cast::Operand(operand) = self.cast(value)?
                && !operands.contains(&operand)
            {
                operands.push(operand);
            }
        }
        Ok(operands)
    }

    fn cast(&self, value: &Value<'static>) -> Result<Cast, Unsayable> {
        let cast = match (self.class, value) {
            (Class::Hash | Class::Geometry | Class::Other, _) => return Err(self.incomparable()),
            (_, Value::Null | Value::List(_) | Value::Object(_)) => None,
            (Class::Uuid, Value::Text(text)) => is_uuid(text).then(|| json!(text)),
            (Class::Uuid, Value::Number(_) | Value::Bool(_)) => None,
            (Class::Text | Class::Joined, Value::Text(text)) => Some(self.literal(text)?),
            (Class::Text | Class::Joined, Value::Number(number)) => Some(json!(number_text(*number))),
            (Class::Text | Class::Joined, Value::Bool(_)) => None,
            (Class::Number, Value::Number(number)) => Some(self.number(*number)?),
            (Class::Number, Value::Text(text)) => {
                find_twin(text).map(|number| self.number(number)).transpose()?
            }
            (Class::Number, Value::Bool(_)) => None,
            (Class::Boolean, Value::Bool(value)) => Some(json!(value)),
            (Class::Boolean, Value::Number(_) | Value::Text(_)) => None,
            (Class::Moment, Value::Text(text)) => match parse_instant(text) {
                Some(moment) if is_whole(moment) => Some(self.moment(moment)?),
                Some(_) | None => None,
            },
            (Class::Moment, Value::Number(_) | Value::Bool(_)) => None,
            (Class::Time, Value::Text(text)) => is_clock(text).then(|| json!(text)),
            (Class::Time, Value::Number(_) | Value::Bool(_)) => None,
        };
        Ok(cast.map_or(Cast::Unequal, Cast::Operand))
    }

    /// Writes text that Directus takes for nothing else.
    pub(super) fn literal(&self, text: &str) -> Result<Json, Unsayable> {
        let is_variable = ["$NOW", "$CURRENT_USER", "$CURRENT_ROLE", "$CURRENT_POLICIES"]
            .iter()
            .any(|variable| text.starts_with(variable));
        if is_variable || matches!(text, "true" | "false" | "null" | "NULL") {
            return Err(self.unsayable(&format!(
                "has the operand {text:?}, which Directus takes for something else than text"
            )));
        }
        Ok(json!(text))
    }

    fn number(&self, number: f64) -> Result<Json, Unsayable> {
        if !number.is_finite() || number.abs() > WHOLE_MAX {
            return Err(self.unsayable("has an operand beyond 2^53, which is not exact as a number"));
        }
        Ok(number_of(number))
    }

    fn moment(&self, moment: Timestamp) -> Result<Json, Unsayable> {
        let year = moment.to_zoned(jiff::tz::TimeZone::UTC).year();
        if !(0..=9999).contains(&year) {
            return Err(self.unsayable("has an operand outside the years 0 to 9999"));
        }
        Ok(json!(instant_text(moment)))
    }

    fn order(
        &self,
        word: &'static str,
        opposite: &'static str,
        value: Option<&Value<'static>>,
    ) -> Result<Side, Unsayable> {
        Ok(match self.bound(word, value)? {
            Some(operand) => Side::Any(vec![Test {
                word,
                operand,
                opposite: Some(opposite),
            }]),
            None => Side::Never,
        })
    }

    fn between(
        &self,
        low: (&'static str, &'static str),
        high: (&'static str, &'static str),
        join: fn(Vec<Test>) -> Side,
    ) -> Result<Side, Unsayable> {
        let values = self.comparison.values.as_slice();
        let bounds = (
            self.bound(low.0, values.first())?,
            self.bound(high.0, values.get(1))?,
        );
        let (Some(from), Some(to)) = bounds else {
            return Ok(Side::Never);
        };
        let test = |(word, opposite), operand| Test {
            word,
            operand,
            opposite: Some(opposite),
        };
        Ok(join(vec![test(low, from), test(high, to)]))
    }

    /// Returns what values of the field are ordered beside; `None` if they are not.
    fn bound(&self, word: &str, value: Option<&Value<'static>>) -> Result<Option<Json>, Unsayable> {
        let Some(value) = value else { return Ok(None) };
        let number = number_in(value);
        let (moment, time) = match value {
            Value::Text(text) => (parse_instant(text), parse_time_of_day(text)),
            Value::Number(number) => (from_milliseconds(*number), None),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => (None, None),
        };
        match self.class {
            Class::Boolean | Class::Geometry => Ok(None),
            Class::Number => match (number, moment) {
                (Some(number), _) => self.number(number).map(Some),
                (None, Some(_)) => {
                    Err(self.unsayable("compares a number with a moment; declare the field as timestamp"))
                }
                (None, None) => Ok(None),
            },
            Class::Moment => {
                let is_up = matches!(word, "_lt" | "_gte");
                moment
                    .map(|moment| self.moment(to_milliseconds(moment, is_up)))
                    .transpose()
            }
            Class::Time => match (time, value) {
                (None, _) => Ok(None),
                (Some(time), _) if time.subsec_nanosecond() != 0 => Err(self.unsayable(
                    "has an operand with a fraction of a second, which times in Directus do not have",
                )),
                (Some(time), _) => Ok(Some(json!(format!(
                    "{:02}:{:02}:{:02}",
                    time.hour(),
                    time.minute(),
                    time.second()
                )))),
            },
            Class::Text | Class::Joined | Class::Uuid | Class::Hash | Class::Other => {
                if number.is_none() && moment.is_none() && time.is_none() {
                    return Ok(None);
                }
                Err(self.incomparable())
            }
        }
    }

    fn is_text(&self) -> Result<Side, Unsayable> {
        match self.class {
            Class::Text | Class::Joined | Class::Uuid | Class::Hash | Class::Moment | Class::Time => {
                Ok(Side::There)
            }
            Class::Number | Class::Boolean | Class::Geometry => Ok(Side::Never),
            Class::Other => Err(self.incomparable()),
        }
    }

    fn is_number(&self) -> Result<Side, Unsayable> {
        match self.class {
            Class::Number => Ok(Side::There),
            Class::Boolean | Class::Moment | Class::Time | Class::Geometry => Ok(Side::Never),
            Class::Text | Class::Joined | Class::Uuid | Class::Hash | Class::Other => {
                Err(self.incomparable())
            }
        }
    }

    fn geometry(&self, word: &'static str, opposite: &'static str) -> Result<Side, Unsayable> {
        let (Class::Geometry, Some(value @ Value::Object(_))) = (self.class, self.comparison.values.first())
        else {
            return Err(self.incomparable());
        };
        Ok(Side::Any(vec![Test {
            word,
            operand: json_of(value),
            opposite: Some(opposite),
        }]))
    }
}

fn is_whole(moment: Timestamp) -> bool {
    moment.as_nanosecond().rem_euclid(1_000_000) == 0
}

/// Returns a moment in whole milliseconds, finer than which Directus keeps none: the one before, or the one after.
fn to_milliseconds(moment: Timestamp, is_up: bool) -> Timestamp {
    let floor = moment.as_nanosecond().div_euclid(1_000_000);
    let border = floor + i128::from(is_up && !is_whole(moment));
    i64::try_from(border)
        .ok()
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        .unwrap_or(moment)
}

/// Tells whether a text is a time of day as Directus writes it.
fn is_clock(text: &str) -> bool {
    text.len() == 8 && parse_time_of_day(text).is_some()
}

fn json_of(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Number(number) => number_of(*number),
        Value::Text(text) => json!(text),
        Value::List(values) => values.iter().map(json_of).collect(),
        Value::Object(object) => Json::Object(
            object
                .iter()
                .map(|(name, value)| (name.to_owned(), json_of(value)))
                .collect(),
        ),
    }
}
