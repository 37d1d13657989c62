//! Hebrew and Arabic as they are read, from pages that draw them as they are seen.

use std::iter::once;

/// Whether the letter is written from right to left.
pub(super) fn is_leftward(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
        && (c.is_alphabetic() || is_mark(c))
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}' | '\u{64b}'..='\u{65f}')
}

/// The lines in the order of reading, when they were drawn from left to right throughout.
pub(super) fn logical(text: &str) -> String {
    let lines = text.split('\n').map(|line| if line.contains(is_leftward) { turn(line) } else { line.to_owned() });
    lines.collect::<Vec<_>>().join("\n")
}

/// The side with more letters is the direction of the line; what runs the other way is turned inside it.
fn turn(line: &str) -> String {
    let leftward = line.chars().filter(|c| is_leftward(*c)).count();
    let rightward = line.chars().filter(|c| c.is_alphabetic() && !is_leftward(*c)).count();
    let characters: Vec<char> = line.chars().collect();
    if rightward > leftward {
        return turn_runs(&characters, is_leftward, |c| c.is_alphanumeric() && !is_leftward(c));
    }
    let reversed: Vec<char> = characters.into_iter().rev().map(mirrored).collect();
    turn_runs(&reversed, |c| c.is_alphanumeric() && !is_leftward(c), is_leftward)
}

/// Reverses each stretch from one `inner` character to the last before an `outer` one.
fn turn_runs(characters: &[char], inner: impl Fn(char) -> bool, outer: impl Fn(char) -> bool) -> String {
    let mut turned = String::with_capacity(characters.len() * 2);
    let mut rest = characters;
    while let Some(start) = rest.iter().position(|c| inner(*c)) {
        turned.extend(&rest[..start]);
        let stretch = rest[start..].iter().position(|c| outer(*c)).map_or(rest.len(), |at| start + at);
        let end = rest[start..stretch].iter().rposition(|c| inner(*c)).map_or(stretch, |at| start + at + 1);
        turned.extend(rest[start..end].iter().rev().map(|c| mirrored(*c)));
        rest = &rest[end..];
    }
    turned.extend(rest.iter().chain(once(&'\n')));
    turned.pop();
    turned
}

/// Brackets look the other way from the other side.
fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_turned_and_what_runs_the_other_way_in_it_is_not() {
        assert_eq!(logical(".םולש"), "שלום.");
        assert_eq!(logical("1990 תנשב\nplain 12"), "בשנת 1990\nplain 12");
        assert_eq!(logical("(Open) הפ בוש אוה הז"), "זה הוא שוב פה (Open)");
        assert_eq!(logical("the word םולש שי means peace"), "the word יש שלום means peace");
    }
}
