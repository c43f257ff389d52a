//! Any bytes as a file of a profile: no panic, what is not JSON is refused, what is read prints and reads the same.
//!
//! From the top of the repository: `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz source`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../it/source/oracle.rs"]
mod oracle;

fuzz_target!(|bytes: &[u8]| oracle::check_bytes(bytes));
