//! What a child says that it has drawn, as the parent looks at it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed_picture(bytes));
