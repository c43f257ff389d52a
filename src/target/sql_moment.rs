//! Days, moments and times of day.
//!
//! The engine compares moments, a day being its midnight in UTC. An operand is cut to what the column can hold; what was cut
//! away decides nothing but whether the cut moment itself is on this side.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::Unsayable;
use super::sql::Dialect;
use super::sql_compare::{Leaf, Question};
use super::sql_sides::{Bound, Sides, write_equal, write_ordered};
use super::sql_text::{Text, write_text};
use super::sql_writer::Writer;
use crate::vocab::operator::{FieldType, Function};
use crate::vocab::time::{from_milliseconds, parse_instant, parse_time_of_day};
use crate::vocab::value::Value;

/// What sort of time a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A day and a time, taken as UTC.
    Local,
    /// A moment.
    Instant,
}

impl Clock {
    /// Returns that of a type, if it has one.
    pub(super) fn of(kind: FieldType) -> Option<Self> {
        match kind {
            FieldType::Date => Some(Clock::Date),
            FieldType::Time => Some(Clock::Time),
            FieldType::DateTime => Some(Clock::Local),
            FieldType::Timestamp => Some(Clock::Instant),
            FieldType::String
            | FieldType::Text
            | FieldType::Csv
            | FieldType::Integer
            | FieldType::BigInteger
            | FieldType::Float
            | FieldType::Decimal
            | FieldType::Boolean
            | FieldType::Uuid
            | FieldType::Json
            | FieldType::Hash
            | FieldType::Geometry
            | FieldType::Alias => None,
        }
    }
}

const DAY: i128 = 86_400_000_000_000;

/// Writes a comparison of a day, a moment or a time of day.
pub(super) fn write_moment(leaf: &Leaf<'_>, clock: Clock, writer: &mut Writer) -> Result<(), Unsayable> {
    match leaf.question {
        Question::Equal if clock == Clock::Time => write_equal_times(leaf, writer),
        Question::Equal => {
            let mut values = Vec::new();
            for value in leaf.values {
                // Only text writes a moment that equals one.
                let Value::Text(text) = value else { continue };
                let Some(moment) = parse_instant(text) else {
                    values.extend(last_day(leaf, text, clock, writer)?);
                    continue;
                };
                let cut = cut(writer.dialect, &leaf.column.text, moment, clock);
                let cut = cut.ok_or_else(|| beyond(leaf, writer))?;
                if cut.is_exact {
                    values.push(cut.value);
                }
            }
            let sides = sides(writer.dialect, &leaf.column.text, clock);
            write_equal(leaf, &sides, values, writer);
            Ok(())
        }
        Question::Order(_) | Question::Between if clock == Clock::Time => {
            let sides = sides(writer.dialect, &leaf.column.text, clock);
            let grain = grain(writer.dialect, clock);
            let find_bound = |value: &Value<'static>| {
                let Value::Text(text) = value else { return Ok(None) };
                Ok(parse_time_of_day(text).map(|time| time_bound(time, grain, &sides)))
            };
            write_ordered(leaf, find_bound, writer)
        }
        Question::Order(_) | Question::Between => {
            let dialect = writer.dialect;
            let beyond = beyond(leaf, writer);
            let find_bound = |value: &Value<'static>| {
                let moment = match value {
                    Value::Text(text) => parse_instant(text),
                    Value::Number(number) => from_milliseconds(*number),
                    Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
                };
                let bound = |moment| cut(dialect, &leaf.column.text, moment, clock);
                moment
                    .map(|moment| bound(moment).ok_or_else(|| beyond.clone()))
                    .transpose()
            };
            write_ordered(leaf, find_bound, writer)
        }
        Question::Empty => {
            leaf.write_filled(writer);
            Ok(())
        }
        Question::IsText => {
            leaf.write_known(writer);
            Ok(())
        }
        Question::IsNumber => {
            leaf.write_never(writer);
            Ok(())
        }
        Question::Text(..) | Question::Like | Question::Regex => Err(leaf.refuse(
            writer,
            "how a moment is written is a matter of the CMS",
            "compare it as a moment (`_lt`, `_between`), or its parts (`year`)",
        )),
    }
}

/// Returns a moment that the engine takes for none, since it lies beyond the last one: it equals its own text.
fn last_day(
    leaf: &Leaf<'_>,
    text: &str,
    clock: Clock,
    writer: &Writer,
) -> Result<Option<Value<'static>>, Unsayable> {
    if clock == Clock::Date && text.parse::<Date>().is_ok_and(|day| day.to_string() == text) {
        return Ok(Some(Value::Text(text.to_owned().into())));
    }
    if clock != Clock::Date && text.parse::<DateTime>().is_ok() {
        let what = "the moment lies beyond the last one";
        return Err(leaf.refuse(writer, what, "name one before the last day of 9999"));
    }
    Ok(None)
}

