//! What a path of a condition leads to: fields of the item, of related items, and the facts that stand for fields.

use crate::model::condition::{Leaf, Left};
use crate::vocab::value::View;

use super::condition::{Item, Rows, Scene};
use super::constraints::Presets;

/// What a path leads to.
pub(super) enum Found<'s> {
    /// Nothing is told.
    Open,
    /// The field is not among what is submitted.
    Absent,
    /// What is submitted cannot have such a part.
    Misfit,
    /// A value.
    Value(View<'s>),
    /// A list of related items on the way.
    Rows,
}

impl<'s> Scene<'s> {
    /// Tells whether the request submits the field: by its changes, by presets where these are asked, or as the state.
    pub(super) fn is_submitted(&self, leaf: &Leaf) -> bool {
        let Left::Field(path) = &leaf.left else {
            return false;
        };
        let Some(field) = path.first() else { return false };
        let presets = match self.item {
            Item::AsWouldBe(presets) | Item::Submitted(presets) => presets.values.as_slice(),
            Item::Stored => &[],
            // A request submits fields of the item, never those of others.
            Item::Related(_) => return false,
        };
        self.facts.query.changes.get(field).is_some()
            || self.submitted_state(field).is_some()
            || presets.iter().any(|(name, _)| *name == field.as_ref())
    }

    /// Tells whether null is told apart as what the table of submitted values says.
    pub(super) fn is_submitted_table(&self) -> bool {
        matches!(self.item, Item::Submitted(_))
    }

    /// Follows a path from the item, or from the row that stands for its longest prefix of at most `joined` steps.
    pub(super) fn walk(&self, path: &'s [Box<str>], rows: &Rows<'s>, joined: usize) -> Found<'s> {
        let row = rows
            .iter()
            .filter(|(prefix, _)| prefix.len() <= joined && path.starts_with(prefix))
            .max_by_key(|(prefix, _)| prefix.len());
        let (mut here, rest) = match row {
            Some((prefix, view)) => (*view, path.get(prefix.len()..).unwrap_or_default()),
            None => {
                let Some((first, rest)) = path.split_first() else {
                    return Found::Open;
                };
                match self.field(first) {
                    Found::Value(view) => (view, rest),
                    other @ (Found::Open | Found::Absent | Found::Misfit | Found::Rows) => return other,
                }
            }
        };
        for step in rest {
            here = match here {
                View::Null => return Found::Value(View::Null),
                View::Object(object) => match object.get(step) {
                    Some(value) => value.view(),
                    None => return self.absent(),
                },
                View::List(_) => return Found::Rows,
                // The related item is not there, only its key: a stored one may hold anything, a submitted one nothing.
                View::Bool(_) | View::Number(_) | View::Text(_) => {
                    return if self.is_submitted_table() {
                        Found::Misfit
                    } else {
                        Found::Open
                    };
                }
            };
        }
        Found::Value(here)
    }

    /// What a missing attribute counts as.
    fn absent(&self) -> Found<'s> {
        if matches!(self.item, Item::Submitted(_)) {
            return Found::Absent;
        }
        if self.facts.model.settings.absent_is_null {
            Found::Value(View::Null)
        } else {
            Found::Open
        }
    }

    /// Returns a field of the item.
    fn field(&self, name: &'s str) -> Found<'s> {
        let query = self.facts.query;
        let preset = |presets: &'s Presets<'s>| {
            presets
                .values
                .iter()
                .find(|(field, _)| *field == name)
                .map(|(_, value)| value)
        };
        let found = match self.item {
            Item::Stored => query.resource.attributes.get(name),
            Item::Submitted(presets) => {
                if let Some(state) = self.submitted_state(name) {
                    return Found::Value(View::Text(state));
                }
                query.changes.get(name).or_else(|| preset(presets))
            }
            Item::AsWouldBe(presets) if self.creates => {
                let proposed = query
                    .changes
                    .get(name)
                    .or_else(|| query.resource.attributes.get(name));
                if proposed.is_none() && presets.is_untold(name) {
                    return Found::Open;
                }
                proposed.or_else(|| preset(presets))
            }
            Item::AsWouldBe(presets) => {
                if let Some(state) = self.state
                    && self.is_state_field(name)
                    && query.changes.get(name).is_none()
                {
                    return Found::Value(View::Text(state));
                }
                if presets.is_untold(name) && query.changes.get(name).is_none() {
                    return Found::Open;
                }
                query
                    .changes
                    .get(name)
                    .or_else(|| preset(presets))
                    .or_else(|| query.resource.attributes.get(name))
            }
            Item::Related(view) => {
                return match view {
                    View::Object(object) => object
                        .get(name)
                        .map_or_else(|| self.absent(), |v| Found::Value(v.view())),
                    View::Null => Found::Value(View::Null),
                    View::Bool(_) | View::Number(_) | View::Text(_) | View::List(_) => Found::Open,
                };
            }
        };
        match found {
            Some(value) => Found::Value(value.view()),
            None => self
                .fact_of_field(name)
                .map_or_else(|| self.absent(), |text| Found::Value(View::Text(text))),
        }
    }

    /// The state that is asked for by its name, or by a transition, is submitted as well.
    fn submitted_state(&self, name: &str) -> Option<&'s str> {
        self.named
            .filter(|_| self.is_state_field(name) && self.facts.query.changes.get(name).is_none())
    }

    fn is_state_field(&self, name: &str) -> bool {
        self.facts
            .collection
            .is_some_and(|collection| collection.state_field.as_deref() == Some(name))
    }

    /// One name, one fact: the state and the owner stand for their fields.
    fn fact_of_field(&self, name: &str) -> Option<&'s str> {
        if matches!(self.item, Item::Submitted(_)) {
            return None;
        }
        let collection = self.facts.collection?;
        let fact = if collection.state_field.as_deref() == Some(name) {
            self.state.unwrap_or(self.facts.query.resource.state)
        } else if collection.owner_field.as_deref() == Some(name) {
            self.facts.owner.as_ref()
        } else {
            ""
        };
        (!fact.is_empty()).then_some(fact)
    }
}
