//! The sample profiles under `policies`: they load without a complaint, and the page about them names them all.

use std::fs;

use std::sync::Arc;

use placet::engine::check::check;
use placet::model::Model;
use placet::source::render::render_text;
use placet::vocab::effect::Effect;
use serde_json::{Value as Json, json};

use crate::ask;
use crate::decisions::{load_all, project};

fn model(id: &str) -> Arc<Model> {
    let profiles = load_all(&project("policies"));
    let profile = profiles.iter().find(|profile| &*profile.id == id).unwrap();
    Arc::clone(profile.model.as_ref().unwrap())
}

fn allows(model: &Model, asked: &Json) -> bool {
    check(model, &ask::query(asked)).unwrap().effect == Effect::Allow
}

/// Returns all lists of values, one of each column.
fn combinations(columns: &[&[Json]]) -> Vec<Vec<Json>> {
    let mut rows = vec![Vec::new()];
    for column in columns {
        let longer = |row: &Vec<Json>| -> Vec<Vec<Json>> {
            let longer = column
                .iter()
                .map(|value| [row.as_slice(), std::slice::from_ref(value)].concat());
            longer.collect()
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    rows
}

#[test]
fn of_the_ways_out_of_the_post_room_each_letter_has_one() {
    let model = model("triage");
    let scores = [
        json!(0),
        json!(0.05),
        json!(0.1),
        json!(0.5),
        json!(0.9),
        json!(1),
    ];
    let either = [json!(true), json!(false)];
    let kinds = [json!("letter"), json!("complaint")];
    let mut taken = [0; 4];
    for row in combinations(&[&scores, &kinds, &either, &either]) {
        let letter = json!({
            "spam_score": row[0], "kind": row[1], "threatens_to_sue": row[2], "known_reader": row[3],
        });
        let ways = ["discard", "to_legal", "print_at_once", "to_letters"];
        let open: Vec<usize> = (0..ways.len())
            .filter(|&way| {
                let asked = json!({
                    "subject": {"id": "cleo", "roles": ["clerk"]}, "transition": ways[way],
                    "resource": {"collection": "letters", "id": "1", "state": "received", "attributes": letter},
                });
                allows(&model, &asked)
            })
            .collect();
        assert_eq!(open.len(), 1, "{letter} may go {open:?}");
        taken[open[0]] += 1;
    }
    assert!(taken.iter().all(|count| *count > 0), "{taken:?}");
}

#[test]
fn an_issue_comes_out_exactly_when_all_that_it_holds_may() {
    let model = model("issue");
    let states = [
        json!("writing"),
        json!("finished"),
        json!("passed"),
        json!("published"),
    ];
    let covers = [json!("new"), json!("cleared")];
    for count in 0..=3 {
        let mut columns = vec![&states[..]; count];
        columns.push(&covers);
        for row in combinations(&columns) {
            let (cover, articles) = row.split_last().unwrap();
            let related: Vec<Json> = articles.iter().map(|state| json!({"status": state})).collect();
            let asked = |transition: &str, state: &str| {
                json!({
                    "subject": {"id": "pia", "roles": ["producer"]}, "transition": transition,
                    "resource": {
                        "collection": "issues", "id": "1", "state": state,
                        "attributes": {"articles": related, "cover": {"status": cover}},
                    },
                })
            };
            let may_close = count > 0 && articles.iter().all(|state| state != "writing");
            assert_eq!(allows(&model, &asked("close", "planned")), may_close, "{row:?}");
            let may_publish = articles
                .iter()
                .all(|state| state == "passed" || state == "published")
                && cover == "cleared";
            assert_eq!(
                allows(&model, &asked("publish", "closed")),
                may_publish,
                "{row:?}"
            );
        }
    }
}

#[test]
fn load_without_a_complaint() {
    let profiles = load_all(&project("policies"));
    let ids: Vec<&str> = profiles.iter().map(|profile| &*profile.id).collect();
    assert_eq!(
        ids,
        [
            "editorial",
            "issue",
            "magazine",
            "museum",
            "newsroom",
            "newsroom-legacy",
            "signoff",
            "site",
            "triage"
        ]
    );
    for profile in &profiles {
        let complaints = render_text(&profile.diagnostics, &profile.sources, false);
        assert!(profile.diagnostics.is_empty(), "{}\n{complaints}", profile.id);
        assert_eq!(
            &*profile.id, profile.directory,
            "a sample is found under its name"
        );
    }
}

#[test]
fn have_a_page_and_cases() {
    let page = fs::read_to_string(project("policies/README.md")).unwrap();
    let calls = fs::read_to_string(project("tests/door/calls.json")).unwrap();
    for profile in load_all(&project("policies")) {
        assert!(
            page.contains(&format!("## `{}`", profile.id)),
            "policies/README.md does not explain {}",
            profile.id
        );
        let state = format!("{{\"snapshot\": {{\"profile\": \"{}\"", profile.id);
        assert!(
            calls.contains(&state),
            "tests/door/calls.json does not expect {} in the state of the daemon",
            profile.id
        );
        let cases = project("tests/corpus/decisions").join(format!("{}.json", profile.id));
        assert!(cases.exists(), "{} has no cases", profile.id);
    }
}
