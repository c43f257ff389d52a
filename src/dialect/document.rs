//! Grants on single documents, which a profile of any dialect may have beside its own files.
//!
//! `document_grants.json` holds a list, `document_grants.jsonl` one grant a line. They are read entry by entry, and each is packed
//! before the next one is looked at; a piece that was read before is not read again.

use std::sync::Arc;

use crate::policy::document::{DocumentGrant, DocumentGrants, Part, pack};
use crate::source::diagnostic::Diagnostic;
use crate::source::json::{self, Json};
use crate::source::span::FileId;
use crate::vocab::limits::{BROKEN_LINES_REPORTED_MAX, DOCUMENT_GRANTS_BYTES_MAX};
use crate::vocab::sheet::{Packer, Sheet};

use super::Layer;
use super::reader::{self, Empty, Keys};

/// Holds one file of grants on documents.
#[derive(Clone, Debug)]
pub struct DocumentFile {
    /// The name relative to the layer.
    pub name: String,
    /// Its pieces, in order.
    pub pieces: Vec<DocumentPiece>,
}

/// Tells what a piece of such a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// All of an object.
    Whole,
    /// Lines, each with a grant.
    Lines,
    /// A part of an object that holds nothing but its list: the entries in the part, each with the comma behind it.
    Stretch {
        /// Whether what stands before the list is there.
        begins: bool,
        /// Whether what stands behind the list is there.
        ends: bool,
    },
}

/// Holds one piece of such a file.
#[derive(Clone, Debug)]
pub struct DocumentPiece {
    /// What spans point into.
    pub file: FileId,
    /// What it is.
    pub form: Form,
    /// Tells pieces with different texts or forms apart.
    pub digest: [u8; 32],
    /// The text.
    pub text: Arc<str>,
    /// What was made of the same text before.
    pub known: Option<Arc<Sheet>>,
}

/// The list of a file that is no file of lines.
pub const KEY: &str = "document_grants";

/// Reads the grants of all layers, in their order, behind those that are there already.
pub fn read_document_grants(
    layers: &[Layer<'_>],
    grants: &mut DocumentGrants,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for file in layers.iter().flat_map(|layer| layer.documents) {
        let mut reading = Reading::default();
        for piece in &file.pieces {
            let sheet = match &piece.known {
                Some(sheet) => Arc::clone(sheet),
                None => Arc::new(reading.read(piece, diagnostics)),
            };
            if sheet.purges() {
                grants.clear();
            }
            grants.push(Part {
                file: piece.file,
                sheet,
            });
            // A million mistakes of one kind would be a gigabyte of complaints.
            if reading.broken >= BROKEN_LINES_REPORTED_MAX {
                break;
            }
        }
    }
}

/// What is known of a file while it is read.
#[derive(Default)]
struct Reading {
    /// Entries with a mistake: after so many the rest is not looked at.
    broken: usize,
}

impl Reading {
    fn read(&mut self, piece: &DocumentPiece, diagnostics: &mut Vec<Diagnostic>) -> Sheet {
        let before = diagnostics.len();
        let mut packer = Packer::new(Arc::clone(&piece.text));
        let mut mistakes = self.broken;
        let mut take = |json: Json, diagnostics: &mut Vec<Diagnostic>| {
            if mistakes < BROKEN_LINES_REPORTED_MAX {
                match read_document_grant(&json, diagnostics) {
                    Some(grant) => pack(&grant, &mut packer),
                    None => mistakes += 1,
                }
            }
        };
        let (mut purges, mut broken) = (false, 0);
        let (file, text) = (piece.file, &*piece.text);
        match piece.form {
            Form::Lines => broken = json::parse_each_line(file, text, diagnostics, &mut take),
            Form::Whole => {
                let max = DOCUMENT_GRANTS_BYTES_MAX;
                let json = json::parse_entries(file, text, KEY, max, diagnostics, &mut take);
                purges = json.is_some_and(|json| read_frame(&json, diagnostics));
            }
            Form::Stretch { begins, ends } => {
                let part = (begins, ends);
                if !json::parse_stretch(file, text, KEY, part, diagnostics, &mut take) {
                    broken = BROKEN_LINES_REPORTED_MAX;
                }
            }
        }
        self.broken = mistakes + broken;
        // What was complained about is read again each time, so that it is complained about each time.
        packer.finish(purges, diagnostics.len() == before)
    }
}

/// Reads what a file says beside its list, and tells whether it drops what lies below.
fn read_frame(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(mut keys) = Keys::open(json, "this file", diagnostics) else {
        return false;
    };
    keys.text("$schema", diagnostics);
    let purges = keys.bool("purge", diagnostics).unwrap_or(false);
    let list = if purges {
        keys.optional(KEY)
    } else {
        keys.required(KEY, diagnostics)
    };
    keys.finish(diagnostics);
    if let Some(list) = list {
        reader::read_list(list, "`document_grants`", diagnostics);
    }
    purges
}

/// Reads one grant; one with a mistake is left out.
fn read_document_grant(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<DocumentGrant> {
    let before = diagnostics.len();
    let mut keys = Keys::open(json, "a document grant", diagnostics)?;
    let collection = keys.required("collection", diagnostics);
    let collection =
        collection.and_then(|json| reader::read_id(json, "`collection`", Empty::Allowed, diagnostics));
    let document = keys.required("id", diagnostics);
    let document = document.and_then(|json| reader::read_id(json, "`id`", Empty::Refused, diagnostics));
    let roles = keys.ids("roles", diagnostics);
    // It gives the one or the other.
    let actions = match &roles {
        Some(_) => keys.optional("actions"),
        None => keys.required("actions", diagnostics),
    };
    let actions = actions.and_then(|json| reader::read_ids(json, "`actions`", Empty::Refused, diagnostics));
    let users = keys.ids("users", diagnostics).unwrap_or_default();
    let groups = keys.ids("groups", diagnostics).unwrap_or_default();
    let descendants = keys.bool("descendants", diagnostics).unwrap_or(false);
    keys.finish(diagnostics);
    if reader::failed_since(before, diagnostics) {
        return None;
    }
    let (collection, document) = (collection?, document?);
    Some(DocumentGrant {
        collection,
        document,
        actions: actions.unwrap_or_default(),
        roles: roles.unwrap_or_default(),
        users,
        groups,
        descendants,
        origin: json.span,
    })
}
