//! pdf-extract, for the pages that the first reader could not make sense of.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use pdf_extract::{Document, PlainTextOutput, output_doc_page};

/// Opened when it is first asked.
pub(super) struct Backup {
    bytes: Arc<Vec<u8>>,
    password: String,
    document: Option<Option<Document>>,
    locked: bool,
}

impl Backup {
    pub(super) fn new(bytes: Arc<Vec<u8>>, password: &str) -> Self {
        Self { bytes, password: password.to_owned(), document: None, locked: false }
    }

    fn document(&mut self) -> Option<&Document> {
        let (bytes, password, locked) = (&self.bytes, &self.password, &mut self.locked);
        let open = || {
            let mut document = catch_unwind(|| Document::load_mem(bytes)).ok()?.ok()?;
            if document.is_encrypted() {
                *locked = true;
                document.decrypt("").or_else(|_| document.decrypt(password)).ok()?;
                *locked = false;
            }
            Some(document)
        };
        self.document.get_or_insert_with(open).as_ref()
    }

    /// Whether the file opens with a password only; known once it was asked for its pages.
    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// The numbers of the pages, or `None` when it cannot open the file.
    pub(super) fn pages(&mut self) -> Option<Vec<u32>> {
        let pages: Vec<u32> = self.document()?.get_pages().into_keys().collect();
        (!pages.is_empty()).then_some(pages)
    }

    /// The text of one page. This reader panics on about one file in thirty.
    pub(super) fn page(&mut self, number: u32) -> Option<String> {
        let document = self.document()?;
        let mut text = String::new();
        let read = catch_unwind(AssertUnwindSafe(|| {
            output_doc_page(document, &mut PlainTextOutput::new(&mut text), number).is_ok()
        }));
        (read.ok()? && !text.trim().is_empty()).then_some(text)
    }
}
