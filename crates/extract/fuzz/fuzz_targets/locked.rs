//! How a document of Office with a password says it is locked.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed_lock(bytes));
