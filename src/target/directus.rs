//! A filter as the filter JSON of Directus.
//!
//! Directus has no negation: it is pushed down to the comparisons, and the case of null is spelled out, since a null field is
//! neither equal nor unequal to anything. It has no constants either, and groups that are empty let everything through, so
//! nothing here is left empty. All paths through a list of related items share one of them, so that only one look at a list is
//! written as such a path; the others are `_some` and `_none`, below which Directus takes one comparison and no group.

use serde_json::{Value as Json, json};

use super::directus_leaf::{self, Side, Test};
use super::{Rendering, Unsayable};
use crate::engine::filter::{Comparison, Exists, Filter};
use crate::model::Model;
use crate::model::id::CollectionId;

/// A part of a filter while it is put together.
#[derive(Clone, Debug, PartialEq)]
enum Clause {
    Always,
    Never,
    /// All of several.
    All(Vec<Clause>),
    /// One of several.
    Any(Vec<Clause>),
    /// A comparison below its path.
    Leaf(Json),
}

impl Clause {
    fn all(parts: impl IntoIterator<Item = Clause>) -> Self {
        let mut all = Vec::new();
        for part in parts {
            match part {
                Clause::Always => {}
                Clause::Never => return Clause::Never,
                Clause::All(inner) => all.extend(inner),
                other @ (Clause::Any(_) | Clause::Leaf(_)) => all.push(other),
            }
        }
        if all.len() > 1 {
            return Clause::All(all);
        }
        all.pop().unwrap_or(Clause::Always)
    }

    fn any(parts: impl IntoIterator<Item = Clause>) -> Self {
        let mut any = Vec::new();
        for part in parts {
            match part {
                Clause::Never => {}
                Clause::Always => return Clause::Always,
                Clause::Any(inner) => any.extend(inner),
                other @ (Clause::All(_) | Clause::Leaf(_)) => any.push(other),
            }
        }
        if any.len() > 1 {
            return Clause::Any(any);
        }
        any.pop().unwrap_or(Clause::Never)
    }

    /// Puts a path in front of every comparison.
    fn below(self, path: &[Box<str>]) -> Self {
        match self {
            Clause::Always => Clause::Always,
            Clause::Never => Clause::Never,
            Clause::All(parts) => Clause::All(parts.into_iter().map(|part| part.below(path)).collect()),
            Clause::Any(parts) => Clause::Any(parts.into_iter().map(|part| part.below(path)).collect()),
            Clause::Leaf(leaf) => Clause::Leaf(below(path, leaf)),
        }
    }

    fn into_json(self) -> Json {
        match self {
            Clause::Always | Clause::Never => json!({}),
            Clause::All(parts) => {
                json!({"_and": parts.into_iter().map(Clause::into_json).collect::<Vec<_>>()})
            }
            Clause::Any(parts) => {
                json!({"_or": parts.into_iter().map(Clause::into_json).collect::<Vec<_>>()})
            }
            Clause::Leaf(leaf) => leaf,
        }
    }
}

/// Returns a condition below a path.
fn below(path: &[Box<str>], leaf: Json) -> Json {
    path.iter()
        .rev()
        .fold(leaf, |inner, step| json!({step.as_ref(): inner}))
}

/// A part, and the lists of related items whose shared item it looks at.
struct Part {
    clause: Clause,
    shared: Vec<Vec<Box<str>>>,
}

impl Part {
    fn alone(clause: Clause) -> Self {
        Self {
            clause,
            shared: Vec::new(),
        }
    }

    fn meets(&self, shared: &[Vec<Box<str>>]) -> bool {
        self.shared.iter().any(|path| shared.contains(path))
    }
}

/// How looks at related items are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// As a path, whose item all such paths share.
    Shared,
    /// By a quantifier of its own.
    Quantified,
}

/// The items that are asked about.
#[derive(Clone, Copy)]
struct Home<'m> {
    model: &'m Model,
    collection: Option<CollectionId>,
    /// They are related to the items that are listed.
    is_inside: bool,
}

