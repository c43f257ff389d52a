//! What a reload writes to the log.

use std::fmt::Write;
use std::sync::Arc;

use crate::load::LoadedProfile;
use crate::source::diagnostic::Severity;
use crate::source::render::render_text;
use crate::store::snapshot::{Entry, Files, Published, Snapshot};
use crate::vocab::limits::DIAGNOSTICS_LOGGED_MAX;

/// Logs what differs between two tables, profile by profile.
pub(super) fn log_changes(old: &Published, new: &Published) {
    for (id, entry) in new.entries() {
        let before = old.entries().get(id);
        if before.is_some_and(|before| Arc::ptr_eq(before, entry)) {
            continue;
        }
        match &entry.files {
            Files::Served => log_served(before.and_then(|before| before.snapshot.as_ref()), entry),
            Files::Broken(profiles) => log_broken(entry, profiles),
            Files::Gone => {
                tracing::error!(profile = %id, "profile is gone from disk, its last good version stays");
            }
            // Said once for the whole root.
            Files::Unread(_) => {}
        }
    }
    for id in old.entries().keys().filter(|id| !new.entries().contains_key(*id)) {
        tracing::warn!(profile = %id, "profile is removed");
    }
}

fn log_served(before: Option<&Arc<Snapshot>>, entry: &Entry) {
    let Some(snapshot) = &entry.snapshot else { return };
    if before.is_some_and(|before| before.generation == snapshot.generation) {
        let generation = snapshot.generation;
        tracing::info!(profile = %snapshot.profile, generation, "profile on disk is the served one again");
        return;
    }
    let warnings = snapshot.loaded.count(Severity::Warning);
    let grants = snapshot.model.grants.len();
    let old_digest = before.map_or("", |before| &*before.digest);
    let old_grants = before.map_or(0, |before| before.model.grants.len());
    tracing::info!(
        profile = %snapshot.profile,
        generation = snapshot.generation,
        digest = %snapshot.digest,
        old_digest,
        grants,
        old_grants,
        warnings,
        "profile is served"
    );
    if warnings > 0 {
        let diagnostics = render_some(&snapshot.loaded);
        tracing::warn!(profile = %snapshot.profile, diagnostics = %diagnostics, "profile has warnings");
    }
}

fn log_broken(entry: &Entry, profiles: &[Arc<LoadedProfile>]) {
    for profile in profiles {
        let errors = profile.count(Severity::Error);
        let (id, directory, diagnostics) = (&profile.id, &profile.directory, render_some(profile));
        match &entry.snapshot {
            Some(last) => tracing::error!(
                profile = %id,
                directory,
                errors,
                generation = last.generation,
                diagnostics = %diagnostics,
                "profile is broken, its last good version stays"
            ),
            None => tracing::error!(
                profile = %id,
                directory,
                errors,
                diagnostics = %diagnostics,
                "profile is broken and is not served"
            ),
        }
    }
}

/// Renders complaints for the log, the first ones if there are many.
fn render_some(profile: &LoadedProfile) -> String {
    let shown = profile
        .diagnostics
        .get(..DIAGNOSTICS_LOGGED_MAX)
        .unwrap_or(&profile.diagnostics);
    let mut text = String::from("\n");
    text.push_str(&render_text(shown, &profile.sources, false));
    let rest = profile.diagnostics.len().saturating_sub(shown.len());
    if rest > 0 {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "\n… and {rest} more: `placet validate` shows all of them");
    }
    text
}
