//! `placet validate`: what is wrong with profiles, and where.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::cli::Globals;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, Output};
use crate::load::discover::{self, Scan, ScanLimits};
use crate::load::{self, LoadedProfile, digest_text};
use crate::source::diagnostic::Severity;
use crate::source::render;

/// Holds the options of `placet validate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet validate                           all profiles in `policies`\n  \
                  placet validate policies/newsroom         one of them (if it extends others, name their directory instead)\n  \
                  placet validate --deny-warnings           for continuous integration\n  \
                  placet validate --format json | jq        for machines\n\n\
                  Ends with 0 if every profile can be served, else with 3.")]
pub struct ValidateCommand {
    /// Directory of profiles, or of one profile [default: that of --profiles]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,

    /// Take warnings for errors
    #[arg(long, env = "PLACET_DENY_WARNINGS")]
    pub deny_warnings: bool,
}

/// Checks profiles and writes what there is to say about them.
pub(super) fn run(command: &ValidateCommand, globals: &Globals, output: &mut Output) -> Exit {
    let root = command.directory.as_deref().unwrap_or(globals.root());
    let scan = match discover::read_root(root, &ScanLimits::default()) {
        Ok(scan) => scan,
        Err(error) => {
            output.failure(
                &error,
                Some("name a directory of profiles: `placet validate DIR`"),
            );
            return Exit::Unavailable;
        }
    };
    let profiles = load::load(&scan, &[]);
    let summary = Summary::of(&scan, &profiles);
    match globals.format {
        Format::Text => write_text(&scan, &profiles, &summary, output),
        Format::Json => write_json(&scan, &profiles, &summary, output),
    }
    let is_bad = summary.broken > 0 || (command.deny_warnings && summary.warnings > 0);
    if is_bad { Exit::BadProfile } else { Exit::Done }
}

struct Summary {
    good: usize,
    broken: usize,
    errors: usize,
    warnings: usize,
}

impl Summary {
    fn of(scan: &Scan, profiles: &[Arc<LoadedProfile>]) -> Self {
        let good = profiles.iter().filter(|profile| profile.model.is_some()).count();
        let sum = |severity| {
            profiles
                .iter()
                .map(|profile| profile.count(severity))
                .sum::<usize>()
        };
        Self {
            good,
            broken: profiles.len().saturating_sub(good),
            errors: sum(Severity::Error),
            // Files that nobody reads are no errors: a directory of profiles may hold other things, too.
            warnings: sum(Severity::Warning).saturating_add(scan.problems.len()),
        }
    }

    fn text(&self) -> String {
        let total = self.good.saturating_add(self.broken);
        let profiles = count(total, "profile");
        let health = match (self.good, self.broken) {
            (_, 0) if total == 1 => "good".to_owned(),
            (_, 0) => "all good".to_owned(),
            (0, _) if total == 1 => "broken".to_owned(),
            (good, broken) => format!("{good} good, {broken} broken"),
        };
        format!(
            "{profiles}: {health}; {}, {}",
            count(self.errors, "error"),
            count(self.warnings, "warning")
        )
    }
}

fn count(number: usize, word: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {word}{ending}")
}

fn write_text(scan: &Scan, profiles: &[Arc<LoadedProfile>], summary: &Summary, output: &mut Output) {
    for profile in profiles.iter().filter(|profile| !profile.diagnostics.is_empty()) {
        let text = render::render_text(&profile.diagnostics, &profile.sources, output.color);
        output.text(&text);
        output.line("");
    }
    for problem in &scan.problems {
        output.line(&format!("warning: `{}`: {}", problem.path, problem.message));
    }
    output.line(&summary.text());
}

fn write_json(scan: &Scan, profiles: &[Arc<LoadedProfile>], summary: &Summary, output: &mut Output) {
    let profiles: Vec<_> = profiles
        .iter()
        .map(|profile| {
            json!({
                "id": *profile.id,
                "directory": profile.directory,
                "title": profile.title,
                "dialect": profile.dialect,
                "mode": profile.mode,
                "digest": digest_text(&profile.digest),
                "good": profile.model.is_some(),
                "diagnostics": render::to_json(&profile.diagnostics, &profile.sources),
            })
        })
        .collect();
    let problems: Vec<_> = scan
        .problems
        .iter()
        .map(|problem| json!({"path": problem.path, "kind": problem.kind.name(), "message": problem.message}))
        .collect();
    output.json(&json!({
        "profiles": profiles,
        "problems": problems,
        "good": summary.good,
        "broken": summary.broken,
        "errors": summary.errors,
        "warnings": summary.warnings,
    }));
}
