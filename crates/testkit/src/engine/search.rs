//! What the stand-in finds, and how it shows it: words folded, prefix on the last, typos, phrases,
//! exclusions, one hit for each distinct value, facets, highlighting, cropping.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Map, Value, json};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::filter::{Filter, text, values};

type Document = Map<String, Value>;

/// A word of an attribute: where it stands, in bytes, and folded.
struct Word {
    start: usize,
    end: usize,
    folded: String,
}

fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

fn words(text: &str) -> Vec<Word> {
    let (mut words, mut start) = (Vec::new(), None);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric() || is_combining_mark(c), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(Word { start: from, end: at, folded: fold(&text[from..at]) });
                start = None;
            }
            _ => {}
        }
    }
    words
}

#[derive(Debug, Default)]
struct Asked {
    /// Each with whether it may be a prefix.
    words: Vec<(String, bool)>,
    phrases: Vec<Vec<String>>,
    not_words: Vec<String>,
    not_phrases: Vec<Vec<String>>,
}

fn parse(q: &str) -> Asked {
    let mut asked = Asked::default();
    let (mut rest, mut last_is_word) = (q, false);
    while let Some(at) = rest.find(|c: char| !c.is_whitespace()) {
        rest = &rest[at..];
        let negative = rest.starts_with('-');
        rest = rest.strip_prefix('-').unwrap_or(rest);
        let folded = |t: &str| words(t).into_iter().map(|w| w.folded).collect::<Vec<_>>();
        if let Some(inner) = rest.strip_prefix('"') {
            let (phrase, after) = inner.split_once('"').unwrap_or((inner, ""));
            let list = if negative { &mut asked.not_phrases } else { &mut asked.phrases };
            list.push(folded(phrase));
            (rest, last_is_word) = (after, false);
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
            match negative {
                true => asked.not_words.extend(folded(&rest[..end])),
                false => asked.words.extend(folded(&rest[..end]).into_iter().map(|w| (w, false))),
            }
            (rest, last_is_word) = (&rest[end..], !negative);
        }
    }
    if last_is_word && let Some(last) = asked.words.last_mut() {
        last.1 = true;
    }
    asked.phrases.retain(|p| !p.is_empty());
    asked
}

/// Typos that a word of the query may have.
fn allowed(word: &str, numbers_exact: bool) -> usize {
    match word.chars().count() {
        _ if numbers_exact && word.chars().all(|c| c.is_ascii_digit()) => 0,
        0..5 => 0,
        5..9 => 1,
        _ => 2,
    }
}

/// Typos between them, if no more than allowed; a prefix matches what begins like it.
fn matches(asked: &str, prefix: bool, found: &str, allowed: usize) -> Option<usize> {
    if asked == found || (prefix && found.starts_with(asked)) {
        return Some(0);
    }
    if allowed == 0 {
        return None;
    }
    let (a, f): (Vec<char>, Vec<char>) = (asked.chars().collect(), found.chars().collect());
    let shortest = if prefix { a.len().saturating_sub(allowed).min(f.len()) } else { f.len() };
    let longest = if prefix { (a.len() + allowed).min(f.len()) } else { f.len() };
    let closest = (shortest..=longest).map(|n| distance(&a, &f[..n])).min()?;
    // A wrong first letter counts double.
    let typos = closest + usize::from(closest > 0 && a.first() != f.first());
    (typos <= allowed).then_some(typos)
}

/// Insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = change.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(table[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    table[a.len()][b.len()]
}

struct Rank {
    words: usize,
    typos: usize,
    attribute: usize,
    occurrences: usize,
}

