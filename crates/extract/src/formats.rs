//! Which reader reads what.

use std::collections::BTreeMap;

use crate::{
    Failure, FailureCode, epub,
    help::Help,
    html, mail, markdown,
    office::{self, Kind, Ooxml},
    outlook, pdf, picture, rtf, table, text,
    tidy::tidy,
};

/// Takes the text of one page after another, and says whether to go on.
pub(crate) type Pages<'a> = &'a mut dyn FnMut(&str) -> bool;

/// What was found besides the pages.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) engine: &'static str,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Why the pages are only part of the document.
    pub(crate) cut: Option<FailureCode>,
}

impl Found {
    pub(crate) fn by(engine: &'static str) -> Self {
        Self { engine, ..Self::default() }
    }
}

/// Reads a document that was inside `depth` others.
///
/// # Errors
/// [`Failure`] when there is nothing to read.
pub(crate) fn read(
    media_type: &str,
    bytes: Vec<u8>,
    help: &mut Help,
    depth: usize,
    pages: Pages<'_>,
) -> Result<Found, Failure> {
    if let Some(kind) = Ooxml::of(Some(media_type)) {
        return office::read(kind, &bytes, &help.password, pages);
    }
    let (found, texts) = match media_type {
        "application/pdf" => return pdf::read(bytes, help, pages),
        "application/vnd.oasis.opendocument.text" => return office::read_open(Kind::Text, &bytes, pages),
        "application/vnd.oasis.opendocument.spreadsheet" => return office::read_open(Kind::Sheets, &bytes, pages),
        "application/vnd.oasis.opendocument.presentation" => return office::read_open(Kind::Slides, &bytes, pages),
        "application/epub+zip" => return epub::read(&bytes, pages),
        "message/rfc822" => return mail::read(&bytes, help, depth, pages),
        outlook::MEDIA_TYPE => return outlook::read(&bytes, help, depth, pages),
        "image/png" | "image/jpeg" | "image/gif" | "image/bmp" | "image/tiff" | "image/webp" => {
            return picture::read(&bytes, help, pages);
        }
        "text/csv" | "text/tab-separated-values" => return Ok(table::read(&bytes, pages)),
        "application/rtf" | "text/rtf" => {
            let read = rtf::read(&bytes)?;
            (Found { metadata: read.metadata, cut: read.cut, ..Found::by("rtf") }, text::pages(&read.text))
        }
        "text/html" | "application/xhtml+xml" => {
            let read = html::read(&bytes);
            let title = read.title.map(|title| ("title".to_owned(), tidy(&title)));
            (Found { metadata: title.into_iter().collect(), ..Found::by("html") }, read.pages)
        }
        "text/markdown" => (Found::by("markdown"), markdown::pages(&text::decode(&bytes, None))),
        "text/plain" => (Found::by("text"), text::pages(&text::decode(&bytes, None))),
        _ => return Err(Failure::new(FailureCode::UnsupportedType)),
    };
    for page in &texts {
        if !pages(page) {
            break;
        }
    }
    Ok(found)
}

/// About as much of a table or a chapter as is one page.
const PAGE_CHARACTERS: usize = 24_000;

/// Rows of a table with a name, on as many pages as they need.
pub(crate) struct Rows<'a> {
    pages: Pages<'a>,
    page: String,
    name: String,
    begun: bool,
    on: bool,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(pages: Pages<'a>, name: &str) -> Self {
        Self { pages, page: String::new(), name: name.trim().to_owned(), begun: false, on: true }
    }

    /// Takes a row, and says whether to go on.
    pub(crate) fn row(&mut self, row: &str) -> bool {
        if row.trim().is_empty() {
            return self.on;
        }
        if self.page.len() + row.len() > PAGE_CHARACTERS && !self.page.is_empty() {
            self.flush();
        }
        self.page.push_str(row);
        self.page.push('\n');
        self.on
    }

    fn flush(&mut self) {
        let page = std::mem::take(&mut self.page);
        let page = if self.name.is_empty() { page } else { format!("{}\n{page}", self.name) };
        self.on = self.on && (self.pages)(&page);
        self.begun = true;
    }

    /// A table without rows is a page without text.
    pub(crate) fn end(mut self) -> bool {
        if !self.page.is_empty() || !self.begun {
            self.flush();
        }
        self.on
    }
}

/// A chapter: one page, unless it is very long.
pub(crate) fn chapter(chapter: &str, pages: Pages<'_>) -> bool {
    text::split(chapter, PAGE_CHARACTERS).iter().all(|page| pages(page))
}
