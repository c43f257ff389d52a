//! The integration tests: one binary, a module per kind.

// Tests state facts by panicking, and index what they built themselves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation
)]

mod reference;
    reason = "tests fail by panicking, in their helpers too"
)]

mod ask;
mod contract;
mod decisions;
mod diagnostics;
mod discover;
mod source;
mod validate;
mod discover;
mod matrix;
mod native;
mod nick;
mod recordings;
mod river;
mod reload;
mod samples;
mod serve;
mod source;
mod tidy;
mod watch;
