//! Deciding: a pure function of a model and a question.
//!
//! Comes in: a [`crate::model::Model`] and a [`query::Query`]. Goes out: a [`decision::Decision`], or a list of them. It never logs,
//! locks, looks at a clock or touches a file; the moment arrives with the question.
//!
//! INVARIANT: all answers are views of [`check`]: lists ask it for each of their entries, a traced answer is the same run with
//! a recorder. It denies by default, and whatever it cannot tell never helps the asker.
//!
//! Read [`check`] first: it is the order of steps; `grants` has steps three to five, `constraints` six, `approvals` eight.

pub mod actions;
pub mod approvals;
pub mod check;
pub mod condition;
pub mod decision;
pub mod fields;
pub mod filter;
pub mod missing;
pub mod query;
pub mod role;
pub mod trace;
pub mod transitions;
pub mod validity;

mod blame;
mod compare;
mod comparison;
mod constraints;
mod coverage;
mod facts;
mod geometry;
mod grants;
mod like;
mod path;
mod programs;
mod related;
mod selection;
mod test;
mod unknown;
mod variable;
