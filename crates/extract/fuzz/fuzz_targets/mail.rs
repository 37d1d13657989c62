//! Messages and what is attached to them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed("message/rfc822", bytes.to_vec()));
