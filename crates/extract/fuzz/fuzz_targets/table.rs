//! CSV and TSV.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed("text/csv", bytes.to_vec()));
