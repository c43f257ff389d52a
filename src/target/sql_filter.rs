//! The tree of a filter, and the relations that its paths follow.

use super::Unsayable;
use super::sql_compare::{Column, write_comparison};
use super::sql_writer::Writer;
use crate::engine::filter::{Comparison, Exists, Filter, OWNER, STATE};
use crate::model::Model;
use crate::model::collection::{Collection, Field};
use crate::model::id::CollectionId;
use crate::vocab::operator::{FieldType, Function};

/// A table as the text calls it.
#[derive(Clone)]
pub(super) struct Table {
    /// Its name or alias, quoted.
    pub(super) alias: String,
    /// The collection that it holds.
    pub(super) collection: Option<CollectionId>,
}

/// Writes a filter on the rows of a table.
///
/// # Errors
///
/// [`Unsayable`] if a part cannot be said.
pub(super) fn write_filter(
    model: &Model,
    table: &Table,
    filter: &Filter,
    writer: &mut Writer,
) -> Result<(), Unsayable> {
    match filter {
        Filter::All(parts) => write_group(model, table, parts, "TRUE", " AND ", writer),
        Filter::Any(parts) => write_group(model, table, parts, "FALSE", " OR ", writer),
        Filter::Not(part) => {
            writer.push("(");
            write_filter(model, table, part, writer)?;
            writer.push(") IS NOT TRUE");
            Ok(())
        }
        Filter::Compare(comparison) => write_leaf(model, table, comparison, writer),
        Filter::Exists(exists) => write_exists(model, table, exists, writer),
        Filter::Holds(holds) => Err(Unsayable(format!(
            "SQL cannot tell who holds a role ({}) on an item: the CMS keeps local roles, so filter by what it knows of them",
            holds.roles.join(", ")
        ))),
        Filter::Below(_) => Err(Unsayable(
            "SQL cannot tell which items lie below a document: the tree of documents is not among the declared fields".to_owned(),
        )),
    }
}

fn write_group(
    model: &Model,
    table: &Table,
    parts: &[Filter],
    empty: &str,
    word: &str,
    writer: &mut Writer,
) -> Result<(), Unsayable> {
    if parts.is_empty() {
        writer.push(empty);
        return Ok(());
    }
    writer.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            writer.push(word);
        }
        write_filter(model, table, part, writer)?;
    }
    writer.push(")");
    Ok(())
}

fn write_leaf(
    model: &Model,
    table: &Table,
    comparison: &Comparison,
    writer: &mut Writer,
) -> Result<(), Unsayable> {
    let path = comparison.path.as_slice();
    let Some((last, way)) = path.split_last() else {
        // What is asked of a related item itself is asked of its key.
        let key = key_column(model, table, writer)?;
        return write_comparison(&key, comparison, writer);
    };
    if let [name] = path {
        refuse_facts(name)?;
    }
    if way.is_empty() {
        let column = find_column(model, table, last, comparison, writer)?;
        return write_comparison(&column, comparison, writer);
    }
    // A missing related item makes the field null, so what holds of null holds unless a related item says otherwise.
    let is_negated = comparison.holds_of_null();
    writer.push(if is_negated { "NOT EXISTS (" } else { "EXISTS (" });
    let end = write_way(model, table, way, writer)?;
    writer.push(if is_negated { " AND (" } else { " AND " });
    let column = find_column(model, &end, last, comparison, writer)?;
    write_comparison(&column, comparison, writer)?;
    writer.push(if is_negated { ") IS NOT TRUE)" } else { ")" });
    Ok(())
}

/// Facts that no column holds.
fn refuse_facts(name: &str) -> Result<(), Unsayable> {
    let (what, key) = match name {
        STATE => ("the state", "state_field"),
        OWNER => ("the owner", "owner"),
        _ => return Ok(()),
    };
    Err(Unsayable(format!(
        "no column holds {what} of an item ({name}): name its field by `{key}` of the collection"
    )))
}

