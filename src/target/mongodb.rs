//! A filter as a query document of MongoDB, in relaxed extended JSON.
//!
//! What the documents look like is in README: a field holds a value of its declared type, related items are embedded, and a
//! moment is a date of BSON or a text. A field without a declared type may hold anything, and what is said of it holds for
//! anything; `null` is also what a document does not have.

use serde_json::{Map, Value as Json, json};

use super::mongodb_field::{Class, Place, find_place, join_path};
use super::mongodb_leaf;
use super::{Rendering, Unsayable};
use crate::engine::filter::{Comparison, Exists, Filter};
use crate::model::Model;
use crate::model::id::CollectionId;
use crate::vocab::operator::Operator;

/// A query document while it is put together.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Doc {
    /// Every document.
    Always,
    /// No document.
    Never,
    /// Documents that pass these conditions, all of them.
    Of(Map<String, Json>),
}

impl Doc {
    /// Returns a condition on one field, or one operator at the top.
    pub(super) fn of(name: impl Into<String>, what: Json) -> Self {
        Doc::Of(Map::from_iter([(name.into(), what)]))
    }

    /// Returns what passes where both do.
    pub(super) fn and(self, other: Doc) -> Self {
        Self::all([self, other])
    }

    /// Returns what passes where one does.
    pub(super) fn or(self, other: Doc) -> Self {
        Self::any([self, other])
    }

    /// Returns what passes where all of these do: one document as long as no two of them are about one field.
    pub(super) fn all(parts: impl IntoIterator<Item = Doc>) -> Self {
        let mut whole = Map::new();
        let mut apart = Vec::new();
        for part in parts {
            match part {
                Doc::Always => {}
                Doc::Never => return Doc::Never,
                Doc::Of(members) if members.keys().any(|key| whole.contains_key(key)) => apart.push(members),
                Doc::Of(members) => whole.extend(members),
            }
        }
        if apart.is_empty() {
            return if whole.is_empty() {
                Doc::Always
            } else {
                Doc::Of(whole)
            };
        }
        apart.insert(0, whole);
        Self::of("$and", objects(apart))
    }

    /// Returns what passes where one of these does.
    pub(super) fn any(parts: impl IntoIterator<Item = Doc>) -> Self {
        let mut ways: Vec<Map<String, Json>> = Vec::new();
        for part in parts {
            match part {
                Doc::Always => return Doc::Always,
                Doc::Never => {}
                Doc::Of(members) if ways.contains(&members) => {}
                Doc::Of(members) => ways.push(members),
            }
        }
        match ways.pop() {
            None => Doc::Never,
            Some(only) if ways.is_empty() => Doc::Of(only),
            Some(last) => {
                ways.push(last);
                Self::of("$or", objects(ways))
            }
        }
    }

    /// Returns what passes where this does not.
    pub(super) fn not(self) -> Self {
        match self {
            Doc::Always => Doc::Never,
            Doc::Never => Doc::Always,
            Doc::Of(mut members) => {
                if members.len() == 1
                    && let Some(ways) = members.remove("$or")
                {
                    return Self::of("$nor", ways);
                }
                Self::of("$nor", objects(vec![members]))
            }
        }
    }

    fn into_json(self) -> Json {
        match self {
            Doc::Always => json!({}),
            // A group of one document that every document passes.
            Doc::Never => json!({"$nor": [{}]}),
            Doc::Of(members) => Json::Object(members),
        }
    }
}

fn objects(documents: Vec<Map<String, Json>>) -> Json {
    documents.into_iter().map(Json::Object).collect()
}

/// The collection whose documents are asked about, as far as it is known.
#[derive(Clone, Copy)]
pub(super) struct Home<'m> {
    pub(super) model: &'m Model,
    pub(super) collection: Option<CollectionId>,
    /// The documents are elements of a list, where expressions cannot stand.
    pub(super) is_element: bool,
}

/// Writes a filter as a query document; see README for what the documents look like. There are no parameters.
///
/// # Errors
///
/// [`Unsayable`] if MongoDB cannot say it exactly.
pub fn render(model: &Model, collection: CollectionId, filter: &Filter) -> Result<Rendering, Unsayable> {
    let home = Home {
        model,
        collection: Some(collection),
        is_element: false,
    };
    Ok(Rendering {
        text: render_filter(home, filter)?.into_json().to_string(),
        parameters: Vec::new(),
    })
}

