//! Messages of Outlook, as a whole.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| extract::fuzzed("application/vnd.ms-outlook", bytes.to_vec()));
