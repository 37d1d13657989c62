//! PDF: a cascade of readers, judged page by page.
//!
//! The interpreter-based reader has the best recall and goes first. Where its page is not
//! [`plausible`], pdf-extract reads that page as well and the better of the two is kept: their
//! mistakes are different ones.

mod backup;
mod direction;
mod glyphs;
mod plausible;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use crate::{Failure, FailureCode};
use backup::Backup;

/// What reading a PDF found besides its pages.
pub(crate) struct Read {
    pub(crate) engine: &'static str,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Reads page after page and hands each to `page`, which says whether to go on.
pub(crate) fn read(bytes: Vec<u8>, mut page: impl FnMut(u32, String) -> bool) -> Result<Read, Failure> {
    let bytes = Arc::new(bytes);
    let mut backup = Backup::new(bytes.clone());
    let opened = catch_unwind(|| Pdf::new(bytes.clone()));
    let pdf = match opened {
        Ok(Ok(pdf)) if !pdf.pages().is_empty() => pdf,
        Ok(Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected))) => {
            return Err(Failure::new(FailureCode::Encrypted));
        }
        _ => return read_without_interpreter(&mut backup, page),
    };
    let mut engine = "hayro";
    let reader = glyphs::Reader::new(&pdf);
    for index in 0..pdf.pages().len() {
        let number = u32::try_from(index + 1).map_err(|_| Failure::new(FailureCode::LimitExceeded))?;
        let first = catch_unwind(AssertUnwindSafe(|| reader.page(index)));
        // A reader that panics has not found the page to be empty.
        let (mut text, glyphs, score) = match first {
            Ok((text, glyphs)) => {
                let score = plausible::score(&text, glyphs);
                (text, glyphs, score)
            }
            Err(_) => (String::new(), 0, 0.0),
        };
        if score < plausible::GOOD
            && let Some(other) = backup.page(number)
            && plausible::score(&other, glyphs) > score
        {
            (text, engine) = (other, "hayro+pdf-extract");
        }
        if !page(number, text) {
            break;
        }
    }
    Ok(Read { engine, metadata: metadata(&pdf) })
}

fn read_without_interpreter(backup: &mut Backup, mut page: impl FnMut(u32, String) -> bool) -> Result<Read, Failure> {
    let Some(pages) = backup.pages() else {
        let code = if backup.is_locked() { FailureCode::Encrypted } else { FailureCode::Corrupt };
        return Err(Failure::new(code));
    };
    for number in pages {
        if !page(number, backup.page(number).unwrap_or_default()) {
            break;
        }
    }
    Ok(Read { engine: "pdf-extract", metadata: BTreeMap::new() })
}

fn metadata(pdf: &Pdf) -> BTreeMap<String, String> {
    let known = pdf.metadata();
    let fields = [("title", &known.title), ("author", &known.author), ("subject", &known.subject)];
    let value = |bytes: &[u8]| {
        let text = match bytes {
            [0xfe, 0xff, ..] => crate::text::decode(bytes, None),
            bytes => String::from_utf8_lossy(bytes).into_owned(),
        };
        crate::tidy::tidy(&text).chars().take(500).collect::<String>()
    };
    fields
        .into_iter()
        .filter_map(|(name, bytes)| Some((name.to_owned(), value(bytes.as_deref()?))))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}
