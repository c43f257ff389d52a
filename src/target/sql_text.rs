//! Text.
//!
//! The engine compares text as it is written. Databases compare it by collations, which may put letters, accents and spaces
//! at the end together, so both sides are compared as bytes.
//! What letter case is, `sql_fold` says.

use std::collections::BTreeSet;

use super::Unsayable;
use super::literal::is_uuid;
use super::sql::Dialect;
use super::sql_compare::{Leaf, Part, Question};
use super::sql_fold::{Pairs, folding, write_folded, write_replaced};
use super::sql_sides::{Sides, write_equal, write_ordered};
use super::sql_writer::Writer;
use crate::vocab::time::{parse_instant, parse_time_of_day};
use crate::vocab::value::Value;

/// A text as SQL says it.
pub(super) struct Text {
    /// What compares as bytes.
    pub(super) exact: String,
    /// What letters are replaced in, and what patterns match.
    pub(super) plain: String,
    /// What an index serves.
    index: Option<String>,
}

impl Text {
    /// Returns a column of text.
    pub(super) fn of_column(dialect: Dialect, column: &str) -> Self {
        match dialect {
            Dialect::Postgresql => Text {
                exact: format!("CAST({column} AS text) COLLATE \"C\""),
                plain: format!("CAST({column} AS text) COLLATE \"C\""),
                index: Some(format!("CAST({column} AS text)")),
            },
            Dialect::Mysql => Text {
                exact: format!("CAST(CONVERT({column} USING utf8mb4) AS binary)"),
                plain: format!("CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin"),
                index: Some(column.to_owned()),
            },
            Dialect::Sqlite => Text {
                exact: format!("{column} COLLATE \"BINARY\""),
                plain: column.to_owned(),
                index: None,
            },
        }
    }

    /// Returns a whole number as it is written.
    pub(super) fn of_number(dialect: Dialect, column: &str) -> Self {
        let written = match dialect {
            Dialect::Postgresql | Dialect::Sqlite => format!("CAST({column} AS text)"),
            Dialect::Mysql => format!("CAST({column} AS char)"),
        };
        Self {
            index: None,
            ..Self::of_column(dialect, &written)
        }
    }

    fn sides(&self, dialect: Dialect) -> Sides {
        Sides {
            index: self.index.clone().map(|left| {
                (
                    left,
                    match dialect {
                        Dialect::Postgresql => ("CAST(", " AS text)"),
                        Dialect::Mysql | Dialect::Sqlite => ("", ""),
                    },
                )
            }),
            ..Sides::new(self.exact.clone(), around(dialect))
        }
    }
}

/// What stands around a parameter that compares as bytes.
fn around(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::Postgresql => ("CAST(", " AS text)"),
        Dialect::Mysql => ("CAST(CONVERT(", " USING utf8mb4) AS binary)"),
        Dialect::Sqlite => ("", ""),
    }
}

