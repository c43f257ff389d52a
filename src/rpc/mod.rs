//! Placeholder page of the room `rpc`.
