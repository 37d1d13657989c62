//! EPUB: a part that is the package and a chapter.
#![no_main]

use extract_fuzz::archive;

libfuzzer_sys::fuzz_target!(|part: &[u8]| extract::fuzzed(
    "application/epub+zip",
    archive(&[("META-INF/container.xml", b"<rootfile full-path='a.opf'/>"), ("a.opf", part), ("a.xhtml", part)]),
));
