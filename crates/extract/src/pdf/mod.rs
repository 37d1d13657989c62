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

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use hayro_syntax::{LoadPdfError, Pdf};

use crate::{
    Failure, FailureCode,
    formats::{Found, Pages},
};
use backup::Backup;
use oxide::Oxide;

/// The readers that are asked when the first one is at a loss.
struct Others {
    oxide: Oxide,
    backup: Backup,
    asked: bool,
}

impl Others {
    fn new(bytes: &Arc<Vec<u8>>) -> Self {
        Self { oxide: Oxide::new(bytes.clone()), backup: Backup::new(bytes.clone()), asked: false }
    }

    /// A better text than one of this `score`, when one of them has it.
    fn better(&mut self, number: u32, glyphs: usize, mut score: f64) -> Option<String> {
        let mut best = None;
        for read in [|o: &mut Self, n| o.oxide.page(n), |o: &mut Self, n| o.backup.page(n)] {
            if score >= plausible::GOOD {
                break;
            }
            let Some(text) = read(self, number) else { continue };
            let other = plausible::score(&text, glyphs);
            if other > score {
                (best, score) = (Some(text), other);
            }
        }
        self.asked |= best.is_some();
        best
    }
}

/// Reads page after page. With `alone` nobody but the first reader is asked.
///
/// # Errors
/// `encrypted`, or `corrupt` when no reader finds a page.
pub(crate) fn read(bytes: Vec<u8>, alone: bool, pages: Pages<'_>) -> Result<Found, Failure> {
    let bytes = Arc::new(bytes);
    let mut others = Others::new(&bytes);
    let opened = catch_unwind(|| Pdf::new(bytes.clone()));
    let pdf = match opened {
        Ok(Ok(pdf)) if !pdf.pages().is_empty() => pdf,
        Ok(Err(LoadPdfError::Decryption(_))) => {
            // It may know the kind of encryption less well than the others.
            return read_without_interpreter(&mut others, pages).map_err(|_| Failure::new(FailureCode::Encrypted));
        }
        _ => return read_without_interpreter(&mut others, pages),
    };
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
            && !alone
            && let Some(better) = others.better(number, glyphs, score)
        {
            text = better;
        }
        if !pages(&text) {
            break;
        }
    }
    let engine = if others.asked { "hayro+others" } else { "hayro" };
    Ok(Found { engine, metadata: metadata(&pdf), cut: None })
}

fn read_without_interpreter(others: &mut Others, pages: Pages<'_>) -> Result<Found, Failure> {
    let numbers: Vec<u32> = match others.oxide.pages() {
        Some(count) => (1..=count).collect(),
        None => others.backup.pages().unwrap_or_default(),
    };
    if numbers.is_empty() {
        let locked = others.oxide.is_locked() || others.backup.is_locked();
        return Err(Failure::new(if locked { FailureCode::Encrypted } else { FailureCode::Corrupt }));
    }
    for number in numbers {
        // Nobody knows how much is drawn.
        let text = others.better(number, 0, f64::MIN).unwrap_or_default();
        if !pages(&text) {
            break;
        }
    }
    Ok(Found::by("pdf_oxide"))
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
