//! The last step for every page, whatever it was read from.

use unicode_normalization::UnicodeNormalization;

/// NFC; no control characters but line ends and tabs; ligatures as letters; words that were
/// hyphenated at a line end in one piece; at most one empty line at a time. Line ends of every
/// system are `\n`.
pub(crate) fn tidy(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.nfc().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\u{fb00}' => clean.push_str("ff"),
            '\u{fb01}' => clean.push_str("fi"),
            '\u{fb02}' => clean.push_str("fl"),
            '\u{fb03}' => clean.push_str("ffi"),
            '\u{fb04}' => clean.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => clean.push_str("st"),
            '\u{a0}' | '\u{2007}' | '\u{202f}' => clean.push(' '),
            '\u{200b}' | '\u{feff}' => {}
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            // Arabic letters by their shape: nobody types these, so nobody would find them.
            '\u{fb50}'..='\u{fdfb}' | '\u{fe70}'..='\u{fefc}' => clean.extend(std::iter::once(c).nfkc()),
            '\n' | '\t' => clean.push(c),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for line in clean.lines().map(str::trim_end) {
        match lines.last_mut() {
            Some(last) if is_cut(last, line.trim_start()) => {
                last.pop();
                last.push_str(line.trim_start());
            }
            Some(last) if last.is_empty() && line.is_empty() => {}
            _ => lines.push(line.to_owned()),
        }
    }
    // Soft hyphens are only meant for line ends.
    lines.join("\n").replace('\u{ad}', "").trim().to_owned()
}

/// Whether the line ends in the first part of a word that goes on in the next.
fn is_cut(line: &str, next: &str) -> bool {
    let mut end = line.chars().rev();
    let goes_on = match end.next() {
        Some('\u{ad}') => next.starts_with(char::is_alphabetic),
        Some('-' | '\u{2010}') => next.starts_with(char::is_lowercase),
        _ => false,
    };
    goes_on && end.next().is_some_and(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together_and_signs_taken_apart() {
        assert_eq!(tidy("extra-\nordinary e\u{fb03}cient\0 cafe\u{301}"), "extraordinary efficient caf\u{e9}");
        assert_eq!(tidy("extra\u{ad}\nordinary soft\u{ad}ly"), "extraordinary softly");
        assert_eq!(tidy("\u{fefb} \u{fe8e}"), "\u{644}\u{627} \u{627}");
        assert_eq!(tidy("Jean-\nPaul\n\n\n\n1990-\n1995"), "Jean-\nPaul\n\n1990-\n1995");
    }

    #[test]
    fn line_ends_of_every_system_keep_words_apart() {
        assert_eq!(tidy("one\rtwo\r\nthree\u{85}four\nfive"), "one\ntwo\nthree\nfour\nfive");
    }
}
