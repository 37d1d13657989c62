//! Documents as an archive has them: words by Zipf's law, in four languages, pages of real length.
//! The same seed makes the same documents, on every machine.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use uuid::Uuid;

/// Words of each language.
const VOCABULARY: usize = 40_000;
/// How fast words become rare: natural text is near 1.
const EXPONENT: f64 = 1.05;
/// Rank from which on a word says what a text is about.
const TELLING: usize = 300;
/// Pages of the longest document.
const MOST_PAGES: usize = 120;

struct Language {
    code: &'static str,
    /// Of all documents, in percent.
    share: u32,
    /// What every text is full of.
    frequent: &'static str,
    syllables: &'static str,
}

const LANGUAGES: [Language; 4] = [
    Language {
        code: "en",
        share: 55,
        frequent: "the of and to in a is that for it as was with be by on not he this are or his from at which but have \
                   an had they you were their one all we can her has there been if more when will would who so no",
        syllables: "ver sta tion ment ing ble con pre der lin mar ton ber land for ter min ness ship gra ker wil bor fen",
    },
    Language {
        code: "de",
        share: 25,
        frequent: "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus \
                   er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder",
        syllables: "ver ung keit schaft ge ben lich fahr zeug haus stein berg hof lei ter mann räu mer über schrift gel dorf",
    },
    Language {
        code: "fr",
        share: 12,
        frequent: "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec ou \
                   son aux d'abord cette comme mais été elle nous leur sans deux fait même tout entre",
        syllables: "tion ment eau ille ais re dé pré lon cha mar gue san tier ver pou cour bril lan té vé ri gal noi",
    },
    Language {
        code: "es",
        share: 8,
        frequent: "de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o este sí \
                   porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos",
        syllables: "ción dad mien to lla ca bri mon ta ña res pue blo gar cía ven ta jo ro mar tel den sal vi",
    },
];

/// Makes documents.
pub(crate) struct Generator {
    seed: u64,
    /// Of each language, the most frequent first.
    words: Vec<Vec<String>>,
    /// The share of all words that the first words have together.
    cumulative: Vec<f64>,
}

/// A document before it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Made {
    pub(crate) id: Uuid,
    pub(crate) language: &'static str,
    pub(crate) title: String,
    pub(crate) pages: Vec<String>,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        let words = LANGUAGES.iter().enumerate().map(|(n, language)| vocabulary(language, seed ^ n as u64)).collect();
        let mut sum = 0.0;
        let weights = (1..=VOCABULARY).map(|rank| {
            sum += (rank as f64).powf(-EXPONENT);
            sum
        });
        let cumulative = weights.collect();
        Self { seed, words, cumulative }
    }

    /// The document of this number.
    pub(crate) fn document(&self, number: u64) -> Made {
        let mut random = StdRng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        let mut dice = random.random_range(0..100);
        let which = LANGUAGES.iter().position(|language| {
            let here = dice < language.share;
            dice = dice.saturating_sub(language.share);
            here
        });
        let which = which.unwrap_or_default();
        // What the document is about: some telling words come again and again.
        let subject: Vec<usize> = (0..12).map(|_| random.random_range(TELLING..VOCABULARY)).collect();
        let title = (0..random.random_range(2..6)).map(|n| self.words[which][subject[n]].as_str());
        let title = title.collect::<Vec<_>>().join(" ");
        let pages = (log_normal(&mut random, 1.6, 1.0) as usize).clamp(1, MOST_PAGES);
        let pages = (0..pages).map(|_| self.page(which, &subject, &mut random)).collect();
        let id = Uuid::from_u128(
            (u128::from(number) << 80) | (0x7 << 76) | (0x2 << 62) | u128::from(random.random::<u32>()),
        );
        Made { id, language: LANGUAGES[which].code, title, pages }
    }

    fn page(&self, which: usize, subject: &[usize], random: &mut StdRng) -> String {
        let count = (log_normal(random, 5.6, 0.5) as usize).clamp(20, 1_500);
        let mut text = String::with_capacity(count * 7);
        for position in 0..count {
            if position > 0 {
                text.push_str(if position % 14 == 0 { ". " } else { " " });
            }
            match random.random_range(0..100) {
                0..2 => text.push_str(&random.random_range(1900..2030).to_string()),
                2..5 => text.push_str(&self.words[which][subject[random.random_range(0..subject.len())]]),
                _ => text.push_str(&self.words[which][self.rank(random)]),
            }
        }
        text
    }

    fn rank(&self, random: &mut StdRng) -> usize {
        let at = random.random_range(0.0..self.cumulative.last().copied().unwrap_or(1.0));
        self.cumulative.partition_point(|sum| *sum < at).min(VOCABULARY - 1)
    }

    /// Whether the word says what a text is about.
    pub(crate) fn is_telling(word: &str) -> bool {
        word.chars().count() >= 6 && word.chars().all(char::is_alphabetic)
    }
}

fn vocabulary(language: &Language, seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let syllables: Vec<&str> = language.syllables.split_whitespace().collect();
    let mut words: Vec<String> = language.frequent.split_whitespace().map(str::to_owned).collect();
    let mut seen: std::collections::HashSet<String> = words.iter().cloned().collect();
    while words.len() < VOCABULARY {
        // The rarer the longer.
        let count = 2 + usize::from(words.len() > 2_000) + random.random_range(0..2);
        let word: String = (0..count).map(|_| syllables[random.random_range(0..syllables.len())]).collect();
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

/// `exp` of a normal number of this mean and deviation (Box and Muller).
fn log_normal(random: &mut StdRng, mean: f64, deviation: f64) -> f64 {
    let (u, v) = (random.random_range(f64::EPSILON..1.0), random.random_range(0.0..std::f64::consts::TAU));
    (mean + deviation * (-2.0 * u.ln()).sqrt() * v.cos()).exp()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_documents() {
        let (one, other) = (Generator::new(1), Generator::new(1));
        assert_eq!(one.document(7), other.document(7));
        assert_ne!(one.document(7).pages, one.document(8).pages);
        assert_ne!(one.document(7).pages, Generator::new(2).document(7).pages);
    }

    #[test]
    fn documents_are_like_those_of_an_archive() {
        let generator = Generator::new(1);
        let documents: Vec<Made> = (0..400).map(|n| generator.document(n)).collect();
        let share = |code| documents.iter().filter(|d| d.language == code).count() as f64 / 400.0;
        assert!((0.45..0.65).contains(&share("en")) && share("es") > 0.03, "{} {}", share("en"), share("es"));
        let pages: usize = documents.iter().map(|d| d.pages.len()).sum();
        assert!((5.0..12.0).contains(&(pages as f64 / 400.0)), "{pages} pages");
        let mut counts = HashMap::<&str, usize>::new();
        for page in documents.iter().filter(|d| d.language == "en").flat_map(|d| &d.pages) {
            page.split([' ', '.']).filter(|w| !w.is_empty()).for_each(|w| *counts.entry(w).or_default() += 1);
        }
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        // Zipf: the tenth word is about ten times as rare as the first, and half of all words occur once or twice.
        let ratio = counts[0] as f64 / counts[9] as f64;
        assert!((7.0..16.0).contains(&ratio), "{ratio}");
        assert!(counts.len() > 15_000, "{} words", counts.len());
    }
}
