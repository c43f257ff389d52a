//! Moments and times of day in documents: dates of BSON, and texts in which bytes are ordered as time is.
//!
//! A moment as text is a day (`2026-03-01`), or a day and a time in UTC with or without a fraction and a `Z`. Such texts are
//! ordered as the moments are, but for a `Z` where another text has a fraction; these few are named one by one.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::Unsayable;
use super::mongodb::Doc;
use super::mongodb_text::END;

/// How two values are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    /// Returns the operator of MongoDB.
    pub(super) fn word(self) -> &'static str {
        match self {
            Order::Less => "$lt",
            Order::LessOrEqual => "$lte",
            Order::Greater => "$gt",
            Order::GreaterOrEqual => "$gte",
        }
    }
}

/// A moment, or a time of day, as documents write it.
pub(super) struct Written {
    /// The date of BSON; `None` of a time of day.
    date: Option<Timestamp>,
    /// The shortest text: of all texts that write it, or a later one, the first.
    base: String,
    /// The expression of all texts that write it.
    same: String,
    /// Texts that write an earlier one, and come after the shortest text all the same.
    strays: Vec<String>,
    /// The expression of all texts of the kind.
    form: String,
}

const YEAR: &str = "[0-9]{4}";
const MONTH: &str = "(?:0[1-9]|1[0-2])";
const DAY: &str = "(?:0[1-9]|[12][0-9]|3[01])";
const HOUR: &str = "(?:[01][0-9]|2[0-3])";
const SIXTY: &str = "[0-5][0-9]";

/// A part of a moment that stands at a place of its own in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// The last digit of a fraction is the ninth.
const DIGITS_MAX: usize = 9;

