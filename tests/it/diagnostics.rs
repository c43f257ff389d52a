//! What is wrong with a profile, and how it is said: `tests/corpus/diagnostics/<code>/*.case`.
//!
//! A case is one text. `-- file: roles.json` begins a file of the profile (`-- escaped file: …` one in which `\xNN` stands for
//! a byte), and `-- expected` the complaints, in order:
//!
//! ```text
//! unknown-role error grants.json:1:25 «"edtior"» there is no role `edtior`
//!   help: did you mean `editor`?
//! ```
//!
//! Between the marks stands the text that is underlined, white space folded. A label is written like a help, with its place.
//! Each case of a directory produces the code that the directory is named after. `UPDATE_GOLDEN=1` rewrites what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use placet::dialect::profile::ProfileFile;
use placet::dialect::{Input, Layer, LayerFile, find_dialect};
use placet::policy::Policy;
use placet::source::code::Code;
use placet::source::diagnostic::{Diagnostic, Severity, sort};
use placet::source::file::{SourceMap, decode_utf8};
use placet::source::json::{self, Json};
use placet::source::span::{FileId, Span};
use placet::validate::validate;

/// Codes that no text of a single profile can produce, and who tests them.
const ELSEWHERE: &[(Code, &str)] = &[
    (
        Code::FileTooLarge,
        "a case would have to be larger than the limit; `source.rs` makes such a file",
    ),
    (Code::UnreadableFile, "is about the disk"),
    (Code::EmptyDirectory, "is about the disk"),
    (Code::TooManyFiles, "is about the disk"),
    (
        Code::MixedDialects,
        "needs a second dialect that recognises its files",
    ),
    (Code::UnknownProfile, "is about several profiles"),
    (Code::UnknownBase, "is about several profiles"),
    (Code::ExtendsCycle, "is about several profiles"),
    (Code::ExtendsBroken, "is about several profiles"),
    (Code::MissingProfileFile, "the native dialect needs no file"),
    (Code::UnknownPermission, "is a word of the dialect of Nick"),
    (Code::AcceptedUnknown, "the native dialect tolerates nothing"),
    (Code::MergeShortens, "is a rule of merging of the dialect of Nick"),
    (Code::PurgeCascade, "is a rule of merging of the dialect of Nick"),
    (
        Code::BrokenRule,
        "the native dialect has no rules that fail when they are met",
    ),
    (
        Code::Unsupported,
        "the native dialect has nothing that is not understood",
    ),
];

