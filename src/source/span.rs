//! Places in source text.

use std::hash::{Hash, Hasher};

/// Names one file of a [`SourceMap`](crate::source::file::SourceMap); means nothing outside that map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// Makes the id of the file that was added as number `index`.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Returns the number under which the file was added.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }
}

/// Marks a range of bytes in one file; the end is the first byte outside.
///
/// It adds nothing to a hash: where a thing was written is no part of what it says, so what says the same hashes the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Names the file that the range lies in.
    pub file: FileId,
    /// Counts the bytes before the range.
    pub start: u32,
    /// Counts the bytes before the first one that follows the range.
    pub end: u32,
}

impl Hash for Span {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Span {
    /// Makes the span of the bytes from `start` up to `end`.
    #[must_use]
    pub const fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// Returns the smallest span that holds both; of two spans in different files it is the first.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file == other.file {
            Self::new(self.file, self.start.min(other.start), self.end.max(other.end))
        } else {
            self
        }
    }

    /// Returns the empty span where this one begins.
    #[must_use]
    pub const fn at_start(self) -> Self {
        Self::new(self.file, self.start, self.start)
    }

    /// Returns the empty span where this one ends.
    #[must_use]
    pub const fn at_end(self) -> Self {
        Self::new(self.file, self.end, self.end)
    }
}

/// Tells a place the way editors do: line and column count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Counts the lines up to and including this one.
    pub line: u32,
    /// Counts the characters of the line up to and including this one.
    pub column: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Carries a value together with the place where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// Holds what was written.
    pub value: T,
    /// Tells where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its place together.
    #[must_use]
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Turns the value into another one that stands in the same place.
    #[must_use]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: f(self.value),
            span: self.span,
        }
    }

    /// Borrows the value, with its place.
    #[must_use]
    pub const fn as_ref(&self) -> Spanned<&T> {
        Spanned {
            value: &self.value,
            span: self.span,
        }
    }
}