fn write_exists(model: &Model, table: &Table, exists: &Exists, writer: &mut Writer) -> Result<(), Unsayable> {
    let (relation, way) = exists
        .path
        .split_last()
        .ok_or_else(|| Unsayable("a look at related items names no relation".to_owned()))?;
    let is_outer = exists.or_nulls && exists.filter.holds_of_nulls();
    if is_outer {
        writer.push("(");
    }
    writer.push("EXISTS (");
    let end = write_many(model, table, relation, way, writer)?;
    if !exists.filter.is_always() {
        writer.push(" AND ");
        write_filter(model, &end, &exists.filter, writer)?;
    }
    writer.push(")");
    if is_outer {
        writer.push(" OR NOT EXISTS (");
        write_many(model, table, relation, way, writer)?;
        writer.push("))");
    }
    Ok(())
}

/// Writes the look at the items of a relation to many, up to the end of what joins them, and returns their table.
fn write_many(
    model: &Model,
    table: &Table,
    relation: &str,
    way: &[Box<str>],
    writer: &mut Writer,
) -> Result<Table, Unsayable> {
    if way.is_empty() {
        return write_joined(model, table, relation, writer);
    }
    // The tables on the way come first, so that what joins the last one can name them.
    let from = write_way_tables(model, table, way, writer)?;
    let (home, condition) = (from.end, from.condition);
    let many = Many::find(model, &home, relation, writer)?;
    writer.push(&format!(
        " INNER JOIN {} AS {} ON {} WHERE {condition}",
        many.name, many.table.alias, many.condition
    ));
    Ok(many.table)
}

fn write_joined(
    model: &Model,
    table: &Table,
    relation: &str,
    writer: &mut Writer,
) -> Result<Table, Unsayable> {
    let many = Many::find(model, table, relation, writer)?;
    writer.push(&format!(
        "SELECT 1 FROM {} AS {} WHERE {}",
        many.name, many.table.alias, many.condition
    ));
    Ok(many.table)
}

/// The other side of a relation to many.
struct Many {
    /// Its table, quoted.
    name: String,
    table: Table,
    /// What joins it.
    condition: String,
}

impl Many {
    fn find(model: &Model, table: &Table, relation: &str, writer: &mut Writer) -> Result<Self, Unsayable> {
        let declared = find_field(model, table, relation).and_then(|field| field.relation.as_ref());
        let Some(found) = declared.filter(|found| found.many) else {
            return Err(Unsayable(format!(
                "`{relation}` is not declared as a relation to many: declare its `relation` and `many`"
            )));
        };
        let Some(foreign_key) = found.foreign_key else {
            return Err(Unsayable(format!(
                "nothing tells how `{relation}` joins its items: name the field that holds the key by `via`"
            )));
        };
        let related = Table {
            alias: writer.alias(),
            collection: Some(found.collection),
        };
        let condition = format!(
            "{} = {}",
            column_of(
                model,
                &related,
                model.field_names.name(foreign_key.index()),
                writer
            )?,
            column_of(model, table, key_of(model, table), writer)?
        );
        Ok(Many {
            name: table_name(model, found.collection, writer)?,
            table: related,
            condition,
        })
    }
}

/// Writes the look at the related item at the end of relations to one, and returns its table.
fn write_way(
    model: &Model,
    table: &Table,
    way: &[Box<str>],
    writer: &mut Writer,
) -> Result<Table, Unsayable> {
    let from = write_way_tables(model, table, way, writer)?;
    writer.push(&format!(" WHERE {}", from.condition));
    Ok(from.end)
}

/// The tables of relations to one, written behind `FROM`.
struct Way {
    end: Table,
    /// What joins the first of them.
    condition: String,
}

fn write_way_tables(
    model: &Model,
    table: &Table,
    way: &[Box<str>],
    writer: &mut Writer,
) -> Result<Way, Unsayable> {
    let mut here = table.clone();
    let mut first = String::new();
    for (index, step) in way.iter().enumerate() {
        let declared = find_field(model, &here, step).and_then(|field| field.relation.as_ref());
        let Some(found) = declared.filter(|found| !found.many) else {
            return Err(Unsayable(format!(
                "`{step}` is not declared as a relation to one item: declare its `relation`"
            )));
        };
        let next = Table {
            alias: writer.alias(),
            collection: Some(found.collection),
        };
        let condition = format!(
            "{} = {}",
            column_of(model, &next, key_of(model, &next), writer)?,
            column_of(model, &here, step, writer)?
        );
        let name = table_name(model, found.collection, writer)?;
        if index == 0 {
            writer.push(&format!("SELECT 1 FROM {name} AS {}", next.alias));
            first = condition;
        } else {
            writer.push(&format!(" INNER JOIN {name} AS {} ON {condition}", next.alias));
        }
        here = next;
    }
    Ok(Way {
        end: here,
        condition: first,
    })
}