#[test]
fn each_case_gets_exactly_the_complaints_it_expects() {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut failures = String::new();
    let cases = find_cases();
    assert!(!cases.is_empty(), "no case was found");
    for path in cases {
        let text = fs::read_to_string(&path).unwrap();
        let case = Case::read(&text);
        let found = run(&case);
        let directory = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        if !found.codes.contains(directory) {
            writeln!(failures, "{}: nothing here is `{directory}`", path.display()).unwrap();
        }
        if found.text == case.expected {
            continue;
        }
        if update {
            fs::write(&path, format!("{}-- expected\n{}", case.profile, found.text)).unwrap();
        } else {
            let (expected, found) = (&case.expected, &found.text);
            writeln!(
                failures,
                "{}\nexpected:\n{expected}found:\n{found}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn each_code_has_a_case_or_a_reason_to_have_none() {
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(code, _)| code.name()).collect();
    let directories: BTreeSet<String> = find_cases()
        .iter()
        .map(|path| {
            path.parent()
                .unwrap()
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let covered: BTreeSet<&str> = directories.iter().map(String::as_str).collect();
    let lacking: Vec<_> = codes
        .difference(&covered)
        .filter(|code| !elsewhere.contains(*code))
        .collect();
    assert!(lacking.is_empty(), "codes without a case: {lacking:?}");
    let stale: Vec<_> = covered.intersection(&elsewhere).collect();
    assert!(stale.is_empty(), "these have a case after all: {stale:?}");
    let unknown: Vec<_> = covered.difference(&codes).collect();
    assert!(unknown.is_empty(), "directories named after no code: {unknown:?}");
}

/// A profile as one text, and what is expected of it.
struct Case {
    /// Everything before the expectations, as written.
    profile: String,
    files: BTreeMap<String, Vec<u8>>,
    expected: String,
}

impl Case {
    fn read(text: &str) -> Self {
        let (profile, expected) = text.split_once("-- expected\n").unwrap_or((text, ""));
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut current = None;
        for line in profile.split_inclusive('\n') {
            if let Some(name) = line.strip_prefix("-- file: ") {
                current = Some((name.trim().to_owned(), false));
            } else if let Some(name) = line.strip_prefix("-- escaped file: ") {
                current = Some((name.trim().to_owned(), true));
            } else {
                let (name, escaped) = current
                    .clone()
                    .unwrap_or_else(|| panic!("no file before {line:?}"));
                let bytes = if escaped {
                    unescape(line)
                } else {
                    line.as_bytes().to_vec()
                };
                files.entry(name).or_default().extend(bytes);
            }
        }
        Self {
            profile: profile.to_owned(),
            files,
            expected: expected.to_owned(),
        }
    }
}

/// Turns `\xNN` into the byte; everything else stays.
fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend(rest.as_bytes());
    }
    bytes
}

struct Found {
    codes: BTreeSet<&'static str>,
    text: String,
}

fn run(case: &Case) -> Found {
    let mut map = SourceMap::new();
    let mut diagnostics = Vec::new();
    let policy = read(case, &mut map, &mut diagnostics);
    let valid = policy.map(|policy| validate(policy, &mut diagnostics));
    let failed = diagnostics.iter().any(|each| each.severity == Severity::Error);
    assert_eq!(
        failed,
        !matches!(valid, Some(Some(_))),
        "a policy is valid unless there is an error"
    );
    sort(&mut diagnostics, &map);
    let text = diagnostics
        .iter()
        .map(|diagnostic| show(diagnostic, &map))
        .collect();
    Found {
        codes: diagnostics.iter().map(|each| each.code.name()).collect(),
        text,
    }
}

/// Reads the files of a case as a profile in a directory `case`.
fn read(case: &Case, map: &mut SourceMap, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
    let mut parsed: Vec<(&str, FileId, Json)> = Vec::new();
    for (name, bytes) in &case.files {
        match decode_utf8(name, bytes.clone()) {
            Ok(text) => {
                let file = map.add(name.clone(), text);
                let parse = if name.ends_with(".jsonl") {
                    json::parse_lines
                } else {
                    json::parse
                };
                let json = parse(file, map.text(file), diagnostics);
                parsed.extend(json.map(|json| (name.as_str(), file, json)));
            }
            Err(error) => diagnostics.push(error.into_diagnostic(map)),
        }
    }
    let directory = map.add(String::new(), String::new());
    let own = parsed.iter().find(|(name, _, _)| *name == "profile.json");
    let profile = match own {
        Some((_, _, json)) => ProfileFile::read("case", json, diagnostics),
        None => ProfileFile::without_file("case", Span::new(directory, 0, 0)),
    };
    let names: Vec<&str> = case.files.keys().map(String::as_str).collect();
    let dialect = find_dialect(&profile, &names, diagnostics)?;
    profile.check(dialect, diagnostics);
    let named = profile
        .layers
        .iter()
        .map(|layer| (layer.value.as_str(), format!("{}/", layer.value)));
    let mut layers: Vec<(&str, String)> = named.collect();
    if layers.is_empty() {
        layers.push(("case", String::new()));
    }
    let layers: Vec<Layer<'_>> = layers
        .iter()
        .map(|(name, prefix)| {
            let files = parsed.iter().filter(|(name, _, _)| *name != "profile.json");
            let files = files.filter_map(|(name, file, json)| {
                Some(LayerFile {
                    name: name.strip_prefix(prefix.as_str())?,
                    json,
                    file: *file,
                })
            });
            Layer {
                name,
                files: files.collect(),
            }
        })
        .collect();
    dialect.read(
        &Input {
            profile: &profile,
            bases: &[],
            layers: &layers,
        },
        diagnostics,
    )
}

fn show(diagnostic: &Diagnostic, map: &SourceMap) -> String {
    let (code, severity) = (diagnostic.code.name(), diagnostic.severity.name());
    let mut text = format!(
        "{code} {severity} {} {}\n",
        place(diagnostic.span, map),
        diagnostic.message
    );
    for label in &diagnostic.labels {
        writeln!(text, "  label: {} {}", place(label.span, map), label.message).unwrap();
    }
    if let Some(help) = &diagnostic.help {
        writeln!(text, "  help: {help}").unwrap();
    }
    text
}

fn place(span: Span, map: &SourceMap) -> String {
    const SHOWN_MAX: usize = 60;
    let underlined = map.slice(span).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = underlined.chars().take(SHOWN_MAX).flat_map(visible).collect();
    if underlined.chars().count() > SHOWN_MAX {
        shown.push('…');
    }
    let (path, position) = (map.path(span.file), map.position(span));
    format!(
        "{}:{position} «{shown}»",
        if path.is_empty() { "." } else { path }
    )
}

/// Returns a character as a text file can hold it without harm.
fn visible(character: char) -> Vec<char> {
    let hidden = character.is_control() || character == '\u{FEFF}';
    if hidden {
        character.escape_unicode().collect()
    } else {
        vec![character]
    }
}

fn find_cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/diagnostics");
    let mut cases = Vec::new();
    for directory in fs::read_dir(&root).unwrap() {
        for file in fs::read_dir(directory.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(
                path.extension().and_then(|it| it.to_str()),
                Some("case"),
                "{}",
                path.display()
            );
            cases.push(path);
        }
    }
    cases.sort();
    cases
}
