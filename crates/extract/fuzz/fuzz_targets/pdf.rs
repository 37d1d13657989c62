//! PDF: our device for the interpreter.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed("application/pdf", bytes.to_vec()));