/// How well a document answers, or `None` when it does not.
fn rank(document: &Document, asked: &Asked, searchable: &[String], all: bool, numbers_exact: bool) -> Option<Rank> {
    let attributes: Vec<Vec<Word>> =
        searchable.iter().map(|name| values(document, name).flat_map(|v| words(&text(v))).collect()).collect();
    let has_phrase = |phrase: &[String]| {
        attributes.iter().any(|a| a.windows(phrase.len()).any(|w| w.iter().zip(phrase).all(|(f, p)| f.folded == *p)))
    };
    let excluded = asked.not_words.iter().any(|n| attributes.iter().flatten().any(|w| w.folded == *n))
        || asked.not_phrases.iter().filter(|p| !p.is_empty()).any(|p| has_phrase(p));
    if excluded || !asked.phrases.iter().all(|p| has_phrase(p)) {
        return None;
    }
    let mut rank = Rank { words: 0, typos: 0, attribute: searchable.len(), occurrences: 0 };
    for (word, prefix) in &asked.words {
        let allowed = allowed(word, numbers_exact);
        let mut best: Option<(usize, usize)> = None;
        for (position, attribute) in attributes.iter().enumerate() {
            for typos in attribute.iter().filter_map(|f| matches(word, *prefix, &f.folded, allowed)) {
                best = Some(best.map_or((typos, position), |b| b.min((typos, position))));
                rank.occurrences += 1;
            }
        }
        match best {
            Some((typos, position)) => {
                rank.words += 1;
                rank.typos += typos;
                rank.attribute = rank.attribute.min(position);
            }
            None if all => return None,
            // Words are given up from the end.
            None => break,
        }
    }
    (rank.words > 0 || asked.words.is_empty()).then_some(rank)
}

/// Byte ranges of `text` that match.
fn marked(text: &str, asked: &Asked, numbers_exact: bool) -> Vec<(usize, usize)> {
    let found = words(text);
    let mut ranges = BTreeSet::new();
    for word in &found {
        for (wanted, prefix) in &asked.words {
            if matches(wanted, *prefix, &word.folded, allowed(wanted, numbers_exact)).is_some() {
                let whole = &text[word.start..word.end];
                let begun = *prefix && word.folded.starts_with(wanted.as_str());
                let end = if begun { prefix_end(whole, wanted) } else { whole.len() };
                ranges.insert((word.start, word.start + end));
            }
        }
    }
    for phrase in &asked.phrases {
        for window in found.windows(phrase.len()) {
            if window.iter().zip(phrase).all(|(f, p)| f.folded == *p) {
                ranges.extend(window.iter().map(|w| (w.start, w.end)));
            }
        }
    }
    // Longer ones first where two begin together; then what overlaps is dropped.
    let mut sorted: Vec<_> = ranges.into_iter().collect();
    sorted.sort_by_key(|(start, end)| (*start, Reverse(*end)));
    sorted.dedup_by(|next, kept| next.0 < kept.1);
    sorted
}

fn prefix_end(word: &str, prefix: &str) -> usize {
    let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.into_iter().find(|end| fold(&word[..*end]).len() >= prefix.len()).unwrap_or(word.len())
}

fn format(value: &str, asked: &Asked, body: &Value, crop: bool, numbers_exact: bool) -> String {
    let setting = |name: &str, default: &str| body[name].as_str().unwrap_or(default).to_owned();
    let (pre, post) = (setting("highlightPreTag", "<em>"), setting("highlightPostTag", "</em>"));
    let ranges = marked(value, asked, numbers_exact);
    let length = body["cropLength"].as_u64().unwrap_or(10) as usize;
    let all = words(value);
    let (mut from, mut to) = (0, value.len());
    if crop && all.len() > length {
        let first = ranges.first().and_then(|r| all.iter().position(|w| w.start == r.0)).unwrap_or(0);
        let begin = first.saturating_sub(length / 2).min(all.len() - length);
        (from, to) = (all[begin].start, all[begin + length - 1].end);
    }
    let mark = setting("cropMarker", "…");
    let mut shown = if from > 0 { mark.clone() } else { String::new() };
    let mut at = from;
    for (start, end) in ranges.into_iter().filter(|(start, end)| *start >= from && *end <= to) {
        shown += &format!("{}{pre}{}{post}", &value[at..start], &value[start..end]);
        at = end;
    }
    shown += &value[at..to];
    if to < value.len() {
        shown += &mark;
    }
    shown
}

pub(super) struct Settings {
    pub(super) searchable: Vec<String>,
    pub(super) numbers_exact: bool,
    /// Whether an order that is asked for comes before how well something matches.
    pub(super) sort_first: bool,
    pub(super) facet_values: usize,
}

