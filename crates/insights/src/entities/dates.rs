//! Dates, in figures and in words.

/// The names of months by their beginnings, in English, German, French, Spanish, Italian, Dutch and
/// Portuguese. A beginning of three letters may stand alone.
const MONTHS: [&[&str]; 12] = [
    &["january", "januar", "jänner", "janvier", "enero", "gennaio", "januari", "janeiro", "jan"],
    &["february", "februar", "februari", "février", "febrero", "febbraio", "fevereiro", "feb"],
    &["march", "märz", "mars", "marzo", "maart", "março", "mar"],
    &["april", "avril", "abril", "aprile", "apr"],
    &["may", "mai", "mayo", "maggio", "mei", "maio"],
    &["june", "juni", "juin", "junio", "giugno", "junho", "jun"],
    &["july", "juli", "juillet", "julio", "luglio", "julho", "jul"],
    &["august", "août", "agosto", "augustus", "aug"],
    &["september", "septembre", "septiembre", "settembre", "setembro", "sept", "sep"],
    &["october", "oktober", "octobre", "octubre", "ottobre", "outubro", "oct", "okt"],
    &["november", "novembre", "noviembre", "novembro", "nov"],
    &["december", "dezember", "décembre", "diciembre", "dicembre", "dezembro", "dec", "dez"],
];
/// What may stand between the parts.
const BETWEEN: [&str; 4] = ["de", "of", "del", "do"];
const LONGEST_WORD: usize = 40;

/// 23 November 2026, November 23, 2026, 23. November 2026, 23 de noviembre de 2026, 2026年11月23日.
pub(super) fn in_words(text: &str) -> Vec<String> {
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !BETWEEN.contains(word))
        .collect();
    let mut found: Vec<String> = words
        .windows(3)
        .filter_map(|three| {
            let [a, b, c] = three else { return None };
            let year = number(c, 4..=4)?;
            match (month(a), month(b)) {
                (None, Some(month)) => valid(year, month, day(a)?),
                (Some(month), None) => valid(year, month, day(b)?),
                _ => None,
            }
        })
        .collect();
    found.extend(text.match_indices('年').filter_map(|(at, sign)| {
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
        let year = text[..at].get(at.checked_sub(4)?..)?;
        let rest = &text[at + sign.len()..];
        let (month, rest) = rest.split_at(digits(rest));
        let rest = rest.strip_prefix('月')?;
        let (day, rest) = rest.split_at(digits(rest));
        rest.starts_with('日').then_some(())?;
        valid(number(year, 4..=4)?, number(month, 1..=2)?, number(day, 1..=2)?)
    }));
    found
}

fn month(word: &str) -> Option<u32> {
    if word.len() > LONGEST_WORD || !word.starts_with(char::is_alphabetic) {
        return None;
    }
    let word = word.to_lowercase();
    (1..).zip(MONTHS).find(|(_, names)| names.contains(&word.as_str())).map(|(month, _)| month)
}

/// 1, 01, 1st, 2nd, 3rd, 4th, 1er.
fn day(word: &str) -> Option<u32> {
    let ends = ["st", "nd", "rd", "th", "er", "º"];
    number(ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word), 1..=2)
}

fn number(part: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let plain = digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| part.parse().ok()).flatten()
}

/// 2026-11-23 (with or without a time), 23.11.2026, and 23/11/2026 or 11/23/2026 where only one of the
/// two can be the month.
pub(super) fn in_figures(word: &str) -> Option<String> {
    let word = word.split_once('T').map_or(word, |(date, _)| date);
    let separator = word.chars().find(|c| !c.is_ascii_digit())?;
    let parts: Vec<&str> = word.split(separator).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let (year, month, day) = match separator {
        '-' => (number(a, 4..=4)?, number(b, 2..=2)?, number(c, 2..=2)?),
        '.' => (number(c, 4..=4)?, number(b, 1..=2)?, number(a, 1..=2)?),
        '/' => match (number(c, 4..=4)?, number(a, 1..=2)?, number(b, 1..=2)?) {
            (year, day, month) if day > 12 => (year, month, day),
            (year, month, day) if day > 12 => (year, month, day),
            (year, day, month) if day == month => (year, month, day),
            _ => return None,
        },
        _ => return None,
    };
    valid(year, month, day)
}

fn valid(year: u32, month: u32, day: u32) -> Option<String> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    ((1000..=2999).contains(&year) && (1..=days).contains(&day)).then(|| format!("{year:04}-{month:02}-{day:02}"))
}
