//! Questions whose right answer is known, and how well two engines agree on them.

use std::collections::HashSet;

use e2e::words;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use uuid::Uuid;

use super::{generator::Generator, library::Library};

/// The kinds of questions, in this order everywhere.
pub(crate) const KINDS: [&str; 3] = ["words", "phrase", "one typo"];
const TOP: usize = 10;

/// A question made from a page of a document: that document is what is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Place in [`KINDS`].
    pub(crate) kind: usize,
    pub(crate) text: String,
    /// Without the typo.
    pub(crate) right: String,
    pub(crate) wanted: Uuid,
}

/// `count` questions of each kind about the first `documents`, others for another `round`.
pub(crate) fn make(generator: &Generator, documents: u64, count: usize, round: u64) -> Vec<Question> {
    let mut random = StdRng::seed_from_u64(round);
    let (mut questions, mut counts) = (Vec::new(), [0; KINDS.len()]);
    while counts.iter().any(|made| *made < count) {
        let kind = counts.iter().position(|made| *made < count).unwrap_or_default();
        let document = generator.document(random.random_range(0..documents));
        // The last page may have been left out of the archive.
        let page = &document.pages[random.random_range(0..document.pages.len().div_ceil(2))];
        let sentences: Vec<&str> = page.split(". ").collect();
        let sentence: Vec<&str> = sentences[random.random_range(0..sentences.len())].split(' ').collect();
        let telling: Vec<&str> = sentence.iter().copied().filter(|word| Generator::is_telling(word)).collect();
        let (text, right) = match (kind, &telling[..]) {
            (0, [one, two, ..]) => (format!("{one} {two}"), format!("{one} {two}")),
            (1, [_, _, ..]) if sentence.len() >= 4 => {
                let at = random.random_range(0..sentence.len() - 3);
                let phrase = format!("\"{}\"", sentence[at..at + 4].join(" "));
                (phrase.clone(), phrase)
            }
            (2, [one, two, ..]) => (format!("{} {two}", words::misspelt(one)), format!("{one} {two}")),
            _ => continue,
        };
        counts[kind] += 1;
        questions.push(Question { kind, text, right, wanted: document.id });
    }
    questions
}

/// The documents of an answer, the best first.
pub(crate) async fn top(library: &Library, text: &str) -> anyhow::Result<Vec<Uuid>> {
    let limit = TOP.to_string();
    let answer =
        library.client.query("/api/v1/search", &[("q", text), ("limit", &limit)]).await?.expect(200)?.json()?;
    let hits = answer["hits"].as_array().cloned().unwrap_or_default();
    Ok(hits.iter().filter_map(|hit: &Value| hit["document_id"].as_str()?.parse().ok()).collect())
}

/// What the two found for one question.
pub(crate) struct Judged {
    pub(crate) kind: usize,
    pub(crate) wanted: Uuid,
    pub(crate) engine: Vec<Uuid>,
    pub(crate) fallback: Vec<Uuid>,
}

impl Judged {
    /// The share of the longer list that is in both; both empty: they agree.
    fn overlap(&self) -> f64 {
        let (one, other): (HashSet<_>, HashSet<_>) = (self.engine.iter().collect(), self.fallback.iter().collect());
        let longer = one.len().max(other.len());
        if longer == 0 { 1.0 } else { one.intersection(&other).count() as f64 / longer as f64 }
    }
}

/// A row for each kind: in Markdown.
pub(crate) fn table(judged: &[Judged]) -> String {
    let mut text =
        "| question | asked | engine: wanted in top 10 | first | fallback: wanted in top 10 | first | overlap of the \
                    top 10 |\n| --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for (kind, name) in KINDS.iter().enumerate() {
        let of: Vec<&Judged> = judged.iter().filter(|j| j.kind == kind).collect();
        let share = |f: &dyn Fn(&Judged) -> f64| {
            let sum: f64 = of.iter().map(|j| f(j)).sum();
            format!("{:.0} %", 100.0 * sum / of.len().max(1) as f64)
        };
        let there = |yes: bool| f64::from(u8::from(yes));
        text.push_str(&format!(
            "| {name} | {} | {} | {} | {} | {} | {} |\n",
            of.len(),
            share(&|j| there(j.engine.contains(&j.wanted))),
            share(&|j| there(j.engine.first() == Some(&j.wanted))),
            share(&|j| there(j.fallback.contains(&j.wanted))),
            share(&|j| there(j.fallback.first() == Some(&j.wanted))),
            share(&Judged::overlap),
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_about_their_document() {
        let generator = Generator::new(1);
        let questions = make(&generator, 30, 5, 1);
        assert_eq!(questions.len(), 15);
        for question in &questions {
            let mut documents = (0..30).map(|n| generator.document(n));
            let document = documents.find(|d| d.id == question.wanted).unwrap();
            let words = question.right.trim_matches('"');
            let has = |page: &String| match question.kind {
                1 => page.contains(words),
                _ => words.split(' ').all(|word| page.contains(word)),
            };
            assert!(document.pages.iter().any(has), "{question:?}");
            assert_eq!(question.kind == 2, question.text != question.right, "{question:?}");
        }
    }

    #[test]
    fn overlap_counts_what_both_have() {
        let ids: Vec<Uuid> = (1..=4).map(Uuid::from_u128).collect();
        let judged = |engine: &[Uuid], fallback: &[Uuid]| Judged {
            kind: 0,
            wanted: ids[0],
            engine: engine.to_vec(),
            fallback: fallback.to_vec(),
        };
        assert_eq!(judged(&ids[..2], &ids[1..3]).overlap(), 0.5);
        assert_eq!(judged(&[], &ids).overlap(), 0.0);
        assert_eq!(judged(&[], &[]).overlap(), 1.0);
        assert!(table(&[judged(&ids, &ids[1..])]).contains("| words | 1 | 100 % | 100 % | 0 % | 0 % | 75 % |"));
    }
}
