//! What is derived from the text of pages. This runs in a process that holds secrets.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let pages: Vec<(u32, &str)> = (1..).zip(text.split('\u{c}')).collect();
    let _ = insights::derive(&pages);
});
