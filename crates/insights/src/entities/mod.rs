//! What means the same in any text.

mod amounts;
mod dates;
mod ibans;
mod phones;

use std::collections::HashSet;

/// Against documents that are nothing but addresses.
const MOST: usize = 500;

/// Something in a text that means the same anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// email, url, date, phone, amount or iban.
    pub kind: &'static str,
    /// In one form: addresses in lower case, dates as 2026-11-23, phone numbers as +49301234567 (E.164),
    /// amounts as 1234.50 EUR (ISO 4217), IBANs without spaces.
    pub value: String,
    /// Where it stands first.
    pub page: u32,
}

pub(crate) fn find(pages: &[(u32, &str)]) -> Vec<Entity> {
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    for (page, text) in pages {
        let here = words(text)
            .filter_map(classify)
            .chain(dates::in_words(text).into_iter().map(|date| ("date", date)))
            .chain(phones::find(text).into_iter().map(|phone| ("phone", phone)))
            .chain(amounts::find(text).into_iter().map(|amount| ("amount", amount)))
            .chain(ibans::find(text).map(|iban| ("iban", iban)));
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
    dates::in_figures(word).map(|date| ("date", date))
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

    fn values(text: &str) -> Vec<String> {
        of(text).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn dates_are_found_in_words_of_several_languages() {
        for text in [
            "on 23 November 2026.",
            "November 23rd, 2026",
            "am 23. November 2026",
            "le 23 novembre 2026",
            "23 de noviembre de 2026",
            "2026年11月23日に",
            "11/23/2026",
            "2026-11-23T10:00:00Z",
        ] {
            assert_eq!(of(text), [("date", "2026-11-23".to_owned())], "{text}");
        }
        assert!(of("31 June 2026 and May 2026 and 5 people 2026").is_empty());
    }

    #[test]
    fn phone_numbers_are_those_that_say_their_country() {
        assert_eq!(values("call +49 (0)30 123 45-67 now"), ["+49301234567"]);
        assert_eq!(values("Tel.: 0041 44 668 18 00, fax"), ["+41446681800"]);
        assert_eq!(values("tel:+1-212-555-0123; +44 20 7946 0958."), ["+12125550123", "+442079460958"]);
        assert!(
            values("+999 123 456 78, +49 12, 12 + 345678901, a+12125550123, 0049, +1 234 567 890 123 456 789")
                .is_empty()
        );
    }

    #[test]
    fn amounts_have_one_form() {
        assert_eq!(values("total 1.234,50 EUR"), ["1234.50 EUR"]);
        assert_eq!(values("€ 1.234,5 or $1,234.56 or £12"), ["1234.50 EUR", "1234.56 USD", "12.00 GBP"]);
        assert_eq!(values("CHF 1'234.50, 12 500,00 €"), ["1234.50 CHF", "12500.00 EUR"]);
        assert_eq!(values("12 EUR 15 USD"), ["12.00 EUR", "15.00 USD"]);
        assert_eq!(values("USD 12 EUR 13"), ["12.00 USD", "13.00 EUR"]);
        assert_eq!(values("minus -5,00 EUR in 2024 500 EUR"), ["-5.00 EUR", "500.00 EUR"]);
        assert_eq!(values("1,234 USD and 0.5 USD and ¥1,000"), ["1234.00 USD", "0.50 USD", "1000.00 JPY"]);
        assert!(values("EUR alone, 1.2.3.4 EUR, EURO 5, 12,34,5 €").is_empty());
    }

    #[test]
    fn each_is_named_once_with_its_first_page() {
        let found = find(&[(1, "a@example.org"), (2, "a@example.org b@example.org")]);
        assert_eq!(found.iter().map(|e| e.page).collect::<Vec<_>>(), [1, 2]);
    }
}
