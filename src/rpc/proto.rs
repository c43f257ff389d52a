//! The generated form of the wire contract, and nothing else.
//!
//! The source is `proto/placet/v1/*.proto`, whose comments are the API reference; `proto/build.rs`
//! turns it into [`v1`] (messages, server traits, clients). These types stay in the room `rpc` and
//! in tools that speak to a daemon: the engine has its own.

/// Holds the encoded `FileDescriptorSet` of the contract, comments and imports included, as server
/// reflection serves it.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/placet_descriptor.bin"));

/// Holds the messages, enums, services and clients of the package `placet.v1`.
#[allow(
    unused_qualifications,
    clippy::all,
    clippy::too_many_lines,
    reason = "generated code: its shape is the generators', its comments are ours"
)]
pub mod v1 {
    tonic::include_proto!("placet.v1");
}

/// Holds a module for each message of the contract, with a constant for each of its fields: number, type, and whether it is
/// written even if it holds nothing.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "generated code: most messages are never written by hand"
)]
pub(super) mod fields {
    use crate::rpc::out::{Double, Flag, Nested, Number, Text, Word};

    include!(concat!(env!("OUT_DIR"), "/placet_fields.rs"));
}
