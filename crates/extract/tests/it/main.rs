//! Reading made documents, misbehaving children, and real documents where there are any.
#![allow(clippy::unwrap_used)]

mod archives;
mod attached;
mod bombs;
mod corpus;
mod documents;
mod drawing;
mod drawing_hostile;
mod formats;
mod glance;
mod hostile;
mod locked;
mod mutations;
mod outlook;
mod passwords;
mod pictures;

use std::{
    io::{Seek, Write},
    time::{Duration, Instant},
};

use extract::{Extraction, Extractor, Failure, FailureCode, Limits};

fn extractor(limits: Limits) -> Extractor {
    Extractor::new(env!("CARGO_BIN_EXE_dossier-extract").into(), limits)
}

async fn read_with(limits: Limits, bytes: &[u8], media_type: &str) -> Result<Extraction, Failure> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    extractor(limits).extract(file, media_type).await
}

async fn read(bytes: &[u8], media_type: &str) -> Result<Extraction, Failure> {
    read_with(Limits::default(), bytes, media_type).await
}

fn texts(read: &Extraction) -> Vec<&str> {
    read.pages.iter().map(|p| p.text.as_str()).collect()
}

#[tokio::test]
async fn a_pdf_is_read_page_by_page() {
    let read = read(&documents::pdf(&["First page", "Second (page)", ""]), "application/pdf").await.unwrap();
    assert_eq!(texts(&read), ["First page", "Second (page)", ""]);
    assert_eq!(read.partial, None);
    assert!(read.peak_rss_bytes > 0);
}

#[tokio::test]
async fn lines_and_words_come_from_positions_and_cut_words_are_joined() {
    let content = "BT /F1 12 Tf 50 700 Td [(Hel) 20 (lo) -400 (wor) (ld)] TJ 0 -14 Td (an extra-) Tj 0 -14 Td (ordinary day) Tj \
                   0 -60 Td (New paragraph) Tj ET";
    let read = read(&documents::pdf_of_contents(&[content]), "application/pdf").await.unwrap();
    assert_eq!(texts(&read), ["Hello world\nan extraordinary day\n\nNew paragraph"]);
}

#[tokio::test]
async fn a_character_map_is_followed_and_ligatures_are_taken_apart() {
    let read = read(&documents::pdf_with_unicode_map(), "application/pdf").await.unwrap();
    assert_eq!(texts(&read), ["office \u{416}"]);
}

#[tokio::test]
async fn a_file_that_needs_a_password_says_so() {
    let failure = read(&documents::encrypted_pdf(), "application/pdf").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::Encrypted);
    assert!(failure.is_permanent());
}

#[tokio::test]
async fn compressed_pages_and_files_with_an_empty_password_are_read() {
    for whole in [documents::compressed_pdf("Small words"), documents::pdf_with_empty_password("Small words")] {
        assert_eq!(texts(&read(&whole, "application/pdf").await.unwrap()), ["Small words"]);
    }
}

#[tokio::test]
async fn encodings_are_recognised() {
    let utf16: Vec<u8> = [0xfeff].into_iter().chain("Grüße".encode_utf16()).flat_map(u16::to_be_bytes).collect();
    assert_eq!(texts(&read(&utf16, "text/plain").await.unwrap()), ["Grüße"]);
    assert_eq!(
        texts(&read(b"Gr\xfc\xdfe aus Z\xfcrich\rzweite Zeile", "text/plain").await.unwrap()),
        ["Grüße aus Zürich\nzweite Zeile"]
    );
    let html = b"<meta http-equiv=Content-Type content='text/html; charset=windows-1251'><p>\xcf\xf0\xe8\xe2\xe5\xf2";
    assert_eq!(texts(&read(html, "text/html").await.unwrap()), ["Привет"]);
}

#[tokio::test]
async fn a_damaged_file_is_corrupt_or_gives_what_it_has() {
    let whole = documents::pdf(&["One", "Two", "Three"]);
    for end in (0..whole.len()).step_by(whole.len() / 40) {
        match read(&whole[..end], "application/pdf").await {
            Ok(read) => assert!(read.pages.len() <= 3),
            Err(failure) => assert_eq!(failure.code, FailureCode::Corrupt, "cut at {end}"),
        }
    }
    assert_eq!(read(b"%PDF-1.7 nothing", "application/pdf").await.unwrap_err().code, FailureCode::Corrupt);
}

