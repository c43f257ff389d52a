//! What a comparison needs, by the type of its field.

use std::borrow::Cow;

use super::Unsayable;
use super::sql::Dialect;
use super::sql_list::{write_csv, write_csv_count, write_json, write_json_count, write_json_null};
use super::sql_moment::{Clock, part_of, write_moment};
use super::sql_number::{write_boolean, write_number};
use super::sql_text::{Text, write_text, write_uuid};
use super::sql_writer::Writer;
use crate::engine::filter::Comparison;
use crate::vocab::operator::{FieldType, Function, Operator};
use crate::vocab::value::Value;

/// What stands on the left side.
pub(super) struct Column {
    /// The name of the field, for people.
    pub(super) name: String,
    /// The SQL expression; it holds no parameter.
    pub(super) text: String,
    /// The declared type; of a count of related items [`FieldType::Alias`].
    pub(super) kind: Option<FieldType>,
}

/// What an operator asks, its negative aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether it is one of the values.
    Equal,
    /// How it is ordered.
    Order(Order),
    /// Whether it lies between two values.
    Between,
    /// What a text holds, letter case aside if so.
    Text(Part, bool),
    /// Whether a text fits a pattern of SQL.
    Like,
    /// Whether it is null or empty.
    Empty,
    /// Whether it is text.
    IsText,
    /// Whether it is a number.
    IsNumber,
    /// Whether a regular expression matches.
    Regex,
}

/// How something is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Lt,
    Lte,
    Gt,
    Gte,
}

/// Where a text stands in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Inside,
    Start,
    End,
}

/// Returns what an operator asks; `None` for null, and for what no column answers.
fn question(operator: Operator) -> Option<Question> {
    let text = |part, folded| Some(Question::Text(part, folded));
    match operator {
        Operator::Eq | Operator::Neq | Operator::Is | Operator::In | Operator::Nin => Some(Question::Equal),
        Operator::Lt => Some(Question::Order(Order::Lt)),
        Operator::Lte => Some(Question::Order(Order::Lte)),
        Operator::Gt => Some(Question::Order(Order::Gt)),
        Operator::Gte => Some(Question::Order(Order::Gte)),
        Operator::Between | Operator::Nbetween => Some(Question::Between),
        Operator::Ieq | Operator::Nieq => text(Part::Whole, true),
        Operator::Contains | Operator::Ncontains => text(Part::Inside, false),
        Operator::Icontains | Operator::Nicontains => text(Part::Inside, true),
        Operator::StartsWith | Operator::NstartsWith => text(Part::Start, false),
        Operator::IstartsWith | Operator::NistartsWith => text(Part::Start, true),
        Operator::EndsWith | Operator::NendsWith => text(Part::End, false),
        Operator::IendsWith | Operator::NiendsWith => text(Part::End, true),
        Operator::Like | Operator::Nlike => Some(Question::Like),
        Operator::Empty | Operator::Nempty => Some(Question::Empty),
        Operator::IsText => Some(Question::IsText),
        Operator::IsNumber => Some(Question::IsNumber),
        Operator::Regex => Some(Question::Regex),
        Operator::Null
        | Operator::Nnull
        | Operator::Submitted
        | Operator::Intersects
        | Operator::Nintersects
        | Operator::IntersectsBbox
        | Operator::NintersectsBbox => None,
    }
}

/// A comparison that is being written.
pub(super) struct Leaf<'c> {
    pub(super) column: &'c Column,
    pub(super) operator: Operator,
    pub(super) question: Question,
    pub(super) values: &'c [Value<'static>],
}

