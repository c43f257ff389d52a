//! The dialect of Apostrophe: projects from text to policy.
//!
//! `corpus/dialects/apostrophe/<name>.case` holds a small project as several files; beside it lies what each mode makes of it,
//! without the types that every project has. `UPDATE_GOLDEN=1` rewrites these.

use placet::dialect::{Dialect, Mode};

use crate::decisions::project;
use crate::dialects::{compare_listings, dialect, read};
use crate::native::listing::print_policy;

mod grids;
mod groups;
mod naive;

fn apostrophe() -> &'static dyn Dialect {
    dialect("apostrophe")
}

/// Reads a project in a mode and prints what it becomes.
fn listing(files: &[(String, String)], mode: Mode) -> String {
    let (policy, diagnostics) = read(apostrophe(), "project", files, mode);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let text = print_policy(&policy);
    let is_own = |line: &&str| !line.contains("@apostrophecms/");
    let kept: Vec<&str> = text.lines().filter(is_own).collect();
    format!("{}\n", kept.join("\n"))
}

#[test]
fn projects_become_these_policies() {
    compare_listings(&project("tests/corpus/dialects/apostrophe"), 4, listing);
}

#[test]
fn a_directory_with_types_is_a_profile_of_apostrophe() {
    let fits = |files: &[&str]| apostrophe().recognises(files);
    assert!(fits(&["types.json"]));
    assert!(fits(&["groups.json", "types.json"]));
    assert!(!fits(&["groups.json"]));
    assert!(!fits(&["metadata.json", "types/page.json"]));
}