/// Writes whether a time of day is written as one of these texts.
fn write_equal_times(leaf: &Leaf<'_>, writer: &mut Writer) -> Result<(), Unsayable> {
    if writer.dialect == Dialect::Sqlite {
        let text = Text::of_column(writer.dialect, &leaf.column.text);
        return write_text(leaf, &text, false, writer);
    }
    let mut values = Vec::new();
    for value in leaf.values {
        let Value::Text(text) = value else { continue };
        let Some(time) = parse_time_of_day(text) else {
            continue;
        };
        if text.contains('.') && writer.dialect == Dialect::Mysql {
            let what = "how many digits follow the second depends on the column";
            return Err(leaf.refuse(writer, what, "compare with whole seconds"));
        }
        // Any other way to write it is another text.
        if time.to_string() == text.as_ref() && time.nanosecond() % 1_000 == 0 {
            values.push(value.clone());
        }
    }
    let sides = sides(writer.dialect, &leaf.column.text, Clock::Time);
    write_equal(leaf, &sides, values, writer);
    Ok(())
}

/// Returns the nanoseconds between two neighbours in a column.
fn grain(dialect: Dialect, clock: Clock) -> i128 {
    match (clock, dialect) {
        (Clock::Date, _) => DAY,
        (Clock::Time | Clock::Local | Clock::Instant, Dialect::Sqlite) => 1_000_000,
        (Clock::Time | Clock::Local | Clock::Instant, Dialect::Postgresql | Dialect::Mysql) => 1_000,
    }
}

/// Cuts a moment to what a column can hold; `None` outside the years 1 to 9999.
fn cut(dialect: Dialect, column: &str, moment: Timestamp, clock: Clock) -> Option<Bound> {
    let grain = grain(dialect, clock);
    let nanoseconds = moment.as_nanosecond();
    let whole = nanoseconds.div_euclid(grain) * grain;
    let found = Timestamp::from_nanosecond(whole).ok()?.to_zoned(TimeZone::UTC);
    (1..=9999).contains(&found.year()).then(|| Bound {
        value: Value::Text(written(dialect, clock, &found).into()),
        is_exact: whole == nanoseconds,
        sides: sides(dialect, column, clock),
    })
}

fn beyond(leaf: &Leaf<'_>, writer: &Writer) -> Unsayable {
    let what = "the moment lies outside the years 1 to 9999";
    leaf.refuse(writer, what, "name one inside of them")
}

/// Returns a moment as a parameter.
fn written(dialect: Dialect, clock: Clock, moment: &Zoned) -> String {
    let format = match (clock, dialect) {
        (Clock::Date, _) => "%Y-%m-%d",
        (Clock::Instant, Dialect::Mysql) => {
            let micros = moment.timestamp().as_microsecond();
            let sign = if micros < 0 { "-" } else { "" };
            let micros = micros.unsigned_abs();
            return format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        }
        (Clock::Instant, Dialect::Postgresql) => "%Y-%m-%d %H:%M:%S.%6f+00",
        (Clock::Time | Clock::Local | Clock::Instant, Dialect::Sqlite) => "%Y-%m-%d %H:%M:%S.%3f",
        (Clock::Time | Clock::Local, Dialect::Postgresql | Dialect::Mysql) => "%Y-%m-%d %H:%M:%S.%6f",
    };
    moment.strftime(format).to_string()
}

fn time_bound(time: Time, grain: i128, sides: &Sides) -> Bound {
    let nanoseconds = i128::from(time.subsec_nanosecond());
    let whole = nanoseconds.div_euclid(grain) * grain;
    let digits = if grain == 1_000 { 6 } else { 3 };
    let fraction = format!("{whole:09}");
    let fraction = fraction.get(..digits).unwrap_or_default();
    Bound {
        value: Value::Text(format!("{}.{fraction}", time.strftime("%H:%M:%S")).into()),
        is_exact: whole == nanoseconds,
        sides: sides.clone(),
    }
}

/// Returns how a column of days, moments or times compares.
fn sides(dialect: Dialect, column: &str, clock: Clock) -> Sides {
    let (left, around) = match (dialect, clock) {
        (Dialect::Postgresql | Dialect::Mysql, Clock::Date) => (column.to_owned(), ("CAST(", " AS date)")),
        (Dialect::Postgresql, Clock::Time) => (column.to_owned(), ("CAST(", " AS time)")),
        (Dialect::Postgresql, Clock::Local) => (column.to_owned(), ("CAST(", " AS timestamp)")),
        (Dialect::Postgresql, Clock::Instant) => {
            (column.to_owned(), ("CAST(", " AS timestamp with time zone)"))
        }
        (Dialect::Mysql, Clock::Time) => (column.to_owned(), ("CAST(", " AS time(6))")),
        (Dialect::Mysql, Clock::Local) => (column.to_owned(), ("CAST(", " AS datetime(6))")),
        // The only way to read it that does not go by the time zone of the session.
        (Dialect::Mysql, Clock::Instant) => (
            format!("UNIX_TIMESTAMP({column})"),
            ("CAST(", " AS decimal(20, 6))"),
        ),
        (Dialect::Sqlite, Clock::Date) => (sqlite_part("%Y-%m-%d", column), ("", "")),
        (Dialect::Sqlite, Clock::Time) => (sqlite_part("%H:%M:%f", column), ("", "")),
        (Dialect::Sqlite, Clock::Local | Clock::Instant) => {
            (sqlite_part("%Y-%m-%d %H:%M:%f", column), ("", ""))
        }
    };
    Sides {
        ordered: (first(dialect, clock), Some(last(dialect, clock))),
        ..Sides::new(left, around)
    }
}

