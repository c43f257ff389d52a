//! The dialect of Directus: exports from text to policy.
//!
//! `corpus/dialects/directus/<name>.case` holds a small export as several files; beside it lies what each mode makes of it,
//! without the collections of Directus itself. `UPDATE_GOLDEN=1` rewrites these.

use std::path::{Path, PathBuf};

use placet::dialect::{Dialect, Mode};

use crate::dialects::{compare_listings, dialect, read};
use crate::native::listing::print_policy;

fn directus() -> &'static dyn Dialect {
    dialect("directus")
}

/// Reads an export in a mode and prints what it becomes.
fn listing(files: &[(String, String)], mode: Mode) -> String {
    let (policy, diagnostics) = read(directus(), "export", files, mode);
    assert!(
        diagnostics
            .iter()
            .all(|diagnostic| diagnostic.code.name() != "wrong-type"),
        "{diagnostics:?}"
    );
    let text = print_policy(&policy);
    let is_own = |line: &&str| {
        !line.starts_with("collection \"directus_") && !line.starts_with("collection directus_")
    };
    let kept: Vec<&str> = text.lines().filter(is_own).collect();
    format!("{}\n", kept.join("\n"))
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/dialects/directus")
}

#[test]
fn exports_become_these_policies() {
    compare_listings(&corpus(), 6, listing);
}

#[test]
fn a_directory_with_access_and_policies_is_a_profile_of_directus() {
    let fits = |files: &[&str]| directus().recognises(files);
    assert!(fits(&[
        "roles.json",
        "policies.json",
        "access.json",
        "permissions.json"
    ]));
    assert!(!fits(&["roles.json", "permissions.json"]));
    assert!(!fits(&["policies.json"]));
}
