//! Placeholder page of the room `model`.
