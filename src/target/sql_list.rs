//! Lists of texts (csv), and JSON.

use super::Unsayable;
use super::sql::Dialect;
use super::sql_compare::{Column, Leaf, Part, Question};
use super::sql_fold::{folding, write_folded};
use super::sql_text::{Text, write_empty, write_inside};
use super::sql_writer::Writer;
use crate::vocab::value::Value;

/// Writes a comparison of a list of texts, which stand in the column with commas between them.
pub(super) fn write_csv(leaf: &Leaf<'_>, writer: &mut Writer) -> Result<(), Unsayable> {
    match leaf.question {
        // A list equals nothing.
        Question::Equal => {
            leaf.write_unmatched(writer);
            Ok(())
        }
        Question::Text(Part::Inside, folded) => write_element(leaf, folded, writer),
        Question::Empty => {
            let text = Text::of_column(writer.dialect, &leaf.column.text);
            write_empty(leaf, &text, writer);
            Ok(())
        }
        // It has no order and is no text, so it passes neither these nor their negatives.
        Question::Text(..)
        | Question::Like
        | Question::Order(_)
        | Question::Between
        | Question::IsText
        | Question::IsNumber
        | Question::Regex => {
            leaf.write_never(writer);
            Ok(())
        }
    }
}

/// Writes whether a list has an element.
fn write_element(leaf: &Leaf<'_>, folded: bool, writer: &mut Writer) -> Result<(), Unsayable> {
    // No element holds what parts them.
    let Some(element) = leaf.operand().filter(|element| !element.contains(['\0', ','])) else {
        leaf.write_unmatched(writer);
        return Ok(());
    };
    let element = if folded { element.to_lowercase() } else { element };
    let pairs = if folded {
        folding(leaf, &element, writer)?
    } else {
        Vec::new()
    };
    let text = Text::of_column(writer.dialect, &leaf.column.text);
    let (open, close) = match writer.dialect {
        Dialect::Postgresql | Dialect::Sqlite => ("(',' || ", " || ',')"),
        Dialect::Mysql => ("CONCAT(',', ", ", ',')"),
    };
    let left = |writer: &mut Writer| {
        writer.push(open);
        write_folded(&text, &pairs, writer);
        writer.push(close);
    };
    // The empty list has no element, not even an empty one.
    let is_empty = element.is_empty();
    if is_empty {
        let length = format!("LENGTH({})", leaf.column.text);
        let test = if leaf.is_negative() { "= 0 OR " } else { "> 0 AND " };
        writer.push(&format!("({length} {test}"));
    }
    write_inside(leaf, left, &format!(",{element},"), writer);
    writer.push(if is_empty { ")" } else { "" });
    Ok(())
}

/// Returns how many elements a list of texts has.
pub(super) fn write_csv_count(column: &str) -> String {
    format!(
        "CASE WHEN LENGTH({column}) = 0 THEN 0 \
         ELSE LENGTH({column}) - LENGTH(REPLACE({column}, ',', '')) + 1 END"
    )
}

/// Writes whether JSON is null: nothing is stored, or the word `null`.
pub(super) fn write_json_null(column: &Column, is_null: bool, writer: &mut Writer) {
    let kind = json_type(&column.text, writer.dialect);
    let null = match writer.dialect {
        Dialect::Postgresql | Dialect::Sqlite => "'null'",
        Dialect::Mysql => "'NULL'",
    };
    if is_null {
        writer.push(&format!("({} IS NULL OR {kind} = {null})", column.text));
    } else {
        writer.push(&format!("{kind} <> {null}"));
    }
}

fn json_type(column: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgresql => format!("jsonb_typeof(CAST({column} AS jsonb))"),
        Dialect::Mysql => format!("JSON_TYPE({column})"),
        Dialect::Sqlite => format!("json_type({column})"),
    }
}

/// Returns how many elements a list in JSON has; null if it is no list.
pub(super) fn write_json_count(column: &str, dialect: Dialect) -> String {
    let kind = json_type(column, dialect);
    match dialect {
        Dialect::Postgresql => {
            format!("CASE WHEN {kind} = 'array' THEN jsonb_array_length(CAST({column} AS jsonb)) END")
        }
        Dialect::Mysql => format!("CASE WHEN {kind} = 'ARRAY' THEN JSON_LENGTH({column}) END"),
        Dialect::Sqlite => format!("CASE WHEN {kind} = 'array' THEN json_array_length({column}) END"),
    }
}

/// Writes a comparison of JSON.
pub(super) fn write_json(leaf: &Leaf<'_>, writer: &mut Writer) -> Result<(), Unsayable> {
    match leaf.question {
        Question::Empty => {
            write_json_empty(leaf, writer);
            Ok(())
        }
        Question::Text(Part::Inside, false) => write_json_element(leaf, writer),
        Question::Equal
        | Question::Order(_)
        | Question::Between
        | Question::Text(..)
        | Question::Like
        | Question::IsText
        | Question::IsNumber
        | Question::Regex => Err(leaf.refuse(
            writer,
            "what JSON holds compares by what it is, item by item",
            "ask whether it is null or empty, for an element by `_contains`, or keep the value in a field of its own",
        )),
    }
}

