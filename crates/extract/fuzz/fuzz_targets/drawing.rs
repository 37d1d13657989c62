//! PDF: pages as they look.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed_drawing("application/pdf", bytes.to_vec()));
