//! The dialect of Nick: profiles from text to policy, what Nick's seed refuses, and what it lets pass.
//!
//! `corpus/dialects/nick/<name>.case` holds a small site as several files; beside it lies what each mode makes of it.
//! `UPDATE_GOLDEN=1` rewrites these.

mod listing;
mod refusals;

use std::fs;
use std::path::{Path, PathBuf};

use placet::dialect::profile::ProfileFile;
use placet::dialect::{DIALECTS, Input, Layer, LayerFile, Mode};
use placet::load::discover::{ScanLimits, read_root};
use placet::load::load;
use placet::policy::Policy;
use placet::source::diagnostic::{Diagnostic, sort};
use placet::source::file::SourceMap;
use placet::source::json::{Json, parse};
use placet::source::span::{FileId, Span};

use crate::native::assert_golden;

/// A profile that was read.
pub(crate) struct Reading {
    pub(crate) map: SourceMap,
    pub(crate) policy: Policy,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads layers of files, given as (path, text) where the first part of the path is the layer.
pub(crate) fn read(files: &[(String, String)], mode: Mode) -> Reading {
    let mut map = SourceMap::new();
    let mut diagnostics = Vec::new();
    let mut parsed: Vec<(String, String, FileId, Json)> = Vec::new();
    let is_script = |path: &str| path.ends_with(".ts") || path.ends_with(".js");
    let (scripts, files): (Vec<_>, Vec<_>) = files.iter().partition(|(path, _)| is_script(path));
    for (path, text) in files {
        let id = map.add(path.clone(), text.clone());
        let json =
            parse(id, text, &mut diagnostics).unwrap_or_else(|| panic!("{path} is no JSON: {diagnostics:?}"));
        let (layer, name) = path.split_once('/').unwrap();
        parsed.push((layer.to_owned(), name.to_owned(), id, json));
    }
    let mut layers: Vec<Layer<'_>> = Vec::new();
    for (layer, name, file, json) in &parsed {
        let file = LayerFile {
            name,
            json,
            file: *file,
        };
        match layers.iter_mut().find(|known| known.name == layer) {
            Some(known) => known.files.push(file),
            None => layers.push(Layer {
                name: layer,
                files: vec![file],
                scripts: scripts
                    .iter()
                    .filter_map(|(path, _)| path.strip_prefix(layer.as_str())?.strip_prefix('/'))
                    .collect(),
                documents: &[],
            }),
        }
    }
    let mut profile = ProfileFile::without_file("site", Span::new(FileId::new(0), 0, 0));
    profile.mode = mode;
    let nick = DIALECTS.iter().find(|dialect| dialect.name() == "nick").unwrap();
    let input = Input {
        profile: &profile,
        bases: &[],
        layers: &layers,
    };
    let policy = nick.read(&input, &mut diagnostics).unwrap();
    sort(&mut diagnostics, &map);
    Reading {
        map,
        policy,
        diagnostics,
    }
}

/// Takes a text of several files apart: each begins with a line `-- file: layer/name.json`.
pub(crate) fn split_case(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("-- file: ") {
            Some(path) => files.push((path.trim().to_owned(), String::new())),
            None => {
                if let Some((_, text)) = files.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    files
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/dialects/nick")
}

#[test]
fn sites_become_these_policies() {
    let mut seen = 0;
    let mut paths: Vec<_> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "case"))
    {
        let files = split_case(&fs::read_to_string(path).unwrap());
        for mode in Mode::ALL {
            let found = listing::print(&read(&files, mode));
            assert_golden(&path.with_extension(format!("{}.txt", mode.name())), &found);
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen} listings");
}

#[test]
fn a_directory_with_metadata_is_a_profile_of_nick() {
    let fitting = |files: &[&str]| -> Vec<&str> {
        DIALECTS
            .iter()
            .filter(|dialect| dialect.recognises(files))
            .map(|dialect| dialect.name())
            .collect()
    };
    assert_eq!(fitting(&["metadata.json", "roles.json"]), ["nick"]);
    assert_eq!(fitting(&["roles.json", "types/page.json"]), Vec::<&str>::new());
}

#[test]
fn programs_are_found_on_disk() {
    let root = tempfile::tempdir().unwrap();
    let layer = root.path().join("site/core");
    fs::create_dir_all(layer.join("types")).unwrap();
    fs::write(
        root.path().join("site/profile.json"),
        r#"{"dialect":"nick","layers":["core"]}"#,
    )
    .unwrap();
    fs::write(layer.join("metadata.json"), r#"{"id":"core"}"#).unwrap();
    for name in [
        "types/page.ts",
        "permissions.ts",
        "catalog.ts",
        "types/page.d.ts",
        "roles.js",
    ] {
        fs::write(layer.join(name), "export default {}").unwrap();
    }
    fs::write(layer.join("roles.json"), r#"{"roles":[]}"#).unwrap();
    let complaints = |root: &Path| -> Vec<String> {
        let scan = read_root(root, &ScanLimits::default()).unwrap();
        let [profile] = load(&scan, &[]).try_into().unwrap();
        profile
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.message.clone())
            .collect()
    };
    let first = complaints(root.path());
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(
        first[0].contains("`permissions.ts`") && first[1].contains("`types/page.ts`"),
        "{first:?}"
    );
    fs::write(layer.join("permissions.json"), r#"{"permissions":[]}"#).unwrap();
    let second = complaints(root.path());
    assert_eq!(second, first[1..], "a program beside the file is passed over");
}
