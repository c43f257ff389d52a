//! The dialect of Directus 7 and 8: profiles from text to policy, and worked examples of what rows decide.
//!
//! `corpus/dialects/directus-legacy/<name>.case` holds a small profile as several files; beside it lies what becomes of it.
//! `worked.jsonl` holds cases in the form of the recordings. `UPDATE_GOLDEN=1` rewrites the golden files.

mod naive;
mod rows;

use std::fs;
use std::path::PathBuf;

use placet::dialect::DIALECTS;
use serde_json::Value;

use crate::decisions::project;
use crate::native::listing::print_policy;
use crate::native::{Files, assert_golden, read};
use crate::nick::split_case;
use crate::recordings::directus_legacy::{Lists, judge_all};
use crate::recordings::{Outcome, read_lines};

fn corpus() -> PathBuf {
    project("tests/corpus/dialects/directus-legacy")
}

#[test]
fn profiles_become_these_policies() {
    let mut seen = 0;
    let entries = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path());
    for path in entries.filter(|path| path.extension().is_some_and(|ending| ending == "case")) {
        let files: Files = split_case(&fs::read_to_string(&path).unwrap())
            .into_iter()
            .collect();
        let outcome = read(&files);
        let mut text: String = outcome.complaints().into_iter().map(|line| line + "\n").collect();
        // What every profile has about the collections of Directus is shown where it is the subject.
        let is_about_them = path.file_stem().is_some_and(|name| name == "system");
        let listing = print_policy(&outcome.policy.unwrap());
        let mut hidden = false;
        for line in listing.lines() {
            // What is indented belongs to the line above.
            let names_one = line.replace("-> directus_users", "").contains("directus_");
            hidden = !is_about_them && (names_one || hidden && line.starts_with(' '));
            if !hidden {
                text += line;
                text.push('\n');
            }
        }
        assert_golden(&path.with_extension("txt"), &text);
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} listings");
}

/// Each block of `malformed.txt` names a file, holds its text, and then the complaints about it.
#[test]
fn malformed_files_are_complained_about() {
    let path = corpus().join("malformed.txt");
    let mut text = String::new();
    for block in fs::read_to_string(&path).unwrap().trim_end().split("\n\n") {
        let lines: Vec<&str> = block
            .lines()
            .take_while(|line| !line.starts_with("=> "))
            .collect();
        let (name, content) = (lines[0], lines[1..].join("\n"));
        let mut files = Files::from([
            (
                "profile.json".to_owned(),
                r#"{"dialect": "directus-legacy"}"#.to_owned(),
            ),
            ("directus_permissions.json".to_owned(), "[]".to_owned()),
        ]);
        files.insert(name.to_owned(), content.clone());
        let outcome = read(&files);
        assert!(!outcome.diagnostics.is_empty(), "{name} {content}");
        text += &format!("{name}\n{content}\n");
        for complaint in outcome.complaints() {
            text += &format!("=> {complaint}\n");
        }
        text.push('\n');
    }
    assert_golden(&path, &text);
}

#[test]
fn a_directory_with_rows_is_a_profile_of_the_dialect() {
    let fitting = |files: &[&str]| -> Vec<&str> {
        let dialects = DIALECTS.iter().filter(|dialect| dialect.recognises(files));
        dialects.map(|dialect| dialect.name()).collect()
    };
    assert_eq!(fitting(&["directus_permissions.json"]), ["directus-legacy"]);
    assert_eq!(
        fitting(&["directus_permissions_2021.jsonl", "x.json"]),
        ["directus-legacy"]
    );
    assert_eq!(
        fitting(&["directus_roles.json", "rows/directus_permissions.json"]),
        Vec::<&str>::new()
    );
}

#[test]
fn worked_examples() {
    let cases = read_lines(&corpus().join("worked.jsonl"));
    let mut complaints = Vec::new();
    for (case, judged) in cases.iter().zip(judge_all(
        &corpus(),
        &cases,
        &Lists::open("directus_legacy_corpus"),
    )) {
        let name = format!("{} ({})", case["id"], case["about"]);
        match judged.outcome {
            Outcome::Agree => assert!(judged.unchecked.is_empty(), "{name}: {:?}", judged.unchecked),
            Outcome::Apart(reason) => complaints.push(format!("{name}: apart, {reason}")),
            Outcome::Disagree(text) => complaints.push(format!("{name}: {text}")),
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(cases.len() >= 80 && cases.iter().all(Value::is_object));
}