/// Answers a search; the filter was checked before.
pub(super) fn answer(
    documents: &BTreeMap<String, Document>,
    settings: &Settings,
    filter: Option<&Filter>,
    body: &Value,
) -> Value {
    let names = |field: &str| -> Vec<String> {
        body[field]
            .as_array()
            .into_iter()
            .flatten()
            .map(|v| text(v).split(':').next().unwrap_or("").to_owned())
            .collect()
    };
    let q = body["q"].as_str().unwrap_or_default();
    let (asked, all) = (parse(q), body["matchingStrategy"] == "all");
    let mut found: Vec<(Rank, &Document)> = documents
        .values()
        .filter(|d| filter.is_none_or(|f| f.accepts(d)))
        .filter_map(|d| Some((rank(d, &asked, &settings.searchable, all, settings.numbers_exact)?, d)))
        .collect();
    found.sort_by_key(|(r, _)| (Reverse(r.words), r.typos, r.attribute, Reverse(r.occurrences)));
    if let (true, Some(sort)) = (settings.sort_first, body["sort"][0].as_str()) {
        let (name, direction) = sort.split_once(':').unwrap_or((sort, "asc"));
        let number = |d: &Document| d.get(name).and_then(Value::as_i64).unwrap_or_default();
        found.sort_by_key(|(_, d)| if direction == "desc" { -number(d) } else { number(d) });
    }
    if let Some(distinct) = body["distinct"].as_str() {
        let mut seen = BTreeSet::new();
        found.retain(|(_, d)| d.get(distinct).is_none_or(|value| seen.insert(text(value))));
    }
    let facets: Map<String, Value> = names("facets")
        .into_iter()
        .map(|facet| (facet.clone(), count(found.iter().map(|(_, d)| *d), &facet, settings.facet_values)))
        .collect();
    let number = |field: &str, default: u64| body[field].as_u64().unwrap_or(default) as usize;
    let paged = !body["page"].is_null() || !body["hitsPerPage"].is_null();
    let (offset, limit) = match (number("hitsPerPage", 20), number("page", 1)) {
        (hits, page) if paged => (hits * page.saturating_sub(1), hits),
        _ => (number("offset", 0), number("limit", 20)),
    };
    let (retrieved, highlighted, cropped) =
        (names("attributesToRetrieve"), names("attributesToHighlight"), names("attributesToCrop"));
    let hit = |(rank, document): &(Rank, &Document)| {
        let wanted = |name: &String| body["attributesToRetrieve"].is_null() || retrieved.contains(name);
        let mut hit: Document =
            document.iter().filter(|(k, _)| wanted(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
        let formatted: Document = document
            .iter()
            .filter(|(name, _)| highlighted.contains(name) || cropped.contains(name))
            .map(|(name, value)| {
                let shown = format(&text(value), &asked, body, cropped.contains(name), settings.numbers_exact);
                (name.clone(), Value::from(shown))
            })
            .collect();
        hit.insert("_formatted".to_owned(), formatted.into());
        let score = 1.0 / (1.0 + rank.typos as f64 + 0.1 * rank.attribute as f64);
        hit.insert("_rankingScore".to_owned(), score.into());
        Value::from(hit)
    };
    let hits: Vec<Value> = found.iter().skip(offset).take(limit).map(hit).collect();
    let mut answer = json!({ "hits": hits, "query": q, "processingTimeMs": 0 });
    let place = if paged {
        [("hitsPerPage", limit), ("page", number("page", 1)), ("totalHits", found.len())]
    } else {
        [("limit", limit), ("offset", offset), ("estimatedTotalHits", found.len())]
    };
    for (name, value) in place {
        answer[name] = value.into();
    }
    if !body["facets"].is_null() {
        answer["facetDistribution"] = facets.into();
        answer["facetStats"] = json!({});
    }
    answer
}

fn count<'a>(documents: impl Iterator<Item = &'a Document>, facet: &str, most: usize) -> Value {
    let mut counts = BTreeMap::<String, u64>::new();
    for document in documents {
        for value in values(document, facet) {
            *counts.entry(text(value)).or_default() += 1;
        }
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by_key(|(_, n)| Reverse(*n));
    sorted.into_iter().take(most).map(|(value, n)| (value, Value::from(n))).collect::<Map<_, _>>().into()
}
