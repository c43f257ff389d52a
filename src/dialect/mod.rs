//! The room `dialect`: the ways of writing a profile, and how each is read.
//!
//! **In** comes an [`Input`]: the profile file and, layer by layer, the parsed files of one profile. **Out** goes a
//! [`Policy`] in which nothing tells any more which dialect it was written in, and complaints.
//!
//! What holds here:
//!
//! * A dialect is one implementer of [`Dialect`] and one row of [`DIALECTS`].
//! * Whatever a CMS does in its own way, the quirks of mode `exact` included, is spelt out here in words of the neutral
//!   policy; nobody behind this room branches on a dialect or a mode.
//! * Layers merge by the rules of the dialect, on its own files, before they are lowered.
//! * A reader goes on after a mistake and collects all complaints. A policy that comes with an error may be checked for
//!   further mistakes, and must not decide anything.
//! * Grants on single documents stand in files of their own ([`document`]) which every dialect has, and none reads itself.
//! * Nothing here touches a file system: names of files are those that `load` found.
//!
//! Read [`Dialect`] first, then `reader.rs` for the helpers that every dialect shares and `condition.rs` for the condition
//! language; `native.rs` is the dialect that says everything.

mod apostrophe;
mod apostrophe_condition;
mod apostrophe_document;
mod apostrophe_field;
mod apostrophe_group;
mod apostrophe_lower;
mod apostrophe_operation;
mod apostrophe_right;
mod apostrophe_role;
mod apostrophe_type;
mod apostrophe_union;
mod condition;
mod directus;
mod directus_build;
mod directus_collection;
mod directus_filter;
mod directus_item;
mod directus_lower;
mod directus_older;
mod directus_pattern;
mod directus_role;
mod directus_rows;
mod directus_schema;
mod directus_system;
mod directus_test;
mod directus_text;
mod directus_validation;
mod directus_value;
pub mod document;
mod legacy;
mod legacy_check;
mod legacy_choice;
mod legacy_facts;
mod legacy_grant;
mod legacy_lower;
mod legacy_role;
mod legacy_row;
mod legacy_system;
mod legacy_table;
pub mod manifest;
mod native;
mod native_collection;
mod native_grant;
mod native_role;
mod native_workflow;
mod nick;
mod nick_document;
mod nick_entry;
mod nick_lower;
mod nick_merge;
mod nick_site;
mod nick_workflow;
mod operand;
pub mod profile;
mod reader;
mod selector;
mod value;
mod variable;
mod word;

use crate::policy::Policy;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, did_you_mean, quote};
use crate::source::json::Json;
use crate::source::span::FileId;

use document::DocumentFile;
use profile::ProfileFile;

/// Reads the profiles of one CMS, in that CMS's own form.
pub trait Dialect: Sync {
    /// Returns the name in `profile.json`.
    fn name(&self) -> &'static str;

    /// Returns the modes that the dialect offers.
    fn modes(&self) -> &'static [Mode];

    /// Returns the keys of `profile.json` that mean something in this dialect, beside those of every profile.
    fn settings(&self) -> &'static [&'static str];

    /// Tells whether these files, named relative to the profile, are a profile of this dialect without saying so.
    fn recognises(&self, files: &[&str]) -> bool;

    /// Reads a profile into a policy, as far as that is possible; what is wrong with it is added to `diagnostics`.
    fn read(&self, input: &Input<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy>;
}

/// Lists every dialect.
pub const DIALECTS: &[&dyn Dialect] = &[
    &native::Native,
    &nick::Nick,
    &legacy::DirectusLegacy,
    &directus::Directus,
    &apostrophe::Apostrophe,
];

/// Says how closely a dialect follows its CMS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Decides what the CMS documents, with its accidental openings closed.
    #[default]
    Strict,
    /// Decides what the CMS does, quirks included.
    Exact,
}

impl Mode {
    /// Lists every mode.
    pub const ALL: [Mode; 2] = [Mode::Strict, Mode::Exact];

    /// Returns the word in `profile.json`.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Strict => "strict",
            Mode::Exact => "exact",
        }
    }
}

/// Holds what a dialect reads: one profile and all that lies below it.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The profile file of this profile.
    pub profile: &'a ProfileFile,
    /// The profile files of its bases of the same dialect, in the order of their layers; a later one counts more, and
    /// the profile itself counts most.
    pub bases: &'a [&'a ProfileFile],
    /// The layers of the bases, then those of the profile itself; a later one lies over an earlier one.
    pub layers: &'a [Layer<'a>],
}

/// Holds the files of one directory in the CMS's own form.
#[derive(Clone, Debug)]
pub struct Layer<'a> {
    /// The name of the layer, for messages.
    pub name: &'a str,
    /// Its files, in the order of their names.
    pub files: Vec<LayerFile<'a>>,
    /// Names of programs (`.ts`, `.js`) beside them, which are not read.
    pub scripts: Vec<&'a str>,
    /// Its files of grants on documents, which are not the dialect's to read: see [`document::read_document_grants`].
    pub documents: &'a [DocumentFile],
}

impl<'a> Layer<'a> {
    /// Returns the file of a name.
    pub fn find(&self, name: &str) -> Option<&LayerFile<'a>> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// Holds one parsed file of a layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerFile<'a> {
    /// The name relative to the layer, parted by `/` (`types/page.json`).
    pub name: &'a str,
    /// The content; of a file of JSON lines (`.jsonl`) the list of its lines, see [`crate::source::json::parse_lines`].
    pub json: &'a Json,
    /// The file that spans point into.
    pub file: FileId,
}

/// Returns the dialect of a profile: the one that its profile file names, else the only one that recognises the files.
pub fn find_dialect(
    profile: &ProfileFile,
    files: &[&str],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'static dyn Dialect> {
    if let Some(name) = &profile.dialect {
        let named = DIALECTS
            .iter()
            .copied()
            .find(|dialect| dialect.name() == name.value);
        if named.is_none() {
            let message = format!("there is no dialect {}", quote(&name.value));
            let names = DIALECTS.iter().map(|dialect| dialect.name());
            let mut diagnostic = Diagnostic::new(Code::UnknownDialect, name.span, message);
            diagnostic.help = Some(did_you_mean(&name.value, names).map_or_else(
                || format!("the dialects are {}", dialect_names(DIALECTS)),
                |near| format!("did you mean {}?", quote(near)),
            ));
            diagnostics.push(diagnostic);
        }
        return named;
    }
    let fitting: Vec<_> = DIALECTS
        .iter()
        .copied()
        .filter(|dialect| dialect.recognises(files))
        .collect();
    match fitting.as_slice() {
        [only] => return Some(*only),
        [] => diagnostics.push(
            Diagnostic::new(
                Code::NoDialect,
                profile.origin,
                "no file tells which dialect the profile is written in",
            )
            .help(format!(
                "write `\"dialect\"` into `profile.json`: {}",
                dialect_names(DIALECTS)
            )),
        ),
        several => {
            let message = format!("the files fit several dialects: {}", dialect_names(several));
            diagnostics.push(
                Diagnostic::new(Code::MixedDialects, profile.origin, message)
                    .help("write `\"dialect\"` into `profile.json`"),
            );
        }
    }
    None
}

fn dialect_names(dialects: &[&dyn Dialect]) -> String {
    let names: Vec<_> = dialects.iter().map(|dialect| quote(dialect.name())).collect();
    names.join(", ")
}
