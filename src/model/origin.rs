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

/// A place in a profile, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'m> {
    /// The file, relative to the root of the profiles, with `/` between its parts.
    pub file: &'m str,
    /// The line, from one.
    pub line: u32,
    /// The column in characters, from one.
    pub column: u32,
}

impl Origin {
    /// Returns the place.
    pub fn place(&self) -> Place<'_> {
        Place {
            file: &self.file,
            line: self.line,
            column: self.column,
        }
    }
}
