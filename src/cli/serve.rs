//! `placet serve`: the daemon.

use std::error::Error;

use clap::Args;
use tokio::runtime::Builder;

use crate::cli::Globals;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::observe::logging::{self, LogFormat};
use crate::server::config::{ServeArgs, ServeConfig};
use crate::server::shutdown::stop_on_signals;
use crate::server::{self, ServeError, Stop};

/// Holds the options of `placet serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet serve --profiles policies --listen 127.0.0.1:7420\n  \
                  PLACET_LOG_FORMAT=json placet serve      logs for machines\n  \
                  kill -HUP <pid>                          look at the files now\n  \
                  kill -TERM <pid>                         finish what is asked, then end\n\n\
                  The daemon notices changes in the profiles by itself. Its health is told by grpc.health.v1 under the \
                  names ``, `liveness` and `profile/<id>`.")]
pub struct ServeCommand {
    /// What the daemon needs to know.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Runs the daemon until it is told to stop.
pub(super) fn run(command: &ServeCommand, globals: &Globals, output: &mut Output) -> Exit {
    let arguments = &command.serve;
    if let Err(error) = logging::start(arguments.log_format, &arguments.log_level) {
        output.failure(&error, Some("levels are error, warn, info, debug and trace"));
        return Exit::Usage;
    }
    let config = arguments.check(&globals.profiles, globals.default_profile.as_deref());
    // Threads that decide have runtimes of their own; this one loads, watches, administers and waits for signals.
    let runtime = match Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .thread_name("placet")
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&error, None);
            return Exit::Unavailable;
        }
    };
    let result = runtime.block_on(serve(config));
    // Requests that did not end in time are not waited for once more.
    runtime.shutdown_background();
    match result {
        Ok(()) => Exit::Done,
        Err(error) => {
            let help = error.help();
            match arguments.log_format {
                LogFormat::Text => output.failure(&error, help.as_deref()),
                // Whoever reads the log by machine must find the end of it there, too.
                LogFormat::Json => tracing::error!(error = &error as &dyn Error, help, "cannot serve"),
            }
            exit_of(&error)
        }
    }
}

async fn serve(config: ServeConfig) -> Result<(), ServeError> {
    let stop = Stop::default();
    stop_on_signals(stop.soon.clone(), stop.now.clone()).map_err(ServeError::Signals)?;
    server::run(config, stop).await
}

fn exit_of(error: &ServeError) -> Exit {
    match error {
        ServeError::Bind { .. }
        | ServeError::Tls(_)
        | ServeError::Callers(_)
        | ServeError::Threads(_)
        | ServeError::Watch(_)
        | ServeError::Signals(_)
        | ServeError::Root(_) => Exit::Unavailable,
        ServeError::NoProfile(_) => Exit::BadProfile,
        ServeError::UnknownDefault { .. } => Exit::Usage,
        ServeError::Server(_) => Exit::Fault,
    }
}
