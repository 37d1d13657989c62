//! What documents is handed when a document has been read, within what it takes.

use extract::{EXTRACTOR_VERSION, Extraction, FailureCode, Page};
use insights::Insights;
use proto::documents::{self as api, CompleteRequest, Lease, complete_request::Part};

/// Of one page.
const PAGE_BYTES: usize = 1 << 20;
/// Of all pages, each counted in whole KiB, as documents does.
const TEXT_KIB: usize = 64 << 10;

/// Cuts what is too long for documents, and says so in `partial`.
pub(crate) fn bounded(mut read: Extraction) -> Extraction {
    let (mut left, mut cut) = (TEXT_KIB, false);
    for page in &mut read.pages {
        let end = page.text.floor_char_boundary(PAGE_BYTES.min(left * 1024));
        cut |= end < page.text.len();
        page.text.truncate(end);
        left -= end.div_ceil(1024);
    }
    // Pages without text after the last that fits would only be numbers.
    if cut && left == 0 {
        let last = read.pages.iter().rposition(|page| !page.text.is_empty()).map_or(0, |at| at + 1);
        read.pages.truncate(last);
    }
    if cut && read.partial.is_none() {
        read.partial = Some(FailureCode::LimitExceeded.as_str().to_owned());
    }
    read
}

/// The messages of one Complete: the lease, the pages, and last what is known of them.
pub(crate) fn messages(lease: &Lease, read: Extraction, derived: Insights) -> Vec<CompleteRequest> {
    let extraction = api::Extraction {
        insights: Some(api::Insights { properties: read.metadata.into_iter().collect(), ..insights(derived) }),
        extractor_version: EXTRACTOR_VERSION,
        // What was not found in a part of a document may be in the rest of it.
        attachments_known: matches!(read.partial.as_deref(), None | Some("ocr_unavailable")),
        partial: read.partial.unwrap_or_default(),
        engine: read.engine,
    };
    let page = |page: Page| Part::Page(api::Page { number: number(page.number), text: page.text });
    std::iter::once(Part::Lease(lease.clone()))
        .chain(read.pages.into_iter().map(page))
        .chain(std::iter::once(Part::Extraction(extraction)))
        .map(|part| CompleteRequest { part: Some(part) })
        .collect()
}

fn insights(derived: Insights) -> api::Insights {
    let language = |l: insights::Language| api::insights::Language { code: l.code, confidence: l.confidence };
    let other = |(page, l)| api::insights::PageLanguage { page: number(page), language: Some(language(l)) };
    let keyword = |k: insights::Keyword| api::insights::Keyword { term: k.term, confidence: k.confidence };
    let entity =
        |e: insights::Entity| api::insights::Entity { kind: e.kind.to_owned(), value: e.value, page: number(e.page) };
    api::Insights {
        language: Some(language(derived.language)),
        keywords: derived.keywords.into_iter().map(keyword).collect(),
        entities: derived.entities.into_iter().map(entity).collect(),
        summary: derived.summary,
        pages: number(derived.pages),
        words: i64::try_from(derived.words).unwrap_or(i64::MAX),
        reading_minutes: number(derived.reading_minutes),
        other_languages: derived.other_languages.into_iter().map(other).collect(),
        ..Default::default()
    }
}

fn number(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extraction(texts: impl IntoIterator<Item = String>) -> Extraction {
        let pages = texts.into_iter().zip(1..).map(|(text, number)| Page { number, text }).collect();
        Extraction {
            media_type: "text/plain".to_owned(),
            pages,
            metadata: Default::default(),
            attachments: Vec::new(),
            partial: None,
            engine: "text".to_owned(),
            cpu_ms: 0,
            peak_rss_bytes: 0,
        }
    }

    #[test]
    fn an_ordinary_document_is_left_alone() {
        let read = bounded(extraction(["one".to_owned(), String::new(), "three".to_owned()]));
        assert_eq!(read.pages.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), ["one", "", "three"]);
        assert_eq!(read.partial, None);
    }

    #[test]
    fn a_page_that_is_too_long_is_cut_between_characters_and_said_to_be() {
        let read = bounded(extraction(["a".to_owned() + &"ß".repeat(PAGE_BYTES), "next".to_owned()]));
        assert_eq!(read.pages[0].text.len(), PAGE_BYTES - 1);
        assert_eq!(read.pages[1].text, "next");
        assert_eq!(read.partial.as_deref(), Some("limit_exceeded"));
    }

    #[test]
    fn a_document_that_is_too_long_ends_early() {
        let read = bounded(extraction((0..70).map(|_| "x".repeat(PAGE_BYTES))));
        assert_eq!(read.pages.len(), 64);
        assert_eq!(read.partial.as_deref(), Some("limit_exceeded"));
    }

    #[test]
    fn a_document_that_just_fits_is_whole() {
        let read = bounded(extraction((0..64).map(|_| "x".repeat(PAGE_BYTES))));
        assert_eq!((read.pages.len(), read.partial), (64, None));
    }

    #[test]
    fn the_reason_that_the_reader_gave_is_kept() {
        let long = Extraction { partial: Some("timeout".to_owned()), ..extraction(["x".repeat(2 * PAGE_BYTES)]) };
        assert_eq!(bounded(long).partial.as_deref(), Some("timeout"));
    }
}
