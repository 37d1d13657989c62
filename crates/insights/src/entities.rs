use std::collections::HashSet;

/// Against documents that are nothing but addresses.
const MOST: usize = 500;

/// Something in a text that means the same anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// email, url, date or iban.
    pub kind: &'static str,
    /// In one form: addresses in lower case, dates as 2026-11-23, IBANs without spaces.
    pub value: String,
    /// Where it stands first.
    pub page: u32,
}

pub(crate) fn find(pages: &[(u32, &str)]) -> Vec<Entity> {
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    for (page, text) in pages {
        let here = words(text).filter_map(classify).chain(ibans(text).map(|iban| ("iban", iban)));
        for (kind, value) in here {
            if found.len() == MOST {
                return found;
            }
            if known.insert((kind, value.clone())) {
                found.push(Entity { kind, value, page: *page });
            }
        }
    }
    found
}

/// Without the punctuation around them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let around = |c: char| {
        matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '"'
                | '\''
                | '('
                | ')'
                | '['
                | ']'
                | '<'
                | '>'
                | '«'
                | '»'
                | '“'
                | '”'
                | '„'
        )
    };
    text.split_whitespace().map(move |word| word.trim_matches(around)).filter(|word| (6..=300).contains(&word.len()))
}

fn classify(word: &str) -> Option<(&'static str, String)> {
    if let Some(rest) = ["https://", "http://"].iter().find_map(|p| word.strip_prefix(p)) {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return (host.contains('.') || host.starts_with("localhost")).then(|| ("url", word.to_owned()));
    }
    let word = word.strip_prefix("mailto:").unwrap_or(word);
    if is_email(word) {
        return Some(("email", word.to_lowercase()));
    }
    date(word).map(|date| ("date", date))
}

fn is_email(word: &str) -> bool {
    let Some((local, domain)) = word.split_once('@') else { return false };
    let label = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-');
    !local.is_empty()
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&*+-/=?^_`{|}~.".contains(c))
        && domain.contains('.')
        && domain.split('.').all(label)
        && domain.rsplit('.').next().is_some_and(|top| top.len() >= 2 && top.chars().all(char::is_alphabetic))
}

/// 2026-11-23, 23.11.2026 and 23/11/2026 where the day cannot be a month.
fn date(word: &str) -> Option<String> {
    let separator = word.chars().find(|c| !c.is_ascii_digit())?;
    let parts: Vec<&str> = word.split(separator).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let number = |part: &str, digits: std::ops::RangeInclusive<usize>| {
        let plain = digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (year, month, day) = match separator {
        '-' => (number(a, 4..=4)?, number(b, 2..=2)?, number(c, 2..=2)?),
        '.' => (number(c, 4..=4)?, number(b, 1..=2)?, number(a, 1..=2)?),
        '/' => (number(c, 4..=4)?, number(b, 1..=2)?, number(a, 1..=2).filter(|day| *day > 12)?),
        _ => return None,
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    ((1000..=2999).contains(&year) && (1..=days).contains(&day)).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// Runs of two letters, two digits and 11 to 30 more characters (ISO 13616), in groups or not,
/// whose checksum (ISO 7064, mod 97-10) is right.
fn ibans(text: &str) -> impl Iterator<Item = String> {
    let groups: Vec<&str> =
        text.split_whitespace().map(|w| w.trim_matches(|c: char| !c.is_ascii_alphanumeric())).collect();
    let starts = |group: &str| {
        let bytes = group.as_bytes();
        bytes.len() >= 4 && bytes[..2].iter().all(u8::is_ascii_uppercase) && bytes[2..4].iter().all(u8::is_ascii_digit)
    };
    let at: Vec<usize> = (0..groups.len()).filter(|i| starts(groups[*i])).collect();
    at.into_iter().filter_map(move |start| {
        let mut iban = String::new();
        let mut valid = None;
        for group in groups[start..].iter().take(9) {
            let fits = group.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if !fits || iban.len() + group.len() > 34 {
                break;
            }
            iban.push_str(group);
            if (15..=34).contains(&iban.len()) && checksum_is_right(&iban) {
                valid = Some(iban.clone());
            }
        }
        valid
    })
}

fn checksum_is_right(iban: &str) -> bool {
    let moved = iban.bytes().skip(4).chain(iban.bytes().take(4));
    let remainder = moved.fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(&'static str, String)> {
        find(&[(1, text)]).into_iter().map(|e| (e.kind, e.value)).collect()
    }

    #[test]
    fn only_what_is_valid_is_found() {
        assert_eq!(of("(Anna@Example.ORG)"), [("email", "anna@example.org".to_owned())]);
        assert_eq!(of("see https://example.org/a?b=c."), [("url", "https://example.org/a?b=c".to_owned())]);
        assert_eq!(of("am 29.2.2024, 30.2.2024 und 5/6/2024"), [("date", "2024-02-29".to_owned())]);
        assert_eq!(of("GB82 WEST 1234 5698 7654 32 and more"), [("iban", "GB82WEST12345698765432".to_owned())]);
        assert_eq!(of("CH9300762011623852957"), [("iban", "CH9300762011623852957".to_owned())]);
        assert!(of("GB82 WEST 1234 5698 7654 33 a@b c@d.e 2026-13-01 10.10.10.10").is_empty());
    }

    #[test]
    fn each_is_named_once_with_its_first_page() {
        let found = find(&[(1, "a@example.org"), (2, "a@example.org b@example.org")]);
        assert_eq!(found.iter().map(|e| e.page).collect::<Vec<_>>(), [1, 2]);
    }
}