/// Writes a filter as the filter JSON of Directus 11. There are no parameters.
///
/// The filter counts all related items, so it has to be used where those may be read.
///
/// # Errors
///
/// [`Unsayable`] if Directus cannot say it exactly.
pub fn render(model: &Model, collection: CollectionId, filter: &Filter) -> Result<Rendering, Unsayable> {
    let home = Home {
        model,
        collection: Some(collection),
        is_inside: false,
    };
    let json = match home.render(filter, true, Look::Shared)?.clause {
        Clause::Never => {
            let key = model.collection(collection).map_or("id", |row| &row.key);
            json!({key: {"_in": []}})
        }
        other @ (Clause::Always | Clause::All(_) | Clause::Any(_) | Clause::Leaf(_)) => other.into_json(),
    };
    Ok(Rendering {
        text: json.to_string(),
        parameters: Vec::new(),
    })
}

impl Home<'_> {
    /// Writes a filter, or its opposite.
    fn render(self, filter: &Filter, holds: bool, look: Look) -> Result<Part, Unsayable> {
        match (filter, holds) {
            (Filter::All(parts), true) | (Filter::Any(parts), false) => self.all(parts, holds, look),
            (Filter::Any(parts), true) | (Filter::All(parts), false) => {
                let parts: Result<Vec<_>, _> = parts.iter().map(|part| self.render(part, holds, look)).collect();
                let mut shared = Vec::new();
                let mut clauses = Vec::new();
                for part in parts? {
                    // Ways may look at one item: that one of them fits it is all that is asked.
                    shared.extend(part.shared);
                    clauses.push(part.clause);
                }
                let clause = Clause::any(clauses);
                Ok(Part { clause, shared })
            }
            (Filter::Not(part), holds) => self.render(part, !holds, look),
            (Filter::Compare(comparison), holds) => self.compare(comparison, holds).map(Part::alone),
            (Filter::Exists(exists), true) => self.some(exists, look),
            (Filter::Exists(exists), false) => self.none(exists).map(Part::alone),
            (Filter::Holds(_), _) => Err(Unsayable(
                "a filter of Directus cannot look at the local roles on an item; keep who may act in a field of the item, or \
                 in a related collection, and ask for that in the policy"
                    .to_owned(),
            )),
            (Filter::Below(_), _) => Err(Unsayable(
                "a filter of Directus cannot tell what an item lies below, however deep; keep the ids of all its ancestors in a \
                 related collection and ask for them in the policy"
                    .to_owned(),
            )),
        }
    }

    /// Writes parts that all have to hold; two of them do not share a related item.
    fn all(self, parts: &[Filter], holds: bool, look: Look) -> Result<Part, Unsayable> {
        let mut shared = Vec::new();
        let mut clauses = Vec::new();
        for each in parts {
            let mut part = self.render(each, holds, look)?;
            if part.meets(&shared) {
                part = self.render(each, holds, Look::Quantified)?;
            }
            shared.extend(part.shared);
            clauses.push(part.clause);
        }
        let clause = Clause::all(clauses);
        Ok(Part { clause, shared })
    }

    fn compare(self, comparison: &Comparison, holds: bool) -> Result<Clause, Unsayable> {
        let path = directus_leaf::path_of(comparison)?;
        let leaf = |operator: &str, operand: Json| Clause::Leaf(below(&path, json!({operator: operand})));
        let null = || leaf("_null", json!(true));
        let there = || leaf("_nnull", json!(true));
        let opposites = |tests: Vec<Test>| -> Result<Vec<Clause>, Unsayable> {
            let each = tests.into_iter().map(|test| match test.opposite {
                Some(word) => Ok(leaf(word, test.operand)),
                None => Err(directus_leaf::no_opposite(comparison)),
            });
            each.collect()
        };
        let side = directus_leaf::render(self.model, self.collection, comparison)?;
        Ok(match (side, holds) {
            (Side::Never, true) | (Side::Always, false) => Clause::Never,
            (Side::Never, false) | (Side::Always, true) => Clause::Always,
            (Side::Null, true) | (Side::There, false) => null(),
            (Side::Null, false) | (Side::There, true) => there(),
            (Side::Total(word, other), holds) => leaf(if holds { word } else { other }, json!(true)),
            (Side::All(tests), true) => {
                Clause::all(tests.into_iter().map(|test| leaf(test.word, test.operand)))
            }
            (Side::Any(tests), true) => {
                Clause::any(tests.into_iter().map(|test| leaf(test.word, test.operand)))
            }
            (Side::All(tests), false) => Clause::any(opposites(tests)?.into_iter().chain([null()])),
            (Side::Any(tests), false) => Clause::any([Clause::all(opposites(tests)?), null()]),
        })
    }

    /// Writes that a related item passes.
    fn some(self, exists: &Exists, look: Look) -> Result<Part, Unsayable> {
        let inner = self.inside(exists);
        let mut part = inner.render(&exists.filter, true, Look::Shared)?;
        if !exists.or_nulls && (part.clause == Clause::Always || exists.filter.holds_of_nulls()) {
            // The row of nulls that stands for no related item at all has no key.
            part.clause = Clause::all([part.clause, self.has_key(exists)?]);
        }
        match look {
            Look::Shared => {
                let path = directus_leaf::check_path(&exists.path)?;
                let mut shared = vec![path.to_vec()];
                shared.extend(part.shared.into_iter().map(|inner| [path, &inner].concat()));
                let clause = part.clause.below(path);
                Ok(Part { clause, shared })
            }
            Look::Quantified if exists.or_nulls && exists.filter.holds_of_nulls() => Err(several(exists)),
            Look::Quantified => self.quantify(exists, part, "_some", Clause::any).map(Part::alone),
        }
    }

    /// Writes that no related item passes.
    fn none(self, exists: &Exists) -> Result<Clause, Unsayable> {
        let part = self.inside(exists).render(&exists.filter, true, Look::Shared)?;
        let is_any = part.clause == Clause::Always;
        let part = if is_any {
            Part::alone(self.has_key(exists)?)
        } else {
            part
        };
        let none = self.quantify(exists, part, "_none", Clause::all)?;
        if !(exists.or_nulls && exists.filter.holds_of_nulls()) {
            return Ok(none);
        }
        // Without any related item it would pass as well.
        let has_one = self.quantify(exists, Part::alone(self.has_key(exists)?), "_some", Clause::any)?;
        Ok(Clause::all([none, has_one]))
    }

    fn inside(self, exists: &Exists) -> Self {
        Self {
            collection: exists.collection,
            is_inside: true,
            ..self
        }
    }

    /// The condition that a related item is there.
    fn has_key(self, exists: &Exists) -> Result<Clause, Unsayable> {
        let related = exists.collection.and_then(|id| self.model.collection(id));
        let related = related.ok_or_else(|| {
            Unsayable(format!(
                "nothing is known of the items that `{}` lists, so Directus cannot be asked whether there is one; declare the \
                 relation",
                exists.path.join(".")
            ))
        })?;
        Ok(Clause::Leaf(json!({related.key.as_ref(): {"_nnull": true}})))
    }

    /// Writes a quantifier: below it stands one comparison, so that alternatives become several of them.
    fn quantify(
        self,
        exists: &Exists,
        part: Part,
        word: &str,
        join: fn(Vec<Clause>) -> Clause,
    ) -> Result<Clause, Unsayable> {
        let path = directus_leaf::check_path(&exists.path)?;
        if self.is_inside || path.len() != 1 || !part.shared.is_empty() {
            return Err(Unsayable(format!(
                "Directus has `{word}` only for the lists of the item itself, and `{}` lies behind another relation",
                exists.path.join(".")
            )));
        }
        let ways = match part.clause {
            Clause::Never => Vec::new(),
            Clause::Any(ways) => ways,
            other @ (Clause::Always | Clause::All(_) | Clause::Leaf(_)) => vec![other],
        };
        let mut quantified = Vec::new();
        for way in ways {
            let Clause::Leaf(leaf) = way else {
                return Err(several(exists));
            };
            quantified.push(Clause::Leaf(below(path, json!({word: leaf}))));
        }
        Ok(join(quantified))
    }
}

fn several(exists: &Exists) -> Unsayable {
    Unsayable(format!(
        "Directus passes over a quantifier with several comparisons, so it cannot be asked for one item of `{}` that passes all of \
         them beside another look at that list, nor for none that does; ask for one comparison at a time",
        exists.path.join(".")
    ))
}