#[tokio::test]
async fn pages_that_name_themselves_do_not_loop() {
    for hostile in [documents::page_tree_loop(), documents::form_loop(), documents::deep_arrays()] {
        let started = Instant::now();
        let _typed = read(&hostile, "application/pdf").await;
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn text_is_cut_into_pages_at_form_feeds_and_by_length() {
    let read = read("Eins\u{0c}Zwei\u{0c}".repeat(2).as_bytes(), "text/plain").await.unwrap();
    assert_eq!(texts(&read), ["Eins", "Zwei", "Eins", "Zwei", ""]);
}

#[tokio::test]
async fn html_and_markdown_give_their_words() {
    let html = read(b"<title>T</title><p>Hello <script>no</script>there", "text/html").await.unwrap();
    assert_eq!(texts(&html), ["T\n\nHello there"]);
    assert_eq!(html.metadata["title"], "T");
    let markdown = read(b"# Title\n\n**bold** `code`", "text/markdown").await.unwrap();
    assert_eq!(texts(&markdown), ["Title\n\nbold code"]);
}

#[tokio::test]
async fn a_type_without_reader_is_said_to_be_unsupported() {
    assert_eq!(read(b"x", "application/zip").await.unwrap_err().code, FailureCode::UnsupportedType);
}

#[tokio::test]
async fn more_pages_than_allowed_are_left_out_and_said_to_be() {
    let limits = Limits { pages: 2, ..Limits::default() };
    let read = read_with(limits, &documents::pdf(&["1", "2", "3"]), "application/pdf").await.unwrap();
    assert_eq!((read.pages.len(), read.partial.as_deref()), (2, Some("limit_exceeded")));
}

async fn probe(what: &str, limits: Limits) -> Result<Extraction, Failure> {
    extractor(limits).probing(what).extract(tempfile::tempfile().unwrap(), "").await
}

#[test]
fn a_child_that_was_taken_over_can_do_nothing() {
    let eperm = libc::EPERM.to_string();
    let forbidden = [
        "open",
        "create",
        "read_link",
        "connect",
        "listen",
        "spawn",
        "execve",
        "ptrace",
        "kill",
        "abort_another",
        "io_uring",
    ];
    for what in forbidden {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_dossier-extract"))
            .args(["--child", "--probe", what])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errno = said.trim();
        assert!(errno == eperm || errno == libc::EACCES.to_string(), "{what}: {said:?}");
        assert!(output.stderr.is_empty(), "every wall stands: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn a_child_that_wants_all_memory_hits_the_limit() {
    let limits = Limits { memory_bytes: 256 * 1024 * 1024, ..Limits::default() };
    assert_eq!(probe("memory", limits).await.unwrap_err().code, FailureCode::LimitExceeded);
}

#[tokio::test]
async fn a_child_that_computes_for_ever_hits_the_limit() {
    let limits = Limits { cpu: Duration::from_secs(1), ..Limits::default() };
    assert_eq!(probe("spin", limits).await.unwrap_err().code, FailureCode::LimitExceeded);
}

#[tokio::test]
async fn a_child_that_never_answers_is_killed_at_its_deadline() {
    let started = Instant::now();
    let limits = Limits { wall: Duration::from_millis(300), ..Limits::default() };
    let failure = probe("sleep", limits).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(!failure.is_permanent() && started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_child_that_says_too_much_is_cut_off_and_what_came_before_is_kept() {
    let limits = Limits { output_bytes: 1024 * 1024, ..Limits::default() };
    let read = probe("flood", limits).await.unwrap();
    assert_eq!(read.partial.as_deref(), Some("limit_exceeded"));
    assert!((10..=16).contains(&read.pages.len()));
}

#[tokio::test]
async fn the_parent_counts_pages_itself() {
    let limits = Limits { pages: 3, ..Limits::default() };
    let read = probe("flood", limits).await.unwrap();
    assert_eq!((read.pages.len(), read.partial.as_deref()), (3, Some("limit_exceeded")));
}

#[tokio::test]
async fn what_a_child_said_before_it_died_is_kept() {
    for what in ["pages_then_abort", "garbage"] {
        let read = probe(what, Limits::default()).await.unwrap();
        assert_eq!((texts(&read), read.partial.as_deref()), (vec!["kept"], Some("crashed")), "{what}");
    }
}

#[test]
fn the_program_prints_json_and_its_exit_code_says_whether_all_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.pdf");
    let bad = folder.path().join("bad.bin");
    std::fs::write(&good, documents::pdf(&["Hello"])).unwrap();
    std::fs::write(&bad, [0u8, 1, 2, 3]).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dossier-extract"))
        .args([&folder.path().join("missing.pdf"), &good, &bad])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.pdf"));
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = output
        .stdout
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    assert_eq!(lines[0]["pages"][0]["text"], "Hello");
    assert_eq!(lines[1]["failure"]["code"], "unsupported_type");
}
