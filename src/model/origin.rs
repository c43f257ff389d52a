//! Where things were declared.

use std::sync::Arc;

/// A place in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, relative to the root of the profiles, with `/` between its parts.
    pub file: Arc<str>,
    /// The line, from one.
    pub line: u32,
    /// The column in characters, from one.
    pub column: u32,
}
