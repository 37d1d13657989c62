//! Documents that were made to hurt. Each must end in a typed outcome within its limits, and the next
//! one must be read as if nothing had been.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use extract::{FailureCode, Limits};

use crate::{archives, bombs, documents, formats, locked, outlook, pictures, read_with};

pub(crate) const PDF: &str = "application/pdf";
pub(crate) const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
pub(crate) const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub(crate) const ODT: &str = "application/vnd.oasis.opendocument.text";
pub(crate) const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";
pub(crate) const EPUB: &str = "application/epub+zip";
pub(crate) const MAIL: &str = "message/rfc822";

/// A name, a type and bytes.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, media_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), media_type, bytes: bytes.into() }
    }
}

pub(crate) const LIMITS: Limits = Limits {
    wall: Duration::from_secs(8),
    cpu: Duration::from_secs(3),
    memory_bytes: 400 * 1024 * 1024,
    output_bytes: 4 * 1024 * 1024,
    pages: 200,
    attachments: 100,
    attachment_bytes: 64 * 1024 * 1024,
};
/// For starting processes on a machine that has other things to do as well.
const SLACK: Duration = Duration::from_secs(12);
pub(crate) const AT_THE_SAME_TIME: usize = 2;

/// One good file of each kind.
pub(crate) fn good() -> Vec<Case> {
    let (width, height) = (40, 30);
    let cell = "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell></table:table-row></table:table>";
    vec![
        Case::new("pdf", PDF, documents::pdf(&["One", "Two"])),
        Case::new("compressed pdf", PDF, documents::compressed_pdf("Some words")),
        Case::new("encrypted pdf", PDF, documents::pdf_with_empty_password("Some words")),
        Case::new("docx", DOCX, archives::docx("<w:p><w:r><w:t>Some words</w:t></w:r></w:p>")),
        Case::new("pptx", PPTX, archives::pptx()),
        Case::new("xlsx", XLSX, archives::xlsx("<row><c><v>1</v></c></row>")),
        Case::new("odt", ODT, archives::open_document("text", "<text:p>Some words</text:p>")),
        Case::new("ods", ODS, archives::open_document("spreadsheet", cell)),
        Case::new("epub", EPUB, archives::epub(&["one", "two"])),
        Case::new("rtf", "application/rtf", &b"{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\f0 Some \\'fc words\\par}"[..]),
        Case::new("mail", MAIL, formats::message()),
        Case::new("msg", outlook::MSG, outlook::message()),
        Case::new("html", "text/html", &b"<!DOCTYPE html><title>a</title><p>Some <b>words</b></p><table><tr><td>x"[..]),
        Case::new("csv", "text/csv", &b"a,\"b\"\n\"c\nd\",e\n"[..]),
        Case::new("bmp", "image/bmp", pictures::bmp(width, height, &vec![200; width * height])),
    ]
}

/// Cut at a dozen places, the last byte among them.
fn truncations() -> impl Iterator<Item = Case> {
    good().into_iter().flat_map(|whole| {
        let length = whole.bytes.len();
        let cuts: Vec<usize> = (0..10).map(|n| length * n / 10 + n % 3).chain([length - 1]).collect();
        cuts.into_iter().map(move |at| {
            let at = at.min(length - 1);
            Case::new(format!("{} cut at {at}", whole.name), whole.media_type, &whole.bytes[..at])
        })
    })
}

