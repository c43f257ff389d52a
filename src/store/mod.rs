//! Placeholder page of the room `store`.

mod trail;
pub mod watch;
