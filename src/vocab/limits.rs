//! Every maximum in one place: whatever grows has a bound, and whoever crosses it gets a clear answer.

/// Bounds how deep lists and objects of a JSON document may lie in each other.
pub const NESTING_DEPTH_MAX: usize = 64;

/// Bounds the bytes of one file of a profile.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bounds how many repeated keys of one file are reported one by one; the rest would only repeat the message.
pub const DUPLICATE_KEYS_REPORTED_MAX: usize = 100;

/// Bounds the characters of a name that still gets a "did you mean"; longer ones are no typing mistakes.
pub const SUGGESTION_CHARS_MAX: usize = 64;

/// Bounds the characters of user input that a message repeats.
pub const QUOTED_CHARS_MAX: usize = 80;

/// Bounds the bytes of source text shown around a place.
pub const EXCERPT_BYTES_MAX: usize = 2048;
