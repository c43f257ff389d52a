//! The room `observe`: what the daemon tells about itself.
//!
//! [`counts`] holds the cells that are counted in where work is done, at the price of an addition; `server/metrics.rs` names
//! and shows them.
//!
//! Log messages are constants and values are fields, so that a log can be searched by either. [`logging`] sets up where they
//! go; every room may write to the log but the engine, which stays a pure function.

pub mod counts;
pub mod logging;

use std::error::Error;

/// Returns an error with its causes on one line, parted by colons.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
