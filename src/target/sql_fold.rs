//! Letter case is folded as Unicode does (`to_lowercase`), which no database promises in the same version. So the text is not
//! folded as a whole: only those letters are replaced whose lower case occurs in the operand. The other letters cannot match
//! either way, as lower case is made of letters that are their own lower case. The one exception is the Greek sigma, whose
//! lower case depends on what stands around it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::Unsayable;
use super::sql::Dialect;
use super::sql_compare::Leaf;
use super::sql_text::Text;
use super::sql_writer::Writer;

/// Letters that are replaced by their lower case.
pub(super) type Pairs = Vec<(char, String)>;

/// The letters of each lower case, by its first letter.
static UPPER: LazyLock<BTreeMap<char, Pairs>> = LazyLock::new(|| {
    let mut upper: BTreeMap<char, Pairs> = BTreeMap::new();
    for letter in char::MIN..=char::MAX {
        let lower: String = letter.to_lowercase().collect();
        // What becomes several letters is found by each of them.
        for each in lower
            .chars()
            .filter(|each| *each != letter)
            .collect::<BTreeSet<char>>()
        {
            upper.entry(each).or_default().push((letter, lower.clone()));
        }
    }
    upper
});

/// Writes a text in which letters are replaced, as what compares as bytes.
pub(super) fn write_folded(text: &Text, pairs: &[(char, String)], writer: &mut Writer) {
    if pairs.is_empty() {
        writer.push(&text.exact);
        return;
    }
    if writer.dialect == Dialect::Mysql {
        writer.push("CAST(");
        write_replaced(&text.plain, pairs, writer);
        writer.push(" AS binary)");
    } else {
        write_replaced(&text.plain, pairs, writer);
    }
}

/// Writes a text in which letters are replaced.
pub(super) fn write_replaced(plain: &str, pairs: &[(char, String)], writer: &mut Writer) {
    let around = match writer.dialect {
        Dialect::Postgresql => ("CAST(", " AS text)"),
        Dialect::Mysql | Dialect::Sqlite => ("", ""),
    };
    let bind = |writer: &mut Writer, text: String| {
        writer.push(", ");
        writer.push(around.0);
        writer.bind_text(text);
        writer.push(around.1);
    };
    // PostgreSQL replaces many letters at once, if each becomes one.
    let (at_once, one_by_one): (Vec<_>, Vec<_>) = pairs
        .iter()
        .partition(|(_, lower)| writer.dialect == Dialect::Postgresql && lower.chars().count() == 1);
    writer.push(if at_once.is_empty() { "" } else { "translate(" });
    one_by_one.iter().for_each(|_| writer.push("REPLACE("));
    writer.push(plain);
    for (letter, lower) in one_by_one {
        bind(writer, letter.to_string());
        bind(writer, lower.clone());
        writer.push(")");
    }
    if !at_once.is_empty() {
        bind(writer, at_once.iter().map(|(letter, _)| *letter).collect());
        bind(writer, at_once.iter().map(|(_, lower)| lower.as_str()).collect());
        writer.push(")");
    }
}

/// Returns the letters that have to be replaced in a text so that it holds a folded operand where it does when folded.
pub(super) fn folding(leaf: &Leaf<'_>, operand: &str, writer: &Writer) -> Result<Pairs, Unsayable> {
    if operand.contains(['σ', 'ς']) {
        return Err(leaf.refuse(
            writer,
            "the lower case of the Greek sigma depends on what stands around it",
            "compare with letter case",
        ));
    }
    let letters: BTreeSet<char> = operand.chars().collect();
    let found = letters.iter().filter_map(|letter| UPPER.get(letter)).flatten();
    let pairs: BTreeSet<(char, String)> = found.cloned().collect();
    Ok(pairs.into_iter().collect())
}
