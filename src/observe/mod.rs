//! The room `observe`: what the daemon tells about itself.
//!
//! [`counts`] holds the cells that are counted in where work is done, at the price of an addition; `server/metrics.rs` names
//! and shows them.
//!
//! Log messages are constants and values are fields, so that a log can be searched by either. [`logging`] sets up where they
//! go; every room may write to the log but the engine, which stays a pure function.

pub mod counts;
pub mod logging;
