//! Compares the files of a profile with its manifest, if it has one.
//!
//! Whoever copies a profile over a live one shows us every state in between, and most of these are profiles as well: one whose
//! denies have not arrived yet allows too much. A manifest names all files with their digests, so that nothing in between counts.

use std::collections::BTreeMap;

use crate::dialect::manifest::Manifest;
use crate::load::digest_text;
use crate::load::discover::{Content, ScannedProfile, inner_path};
use crate::load::profile::parse_file;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::file::SourceMap;
use crate::source::span::Span;

/// The file that names all others.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Returns the files of a profile, manifest aside, each with its digest, sorted by name.
pub fn digests(profile: &ScannedProfile) -> BTreeMap<&str, String> {
    profile
        .files
        .iter()
        .map(|file| (inner_path(&profile.prefix, &file.path), &file.content))
        .filter(|(name, _)| *name != MANIFEST_FILE)
        .map(|(name, content)| (name, digest_text(&hash(content))))
        .collect()
}

fn hash(content: &Content) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    match content {
        Content::Whole(bytes) => _ = hasher.update(bytes),
        Content::Pieces(pieces) => pieces.iter().for_each(|piece| _ = hasher.update(piece.bytes())),
    }
    *hasher.finalize().as_bytes()
}

/// Complains about every file that is not as the manifest says.
pub(super) fn check(scanned: &ScannedProfile, map: &mut SourceMap, diagnostics: &mut Vec<Diagnostic>) {
    let found = scanned
        .files
        .iter()
        .find(|file| inner_path(&scanned.prefix, &file.path) == MANIFEST_FILE);
    let Some(found) = found else { return };
    let Ok((json, _)) = parse_file(&found.path, &found.bytes(), map, diagnostics) else {
        return;
    };
    let before = diagnostics.len();
    let manifest = Manifest::read(&json, diagnostics);
    if diagnostics.len() > before {
        return;
    }
    let mut there = digests(scanned);
    for (name, digest) in &manifest.files {
        let shown = quote(&name.value);
        match there.remove(name.value.as_str()) {
            Some(now) if now == digest.value => {}
            Some(_) => {
                let message = format!("{shown} is not what the manifest says");
                diagnostics.push(incomplete(digest.span, message));
            }
            None => {
                let message = format!("{shown} is not there");
                diagnostics.push(incomplete(name.span, message));
            }
        }
    }
    for name in there.keys() {
        let message = format!("the manifest does not name {}", quote(name));
        diagnostics.push(incomplete(json.span.at_start(), message));
    }
}

fn incomplete(span: Span, message: String) -> Diagnostic {
    Diagnostic::new(Code::IncompleteProfile, span, message)
        .help("if the files are being copied, wait; else `placet manifest` writes a new manifest")
}
