//! Markdown.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed("text/markdown", bytes.to_vec()));
