//! Where log lines go, and how they look.

use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

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

/// Sends all log lines of the process to standard error, from a level on (`info`, or `info,placet::store=debug`).
pub fn start(format: LogFormat, level: &str) -> Result<(), LoggingError> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

/// Reads from which level on things are logged.
///
/// # Errors
///
/// [`LoggingError::Level`] if the text is no level.
pub fn filter(level: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::try_new(level).map_err(|source| LoggingError::Level {
        text: level.to_owned(),
        source,
    })
}
