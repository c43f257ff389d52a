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
mod apostrophe;
mod ask;
mod blame;
mod blind;
mod cli;
mod codes;
mod config;
mod constructs;
mod contract;
mod decisions;
mod diagnostics;
mod dialects;
mod directus;
mod directus_filters;
mod discover;
mod disk;
mod documents;
mod faults;
mod generate;
mod grounds;
mod grpc;
mod hostile;
mod http;
mod kept;
mod leaves;
mod legacy;
mod limits;
mod map;
mod matrix;
mod missing;
mod moments;
mod mongodb;
mod native;
mod newsroom;
mod nick;
mod plan;
mod properties;
mod readme;
mod recordings;
mod reference;
mod reload;
mod requests;
mod river;
mod samples;
mod schedule;
mod serve;
mod serving;
mod soak;
mod source;
mod stale;
mod statuses;
mod steps;
mod survive;
mod swaps;
mod target;
mod tidy;
mod validate;
mod watch;
mod written;
