//! Placeholder page of the room `engine`.

pub mod decision;
pub mod query;
