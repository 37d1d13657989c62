//! RTF.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed("application/rtf", bytes.to_vec()));
