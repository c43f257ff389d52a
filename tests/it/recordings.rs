//! Recordings: what the real systems decided, asked again over the wire contract.
//!
//! The folder is the one named by `PLACET_RECORDINGS`, else `tests/recordings` of the project. A runner turns each vector
//! into requests, asks, and compares; it holds no verdict logic. A case agrees only if every key of its expectation that a
//! decision point can know was compared.
//!
//! Run it with `cargo test --test it recordings -- --nocapture`.

mod apostrophe;
mod directus;
pub(crate) mod directus_legacy;
pub(crate) mod door;
mod listed;
mod nick;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What came of one case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Everything that a decision point can know is as recorded.
    Agree,
    /// The case cannot be asked of a decision point, for this reason.
    Apart(String),
    /// Something is not as recorded.
    Disagree(String),
}

/// One case, judged: what came of it, and which keys of its expectation were not compared, and why.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) outcome: Outcome,
    pub(crate) unchecked: Vec<(String, &'static str)>,
}

impl Judged {
    /// A case that cannot be asked.
    pub(crate) fn apart(reason: &str) -> Self {
        Self {
            outcome: Outcome::Apart(reason.to_owned()),
            unchecked: Vec::new(),
        }
    }

    /// A case that was compared, and what of it was not as recorded.
    pub(crate) fn of(wrong: &[String], unchecked: Vec<(String, &'static str)>) -> Self {
        let outcome = if wrong.is_empty() {
            Outcome::Agree
        } else {
            Outcome::Disagree(wrong.join("; "))
        };
        Self { outcome, unchecked }
    }

    /// A case that went wrong.
    pub(crate) fn disagree(text: String) -> Self {
        Self {
            outcome: Outcome::Disagree(text),
            unchecked: Vec::new(),
        }
    }
}

/// How many disagreements are printed one by one.
const SHOWN_MAX: usize = 50;

/// The counts of one file.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    cases: usize,
    agree: usize,
    apart: BTreeMap<String, usize>,
    unchecked: BTreeMap<(String, &'static str), usize>,
    disagree: Vec<String>,
}

impl Tally {
    /// Counts a case; `id` is what the file calls it.
    pub(crate) fn count(&mut self, id: &str, judged: Judged) {
        self.cases += 1;
        match judged.outcome {
            Outcome::Agree => self.agree += 1,
            Outcome::Apart(reason) => *self.apart.entry(reason).or_default() += 1,
            Outcome::Disagree(text) => self.disagree.push(format!("{id}: {text}")),
        }
        for key in judged.unchecked {
            *self.unchecked.entry(key).or_default() += 1;
        }
    }

    /// Returns how many cases went wrong.
    pub(crate) fn disagreements(&self) -> usize {
        self.disagree.len()
    }

    /// Returns the report: the disagreements, the line of counts, the reasons.
    pub(crate) fn report(&self, file: &str, mode: &str) -> String {
        let mut out = String::new();
        for line in self.disagree.iter().take(SHOWN_MAX) {
            writeln!(out, "  {line}").unwrap();
        }
        if self.disagree.len() > SHOWN_MAX {
            writeln!(out, "  and {} more", self.disagree.len() - SHOWN_MAX).unwrap();
        }
        let (apart, wrong) = (self.apart.values().sum::<usize>(), self.disagree.len());
        let (cases, agree) = (self.cases, self.agree);
        writeln!(
            out,
            "recordings {file} [{mode}]: {cases} cases, {agree} agree, {apart} apart, {wrong} disagree"
        )
        .unwrap();
        for (reason, count) in &self.apart {
            writeln!(out, "  apart {count}: {reason}").unwrap();
        }
        for ((key, why), count) in &self.unchecked {
            writeln!(out, "  unchecked {key} {count}: {why}").unwrap();
        }
        out
    }
}

/// Returns the folder of one system's recordings, if it is there.
///
/// A run that was told where the recordings are, on the machine that guards the project, must not skip them silently.
pub(crate) fn find_folder(system: &str) -> Option<PathBuf> {
    let named = std::env::var_os("PLACET_RECORDINGS");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let folder = named.as_ref().map_or(own, PathBuf::from).join(system);
    if folder.is_dir() {
        return Some(folder);
    }
    let guarded = std::env::var_os("CI").is_some() && named.is_some();
    assert!(!guarded, "no recordings in {}", folder.display());
    println!("skipped: no recordings");
    None
}

/// Reads a file of JSON lines.
pub(crate) fn read_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), number + 1))
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(parse)
        .collect()
}

#[test]
fn directus_legacy() {
    directus_legacy::run();
}

#[test]
fn directus_legacy_codes() {
    directus_legacy::run_codes();
}

#[test]
fn nick() {
    nick::run();
}

#[test]
fn nick_strict() {
    nick::run_strict();
}

#[test]
fn directus() {
    directus::run();
}

#[test]
fn directus_strict() {
    directus::run_strict();
}

#[test]
fn apostrophe() {
    apostrophe::run();
}

#[test]
fn apostrophe_strict() {
    apostrophe::run_strict();
}

#[test]
fn the_report_has_the_form_that_tools_read() {
    let mut tally = Tally::default();
    tally.count(
        "a",
        Judged {
            outcome: Outcome::Agree,
            unchecked: vec![("status".to_owned(), "HTTP status")],
        },
    );
    tally.count("b", Judged::apart("token probe"));
    for number in 0..51 {
        tally.count(
            &format!("c{number}"),
            Judged::disagree("expected allow, found deny".to_owned()),
        );
    }
    let report = tally.report("x/vectors.jsonl", "exact");
    let lines: Vec<_> = report.lines().collect();
    assert_eq!(lines[0], "  c0: expected allow, found deny");
    let end = [
        "  c49: expected allow, found deny",
        "  and 1 more",
        "recordings x/vectors.jsonl [exact]: 53 cases, 1 agree, 1 apart, 51 disagree",
        "  apart 1: token probe",
        "  unchecked status 1: HTTP status",
    ];
    assert_eq!(lines[49..], end);
}