impl Leaf<'_> {
    /// Tells whether the operator asks for an absence.
    pub(super) fn is_negative(&self) -> bool {
        self.operator.is_negative()
    }

    /// Returns the text of the first value, as text operators see it; `None` if it has none.
    pub(super) fn operand(&self) -> Option<String> {
        let text = self.values.first()?.view().text();
        text.map(Cow::into_owned)
    }

    /// Writes what no value passes.
    pub(super) fn write_never(&self, writer: &mut Writer) {
        writer.push("FALSE");
    }

    /// Writes what every value but null passes.
    pub(super) fn write_known(&self, writer: &mut Writer) {
        writer.push(&format!("{} IS NOT NULL", self.column.text));
    }

    /// Writes an operator whose positive form no value passes.
    pub(super) fn write_unmatched(&self, writer: &mut Writer) {
        if self.is_negative() {
            self.write_known(writer);
        } else {
            self.write_never(writer);
        }
    }

    /// Writes an operator whose positive form every value passes.
    pub(super) fn write_matched(&self, writer: &mut Writer) {
        if self.is_negative() {
            self.write_never(writer);
        } else {
            self.write_known(writer);
        }
    }

    /// Writes whether it is empty, of what never is.
    pub(super) fn write_filled(&self, writer: &mut Writer) {
        let test = if self.is_negative() {
            "IS NOT NULL"
        } else {
            "IS NULL"
        };
        writer.push(&format!("{} {test}", self.column.text));
    }

    /// Says that the operator cannot be said.
    pub(super) fn refuse(&self, writer: &Writer, what: &str, help: &str) -> Unsayable {
        let kind = self.column.kind.map_or("no", FieldType::name);
        Unsayable(format!(
            "{} cannot say {} of `{}` (declared type: {kind}): {what}; {help}",
            writer.dialect.title(),
            self.operator.name(),
            self.column.name
        ))
    }
}

/// Writes a comparison of a column.
///
/// # Errors
///
/// [`Unsayable`] if the database cannot say it as the engine compares.
pub(super) fn write_comparison(
    column: &Column,
    comparison: &Comparison,
    writer: &mut Writer,
) -> Result<(), Unsayable> {
    let operator = comparison.operator;
    let is_json = column.kind == Some(FieldType::Json);
    if let Operator::Null | Operator::Nnull = operator
        && comparison.function.is_none()
    {
        let is_null = operator == Operator::Null;
        if is_json {
            write_json_null(column, is_null, writer);
        } else {
            let test = if is_null { "IS NULL" } else { "IS NOT NULL" };
            writer.push(&format!("{} {test}", column.text));
        }
        return Ok(());
    }
    if comparison.function.is_none()
        && let Operator::In | Operator::Nin = operator
        && comparison.values.is_empty()
    {
        writer.push(if operator == Operator::In { "FALSE" } else { "TRUE" });
        return Ok(());
    }
    let Some(question) = question(operator) else {
        return write_rest(column, comparison, writer);
    };
    let leaf = Leaf {
        column,
        operator,
        question,
        values: &comparison.values,
    };
    match comparison.function {
        None => write_kind(&leaf, writer),
        Some(function) => write_function(&leaf, function, writer),
    }
}

/// Writes what asks for null of a function, and refuses what no column answers.
fn write_rest(column: &Column, comparison: &Comparison, writer: &mut Writer) -> Result<(), Unsayable> {
    let operator = comparison.operator;
    let leaf = Leaf {
        column,
        operator,
        question: Question::Empty,
        values: &[],
    };
    if let (Operator::Null | Operator::Nnull, Some(function)) = (operator, comparison.function) {
        // A function of null is null, and of nothing else that it fits.
        let kind = column
            .kind
            .filter(|kind| fits(function, *kind) && *kind != FieldType::Json);
        let Some(kind) = kind else {
            return Err(refuse_function(&leaf, function, writer));
        };
        match Clock::of(kind) {
            Some(clock) if leaf.is_negative() => {
                let part = part_of(function, clock, &column.text, writer.dialect);
                writer.push(&format!("{part} IS NOT NULL"));
            }
            Some(_) | None => leaf.write_filled(writer),
        }
        return Ok(());
    }
    Err(leaf.refuse(
        writer,
        "no column answers this operator",
        "use one of the operators on text, numbers or times",
    ))
}

/// Tells whether every value of a type, but null, has such a part.
fn fits(function: Function, kind: FieldType) -> bool {
    match function {
        Function::Year
        | Function::Month
        | Function::Week
        | Function::Day
        | Function::Weekday
        | Function::Hour
        | Function::Minute
        | Function::Second => {
            matches!(kind, FieldType::Date | FieldType::DateTime | FieldType::Timestamp)
        }
        Function::Count => matches!(kind, FieldType::Csv | FieldType::Json | FieldType::Alias),
        Function::Joined => matches!(
            kind,
            FieldType::Csv | FieldType::String | FieldType::Text | FieldType::Hash
        ),
    }
}

