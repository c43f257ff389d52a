//! What holds for the native dialect whatever the files say; the fuzz target asks it, too.

use placet::dialect::profile::ProfileFile;
use placet::dialect::{DIALECTS, Input, Layer, LayerFile};
use placet::policy::Policy;
use placet::source::diagnostic::Diagnostic;
use placet::source::file::SourceMap;
use placet::source::json::{parse, parse_lines};

/// The files of a layer, and the profile file.
pub(crate) const FILES: [&str; 10] = [
    "profile.json",
    "roles.json",
    "groups.json",
    "users.json",
    "permissions.json",
    "collections.json",
    "workflows.json",
    "grants.json",
    "document_grants.json",
    "document_grants.jsonl",
];

/// Reads a file of a native profile, and checks that complaints point into its text and come out the same twice.
pub(crate) fn check_file(name: &str, text: &str) {
    let mut map = SourceMap::new();
    let file = map.add(name.to_owned(), text.to_owned());
    let mut diagnostics = Vec::new();
    let read = if name.ends_with(".jsonl") {
        parse_lines
    } else {
        parse
    };
    let Some(json) = read(file, text, &mut diagnostics) else {
        return;
    };
    let file = LayerFile {
        name,
        json: &json,
        file,
    };
    let (_, first) = read_layer(&file);
    for diagnostic in &first {
        let (start, end) = (diagnostic.span.start as usize, diagnostic.span.end as usize);
        assert!(text.get(start..end).is_some(), "{diagnostic:?} points at no text");
        let lines = diagnostic.message.lines().count();
        assert!(
            lines == 1,
            "the message has {lines} lines: {}",
            diagnostic.message
        );
    }
    assert_eq!(first, read_layer(&file).1);
}

fn read_layer(file: &LayerFile<'_>) -> (Option<Policy>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let profile = match file.name {
        "profile.json" => ProfileFile::read("fuzz", file.json, &mut diagnostics),
        _ => ProfileFile::without_file("fuzz", file.json.span.at_start()),
    };
    let native = DIALECTS
        .iter()
        .find(|dialect| dialect.name() == "native")
        .expect("it is in the table");
    profile.check(*native, &mut diagnostics);
    let layers = [Layer {
        name: "",
        files: vec![*file],
        scripts: Vec::new(),
    }];
    let input = Input {
        profile: &profile,
        bases: &[],
        layers: &layers,
    };
    let policy = native.read(&input, &mut diagnostics);
    assert!(policy.is_some(), "the reader gave up");
    (policy, diagnostics)
}
