//! The dialect of Nick: real profile directories, untouched.
//!
//! The layers are seeded one after the other into a [`Site`], in the order in which Nick's own
//! seed goes through the files of a profile; what the seed refuses is an error here. Then the site is lowered
//! ([`lower`]).

use rustc_hash::FxHashMap;

use crate::policy::Policy;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::Span;

use super::nick_entry::read_entry;
use super::nick_lower::lower;
use super::nick_merge::strip_i18n;
use super::nick_site::Site;
use super::{Dialect, Input, Layer, Mode};

/// The dialect of Nick.
pub(super) struct Nick;

impl Dialect for Nick {
    fn name(&self) -> &'static str {
        "nick"
    }

    fn modes(&self) -> &'static [Mode] {
        &Mode::ALL
    }

    fn settings(&self) -> &'static [&'static str] {
        &[]
    }

    fn recognises(&self, files: &[&str]) -> bool {
        files.contains(&METADATA)
    }

    fn read(&self, input: &Input<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
        let mode = input.profile.mode;
        let mut site = Site::default();
        let mut versions = FxHashMap::default();
        for layer in input.layers {
            if is_applied(layer, mode, input.profile.origin, &mut versions, diagnostics) {
                report_scripts(layer, input.profile.origin, diagnostics);
                seed(layer, &mut site, diagnostics);
            }
        }
        Some(lower(&site, mode, input.profile.origin, diagnostics))
    }
}

/// The file without which a directory is no profile of Nick.
const METADATA: &str = "metadata.json";

/// Tells whether Nick applies the layer: it must say who it is, and not be there already in the same version.
fn is_applied(
    layer: &Layer<'_>,
    mode: Mode,
    profile: Span,
    versions: &mut FxHashMap<String, (String, Span)>,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    let Some(file) = layer.find(METADATA) else {
        let span = layer
            .files
            .first()
            .map_or(profile, |file| file.json.span.at_start());
        let message = format!(
            "the layer {} has no {}, and Nick passes over it",
            quote(layer.name),
            quote(METADATA)
        );
        let severity = match mode {
            Mode::Strict => Severity::Error,
            Mode::Exact => Severity::Warning,
        };
        diagnostics.push(Diagnostic::new(Code::MissingProfileFile, span, message).severity(severity));
        return false;
    };
    let json = strip_i18n(file.json);
    let columns = ["id", "title", "description", "version"];
    let Some(id) = read_entry(&json, "profile", &columns, diagnostics) else {
        return false;
    };
    let version = json.get("version").map(version_text).unwrap_or_default();
    match versions.get(&id.value) {
        Some((applied, first)) if *applied == version => {
            let message = format!(
                "the profile {} is there already in this version, and Nick passes over it",
                quote(&id.value)
            );
            diagnostics.push(
                Diagnostic::new(Code::DuplicateId, id.span, message)
                    .severity(Severity::Warning)
                    .label(*first, "the layer that counts"),
            );
            false
        }
        Some(_) | None => {
            versions.insert(id.value, (version, id.span));
            true
        }
    }
}

fn version_text(json: &Json) -> String {
    json.as_number().map_or_else(
        || json.as_text().unwrap_or_default().to_owned(),
        |number| number.literal.clone(),
    )
}

/// What Nick reads of a layer and we must read as well: files and directories.
const READ: [&str; 7] = [
    "permissions",
    "roles",
    "groups",
    "users",
    "workflows",
    "behaviors/",
    "types/",
];

/// Says of each program that stands where a file of JSON should, that it is not read: Nick runs it, and takes what it makes.
fn report_scripts(layer: &Layer<'_>, profile: Span, diagnostics: &mut Vec<Diagnostic>) {
    let span = layer
        .files
        .first()
        .map_or(profile, |file| file.json.span.at_start());
    for script in &layer.scripts {
        let stem = script.rsplit_once('.').map_or(*script, |(stem, _)| stem);
        let is_read = READ.iter().any(|name| {
            if name.ends_with('/') {
                stem.starts_with(name)
            } else {
                stem == *name
            }
        });
        if is_read && layer.find(&format!("{stem}.json")).is_none() {
            let message = format!(
                "{} of the layer {} is a program, which is not read",
                quote(script),
                quote(layer.name)
            );
            let help = format!("write what it makes into {}", quote(&format!("{stem}.json")));
            diagnostics.push(Diagnostic::new(Code::Unsupported, span, message).help(help));
        }
    }
}

/// Seeds one layer, in the order of Nick's own seed.
fn seed(layer: &Layer<'_>, site: &mut Site, diagnostics: &mut Vec<Diagnostic>) {
    type Load = fn(&mut Site, &Json, &mut Vec<Diagnostic>);
    let files: [(&str, Load); 5] = [
        ("permissions.json", Site::load_permissions),
        ("roles.json", Site::load_roles),
        ("groups.json", Site::load_groups),
        ("users.json", Site::load_users),
        ("workflows.json", Site::load_workflows),
    ];
    for (name, load) in files {
        if let Some(file) = layer.find(name) {
            load(site, &strip_i18n(file.json), diagnostics);
        }
    }
    for (_, json) in files_below(layer, "behaviors/") {
        site.load_behavior(&json, diagnostics);
    }
    for (_, json) in files_below(layer, "types/") {
        site.load_type(&json, diagnostics);
    }
    for (name, json) in files_below(layer, "documents/") {
        site.load_document(name, &json, diagnostics);
    }
}

/// Returns the files of one directory by name, sorted as Nick sorts them: without their ending.
fn files_below<'l>(layer: &'l Layer<'_>, directory: &str) -> Vec<(&'l str, Json)> {
    let mut files: Vec<(&str, Json)> = layer
        .files
        .iter()
        .filter_map(|file| {
            let name = file.name.strip_prefix(directory)?.strip_suffix(".json")?;
            (!name.contains('/')).then(|| (name, strip_i18n(file.json)))
        })
        .collect();
    // JavaScript orders text by UTF-16 units.
    files.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
    files
}
