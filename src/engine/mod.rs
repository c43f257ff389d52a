//! Placeholder page of the room `engine`.

mod compare;
pub mod condition;
pub mod decision;
mod facts;
mod geometry;
pub mod query;
mod related;
pub mod role;
mod test;
