//! The integration tests: one binary, a module per kind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_lines,
    clippy::cast_possible_truncation,
    clippy::field_reassign_with_default,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking, in their helpers too, say what they saw, and are read from top to bottom"
)]

mod admin;
mod agreement;
mod answers;
mod ask;
mod cli;
mod constructs;
mod contract;
mod decisions;
mod diagnostics;
mod discover;
mod generate;
mod grpc;
mod limits;
mod map;
mod matrix;
mod missing;
mod native;
mod nick;
mod properties;
mod readme;
mod recordings;
mod reference;
mod reload;
mod river;
mod samples;
mod serve;
mod source;
mod statuses;
mod tidy;
mod validate;
mod watch;
