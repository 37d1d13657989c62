//! OpenDocument: tables.
#![no_main]

use extract_fuzz::archive;

libfuzzer_sys::fuzz_target!(|part: &[u8]| extract::fuzzed(
    "application/vnd.oasis.opendocument.spreadsheet",
    archive(&[("content.xml", part), ("styles.xml", part)]),
));
