//! README is true: its profiles load, its commands print what it shows, and the words of its tables are those of the code.
//!
//! Blocks of README are marked so that they read well and can be run:
//!
//! * `json profile=desk file=grants.json` is a file of the profile `desk`. All blocks of a profile together are its
//!   directory; every one must load without a complaint.
//! * `console` holds commands behind `$ `, each followed by what it prints. They run where the directories of these
//!   profiles lie beside `policies`. The digest of a profile is not compared.
//! * `jsonc` is the answer to the question that the `sh` blocks before it put to a daemon.
//! * Other `sh` blocks are for people alone.
//!
//! `UPDATE_GOLDEN=1` writes what the commands print, and the table of diagnostics, into README.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use clap::CommandFactory;
use placet::cli::Cli;
use placet::source::code::Code;
use placet::source::diagnostic::Severity;
use placet::source::render::render_text;
use placet::vocab::effect::Reason;
use placet::vocab::operator::{FieldType, Function, Operator};
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::decisions::{load_all, project};

/// A fenced block: what stands behind the fence, its lines, and the line of the fence.
struct Block<'r> {
    info: &'r str,
    body: Vec<&'r str>,
    line: usize,
}

impl Block<'_> {
    /// Returns the value of `key=value` behind the fence.
    fn attribute(&self, key: &str) -> Option<&str> {
        let mut words = self.info.split(' ');
        words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn is(&self, language: &str) -> bool {
        self.info.split(' ').next() == Some(language)
    }
}

fn readme() -> String {
    fs::read_to_string(project("README.md")).unwrap()
}

fn is_updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Writes README with other texts in the places of some.
fn replace(changes: &[(String, String)]) {
    // The tests that change README may run at once.
    static WRITING: Mutex<()> = Mutex::new(());
    let _one = WRITING.lock().unwrap();
    if !changes.is_empty() {
        let text = changes
            .iter()
            .fold(readme(), |text, (old, new)| text.replacen(old, new, 1));
        fs::write(project("README.md"), text).unwrap();
    }
}

fn blocks(readme: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut inside = false;
    for (index, line) in readme.lines().enumerate() {
        match (line.strip_prefix("```"), inside) {
            (Some(""), true) => inside = false,
            (Some(info), false) => {
                assert!(
                    !info.is_empty(),
                    "README.md:{}: a fence without a language",
                    index + 1
                );
                blocks.push(Block {
                    info,
                    body: Vec::new(),
                    line: index + 1,
                });
                inside = true;
            }
            (Some(_), true) => panic!("README.md:{}: a fence inside of a block", index + 1),
            (None, true) => blocks.last_mut().unwrap().body.push(line),
            (None, false) => {}
        }
    }
    assert!(!inside, "README.md: the last block has no end");
    blocks
}

/// Writes the profiles of README, and the samples beside them.
fn lay_out(readme: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let mut files = BTreeSet::new();
    for block in blocks(readme).iter().filter(|block| block.is("json")) {
        let place = format!("README.md:{}", block.line);
        let profile = block
            .attribute("profile")
            .unwrap_or_else(|| panic!("{place}: of which profile?"));
        let file = block
            .attribute("file")
            .unwrap_or_else(|| panic!("{place}: of which file?"));
        assert!(
            files.insert((profile, file)),
            "{place}: {profile}/{file} stands there twice"
        );
        fs::create_dir_all(root.path().join(profile)).unwrap();
        fs::write(root.path().join(profile).join(file), block.body.join("\n")).unwrap();
    }
    root
}

/// Returns the lines of a section, from its heading to the next one of its level or above.
fn section<'r>(readme: &'r str, heading: &str) -> Vec<&'r str> {
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let is_end = |line: &&str| {
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        marks == 0 || marks > level || !line[marks..].starts_with(' ')
    };
    let mut lines = readme.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "README has no section {heading:?}");
    lines.take_while(is_end).collect()
}

