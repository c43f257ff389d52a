//! Any condition about any item: it means the same in an allow, a deny and a constraint, and never holds with its opposite.
//!
//! The input is a JSON object with `when`, `item`, `subject` and `context`. From the top of the repository:
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz condition -- -dict=tests/fuzz/dictionary_native.txt`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../it/river/oracle.rs"]
mod oracle;

fuzz_target!(|text: &str| oracle::check_condition(text));
