//! Any text as a file of a native profile: no panic, and complaints point into the text.
//!
//! The first byte picks the file. From the top of the repository:
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz native -- -dict=tests/fuzz/dictionary_native.txt`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../it/native/oracle.rs"]
mod oracle;

fuzz_target!(|bytes: &[u8]| {
    let Some((pick, rest)) = bytes.split_first() else {
        return;
    };
    let name = oracle::FILES[usize::from(*pick) % oracle::FILES.len()];
    if let Ok(text) = std::str::from_utf8(rest) {
        oracle::check_file(name, text);
    }
});
