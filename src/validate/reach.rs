//! Which collections a rule is about, and what these have in common.

use crate::policy::Selector;
use crate::policy::collection::Field;

use super::names::{Names, add_unlike};

/// The collections that a rule is about.
pub(super) struct Reach {
    /// The declared ones that it names; unused if it is about all.
    pub(super) places: Vec<usize>,
    /// It is about all collections (or all but some, which is taken as all).
    pub(super) wide: bool,
    /// It is also about collections that nothing is known about.
    pub(super) undeclared: bool,
}

/// What the collections of a rule have in common.
#[derive(Default)]
pub(super) struct Facts {
    /// Collections of which nothing is known are among them.
    pub(super) undeclared: bool,
    /// Collections with an owner field.
    pub(super) owned: usize,
    /// The first collection without an owner field.
    pub(super) unowned: Option<usize>,
    /// Collections with states.
    pub(super) stateful: usize,
    /// The first collection without states.
    pub(super) stateless: Option<usize>,
    /// Collections in which any text may be a state.
    pub(super) free_states: bool,
    /// The workflows in use, each once, by number.
    pub(super) flows: Vec<usize>,
    /// Whether each collection lists its fields.
    pub(super) lists_fields: bool,
}

impl Reach {
    /// Returns what a rule with this selector is about.
    pub(super) fn new(names: &Names<'_>, collections: &Selector) -> Self {
        match collections {
            Selector::Any | Selector::Except(_) => Self {
                places: Vec::new(),
                wide: true,
                undeclared: names.places.is_empty(),
            },
            Selector::Only(named) => {
                let places: Vec<usize> = named
                    .iter()
                    .filter_map(|name| names.find_place(&name.value))
                    .collect();
                let undeclared = places.len() < named.len();
                Self {
                    places,
                    wide: false,
                    undeclared,
                }
            }
        }
    }

    /// Returns the reach of what is about these declared collections.
    pub(super) fn of_places(places: Vec<usize>, undeclared: bool) -> Self {
        Self {
            places,
            wide: false,
            undeclared,
        }
    }

    /// Returns the fields of this name, those declared alike once, and whether any collection may have more of them.
    pub(super) fn find_fields<'p>(&self, names: &Names<'p>, name: &str) -> (Vec<&'p Field>, bool) {
        if self.wide {
            let found = names.fields.get(name).cloned().unwrap_or_default();
            let open = self.undeclared || !names.everywhere.lists_fields;
            return (found, open || names.keys.contains(name));
        }
        let mut found = Vec::new();
        let mut open = self.undeclared;
        for place in self.places.iter().filter_map(|place| names.places.get(*place)) {
            match place.fields.get(name) {
                Some(field) => add_unlike(&mut found, field),
                // The key need not be listed.
                None => open |= !place.collection.lists_fields || place.key() == name,
            }
        }
        (found, open)
    }

    /// Returns the names of all fields of the declared collections, for hints.
    pub(super) fn field_names<'p>(&self, names: &Names<'p>) -> Vec<&'p str> {
        if self.wide {
            return names.fields.keys().copied().collect();
        }
        let places = self.places.iter().filter_map(|place| names.places.get(*place));
        places.flat_map(|place| place.fields.keys().copied()).collect()
    }
}

impl Facts {
    /// Returns what the collections of a rule have in common.
    pub(super) fn new(names: &Names<'_>, places: impl Iterator<Item = usize>, undeclared: bool) -> Self {
        let mut facts = Self {
            undeclared,
            lists_fields: !undeclared,
            ..Self::default()
        };
        for index in places {
            let Some(place) = names.places.get(index) else {
                continue;
            };
            if place.collection.owner.is_some() {
                facts.owned += 1;
            } else {
                facts.unowned = facts.unowned.or(Some(index));
            }
            if place.has_states() {
                facts.stateful += 1;
            } else {
                facts.stateless = facts.stateless.or(Some(index));
            }
            match place.flow {
                Some(flow) => facts.flows.push(flow),
                None => facts.free_states |= place.has_states(),
            }
            facts.lists_fields &= place.collection.lists_fields;
        }
        facts.flows.sort_unstable();
        facts.flows.dedup();
        facts
    }
}
