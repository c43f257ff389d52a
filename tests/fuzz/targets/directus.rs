//! Any files as an export of Directus: no panic on the way to decisions, and lists and traces answer as single questions do.
//!
//! The input is a JSON object of file names and contents. From the top of the repository:
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz directus -- -dict=tests/fuzz/dictionary_directus.txt`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../it/river/oracle.rs"]
mod oracle;

fuzz_target!(|text: &str| oracle::check_profile("directus", text));
