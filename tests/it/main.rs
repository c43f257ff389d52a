//! The integration tests: one binary, a module per kind.

mod discover;
mod watch;
