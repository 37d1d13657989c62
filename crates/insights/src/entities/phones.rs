//! Phone numbers that say their country, in the form of E.164. Those that do not would need to be told
//! where the document comes from.

/// The digits of a number, its country among them.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// Characters of a number as people write it.
const LONGEST: usize = 32;

/// How calling codes begin (ITU E.164), but for 1 and 7: whole those of two digits, and of those of
/// three the first two, or all when their neighbours are not assigned.
const CODES: [&str; 68] = [
    "20", "21", "22", "23", "24", "25", "26", "27", "29", "30", "31", "32", "33", "34", "35", "36", "37", "38", "39",
    "40", "41", "42", "43", "44", "45", "46", "47", "48", "49", "50", "51", "52", "53", "54", "55", "56", "57", "58",
    "59", "60", "61", "62", "63", "64", "65", "66", "67", "68", "69", "81", "82", "84", "85", "86", "880", "886", "90",
    "91", "92", "93", "94", "95", "96", "97", "98", "992", "993", "994",
];
const MORE_CODES: [&str; 3] = ["995", "996", "998"];

pub(super) fn find(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(['+', '0']).map(|at| from + at) {
        let mark = if text[at..].starts_with('+') { 1 } else { 2 };
        from = at + 1;
        let first =
            !text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || matches!(c, '+' | '-' | '.' | ','));
        if !first || mark == 2 && !text[at..].starts_with("00") {
            continue;
        }
        let (digits, length) = digits(&text[at + mark..]);
        if DIGITS.contains(&digits.len()) && is_country(&digits) {
            found.push(format!("+{digits}"));
            from = at + mark + length;
        }
    }
    found
}

/// The digits from here on, and how long they are as they are written: single spaces, hyphens, dots,
/// slashes and brackets may stand between them, and a trunk prefix in brackets does not count.
fn digits(text: &str) -> (String, usize) {
    let (mut digits, mut length, mut gap) = (String::new(), 0, 0);
    for (at, c) in text.char_indices().take(LONGEST) {
        match c {
            '0'..='9' => {
                if c == '0' && text[..at].ends_with('(') && text[at + 1..].starts_with(')') {
                    continue;
                }
                digits.push(c);
                (length, gap) = (at + 1, 0);
            }
            ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')' if gap < 3 => gap += 1,
            _ => break,
        }
        if at == 0 && gap > 0 && c != '(' {
            break;
        }
    }
    // A number that goes on is another kind of number.
    match text[length..].chars().next() {
        Some(c) if c.is_alphanumeric() => (String::new(), length),
        _ => (digits, length),
    }
}

fn is_country(digits: &str) -> bool {
    // North America's numbers have ten digits after the 1.
    if digits.starts_with('1') {
        return digits.len() == 11 && !matches!(digits.as_bytes()[1], b'0' | b'1');
    }
    digits.starts_with('7') && digits.len() == 11
        || CODES.iter().chain(&MORE_CODES).any(|code| digits.starts_with(code))
}
