//! The room `source`: text, and where in it things stand.
//!
//! **In** come the bytes of the files of a profile, under the paths by which people know them. **Out** go JSON trees
//! in which every key and every value knows its place ([`json`]), and complaints that point at such places
//! ([`diagnostic`]), shown to people or to machines ([`render`]).
//!
//! What holds here:
//!
//! * JSON text enters the house through [`json::parse`] and nowhere else, and it is JSON to the letter: no comments,
//!   no trailing commas, no key twice, nothing after the end.
//! * A place is a [`span::Span`]: a range of bytes in one file of one [`file::SourceMap`]. Lines and columns are
//!   computed for display alone, by [`file::SourceMap::position`] alone; both count from one, columns in characters.
//! * A broken document is no tree at all, and at least one [`diagnostic::Diagnostic`] of severity error.
//! * Every code of a complaint is a row in [`code`]; once released, a code keeps its meaning.
//! * Nothing here reads a disk, and nothing panics or recurses without a bound on any input.
//!
//! Read [`span`] first, then [`json`].

pub mod code;
pub mod diagnostic;
pub mod file;
pub mod json;
mod json_fault;
mod json_parser;
mod json_scalar;
pub mod render;
pub mod span;
