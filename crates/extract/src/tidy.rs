//! The last step for every page, whatever it was read from.

use unicode_normalization::UnicodeNormalization;

/// NFC; no control characters but line ends and tabs; ligatures as letters; words that were
/// hyphenated at a line end in one piece; at most one empty line at a time.
pub(crate) fn tidy(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.nfc() {
        match c {
            '\u{fb00}' => clean.push_str("ff"),
            '\u{fb01}' => clean.push_str("fi"),
            '\u{fb02}' => clean.push_str("fl"),
            '\u{fb03}' => clean.push_str("ffi"),
            '\u{fb04}' => clean.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => clean.push_str("st"),
            '\u{a0}' | '\u{2007}' | '\u{202f}' => clean.push(' '),
            '\u{ad}' | '\u{200b}' | '\u{feff}' => {}
            '\r' => {}
            '\u{0b}' | '\u{0c}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\n' | '\t' => clean.push(c),
            c if c.is_control() => {}
            c => clean.push(c),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for line in clean.lines().map(str::trim_end) {
        match lines.last_mut() {
            Some(last) if is_cut(last) && line.trim_start().starts_with(char::is_lowercase) => {
                last.pop();
                last.push_str(line.trim_start());
            }
            Some(last) if last.is_empty() && line.is_empty() => {}
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n").trim().to_owned()
}

/// Whether the line ends in the first part of a word.
fn is_cut(line: &str) -> bool {
    let mut end = line.chars().rev();
    matches!(end.next(), Some('-' | '\u{2010}')) && end.next().is_some_and(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together_and_signs_taken_apart() {
        assert_eq!(tidy("extra-\nordinary e\u{fb03}cient\0 cafe\u{301}"), "extraordinary efficient caf\u{e9}");
        assert_eq!(tidy("Jean-\nPaul\n\n\n\n1990-\n1995"), "Jean-\nPaul\n\n1990-\n1995");
    }
}
