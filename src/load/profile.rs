//! One profile, step by step: read its files and those of its bases, merge, validate, compile.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::compile;
use crate::dialect::document::{DocumentFile, DocumentPiece, read_document_grants};
use crate::dialect::profile::ProfileFile;
use crate::dialect::{self, Dialect, Input, Layer, LayerFile};
use crate::load::chain::{Chains, Link};
use crate::load::complaint::{drop_complaints_of_bases, fault, place, report_links, report_problems};
use crate::load::discover::{Content, Scan, ScannedProfile, inner_path};
use crate::load::manifest::{self, MANIFEST_FILE};
use crate::load::piece::{DOCUMENT_FILES, Piece, Text};
use crate::load::{LoadedProfile, Sheets};
use crate::policy::digest::Marks;
use crate::policy::document::DocumentGrants;
use crate::policy::{Policy, merge};
use crate::source::code::Code;
use crate::source::diagnostic::{self, Diagnostic, Severity, quote};
use crate::source::file::{SourceMap, count_lines, decode_utf8};
use crate::source::json::{self, Json};
use crate::source::span::{FileId, Span};
use crate::validate::{self, ValidPolicy};
use crate::vocab::limits::DIAGNOSTICS_MAX;
use crate::vocab::sheet::Sheet;

/// The file in which a profile says what it is.
const PROFILE_FILE: &str = "profile.json";

/// What the loads of this round have made so far, by index in the scan; of each profile its bases are there before it.
pub(super) type Done = [Option<Arc<LoadedProfile>>];

/// What reading a profile yields, short of compiling it.
struct Reading {
    title: String,
    mode: &'static str,
    valid: Option<ValidPolicy>,
    pieces: Vec<([u8; 32], Arc<Sheet>)>,
    diagnostics: Vec<Diagnostic>,
    sources: SourceMap,
}

/// Reads one profile of a scan into its valid policy, for tools that need names and not ids; none if it has errors.
pub fn read_policy(scan: &Scan, id: &str) -> Option<(ValidPolicy, SourceMap)> {
    let done = super::load(scan, &[]);
    let chains = Chains::find(scan, &[]);
    let by_index: Vec<_> = scan
        .profiles
        .iter()
        .map(|scanned| {
            done.iter()
                .find(|loaded| loaded.directory == scanned.name)
                .cloned()
        })
        .collect();
    let find = |&&index: &&usize| chains.link(index).is_some_and(|link| &*link.id == id);
    let index = chains.order().iter().find(find)?;
    let reading = read_profile(&chains, *index, &by_index, &Sheets::default());
    Some((reading.valid?, reading.sources))
}

/// Loads one profile whose bases are loaded.
pub(super) fn load_profile(
    chains: &Chains<'_>,
    index: usize,
    digest: [u8; 32],
    done: &Done,
    sheets: &Sheets,
) -> LoadedProfile {
    let link = chains.link(index);
    let scanned = link.map(|link| link.scanned);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut reading = read_profile(chains, index, done, sheets);
        let made = reading.valid.take().map(|valid| {
            let model = compile::compile(&valid, &reading.sources);
            (Arc::new(model), Marks::of(valid.policy()))
        });
        (reading, made)
    }));
    let (mut reading, made) = result.unwrap_or_else(|_| (report_fault(scanned), None));
    let (model, marks) = made.map_or_else(Default::default, |(model, marks)| (Some(model), marks));
    finish_diagnostics(&mut reading);
    LoadedProfile {
        id: link.map(|link| Arc::clone(&link.id)).unwrap_or_default(),
        directory: scanned.map(|scanned| scanned.name.clone()).unwrap_or_default(),
        title: reading.title,
        dialect: link
            .and_then(|link| link.dialect)
            .map_or("", |dialect| dialect.name()),
        mode: reading.mode,
        model,
        marks,
        pieces: reading.pieces,
        diagnostics: reading.diagnostics,
        sources: reading.sources,
        digest,
        is_transient: scanned
            .is_some_and(|scanned| scanned.problems.iter().any(|problem| problem.kind.is_transient())),
    }
}

