//! Text whose content is known: ordinary prose, and words that occur nowhere else.

use rand::{RngExt, SeedableRng, rngs::StdRng};

const PROSE: &str = "the archive keeps every letter that was sent to the office and each of them is read before it \
     is filed so that people can find what they need when they ask for it in the morning or late at night \
     because a good record explains who wrote what and why the answer took so long while the garden behind \
     the house grew quiet under rain and the river carried boats with timber stone and salt to the harbour \
     where merchants counted barrels opened ledgers and argued about prices until evening lamps were lit";

/// `count` words of English prose, always the same for the same `seed`.
pub fn prose(seed: u64, count: usize) -> String {
    let all: Vec<&str> = PROSE.split_whitespace().collect();
    let mut random = StdRng::seed_from_u64(seed);
    let mut text = String::with_capacity(count * 6);
    for position in 0..count {
        if position > 0 {
            text.push_str(if position % 12 == 0 { ". " } else { " " });
        }
        text.push_str(all[random.random_range(0..all.len())]);
    }
    text.push('.');
    text
}

/// A word of twelve letters that can be spoken, and that no other text contains.
pub fn unique() -> String {
    let mut random = rand::rng();
    let mut letter = |letters: &[u8]| char::from(letters[random.random_range(0..letters.len())]);
    (0..6).flat_map(|_| [letter(b"bdfgklmnprstvz"), letter(b"aeiou")]).collect()
}

/// `word` as a hurried person types it: two letters in the middle changed places.
///
/// Where they are equal the second is left out instead. Words of at least four letters.
pub fn misspelt(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let middle = letters.len() / 2;
    if letters[middle - 1] == letters[middle] {
        letters.remove(middle);
    } else {
        letters.swap(middle - 1, middle);
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_differs_from_the_word() {
        assert_eq!(misspelt("harbour"), "habrour");
        assert_eq!(misspelt("letters"), "leters");
        let word = unique();
        assert_ne!(misspelt(&word), word);
    }

    #[test]
    fn prose_is_the_same_for_the_same_seed() {
        assert_eq!(prose(3, 40), prose(3, 40));
        assert_ne!(prose(3, 40), prose(4, 40));
        assert_eq!(prose(3, 40).split_whitespace().count(), 40);
    }
}
