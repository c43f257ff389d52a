//! The manifest: which files a profile consists of, and what is in each, for directories that are filled file by file.

use crate::source::diagnostic::Diagnostic;
use crate::source::json::Json;
use crate::source::span::Spanned;

use super::reader::{self, Keys};

/// Holds what `manifest.json` says.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// The files, relative to the profile, each with the BLAKE3 digest of its bytes in hexadecimal.
    pub files: Vec<(Spanned<String>, Spanned<String>)>,
}

impl Manifest {
    /// Reads `manifest.json`; what it says wrong is complained about and left out.
    pub fn read(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut manifest = Self::default();
        let Some(mut keys) = Keys::open(json, "a manifest", diagnostics) else {
            return manifest;
        };
        let files = keys.required("files", diagnostics);
        keys.finish(diagnostics);
        let members = files.and_then(|files| reader::read_members(files, "`files`", diagnostics));
        for member in members.unwrap_or_default() {
            if let Some(digest) = reader::read_text(&member.value, "a digest", diagnostics) {
                manifest.files.push((member.key.clone(), digest));
            }
        }
        manifest
    }
}
