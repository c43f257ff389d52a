//! Which row counts: of several for the same role, collection and status one, and of those of a collection those by status,
//! if there is any.

use rustc_hash::FxHashMap;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::Spanned;

use super::legacy_row::{PermissionRow, RowStatus};

/// The rows that count, by role and collection, in the order in which those were first named.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    sets: Vec<RowSet>,
    /// The place of each set, by role and collection.
    index: FxHashMap<(String, String), usize>,
}

/// The rows of one role in one collection.
#[derive(Clone, Debug)]
pub(super) struct RowSet {
    pub(super) role: Spanned<String>,
    pub(super) collection: Spanned<String>,
    /// The row for the collection as a whole.
    pub(super) whole: Option<PermissionRow>,
    /// The rows for one status each; if there is any, the row for the whole counts for nothing.
    pub(super) by_status: Vec<PermissionRow>,
    /// The row for items that are being made.
    pub(super) creation: Option<PermissionRow>,
}

impl RowSet {
    /// Tells whether each status has its own row.
    pub(super) fn is_workflow(&self) -> bool {
        !self.by_status.is_empty()
    }

    /// Returns the row for items of a status.
    pub(super) fn find(&self, status: &str) -> Option<&PermissionRow> {
        if self.is_workflow() {
            self.by_status.iter().find(|row| row.status.key() == Some(status))
        } else {
            self.whole.as_ref()
        }
    }

    /// Returns all of the rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &PermissionRow> {
        self.whole.iter().chain(&self.by_status).chain(&self.creation)
    }

    /// Returns the statuses that the rows name.
    pub(super) fn named_statuses(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.rows().flat_map(|row| {
            let own = match &row.status {
                RowStatus::Named(status) => Some(status),
                RowStatus::Any | RowStatus::Creation(_) => None,
            };
            own.into_iter().chain(&row.statuses)
        })
    }

    fn place(&mut self, status: &RowStatus) -> Option<&mut PermissionRow> {
        match status {
            RowStatus::Any => self.whole.as_mut(),
            RowStatus::Creation(_) => self.creation.as_mut(),
            RowStatus::Named(_) => {
                let key = status.key();
                self.by_status.iter_mut().find(|row| row.status.key() == key)
            }
        }
    }

    fn put(&mut self, row: PermissionRow) {
        if let Some(place) = self.place(&row.status) {
            *place = row;
            return;
        }
        match row.status {
            RowStatus::Any => self.whole = Some(row),
            RowStatus::Creation(_) => self.creation = Some(row),
            RowStatus::Named(_) => self.by_status.push(row),
        }
    }

    fn into_rows(self) -> impl Iterator<Item = PermissionRow> {
        self.whole.into_iter().chain(self.by_status).chain(self.creation)
    }
}

impl Rows {
    /// Returns the rows, by role and collection.
    pub(super) fn sets(&self) -> &[RowSet] {
        &self.sets
    }

    /// Returns the rows by the name of the collection.
    pub(super) fn by_collection(&self) -> FxHashMap<&str, Vec<&RowSet>> {
        let mut by_collection: FxHashMap<&str, Vec<&RowSet>> = FxHashMap::default();
        for set in &self.sets {
            by_collection.entry(&set.collection.value).or_default().push(set);
        }
        by_collection
    }

    /// Tells whether a role has any row in a collection.
    pub(super) fn has(&self, role: &str, collection: &str) -> bool {
        self.index.contains_key(&(role.to_owned(), collection.to_owned()))
    }

    /// Adds a row of the same layer: of two for the same the first counts, or the last if it is for items being made.
    pub(super) fn add(&mut self, row: PermissionRow, diagnostics: &mut Vec<Diagnostic>) {
        let set = self.entry(&row);
        let Some(known) = set.place(&row.status) else {
            set.put(row);
            return;
        };
        let is_last = matches!(row.status, RowStatus::Creation(_));
        let (dead, counts) = if is_last {
            (known.origin, row.origin)
        } else {
            (row.origin, known.origin)
        };
        let message = format!(
            "there are two rows of role {} in {} for {}, and Directus takes the {}",
            quote(&row.role.value),
            quote(&row.collection.value),
            row.status
                .key()
                .map_or_else(|| "the whole collection".to_owned(), quote),
            if is_last { "last" } else { "first" },
        );
        if is_last {
            *known = row;
        }
        diagnostics.push(
            Diagnostic::new(Code::DuplicateId, dead, message)
                .severity(Severity::Warning)
                .label(counts, "the row that counts"),
        );
    }

    /// Adds rows without looking for others.
    pub(super) fn put(&mut self, row: PermissionRow) {
        self.entry(&row).put(row);
    }

    /// Keeps the rows that a test is for.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&PermissionRow) -> bool) {
        let sets = std::mem::take(&mut self.sets);
        self.index.clear();
        for row in sets.into_iter().flat_map(RowSet::into_rows) {
            if keeps(&row) {
                self.put(row);
            }
        }
    }

    /// Lays the rows of a later layer over these: what is for the same takes the place of the earlier.
    pub(super) fn lay_over(&mut self, over: Self) {
        for row in over.sets.into_iter().flat_map(RowSet::into_rows) {
            self.put(row);
        }
    }

    fn entry(&mut self, row: &PermissionRow) -> &mut RowSet {
        let key = (row.role.value.clone(), row.collection.value.clone());
        let sets = &mut self.sets;
        let place = *self.index.entry(key).or_insert_with(|| {
            sets.push(RowSet {
                role: row.role.clone(),
                collection: row.collection.clone(),
                whole: None,
                by_status: Vec::new(),
                creation: None,
            });
            sets.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the index holds places of the list alone")]
        &mut sets[place]
    }
}
