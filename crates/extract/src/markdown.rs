//! Markdown: the words without the signs, cut before headings.

use crate::text;

const TAG_BYTES: usize = 4096;
/// A section shorter than this joins the one before it, so that a hit's page says something.
const SECTION_CHARACTERS: usize = 1500;

pub(crate) fn pages(source: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let mut fenced = false;
    for line in source.lines() {
        let bare = line.trim_start();
        if bare.starts_with("```") || bare.starts_with("~~~") {
            fenced = !fenced;
            continue;
        }
        let heading = !fenced && bare.starts_with('#');
        let long = sections.last().is_some_and(|s| s.chars().count() >= SECTION_CHARACTERS);
        if heading && long {
            sections.push(String::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push_str(&if fenced { line.to_owned() } else { plain(line) });
            section.push('\n');
        }
    }
    sections.iter().flat_map(|section| text::pages(section)).collect()
}

/// One line without marks of structure and emphasis and without HTML tags; links keep text and
/// target, unless the target is the data itself.
fn plain(line: &str) -> String {
    let trimmed = line.trim_start();
    let body = trimmed.trim_start_matches(['#', '>']).trim_start();
    let body = ["- ", "* ", "+ "].iter().find_map(|mark| body.strip_prefix(mark)).unwrap_or(body);
    if !body.is_empty() && body.chars().all(|c| "-=*_|: ".contains(c)) {
        return String::new();
    }
    let mut plain = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' | '`' => {}
            '|' => plain.push(' '),
            '\\' => {
                if let Some(escaped) = rest.chars().next() {
                    plain.push(escaped);
                    rest = &rest[escaped.len_utf8()..];
                }
            }
            '!' if rest.starts_with('[') => {}
            '[' => {}
            ']' if rest.starts_with("(data:") => rest = rest.split_once(')').map_or("", |(_, after)| after),
            ']' if rest.starts_with('(') => {
                plain.push_str(" (");
                rest = &rest[1..];
            }
            // The label of a reference.
            ']' if rest.starts_with('[') => rest = rest.split_once(']').map_or("", |(_, after)| after),
            ']' => {}
            '<' if is_tag(rest) => rest = rest.split_once('>').map_or("", |(_, after)| after),
            // Inside a word it is part of a name.
            '_' if !(plain.ends_with(char::is_alphanumeric) && rest.starts_with(char::is_alphanumeric)) => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Whether `<` begins an HTML tag or comment; an address in such brackets is none.
fn is_tag(rest: &str) -> bool {
    // Nobody writes longer ones, and every bracket would be searched to the end.
    let Some((tag, _)) = rest[..rest.floor_char_boundary(TAG_BYTES)].split_once('>') else { return false };
    let name = tag.trim_start_matches('/');
    name.starts_with("!--")
        || (name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .take_while(|c| !c.is_whitespace())
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_go_and_words_stay() {
        let pages = pages(
            "# The **title**\n\n- see [the site](https://example.org)\n\n```\nlet x = a[0];\n```\n| a | b |\n|---|---|\n",
        );
        let words: Vec<_> = pages[0].split_whitespace().collect();
        assert_eq!(
            words,
            ["The", "title", "see", "the", "site", "(https://example.org)", "let", "x", "=", "a[0];", "a", "b"]
        );
    }

    #[test]
    fn tags_and_embedded_data_are_not_words() {
        let pages = pages(
            "![logo](data:image/png;base64,AAAA) _so_ <b>bold</b> snake_case <https://example.org> [a][1] 1 < 2\n",
        );
        assert_eq!(pages[0].trim(), "logo so bold snake_case <https://example.org> a 1 < 2");
    }

    #[test]
    fn a_heading_begins_a_page_once_the_one_before_is_long_enough() {
        let source = format!("# One\n{}\n# Two\nshort\n# Three\nshort", "word ".repeat(400));
        let pages = pages(&source);
        assert_eq!(pages.len(), 2);
        assert!(pages[1].starts_with("Two") && pages[1].contains("Three"));
    }
}
