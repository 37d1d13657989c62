//! OpenDocument: text, sheets, slides.

use super::{cell_end, line_end, row_end};
use crate::{
    Failure, FailureCode,
    archive::Archive,
    formats::{Pages, Rows},
    text,
    xml::{Piece, walk},
};

/// Repeated spaces of one `text:s`.
const SPACES: usize = 64;
/// What is in the document but not on its pages.
const HIDDEN: [&str; 6] = ["tracked-changes", "forms", "sequence-decls", "binary-data", "script", "settings"];

/// The kinds that are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Text,
    Sheets,
    Slides,
}

pub(super) fn read(kind: Kind, archive: &Archive<'_>, pages: Pages<'_>) -> Result<(), Failure> {
    let Some(content) = archive.read("content.xml")? else {
        return Err(Failure::new(FailureCode::Corrupt));
    };
    let mut headers = String::new();
    if let Some(styles) = archive.read("styles.xml")? {
        collect_headers(&styles, &mut headers);
    }
    let mut on = true;
    let whole = match kind {
        Kind::Text => {
            let mut document = Content { text: std::mem::take(&mut headers), ..Content::default() };
            let whole = walk(&content, |piece| document.piece(piece));
            on = text::pages(&document.text).iter().all(|page| pages(page));
            whole
        }
        Kind::Slides => {
            let mut slide = Content::default();
            let whole = walk(&content, |piece| {
                let ends = matches!(piece, Piece::Close("page"));
                slide.piece(piece);
                if ends {
                    on = pages(&std::mem::take(&mut slide.text));
                }
                on
            });
            if on && !slide.text.trim().is_empty() {
                on = pages(&slide.text);
            }
            whole
        }
        Kind::Sheets => {
            let whole;
            (whole, on) = sheets(&content, pages);
            whole
        }
    };
    // What stands on every sheet or slide, once.
    if on && !headers.trim().is_empty() {
        pages(&headers);
    }
    if !whole {
        archive.is_cut(FailureCode::Corrupt);
    }
    Ok(())
}

/// Whether the document was whole, and whether to go on.
fn sheets(content: &[u8], pages: Pages<'_>) -> (bool, bool) {
    let mut state = Content::default();
    // One at a time: a table inside a cell belongs to the cell.
    let (mut depth, mut on, mut name) = (0usize, true, String::new());
    let mut pending: Vec<String> = Vec::new();
    let whole = walk(content, |piece| {
        match &piece {
            Piece::Open("table", attributes) => {
                depth += 1;
                if depth == 1 {
                    name = attributes.get("name").unwrap_or_default();
                    state.text.clear();
                }
            }
            Piece::Close("table") => depth = depth.saturating_sub(1),
            _ => {}
        }
        let (row, table) = (matches!(piece, Piece::Close("table-row")), matches!(piece, Piece::Close("table")));
        state.piece(piece);
        if row && depth == 1 {
            pending.push(std::mem::take(&mut state.text).trim_end().to_owned());
        }
        if table && depth == 0 {
            let mut sheet = Rows::new(&mut *pages, &name);
            for row in pending.drain(..) {
                if !sheet.row(&row) {
                    break;
                }
            }
            on = sheet.end();
        }
        on
    });
    // Of a table that does not end.
    if !pending.is_empty() && on {
        let mut sheet = Rows::new(pages, &name);
        for row in pending {
            sheet.row(&row);
        }
        on = sheet.end();
    }
    (whole, on)
}

/// Of all kinds of pages, each once.
fn collect_headers(styles: &[u8], text: &mut String) {
    let (mut inside, mut found, mut seen) = (false, Content::default(), Vec::new());
    walk(styles, |piece| {
        match piece {
            Piece::Open("header" | "footer", _) => inside = true,
            Piece::Close("header" | "footer") => {
                inside = false;
                let header = std::mem::take(&mut found.text);
                if !header.trim().is_empty() && !seen.contains(&header) {
                    text.push_str(&header);
                    seen.push(header);
                }
            }
            piece if inside => return found.piece(piece),
            _ => {}
        }
        seen.len() < 100
    });
}

#[derive(Default)]
struct Content {
    text: String,
    /// Paragraphs that are open; text is only inside of one.
    paragraphs: usize,
    hidden: usize,
}

impl Content {
    fn piece(&mut self, piece: Piece<'_>) -> bool {
        match piece {
            Piece::Open(name, _) if HIDDEN.contains(&name) => self.hidden += 1,
            Piece::Close(name) if HIDDEN.contains(&name) => self.hidden = self.hidden.saturating_sub(1),
            _ if self.hidden > 0 => {}
            Piece::Open("p" | "h", _) => self.paragraphs += 1,
            Piece::Close("p" | "h") => {
                self.paragraphs = self.paragraphs.saturating_sub(1);
                line_end(&mut self.text);
            }
            Piece::Open("s", attributes) => {
                let count = attributes.get("c").and_then(|c| c.parse().ok()).unwrap_or(1usize);
                self.text.extend(std::iter::repeat_n(' ', count.min(SPACES)));
            }
            Piece::Open("tab", _) => self.text.push('\t'),
            Piece::Open("line-break", _) => line_end(&mut self.text),
            Piece::Open("soft-page-break", _) if !self.text.trim().is_empty() => self.text.push('\u{0c}'),
            Piece::Close("table-cell") => cell_end(&mut self.text),
            Piece::Close("table-row") => row_end(&mut self.text),
            // Line ends in the source are only that.
            Piece::Text(found) if self.paragraphs > 0 => self.text.push_str(&found.replace(['\n', '\r'], " ")),
            _ => {}
        }
        true
    }
}