/// Writes a comparison of text; some texts may be how a number is written.
pub(super) fn write_text(
    leaf: &Leaf<'_>,
    text: &Text,
    may_be_number: bool,
    writer: &mut Writer,
) -> Result<(), Unsayable> {
    match leaf.question {
        Question::Equal => {
            let mut values = Vec::new();
            for value in leaf.values {
                match value {
                    // No text of a column holds a NUL.
                    Value::Text(operand) if !operand.contains('\0') => values.push(value.clone()),
                    Value::Number(_) if may_be_number => {
                        return Err(leaf.refuse(
                            writer,
                            "a number equals each text that writes it, however many digits it has",
                            "write the value as text, or declare the field as a number",
                        ));
                    }
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
                    Value::List(_) | Value::Object(_) => {}
                }
            }
            let mut sides = text.sides(writer.dialect);
            // MySQL refuses to compare a column with letters that its character set lacks.
            let is_ascii = |value: &Value<'static>| matches!(value, Value::Text(text) if text.is_ascii());
            if writer.dialect == Dialect::Mysql && !values.iter().all(is_ascii) {
                sides.index = None;
            }
            write_equal(leaf, &sides, values, writer);
            Ok(())
        }
        Question::Order(_) | Question::Between => {
            let refusal = leaf.refuse(
                writer,
                "text is ordered as the number, moment or time of day that it writes",
                "declare the field as what it holds",
            );
            let find_bound = |value: &Value<'static>| match value {
                Value::Number(_) if may_be_number => Err(refusal.clone()),
                Value::Text(text)
                    if may_be_number
                        && (parse_instant(text).is_some() || parse_time_of_day(text).is_some()) =>
                {
                    Err(refusal.clone())
                }
                // A plain word has no order.
                Value::Text(_) | Value::Number(_) | Value::Bool(_) => Ok(None),
                Value::Null | Value::List(_) | Value::Object(_) => Ok(None),
            };
            write_ordered(leaf, find_bound, writer)
        }
        Question::Text(part, folded) => write_text_part(leaf, text, part, folded, writer),
        Question::Like => write_like(leaf, text, writer),
        Question::Empty => {
            write_empty(leaf, text, writer);
            Ok(())
        }
        Question::IsText => {
            leaf.write_known(writer);
            Ok(())
        }
        Question::IsNumber if !may_be_number => {
            leaf.write_never(writer);
            Ok(())
        }
        Question::IsNumber => Err(leaf.refuse(
            writer,
            "databases read numbers in other ways than JSON",
            "declare the field as a number",
        )),
        Question::Regex => Err(leaf.refuse(
            writer,
            "regular expressions of databases differ",
            "use `_contains`, `_starts_with`, `_ends_with` or `_like`",
        )),
    }
}

/// Writes whether a text, or a list as text, is null or empty.
pub(super) fn write_empty(leaf: &Leaf<'_>, text: &Text, writer: &mut Writer) {
    let length = match writer.dialect {
        Dialect::Postgresql | Dialect::Sqlite => text.exact.clone(),
        Dialect::Mysql => format!("LENGTH({})", text.exact),
    };
    let empty = match writer.dialect {
        Dialect::Postgresql | Dialect::Sqlite => "''",
        Dialect::Mysql => "0",
    };
    if leaf.is_negative() {
        writer.push(&format!("{length} <> {empty}"));
    } else {
        let column = &leaf.column.text;
        writer.push(&format!("({column} IS NULL OR {length} = {empty})"));
    }
}

/// Writes whether a text holds the operand.
pub(super) fn write_text_part(
    leaf: &Leaf<'_>,
    text: &Text,
    part: Part,
    folded: bool,
    writer: &mut Writer,
) -> Result<(), Unsayable> {
    let Some(operand) = leaf.operand().filter(|operand| !operand.contains('\0')) else {
        leaf.write_unmatched(writer);
        return Ok(());
    };
    let operand = if folded { operand.to_lowercase() } else { operand };
    if operand.is_empty() && part != Part::Whole {
        leaf.write_matched(writer);
        return Ok(());
    }
    let pairs = if folded {
        folding(leaf, &operand, writer)?
    } else {
        Pairs::new()
    };
    let dialect = writer.dialect;
    let left = |writer: &mut Writer| write_folded(text, &pairs, writer);
    // MySQL cuts bytes, the others cut characters.
    let length = match dialect {
        Dialect::Mysql => operand.len(),
        Dialect::Postgresql | Dialect::Sqlite => operand.chars().count(),
    };
    let (open, close) = match (part, dialect) {
        (Part::Inside, _) => {
            write_inside(leaf, left, &operand, writer);
            return Ok(());
        }
        (Part::Whole, _) => ("", String::new()),
        (Part::Start, Dialect::Sqlite) => ("substr(", format!(", 1, {length})")),
        (Part::End, Dialect::Sqlite) => ("substr(", format!(", -{length})")),
        (Part::Start, Dialect::Postgresql | Dialect::Mysql) => ("LEFT(", format!(", {length})")),
        (Part::End, Dialect::Postgresql | Dialect::Mysql) => ("RIGHT(", format!(", {length})")),
    };
    writer.push(open);
    left(writer);
    writer.push(&close);
    writer.push(if leaf.is_negative() { " <> " } else { " = " });
    write_operand(operand, writer);
    Ok(())
}

