//! Word: the part that has the text.
#![no_main]

use extract_fuzz::archive;

libfuzzer_sys::fuzz_target!(|part: &[u8]| extract::fuzzed(
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    archive(&[("word/document.xml", part)]),
));
