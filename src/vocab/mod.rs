//! Words that every room shares: attribute values, the operators of the condition language, effects and reasons, moments
//! in time, networks, geometries, and every maximum.
//!
//! Nothing here knows a policy, a request or a file; [`sheet`] only keeps names together that `policy` and `model` share. Start with [`value`] for what an attribute can be and [`operator`]
//! for what can be asked of it; [`limits`] is the one page of maxima.

pub mod call;
pub mod effect;
pub mod geometry;
pub mod limits;
pub mod network;
pub mod operator;
pub mod sheet;
pub mod time;
pub mod value;
