//! The entries of parsers for `fuzz/`, which is a workspace of its own. They run without walls.

use crate::{formats, help::Help};

/// Reads a document as the child does, and forgets what it says.
pub fn fuzzed(media_type: &str, bytes: Vec<u8>) {
    let mut left = 1_000;
    let _ = formats::read(media_type, bytes, &mut Help::default(), 0, &mut |text| {
        let text = crate::tidy::tidy(text);
        assert!(!text.contains('\0'));
        left -= 1;
        left > 0
    });
}

/// Draws the first page as the child does, small.
pub fn fuzzed_drawing(media_type: &str, bytes: Vec<u8>) {
    if let Ok(picture) = crate::render::draw(media_type, bytes, 1, 64) {
        assert!(!picture.is_empty());
    }
}

/// Looks at what a child says that it has drawn, as the parent does.
pub fn fuzzed_picture(said: &[u8]) {
    let frame = crate::render::Frame::of(400);
    if let Ok(picture) = crate::renderer::checked(said, frame, 1 << 20) {
        assert!(frame.holds(picture.width, picture.height) && picture.bytes.len() <= 1 << 20);
    }
}

/// The packing of bodies in messages of Outlook.
pub fn fuzzed_packing(bytes: &[u8]) -> Option<Vec<u8>> {
    crate::outlook::unpacked(bytes)
}

/// Listens to a line as the parent does.
pub fn fuzzed_answer(line: &[u8]) {
    if let Ok(line) = serde_json::from_slice(line) {
        crate::parent::fuzzed(line);
    }
}

/// What a document of Office with a password says of how it is locked, with a password that may be right.
pub fn fuzzed_lock(description: &[u8]) {
    crate::office::fuzzed_lock(description);
}
