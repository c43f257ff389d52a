//! The integration tests: one binary, a module per kind.

mod watch;
