//! Moments: how text becomes an instant, and the steps of `$NOW(…)`.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, Timestamp, tz::TimeZone};

/// A step away from now, as `$NOW(-1 day)` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// How many units; negative goes back.
    pub amount: i64,
    /// The unit.
    pub unit: Unit,
}

/// A unit of a [`Step`]; months and years are calendar steps in UTC, the others have a fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Calendar years.
    Years,
    /// Calendar months.
    Months,
    /// Thousandths of a second; weeks, days, hours, minutes and seconds are counted in these.
    Milliseconds,
}

impl Step {
    /// Reads the text between the brackets of `$NOW(…)`: an optional sign, a number, an optional unit (days if left out).
    ///
    /// The units are those of Directus 11 (`packages/utils` adjust-date): `y yr yrs year(s)`, `mo mth month(s)`, `w week(s)`,
    /// `d day(s)`, `h hr hrs hour(s)`, `m min mins minute(s)`, `s sec secs second(s)`, `ms msec(s) millisecond(s)`, in any case.
    /// A fraction is only for units of fixed length.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1.0, rest.trim_start()),
            None => (1.0, text.strip_prefix('+').unwrap_or(text).trim_start()),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, unit) = rest.split_at(end);
        let number: f64 = number.parse().ok()?;
        let amount = number * sign;
        let fixed = |length: f64| {
            Some(Step {
                amount: whole(amount * length)?,
                unit: Unit::Milliseconds,
            })
        };
        match unit.trim().to_ascii_lowercase().as_str() {
            "y" | "yr" | "yrs" | "year" | "years" => Some(Step {
                amount: exact(amount)?,
                unit: Unit::Years,
            }),
            "mo" | "mth" | "month" | "months" => Some(Step {
                amount: exact(amount)?,
                unit: Unit::Months,
            }),
            "w" | "week" | "weeks" => fixed(7.0 * DAY_MS),
            "" | "d" | "day" | "days" => fixed(DAY_MS),
            "h" | "hr" | "hrs" | "hour" | "hours" => fixed(3_600_000.0),
            "m" | "min" | "mins" | "minute" | "minutes" => fixed(60_000.0),
            "s" | "sec" | "secs" | "second" | "seconds" => fixed(1_000.0),
            "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => fixed(1.0),
            _ => None,
        }
    }

    /// Returns the moment that lies this step away; `None` outside the years -9999 to 9999.
    pub fn from(self, moment: Timestamp) -> Option<Timestamp> {
        let span = match self.unit {
            Unit::Years => Span::new().try_years(self.amount).ok()?,
            Unit::Months => Span::new().try_months(self.amount).ok()?,
            Unit::Milliseconds => {
                return moment
                    .checked_add(jiff::SignedDuration::from_millis(self.amount))
                    .ok();
            }
        };
        let zoned = moment.to_zoned(TimeZone::UTC);
        zoned.checked_add(span).ok().map(|zoned| zoned.timestamp())
    }
}

const DAY_MS: f64 = 86_400_000.0;

/// The largest step, in milliseconds, that a double still counts exactly.
const STEP_MAX: f64 = 9_007_199_254_740_991.0;

#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked on the line before"
)]
fn whole(number: f64) -> Option<i64> {
    let number = number.round();
    (number.abs() <= STEP_MAX).then_some(number as i64)
}

fn exact(number: f64) -> Option<i64> {
    if number.fract() == 0.0 {
        whole(number)
    } else {
        None
    }
}

/// Reads a moment: RFC 3339 with a zone, a day and time without one (UTC), or a day (its midnight in UTC).
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    // Anything that is no moment is refused by its first byte, so that plain words cost nothing.
    if !text
        .as_bytes()
        .first()
        .is_some_and(|byte| byte.is_ascii_digit() || *byte == b'+' || *byte == b'-')
    {
        return None;
    }
    if text.len() <= 10 {
        let date: Date = text.parse().ok()?;
        return date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let civil: DateTime = text.parse().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Reads a time of day (`09:30`, `09:30:15`).
pub fn parse_time_of_day(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || bytes.get(2) != Some(&b':') {
        return None;
    }
    text.parse().ok()
}

/// Returns a moment of so many milliseconds since 1970, as numbers write moments.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a double saturates, and jiff refuses what is out of range"
)]
pub fn from_milliseconds(milliseconds: f64) -> Option<Timestamp> {
    if !milliseconds.is_finite() {
        return None;
    }
    Timestamp::from_millisecond(milliseconds as i64).ok()
}

/// Returns the moment as conditions and answers write it: RFC 3339 in UTC.
pub fn instant_text(moment: Timestamp) -> String {
    moment.to_string()
}
