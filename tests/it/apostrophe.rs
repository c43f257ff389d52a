//! The dialect of Apostrophe: projects from text to policy.
//!
//! `corpus/dialects/apostrophe/<name>.case` holds a small project as several files; beside it lies what each mode makes of it,
//! without the types that every project has. `UPDATE_GOLDEN=1` rewrites these.

use std::fs;

use placet::dialect::profile::ProfileFile;
use placet::dialect::{DIALECTS, Dialect, Input, Layer, LayerFile, Mode};
use placet::source::file::SourceMap;
use placet::source::json::parse;

use crate::decisions::project;
use crate::native::assert_golden;
use crate::native::listing::print_policy;
use crate::nick::split_case;

mod grids;
mod groups;
mod naive;

fn apostrophe() -> &'static dyn Dialect {
    DIALECTS
        .iter()
        .copied()
        .find(|dialect| dialect.name() == "apostrophe")
        .unwrap()
}

/// Reads a project in a mode and prints what it becomes.
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
    let mut profile = ProfileFile::read("project", json, &mut diagnostics);
    profile.mode = mode;
    let file = |(name, file, json)| LayerFile { name, json, file };
    let layer = Layer {
        name: "",
        files: parsed
            .iter()
            .map(|(name, id, json)| file((name, *id, json)))
            .collect(),
        scripts: Vec::new(),
        documents: &[],
    };
    let input = Input {
        profile: &profile,
        bases: &[],
        layers: std::slice::from_ref(&layer),
    };
    let policy = apostrophe().read(&input, &mut diagnostics).unwrap();
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let text = print_policy(&policy);
    let is_own = |line: &&str| !line.contains("@apostrophecms/");
    let kept: Vec<&str> = text.lines().filter(is_own).collect();
    format!("{}\n", kept.join("\n"))
}

#[test]
fn projects_become_these_policies() {
    let mut seen = 0;
    for entry in fs::read_dir(project("tests/corpus/dialects/apostrophe")).unwrap() {
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
    assert!(seen >= 4, "only {seen} listings");
}

#[test]
fn a_directory_with_types_is_a_profile_of_apostrophe() {
    let fits = |files: &[&str]| apostrophe().recognises(files);
    assert!(fits(&["types.json"]));
    assert!(fits(&["groups.json", "types.json"]));
    assert!(!fits(&["groups.json"]));
    assert!(!fits(&["metadata.json", "types/page.json"]));
}
