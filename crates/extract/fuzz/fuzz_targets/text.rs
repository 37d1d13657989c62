//! Plain text: its encoding and its pages.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed("text/plain", bytes.to_vec()));
