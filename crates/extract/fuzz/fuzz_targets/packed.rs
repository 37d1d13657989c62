//! The packing of bodies in messages of Outlook.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(unpacked) = extract::fuzzed_packing(bytes) {
        assert!(unpacked.len() < 9 * bytes.len());
    }
});
