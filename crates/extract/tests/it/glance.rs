//! What is read at a glance, and what gives way.

use std::{
    fs::File,
    io::{Seek, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use extract::{How, Limits, Ocr, Precedence};

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

/// Field `n` of what the kernel says of a process: see proc(5).
fn stat(pid: u32, n: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which is in brackets, may hold anything.
    stat.rsplit_once(") ")?.1.split(' ').nth(n - 3).map(str::to_owned)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        tokio::task::yield_now().await;
    }
}

/// The child that was started for a document of this type.
fn child(media_type: &str) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let mut pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let argument = format!("--media-type={media_type}");
    pids.find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|given| given == argument.as_bytes())
    })
}

#[tokio::test]
async fn a_reader_that_gives_way_runs_only_when_nobody_else_wants_to() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dossier-extract"))
        .args(["--child", "--giving-way", "--probe=sleep"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let policy = || stat(child.id(), 41);
    until("it is scheduled like others", || policy().as_deref() == Some(&libc::SCHED_IDLE.to_string())).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_gives_way_is_halted_while_others_go_first_and_has_its_turns() {
    let (precedence, media_type) = (Precedence::default(), "test/halted");
    let going_first = precedence.go_first();
    let (spinning, giving_way) = (extractor(Limits::default()).probing("spin"), precedence.clone());
    let reading = tokio::spawn(async move {
        spinning.read(file(b""), How { media_type, giving_way: Some(&giving_way), ..How::default() }).await
    });
    until("it is not started", || child(media_type).is_some()).await;
    let reader = child(media_type).unwrap();
    let halted = || stat(reader, 3).as_deref() == Some("T");
    let spent = || stat(reader, 14).unwrap().parse::<u64>().unwrap();
    for _ in 0..2 {
        until("it is never halted", halted).await;
        let before = spent();
        until("it has no turn", || spent() > before).await;
    }
    until("it is never halted", halted).await;
    drop(going_first);
    until("it does not go on", || !halted()).await;
    reading.abort();
    until("it outlives who waited for it", || child(media_type).is_none()).await;
}

#[tokio::test]
async fn a_reader_ends_with_whoever_waits_for_it() {
    let media_type = "test/orphaned";
    // A shell as its parent, which is killed and has no time to end anybody. The reader has a thread of its own.
    let mut parent = Command::new("sh")
        .args(["-c", "\"$0\" --child --probe=spin --media-type=test/orphaned & wait"])
        .arg(env!("CARGO_BIN_EXE_dossier-extract"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("it is not started", || {
        child(media_type).is_some_and(|pid| stat(pid, 20).is_some_and(|threads| threads == "2"))
    })
    .await;
    parent.kill().unwrap();
    parent.wait().unwrap();
    until("it spins on", || child(media_type).is_none()).await;
}
