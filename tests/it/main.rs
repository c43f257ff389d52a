//! The integration tests: one binary, a module per kind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, in their helpers too"
)]

mod contract;
mod diagnostics;
mod discover;
mod native;
mod nick;
mod recordings;
mod source;
mod validate;
mod watch;
