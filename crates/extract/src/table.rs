//! Tables as text: CSV, with whatever stands between its cells.

use crate::{
    formats::{Found, Pages, Rows},
    text,
};

const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];
/// Lines that the delimiter is guessed from.
const GUESS_LINES: usize = 50;
/// A quotation that is longer is a mistake: the rest of the file would be one cell.
const CELL_BYTES: usize = 64 * 1024;

pub(crate) fn read(bytes: &[u8], pages: Pages<'_>) -> Found {
    let text = text::decode(bytes, None);
    let text = text.trim_start_matches('\u{feff}');
    let delimiter = delimiter(text);
    let mut rows = Rows::new(pages, "");
    let mut rest = text;
    while !rest.is_empty() {
        let (row, after) = row(rest, delimiter);
        if !rows.row(row.trim_end()) {
            break;
        }
        rest = after;
    }
    rows.end();
    Found::by("csv")
}

/// The one that cuts the lines into the same number of cells most often, and into most.
fn delimiter(text: &str) -> char {
    // As some programs say it themselves.
    if let Some(said) = text.strip_prefix("sep=").and_then(|rest| rest.chars().next()) {
        return said;
    }
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).take(GUESS_LINES).collect();
    let score = |delimiter: char| {
        let counts: Vec<usize> = lines.iter().map(|line| outside_of_quotes(line, delimiter)).collect();
        let usual = counts.iter().copied().max_by_key(|c| (counts.iter().filter(|d| *d == c).count(), *c)).unwrap_or(0);
        let agreeing = counts.iter().filter(|c| **c == usual).count();
        if usual == 0 { (0, 0) } else { (agreeing, usual) }
    };
    DELIMITERS.into_iter().rev().max_by_key(|d| score(*d)).filter(|d| score(*d).0 > 0).unwrap_or(',')
}

fn outside_of_quotes(line: &str, delimiter: char) -> usize {
    let mut quoted = false;
    line.chars()
        .filter(|c| {
            quoted ^= *c == '"';
            *c == delimiter && !quoted
        })
        .count()
}

/// The first row, its cells with tabs between them, and what comes after it.
fn row(text: &str, delimiter: char) -> (String, &str) {
    let mut row = String::new();
    let mut rest = text;
    loop {
        let cell;
        (cell, rest) = match rest.strip_prefix('"').and_then(quoted) {
            Some((cell, after)) => (cell, after),
            None => {
                let end = rest.find([delimiter, '\n', '\r']).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        // Line ends inside of a cell would look like rows.
        row.push_str(cell.replace(['\n', '\r', '\t'], " ").trim());
        match rest.strip_prefix(delimiter) {
            Some(after) => {
                row.push('\t');
                rest = after;
            }
            None if rest.starts_with(['\n', '\r']) => {
                let after = rest.strip_prefix("\r\n").unwrap_or(&rest[1..]);
                return (row, after);
            }
            None if rest.is_empty() => return (row, rest),
            // After the closing quotation mark comes something that should not be there.
            None => row.push(' '),
        }
    }
}

/// Up to the closing quotation mark; two of them are one that is meant.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut cell, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('"')?;
        cell.push_str(&rest[..end]);
        if cell.len() > CELL_BYTES {
            return None;
        }
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => return Some((cell, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(source: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        read(source, &mut |page| {
            found.push(page.to_owned());
            true
        });
        found
    }

    #[test]
    fn delimiters_are_guessed_and_quotations_are_one_cell() {
        assert_eq!(pages(b"name,town\n\"Weber, Anna\",\"a \"\"b\"\"\nc\"\n"), ["name\ttown\nWeber, Anna\ta \"b\" c\n"]);
        assert_eq!(pages(b"a;b\r\n1,5;2,5\r\n"), ["a\tb\n1,5\t2,5\n"]);
        assert_eq!(pages(b"a\tb\n1, 2\t3\n"), ["a\tb\n1, 2\t3\n"]);
        assert_eq!(pages(b"a|b\n1|2"), ["a\tb\n1\t2\n"]);
        assert_eq!(pages(b"one\ntwo"), ["one\ntwo\n"]);
    }

    #[test]
    fn a_quotation_without_end_swallows_nothing() {
        assert!(pages(b"a,b\n\"c,d\ne,f\n")[0].contains("e\tf"));
        let long = "a,\"".to_owned() + &"x,y\n".repeat(100_000);
        assert_eq!(pages(long.as_bytes()).concat().matches('x').count(), 100_000);
    }

    #[test]
    fn many_rows_are_many_pages() {
        let source = "word,12345\n".repeat(10_000);
        let pages = pages(source.as_bytes());
        assert!(pages.len() > 3 && pages.iter().all(|p| p.ends_with("12345\n")), "cut between rows");
    }
}
