//! Whether the text of a page can be what stands on it.

/// From here on no second opinion is asked for.
pub(super) const GOOD: f64 = 0.75;

/// 0 (nonsense) to 1 (text), for a page on which `glyphs` were drawn. Judged by what goes wrong when
/// a reader guesses: nothing where much is drawn, replacement and control characters, words cut to
/// pieces, words glued together.
pub(super) fn score(text: &str, glyphs: usize) -> f64 {
    let characters = text.chars().filter(|c| !c.is_whitespace()).count();
    if characters == 0 {
        return if glyphs == 0 { 1.0 } else { 0.0 };
    }
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let unknown = text.chars().filter(|c| *c == '\u{fffd}' || ('\u{e000}'..='\u{f8ff}').contains(c)).count();
    let control = text.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
    let words: Vec<usize> = text
        .split_whitespace()
        .filter(|word| word.chars().all(|c| c.is_alphabetic()))
        .map(|word| word.chars().count())
        .collect();
    let alphabet_of_words = !text.chars().any(is_ideograph);
    let short = share(words.iter().filter(|n| **n <= 2).count(), words.len());
    let long = share(words.iter().filter(|n| **n > 25).count(), words.len());
    let mut score: f64 = 1.0;
    score -= share(unknown, characters) * 12.0;
    score -= share(control, characters) * 8.0;
    if alphabet_of_words && words.len() >= 10 {
        // Prose has up to 40 % such words in the languages that have most.
        score -= (short - 0.5).max(0.0) * 2.0;
        score -= long * 4.0;
    }
    if glyphs > 50 && characters * 4 < glyphs {
        score -= 0.5;
    }
    score.clamp(0.0, 1.0)
}

/// Writing that has no spaces between words.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_passes_and_nonsense_does_not() {
        let prose = "The annual meeting of the association takes place on the first of March in the town hall.";
        assert!(score(prose, 90) >= GOOD);
        assert!(score("議事録は次のとおりです", 11) >= GOOD);
        assert!(score("", 0) >= GOOD);
        assert!(score("", 40) < GOOD);
        assert!(score("\u{fffd}\u{fffd}\u{fffd} abc", 6) < GOOD);
        let split = prose.chars().map(|c| format!("{c} ")).collect::<String>();
        assert!(score(&split, 90) < GOOD);
        let glued = "Theannualmeetingoftheassociationtakesplace ".repeat(12);
        assert!(score(&glued, 500) < GOOD);
    }
}