/// Returns the words in backticks in the first column of the tables of a section.
fn listed(readme: &str, heading: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in section(readme, heading) {
        let Some(row) = line.strip_prefix("| ") else {
            continue;
        };
        let cell = row.split(" |").next().unwrap();
        words.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    words
}

/// Compares a table with the code, both ways.
fn expect_listed(readme: &str, heading: &str, of_code: impl IntoIterator<Item = impl Into<String>>) {
    let told: BTreeSet<String> = listed(readme, heading).into_iter().collect();
    let of_code: BTreeSet<String> = of_code.into_iter().map(Into::into).collect();
    let lacking: Vec<_> = of_code.difference(&told).collect();
    let invented: Vec<_> = told.difference(&of_code).collect();
    assert!(
        lacking.is_empty() && invented.is_empty(),
        "{heading}: README lacks {lacking:?}, and the code {invented:?}"
    );
}

/// Returns the texts of a constant list of a source file.
fn words_of(file: &str, constant: &str) -> Vec<String> {
    let source = fs::read_to_string(project(file)).unwrap();
    let (_, rest) = source.split_once(&format!("const {constant}:")).unwrap();
    let (_, rest) = rest.split_once("= [").unwrap();
    let (list, _) = rest.split_once("];").unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn profiles_load_without_a_complaint() {
    let readme = readme();
    let root = lay_out(&readme);
    let profiles = load_all(root.path());
    assert!(profiles.len() >= 8, "README has only {} profiles", profiles.len());
    for profile in profiles {
        let complaints = render_text(&profile.diagnostics, &profile.sources, false);
        assert!(profile.diagnostics.is_empty(), "{}\n{complaints}", profile.id);
    }
}

#[test]
fn commands_print_what_is_shown() {
    let readme = readme();
    let root = lay_out(&readme);
    std::os::unix::fs::symlink(project("policies"), root.path().join("policies")).unwrap();
    let digest = Regex::new(r"\([0-9a-f]{12}\)").unwrap();
    let (mut changes, mut commands) = (Vec::new(), 0);
    for block in blocks(&readme).iter().filter(|block| block.is("console")) {
        let mut now = String::new();
        for command in split_commands(block) {
            commands += 1;
            let printed = run(&command, root.path());
            writeln!(
                now,
                "{}\n{}",
                command.join("\n"),
                digest.replace_all(printed.trim_end(), "(…)")
            )
            .unwrap();
        }
        let shown = format!("{}\n", block.body.join("\n"));
        if is_updating() {
            changes.push((shown, now));
        } else {
            assert_eq!(shown, now, "README.md:{}", block.line);
        }
    }
    assert!(commands >= 20, "README runs only {commands} commands");
    replace(&changes);
}

#[test]
fn the_first_decision_is_as_shown() {
    let readme = readme();
    let question = Regex::new(r"(?s)(?:--data|-d) '([^']+)'").unwrap();
    let (mut asked, mut answered) = (Vec::new(), None);
    for block in blocks(&readme) {
        let text = block.body.join("\n");
        if block.is("sh") {
            asked.extend(question.captures_iter(&text).map(|found| found[1].to_owned()));
        } else if block.is("jsonc") {
            answered = Some(serde_json::from_str::<Value>(&text).unwrap());
        }
    }
    assert_eq!(asked.len(), 2, "one question, by two clients");
    let mut shown = answered.unwrap()["decision"].take();
    shown["id"].take();
    for question in asked {
        let output = Command::new(env!("CARGO_BIN_EXE_placet"))
            .args(["check", "--format", "json", "--request", &question])
            .current_dir(project(""))
            .env_clear()
            .output()
            .unwrap();
        let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut decision = answer["decision"].take();
        decision["id"].take();
        assert_eq!(decision, shown);
    }
}

/// Returns each command of a block with its continuation lines.
fn split_commands<'r>(block: &Block<'r>) -> Vec<Vec<&'r str>> {
    let mut commands: Vec<Vec<&str>> = Vec::new();
    let mut continues = false;
    for line in &block.body {
        if line.starts_with("$ ") {
            commands.push(vec![line]);
        } else if continues {
            commands.last_mut().unwrap().push(line);
        } else {
            assert!(
                !commands.is_empty(),
                "README.md:{}: a block begins with a command",
                block.line
            );
            continue;
        }
        let so_far = commands
            .last()
            .map(|command| command.concat())
            .unwrap_or_default();
        continues = so_far.ends_with('\\') || so_far.matches('\'').count() % 2 == 1;
    }
    commands
}