impl Written {
    /// Returns how a moment is written.
    ///
    /// # Errors
    ///
    /// [`Unsayable`] outside the years 0 to 9999.
    pub(super) fn moment(moment: Timestamp) -> Result<Self, Unsayable> {
        let civil = moment.to_zoned(TimeZone::UTC).datetime();
        if !(0..=9999).contains(&civil.year()) {
            return Err(Unsayable(format!(
                "{moment} lies outside the years 0 to 9999, in which moments can be ordered as text"
            )));
        }
        let day = format!("{:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day());
        let time = civil.time();
        let (second, fraction) = (clock_of(time), fraction_of(time));
        let whole = format!("{day}T{second}");
        let (base, same, strays) = if time == Time::midnight() {
            let same = format!("^{day}(?:T{second}{})?{END}", zeros(0, "Z?"));
            (day, same, Vec::new())
        } else if fraction.is_empty() {
            let same = format!("^{whole}{}{END}", zeros(0, "Z?"));
            (whole, same, Vec::new())
        } else {
            let strays = (0..fraction.len()).map(|digits| match fraction.get(..digits) {
                Some("") | None => format!("{whole}Z"),
                Some(part) => format!("{whole}.{part}Z"),
            });
            let strays = strays.collect();
            let same = format!("^{whole}\\.{fraction}{}{END}", zeros(fraction.len(), "Z?"));
            (format!("{whole}.{fraction}"), same, strays)
        };
        Ok(Self {
            date: Some(moment),
            base,
            same,
            strays,
            form: form_of_moments(None),
        })
    }

    /// Returns how a time of day is written.
    pub(super) fn time(time: Time) -> Self {
        let fraction = fraction_of(time);
        let second = clock_of(time);
        let minute = format!("{:02}:{:02}", time.hour(), time.minute());
        let (base, same) = if fraction.is_empty() && time.second() == 0 {
            let same = format!("^{minute}(?::00{})?{END}", zeros(0, ""));
            (minute, same)
        } else if fraction.is_empty() {
            let same = format!("^{second}{}{END}", zeros(0, ""));
            (second, same)
        } else {
            let same = format!("^{second}\\.{fraction}{}{END}", zeros(fraction.len(), ""));
            (format!("{second}.{fraction}"), same)
        };
        Self {
            date: None,
            base,
            same,
            strays: Vec::new(),
            form: format!("^{HOUR}:{SIXTY}(?::{SIXTY}(?:\\.[0-9]{{1,{DIGITS_MAX}}})?)?{END}"),
        }
    }

    /// Returns the values that are equal to it, for a list of `$in`.
    pub(super) fn equals(&self) -> Vec<Json> {
        let date = self.date.filter(|moment| has_whole_milliseconds(*moment));
        let date = date.map(|moment| date_of(moment.as_millisecond()));
        date.into_iter().chain([expression(&self.same)]).collect()
    }

    /// Returns the condition that a field is ordered so beside it.
    pub(super) fn order(&self, name: &str, order: Order) -> Doc {
        let date = match self.date {
            Some(moment) => Doc::of(name, json!({order.word(): self.border(moment, order)})),
            None => Doc::Never,
        };
        let equal = |texts: &[String]| -> Vec<Json> {
            texts
                .iter()
                .map(|text| json!(text))
                .chain([expression(&self.same)])
                .collect()
        };
        let before = Doc::of(name, json!({"$lt": self.base, "$regex": expression(&self.form)}));
        let text = match order {
            Order::Less if self.strays.is_empty() => before,
            Order::Less => before.or(Doc::of(name, json!({"$in": self.strays}))),
            Order::LessOrEqual => before.or(Doc::of(name, json!({"$in": equal(&self.strays)}))),
            Order::Greater => Doc::of(
                name,
                json!({"$gte": self.base, "$nin": equal(&self.strays), "$regex": expression(&self.form)}),
            ),
            Order::GreaterOrEqual if self.strays.is_empty() => {
                Doc::of(name, json!({"$gte": self.base, "$regex": expression(&self.form)}))
            }
            Order::GreaterOrEqual => Doc::of(
                name,
                json!({"$gte": self.base, "$nin": self.strays, "$regex": expression(&self.form)}),
            ),
        };
        date.or(text)
    }

    /// Returns the date of BSON that means the same beside dates, which have milliseconds and nothing finer.
    fn border(&self, moment: Timestamp, order: Order) -> Json {
        let floor = moment.as_nanosecond().div_euclid(1_000_000);
        let is_up = !has_whole_milliseconds(moment) && matches!(order, Order::Less | Order::GreaterOrEqual);
        let border = floor + i128::from(is_up);
        // The years are within 0 to 9999.
        date_of(i64::try_from(border).unwrap_or(i64::MAX))
    }
}

/// Returns the expression of the texts that write a moment, or one with a certain part.
pub(super) fn form_of_moments(part: Option<(Part, &[i32])>) -> String {
    let piece = |each: Part, any: &str| match part {
        Some((part, values)) if part == each => {
            let values: Vec<String> = values.iter().map(|value| format!("{value:02}")).collect();
            format!("(?:{})", values.join("|"))
        }
        Some(_) | None => any.to_owned(),
    };
    // A day alone is its midnight.
    let is_midnight_in = match part {
        Some((Part::Hour | Part::Minute | Part::Second, values)) => values.contains(&0),
        Some((Part::Month | Part::Day, _)) | None => true,
    };
    let (month, day) = (piece(Part::Month, MONTH), piece(Part::Day, DAY));
    let (hour, minute, second) = (
        piece(Part::Hour, HOUR),
        piece(Part::Minute, SIXTY),
        piece(Part::Second, SIXTY),
    );
    let optional = if is_midnight_in { "?" } else { "" };
    format!(
        "^{YEAR}-{month}-{day}(?:T{hour}:{minute}:{second}(?:\\.[0-9]{{1,{DIGITS_MAX}}})?Z?){optional}{END}"
    )
}

fn has_whole_milliseconds(moment: Timestamp) -> bool {
    moment.as_nanosecond().rem_euclid(1_000_000) == 0
}

/// Writes a date as relaxed extended JSON does: as text from 1970 to 9999, else as a number.
fn date_of(milliseconds: i64) -> Json {
    match Timestamp::from_millisecond(milliseconds) {
        Ok(moment) if (0..253_402_300_800_000).contains(&milliseconds) => {
            json!({"$date": format!("{moment:.3}")})
        }
        Ok(_) | Err(_) => json!({"$date": {"$numberLong": milliseconds.to_string()}}),
    }
}

/// Returns a regular expression as a value. Readers of extended JSON take an object with `$regex` and text for an older form of
/// one, and pass over what stands beside it, so that expressions are values everywhere.
pub(super) fn expression(pattern: &str) -> Json {
    json!({"$regularExpression": {"pattern": pattern, "options": ""}})
}

fn clock_of(time: Time) -> String {
    format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

/// Returns the digits of the fraction of a second, up to the last that is not zero.
fn fraction_of(time: Time) -> String {
    let digits = format!("{:09}", time.subsec_nanosecond());
    digits.trim_end_matches('0').to_owned()
}

/// Returns the expression of the zeros that may follow so many digits of a fraction, and of what may end the text.
fn zeros(digits: usize, end: &str) -> String {
    if digits == 0 {
        return format!("(?:\\.0{{1,{DIGITS_MAX}}})?{end}");
    }
    format!("0{{0,{}}}{end}", DIGITS_MAX.saturating_sub(digits))
}
