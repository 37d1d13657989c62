//! Word documents. Pages are where Word last saw them end, or where the author ended them.

use super::{cell_end, line_end, related, row_end};
use crate::{
    Failure, FailureCode,
    archive::Archive,
    formats::Pages,
    text,
    xml::{Piece, walk},
};

const BODY: &str = "word/document.xml";

pub(super) fn read(archive: &Archive<'_>, pages: Pages<'_>) -> Result<(), Failure> {
    let body = match archive.has(BODY) {
        true => BODY.to_owned(),
        false => archive
            .names("word/document", ".xml")
            .into_iter()
            .next()
            .ok_or_else(|| Failure::new(FailureCode::Corrupt))?,
    };
    let mut text = String::new();
    append(archive, related(archive, &body, "header")?, &mut text)?;
    append(archive, vec![body.clone()], &mut text)?;
    for kind in ["footnotes", "endnotes", "comments", "footer"] {
        append(archive, related(archive, &body, kind)?, &mut text)?;
    }
    for page in text::pages(&text) {
        if !pages(&page) {
            break;
        }
    }
    Ok(())
}

/// Each text once: the headers of all sections are mostly the same.
fn append(archive: &Archive<'_>, parts: Vec<String>, text: &mut String) -> Result<(), Failure> {
    let mut seen: Vec<String> = Vec::new();
    for part in parts {
        let Some(bytes) = archive.read(&part)? else { continue };
        let mut found = String::new();
        if !collect(&bytes, &mut found) {
            archive.is_cut(FailureCode::Corrupt);
        }
        if !found.trim().is_empty() && !seen.contains(&found) {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&found);
            seen.push(found);
        }
    }
    Ok(())
}

/// Whether the part was whole.
fn collect(bytes: &[u8], text: &mut String) -> bool {
    // What is inside a second version of the same, for readers that do not know the first.
    let mut fallback = 0usize;
    let mut inside = false;
    walk(bytes, |piece| {
        match piece {
            Piece::Open("Fallback", _) => fallback += 1,
            Piece::Close("Fallback") => fallback = fallback.saturating_sub(1),
            _ if fallback > 0 => {}
            Piece::Open("t", _) => inside = true,
            Piece::Close("t") => inside = false,
            Piece::Text(found) if inside => text.push_str(&found),
            Piece::Open("tab", _) => text.push('\t'),
            Piece::Open("noBreakHyphen", _) => text.push('-'),
            Piece::Open("cr", _) => line_end(text),
            Piece::Open("br", attributes) => match attributes.get("type").as_deref() {
                Some("page") => page_end(text),
                _ => line_end(text),
            },
            Piece::Open("lastRenderedPageBreak", _) => page_end(text),
            Piece::Open("docPr", attributes) => {
                // What a picture shows, for those who cannot see it.
                if let Some(description) = attributes.get("descr").filter(|d| !d.trim().is_empty()) {
                    text.push_str(&description);
                    line_end(text);
                }
            }
            Piece::Close("p") => line_end(text),
            Piece::Close("tc") => cell_end(text),
            Piece::Close("tr") => row_end(text),
            _ => {}
        }
        true
    })
}

/// Word notes the break that the author made and, after it, that a page began.
fn page_end(text: &mut String) {
    let since = text.rfind('\u{0c}').map_or(&text[..], |at| &text[at..]);
    if !since.trim().is_empty() {
        text.push('\u{0c}');
    }
}