/// Reads `profile.json`, or says what holds without one; false if what the author wrote could not be read.
pub(super) fn read_profile_file(
    scanned: &ScannedProfile,
    map: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> (ProfileFile, bool) {
    let before = diagnostics.len();
    let found = scanned
        .files
        .iter()
        .find(|file| inner_path(&scanned.prefix, &file.path) == PROFILE_FILE);
    let Some(found) = found else {
        let origin = place(shown_directory(scanned), map);
        return (
            ProfileFile::without_file(&scanned.name, origin),
            scanned.problems.is_empty(),
        );
    };
    match parse_file(&found.path, &found.bytes(), map, diagnostics) {
        Ok((json, _)) => {
            let file = ProfileFile::read(&scanned.name, &json, diagnostics);
            let is_whole = !has_errors(diagnostics.get(before..).unwrap_or_default());
            (file, is_whole)
        }
        Err(origin) => (ProfileFile::without_file(&scanned.name, origin), false),
    }
}

/// Returns the names of the files that dialects are told by: relative to the layers, or to the profile if it has none.
pub(super) fn layered_names<'s>(scanned: &'s ScannedProfile, file: &ProfileFile) -> Vec<&'s str> {
    let names = scanned
        .files
        .iter()
        .map(|file| inner_path(&scanned.prefix, &file.path));
    if file.layers.is_empty() {
        return names.filter(|name| !is_about_profile(name)).collect();
    }
    let layers: Vec<&str> = file.layers.iter().map(|layer| layer.value.as_str()).collect();
    names
        .filter_map(|name| layers.iter().find_map(|layer| name_in_layer(name, layer)))
        .collect()
}

/// Tells whether a file is about the profile and no part of its policy.
fn is_about_profile(name: &str) -> bool {
    name == PROFILE_FILE || name == MANIFEST_FILE
}

fn name_in_layer<'n>(name: &'n str, layer: &str) -> Option<&'n str> {
    name.strip_prefix(layer)?.strip_prefix('/')
}

/// A profile of a chain, parsed.
struct Member {
    file: ProfileFile,
    dialect: Option<&'static dyn Dialect>,
    layers: Vec<ParsedLayer>,
}

struct ParsedLayer {
    name: String,
    files: Vec<ParsedFile>,
    documents: Vec<DocumentFile>,
    scripts: Vec<String>,
}

struct ParsedFile {
    name: String,
    json: Json,
    file: FileId,
}

fn read_profile(chains: &Chains<'_>, index: usize, done: &Done, sheets: &Sheets) -> Reading {
    let mut map = SourceMap::new();
    let mut diagnostics = Vec::new();
    let mut reading = Reading {
        title: String::new(),
        mode: "",
        valid: None,
        pieces: Vec::new(),
        diagnostics: Vec::new(),
        sources: SourceMap::new(),
    };
    if let Some(link) = chains.link(index) {
        report_problems(link.scanned, &mut map, &mut diagnostics);
        if link.scanned.problems.is_empty() {
            manifest::check(link.scanned, &mut map, &mut diagnostics);
        }
        let own = open_member(link, sheets, &mut map, &mut diagnostics);
        report_links(link, &own.file, done, &mut diagnostics);
        reading.title = own
            .file
            .title
            .text
            .clone()
            .unwrap_or_else(|| link.id.as_ref().to_owned());
        reading.mode = own.file.mode.name();
        if !has_errors(&diagnostics) {
            let bases = chains
                .chain(index)
                .split_last()
                .map(|(_, bases)| bases)
                .unwrap_or_default();
            let mut members: Vec<Member> = Vec::with_capacity(bases.len().saturating_add(1));
            for base in bases.iter().filter_map(|&base| chains.link(base)) {
                // What is wrong with a base is its own complaint, and an error there ended this load above.
                members.push(open_member(base, sheets, &mut map, &mut Vec::new()));
            }
            members.push(own);
            let policy = read_members(&members, &mut diagnostics);
            reading.pieces = collect_pieces(&members, policy.as_ref());
            // A policy that was read with an error is never valid, and yet checked, so that its author sees everything at once.
            reading.valid = policy.and_then(|policy| validate::validate(policy, &mut diagnostics));
            if reading.valid.is_none() && !has_errors(&diagnostics) {
                let origin = members.last().map(|own| own.file.origin);
                diagnostics.extend(origin.map(fault));
            }
            drop_complaints_of_bases(bases, done, &map, &mut diagnostics);
        }
    }
    reading.diagnostics = diagnostics;
    reading.sources = map;
    reading
}