/// Runs a command as a shell does, and checks that it ends as what it printed says.
fn run(command: &[&str], directory: &Path) -> String {
    let text = command.join("\n");
    let script = text
        .strip_prefix("$ placet ")
        .unwrap_or_else(|| panic!("{text}: no command of placet"));
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("exec \"$0\" {script}"))
        .arg(env!("CARGO_BIN_EXE_placet"))
        .current_dir(directory)
        .env_clear()
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(complaints.is_empty(), "{text}\n{complaints}");
    let code = output.status.code();
    if script.starts_with("check ") && !script.contains("--format json") {
        let expected = if printed.starts_with("ALLOW") { 0 } else { 1 };
        assert_eq!(code, Some(expected), "{text}\n{printed}");
    } else {
        assert!(matches!(code, Some(0 | 1 | 3)), "{text}\n{printed}");
    }
    printed
}

#[test]
fn tables_of_words_are_those_of_the_code() {
    let readme = readme();
    expect_listed(&readme, "### Reasons", Reason::ALL.map(Reason::name));
    let words = words_of("src/dialect/condition.rs", "WORDS");
    let operators = Operator::ALL.iter().map(|operator| operator.name().to_owned());
    expect_listed(&readme, "### Operators", operators.chain(words));
    expect_listed(&readme, "### Functions", Function::ALL.map(Function::name));
    expect_listed(
        &readme,
        "### Variables",
        words_of("src/dialect/variable.rs", "HEADS"),
    );
    expect_listed(
        &readme,
        "### Types of fields",
        FieldType::ALL.map(FieldType::name),
    );
    let dialects = placet::dialect::DIALECTS.iter().map(|dialect| dialect.name());
    expect_listed(&readme, "## Compatibility", dialects);
}

#[test]
fn every_call_of_the_contract_is_listed() {
    let rpc = Regex::new(r"\n  rpc (\w+)\(").unwrap();
    let mut calls = Vec::new();
    for file in ["decision_service", "admin_service"] {
        let proto = fs::read_to_string(project(&format!("proto/placet/v1/{file}.proto"))).unwrap();
        calls.extend(rpc.captures_iter(&proto).map(|found| found[1].to_owned()));
    }
    assert!(calls.len() >= 10, "only {calls:?}");
    expect_listed(&readme(), "## Calls", calls);
}

#[test]
fn every_command_and_option_is_listed() {
    let readme = readme();
    let command = Cli::command();
    let names = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned());
    expect_listed(&readme, "### Commands", names);
    let mut variables = BTreeSet::new();
    for command in command.get_subcommands().chain([&command]) {
        variables.extend(command.get_arguments().filter_map(|argument| argument.get_env()));
    }
    let variables = variables.into_iter().map(|name| name.to_str().unwrap());
    expect_listed(&readme, "### Options", variables);
}

