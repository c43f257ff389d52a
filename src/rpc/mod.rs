//! Placeholder page of the room `rpc`.

pub mod proto;
