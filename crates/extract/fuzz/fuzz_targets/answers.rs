//! What a child says, which the parent never trusts.
#![no_main]

libfuzzer_sys::fuzz_target!(|line: &[u8]| extract::fuzzed_answer(line));