fn refuse_function(leaf: &Leaf<'_>, function: Function, writer: &Writer) -> Unsayable {
    let what = format!("`{}` is not for this type", function.name());
    let help = match function {
        Function::Count => "declare the field as csv or json, or the relation with `many` and `via`",
        Function::Joined => "declare the field as csv or string",
        Function::Year
        | Function::Month
        | Function::Week
        | Function::Day
        | Function::Weekday
        | Function::Hour
        | Function::Minute
        | Function::Second => "declare the field as date, dateTime or timestamp",
    };
    leaf.refuse(writer, &what, help)
}

fn write_function(leaf: &Leaf<'_>, function: Function, writer: &mut Writer) -> Result<(), Unsayable> {
    let kind = leaf.column.kind.filter(|kind| fits(function, *kind));
    let Some(kind) = kind else {
        return Err(refuse_function(leaf, function, writer));
    };
    if leaf.question == Question::Equal && leaf.values.is_empty() && kind != FieldType::Json {
        // What has no such part passes neither.
        match Clock::of(kind).filter(|_| leaf.is_negative()) {
            Some(clock) => {
                let column = &leaf.column.text;
                let part = part_of(function, clock, column, writer.dialect);
                writer.push(&format!("({column} IS NULL OR {part} IS NOT NULL)"));
            }
            None => writer.push(if leaf.is_negative() { "TRUE" } else { "FALSE" }),
        }
        return Ok(());
    }
    let text = &leaf.column.text;
    let count = match (function, kind) {
        (Function::Joined, _) => {
            return write_text(leaf, &Text::of_column(writer.dialect, text), true, writer);
        }
        (Function::Count, FieldType::Csv) => write_csv_count(text),
        (Function::Count, FieldType::Json) if leaf.question == Question::Empty || leaf.values.is_empty() => {
            return Err(refuse_function(leaf, function, writer));
        }
        (Function::Count, FieldType::Json) => write_json_count(text, writer.dialect),
        (Function::Count, _) => text.clone(),
        (part, kind) => match Clock::of(kind) {
            Some(clock) => part_of(part, clock, text, writer.dialect),
            None => return Err(refuse_function(leaf, function, writer)),
        },
    };
    if leaf.question == Question::Empty && !leaf.is_negative() {
        leaf.write_filled(writer);
        return Ok(());
    }
    let column = Column {
        name: format!("{}({})", function.name(), leaf.column.name),
        text: count,
        kind: None,
    };
    let leaf = Leaf {
        column: &column,
        operator: leaf.operator,
        question: leaf.question,
        values: leaf.values,
    };
    write_number(&leaf, FieldType::Integer, writer)
}

fn write_kind(leaf: &Leaf<'_>, writer: &mut Writer) -> Result<(), Unsayable> {
    let Some(kind) = leaf.column.kind else {
        let what = "how it compares depends on what it holds";
        return Err(leaf.refuse(writer, what, "declare the type of the field"));
    };
    let text = &leaf.column.text;
    match kind {
        FieldType::String | FieldType::Text | FieldType::Hash => {
            write_text(leaf, &Text::of_column(writer.dialect, text), true, writer)
        }
        FieldType::Uuid if writer.dialect == Dialect::Postgresql => write_uuid(leaf, writer),
        FieldType::Uuid => write_text(leaf, &Text::of_column(writer.dialect, text), false, writer),
        FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal => {
            write_number(leaf, kind, writer)
        }
        FieldType::Boolean => write_boolean(leaf, writer),
        FieldType::Date => write_moment(leaf, Clock::Date, writer),
        FieldType::Time => write_moment(leaf, Clock::Time, writer),
        FieldType::DateTime => write_moment(leaf, Clock::Local, writer),
        FieldType::Timestamp => write_moment(leaf, Clock::Instant, writer),
        FieldType::Csv => write_csv(leaf, writer),
        FieldType::Json => write_json(leaf, writer),
        FieldType::Geometry | FieldType::Alias => Err(leaf.refuse(
            writer,
            "values of this type do not compare in SQL",
            "ask only whether it is null",
        )),
    }
}
