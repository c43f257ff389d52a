//! What a reload writes to the log.

use std::fmt::Write;
use std::sync::Arc;

use crate::load::LoadedProfile;
use crate::source::diagnostic::Severity;
use crate::source::render::render_text;
use crate::store::rounds::Round;
use crate::store::snapshot::{Entry, Files, Published, Snapshot};
use crate::store::watch::Wake;
use crate::vocab::limits::DIAGNOSTICS_LOGGED_MAX;

/// Logs what differs between two tables, profile by profile.
pub(super) fn log_changes(old: &Published, new: &Published) {
    for (id, entry) in new.entries() {
        let before = old.entries().get(id);
        if before.is_some_and(|before| Arc::ptr_eq(before, entry)) {
            continue;
        }
        if entry.is_expired && before.is_some_and(|before| !before.is_expired) {
            tracing::error!(profile = %id, "profile has been stale for too long and is not served any more");
            continue;
        }
        match &entry.files {
            Files::Served => log_served(before.and_then(|before| before.snapshot.as_ref()), entry),
            Files::Broken(profiles) => log_broken(entry, profiles),
            Files::Gone => log_gone(id),
            // Said once for the whole root.
            Files::Unread(_) => {}
        }
    }
    for id in old.entries().keys().filter(|id| !new.entries().contains_key(*id)) {
        tracing::warn!(profile = %id, "profile is removed");
    }
}

/// Logs the end of a reload: always if somebody waits for it, else only if it did something.
pub(super) fn log_round(round: &Round, why: Wake, has_swapped: bool) {
    let (why, counts) = (why.name(), round.counts);
    let milliseconds = round.took.as_secs_f64() * 1000.0;
    if round.failure.is_none() && !has_swapped && why != Wake::Asked.name() {
        tracing::debug!(why, milliseconds, "profiles are as they were");
        return;
    }
    tracing::info!(
        why,
        reload = round.number,
        changed = counts.changed,
        unchanged = counts.unchanged,
        broken = counts.broken,
        gone = counts.gone,
        removed = counts.removed,
        milliseconds,
        "profiles are read"
    );
}

/// Logs once more what is wrong with the profiles now, for somebody who asked for a reload and reads its end in the log.
pub fn log_asked(published: &Published, round: &Round) {
    if let Some(reason) = &round.failure {
        tracing::error!(%reason, "profiles cannot be read");
    }
    for (id, entry) in published.entries() {
        match &entry.files {
            Files::Broken(profiles) => log_broken(entry, profiles),
            Files::Gone => log_gone(id),
            Files::Served | Files::Unread(_) => {}
        }
    }
}

fn log_gone(id: &str) {
    tracing::error!(
        profile = id,
        "profile is gone from disk, its last good version stays"
    );
}

fn log_served(before: Option<&Arc<Snapshot>>, entry: &Entry) {
    let Some(snapshot) = &entry.snapshot else { return };
    if before.is_some_and(|before| before.generation == snapshot.generation) {
        let generation = snapshot.generation;
        tracing::info!(profile = %snapshot.profile, generation, "profile on disk is the served one again");
        return;
    }
    let warnings = snapshot.loaded.count(Severity::Warning);
    let old_digest = before.map_or("", |before| &*before.digest);
    let changes = snapshot
        .loaded
        .changes_since(before.map(|before| &*before.loaded));
    let (rules, others) = (changes.rules, changes.others);
    tracing::info!(
        profile = %snapshot.profile,
        generation = snapshot.generation,
        digest = %snapshot.digest,
        old_digest,
        rules = snapshot.loaded.marks.rules(),
        rules_added = rules.added,
        rules_changed = rules.changed,
        rules_removed = rules.removed,
        others_added = others.added,
        others_changed = others.changed,
        others_removed = others.removed,
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
