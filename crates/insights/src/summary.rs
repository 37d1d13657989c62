use std::collections::HashMap;

const SENTENCES: usize = 3;
const CHARACTERS: usize = 600;
const EXAMINED_SENTENCES: usize = 400;

/// The sentences that share the most words with the rest of the text, in their order. Words of
/// fewer than four letters are mostly grammar and do not count; earlier sentences count a little more.
pub(crate) fn summarise(text: &str) -> String {
    let sentences: Vec<&str> = sentences(text).take(EXAMINED_SENTENCES).collect();
    let mut frequency: HashMap<String, usize> = HashMap::new();
    for word in sentences.iter().flat_map(|s| words(s)) {
        *frequency.entry(word).or_default() += 1;
    }
    let score = |(index, sentence): (usize, &&str)| {
        let counts: Vec<usize> = words(sentence).map(|word| frequency[&word] - 1).collect();
        let mean = counts.iter().sum::<usize>() as f64 / counts.len().max(6) as f64;
        (index, mean / (1.0 + index as f64 * 0.02))
    };
    let mut ranked: Vec<(usize, f64)> = sentences.iter().enumerate().map(score).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut chosen: Vec<usize> = Vec::new();
    let mut length = 0;
    for (index, _) in ranked {
        let more = sentences[index].chars().count() + 1;
        if length + more <= CHARACTERS {
            length += more;
            chosen.push(index);
        }
        if chosen.len() == SENTENCES {
            break;
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|index| sentences[index]).collect::<Vec<_>>().join(" ").replace('\n', " ")
}

/// What looks like one: 25 to 350 characters (from 10 in Chinese and Japanese), up to a full stop before
/// white space, or up to theirs, which needs none.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").flat_map(|paragraph| {
        let mut from = 0;
        let ends: Vec<usize> = paragraph
            .char_indices()
            .filter(|(_, c)| matches!(c, '.' | '!' | '?' | '。' | '！' | '？'))
            .map(|(at, c)| (at + c.len_utf8(), !c.is_ascii()))
            .filter(|(end, wide)| *wide || paragraph[*end..].chars().next().is_none_or(char::is_whitespace))
            .map(|(end, _)| end)
            .collect();
        ends.into_iter()
            .map(move |end| {
                let sentence = paragraph[from..end].trim();
                from = end;
                sentence
            })
            .filter(|s| (if s.ends_with(['。', '！', '？']) { 10 } else { 25 }..=350).contains(&s.chars().count()))
            .collect::<Vec<_>>()
    })
}

fn words(sentence: &str) -> impl Iterator<Item = String> + '_ {
    let letters = |word: &&str| word.chars().count() >= 4;
    sentence.split(|c: char| !c.is_alphanumeric()).filter(letters).map(str::to_lowercase)
}
