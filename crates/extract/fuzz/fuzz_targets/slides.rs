//! PowerPoint: a part that is the presentation, what it refers to, and a slide.
#![no_main]

use extract_fuzz::archive;

libfuzzer_sys::fuzz_target!(|part: &[u8]| extract::fuzzed(
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    archive(&[
        ("ppt/slides/slide1.xml", part),
        ("ppt/presentation.xml", part),
        ("ppt/_rels/presentation.xml.rels", part)
    ]),
));
