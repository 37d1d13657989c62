//! HTML: what a reader would see, by blocks.

use encoding_rs::Encoding;
use scraper::{Html, Node};

use crate::text;

const INVISIBLE: [&str; 8] = ["script", "style", "noscript", "template", "svg", "head", "iframe", "object"];
const BLOCKS: [&str; 28] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "caption",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "p",
    "pre",
    "section",
    "table",
    "tr",
];

/// The tree builder looks through all open elements at every tag, so that its work grows with the
/// square of the depth. No browser goes deeper than 512.
const DEPTH: usize = 4000;

pub(crate) struct Read {
    pub(crate) title: Option<String>,
    pub(crate) pages: Vec<String>,
}

pub(crate) fn read(bytes: &[u8]) -> Read {
    read_text(text::decode(bytes, declared(bytes)))
}

/// Of a source that is decoded already.
pub(crate) fn read_text(source: String) -> Read {
    let source = shallow(source);
    let document = Html::parse_document(&source);
    let mut seen = String::new();
    let mut title = None;
    // An explicit stack: the nesting of a hostile document is deeper than ours may be.
    let mut open = vec![(document.tree.root(), false)];
    while let Some((node, leaving)) = open.pop() {
        let name = node.value().as_element().map_or("", |e| e.name());
        if BLOCKS.contains(&name) && !seen.ends_with('\n') {
            seen.push('\n');
        } else if matches!(name, "td" | "th") {
            seen.push(' ');
        }
        if leaving {
            continue;
        }
        match node.value() {
            Node::Text(text) => push_words(&mut seen, text),
            Node::Element(_) if name == "head" => title = title_of(node).or(title),
            Node::Element(_) if INVISIBLE.contains(&name) => {}
            Node::Element(element) => {
                if let Some(alt) = element.attr("alt").filter(|_| name == "img") {
                    push_words(&mut seen, alt);
                }
                open.push((node, true));
                open.extend(node.children().rev().map(|child| (child, false)));
            }
            _ => open.extend(node.children().rev().map(|child| (child, false))),
        }
    }
    if let Some(title) = &title
        && !seen.contains(title.as_str())
    {
        seen.insert_str(0, &format!("{title}\n\n"));
    }
    Read { title, pages: text::pages(&seen) }
}

/// The source; when its tags go absurdly deep, with those beyond as line ends, so that the text stays.
fn shallow(source: String) -> String {
    let mut depth = 0usize;
    let mut kept = String::new();
    let mut from = 0;
    for (at, _) in source.match_indices('<') {
        let tag = &source[at + 1..];
        let closes = tag.starts_with('/');
        let name_of =
            tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        if name_of.is_empty() {
            continue;
        }
        let deep = depth > DEPTH;
        depth = if closes { depth.saturating_sub(1) } else { depth + 1 };
        // Without its tags a script would become text.
        if (deep || depth > DEPTH) && at >= from && !INVISIBLE.iter().any(|name| name_of.eq_ignore_ascii_case(name)) {
            kept.push_str(&source[from..at]);
            kept.push('\n');
            from = tag.find('>').map_or(source.len(), |end| at + 1 + end + 1);
        }
    }
    if kept.is_empty() && from == 0 {
        return source;
    }
    kept.push_str(&source[from..]);
    kept
}

fn title_of(head: ego_tree::NodeRef<'_, Node>) -> Option<String> {
    let title = head.children().find(|c| c.value().as_element().is_some_and(|e| e.name() == "title"))?;
    let text: String = title.children().filter_map(|c| c.value().as_text().map(|t| t.to_string())).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// White space as a browser folds it.
fn push_words(seen: &mut String, text: &str) {
    if text.starts_with(char::is_whitespace) && !seen.ends_with(char::is_whitespace) {
        seen.push(' ');
    }
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        seen.push_str(word);
        if words.peek().is_some() || text.ends_with(char::is_whitespace) {
            seen.push(' ');
        }
    }
}

/// The encoding that the document says it has, in its first kilobyte.
pub(crate) fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let after = ["charset=", "encoding="].iter().find_map(|key| head.split_once(key))?.1;
    let label: String = after
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_:".contains(*c))
        .collect();
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_lines_and_scripts_are_nothing() {
        let read = read(
            b"<html><head><title>The  title</title><style>p{}</style></head><body><h1>One</h1><p>two <b>th</b>ree\n\
              four</p><script>var five</script><table><tr><td>six</td><td>seven</td></tr></table></body></html>",
        );
        assert_eq!(read.title.as_deref(), Some("The title"));
        let lines: Vec<_> = read.pages[0].lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        assert_eq!(lines, ["The title", "One", "two three four", "six  seven"]);
    }

    #[test]
    fn the_declared_encoding_is_used() {
        let read = read(b"<meta charset=\"windows-1250\"><p>\x8aumava</p>");
        assert!(read.pages[0].contains("Šumava"), "{:?}", read.pages);
    }

    #[test]
    fn deep_nesting_is_read_without_a_deep_stack_and_without_much_work() {
        for tag in ["<div>", "<b>", "<table><tr><td>", "<p class='a'>"] {
            let source = tag.repeat(300_000) + "deep<script>no</script>" + &"</div>".repeat(9);
            let text = read(source.as_bytes()).pages.concat();
            assert!(text.contains("deep") && !text.contains("no"), "{tag}");
        }
    }
}
