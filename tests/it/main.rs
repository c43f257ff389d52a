//! The integration tests: one binary, a module per kind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
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
mod reload;
mod samples;
mod serve;
mod source;
mod tidy;
mod watch;
