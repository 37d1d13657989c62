//! What is read at a glance, and what gives way.

use std::{
    fs::File,
    io::{Seek, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use extract::{How, Limits, Ocr};

use crate::{
    documents, extractor,
    pictures::{bmp, drawn},
    texts,
};

const GLANCE: Duration = Duration::from_millis(200);

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn how(media_type: &str) -> How<'_> {
    How { media_type, ..How::default() }
}

#[tokio::test]
async fn an_ordinary_document_is_read_at_a_glance_and_one_that_computes_on_is_not() {
    let extractor = extractor(Limits { cpu: Duration::from_secs(1), ..Limits::default() });
    let pdf = file(&documents::pdf(&["Hello"]));
    let read = extractor.glance(pdf, how("application/pdf"), Duration::from_millis(900)).await.unwrap().unwrap();
    assert_eq!(texts(&read), ["Hello"]);
    let spinning = extractor.clone().probing("spin");
    assert!(spinning.glance(file(b""), how(""), GLANCE).await.is_none());
    // As long as it may read at all: that is its end.
    assert!(spinning.glance(file(b""), how(""), Duration::from_secs(1)).await.unwrap().is_err());
}

#[tokio::test]
async fn a_picture_is_more_than_a_glance_when_somebody_reads_pictures() {
    let (width, height, grey) = drawn("HELLO");
    let picture = bmp(width, height, &grey);
    let unread = extractor(Limits::default()).glance(file(&picture), how("image/bmp"), GLANCE).await.unwrap().unwrap();
    assert_eq!(unread.partial.as_deref(), Some("ocr_unavailable"));
    let reading = extractor(Limits::default()).with_ocr(Ocr::find("/bin/cat", "eng"));
    assert!(reading.glance(file(&picture), how("image/bmp"), GLANCE).await.is_none());
}

#[test]
fn a_reader_that_gives_way_is_the_last_to_be_given_the_processor() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dossier-extract"))
        .args(["--child", "--giving-way", "--probe=sleep"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let nice = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        // The fields after the name, which is in brackets: see proc(5).
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().to_owned()
    };
    let end = Instant::now() + Duration::from_secs(10);
    while nice() != "19" {
        assert!(Instant::now() < end, "it still has {}", nice());
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
