//! The sample profiles under `policies`: they load without a complaint, and the page about them names them all.

use std::fs;

use placet::source::render::render_text;

use crate::decisions::{load_all, project};

#[test]
fn load_without_a_complaint() {
    let profiles = load_all(&project("policies"));
    let ids: Vec<&str> = profiles.iter().map(|profile| &*profile.id).collect();
    assert_eq!(
        ids,
        [
            "editorial",
            "magazine",
            "museum",
            "newsroom",
            "newsroom-legacy",
            "site"
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
    for profile in load_all(&project("policies")) {
        assert!(
            page.contains(&format!("## `{}`", profile.id)),
            "policies/README.md does not explain {}",
            profile.id
        );
        let cases = project("tests/corpus/decisions").join(format!("{}.json", profile.id));
        assert!(cases.exists(), "{} has no cases", profile.id);
    }
}
