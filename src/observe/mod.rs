//! Placeholder page of the room `observe`.
