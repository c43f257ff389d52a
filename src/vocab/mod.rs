//! Placeholder page of the room `vocab`.
