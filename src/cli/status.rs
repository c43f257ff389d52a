//! `placet status`: what a daemon serves, and what is wrong with the rest.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use crate::cli::Globals;
use crate::cli::answer::{BAD, GOOD, paint};
use crate::cli::ask::write_json;
use crate::cli::daemon::CallArgs;
use crate::cli::door::{DoorError, Remote};
use crate::cli::exit::Exit;
use crate::cli::output::{Format, Output};
use crate::rpc::proto::v1;
use crate::rpc::proto::v1::policy_admin_service_client::PolicyAdminServiceClient;
use crate::source::diagnostic::quote;

/// Holds the options of `placet status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet status                              all profiles of the daemon on this machine\n  \
                  placet status --profile news --reads       one, with the facts that its rules read\n  \
                  placet status --format json | jq           for machines, as the contract has it\n\n\
                  Ends with 0 if every profile is served as its files are, and with 3 if one is not.")]
pub struct StatusCommand {
    /// Daemon to ask, where it may be asked for its status
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PLACET_ADMIN_ADDRESS",
        default_value = "127.0.0.1:7423"
    )]
    pub address: String,

    /// How it is called.
    #[command(flatten)]
    pub call: CallArgs,

    /// Profile to tell of; without it, all
    #[arg(long, value_name = "ID", env = "PLACET_PROFILE", default_value = "")]
    pub profile: String,

    /// Also tell, for each collection and action, which facts the rules read
    #[arg(long, env = "PLACET_READS")]
    pub reads: bool,

    /// Milliseconds to wait for the answer
    #[arg(
        long,
        value_name = "MILLISECONDS",
        env = "PLACET_TIMEOUT_MS",
        default_value_t = 10_000
    )]
    pub timeout_ms: u64,
}

/// Asks and tells.
pub(super) fn run(command: &StatusCommand, globals: &Globals, output: &mut Output) -> Exit {
    let status = match ask(command) {
        Ok(status) => status,
        Err(error) => {
            output.failure(&error, error.help().as_deref());
            return error.exit(true);
        }
    };
    match globals.format {
        Format::Json => {
            if let Err(exit) = write_json("GetStatusResponse", &status, output) {
                return exit;
            }
        }
        Format::Text => write_text(&status, output),
    }
    let is_current = |profile: &v1::ProfileStatus| profile.state() == v1::ProfileState::Current;
    if status.profiles.iter().all(is_current) {
        Exit::Done
    } else {
        Exit::BadProfile
    }
}

fn ask(command: &StatusCommand) -> Result<v1::GetStatusResponse, DoorError> {
    let remote = Remote::open(
        &command.address,
        &command.call,
        Duration::from_millis(command.timeout_ms),
    )?;
    let mut client = PolicyAdminServiceClient::new(remote.line.clone());
    let request = v1::GetStatusRequest {
        profile: command.profile.clone(),
        include_reads: command.reads,
    };
    let answer = remote.wait(client.get_status(request));
    answer
        .map(tonic::Response::into_inner)
        .map_err(DoorError::Refused)
}

fn write_text(status: &v1::GetStatusResponse, output: &mut Output) {
    let started = status.started_at.as_ref().map_or_else(String::new, moment);
    output.line(&format!("placet {}, started {started}", status.version));
    for profile in &status.profiles {
        write_profile(profile, output);
    }
    if let Some(reload) = &status.reload {
        write_reload(reload, output);
    }
}

