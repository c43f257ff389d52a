//! Numbers and booleans.
//!
//! The engine compares doubles. Whole numbers below 2^53 are exact as doubles, so databases compare them as whole numbers, and
//! an index serves; beyond that, and for other numbers, both sides become doubles.

use super::Unsayable;
use super::literal::WHOLE_MAX;
use super::sql::Dialect;
use super::sql_compare::{Leaf, Question};
use super::sql_sides::{Bound, Sides, write_equal, write_ordered};
use super::sql_text::{Text, write_text_part};
use super::sql_writer::Writer;
use crate::vocab::operator::FieldType;
use crate::vocab::time::parse_instant;
use crate::vocab::value::{Value, find_twin, read_number};

/// Writes a comparison of a number; the column is of this type.
pub(super) fn write_number(leaf: &Leaf<'_>, kind: FieldType, writer: &mut Writer) -> Result<(), Unsayable> {
    let is_whole = matches!(kind, FieldType::Integer | FieldType::BigInteger);
    let dialect = writer.dialect;
    let column = leaf.column.text.as_str();
    match leaf.question {
        Question::Equal => {
            let numbers: Vec<f64> = leaf
                .values
                .iter()
                .filter_map(equal_number)
                .filter(|number| !is_whole || number.fract() == 0.0)
                .collect();
            let is_small = numbers.iter().all(|number| number.abs() < WHOLE_MAX);
            let sides = sides(dialect, column, is_whole, is_small);
            write_equal(leaf, &sides, numbers.into_iter().map(value).collect(), writer);
            Ok(())
        }
        Question::Order(_) | Question::Between => {
            let refusal = leaf.refuse(
                writer,
                "a number is ordered beside a moment as milliseconds since 1970",
                "compare with a number",
            );
            let find_bound = |right: &Value<'static>| {
                let number = match right {
                    Value::Number(number) => Some(*number),
                    Value::Text(text) => match read_number(text) {
                        None if parse_instant(text).is_some() => return Err(refusal.clone()),
                        number => number,
                    },
                    Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
                };
                Ok(number.map(|number| {
                    let is_small = number.abs() < WHOLE_MAX;
                    let whole = is_whole && is_small;
                    Bound {
                        value: value(if whole { number.floor() } else { number }),
                        is_exact: !whole || number.fract() == 0.0,
                        sides: sides(dialect, column, is_whole, is_small),
                    }
                }))
            };
            write_ordered(leaf, find_bound, writer)
        }
        Question::Text(part, folded) if leaf.column.kind == Some(FieldType::Integer) => {
            let text = Text::of_number(dialect, column);
            write_text_part(leaf, &text, part, folded, writer)
        }
        Question::Text(..) | Question::Like => Err(leaf.refuse(
            writer,
            "operators on text see a number as JSON writes it, and databases write it in other ways",
            "compare it as a number",
        )),
        Question::Empty => {
            leaf.write_filled(writer);
            Ok(())
        }
        Question::IsNumber => {
            leaf.write_known(writer);
            Ok(())
        }
        Question::IsText | Question::Regex => {
            leaf.write_never(writer);
            Ok(())
        }
    }
}

/// Returns the number that equals a value.
fn equal_number(value: &Value<'static>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => find_twin(text),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
    }
    .filter(|number| number.is_finite())
}

/// Returns a number as a parameter; the two zeros are one.
fn value(number: f64) -> Value<'static> {
    Value::Number(number + 0.0)
}

/// Returns how a column of numbers compares with a number; a small one is below 2^53.
fn sides(dialect: Dialect, column: &str, is_whole: bool, is_small: bool) -> Sides {
    if is_whole && is_small {
        let around = match dialect {
            Dialect::Postgresql => ("CAST(", " AS bigint)"),
            Dialect::Mysql => ("CAST(", " AS signed)"),
            Dialect::Sqlite => ("CAST(", " AS integer)"),
        };
        return Sides::new(column.to_owned(), around);
    }
    match dialect {
        // A number with a short mantissa is what its text says, as it is for the CMS that reads it.
        Dialect::Postgresql => Sides::new(
            format!("CAST(CAST({column} AS text) AS double precision)"),
            ("CAST(", " AS double precision)"),
        ),
        Dialect::Mysql => Sides::new(format!("(CAST({column} AS char) + 0e0)"), ("(", " + 0e0)")),
        // SQLite compares whole numbers and doubles exactly.
        Dialect::Sqlite if is_small => Sides::new(column.to_owned(), ("CAST(", " AS real)")),
        Dialect::Sqlite => Sides::new(format!("CAST({column} AS real)"), ("CAST(", " AS real)")),
    }
}

/// Writes a comparison of a boolean.
pub(super) fn write_boolean(leaf: &Leaf<'_>, writer: &mut Writer) -> Result<(), Unsayable> {
    match leaf.question {
        Question::Equal => {
            let around = match writer.dialect {
                Dialect::Postgresql => ("CAST(", " AS boolean)"),
                Dialect::Mysql => ("CAST(", " AS signed)"),
                Dialect::Sqlite => ("CAST(", " AS integer)"),
            };
            let is_boolean = |value: &&Value<'static>| matches!(value, Value::Bool(_));
            let values = leaf.values.iter().filter(is_boolean).cloned().collect();
            write_equal(
                leaf,
                &Sides::new(leaf.column.text.clone(), around),
                values,
                writer,
            );
            Ok(())
        }
        Question::Empty => {
            leaf.write_filled(writer);
            Ok(())
        }
        // It has no order, and is neither text nor a number.
        Question::Order(_) | Question::Between | Question::IsText | Question::IsNumber | Question::Regex => {
            leaf.write_never(writer);
            Ok(())
        }
        Question::Text(..) | Question::Like => Err(leaf.refuse(
            writer,
            "operators on text see a boolean as the words `true` and `false`",
            "compare it with true or false",
        )),
    }
}
