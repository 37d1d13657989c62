//! HTML: the encoding and what is visible.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed("text/html", bytes.to_vec()));
