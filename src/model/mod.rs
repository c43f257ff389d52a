//! Placeholder page of the room `model`.

pub mod id;
