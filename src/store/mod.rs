//! Placeholder page of the room `store`.