/// Returns what a comparison compares: the column of a field, or how many items are related.
fn find_column(
    model: &Model,
    table: &Table,
    name: &str,
    comparison: &Comparison,
    writer: &mut Writer,
) -> Result<Column, Unsayable> {
    let relation = find_field(model, table, name).and_then(|field| field.relation.as_ref());
    if relation.is_some_and(|relation| relation.many) {
        if comparison.function != Some(Function::Count) {
            return Err(Unsayable(format!(
                "`{name}` is a relation to many, and {} does not ask how many items there are",
                comparison.operator.name()
            )));
        }
        let joined = Many::find(model, table, name, writer)?;
        return Ok(Column {
            name: name.to_owned(),
            text: format!(
                "(SELECT COUNT(*) FROM {} AS {} WHERE {})",
                joined.name, joined.table.alias, joined.condition
            ),
            kind: Some(FieldType::Alias),
        });
    }
    Ok(Column {
        name: name.to_owned(),
        text: column_of(model, table, name, writer)?,
        kind: comparison
            .kind
            .or_else(|| declared_kind(model, table, name))
            .filter(|kind| *kind != FieldType::Alias)
            .or_else(|| related_kind(model, table, name)),
    })
}

/// Returns the declared type of a field, if it matters to databases alone: conditions leave such types out. Had they been made
/// for a field that holds moments, they would say so.
fn declared_kind(model: &Model, table: &Table, name: &str) -> Option<FieldType> {
    let kind = find_field(model, table, name)?.kind;
    kind.filter(|kind| !matches!(kind, FieldType::Date | FieldType::DateTime | FieldType::Timestamp))
}

/// A relation to one item stands for its key, which has a type as well.
fn related_kind(model: &Model, table: &Table, name: &str) -> Option<FieldType> {
    let relation = find_field(model, table, name)?.relation?;
    let related = model.collection(relation.collection)?;
    related.field(&related.key)?.kind
}

/// Returns the column of the key of a table.
fn key_column(model: &Model, table: &Table, writer: &Writer) -> Result<Column, Unsayable> {
    let key = key_of(model, table);
    Ok(Column {
        name: key.to_owned(),
        text: column_of(model, table, key, writer)?,
        kind: find_field(model, table, key).and_then(|field| field.kind),
    })
}

fn find_collection<'m>(model: &'m Model, table: &Table) -> Option<&'m Collection> {
    table
        .collection
        .and_then(|collection| model.collection(collection))
}

fn find_field<'m>(model: &'m Model, table: &Table, name: &str) -> Option<&'m Field> {
    find_collection(model, table)?.field(name)
}

fn key_of<'m>(model: &'m Model, table: &Table) -> &'m str {
    find_collection(model, table).map_or("id", |collection| &collection.key)
}

/// Returns the quoted column of a field, qualified by its table.
fn column_of(model: &Model, table: &Table, name: &str, writer: &Writer) -> Result<String, Unsayable> {
    let column = find_field(model, table, name).and_then(|field| field.column.as_deref());
    Ok(format!(
        "{}.{}",
        table.alias,
        writer.quote(column.unwrap_or(name))?
    ))
}

/// Returns the quoted name of the table of a collection; a declared one may lie in a schema.
fn table_name(model: &Model, collection: CollectionId, writer: &Writer) -> Result<String, Unsayable> {
    let declared = model
        .collection(collection)
        .and_then(|collection| collection.table.as_deref());
    match declared {
        None => writer.quote(model.collection_names.name(collection.index())),
        Some(name) => {
            let parts: Result<Vec<String>, Unsayable> =
                name.split('.').map(|part| writer.quote(part)).collect();
            Ok(parts?.join("."))
        }
    }
}
