//! pdf_oxide, for the pages that the first reader could not make sense of.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use pdf_oxide::PdfDocument;

/// Opened when it is first asked.
pub(super) struct Oxide {
    bytes: Arc<Vec<u8>>,
    password: String,
    document: Option<Option<PdfDocument>>,
    locked: bool,
}

impl Oxide {
    pub(super) fn new(bytes: Arc<Vec<u8>>, password: &str) -> Self {
        Self { bytes, password: password.to_owned(), document: None, locked: false }
    }

    fn document(&mut self) -> Option<&PdfDocument> {
        let (bytes, password, locked) = (&self.bytes, &self.password, &mut self.locked);
        let open = || {
            let document = catch_unwind(|| PdfDocument::from_bytes(bytes.to_vec())).ok()?.ok()?;
            // It says that all is well with a file that it cannot decrypt, and gives noise for text.
            if document.is_encrypted() {
                let opens = |password: &[u8]| {
                    matches!(catch_unwind(AssertUnwindSafe(|| document.authenticate(password))), Ok(Ok(true)))
                };
                // Older files have it with one byte for each letter.
                let narrow: Option<Vec<u8>> = password.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                *locked = ![Some(Vec::new()), Some(password.clone().into_bytes()), narrow]
                    .into_iter()
                    .flatten()
                    .any(|password| opens(&password));
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