/// Parses all files of one profile.
fn open_member(
    link: &Link<'_>,
    sheets: &Sheets,
    map: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Member {
    let scanned = link.scanned;
    let (file, _) = read_profile_file(scanned, map, diagnostics);
    match link.dialect {
        Some(dialect) => file.check(dialect, diagnostics),
        // Asked once more, now for its complaint.
        None if scanned.problems.is_empty() => {
            let _ = dialect::find_dialect(&file, &layered_names(scanned, &file), diagnostics);
        }
        None => {}
    }
    let mut layers = Vec::new();
    if file.layers.is_empty() {
        let in_profile = |name: &str| (!is_about_profile(name)).then(|| name.to_owned());
        let layer = parse_layer(String::new(), in_profile, scanned, sheets, map, diagnostics);
        layers.push(layer);
    }
    for layer in &file.layers {
        let in_layer = |name: &str| name_in_layer(name, &layer.value).map(str::to_owned);
        let files = scanned
            .files
            .iter()
            .map(|file| inner_path(&scanned.prefix, &file.path));
        if files.filter_map(in_layer).next().is_none() {
            let message = format!(
                "the profile has no directory {} with JSON files in it",
                quote(&layer.value)
            );
            diagnostics.push(Diagnostic::new(Code::MissingDirectory, layer.span, message));
        }
        layers.push(parse_layer(
            layer.value.clone(),
            in_layer,
            scanned,
            sheets,
            map,
            diagnostics,
        ));
    }
    Member {
        file,
        dialect: link.dialect,
        layers,
    }
}

fn parse_layer(
    layer: String,
    name_of: impl Fn(&str) -> Option<String>,
    scanned: &ScannedProfile,
    sheets: &Sheets,
    map: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> ParsedLayer {
    let (mut files, mut documents) = (Vec::new(), Vec::new());
    for found in &scanned.files {
        let Some(name) = name_of(inner_path(&scanned.prefix, &found.path)) else {
            continue;
        };
        if let (Content::Pieces(pieces), true) = (&found.content, DOCUMENT_FILES.contains(&name.as_str())) {
            let pieces = open_pieces(&found.path, pieces, sheets, map, diagnostics);
            documents.push(DocumentFile { name, pieces });
            continue;
        }
        if let Ok((json, file)) = parse_file(&found.path, &found.bytes(), map, diagnostics) {
            files.push(ParsedFile { name, json, file });
        }
    }
    let scripts = scanned.scripts.iter();
    let scripts = scripts.filter_map(|path| name_of(inner_path(&scanned.prefix, path)));
    ParsedLayer {
        scripts: scripts.collect(),
        name: layer,
        files,
        documents,
    }
}

/// Adds the pieces of a file to the sources, and finds what is made of them already; ends at the first that is no text.
fn open_pieces(
    path: &str,
    pieces: &[Piece],
    sheets: &Sheets,
    map: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<DocumentPiece> {
    let path: Arc<str> = path.into();
    let mut opened = Vec::with_capacity(pieces.len());
    let mut lines = 0;
    for piece in pieces {
        let text = match &piece.text {
            Text::Utf8(text) => text,
            Text::Other(bytes) => {
                let not_utf8 = decode_utf8(&path, bytes.clone()).err();
                diagnostics.extend(not_utf8.map(|not_utf8| not_utf8.behind(lines).into_diagnostic(map)));
                break;
            }
        };
        opened.push(DocumentPiece {
            file: map.add_piece(Arc::clone(&path), Arc::clone(text), lines),
            form: piece.form,
            digest: piece.digest,
            text: Arc::clone(text),
            known: sheets.find(&piece.digest),
        });
        lines = lines.saturating_add(count_lines(text));
    }
    opened
}

/// Returns the sheets of a policy that another load may use, each with the digest of its text.
fn collect_pieces(members: &[Member], policy: Option<&Policy>) -> Vec<([u8; 32], Arc<Sheet>)> {
    let layers = members.iter().flat_map(|member| &member.layers);
    let files = layers.flat_map(|layer| &layer.documents);
    let digests: HashMap<FileId, [u8; 32]> = files
        .flat_map(|file| &file.pieces)
        .map(|piece| (piece.file, piece.digest))
        .collect();
    let parts = policy
        .into_iter()
        .flat_map(|policy| policy.document_grants.parts());
    parts
        .filter(|part| part.sheet.is_silent())
        .filter_map(|part| Some((*digests.get(&part.file)?, Arc::clone(&part.sheet))))
        .collect()
}

/// Parses one file; if that fails, the complaint is made and the place of the file returned.
pub(super) fn parse_file(
    path: &str,
    bytes: &[u8],
    map: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<(Json, FileId), Span> {
    let text = match decode_utf8(path, bytes.to_vec()) {
        Ok(text) => text,
        Err(not_utf8) => {
            let complaint = not_utf8.into_diagnostic(map);
            let span = complaint.span;
            diagnostics.push(complaint);
            return Err(span.at_start());
        }
    };
    let file = map.add(path.to_owned(), text);
    let text = map.text(file);
    let parsed = if path.ends_with(".jsonl") {
        json::parse_lines(file, text, diagnostics)
    } else {
        json::parse(file, text, diagnostics)
    };
    parsed.map(|json| (json, file)).ok_or(Span::new(file, 0, 0))
}

/// Reads the members of a chain: those of one dialect together, then one dialect's policy over the other's.
///
/// A dialect takes its place in the order by the last of its members, so that the profile's own comes last.
fn read_members(members: &[Member], diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
    let mut groups: Vec<(&'static dyn Dialect, Vec<&Member>)> = Vec::new();
    for member in members {
        let dialect = member.dialect?;
        let same = groups
            .iter()
            .position(|(other, _)| other.name() == dialect.name());
        let mut group = same.map_or_else(|| (dialect, Vec::new()), |place| groups.remove(place));
        group.1.push(member);
        groups.push(group);
    }
    let mut merged: Option<Policy> = None;
    let mut documents = DocumentGrants::default();
    for (dialect, group) in groups {
        let (own, bases) = group.split_last()?;
        let base_files: Vec<&ProfileFile> = bases.iter().map(|base| &base.file).collect();
        let layers: Vec<Layer<'_>> = group
            .iter()
            .flat_map(|member| &member.layers)
            .map(show_layer)
            .collect();
        let input = Input {
            profile: &own.file,
            bases: &base_files,
            layers: &layers,
        };
        let policy = dialect.read(&input, diagnostics)?;
        read_document_grants(&layers, &mut documents, diagnostics);
        merged = Some(match merged {
            Some(base) => merge::lay_over(base, policy),
            None => policy,
        });
    }
    if let Some(policy) = &mut merged {
        policy.document_grants.append(documents);
    }
    merged
}

fn show_layer(layer: &ParsedLayer) -> Layer<'_> {
    let files = layer.files.iter().map(|file| LayerFile {
        name: &file.name,
        json: &file.json,
        file: file.file,
    });
    Layer {
        name: &layer.name,
        files: files.collect(),
        scripts: layer.scripts.iter().map(String::as_str).collect(),
        documents: &layer.documents,
    }
}

/// Sorts the complaints, and keeps the errors among them if there are too many.
fn finish_diagnostics(reading: &mut Reading) {
    if reading.diagnostics.len() > DIAGNOSTICS_MAX {
        reading
            .diagnostics
            .sort_by_key(|complaint| std::cmp::Reverse(complaint.severity));
        reading.diagnostics.truncate(DIAGNOSTICS_MAX);
    }
    diagnostic::sort(&mut reading.diagnostics, &reading.sources);
}

/// Says that the fault is ours; the other profiles load all the same.
fn report_fault(scanned: Option<&ScannedProfile>) -> Reading {
    let mut sources = SourceMap::new();
    let origin = place(scanned.map_or(".", shown_directory), &mut sources);
    Reading {
        title: scanned.map(|scanned| scanned.name.clone()).unwrap_or_default(),
        mode: "",
        valid: None,
        pieces: Vec::new(),
        diagnostics: vec![fault(origin)],
        sources,
    }
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .any(|complaint| complaint.severity == Severity::Error)
}

fn shown_directory(scanned: &ScannedProfile) -> &str {
    if scanned.prefix.is_empty() {
        "."
    } else {
        &scanned.prefix
    }
}
