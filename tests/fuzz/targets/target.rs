//! Any filter in every dialect of SQL: one expression that a parser reads, with a place for each parameter, and no value in it.
//!
//! The input are bytes that choose the parts of a filter. From the top of the repository:
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz target`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../it/target/tree.rs"]
mod tree;

fuzz_target!(|bytes: &[u8]| {
    tree::check_tree(bytes);
});
