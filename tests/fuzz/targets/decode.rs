//! Any bytes as a request: no panic and no fault, and the same answer twice.
//!
//! The first byte picks the call. From the top of the repository:
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz decode`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../it/river/wire.rs"]
mod wire;

fuzz_target!(|bytes: &[u8]| {
    wire::check_request(bytes);
});
