//! pdf_oxide, for the pages that the first reader could not make sense of.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use pdf_oxide::PdfDocument;

/// Opened when it is first asked.
pub(super) struct Oxide {
    bytes: Arc<Vec<u8>>,
    document: Option<Option<PdfDocument>>,
    locked: bool,
}

impl Oxide {
    pub(super) fn new(bytes: Arc<Vec<u8>>) -> Self {
        Self { bytes, document: None, locked: false }
    }

    fn document(&mut self) -> Option<&PdfDocument> {
        let (bytes, locked) = (&self.bytes, &mut self.locked);
        let open = || {
            let document = catch_unwind(|| PdfDocument::from_bytes(bytes.to_vec())).ok()?.ok()?;
            // It says that all is well with a file that it cannot decrypt, and gives noise for text.
            if document.is_encrypted() {
                let opened = catch_unwind(AssertUnwindSafe(|| document.authenticate(b"")));
                *locked = !matches!(opened, Ok(Ok(true)));
                return (!*locked).then_some(document);
            }
            Some(document)
        };
        self.document.get_or_insert_with(open).as_ref()
    }

    /// Whether the file opens with a password only; known once it was asked for its pages.
    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// How many pages there are, or `None` when it cannot open the file.
    pub(super) fn pages(&mut self) -> Option<u32> {
        let document = self.document()?;
        let pages = catch_unwind(AssertUnwindSafe(|| document.page_count())).ok()?.ok()?;
        u32::try_from(pages).ok().filter(|pages| *pages > 0)
    }

    /// The text of one page, counted from 1.
    pub(super) fn page(&mut self, number: u32) -> Option<String> {
        let document = self.document()?;
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let text = catch_unwind(AssertUnwindSafe(|| document.extract_text(index))).ok()?.ok()?;
        (!text.trim().is_empty()).then_some(text)
    }
}
