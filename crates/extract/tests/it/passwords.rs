//! Documents that open with a password.

use std::{
    io::{Seek, Write},
    process::{Command, Stdio},
};

use extract::{Extraction, Failure, FailureCode, Limits};

use crate::{documents, extractor, formats, hostile::MAIL, texts};

const PDF: &str = "application/pdf";

async fn opened(bytes: &[u8], media_type: &str, password: &str) -> Result<Extraction, Failure> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    extractor(Limits::default()).extract_locked(file, media_type, &password.into()).await
}

#[tokio::test]
async fn the_password_opens_the_file_and_another_does_not() {
    let whole = documents::pdf_with_password("A secret", b"key: 42");
    assert_eq!(texts(&opened(&whole, PDF, "key: 42").await.unwrap()), ["A secret"]);
    for wrong in ["", "key: 43", "key: 42 ", &"x".repeat(1024), &"x".repeat(1025), &"x".repeat(70_000)] {
        let failure = opened(&whole, PDF, wrong).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::Encrypted);
        assert!(failure.detail.contains("password that was given") && failure.is_permanent());
    }
}

#[tokio::test]
async fn letters_beyond_ascii_are_tried_in_both_ways_that_programs_write_them() {
    for bytes in ["Schlüssel".as_bytes(), b"Schl\xfcssel"] {
        let whole = documents::pdf_with_password("Ein Geheimnis", bytes);
        assert_eq!(texts(&opened(&whole, PDF, "Schlüssel").await.unwrap()), ["Ein Geheimnis"], "{bytes:?}");
    }
}

#[tokio::test]
async fn a_password_that_is_not_needed_does_no_harm() {
    for whole in [documents::pdf(&["Open"]), documents::pdf_with_empty_password("Open")] {
        assert_eq!(texts(&opened(&whole, PDF, "key").await.unwrap()), ["Open"]);
    }
    assert_eq!(texts(&opened("Open".repeat(100_000).as_bytes(), "text/plain", "key").await.unwrap())[0].len(), 3000);
    let noise = opened(b"%PDF-1.7 nothing", PDF, "key").await.unwrap_err();
    assert_eq!((noise.code, noise.detail.as_str()), (FailureCode::Corrupt, FailureCode::Corrupt.sentence()));
}

#[tokio::test]
async fn what_is_attached_to_a_message_is_opened_as_well() {
    let bill = formats::base64(&documents::pdf_with_password("Invoice 4712", b"key"));
    let message = format!(
        "From: a@example.org\r\nTo: b@example.org\r\nSubject: Bill\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/pdf; name=bill.pdf\r\nContent-Disposition: attachment; filename=bill.pdf\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{bill}\r\n"
    );
    let read = opened(message.as_bytes(), MAIL, "key").await.unwrap();
    assert!(texts(&read).contains(&"bill.pdf\nInvoice 4712"), "{read:?}");
    let read = opened(message.as_bytes(), MAIL, "another").await.unwrap();
    assert_eq!(read.partial.as_deref(), Some("encrypted"));
}

#[test]
fn the_program_reads_the_password_from_standard_input_and_does_not_repeat_it() {
    let folder = tempfile::tempdir().unwrap();
    let (locked, broken) = (folder.path().join("locked.pdf"), folder.path().join("broken.pdf"));
    std::fs::write(&locked, documents::pdf_with_password("A secret", b"tell nobody")).unwrap();
    std::fs::write(&broken, &documents::pdf_with_password("A secret", b"tell nobody")[..300]).unwrap();
    let run = |password: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dossier-extract"))
            .arg("--password-stdin")
            .args([&locked, &broken])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains(password.trim()), "{said}");
        said
    };
    assert!(run("tell nobody\r\n").contains("A secret"));
    assert!(run("tell somebody").contains("\"encrypted\""));
}

/// While a child waits for the rest of a document, everything that others can see of it is looked at.
#[tokio::test]
async fn nobody_sees_the_password_while_the_document_is_read() {
    let (hole, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"%PDF-1.7\n").unwrap();
    // By which this child is told from those of other tests.
    let reader = extractor(Limits { pages: 4321, ..Limits::default() });
    let password = "do not look".into();
    let reading = reader.extract_locked(std::fs::File::from(std::os::fd::OwnedFd::from(hole)), PDF, &password);
    let looking = async {
        let me = std::process::id();
        // The child has begun to run its program once its arguments are there.
        let child = loop {
            let children = std::fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap_or_default();
            let tasks = std::fs::read_dir(format!("/proc/{me}/task")).unwrap().flatten();
            let all = tasks
                .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
                .fold(children, |all, more| format!("{all} {more}"));
            let ours = all.split_whitespace().find(|pid| {
                let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                arguments.windows(12).any(|w| w == b"--pages=4321")
            });
            match ours {
                Some(pid) => break pid.to_owned(),
                None => tokio::task::yield_now().await,
            }
        };
        let seen = ["cmdline", "environ", "comm"]
            .map(|file| String::from_utf8_lossy(&std::fs::read(format!("/proc/{child}/{file}")).unwrap()).into_owned());
        assert!(!seen.concat().contains("do not look"), "{seen:?}");
        drop(writer);
    };
    let (read, ()) = tokio::join!(reading, looking);
    assert_eq!(read.unwrap_err().code, FailureCode::Corrupt);
}
