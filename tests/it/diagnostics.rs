//! What is wrong with a profile, and how it is said: `tests/corpus/diagnostics/<code>/*.case`.
//!
//! A case is one text. `-- file: roles.json` begins a file of the profile, `-- file: ../base/roles.json` one of its neighbour
//! `base` (after `-- escaped file: …`, `\xNN` stands for a byte), and `-- expected` begins the complaints, in order:
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

use placet::load::discover::{ScanLimits, read_root};
use placet::load::load;
use placet::source::code::Code;
use placet::source::diagnostic::{Diagnostic, Severity};
use placet::source::file::SourceMap;
use placet::source::span::Span;

/// Codes that no text can produce, and who tests them.
const ELSEWHERE: &[(Code, &str)] = &[
    (
        Code::FileTooLarge,
        "a case would have to be larger than the limit; `source.rs` makes such a file",
    ),
    (
        Code::TooManyFiles,
        "a case would need more files than the limit; `discover.rs` makes them",
    ),
    (Code::UnreadableFile, "is about the disk"),
    (Code::EmptyDirectory, "a case holds at least one file"),
    (Code::UnknownProfile, "is about questions to the daemon"),
    (Code::Fault, "is about mistakes of ours that nobody knows yet"),
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

/// Loads the profile as the daemon does, from a directory `case` with its neighbours beside it.
fn run(case: &Case) -> Found {
    let root = tempfile::tempdir().unwrap();
    for (name, bytes) in &case.files {
        let path = root
            .path()
            .join(name.strip_prefix("../").unwrap_or(&format!("case/{name}")));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let scan = read_root(root.path(), &ScanLimits::default()).unwrap();
    let loaded = load(&scan, &[]);
    let profile = loaded.iter().find(|profile| profile.directory == "case").unwrap();
    let failed = profile.count(Severity::Error) > 0;
    assert_eq!(
        failed,
        profile.model.is_none(),
        "a profile counts unless there is an error"
    );
    let show = |diagnostic| show(diagnostic, &profile.sources);
    Found {
        codes: profile.diagnostics.iter().map(|each| each.code.name()).collect(),
        text: profile.diagnostics.iter().map(show).collect(),
    }
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
    let path = map.path(span.file);
    let path = path.strip_prefix("case/").unwrap_or(path);
    format!("{path}:{} «{shown}»", map.position(span))
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
