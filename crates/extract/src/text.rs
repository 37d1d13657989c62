//! Plain text: which encoding, which pages.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

/// What an encoding is guessed from; letters beyond ASCII come early in most texts that have any.
const GUESS_BYTES: usize = 256 * 1024;
/// About what a printed page holds.
const PAGE_CHARACTERS: usize = 3000;

/// The text of the bytes: by byte order mark, else UTF-8 when it is that, else `declared`, else by
/// which letters stand beside each other.
pub(crate) fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let encoding = declared.filter(|e| *e != UTF_8).unwrap_or_else(|| guess(bytes));
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(GUESS_BYTES)], true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Splits at form feeds, and long stretches at paragraph or line ends.
pub(crate) fn pages(text: &str) -> Vec<String> {
    text.split('\u{0c}').flat_map(|section| split(section, PAGE_CHARACTERS)).collect()
}

/// Pieces of about `most` characters, cut where a paragraph, line or word ends.
pub(crate) fn split(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let Some((limit, _)) = rest.char_indices().nth(most) else {
            pieces.push(rest.to_owned());
            return pieces;
        };
        // Not before two thirds: a cut there would make needlessly short pages.
        let earliest = rest.char_indices().nth(most * 2 / 3).map_or(0, |(at, _)| at);
        let window = &rest[earliest..limit];
        let cut =
            ["\n\n", "\n", ". ", " "].iter().find_map(|end| window.rfind(end).map(|at| earliest + at + end.len()));
        let (piece, after) = rest.split_at(cut.unwrap_or(limit));
        pieces.push(piece.to_owned());
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(decode(b"\xff\xfeZ\0\xfc\0", None), "Zü");
        assert_eq!(decode("Zürich".as_bytes(), None), "Zürich");
        assert_eq!(decode(b"Z\xfcrich", None), "Zürich");
        assert_eq!(decode(b"It\x92s a caf\xe9", None), "It’s a café");
        assert_eq!(decode(b"\xcf\xf0\xe8\xe2\xe5\xf2, \xfd\xf2\xee \xf2\xe5\xea\xf1\xf2.", None), "Привет, это текст.");
        assert_eq!(decode(b"\x8a\x65", Encoding::for_label(b"windows-1250")), "Še");
    }

    #[test]
    fn nothing_is_lost_where_text_is_cut() {
        let text = "Ein Satz mit Wörtern. ".repeat(1000) + "\u{0c}" + &"x".repeat(7000);
        let pages = pages(&text);
        assert!(pages.len() > 8 && pages.iter().all(|p| p.chars().count() <= PAGE_CHARACTERS));
        assert_eq!(pages.concat(), text.replace('\u{0c}', ""));
    }
}
