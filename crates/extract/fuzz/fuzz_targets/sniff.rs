//! What a document is. This runs in processes that hold secrets.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (&[u8], &str)| {
    let _ = extract::sniff(input.0, input.1);
});
