//! What the tests of several dialects share: cases of several files, read by a dialect alone, and what they become in each mode.

use std::fs;
use std::path::Path;

use placet::dialect::profile::ProfileFile;
use placet::dialect::{DIALECTS, Dialect, Input, Layer, LayerFile, Mode};
use placet::policy::Policy;
use placet::source::diagnostic::Diagnostic;
use placet::source::file::SourceMap;
use placet::source::json::parse;

use crate::native::assert_golden;
use crate::nick::split_case;

/// Returns a dialect by its name.
pub(crate) fn dialect(name: &str) -> &'static dyn Dialect {
    let mut dialects = DIALECTS.iter().copied();
    dialects.find(|dialect| dialect.name() == name).unwrap()
}

/// Reads files, whose profile is called `id` unless it says otherwise, in a mode.
pub(crate) fn read(
    dialect: &dyn Dialect,
    id: &str,
    files: &[(String, String)],
    mode: Mode,
) -> (Policy, Vec<Diagnostic>) {
    let mut map = SourceMap::new();
    let mut diagnostics = Vec::new();
    let mut parsed = Vec::new();
    for (name, text) in files {
        let file = map.add(name.clone(), text.clone());
        let json = parse(file, text, &mut diagnostics).unwrap_or_else(|| panic!("{name}: {diagnostics:?}"));
        parsed.push((name, file, json));
    }
    let (_, _, json) = parsed.iter().find(|(name, ..)| *name == "profile.json").unwrap();
    let mut profile = ProfileFile::read(id, json, &mut diagnostics);
    profile.mode = mode;
    let files = parsed.iter().map(|(name, file, json)| LayerFile {
        name,
        json,
        file: *file,
    });
    let layer = Layer {
        name: "",
        files: files.collect(),
        scripts: Vec::new(),
        documents: &[],
    };
    let input = Input {
        profile: &profile,
        bases: &[],
        layers: std::slice::from_ref(&layer),
    };
    let policy = dialect.read(&input, &mut diagnostics).unwrap();
    (policy, diagnostics)
}

/// Compares what each case of a directory becomes in each mode with the text beside it; there must be so many at least.
pub(crate) fn compare_listings(
    directory: &Path,
    least: usize,
    listing: impl Fn(&[(String, String)], Mode) -> String,
) {
    let mut seen = 0;
    for entry in fs::read_dir(directory).unwrap() {
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
    assert!(seen >= least, "only {seen} listings");
}
