//! A condition on the items of a collection: what is left of a question when the item is left open.
//!
//! Each node is true or not true of an item; there is no third value, so [`Filter::not`] is true exactly where its part is not.
//! Constructors simplify as they go: constants vanish, nested groups of one kind become one, equal parts are kept once.

use crate::model::id::CollectionId;
use crate::vocab::operator::{FieldType, Function, Operator};
use crate::vocab::value::Value;

/// The name that stands for the state of an item whose collection names no field for it.
pub const STATE: &str = "$STATE";

/// The name that stands for the id of the owner of an item whose collection names no field for it.
pub const OWNER: &str = "$OWNER.id";

/// A condition on an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these; without parts: true.
    All(Vec<Filter>),
    /// At least one of these; without parts: not true.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A comparison of a field with values.
    Compare(Comparison),
    /// A look at related items.
    Exists(Exists),
    /// Local roles on the item, which the CMS keeps.
    Holds(Holds),
    /// The item lies below one of some documents.
    Below(Below),
}

/// A comparison of a field with values, as conditions on stored items compare: see [`crate::vocab::operator::Operator`].
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The name of the field, after the names of the relations to one item that lead to it; a missing related item makes it
    /// null. A path that ends at a relation to one item stands for the key of that item. [`STATE`] and [`OWNER`] stand alone.
    pub path: Vec<Box<str>>,
    /// A function of the field.
    pub function: Option<Function>,
    /// How it compares. Never `_submitted`.
    pub operator: Operator,
    /// What it compares with: none for flags (`_null`), two for `_between` and `_nbetween`, any number of scalars that are
    /// not null for `_in` and `_nin`, a GeoJSON object for geometries, the pattern for `_regex`, else one scalar that is not
    /// null. Moments are texts (RFC 3339).
    pub values: Vec<Value<'static>>,
    /// The declared type of the field.
    pub kind: Option<FieldType>,
}

/// A look at the items that are related over a relation to many.
#[derive(Clone, Debug, PartialEq)]
pub struct Exists {
    /// The relation to many, after the relations to one item that lead to it.
    pub path: Vec<Box<str>>,
    /// The collection of the related items, as far as it is declared.
    pub collection: Option<CollectionId>,
    /// What at least one related item has to pass; its paths start at the related item.
    pub filter: Box<Filter>,
    /// Whether an item without related items is judged once as if it had one whose fields are all null (an outer join).
    pub or_nulls: bool,
}

/// Local roles on an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Holds {
    /// The names of the roles, one of which has to be held on the item or passed on to it.
    pub roles: Vec<Box<str>>,
    /// The id of the subject; empty for visitors who own nothing.
    pub subject: Box<str>,
    /// The groups of the subject, which may hold the role as well.
    pub groups: Vec<Box<str>>,
}

/// Documents that an item lies below, however deep.
#[derive(Clone, Debug, PartialEq)]
pub struct Below {
    /// The documents: the name of the collection, and the id.
    pub documents: Vec<(Box<str>, Box<str>)>,
}

impl Filter {
    /// Returns what holds of every item.
    pub fn always() -> Self {
        Filter::All(Vec::new())
    }

    /// Returns what holds of no item.
    pub fn never() -> Self {
        Filter::Any(Vec::new())
    }

    /// Returns the filter of a known truth.
    pub fn of(holds: bool) -> Self {
        if holds { Self::always() } else { Self::never() }
    }

    /// Tells whether it holds of every item, as far as its form shows.
    pub fn is_always(&self) -> bool {
        matches!(self, Filter::All(parts) if parts.is_empty())
    }

    /// Tells whether it holds of no item, as far as its form shows.
    pub fn is_never(&self) -> bool {
        matches!(self, Filter::Any(parts) if parts.is_empty())
    }

    /// Returns what holds where both do.
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// Returns what holds where one does.
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// Returns what holds where this does not.
    #[expect(clippy::should_implement_trait, reason = "it stands beside `and` and `or`")]
    pub fn not(self) -> Self {
        match self {
            Filter::Not(part) => *part,
            Filter::All(parts) if parts.is_empty() => Self::never(),
            Filter::Any(parts) if parts.is_empty() => Self::always(),
            other @ (Filter::All(_)
            | Filter::Any(_)
            | Filter::Compare(_)
            | Filter::Exists(_)
            | Filter::Holds(_)
            | Filter::Below(_)) => Filter::Not(Box::new(other)),
        }
    }

    /// Returns what holds where all of these do.
    pub fn all(parts: impl IntoIterator<Item = Filter>) -> Self {
        let mut all: Vec<Filter> = Vec::new();
        for part in parts {
            if part.is_never() {
                return part;
            }
            match part {
                Filter::All(inner) => inner.into_iter().for_each(|each| insert(&mut all, each)),
                other @ (Filter::Any(_)
                | Filter::Not(_)
                | Filter::Compare(_)
                | Filter::Exists(_)
                | Filter::Holds(_)
                | Filter::Below(_)) => insert(&mut all, other),
            }
        }
        if all.iter().any(|part| contradicts(part, &all)) {
            return Self::never();
        }
        // What holds anyway needs no other way: of `a and (a or b)` remains `a`.
        let kept: Vec<bool> = all
            .iter()
            .map(|part| !matches!(part, Filter::Any(ways) if ways.iter().any(|way| all.contains(way))))
            .collect();
        keep(&mut all, &kept);
        single(all, Filter::All)
    }

    /// Returns what holds where one of these does.
    pub fn any(parts: impl IntoIterator<Item = Filter>) -> Self {
        let mut any: Vec<Filter> = Vec::new();
        for part in parts {
            if part.is_always() {
                return part;
            }
            match part {
                Filter::Any(inner) => inner.into_iter().for_each(|each| insert(&mut any, each)),
                other @ (Filter::All(_)
                | Filter::Not(_)
                | Filter::Compare(_)
                | Filter::Exists(_)
                | Filter::Holds(_)
                | Filter::Below(_)) => insert(&mut any, other),
            }
        }
        if any.iter().any(|part| contradicts(part, &any)) {
            return Self::always();
        }
        // A narrower way beside a wider one adds nothing: of `a or (a and b)` remains `a`.
        let kept: Vec<bool> = any
            .iter()
            .map(|part| !matches!(part, Filter::All(parts) if parts.iter().any(|each| any.contains(each))))
            .collect();
        keep(&mut any, &kept);
        single(any, Filter::Any)
    }
}

/// Adds a part that is not there yet.
fn insert(parts: &mut Vec<Filter>, part: Filter) {
    if !parts.contains(&part) {
        parts.push(part);
    }
}

/// Tells whether the opposite of a part stands beside it.
fn contradicts(part: &Filter, parts: &[Filter]) -> bool {
    matches!(part, Filter::Not(inner) if parts.contains(inner))
}

fn keep(parts: &mut Vec<Filter>, kept: &[bool]) {
    let mut kept = kept.iter();
    parts.retain(|_| kept.next().copied().unwrap_or(true));
}

/// Returns the only part, or a group of all.
fn single(mut parts: Vec<Filter>, group: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    group(parts)
}
