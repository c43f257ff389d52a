//! Placeholder page of the room `cli`.
