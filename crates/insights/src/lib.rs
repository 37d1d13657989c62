//! Text → language, keywords, entities, a summary. Pure functions: no I/O, no state, and for a
//! document of any length a bounded amount of work.

mod entities;
mod keywords;
mod language;
mod summary;

pub use entities::Entity;
pub use keywords::Keyword;
pub use language::Language;
use unicode_segmentation::UnicodeSegmentation;

/// Words a grown-up reads in a minute.
const WORDS_PER_MINUTE: u64 = 230;
/// Pages that are looked at for their language.
const EXAMINED_PAGES: usize = 500;
/// A page in another language than the rest is a rare thing, and a short one is easily mistaken.
const SURE: f64 = 0.95;
/// What keywords, language and summary are taken from: the beginning of the document.
const EXAMINED_CHARACTERS: usize = 100_000;

/// What can be said about a text without understanding it.
#[derive(Clone, Debug, PartialEq)]
pub struct Insights {
    /// The language of most of it.
    pub language: Language,
    /// Of pages that are in another language than the document, where that is sure.
    pub other_languages: Vec<(u32, Language)>,
    /// The most telling first; at most twelve.
    pub keywords: Vec<Keyword>,
    /// Addresses, links, dates, phone and account numbers and amounts, in the order of pages; at most 500.
    pub entities: Vec<Entity>,
    /// Two or three of its own sentences, at most 600 characters.
    pub summary: String,
    /// Pages given.
    pub pages: u32,
    /// On all pages, by the boundaries of Unicode (UAX #29).
    pub words: u64,
    /// At 230 words a minute, rounded up.
    pub reading_minutes: u32,
}

/// Looks at the pages (number, text) of one document.
pub fn derive(pages: &[(u32, &str)]) -> Insights {
    let words: u64 = pages.iter().map(|(_, text)| count_words(text)).sum();
    let beginning = beginning(pages);
    let language = language::detect(&beginning);
    Insights {
        keywords: keywords::extract(&beginning, &language.code),
        entities: entities::find(pages),
        summary: summary::summarise(&beginning),
        other_languages: other_languages(pages, &language),
        language,
        pages: u32::try_from(pages.len()).unwrap_or(u32::MAX),
        words,
        reading_minutes: u32::try_from(words.div_ceil(WORDS_PER_MINUTE)).unwrap_or(u32::MAX),
    }
}

fn other_languages(pages: &[(u32, &str)], language: &Language) -> Vec<(u32, Language)> {
    pages
        .iter()
        .take(EXAMINED_PAGES)
        .map(|(page, text)| (*page, language::detect(text)))
        .filter(|(_, found)| found.code != "und" && found.code != language.code && found.confidence >= SURE)
        .collect()
}

fn beginning(pages: &[(u32, &str)]) -> String {
    let mut beginning = String::new();
    let mut left = EXAMINED_CHARACTERS;
    for (_, text) in pages {
        if left == 0 {
            break;
        }
        let end = text.char_indices().nth(left).map_or(text.len(), |(at, _)| at);
        beginning.push_str(&text[..end]);
        beginning.push_str("\n\n");
        left -= text[..end].chars().count();
    }
    beginning
}

/// Ideographs count one by one, as their readers do.
fn count_words(text: &str) -> u64 {
    text.unicode_words().count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_letter_is_understood_as_far_as_that_goes() {
        let pages = [
            (
                1,
                "Protokoll der Jahresversammlung des Vereins. Die Versammlung findet am 01.03.2026 im Gemeindesaal statt. \
                 Der Vorstand schlägt vor, den Jahresbeitrag zu erhöhen. Der Jahresbeitrag wird einstimmig angenommen.",
            ),
            (2, "Fragen an vorstand@example.org. Überweisung an DE89 3704 0044 0532 0130 00."),
        ];
        let insights = derive(&pages);
        assert_eq!(insights.language.code, "de");
        assert_eq!((insights.pages, insights.reading_minutes), (2, 1));
        let terms: Vec<_> = insights.keywords.iter().map(|k| k.term.to_lowercase()).collect();
        assert!(terms.iter().any(|t| t.contains("jahresbeitrag")), "{terms:?}");
        assert!(insights.keywords.iter().all(|k| (0.0..=1.0).contains(&k.confidence)));
        let found: Vec<_> = insights.entities.iter().map(|e| (e.kind, e.value.as_str(), e.page)).collect();
        assert!(found.contains(&("date", "2026-03-01", 1)), "{found:?}");
        assert!(found.contains(&("email", "vorstand@example.org", 2)));
        assert!(found.contains(&("iban", "DE89370400440532013000", 2)));
        assert!(insights.summary.contains("Jahresbeitrag") && insights.summary.chars().count() <= 600);
    }

    #[test]
    fn a_page_in_another_language_is_named() {
        let english = "The annual meeting of the association takes place on the first of March in the town hall, \
            and all members are invited to come and to vote on the fee for the next year.";
        let german = "Die Jahresversammlung des Vereins findet am ersten März im Rathaus statt, und alle Mitglieder \
            sind eingeladen zu kommen und über den Beitrag für das nächste Jahr abzustimmen.";
        let insights = derive(&[(1, english), (2, english), (3, german), (4, english), (5, "12 x")]);
        assert_eq!(insights.language.code, "en");
        let others: Vec<_> = insights.other_languages.iter().map(|(page, l)| (*page, l.code.as_str())).collect();
        assert_eq!(others, [(3, "de")]);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        let insights = derive(&[]);
        assert_eq!(insights.language.code, "und");
        assert_eq!((insights.words, insights.reading_minutes, insights.summary.as_str()), (0, 0, ""));
        assert!(insights.keywords.is_empty() && insights.entities.is_empty());
    }

    #[test]
    fn a_text_without_spaces_has_a_summary() {
        let text = "第一条この規約は会員の権利を定める。第二条この規約は会員の義務を定める。短い。";
        let insights = derive(&[(1, text)]);
        assert_eq!(insights.language.code, "ja");
        assert!(insights.summary.starts_with("第一条") && !insights.summary.contains("短い"), "{}", insights.summary);
    }

    #[test]
    fn words_are_counted_in_every_script() {
        assert_eq!(count_words("One, two-three 4x."), 4);
        assert_eq!(count_words("議事録 and 1"), 5);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_text_makes_it_fail(
            text in prop_oneof!["\\PC{0,400}", any::<String>(), "[a-zé議\\x00-\\x20.!?@:/0-9A-Z-]{0,600}"],
            page in 1u32..9,
        ) {
            let insights = derive(&[(page, &text)]);
            prop_assert!(insights.summary.chars().count() <= 600);
            prop_assert!(insights.keywords.iter().all(|k| (0.0..=1.0).contains(&k.confidence)));
        }
    }
}
