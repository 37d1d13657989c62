//! Links between contacts and documents: how sure they are, and what shows it.

use jiff::Timestamp;
use uuid::Uuid;

use crate::snippet::{self, Match, Snippet, Word};

/// How sure it is that a contact is meant where this of it stands: an address belongs to one person;
/// a telephone may be shared, a name more so.
const EMAIL: f64 = 0.95;
const PHONE: f64 = 0.85;
const NAME: f64 = 0.6;

/// What a contact is known by; empty where it has no such thing.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) id: Uuid,
    /// In lower case.
    pub(crate) address: String,
    /// E.164.
    pub(crate) number: String,
    /// Of two words or more.
    pub(crate) full_name: String,
}

/// A page on which something stands.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) number: i32,
    pub(crate) text: String,
}

/// A contact and a document that names it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) document_id: Uuid,
    pub(crate) title: String,
    pub(crate) media_type: String,
    pub(crate) collection_id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) contact: Contact,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) confirmed: bool,
    pub(crate) by_email: Option<Page>,
    pub(crate) by_phone: Option<Page>,
    pub(crate) by_name: Option<Page>,
}

/// Where it stands.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) kind: &'static str,
    pub(crate) page: i32,
    pub(crate) snippet: Snippet,
}

impl Link {
    /// 0 to 1; what somebody confirmed is certain. Independent signs: all would have to be wrong.
    pub(crate) fn confidence(&self) -> f64 {
        if self.confirmed {
            return 1.0;
        }
        let signs = [(&self.by_email, EMAIL), (&self.by_phone, PHONE), (&self.by_name, NAME)];
        let wrong: f64 = signs.iter().filter(|(page, _)| page.is_some()).map(|(_, sure)| 1.0 - sure).product();
        1.0 - wrong
    }

    /// The strongest first.
    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        let phrase = |text: &str| snippet::words(text).into_iter().map(|word| word.folded).collect::<Vec<_>>();
        let shown = |kind, page: &Option<Page>, find: &dyn Fn(&str) -> Vec<String>| {
            page.as_ref().map(|page| Evidence {
                kind,
                page: page.number,
                snippet: snippet::around(&page.text, &[Match::Phrase(find(&page.text))]),
            })
        };
        [
            shown("email", &self.by_email, &|_| phrase(&self.contact.address)),
            shown("phone", &self.by_phone, &|text| written(text, &self.contact.number)),
            shown("name", &self.by_name, &|_| phrase(&self.contact.full_name)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The groups of digits that a number is written in, with the zero that people put in brackets, and
/// with or without the zeros that stand for its plus sign.
fn written(text: &str, number: &str) -> Vec<String> {
    let (wanted, words) = (number.trim_start_matches('+'), snippet::words(text));
    let spelt = |start: usize| {
        let mut digits = String::new();
        for (length, Word { folded, .. }) in (1..).zip(&words[start..]) {
            if !folded.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            if length == 1 || folded != "0" {
                digits.push_str(folded);
            }
            let found = digits.strip_prefix("00").unwrap_or(&digits);
            if found == wanted {
                return Some(length);
            }
            if !wanted.starts_with(found) && !digits.bytes().all(|b| b == b'0') {
                return None;
            }
        }
        None
    };
    let found = (0..words.len()).find_map(|start| Some((start, spelt(start)?)));
    found.map_or_else(Vec::new, |(start, length)| {
        words[start..start + length].iter().map(|word| word.folded.clone()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_written() {
        for (text, groups) in [
            ("Call +49 30 123 456.", vec!["49", "30", "123", "456"]),
            ("Call +49 (0)30/123456!", vec!["49", "0", "30", "123456"]),
            ("0049-30-123456", vec!["0049", "30", "123456"]),
            ("7 +4930123456 8", vec!["4930123456"]),
            ("+49 30 123", vec![]),
        ] {
            assert_eq!(written(text, "+4930123456"), groups, "{text}");
        }
    }
}
