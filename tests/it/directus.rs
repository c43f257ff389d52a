//! The dialect of Directus: exports from text to policy.
//!
//! `corpus/dialects/directus/<name>.case` holds a small export as several files; beside it lies what each mode makes of it,
//! without the collections of Directus itself. `UPDATE_GOLDEN=1` rewrites these.

use std::fs;
use std::path::{Path, PathBuf};

use placet::dialect::profile::ProfileFile;
use placet::dialect::{DIALECTS, Dialect, Input, Layer, LayerFile, Mode};
use placet::source::file::SourceMap;
use placet::source::json::parse;

use crate::native::assert_golden;
use crate::native::listing::print_policy;
use crate::nick::split_case;

fn directus() -> &'static dyn Dialect {
    DIALECTS
        .iter()
        .copied()
        .find(|dialect| dialect.name() == "directus")
        .unwrap()
}

/// Reads an export in a mode and prints what it becomes.
fn listing(files: &[(String, String)], mode: Mode) -> String {
    let mut map = SourceMap::new();
    let mut diagnostics = Vec::new();
    let mut parsed = Vec::new();
    for (name, text) in files {
        let file = map.add(name.clone(), text.clone());
        let json = parse(file, text, &mut diagnostics).unwrap_or_else(|| panic!("{name}: {diagnostics:?}"));
        parsed.push((name, file, json));
    }
    let (_, _, json) = parsed.iter().find(|(name, ..)| *name == "profile.json").unwrap();
    let mut profile = ProfileFile::read("export", json, &mut diagnostics);
    profile.mode = mode;
    let layer = Layer {
        name: "",
        files: parsed
            .iter()
            .map(|(name, file, json)| LayerFile {
                name,
                json,
                file: *file,
            })
            .collect(),
        scripts: Vec::new(),
        documents: &[],
    };
    let input = Input {
        profile: &profile,
        bases: &[],
        layers: std::slice::from_ref(&layer),
    };
    let policy = directus().read(&input, &mut diagnostics).unwrap();
    assert!(
        diagnostics
            .iter()
            .all(|diagnostic| diagnostic.code.name() != "wrong-type"),
        "{diagnostics:?}"
    );
    let text = print_policy(&policy);
    let is_own = |line: &&str| {
        !line.starts_with("collection \"directus_") && !line.starts_with("collection directus_")
    };
    let kept: Vec<&str> = text.lines().filter(is_own).collect();
    format!("{}\n", kept.join("\n"))
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/dialects/directus")
}

#[test]
fn exports_become_these_policies() {
    let mut seen = 0;
    for entry in fs::read_dir(corpus()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "case") {
            continue;
        }
        let files = split_case(&fs::read_to_string(&path).unwrap());
        for mode in Mode::ALL {
            let found = listing(&files, mode);
            assert_golden(&path.with_extension(format!("{}.txt", mode.name())), &found);
            seen += 1;
        }
    }
    assert!(seen >= 6, "only {seen} listings");
}

#[test]
fn a_directory_with_access_and_policies_is_a_profile_of_directus() {
    let fits = |files: &[&str]| directus().recognises(files);
    assert!(fits(&[
        "roles.json",
        "policies.json",
        "access.json",
        "permissions.json"
    ]));
    assert!(!fits(&["roles.json", "permissions.json"]));
    assert!(!fits(&["policies.json"]));
}