fn write_profile(profile: &v1::ProfileStatus, output: &mut Output) {
    let state = match profile.state() {
        v1::ProfileState::Current => paint(output, "current", GOOD),
        v1::ProfileState::Stale => paint(output, "STALE", BAD),
        v1::ProfileState::NeverLoaded => paint(output, "NEVER LOADED", BAD),
        v1::ProfileState::Removed => paint(output, "REMOVED", BAD),
        v1::ProfileState::Expired => paint(output, "STALE FOR TOO LONG", BAD),
        v1::ProfileState::Unspecified => paint(output, "unknown", BAD),
    };
    let snapshot = profile.snapshot.clone().unwrap_or_default();
    let mut line = format!("{} {state}", quote(&snapshot.profile));
    if let Some(stale_for) = &profile.stale_for {
        line.push_str(&format!(" for {}", span(stale_for)));
    }
    if !profile.problem.is_empty() {
        line.push_str(&format!(": {}", profile.problem));
    }
    output.line(&line);
    let about = [profile.dialect.as_str(), profile.mode.as_str()];
    let mut about: Vec<String> = about
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if profile.is_default {
        about.push("the default profile".to_owned());
    }
    if !about.is_empty() {
        output.line(&format!("  {}", about.join(", ")));
    }
    if snapshot.generation > 0 {
        let loaded = snapshot.loaded_at.as_ref().map_or_else(String::new, moment);
        let age = profile
            .age
            .as_ref()
            .map_or_else(String::new, |age| format!(", {} ago", span(age)));
        output.line(&format!(
            "  generation {}, loaded {loaded}{age}",
            snapshot.generation
        ));
        output.line(&format!("  digest {}", snapshot.digest));
    }
    for diagnostic in &profile.diagnostics {
        write_diagnostic(diagnostic, output);
    }
    if profile.diagnostics_dropped > 0 {
        output.line(&format!(
            "  … and {} more complaints",
            profile.diagnostics_dropped
        ));
    }
    for reads in &profile.reads {
        let (action, collection) = (quote(&reads.action), quote(&reads.collection));
        output.line(&format!(
            "  {action} in {collection} reads {}",
            reads.paths.join(", ")
        ));
    }
}

fn write_diagnostic(diagnostic: &v1::Diagnostic, output: &mut Output) {
    let word = match diagnostic.severity() {
        v1::Severity::Error => paint(output, "error", BAD),
        v1::Severity::Warning | v1::Severity::Unspecified => "warning".to_owned(),
    };
    let origin = diagnostic.origin.clone().unwrap_or_default();
    let place = format!("{}:{}:{}", origin.file, origin.line, origin.column);
    output.line(&format!(
        "  {word}[{}] {place}: {}",
        diagnostic.code, diagnostic.message
    ));
    if !diagnostic.help.is_empty() {
        output.line(&format!("    help: {}", diagnostic.help));
    }
}

fn write_reload(reload: &v1::ReloadStatus, output: &mut Output) {
    let mut line = format!(
        "{} reloads, {} with something new, {} that failed",
        reload.reloads, reload.swaps, reload.failures
    );
    if let Some(took) = &reload.last_took {
        line.push_str(&format!("; the last took {}", span(took)));
    }
    output.line(&line);
    if let Some(running) = &reload.running_for {
        output.line(&format!("  one has been running for {}", span(running)));
    }
    if reload.is_unread {
        output.line("  the directory of profiles cannot be read; the log of the daemon tells why");
    }
    if !reload.has_events {
        output.line("  the system reports no changes: files are compared every 2 s");
    }
    for mount in &reload.frozen_mounts {
        output.line(&format!("  {mount}"));
    }
}

fn moment(timestamp: &prost_types::Timestamp) -> String {
    Timestamp::new(timestamp.seconds, timestamp.nanos)
        .map_or_else(|_| String::new(), |moment| format!("{moment:.0}"))
}

/// Returns a duration as people say it: its two largest units.
fn span(duration: &prost_types::Duration) -> String {
    let duration = Duration::try_from(*duration).unwrap_or_default();
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 => format!("{:.1} ms", duration.as_secs_f64() * 1_000.0),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_by_their_two_largest_units() {
        let cases = [
            (Duration::from_micros(1_234), "1.2 ms"),
            (Duration::from_secs(59), "59 s"),
            (Duration::from_secs(61), "1 min 1 s"),
            (Duration::from_secs(3_600), "1 h 0 min"),
            (Duration::from_secs(90_061), "1 d 1 h"),
        ];
        for (duration, expected) in cases {
            assert_eq!(span(&duration.try_into().unwrap()), expected);
        }
    }
}
