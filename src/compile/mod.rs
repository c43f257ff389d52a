//! Placeholder page of the room `compile`.
