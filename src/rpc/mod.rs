//! Placeholder page of the room `rpc`.

mod convert;
mod decode;
mod encode;
pub mod proto;
mod status;
mod violation;
mod words;
