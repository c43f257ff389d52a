//! Placeholder page of the room `load`.