/// What is less than anything else still has to be a moment.
fn first(dialect: Dialect, clock: Clock) -> Option<&'static str> {
    match (dialect, clock) {
        (Dialect::Postgresql, Clock::Date | Clock::Local | Clock::Instant) => Some("> '-infinity'"),
        (Dialect::Mysql, Clock::Time) => Some(">= '00:00:00'"),
        (Dialect::Postgresql, Clock::Time)
        | (Dialect::Mysql, Clock::Date | Clock::Local | Clock::Instant)
        | (Dialect::Sqlite, _) => None,
    }
}

/// What is more than anything else still has to be a moment: the last one lies 26 hours before the end of 9999.
fn last(dialect: Dialect, clock: Clock) -> &'static str {
    match (clock, dialect) {
        (Clock::Time, _) => "< '24:00:00'",
        (Clock::Date, _) => "<= '9999-12-30'",
        (Clock::Local | Clock::Instant, Dialect::Sqlite) => "<= '9999-12-30 22:00:00.999'",
        (Clock::Local, Dialect::Postgresql | Dialect::Mysql) => "<= '9999-12-30 22:00:00.999999'",
        (Clock::Instant, Dialect::Postgresql) => "<= '9999-12-30 22:00:00.999999+00'",
        (Clock::Instant, Dialect::Mysql) => "<= 253402207200.999999",
    }
}

/// Returns a part of a moment in SQLite, be it text or milliseconds.
fn sqlite_part(format: &str, column: &str) -> String {
    format!(
        "CASE typeof({column}) WHEN 'text' THEN strftime('{format}', {column}) \
         ELSE strftime('{format}', {column} / 1000.0, 'unixepoch') END"
    )
}

/// Returns a part of a moment, as a whole number; null if there is none.
pub(super) fn part_of(part: Function, clock: Clock, column: &str, dialect: Dialect) -> String {
    let number = match dialect {
        Dialect::Postgresql => postgresql_part(part, clock, column),
        Dialect::Mysql => mysql_part(part, clock, column),
        Dialect::Sqlite => {
            let format = match part {
                Function::Year => "%Y",
                Function::Month => "%m",
                Function::Week => "%W",
                Function::Day => "%d",
                Function::Weekday => "%w",
                Function::Hour => "%H",
                Function::Minute => "%M",
                Function::Second | Function::Count | Function::Joined => "%S",
            };
            format!("CAST({} AS integer)", sqlite_part(format, column))
        }
    };
    let left = sides(dialect, column, clock).left;
    let last = last(dialect, clock);
    let first = first(dialect, clock).map(|first| format!(" AND {left} {first}"));
    format!(
        "CASE WHEN {left} {last}{} THEN {number} END",
        first.unwrap_or_default()
    )
}

fn postgresql_part(part: Function, clock: Clock, column: &str) -> String {
    let moment = match clock {
        Clock::Instant => format!("({column} AT TIME ZONE 'UTC')"),
        Clock::Date | Clock::Time | Clock::Local => format!("CAST({column} AS timestamp)"),
    };
    let whole = |field: &str| format!("CAST(FLOOR(EXTRACT({field} FROM {moment})) AS integer)");
    match part {
        Function::Year => whole("YEAR"),
        Function::Month => whole("MONTH"),
        Function::Week => format!("(({} + 7 - {}) / 7)", whole("DOY"), whole("ISODOW")),
        Function::Day => whole("DAY"),
        Function::Weekday => whole("DOW"),
        Function::Hour => whole("HOUR"),
        Function::Minute => whole("MINUTE"),
        Function::Second | Function::Count | Function::Joined => whole("SECOND"),
    }
}

fn mysql_part(part: Function, clock: Clock, column: &str) -> String {
    let moment = match clock {
        Clock::Instant => {
            format!("TIMESTAMPADD(SECOND, FLOOR(UNIX_TIMESTAMP({column})), '1970-01-01 00:00:00')")
        }
        Clock::Date => format!("CAST({column} AS datetime)"),
        Clock::Time | Clock::Local => column.to_owned(),
    };
    match part {
        Function::Year => format!("YEAR({moment})"),
        Function::Month => format!("MONTH({moment})"),
        Function::Week => format!("FLOOR((DAYOFYEAR({moment}) + 6 - WEEKDAY({moment})) / 7)"),
        Function::Day => format!("DAYOFMONTH({moment})"),
        Function::Weekday => format!("(DAYOFWEEK({moment}) - 1)"),
        Function::Hour => format!("HOUR({moment})"),
        Function::Minute => format!("MINUTE({moment})"),
        Function::Second | Function::Count | Function::Joined => format!("SECOND({moment})"),
    }
}
