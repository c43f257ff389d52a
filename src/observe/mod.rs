//! The room `observe`: what the daemon tells about itself.
//!
//! Log messages are constants and values are fields, so that a log can be searched by either. [`logging`] sets up where they
//! go; every room may write to the log but the engine, which stays a pure function.

pub mod logging;