fn write_json_empty(leaf: &Leaf<'_>, writer: &mut Writer) {
    let column = &leaf.column.text;
    let kind = json_type(column, writer.dialect);
    let empty = match writer.dialect {
        Dialect::Postgresql => format!(
            "CAST({column} AS jsonb) IN (CAST('null' AS jsonb), CAST('[]' AS jsonb), CAST('\"\"' AS jsonb))"
        ),
        Dialect::Mysql => format!(
            "{kind} = 'NULL' OR ({kind} = 'ARRAY' AND JSON_LENGTH({column}) = 0) \
             OR ({kind} = 'STRING' AND LENGTH(JSON_UNQUOTE({column})) = 0)"
        ),
        Dialect::Sqlite => format!(
            "{kind} = 'null' OR ({kind} = 'array' AND json_array_length({column}) = 0) \
             OR ({kind} = 'text' AND json_extract({column}, '$') = '')"
        ),
    };
    writer.push(&format!("({column} IS NULL OR {empty})"));
    writer.push(if leaf.is_negative() { " IS NOT TRUE" } else { "" });
}

/// Writes whether a list in JSON has an element, or a text in JSON holds a text.
fn write_json_element(leaf: &Leaf<'_>, writer: &mut Writer) -> Result<(), Unsayable> {
    // Numbers and booleans inside would have to be written as the engine does.
    let is_plain = |text: &&str| {
        !text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
            && !matches!(*text, "true" | "false")
            && !text.contains('\0')
    };
    let plain = match leaf.values.first() {
        Some(Value::Text(text)) => Some(text.as_ref()).filter(is_plain),
        _ => None,
    };
    let Some(plain) = plain else {
        return Err(leaf.refuse(
            writer,
            "a number or a boolean in JSON counts as its text, and databases write these in other ways",
            "compare with a word",
        ));
    };
    let column = &leaf.column.text;
    let kind = json_type(column, writer.dialect);
    writer.push(if leaf.is_negative() { "(" } else { "" });
    writer.push(&format!("CASE {kind} WHEN 'array' THEN "));
    write_json_cases(column, plain, writer);
    // A number holds no word, and of an object nobody says so.
    let numbers = match writer.dialect {
        Dialect::Postgresql => " WHEN 'number' THEN FALSE",
        Dialect::Mysql => {
            " WHEN 'INTEGER' THEN FALSE WHEN 'UNSIGNED INTEGER' THEN FALSE WHEN 'DOUBLE' THEN FALSE \
             WHEN 'DECIMAL' THEN FALSE"
        }
        Dialect::Sqlite => " WHEN 'integer' THEN FALSE WHEN 'real' THEN FALSE",
    };
    writer.push(&format!("{numbers} END"));
    writer.push(if leaf.is_negative() { ") IS FALSE" } else { "" });
    Ok(())
}

/// Writes what is asked of a list, a text and a boolean in JSON.
fn write_json_cases(column: &str, plain: &str, writer: &mut Writer) {
    match writer.dialect {
        Dialect::Postgresql => {
            let json = format!("CAST({column} AS jsonb)");
            writer.push(&format!("jsonb_exists({json}, CAST("));
            let number = writer.bind_text(plain);
            writer.push(&format!(
                " AS text)) WHEN 'string' THEN strpos({json} #>> '{{}}', CAST("
            ));
            writer.bind_again(number);
            writer.push(&format!(
                " AS text)) > 0 WHEN 'boolean' THEN strpos({json} #>> '{{}}', CAST("
            ));
            writer.bind_again(number);
            writer.push(" AS text)) > 0");
        }
        Dialect::Mysql => {
            let alias = writer.alias();
            let bytes = |text: &str| format!("CAST(CONVERT({text} USING utf8mb4) AS binary)");
            let list = format!("JSON_TABLE({column}, '$[*]' COLUMNS (v longtext PATH '$'))");
            let element = bytes(&format!("{alias}.v"));
            let (open, close) = ("CAST(CONVERT(", " USING utf8mb4) AS binary)");
            writer.push(&format!(
                "EXISTS (SELECT 1 FROM {list} AS {alias} WHERE {element} = {open}"
            ));
            let number = writer.bind_text(plain);
            writer.push(close);
            writer.push(")");
            // Both are written without quotes.
            for kind in ["STRING", "BOOLEAN"] {
                writer.push(&format!(" WHEN '{kind}' THEN LOCATE({open}"));
                writer.bind_again(number);
                let text = bytes(&format!("JSON_UNQUOTE({column})"));
                writer.push(&format!("{close}, {text}) > 0"));
            }
        }
        Dialect::Sqlite => {
            let alias = writer.alias();
            writer.push(&format!(
                "EXISTS (SELECT 1 FROM json_each({column}) AS {alias} WHERE {alias}.\"type\" = 'text' AND {alias}.\"value\" = "
            ));
            let number = writer.bind_text(plain);
            writer.push(&format!(") WHEN 'text' THEN instr(json_extract({column}, '$'), "));
            writer.bind_again(number);
            writer.push(") > 0 WHEN 'true' THEN instr('true', ");
            writer.bind_again(number);
            writer.push(") > 0 WHEN 'false' THEN instr('false', ");
            writer.bind_again(number);
            writer.push(") > 0");
        }
    }
}
