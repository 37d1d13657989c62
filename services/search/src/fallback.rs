//! The question as PostgreSQL takes it: a `tsquery` with mended typos, and what to mark in the
//! snippets.

use crate::{
    domain::{Term, Terms},
    snippet::{Match, fold, words},
};

/// Words put beside one that nobody has written.
const ALTERNATIVES: usize = 3;

/// What PostgreSQL makes of one word or phrase of the question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Analysis {
    /// The lexemes that its parser sees, as written.
    pub(crate) lexemes: Vec<String>,
    /// Their roots in the languages that documents have.
    pub(crate) stems: Vec<String>,
    /// Written words that are near it, the nearest first; empty when it is a written word itself.
    pub(crate) near: Vec<String>,
}

/// A question for PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiled {
    /// All words.
    pub(crate) all: String,
    /// Any of the words; `None` when there is only one.
    pub(crate) any: Option<String>,
    /// Any word at all, for titles that have part of the words; `None`: only exclusions.
    pub(crate) some: Option<String>,
    /// What must not be there.
    pub(crate) not: Option<String>,
    pub(crate) matches: Vec<Match>,
}

/// Whether the word may have typos: never numbers, and, as in the engine, no short words.
pub(crate) fn typos_allowed(word: &str) -> usize {
    match word.chars().count() {
        _ if word.chars().any(|c| c.is_ascii_digit()) => 0,
        0..5 => 0,
        5..9 => 1,
        _ => 2,
    }
}

/// The words of `near` that are `word` but for the typos that are allowed, the nearest first.
pub(crate) fn mended(word: &str, prefix: bool, near: &[String]) -> Vec<String> {
    let (allowed, word) = (typos_allowed(word), fold(word));
    let mut close: Vec<_> = near.iter().filter_map(|n| Some((typos(&word, &fold(n), prefix, allowed)?, n))).collect();
    close.sort_by_key(|(typos, _)| *typos);
    close.into_iter().take(ALTERNATIVES).map(|(_, n)| n.clone()).collect()
}

fn typos(asked: &str, written: &str, prefix: bool, allowed: usize) -> Option<usize> {
    let (a, w): (Vec<char>, Vec<char>) = (asked.chars().collect(), written.chars().collect());
    let ends = if prefix {
        a.len().saturating_sub(allowed).min(w.len())..=(a.len() + allowed).min(w.len())
    } else {
        w.len()..=w.len()
    };
    ends.map(|end| distance(&a, &w[..end])).min().filter(|typos| *typos <= allowed)
}

/// Letters inserted, left out, mistaken, or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// `None` when PostgreSQL sees no word in it.
pub(crate) fn compile(terms: &Terms, analyses: &[Analysis]) -> Option<Compiled> {
    let (mut must, mut not, mut matches) = (Vec::new(), Vec::new(), Vec::new());
    let mut phrases = Vec::new();
    for (term, analysis) in terms.0.iter().zip(analyses).filter(|(_, a)| !a.lexemes.is_empty()) {
        match term {
            Term::Word { text, prefix } => {
                must.push(word(analysis, *prefix));
                matches.extend(marks(text, analysis, *prefix));
            }
            Term::Phrase(text) => {
                phrases.push(sequence(&analysis.lexemes));
                matches.push(Match::Phrase(words(text).into_iter().map(|w| w.folded).collect()));
            }
            Term::Not(_) => not.push(sequence(&analysis.lexemes)),
        }
    }
    let join = |parts: &[String], by: &str| (!parts.is_empty()).then(|| format!("({})", parts.join(by)));
    let excluded: Vec<String> = not.iter().map(|n| format!("!{n}")).collect();
    let whole = |words: Option<String>| {
        let parts: Vec<String> = words.into_iter().chain(phrases.clone()).chain(excluded.clone()).collect();
        join(&parts, " & ")
    };
    let positive = [must.clone(), phrases.clone()].concat();
    Some(Compiled {
        all: whole(join(&must, " & "))?,
        any: (must.len() > 1).then(|| whole(join(&must, " | "))).flatten(),
        some: join(&positive, " | "),
        not: join(&not, " | "),
        matches,
    })
}

