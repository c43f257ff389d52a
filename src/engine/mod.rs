//! Placeholder page of the room `engine`.
