//! Excel: a part that is a sheet, its strings, its styles and the book.
#![no_main]

use extract_fuzz::archive;

libfuzzer_sys::fuzz_target!(|part: &[u8]| extract::fuzzed(
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    archive(&[
        ("xl/worksheets/sheet1.xml", part),
        ("xl/sharedStrings.xml", part),
        ("xl/styles.xml", part),
        ("xl/workbook.xml", part)
    ]),
));
