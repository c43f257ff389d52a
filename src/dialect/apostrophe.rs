//! The dialect of Apostrophe: the document types of a project as its own modules describe them, and the groups of its extension.
//!
//! `types.json` holds the options of each type that matter, which a short script prints from a running project;
//! `groups.json` the groups of the extension "Advanced Permission"; grants of single documents are read as in every dialect. Mode `exact` decides as Apostrophe 4 does, raw checks and
//! list filters apart; in mode `strict` a check of a document asks both, as Apostrophe's own routes do, and its accidental
//! openings are closed.
//!
//! What a type means is told in [`super::apostrophe_lower`], what can be done with a document in
//! [`super::apostrophe_operation`], who has which right in [`super::apostrophe_right`].

use crate::policy::Policy;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::Span;

use super::apostrophe_group::{GroupRow, read_groups};
use super::apostrophe_lower::lower;
use super::apostrophe_type::{DocType, add_own_types, read_types};
use super::profile::ProfileFile;
use super::reader;
use super::{Dialect, Input, LayerFile, Mode};

/// The dialect of Apostrophe.
pub(super) struct Apostrophe;

impl Dialect for Apostrophe {
    fn name(&self) -> &'static str {
        "apostrophe"
    }

    fn modes(&self) -> &'static [Mode] {
        &Mode::ALL
    }

    fn settings(&self) -> &'static [&'static str] {
        &[CONTRIBUTOR_UPLOADS]
    }

    fn recognises(&self, files: &[&str]) -> bool {
        files.contains(&TYPES)
    }

    fn read(&self, input: &Input<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
        let mode = input.profile.mode;
        let mut project = Project {
            has_documents: input.layers.iter().any(|layer| !layer.documents.is_empty()),
            ..Project::default()
        };
        for file in input.layers.iter().flat_map(|layer| &layer.files) {
            project.read_file(file, mode, diagnostics);
        }
        // Documentation says that contributors do not upload, and the system lets them.
        let mut uploads = mode == Mode::Exact;
        for profile in input.bases.iter().copied().chain([input.profile]) {
            uploads = read_uploads(profile, diagnostics).unwrap_or(uploads);
        }
        let Some(origin) = project.origin else {
            let first = input.layers.iter().find_map(|layer| layer.files.first());
            let span = first.map_or(input.profile.origin, |file| file.json.span.at_start());
            let message = format!("the profile has no file {}", quote(TYPES));
            diagnostics.push(Diagnostic::new(Code::MissingProfileFile, span, message));
            return None;
        };
        add_own_types(&mut project.types, origin);
        Some(lower(project, mode, uploads, origin, diagnostics))
    }
}

/// The file with the document types.
const TYPES: &str = "types.json";
/// The file with the groups of the extension.
const GROUPS: &str = "groups.json";
/// Whether contributors may upload attachments.
const CONTRIBUTOR_UPLOADS: &str = "contributor_uploads";

fn read_uploads(profile: &ProfileFile, diagnostics: &mut Vec<Diagnostic>) -> Option<bool> {
    let json = profile.setting(CONTRIBUTOR_UPLOADS)?;
    reader::read_bool(json, &quote(CONTRIBUTOR_UPLOADS), diagnostics)
}

/// All that the files of a profile say.
#[derive(Debug, Default)]
pub(super) struct Project {
    pub(super) types: Vec<DocType>,
    /// The groups; absent: users have roles.
    pub(super) groups: Option<Vec<GroupRow>>,
    /// Whether there are grants of single documents.
    pub(super) has_documents: bool,
    /// Where the types begin.
    origin: Option<Span>,
}

impl Project {
    fn read_file(&mut self, file: &LayerFile<'_>, mode: Mode, diagnostics: &mut Vec<Diagnostic>) {
        match file.name {
            // Files in directories (tests, for one) and the profile file are for others to read.
            "profile.json" => {}
            name if name.contains('/') => {}
            TYPES => {
                self.origin.get_or_insert(file.json.span.at_start());
                read_types(file.json, mode, &mut self.types, diagnostics);
            }
            GROUPS => {
                let groups = self.groups.get_or_insert_default();
                read_groups(file.json, groups, diagnostics);
            }
            name => report_unknown(name, file.json, diagnostics),
        }
    }
}

fn report_unknown(name: &str, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
    let message = format!("a profile of Apostrophe has no file {}", quote(name));
    let mut diagnostic = Diagnostic::new(Code::UnknownFile, json.span.at_start(), message);
    diagnostic.help = reader::suggestion(name, [TYPES, GROUPS]);
    diagnostics.push(diagnostic.severity(Severity::Warning));
}
