//! Archives: their tables, and what is compressed in them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed(
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    bytes.to_vec()
));
