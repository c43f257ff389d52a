//! Deciding: a pure function of a model and a question.
//!
//! Comes in: a [`crate::model::Model`] and a [`query::Query`]. Goes out: a [`decision::Decision`], or a list of them. It never logs,
//! locks, looks at a clock or touches a file; the moment arrives with the question.
//!
//! INVARIANT: all answers are views of [`check`]: lists ask it for each of their entries, a traced answer is the same run with
//! a recorder. It denies by default, and whatever it cannot tell never helps the asker.
//!
//! [`mod@plan`] is the one that leaves the item open: the same steps, with filters in place of truths (`plan_rule`, `plan_cover`), and the
//! same programs, of which what the request does not settle remains (`plan_condition`).
//!
//! Read [`check`] first: it is the order of steps; `grants` has steps three to five, `constraints` six, `approvals` eight.

pub mod actions;
pub mod approvals;
pub mod check;
pub mod condition;
pub mod decision;
pub mod fields;
pub mod filter;
pub mod identity;
pub mod missing;
pub mod plan;
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
mod plan_condition;
mod plan_cover;
mod plan_leaf;
mod plan_owner;
mod plan_related;
mod plan_rows;
mod plan_rule;
mod plan_truth;
mod programs;
mod related;
mod selection;
mod test;
mod unknown;
mod variable;
