//! Placeholder page of the room `dialect`.
