//! PDF: a cascade of readers, judged page by page.
//!
//! The interpreter-based reader has the best recall and goes first. Where its page is not
//! [`plausible`], pdf_oxide reads that page as well, and pdf-extract when that was not good either;
//! the best of them is kept: their mistakes are different ones.

mod backup;
mod direction;
mod glyphs;
mod oxide;
mod plausible;
mod scan;
mod second;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use hayro_syntax::{LoadPdfError, Pdf};

use crate::{
    Failure, FailureCode,
    formats::{Found, Pages},
    help::Help,
};
pub(crate) use scan::Canvas;
pub(crate) use second::Second;

/// A page with fewer letters than this, and a picture, is taken to be scanned.
const SCANNED_LETTERS: usize = 16;

/// Reads page after page.
///
/// # Errors
/// `encrypted`, or `corrupt` when no reader finds a page.
pub(crate) fn read(bytes: Vec<u8>, help: &mut Help, pages: Pages<'_>) -> Result<Found, Failure> {
    let bytes = Arc::new(bytes);
    if let Some(second) = &mut help.second {
        second.open(&bytes, &help.password);
    }
    let opened = catch_unwind(|| match Pdf::new(bytes.clone()) {
        // Asked second: most files with a password for their owner open without one for everybody.
        Err(LoadPdfError::Decryption(_)) if !help.password.is_empty() => {
            Pdf::new_with_password(bytes.clone(), &help.password)
        }
        opened => opened,
    });
    let pdf = match opened {
        Ok(Ok(pdf)) if !pdf.pages().is_empty() => pdf,
        Ok(Err(LoadPdfError::Decryption(_))) => {
            // The others may know this kind of encryption.
            return read_without_interpreter(help, pages).map_err(|_| Failure::new(FailureCode::Encrypted));
        }
        _ => return read_without_interpreter(help, pages),
    };
    let reader = glyphs::Reader::new(&pdf);
    let mut asked = false;
    for index in 0..pdf.pages().len() {
        let number = u32::try_from(index + 1).map_err(|_| Failure::new(FailureCode::LimitExceeded))?;
        let first = catch_unwind(AssertUnwindSafe(|| reader.page(index, false)));
        // A reader that panics has not found the page to be empty.
        let (mut text, glyphs, score, scan) = match first {
            Ok(page) => {
                let score = plausible::score(&page.text, page.glyphs);
                (page.text, page.glyphs, score, page.scan.is_scan())
            }
            Err(_) => (String::new(), 0, 0.0, false),
        };
        if score < plausible::GOOD
            && let Some(better) = help.second.as_mut().and_then(|second| second.better(number, glyphs, score))
        {
            (text, asked) = (better, true);
        }
        if !pages(&text) {
            break;
        }
        if scan && text.chars().filter(|c| c.is_alphanumeric()).take(SCANNED_LETTERS).count() < SCANNED_LETTERS {
            match help.pictures {
                true => {
                    let drawn = catch_unwind(AssertUnwindSafe(|| reader.page(index, true).scan.canvas()));
                    if let Ok(Some(canvas)) = drawn {
                        help.scan(&canvas);
                    }
                }
                false => help.is_unread(),
            }
        }
    }
    let engine = if asked { "hayro+others" } else { "hayro" };
    let cut = help.second.as_ref().filter(|second| second.is_lost()).map(|_| FailureCode::LimitExceeded);
    Ok(Found { engine, metadata: metadata(&pdf), cut })
}

fn read_without_interpreter(help: &mut Help, pages: Pages<'_>) -> Result<Found, Failure> {
    let Some(second) = &mut help.second else { return Err(Failure::new(FailureCode::Corrupt)) };
    let numbers = match second.pages() {
        second::Pages::Numbers(numbers) => numbers,
        second::Pages::Locked => return Err(Failure::new(FailureCode::Encrypted)),
        second::Pages::Unreadable if second.is_lost() => return Err(Failure::new(FailureCode::LimitExceeded)),
        second::Pages::Unreadable => return Err(Failure::new(FailureCode::Corrupt)),
    };
    for number in numbers {
        // Nobody knows how much is drawn.
        let text = second.better(number, 0, f64::MIN).unwrap_or_default();
        if !pages(&text) {
            break;
        }
    }
    let cut = second.is_lost().then_some(FailureCode::LimitExceeded);
    Ok(Found { cut, ..Found::by("pdf_oxide") })
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
