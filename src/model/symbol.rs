//! Names and their ids, frozen once compiled.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// Names of one kind, numbered from zero.
///
/// The hash is the fast one although clients choose the names that are looked up: the table itself holds only names of the
/// policy, so no client can make its chains longer.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    ids: FxHashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Symbols {
    /// Returns the number of a name, giving it one if it is new.
    pub fn intern(&mut self, name: &str) -> usize {
        if let Some(id) = self.ids.get(name) {
            return *id as usize;
        }
        let index = self.names.len();
        let name: Arc<str> = Arc::from(name);
        self.names.push(Arc::clone(&name));
        // Capacity is checked by `validate`; beyond it a name has no number and is found by nobody.
        if let Ok(id) = u32::try_from(index) {
            self.ids.insert(name, id);
        }
        index
    }

    /// Returns the number of a name.
    #[inline]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.ids.get(name).map(|id| *id as usize)
    }

    /// Returns the name of a number; empty for a number that was never given.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", |name| name)
    }

    /// Returns the names in the order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| name.as_ref())
    }

    /// Tells how many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Tells whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}
