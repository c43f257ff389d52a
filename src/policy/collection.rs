//! Collections and their fields.

use crate::source::span::{Span, Spanned};
use crate::vocab::operator::FieldType;

use super::Title;

/// A collection: a content type. The empty name is the collection of questions without a subject matter.
#[derive(Clone, Debug, Hash)]
pub struct Collection {
    /// The name.
    pub id: Spanned<String>,
    /// A title for people.
    pub title: Title,
    /// The table of a database that holds the items; named like the collection if absent.
    pub table: Option<Spanned<String>>,
    /// The field that holds the workflow state.
    pub state_field: Option<Spanned<String>>,
    /// The state of a new item; that of the workflow if absent.
    pub initial_state: Option<Spanned<String>>,
    /// Where the owner stands.
    pub owner: Option<OwnerFact>,
    /// The workflow.
    pub workflow: Option<Spanned<String>>,
    /// The field that holds the key; `id` if absent.
    pub key: Option<Spanned<String>>,
    /// The fields, as far as known.
    pub fields: Vec<Field>,
    /// Whether these are all fields; if not, any name may be one.
    pub lists_fields: bool,
    /// What a read does that names a field out of reach.
    pub unreadable: Unreadable,
    /// What a write does that names a field which is not covered.
    pub unwritable: Unwritable,
    /// Which fields may filter and sort.
    pub filtering: Filtering,
    /// Where it is declared.
    pub origin: Span,
}

/// Where the owner of an item stands among its attributes.
#[derive(Clone, Debug, Hash)]
pub struct OwnerFact {
    /// The field that holds the owner's id (or the owner as an object with its key).
    pub field: Spanned<String>,
    /// The path to the owner's role or list of roles.
    pub roles: Option<Vec<Spanned<String>>>,
}

/// A field of a collection.
#[derive(Clone, Debug, Hash)]
pub struct Field {
    /// The name.
    pub name: Spanned<String>,
    /// The column of the table that holds it; named like the field if absent.
    pub column: Option<Spanned<String>>,
    /// What it holds, if known.
    pub kind: Option<FieldType>,
    /// The related collection, if it is a relation.
    pub relation: Option<Relation>,
}

/// A relation to another collection.
#[derive(Clone, Debug, Hash)]
pub struct Relation {
    /// The related collection.
    pub collection: Spanned<String>,
    /// Whether the field stands for a list of related items.
    pub many: bool,
    /// Of a list: the field of the related items that holds the key of this one, if known.
    pub foreign_key: Option<Spanned<String>>,
}

/// What a read does that names a field out of reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// It is refused.
    #[default]
    Refuse,
    /// The field is left out.
    Omit,
}

/// What a write does that names a field which is not covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unwritable {
    /// It is refused.
    #[default]
    Refuse,
    /// The field is left out, if at least one field is covered.
    Drop,
}

/// Which fields may filter and sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Filtering {
    /// Those that are covered on the item.
    #[default]
    Covered,
    /// Those in reach.
    Reach,
}
