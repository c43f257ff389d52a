//! Any files as a profile of Apostrophe: no panic on the way to decisions, and lists and traces answer as single questions do.
//!
//! The input is a JSON object of file names and contents. From the top of the repository, with profiles to begin with:
//! `tests/fuzz/seed apostrophe` and then
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz apostrophe -- -dict=tests/fuzz/dictionary_apostrophe.txt`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../it/river/oracle.rs"]
mod oracle;

fuzz_target!(|text: &str| oracle::check_profile("apostrophe", text));