fn word(analysis: &Analysis, prefix: bool) -> String {
    // Several lexemes are one word with signs in it, such as a file name: all of them are wanted.
    let written = match analysis.lexemes.as_slice() {
        [one] => lexeme(one, prefix),
        several => format!("({})", several.iter().map(|l| lexeme(l, false)).collect::<Vec<_>>().join(" & ")),
    };
    let others = analysis.stems.iter().chain(&analysis.near).map(|l| lexeme(l, false));
    format!("({})", std::iter::once(written).chain(others).collect::<Vec<_>>().join(" | "))
}

fn sequence(lexemes: &[String]) -> String {
    format!("({})", lexemes.iter().map(|l| lexeme(l, false)).collect::<Vec<_>>().join(" <-> "))
}

fn lexeme(text: &str, prefix: bool) -> String {
    let quoted = text.replace('\\', "\\\\").replace('\'', "''");
    format!("'{quoted}'{}", if prefix { ":*" } else { "" })
}

fn marks(text: &str, analysis: &Analysis, prefix: bool) -> Vec<Match> {
    let mut own: Vec<Match> = words(text).into_iter().map(|w| Match::Word(w.folded)).collect();
    if prefix && let Some(Match::Word(last)) = own.pop() {
        own.push(Match::Prefix(last));
    }
    let near = analysis.near.iter().map(|n| Match::Word(fold(n)));
    own.into_iter().chain(near).chain(analysis.stems.iter().map(|s| Match::Stem(fold(s)))).collect()
}

/// What to mark when only the question is known.
pub(crate) fn plain_matches(terms: &Terms) -> Vec<Match> {
    let none = Analysis::default();
    let of = |term: &Term| match term {
        Term::Word { text, prefix } => marks(text, &none, *prefix),
        Term::Phrase(text) => words(text).into_iter().map(|w| Match::Word(w.folded)).collect(),
        Term::Not(_) => Vec::new(),
    };
    terms.0.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_mended_within_limits_and_numbers_never() {
        let near = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(mended("walrs", false, &near(&["walrus", "wales", "walker"])), ["walrus", "wales"]);
        assert_eq!(mended("hrose", false, &near(&["horse", "rose"])), ["horse", "rose"]);
        assert_eq!(mended("quartrely", false, &near(&["quarterly", "quarter"])), ["quarterly"]);
        assert_eq!(mended("forcas", true, &near(&["forecasting"])), ["forecasting"]);
        assert!(mended("wals", false, &near(&["wale"])).is_empty());
        assert!(mended("20191", false, &near(&["20190"])).is_empty());
        assert_eq!(mended("zurich", false, &near(&["zürich"])), ["zürich"]);
    }

    #[test]
    fn a_question_compiles_to_a_tsquery() {
        let word = |text: &str, prefix| Term::Word { text: text.into(), prefix };
        let terms = Terms(vec![
            word("o'neil", false),
            Term::Phrase("in bern".into()),
            Term::Not("old".into()),
            word("offic", true),
        ]);
        let lexemes =
            |l: &[&str]| Analysis { lexemes: l.iter().map(|x| (*x).to_owned()).collect(), ..Analysis::default() };
        let mut analyses = vec![lexemes(&["o'neil"]), lexemes(&["in", "bern"]), lexemes(&["old"]), lexemes(&["offic"])];
        analyses[0].near = vec!["oneil".into()];
        let compiled = compile(&terms, &analyses).unwrap();
        assert_eq!(compiled.all, "((('o''neil' | 'oneil') & ('offic':*)) & ('in' <-> 'bern') & !('old'))");
        assert_eq!(compiled.any.unwrap(), "((('o''neil' | 'oneil') | ('offic':*)) & ('in' <-> 'bern') & !('old'))");
        assert_eq!(compiled.not.unwrap(), "(('old'))");
        assert!(compile(&terms, &[lexemes(&[]), lexemes(&[]), lexemes(&[]), lexemes(&[])]).is_none());
    }
}
