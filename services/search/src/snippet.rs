//! Snippets: plain text and the ranges of it that matched. Never markup.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Words of a snippet, about, from either engine.
pub(crate) const SNIPPET_WORDS: usize = 30;
/// Text that is looked through for the best part.
const SEARCHED_BYTES: usize = 256 * 1024;
const CUT: char = '…';

/// Part of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snippet {
    pub(crate) text: String,
    /// Half open, in characters (Unicode scalar values), in order, not overlapping.
    pub(crate) ranges: Vec<(i32, i32)>,
}

/// What makes a word of a page a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Word(String),
    Prefix(String),
    /// The root that a language's rules leave of a word.
    Stem(String),
    Phrase(Vec<String>),
}

/// Lower-case, without accents.
pub(crate) fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// A word of a text: where it stands in bytes, and folded.
#[derive(Debug)]
pub(crate) struct Word {
    start: usize,
    end: usize,
    pub(crate) folded: String,
}

pub(crate) fn words(text: &str) -> Vec<Word> {
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

/// Collects text, with white space and control characters made single spaces.
#[derive(Default)]
struct Builder {
    snippet: Snippet,
    characters: i32,
    open: Option<i32>,
}

impl Builder {
    fn push(&mut self, text: &str) {
        for c in text.chars() {
            let c = if c.is_whitespace() || c.is_control() { ' ' } else { c };
            if c == ' ' && (self.snippet.text.is_empty() || self.snippet.text.ends_with(' ')) {
                continue;
            }
            self.snippet.text.push(c);
            self.characters += 1;
        }
    }

    fn open(&mut self) {
        self.open = self.open.or(Some(self.characters));
    }

    fn close(&mut self) {
        if let Some(start) = self.open.take().filter(|start| *start < self.characters) {
            self.snippet.ranges.push((start, self.characters));
        }
    }

    fn finish(mut self) -> Snippet {
        self.close();
        let kept = self.snippet.text.trim_end().len();
        self.snippet.text.truncate(kept);
        self.snippet
    }
}

/// Turns marks around the matches into ranges. The engine marks only part of a word that it found
/// in spite of a typo; such a match is widened to the whole word.
pub(crate) fn from_marked(marked: &str, marks: (&str, &str), asked: &[Match]) -> Snippet {
    let (mut builder, mut rest) = (Builder::default(), marked);
    while let Some((before, after)) = rest.split_once(marks.0) {
        builder.push(before);
        let (inside, after) = after.split_once(marks.1).unwrap_or((after, ""));
        let tail = if is_begun(inside, asked) { 0 } else { word_end(after) };
        builder.open();
        builder.push(inside);
        builder.push(&after[..tail]);
        builder.close();
        rest = &after[tail..];
    }
    builder.push(rest);
    builder.finish()
}

fn is_begun(marked: &str, asked: &[Match]) -> bool {
    let folded = fold(marked);
    asked.iter().any(|m| matches!(m, Match::Prefix(p) if *p == folded))
}

fn word_end(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).unwrap_or(text.len())
}

/// The part of `text` that holds most of what was asked, with its matches.
pub(crate) fn around(text: &str, asked: &[Match]) -> Snippet {
    let text = &text[..floor(text, SEARCHED_BYTES)];
    let words = words(text);
    let found = find(&words, asked);
    let first = best_window(words.len(), &found);
    let last = (first + SNIPPET_WORDS).min(words.len());
    let (Some(begin), Some(end)) = (words.get(first), last.checked_sub(1).and_then(|l| words.get(l))) else {
        return Snippet::default();
    };
    // Signs at the ends of the page belong to it; elsewhere the cut falls between words.
    let from = if first == 0 { 0 } else { begin.start };
    let to = if last == words.len() { text.len() } else { end.end };
    let mut builder = Builder::default();
    if from > 0 {
        builder.push(&CUT.to_string());
    }
    let mut at = from;
    for hit in found.iter().filter(|hit| (first..last).contains(&hit.word)) {
        let start = words[hit.word].start;
        builder.push(&text[at..start]);
        builder.open();
        at = start + hit.length;
        builder.push(&text[start..at]);
        builder.close();
    }
    builder.push(&text[at..to]);
    if to < text.len() {
        builder.push(&CUT.to_string());
    }
    builder.finish()
}

struct Hit {
    word: usize,
    /// Which of what was asked.
    asked: usize,
    /// Bytes of the word that match.
    length: usize,
}

