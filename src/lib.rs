//! Placet: a sidecar authorization daemon for content management systems.

pub mod cli;
pub mod compile;
pub mod dialect;
pub mod engine;
pub mod load;
pub mod model;
pub mod observe;
pub mod policy;
pub mod rpc;
pub mod server;
pub mod source;
pub mod store;
pub mod validate;
pub mod vocab;
