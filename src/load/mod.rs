//! The room `load`: the whole river on one screen, from bytes on disk to compiled profiles.
//!
//! **In** comes a directory: [`discover::read_root`] makes a [`Scan`] of it that holds every byte, so that
//! nothing later touches the disk. **Out** goes one [`LoadedProfile`] per profile directory: a model or none, and what there is
//! to complain about.
//!
//! What holds here:
//!
//! * A profile is parsed, read and merged with its bases, validated, compiled, in this order. Nothing is read as long as a file
//!   cannot be parsed, and nothing compiled as long as there is any error; what was read with errors is checked for more of them.
//!   A profile with a model has no error among its complaints, one without has at least one.
//! * A broken profile breaks those that extend it and nobody else, and so does a fault of ours while we load it.
//! * The same bytes give the same result, so a profile whose digest is that of an earlier load is that load's, unread.
//! * Within one dialect profiles merge on their files, as the dialect does; across dialects they merge as policies.
//!
//! Read [`load`] first, then `chain.rs` (who extends whom) and [`profile`] (one profile, step by step).

mod chain;
mod complaint;
pub mod discover;
mod layout;
pub mod manifest;
pub mod piece;
pub mod profile;
mod walk;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::load::chain::Chains;
use crate::load::discover::Scan;
use crate::load::piece::Pieces;
use crate::model::Model;
use crate::policy::digest::{Changes, Marks};
use crate::source::diagnostic::{Diagnostic, Severity};
use crate::source::file::SourceMap;
use crate::vocab::sheet::Sheet;

/// Holds what became of one profile directory.
#[derive(Debug)]
pub struct LoadedProfile {
    /// The id: what requests name.
    pub id: Arc<str>,
    /// The name of the directory.
    pub directory: String,
    /// The title for people; the id if there is none.
    pub title: String,
    /// The name of the dialect; empty if it could not be told.
    pub dialect: &'static str,
    /// The name of the mode.
    pub mode: &'static str,
    /// The compiled profile; absent if there are errors.
    pub model: Option<Arc<Model>>,
    /// What the profile declares, for the comparison with other versions; empty if there are errors.
    pub marks: Marks,
    /// Its grants on documents by the digests of the pieces that they were read from, as far as nothing was complained about.
    pub pieces: Vec<([u8; 32], Arc<Sheet>)>,
    /// The complaints, sorted.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that the complaints point into.
    pub sources: SourceMap,
    /// Tells versions apart: id and bytes of the profile and of all its bases.
    pub digest: [u8; 32],
    /// Whether reading again may give another result although nobody changes anything.
    pub is_transient: bool,
}

/// Counts what differs between two versions of a profile, wherever it stands in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileChanges {
    /// Grants, constraints, transitions and document grants.
    pub rules: Changes,
    /// All else: roles, groups, users, actions, collections, workflows, settings.
    pub others: Changes,
}

impl LoadedProfile {
    /// Counts what this version declares otherwise than an older one; without an older one everything is new.
    pub fn changes_since(&self, old: Option<&Self>) -> ProfileChanges {
        let nothing = Marks::default();
        let old = old.map_or(&nothing, |old| &old.marks);
        ProfileChanges {
            rules: self.marks.rules_since(old),
            others: self.marks.others_since(old),
        }
    }

    /// Counts the complaints of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    }
}

/// Loads every profile of a scan, bases first; what an earlier load has already made of the same bytes is taken from there.
///
/// The result is sorted by id, then by directory.
pub fn load(scan: &Scan, previous: &[Arc<LoadedProfile>]) -> Vec<Arc<LoadedProfile>> {
    let chains = Chains::find(scan, previous);
    let mut sheets = Sheets::default();
    previous.iter().for_each(|earlier| sheets.learn(earlier));
    let mut loaded: Vec<Option<Arc<LoadedProfile>>> = vec![None; scan.profiles.len()];
    for &index in chains.order() {
        let Some(link) = chains.link(index) else { continue };
        let digest = chains.digest(index);
        let same = previous.iter().find(|earlier| {
            earlier.digest == digest && earlier.directory == link.scanned.name && *earlier.id == *link.id
        });
        let profile = match same {
            Some(earlier) => Arc::clone(earlier),
            None => Arc::new(profile::load_profile(&chains, index, digest, &loaded, &sheets)),
        };
        // Whoever extends it has the same grants on documents.
        sheets.learn(&profile);
        if let Some(place) = loaded.get_mut(index) {
            *place = Some(profile);
        }
    }
    let mut loaded: Vec<_> = loaded.into_iter().flatten().collect();
    loaded.sort_by(|one, other| (&one.id, &one.directory).cmp(&(&other.id, &other.directory)));
    loaded
}

/// The grants on documents that are read already, by the digest of their text.
#[derive(Debug, Default)]
pub(crate) struct Sheets(HashMap<[u8; 32], Arc<Sheet>>);

impl Sheets {
    fn learn(&mut self, loaded: &LoadedProfile) {
        for (digest, sheet) in &loaded.pieces {
            self.0.entry(*digest).or_insert_with(|| Arc::clone(sheet));
        }
    }

    fn find(&self, digest: &[u8; 32]) -> Option<Arc<Sheet>> {
        self.0.get(digest).cloned()
    }
}

/// Returns the texts of all pieces of files that these profiles were made of, for the next reading of the disk.
pub fn known_pieces<'p>(profiles: impl Iterator<Item = &'p Arc<LoadedProfile>>) -> Pieces {
    let pieces = profiles.flat_map(|profile| &profile.pieces);
    pieces
        .map(|(digest, sheet)| (*digest, Arc::clone(sheet.text())))
        .collect()
}

/// Returns a digest as people and clients see it: hexadecimal, lower case.
pub fn digest_text(digest: &[u8; 32]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
