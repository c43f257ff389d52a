//! Placeholder page of the room `server`.
