//! Placeholder page of the room `policy`.
