//! Rows that do not do what they seem to: Directus takes them all, and some can never count.

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::{Span, Spanned};

use super::legacy_choice::RowSet;
use super::legacy_lower::{ADMINISTRATOR, PUBLIC, Place};
use super::legacy_row::{Level, PermissionRow, RowStatus};
use super::legacy_system::{Ownership, ownership};
use super::reader;

/// Warns of what is dead in the rows of one role in one collection.
pub(super) fn check_set(place: &Place, set: &RowSet, diagnostics: &mut Vec<Diagnostic>) {
    let mut checking = Checking {
        place,
        set,
        diagnostics,
    };
    if set.role.value == ADMINISTRATOR {
        for row in set.rows() {
            checking.warn(
                Code::UnmatchableGrant,
                row.origin,
                "an administrator may do everything, so no row for the role is ever looked at",
            );
        }
        return;
    }
    if !place.is_told {
        let message = format!(
            "no file tells of a collection {}, so its items have neither a status nor an owner here",
            quote(&set.collection.value)
        );
        checking.warn(Code::UnknownCollection, set.collection.span, message);
    }
    checking.check_mode();
    for row in set.rows() {
        checking.check_names(row);
    }
    if let Some(row) = &set.creation {
        checking.check_creation(row);
    }
    let whole = set.whole.iter().filter(|_| !set.is_workflow());
    for row in whole.chain(&set.by_status) {
        checking.check_levels(row);
    }
}

struct Checking<'c> {
    place: &'c Place,
    set: &'c RowSet,
    diagnostics: &'c mut Vec<Diagnostic>,
}

impl Checking<'_> {
    fn warn(&mut self, code: Code, span: Span, message: impl Into<String>) -> Option<&mut Diagnostic> {
        self.diagnostics
            .push(Diagnostic::new(code, span, message).severity(Severity::Warning));
        self.diagnostics.last_mut()
    }

    /// One row for a status makes the row for the whole collection count for nothing.
    fn check_mode(&mut self) {
        let id = quote(&self.set.collection.value);
        let Some(first) = self.set.by_status.first() else {
            return;
        };
        if self.place.facts.status_field.is_none() {
            for row in &self.set.by_status {
                let message = format!("the row is for a status, and items of {id} have none");
                self.warn(Code::NoStatusField, row.origin, message);
            }
        }
        if let Some(whole) = &self.set.whole {
            let message = format!(
                "the row for all of {id} counts for nothing, because the role has rows for single statuses"
            );
            let first = first.origin;
            if let Some(diagnostic) = self.warn(Code::UnmatchableGrant, whole.origin, message) {
                *diagnostic = diagnostic.clone().label(first, "the first of them");
            }
        }
    }

    /// Names of no field and of no status are harmless, and probably not meant.
    fn check_names(&mut self, row: &PermissionRow) {
        for name in row.unreadable.iter().chain(&row.unwritable) {
            if !self.place.lists_field(&name.value) {
                let fields = self.place.facts.fields.iter();
                let known: Vec<&str> = fields.map(|field| field.name.value.as_str()).collect();
                self.unknown(Code::UnknownField, "field", name, &known);
            }
        }
        if self.place.facts.status_field.is_none() {
            if let Some(first) = row.statuses.first() {
                let message = format!(
                    "statuses are taken away, and items of {} have none",
                    quote(&self.set.collection.value)
                );
                self.warn(Code::NoStatusField, first.span, message);
            }
            return;
        }
        let own = match &row.status {
            RowStatus::Named(status) => Some(status),
            RowStatus::Any | RowStatus::Creation(_) => None,
        };
        for name in own.into_iter().chain(&row.statuses) {
            if self.place.find_status(&name.value).is_none() {
                let known: Vec<&str> = self
                    .place
                    .statuses
                    .iter()
                    .map(|status| status.id.value.as_str())
                    .collect();
                self.unknown(Code::UnknownState, "status", name, &known);
            }
        }
    }

    fn unknown(&mut self, code: Code, kind: &str, name: &Spanned<String>, known: &[&str]) {
        let message = format!(
            "{} has no {kind} {}",
            quote(&self.set.collection.value),
            quote(&name.value)
        );
        let help = reader::suggestion(&name.value, known.iter().copied());
        if let Some(diagnostic) = self.warn(code, name.span, message) {
            diagnostic.help = help;
        }
    }

    /// The row for creation only takes away.
    fn check_creation(&mut self, row: &PermissionRow) {
        for (column, level) in row.levels() {
            if level.value != Level::None {
                let message = format!(
                    "{} counts for nothing in the row for creation: the row of the new item's status decides",
                    quote(column)
                );
                self.warn(Code::UnmatchableGrant, level.span, message);
            }
        }
        if row.explain.value.create || row.explain.value.update {
            let message = format!(
                "{} counts for nothing in the row for creation: the row of the new item's status decides",
                quote("explain")
            );
            self.warn(Code::UnmatchableGrant, row.explain.span, message);
        }
    }

    fn check_levels(&mut self, row: &PermissionRow) {
        let soft = match &row.status {
            RowStatus::Named(status) => self
                .place
                .find_status(&status.value)
                .is_some_and(|status| status.soft_delete),
            RowStatus::Any | RowStatus::Creation(_) => false,
        };
        for (column, level) in row.levels() {
            if column == "create" || level.value == Level::None {
                continue;
            }
            if soft {
                let message = format!(
                    "{} counts for nothing: items of this status are deleted, and only administrators reach them",
                    quote(column)
                );
                self.warn(Code::UnmatchableGrant, level.span, message);
                continue;
            }
            if level.value != Level::Full {
                self.check_owner(column, level);
            }
        }
    }

    /// `mine` and `role` ask for the owner.
    fn check_owner(&mut self, column: &str, level: Spanned<Level>) {
        if self.set.role.value == PUBLIC {
            let message = format!(
                "visitors own nothing, so {} grants nothing to them",
                quote(column)
            );
            self.warn(Code::UnmatchableGrant, level.span, message);
            return;
        }
        let id = &self.set.collection.value;
        let has_owner = match ownership(id, column == "read") {
            Ownership::Field => self.place.facts.owner_field.is_some(),
            Ownership::Person | Ownership::Role(_) => true,
            Ownership::Nobody => false,
        };
        if !has_owner {
            let message = format!(
                "{} asks for the owner, and items of {} have none",
                quote(column),
                quote(id)
            );
            self.warn(Code::NoOwnerField, level.span, message);
        }
    }
}
