//! Every maximum of the daemon, in one place.
//!
//! A value that arrives from outside (a file, a directory, a request) and can grow is measured against one of these
//! before it is believed. The unit stands last in the name where it is not a plain count.

/// Bounds one profile file; a larger one is refused before it is read.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bounds how many profiles one root may hold.
pub const PROFILES_MAX: usize = 1_000;

/// Bounds how many `.json` and `.jsonl` files one profile may hold.
pub const PROFILE_FILES_MAX: usize = 20_000;

/// Bounds how many directory entries are looked at for one profile, those that are skipped included.
pub const PROFILE_ENTRIES_MAX: usize = 100_000;

/// Bounds the bytes of all files of one profile together.
pub const PROFILE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bounds the bytes of all profiles of one root together, since one scan holds them in memory at once.
pub const ROOT_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Bounds how deep directories inside a profile may lie; its own directory has depth 0.
pub const DIRECTORY_DEPTH_MAX: usize = 16;

/// Bounds how often one scan starts over because files changed under it.
pub const READ_ATTEMPTS_MAX: u32 = 5;
