//! README is true: its commands print what it says, its JSON loads, and the words of the contract are in it.

use std::path::Path;
use std::process::Command;

use placet::vocab::operator::Operator;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn readme() -> String {
    std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap()
}

/// Returns the fenced blocks of a language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = readme.split(&fence).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().trim_end().to_owned())
        .collect()
}

#[test]
fn commands_print_what_is_shown() {
    let blocks = blocks(&readme(), "console");
    assert!(blocks.len() >= 5, "only {} commands were found", blocks.len());
    let digest = regex::Regex::new(r"\([0-9a-f]{12}\)").unwrap();
    for block in blocks {
        let (command, shown) = block.split_once('\n').unwrap();
        let words = command.strip_prefix("$ placet ").unwrap().split(' ');
        let output = Command::new(env!("CARGO_BIN_EXE_placet"))
            .args(words)
            .current_dir(ROOT)
            .env_clear()
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let printed = digest.replace_all(printed.trim_end(), "(…)");
        assert_eq!(
            printed,
            shown,
            "{command}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_example_of_grants_loads() {
    let example = blocks(&readme(), "json").remove(0);
    let root = tempfile::tempdir().unwrap();
    let profile = root.path().join("desk");
    std::fs::create_dir(&profile).unwrap();
    let collections = r#"{"collections": [{"id": "articles", "owner": "author", "workflow": "desk", "state_field": "status"}]}"#;
    let workflows = r#"{"workflows": [{"id": "desk", "initial_state": "draft", "states": {
        "draft": {"transitions": ["submit"]}, "review": {"transitions": ["publish"]}, "published": {"transitions": ["retract"]}},
        "transitions": {"submit": {"to": "review"}, "publish": {"to": "published"}, "retract": {"to": "draft"}}}]}"#;
    let roles = r#"{"roles": [{"id": "author"}, {"id": "intern"}]}"#;
    for (name, text) in [
        ("grants", example.as_str()),
        ("collections", collections),
        ("workflows", workflows),
        ("roles", roles),
    ] {
        std::fs::write(profile.join(format!("{name}.json")), text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_placet"))
        .args(["validate", "--profiles"])
        .arg(root.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn every_operator_and_call_is_named() {
    let readme = readme();
    for operator in Operator::ALL {
        assert!(readme.contains(operator.name()), "{} is missing", operator.name());
    }
    let calls = [
        "Check",
        "CheckBatch",
        "ListAllowedActions",
        "ListAllowedTransitions",
        "FilterFields",
        "PlanQuery",
    ];
    for call in calls {
        assert!(readme.contains(&format!("`{call}`")), "{call} is missing");
    }
}
