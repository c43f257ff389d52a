//! Placeholder page of the room `validate`.