/// Every number in the tables of an archive, as something that it is not.
fn wrong_lengths() -> Vec<Case> {
    let whole = archives::docx("<w:p><w:r><w:t>Some words</w:t></w:r></w:p>");
    let of = |mark: &[u8]| whole.windows(4).position(|w| w == mark).unwrap();
    let (local, central, end) = (of(b"PK\x03\x04"), of(b"PK\x01\x02"), of(b"PK\x05\x06"));
    let mut cases = Vec::new();
    for (table, start, fields) in [
        ("local", local, &[(8, 2), (18, 4), (22, 4), (26, 2), (28, 2)][..]),
        ("central", central, &[(10, 2), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)]),
        ("end", end, &[(8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
    ] {
        for (at, width) in fields {
            for value in [0x00, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[start + at..start + at + width].fill(value);
                cases.push(Case::new(format!("{table} field {at} is {value:#x}"), DOCX, bytes));
            }
        }
    }
    cases
}

/// Every kind of file as every other kind, and noise as all of them.
fn mistaken() -> Vec<Case> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    })
    .take(20_000)
    .collect();
    let all = good();
    let mut cases = Vec::new();
    for (index, what) in all.iter().enumerate() {
        cases.push(Case::new(format!("noise as {}", what.name), what.media_type, noise.clone()));
        let other = &all[(index + 5) % all.len()];
        cases.push(Case::new(format!("{} as {}", other.name, what.name), what.media_type, other.bytes.clone()));
        // Half of it is itself, the rest is not.
        let mut spoilt = what.bytes.clone();
        for at in (spoilt.len() / 3..spoilt.len()).step_by(17) {
            spoilt[at] ^= noise[at % noise.len()];
        }
        cases.push(Case::new(format!("spoilt {}", what.name), what.media_type, spoilt));
    }
    cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_in_a_file_its_reading_ends_in_time_and_in_a_known_way() {
    let cases: Vec<Case> = truncations()
        .chain(wrong_lengths())
        .chain(mistaken())
        .chain(bombs::archives())
        .chain(bombs::pdfs())
        .chain(bombs::pictures())
        .chain(bombs::texts())
        .chain(outlook::hostile())
        .chain(locked::hostile())
        .collect();
    let count = cases.len();
    assert!(count >= 200, "{count}");
    let (cases, next, started) = (Arc::new(cases), Arc::new(AtomicUsize::new(0)), Instant::now());
    let workers: Vec<_> = (0..AT_THE_SAME_TIME)
        .map(|_| {
            let (cases, next) = (cases.clone(), next.clone());
            tokio::spawn(async move {
                let mut outcomes = Vec::new();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    outcomes.push(outcome(case).await);
                }
                outcomes
            })
        })
        .collect();
    let mut crashed = Vec::new();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for worker in workers {
        for (what, took, name) in worker.await.unwrap() {
            // A reader that dies by itself is contained, but is not what is meant to happen.
            if what == FailureCode::Crashed.as_str() {
                crashed.push(name.clone());
            }
            if took > Duration::from_secs(2) {
                println!("{name} took {} ms: {what}", took.as_millis());
            }
            *outcomes.entry(what).or_default() += 1;
        }
    }
    println!("{count} hostile files in {} s: {outcomes:?}", started.elapsed().as_secs());
    assert!(crashed.is_empty(), "{crashed:?}");
    // Not by refusing everything.
    assert!(outcomes.get("read").is_some_and(|n| *n > 10), "{outcomes:?}");
    let after = read_with(LIMITS, &documents::pdf(&["Still here"]), PDF).await.unwrap();
    assert_eq!(after.pages[0].text, "Still here");
}

/// What became of it, how long it took, and its name.
pub(crate) async fn outcome(case: &Case) -> (String, Duration, String) {
    let started = Instant::now();
    let read = read_with(LIMITS, &case.bytes, case.media_type).await;
    let (took, name) = (started.elapsed(), &case.name);
    assert!(took < LIMITS.wall + SLACK, "{name} took {took:?}");
    let what = match &read {
        Ok(read) => {
            assert!(read.pages.len() <= LIMITS.pages as usize, "{name}");
            assert!(read.peak_rss_bytes <= LIMITS.memory_bytes, "{name}: {}", read.peak_rss_bytes);
            for page in &read.pages {
                assert!(!page.text.contains('\0') && page.text.len() <= 1 << 20, "{name}");
                assert!(!page.text.contains("root:"), "{name} shows a file of this machine");
            }
            match &read.partial {
                None => "read".to_owned(),
                Some(code) => format!("partial {code}"),
            }
        }
        Err(failure) => failure.code.as_str().to_owned(),
    };
    (what, took, case.name.clone())
}
