//! Amounts of money: a number beside a currency.

const SIGNS: [(&str, &str); 9] = [
    ("€", "EUR"),
    ("$", "USD"),
    ("£", "GBP"),
    ("¥", "JPY"),
    ("₹", "INR"),
    ("₽", "RUB"),
    ("₩", "KRW"),
    ("zł", "PLN"),
    ("Kč", "CZK"),
];
/// Those of ISO 4217 that are written most.
const CODES: [&str; 40] = [
    "EUR", "USD", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "CNY", "HKD", "SGD", "INR", "KRW", "RUB", "UAH", "PLN",
    "CZK", "HUF", "RON", "BGN", "SEK", "NOK", "DKK", "ISK", "TRY", "ILS", "AED", "SAR", "EGP", "ZAR", "NGN", "KES",
    "BRL", "MXN", "ARS", "CLP", "COP", "THB", "IDR", "PHP",
];
/// Characters of a number as people write it.
const LONGEST: usize = 24;

pub(super) fn find(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    // Where the last number that has its currency ends.
    let mut used = 0;
    for (at, length, code) in currencies(text) {
        let before = before(text, at).filter(|(start, _)| *start >= used);
        let after = || after(text, at + length);
        // "$5" but "5 €": of the signs, only that of the euro stands behind as a habit.
        let leads = text[at..].starts_with(['$', '£', '¥', '₹']);
        let value = match before {
            Some((_, value)) if !leads => Some((at, value)),
            Some((_, value)) => after().or(Some((at, value))),
            None => after(),
        };
        if let Some((end, value)) = value {
            used = end.max(at + length);
            found.push(format!("{value} {code}"));
        }
    }
    found
}

/// Where they stand, how long they are, and what they are.
fn currencies(text: &str) -> Vec<(usize, usize, &'static str)> {
    let mut found = Vec::new();
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let alone = |length: usize| {
            let letter = |c: char| c.is_alphabetic();
            !text[..at].chars().next_back().is_some_and(letter) && !rest[length..].chars().next().is_some_and(letter)
        };
        if c.is_ascii_uppercase() {
            if let Some(code) = CODES.iter().find(|code| rest.starts_with(**code)).filter(|code| alone(code.len())) {
                found.push((at, code.len(), *code));
            } else if rest.starts_with("Kč") && alone("Kč".len()) {
                found.push((at, "Kč".len(), "CZK"));
            }
        } else if let Some((sign, code)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign))
            && (c != 'z' || alone(sign.len()))
        {
            found.push((at, sign.len(), *code));
        }
    }
    found
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

fn is_part(c: char) -> bool {
    c.is_ascii_digit() || is_space(c) || matches!(c, '.' | ',' | '\'' | '’' | '-' | '−')
}

/// The number that ends here, after at most one space, and where it begins.
fn before(text: &str, at: usize) -> Option<(usize, String)> {
    let mut end = at;
    if let Some(space) = text[..at].chars().next_back().filter(|c| is_space(*c)) {
        end -= space.len_utf8();
    }
    if !text[..end].ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut start = end;
    for c in text[..end].chars().rev().take(LONGEST).take_while(|c| is_part(*c)) {
        start -= c.len_utf8();
    }
    // Part of a word or of a longer number.
    let joined = text[..start].chars().next_back().is_some_and(char::is_alphanumeric);
    // From the longest that is a number: what stands before it may be another one.
    let starts = text[start..end].char_indices().filter(|(at, c)| {
        let first = *at == 0 && !joined;
        (first || text[..start + at].ends_with(is_space)) && (c.is_ascii_digit() || matches!(c, '-' | '−'))
    });
    starts.map(|(from, _)| start + from).find_map(|from| Some((from, number(&text[from..end])?)))
}

/// The number that begins here, after at most one space, and where it ends.
fn after(text: &str, at: usize) -> Option<(usize, String)> {
    let mut start = at;
    if let Some(space) = text[at..].chars().next().filter(|c| is_space(*c)) {
        start += space.len_utf8();
    }
    let length: usize = text[start..].chars().take(LONGEST).take_while(|c| is_part(*c)).map(char::len_utf8).sum();
    if text[start + length..].starts_with(char::is_alphanumeric) && !text[start..start + length].ends_with(is_space) {
        return None;
    }
    let mut end = start + length;
    // From the longest that is a number: what stands after it may be another one, or end the sentence.
    while end > start {
        let candidate = text[start..end].trim_end_matches(|c: char| !c.is_ascii_digit());
        if let Some(value) = number(candidate) {
            return Some((start + candidate.len(), value));
        }
        end = start + candidate.rfind(is_space)?;
    }
    None
}

/// With two decimals and a point, when it is written like an amount: groups of three digits, or none,
/// and one or two decimals, or none.
fn number(text: &str) -> Option<String> {
    let (sign, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let digits: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
    let separators: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    if digits.iter().any(|part| part.is_empty()) || text.chars().filter(char::is_ascii_digit).count() > 15 {
        return None;
    }
    let last = separators.last().copied();
    let decimals = match last {
        Some('.' | ',') => digits.last().filter(|part| part.len() <= 2).copied(),
        _ => None,
    };
    let whole = &digits[..digits.len() - usize::from(decimals.is_some())];
    let grouping = &separators[..separators.len() - usize::from(decimals.is_some())];
    let grouped = whole.len() == 1
        || whole[0].len() <= 3
            && whole[1..].iter().all(|group| group.len() == 3)
            && grouping.iter().all(|c| *c == grouping[0])
            && (decimals.is_none() || last != Some(grouping[0]));
    if !grouped {
        return None;
    }
    let joined = whole.concat();
    let units = joined.trim_start_matches('0');
    let units = if units.is_empty() { "0" } else { units };
    Some(format!("{sign}{units}.{:0<2}", decimals.unwrap_or("")))
}
