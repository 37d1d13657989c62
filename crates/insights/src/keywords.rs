use yake_rust::{Config, StopWords, get_n_best};

const MOST: usize = 12;
/// Of the beginning of a document; the method's cost grows with the text.
const EXAMINED_CHARACTERS: usize = 30_000;

/// A word or phrase that tells what a text is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyword {
    /// As it stands in the text.
    pub term: String,
    /// 0 to 1, comparable between documents.
    pub confidence: f64,
}

/// YAKE (Campos et al., 2020, doi:10.1016/j.ins.2019.09.013) scores from 0, the most telling,
/// upwards without bound and depending on nothing but the text. 1 / (1 + 10·score) turns that
/// around into 0 to 1, and keeps it comparable: the same score is the same confidence everywhere.
pub(crate) fn extract(text: &str, language: &str) -> Vec<Keyword> {
    let end = text.char_indices().nth(EXAMINED_CHARACTERS).map_or(text.len(), |(at, _)| at);
    let stop_words = StopWords::predefined(language).or_else(|| StopWords::predefined("en"));
    let Some(stop_words) = stop_words else { return Vec::new() };
    let config = Config { ngrams: 3, ..Config::default() };
    get_n_best(MOST, &text[..end], &stop_words, &config)
        .into_iter()
        .filter(|found| found.score.is_finite() && found.score >= 0.0)
        .filter(|found| found.raw.chars().any(char::is_alphabetic) && found.raw.chars().count() <= 80)
        .map(|found| Keyword { term: found.raw, confidence: 1.0 / (1.0 + 10.0 * found.score) })
        .collect()
}