fn render_filter(home: Home<'_>, filter: &Filter) -> Result<Doc, Unsayable> {
    let each = |parts: &[Filter]| -> Result<Vec<Doc>, Unsayable> {
        parts.iter().map(|part| render_filter(home, part)).collect()
    };
    match filter {
        Filter::All(parts) => Ok(Doc::all(each(parts)?)),
        Filter::Any(parts) => Ok(Doc::any(each(parts)?)),
        Filter::Not(part) => Ok(render_filter(home, part)?.not()),
        Filter::Compare(comparison) => render_comparison(home, comparison),
        Filter::Exists(exists) => render_exists(home, exists),
        Filter::Holds(_) => Err(Unsayable(
            "a query of MongoDB cannot look at the local roles on an item, which are kept elsewhere; put the ids of those \
             who may act into a field of the document and ask for that field in the policy"
                .to_owned(),
        )),
        Filter::Below(_) => Err(Unsayable(
            "a query of MongoDB cannot tell what an item lies below; put the ids of all its ancestors into a field of the \
             document and ask for that field in the policy"
                .to_owned(),
        )),
    }
}

fn render_comparison(home: Home<'_>, comparison: &Comparison) -> Result<Doc, Unsayable> {
    let (place, kind) = find_place(home, comparison)?;
    let comparison = &Comparison {
        kind,
        ..comparison.clone()
    };
    match &place.key {
        // The field holds the key of the related item, or the item itself, of which the key is compared.
        Some(key) if comparison.operator.compares_by_key() && comparison.function.is_none() => {
            let inner = Place {
                name: format!("{}.{key}", place.name),
                key: None,
                ..place.clone()
            };
            let mut alone = mongodb_leaf::render(home, &place, comparison)?;
            let embedded = mongodb_leaf::render(home, &inner, comparison)?;
            if comparison.operator.is_negative() {
                let not_embedded = Doc::of(&place.name, json!({"$not": {"$type": "object"}}));
                alone = Doc::of("$and", json!([alone.into_json(), not_embedded.into_json()]));
            }
            if matches!(
                (comparison.operator, comparison.values.as_slice()),
                (Operator::Nin, [])
            ) {
                return Ok(Doc::Always);
            }
            Ok(alone.or(embedded))
        }
        Some(_) | None => mongodb_leaf::render(home, &place, comparison),
    }
}

fn render_exists(home: Home<'_>, exists: &Exists) -> Result<Doc, Unsayable> {
    let name = join_path(&exists.path)?;
    let inner = Home {
        model: home.model,
        collection: exists.collection,
        is_element: true,
    };
    let some = match render_filter(inner, &exists.filter)? {
        Doc::Never => Doc::Never,
        Doc::Always => Doc::of(format!("{name}.0"), json!({"$exists": true})),
        Doc::Of(members) => Doc::of(&name, json!({"$elemMatch": members})),
    };
    let none = Doc::of(format!("{name}.0"), json!({"$exists": false}));
    Ok(if exists.or_nulls && exists.filter.holds_of_nulls() {
        some.or(none)
    } else {
        some
    })
}

impl Place {
    /// Returns the condition that the field is null, or not there.
    pub(super) fn is_null(&self) -> Doc {
        match self.class {
            Class::Any | Class::Csv => Doc::of(&self.name, json!({"$eq": null, "$not": {"$type": "array"}})),
            Class::Text | Class::Number(_) | Class::Bool | Class::Moment | Class::TimeOfDay => {
                Doc::of(&self.name, json!({"$eq": null}))
            }
        }
    }

    /// Returns the condition that the field is there and not null.
    pub(super) fn is_there(&self) -> Doc {
        match self.class {
            Class::Any | Class::Csv => self.is_null().not(),
            Class::Text | Class::Number(_) | Class::Bool | Class::Moment | Class::TimeOfDay => {
                Doc::of(&self.name, json!({"$ne": null}))
            }
        }
    }

    /// Returns the condition that the field is a list.
    pub(super) fn is_list(&self) -> Doc {
        Doc::of(&self.name, json!({"$type": "array"}))
    }
}
