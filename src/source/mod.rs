//! Placeholder page of the room `source`.