/// Writes a parameter that compares as bytes.
fn write_operand(operand: String, writer: &mut Writer) {
    let around = around(writer.dialect);
    writer.push(around.0);
    writer.bind_text(operand);
    writer.push(around.1);
}

/// Writes whether a text holds another one.
pub(super) fn write_inside(leaf: &Leaf<'_>, left: impl Fn(&mut Writer), operand: &str, writer: &mut Writer) {
    match writer.dialect {
        Dialect::Postgresql => writer.push("strpos("),
        Dialect::Sqlite => writer.push("instr("),
        Dialect::Mysql => {
            writer.push("LOCATE(");
            write_operand(operand.to_owned(), writer);
            writer.push(", ");
        }
    }
    left(writer);
    if writer.dialect != Dialect::Mysql {
        writer.push(", ");
        write_operand(operand.to_owned(), writer);
    }
    writer.push(if leaf.is_negative() { ") = 0" } else { ") > 0" });
}

/// Writes whether a text fits a pattern, upper and lower case of A to Z aside.
fn write_like(leaf: &Leaf<'_>, text: &Text, writer: &mut Writer) -> Result<(), Unsayable> {
    let Some(pattern) = leaf.operand().filter(|pattern| !pattern.contains('\0')) else {
        leaf.write_unmatched(writer);
        return Ok(());
    };
    let pattern = pattern.to_ascii_lowercase();
    let letters: BTreeSet<char> = pattern.chars().filter(char::is_ascii_lowercase).collect();
    let pairs: Pairs = letters
        .into_iter()
        .map(|letter| (letter.to_ascii_uppercase(), letter.to_string()))
        .collect();
    let not = if leaf.is_negative() { " NOT" } else { "" };
    if writer.dialect == Dialect::Sqlite {
        // What LIKE does about letter case is a matter of settings there; GLOB never folds.
        writer.push(if leaf.is_negative() { "NOT (" } else { "(" });
        write_replaced(&text.plain, &pairs, writer);
        writer.push(" GLOB ");
        writer.bind_text(glob(&pattern));
        writer.push(")");
        return Ok(());
    }
    writer.push("(");
    write_replaced(&text.plain, &pairs, writer);
    writer.push(")");
    let around = match writer.dialect {
        Dialect::Postgresql => ("CAST(", " AS text)"),
        Dialect::Mysql => {
            writer.push(" COLLATE utf8mb4_bin");
            ("", "")
        }
        Dialect::Sqlite => ("", ""),
    };
    writer.push(&format!("{not} LIKE {}", around.0));
    writer.bind_text(pattern.replace('|', "||"));
    writer.push(&format!("{} ESCAPE '|'", around.1));
    Ok(())
}

/// Returns a pattern of LIKE as one of GLOB.
fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for each in pattern.chars() {
        match each {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => glob.extend(['[', each, ']']),
            _ => glob.push(each),
        }
    }
    glob
}

/// Writes a comparison of a column of PostgreSQL's type for UUIDs.
pub(super) fn write_uuid(leaf: &Leaf<'_>, writer: &mut Writer) -> Result<(), Unsayable> {
    let column = &leaf.column.text;
    match leaf.question {
        Question::Equal => {
            // Any other way to write one is another text.
            let is_written = |value: &&Value<'static>| matches!(value, Value::Text(text) if is_uuid(text));
            let values = leaf.values.iter().filter(is_written).cloned().collect();
            write_equal(
                leaf,
                &Sides::new(column.clone(), ("CAST(", " AS uuid)")),
                values,
                writer,
            );
            Ok(())
        }
        Question::Empty => {
            leaf.write_filled(writer);
            Ok(())
        }
        Question::Order(_)
        | Question::Between
        | Question::Text(..)
        | Question::Like
        | Question::IsText
        | Question::IsNumber
        | Question::Regex => write_text(leaf, &Text::of_column(writer.dialect, column), false, writer),
    }
}
