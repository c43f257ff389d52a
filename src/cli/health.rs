//! `placet health`: whether a daemon serves, for probes that run a command.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::cli::Globals;
use crate::cli::answer::{BAD, GOOD, paint};
use crate::cli::daemon::CallArgs;
use crate::cli::door::{DoorError, Remote};
use crate::cli::exit::Exit;
use crate::cli::output::{Format, Output};
use crate::source::diagnostic::quote;

/// Holds the options of `placet health`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet health                              can questions be answered?\n  \
                  placet health liveness                     is the process alive?\n  \
                  placet health profile/news                 is this profile served?\n  \
                  placet health --address 10.0.0.5:7422      ask a listener for health elsewhere\n  \
                  placet health --address 10.0.0.5:7420 --tls-ca ca.crt\n\n\
                  Ends with 0 if it is SERVING, with 1 if it is not, and with 4 if nobody answers.")]
pub struct HealthCommand {
    /// Name that is asked about, as grpc.health.v1 has it: `liveness`, `profile/<id>`; empty for the daemon as a whole
    #[arg(value_name = "NAME", default_value = "")]
    pub name: String,

    /// Daemon to ask
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PLACET_ADDRESS",
        default_value = "127.0.0.1:7420"
    )]
    pub address: String,

    /// How it is called.
    #[command(flatten)]
    pub call: CallArgs,

    /// Milliseconds to wait for the answer
    #[arg(
        long,
        value_name = "MILLISECONDS",
        env = "PLACET_TIMEOUT_MS",
        default_value_t = 1_000
    )]
    pub timeout_ms: u64,
}

/// Asks and tells.
pub(super) fn run(command: &HealthCommand, globals: &Globals, output: &mut Output) -> Exit {
    let status = match ask(command) {
        Ok(status) => status,
        Err(error) => {
            output.failure(&error, error.help().as_deref());
            return error.exit(true);
        }
    };
    let is_serving = status == Some(ServingStatus::Serving);
    let word = match status {
        Some(ServingStatus::Serving) => "SERVING",
        Some(ServingStatus::NotServing) => "NOT_SERVING",
        Some(ServingStatus::ServiceUnknown) | None => "SERVICE_UNKNOWN",
        Some(ServingStatus::Unknown) => "UNKNOWN",
    };
    match globals.format {
        Format::Json => output.json(&json!({"name": command.name, "status": word})),
        Format::Text => {
            let painted = paint(output, word, if is_serving { GOOD } else { BAD });
            let about = if command.name.is_empty() {
                String::new()
            } else {
                format!("{} ", quote(&command.name))
            };
            output.line(&format!("{about}{painted}"));
        }
    }
    if is_serving { Exit::Done } else { Exit::Refused }
}

/// Returns what the daemon says of a name; nothing if it does not know the name.
fn ask(command: &HealthCommand) -> Result<Option<ServingStatus>, DoorError> {
    let patience = Duration::from_millis(command.timeout_ms);
    let call = CallArgs {
        is_public: true,
        ..command.call.clone()
    };
    let remote = Remote::open(&command.address, &call, patience)?;
    let mut client = HealthClient::new(remote.line.clone());
    let request = HealthCheckRequest {
        service: command.name.clone(),
    };
    match remote.wait(client.check(request)) {
        Ok(answer) => Ok(Some(answer.into_inner().status())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(DoorError::Refused(status)),
    }
}
