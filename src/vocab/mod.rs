//! Placeholder page of the room `vocab`.

pub mod limits;
