//! Where log lines go, and how they look.
//!
//! Lines are written to standard error by a thread of their own. Whoever logs never waits for a full disk or for a reader that
//! has gone to sleep: what does not fit into the queue is lost, and counted.

use std::any::Any;
use std::io::{self, IsTerminal};
use std::panic;
use std::sync::OnceLock;

use thiserror::Error;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::vocab::limits::LOG_LINES_WAITING_MAX;

/// Says how a log line looks.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people; in colours on a terminal.
    #[default]
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// Says why the log cannot be set up.
#[derive(Debug, Error)]
pub enum LoggingError {
    /// The level is none.
    #[error("`{text}` is no log level")]
    Level {
        /// The level as written.
        text: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Something else in the process took hold of the log.
    #[error("the log is set up already")]
    Taken(#[from] TryInitError),
}

/// Keeps the log going; dropped, it writes what still waits, as far as that can be had within about a second.
#[derive(Debug)]
pub struct Log {
    _worker: WorkerGuard,
}

/// The crate that watches files complains about each directory that was removed, which is no news to us.
const QUIET: &str = "notify=error";

static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// Returns how many lines of the log were lost because nobody took them in time.
pub fn lines_lost() -> u64 {
    LOST.get()
        .map_or(0, |lost| u64::try_from(lost.dropped_lines()).unwrap_or(u64::MAX))
}

/// Sends all log lines of the process to standard error, from a level on (`info`, or `info,placet::store=debug`), and panics
/// as well.
///
/// # Errors
///
/// A [`LoggingError`] if the level is none, or the process has a log already.
pub fn start(format: LogFormat, level: &str) -> Result<Log, LoggingError> {
    let filter = filter(level)?;
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LOG_LINES_WAITING_MAX)
        .thread_name("placet-log")
        .finish(io::stderr());
    let lost = writer.error_counter();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    // There is one log in a process, and this is it.
    let _ = LOST.set(lost);
    panic::set_hook(Box::new(log_panic));
    Ok(Log { _worker: worker })
}

/// Reads from which level on things are logged.
///
/// # Errors
///
/// [`LoggingError::Level`] if the text is no level.
pub fn filter(level: &str) -> Result<EnvFilter, LoggingError> {
    // What is written later wins, so whoever names the part hears it.
    EnvFilter::try_new(format!("{QUIET},{level}")).map_err(|source| LoggingError::Level {
        text: level.to_owned(),
        source,
    })
}

/// Logs a panic as one line: the usual report would go past the log, in a form of its own, and wait for its reader.
fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic_message(panic.payload());
    // The message may repeat what a client sent: as a field it is escaped.
    tracing::error!(place, panic = message, "the daemon panicked");
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watcher_of_files_is_quiet_unless_it_is_named() {
        let shown = |level: &str| filter(level).unwrap().to_string();
        assert!(shown("info").contains("notify=error"), "{}", shown("info"));
        let named = shown("info,notify=debug");
        assert!(
            named.contains("notify=debug") && !named.contains("notify=error"),
            "{named}"
        );
        assert!(filter("==").is_err());
    }
}