fn find(words: &[Word], asked: &[Match]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let whole = word.end - word.start;
        for (n, wanted) in asked.iter().enumerate() {
            match wanted {
                Match::Word(w) if *w == word.folded => hits.push(Hit { word: at, asked: n, length: whole }),
                Match::Prefix(p) if word.folded.starts_with(p.as_str()) => {
                    // Folding may change the number of bytes; then the whole word is marked.
                    let same = word.folded.len() == whole;
                    hits.push(Hit { word: at, asked: n, length: if same { p.len() } else { whole } });
                }
                Match::Stem(s) if has_stem(&word.folded, s) => hits.push(Hit { word: at, asked: n, length: whole }),
                Match::Phrase(phrase) if starts(&words[at..], phrase) => {
                    let length = |w: &Word| w.end - w.start;
                    hits.extend((at..at + phrase.len()).map(|i| Hit { word: i, asked: n, length: length(&words[i]) }));
                }
                _ => {}
            }
        }
    }
    // One range for each word, the longest.
    hits.sort_by_key(|hit| (hit.word, std::cmp::Reverse(hit.length)));
    hits.dedup_by_key(|hit| hit.word);
    hits
}

/// A stem is the beginning of its words, but for a last letter that the rules changed.
fn has_stem(word: &str, stem: &str) -> bool {
    let common = word.chars().zip(stem.chars()).take_while(|(a, b)| a == b).count();
    let (long, short) = (word.chars().count(), stem.chars().count());
    short >= 3 && common + 1 >= short && common >= 3 && long <= short + 4
}

fn starts(words: &[Word], phrase: &[String]) -> bool {
    !phrase.is_empty() && words.len() >= phrase.len() && words.iter().zip(phrase).all(|(w, p)| w.folded == *p)
}

/// The first word of the window with most of what was asked, then with most matches.
fn best_window(words: usize, found: &[Hit]) -> usize {
    let lead = SNIPPET_WORDS / 4;
    let score = |from: usize| {
        let inside: Vec<_> = found.iter().filter(|h| (from..from + SNIPPET_WORDS - lead).contains(&h.word)).collect();
        let mut kinds: Vec<_> = inside.iter().map(|h| h.asked).collect();
        kinds.sort_unstable();
        kinds.dedup();
        (kinds.len(), inside.len())
    };
    // Every match may begin a window; many are alike, so not all are tried.
    let best = found.iter().take(200).map(|h| (score(h.word), std::cmp::Reverse(h.word))).max();
    let start = best.map_or(0, |(_, std::cmp::Reverse(word))| word.saturating_sub(lead));
    start.min(words.saturating_sub(SNIPPET_WORDS))
}

fn floor(text: &str, most: usize) -> usize {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(snippet: &Snippet) -> Vec<String> {
        let characters: Vec<char> = snippet.text.chars().collect();
        snippet.ranges.iter().map(|(a, b)| characters[*a as usize..*b as usize].iter().collect()).collect()
    }

    #[test]
    fn ranges_count_characters_and_not_bytes() {
        let asked = [Match::Word("zurich".into()), Match::Prefix("wal".into())];
        let snippet = around("Ärger 𝒳 in\n\n  Zürich: the <b>walrus</b> 🦭", &asked);
        assert_eq!(snippet.text, "Ärger 𝒳 in Zürich: the <b>walrus</b> 🦭");
        assert_eq!(shown(&snippet), ["Zürich", "wal"]);
    }

    #[test]
    fn marks_become_ranges_and_vanish() {
        let asked = [Match::Prefix("wal".into())];
        let snippet = from_marked("…a {wal}rus, über {walrs}y\u{7}<i>", ("{", "}"), &asked);
        assert_eq!(snippet.text, "…a walrus, über walrsy <i>");
        assert_eq!(shown(&snippet), ["wal", "walrsy"]);
        assert_eq!(from_marked("{open", ("{", "}"), &asked).text, "open");
    }

    #[test]
    fn the_window_holds_most_of_what_was_asked() {
        let filler = "lorem ipsum dolor ".repeat(30);
        let text = format!("alpha {filler} alpha alpha {filler} alpha beta {filler}");
        let asked = [Match::Word("alpha".into()), Match::Word("beta".into())];
        let snippet = around(&text, &asked);
        assert_eq!(shown(&snippet), ["alpha", "beta"]);
        assert!(snippet.text.starts_with(CUT) && snippet.text.ends_with(CUT));
        assert!(words(&snippet.text).len() <= SNIPPET_WORDS);
    }

    #[test]
    fn inflected_words_and_phrases_are_marked() {
        let asked = [Match::Stem("compani".into()), Match::Phrase(vec!["in".into(), "bern".into()])];
        let snippet = around("Companies and a company in Bern, in Basel", &asked);
        assert_eq!(shown(&snippet), ["Companies", "company", "in", "Bern"]);
    }

    #[test]
    fn nothing_to_show_is_no_snippet() {
        assert_eq!(around("", &[]), Snippet::default());
        assert_eq!(around(" … !", &[Match::Word("x".into())]), Snippet::default());
    }
}
