//! OpenDocument: text.
#![no_main]

use extract_fuzz::archive;

libfuzzer_sys::fuzz_target!(|part: &[u8]| extract::fuzzed(
    "application/vnd.oasis.opendocument.text",
    archive(&[("content.xml", part), ("styles.xml", part), ("meta.xml", part)]),
));
