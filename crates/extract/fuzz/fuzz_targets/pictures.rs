//! Pictures: every kind, by the first byte.
#![no_main]

const KINDS: [&str; 6] = ["image/png", "image/jpeg", "image/gif", "image/bmp", "image/tiff", "image/webp"];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((kind, bytes)) = bytes.split_first() {
        extract::fuzzed_drawing(KINDS[usize::from(*kind) % KINDS.len()], bytes.to_vec());
    }
});