#[test]
fn every_key_of_the_native_format_is_described() {
    let readme = readme();
    let described = section(&readme, "## The native format").join("\n");
    let key = Regex::new(r#"keys\s*\.\s*[a-z]+\(\s*\[?"([a-z_]+)"(?:, "([a-z_]+)")?"#).unwrap();
    let mut keys = BTreeSet::new();
    for file in [
        "document",
        "native",
        "native_collection",
        "native_grant",
        "native_role",
        "native_workflow",
        "profile",
    ] {
        let source = fs::read_to_string(project(&format!("src/dialect/{file}.rs"))).unwrap();
        for found in key.captures_iter(&source) {
            keys.extend(
                found
                    .iter()
                    .skip(1)
                    .flatten()
                    .map(|word| word.as_str().to_owned()),
            );
        }
    }
    keys.extend(["absent", "anonymous_id", "codes"].map(str::to_owned));
    assert!(keys.len() > 50, "only {keys:?}");
    let lacking: Vec<_> = keys
        .iter()
        .filter(|key| !described.contains(&format!("`{key}`")))
        .collect();
    assert!(
        lacking.is_empty(),
        "the native format does not describe {lacking:?}"
    );
}

#[test]
fn every_key_of_a_dialect_is_described() {
    let readme = readme();
    for dialect in placet::dialect::DIALECTS {
        for key in dialect.settings() {
            let row = format!("| `{key}` |");
            assert!(
                readme.contains(&row),
                "README has no row for {key} of {}",
                dialect.name()
            );
        }
    }
    let described = section(&readme, "## Placet beside Directus 7 and 8").join("\n");
    let source = fs::read_to_string(project("src/dialect/legacy_facts.rs")).unwrap();
    let key = Regex::new(r#"(?:keys\.optional\("([a-z_]+)"\)|\("([a-z_]+)", &mut)"#).unwrap();
    let keys: BTreeSet<&str> = key
        .captures_iter(&source)
        .map(|found| found.get(1).or(found.get(2)).unwrap().as_str())
        .collect();
    assert!(keys.len() >= 9, "only {keys:?}");
    for key in keys {
        assert!(
            described.contains(&format!("`{key}`")),
            "README does not describe {key}"
        );
    }
}

#[test]
fn limits_have_their_values() {
    let readme = readme();
    let source = fs::read_to_string(project("src/vocab/limits.rs")).unwrap();
    let constant = Regex::new(r"pub const (\w+): \w+ = ([^;]+);").unwrap();
    let limits: Vec<_> = constant
        .captures_iter(&source)
        .map(|found| found.extract().1)
        .collect();
    assert_eq!(limits.len(), source.matches("pub const ").count());
    expect_listed(&readme, "## Limits", limits.iter().map(|[name, _]| *name));
    for [name, value] in limits {
        let row = format!("| `{name}` | {} | ", spell(name, value));
        let is_there = section(&readme, "## Limits")
            .iter()
            .any(|line| line.starts_with(&row));
        assert!(is_there, "README has no row that starts with {row:?}");
    }
}

/// Writes the value of a limit as people read it.
fn spell(name: &str, value: &str) -> String {
    if let Some(seconds) = value.strip_prefix("Duration::from_secs(") {
        return format!("{} s", spell("", seconds.trim_end_matches(')')));
    }
    if let Some(milliseconds) = value.strip_prefix("Duration::from_millis(") {
        return format!("{} ms", milliseconds.trim_end_matches(')'));
    }
    let plain = value.replace('_', "");
    let number: u64 = plain
        .split('*')
        .map(|factor| factor.trim().parse::<u64>().unwrap())
        .product();
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units
        .iter()
        .find(|(shift, _)| number >= 1 << shift && number.is_multiple_of(1 << shift));
    match unit.filter(|_| name.contains("BYTES")) {
        Some((shift, unit)) => format!("{} {unit}", number >> shift),
        None => group(number),
    }
}

/// Writes a number with a comma before every three digits.
fn group(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn diagnostics_are_listed() {
    let readme = readme();
    let mut table = String::from("| code | severity | meaning |\n|---|---|---|\n");
    for code in Code::ALL {
        let severity = match code.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(table, "| `{}` | {severity} | {} |", code.name(), code.meaning()).unwrap();
    }
    if is_updating() {
        let old: String = section(&readme, "## Diagnostics")
            .iter()
            .filter(|line| line.starts_with('|'))
            .map(|line| format!("{line}\n"))
            .collect();
        replace(&[(old, table)]);
    } else {
        let told = section(&readme, "## Diagnostics").join("\n");
        assert!(
            told.contains(&table),
            "the table of diagnostics is not that of the code:\n{table}"
        );
    }
}
