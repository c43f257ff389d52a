//! Placeholder page of the room `load`.

pub mod discover;
mod layout;
mod walk;
