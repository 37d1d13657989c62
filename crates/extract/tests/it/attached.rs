//! What is attached to a message, handed over instead of being read as part of it.

use std::io::{Read, Seek, Write};

use extract::{Extraction, Failure, How, Limits};

use crate::{
    documents, extractor, formats,
    hostile::{LIMITS, MAIL},
    outlook, texts,
};

async fn apart(bytes: &[u8], media_type: &str, limits: Limits) -> Result<Extraction, Failure> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let folder = std::env::temp_dir();
    extractor(limits).read(file, How { media_type, apart: Some(&folder), ..How::default() }).await
}

fn files(read: Extraction) -> Vec<(String, Vec<u8>)> {
    let file = |mut attachment: extract::Attachment| {
        let mut bytes = Vec::new();
        attachment.file.read_to_end(&mut bytes).unwrap();
        assert_eq!(attachment.size, bytes.len() as u64);
        (attachment.name, bytes)
    };
    read.attachments.into_iter().map(file).collect()
}

#[tokio::test]
async fn files_and_messages_are_handed_over_and_named_in_the_letter() {
    let read = apart(&formats::message(), MAIL, Limits::default()).await.unwrap();
    let text = texts(&read).concat();
    assert!(text.contains("See the bill, grüße") && text.contains("Attachments: bill.pdf, Before.eml"), "{text:?}");
    assert!(!text.contains("4711") && !text.contains("The first letter"), "{text:?}");
    assert_eq!(read.partial, None);
    let files = files(read);
    assert_eq!(files[0], ("bill.pdf".to_owned(), documents::pdf(&["Invoice 4711"])));
    assert_eq!(files[1].0, "Before.eml");
    let inner = apart(&files[1].1, MAIL, Limits::default()).await.unwrap();
    assert_eq!(texts(&inner), ["Subject: Before\nFrom: eve@example.org\n\nThe first letter"]);
}

#[tokio::test]
async fn texts_keep_the_bytes_they_were_sent_as_and_pictures_of_the_layout_stay() {
    let message = "From: a@b.ch\r\nTo: c@d.ch\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>Hello <img src='cid:logo'>\r\n\
        --b\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoAAAANSUhEUg==\r\n\
        --b\r\nContent-Type: text/csv; charset=iso-8859-1; name=list.csv\r\nContent-Disposition: attachment; filename=list.csv\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\nZ=FCrich,=3D\r\n\
        --b\r\nContent-Type: image/png; name=photo.png\r\nContent-Disposition: attachment; filename=photo.png\r\n\
        Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoAAAANSUhEUg==\r\n\
        --b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK\r\n--b--\r\n";
    let read = apart(message.as_bytes(), MAIL, Limits::default()).await.unwrap();
    assert_eq!(texts(&read).len(), 1, "{read:?}");
    let files = files(read);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["list.csv", "photo.png", "attachment 4"]);
    assert_eq!(files[0].1, b"Z\xfcrich,=");
}

#[tokio::test]
async fn a_message_of_outlook_gives_its_files_and_keeps_the_message_inside() {
    let read = apart(&outlook::message(), outlook::MSG, Limits::default()).await.unwrap();
    let text = texts(&read).join("\u{c}");
    assert!(text.contains("Attachments: bill.pdf\n") && text.contains("The first letter"), "{text:?}");
    assert!(!text.contains("4711"));
    assert_eq!(files(read), [("bill.pdf".to_owned(), documents::pdf(&["Invoice 4711"]))]);
}

#[tokio::test]
async fn more_than_is_allowed_is_left_out_and_said_to_be() {
    let part =
        |n: usize| format!("--b\r\nContent-Type: application/x; name=\"{n}.bin\"\r\n\r\n{}\r\n", "x".repeat(100));
    let parts: String = (0..150).map(part).collect();
    let message = format!(
        "From: a@b.ch\r\nTo: c@d.ch\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n"
    );
    let read = apart(message.as_bytes(), MAIL, Limits::default()).await.unwrap();
    assert_eq!((read.attachments.len(), read.partial.as_deref()), (100, Some("limit_exceeded")));
    let limits = Limits { attachment_bytes: 1_050, ..Limits::default() };
    let read = apart(message.as_bytes(), MAIL, limits).await.unwrap();
    assert_eq!((read.attachments.len(), read.partial.as_deref()), (10, Some("limit_exceeded")));
    assert!(texts(&read)[0].starts_with("Subject: x"));
}

#[tokio::test]
async fn a_large_file_comes_through_whole() {
    let bytes: Vec<u8> = (0..20_000_000u32).map(|n| (n.wrapping_mul(7919) >> 8) as u8).collect();
    let message = format!(
        "From: a@b.ch\r\nTo: c@d.ch\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/zip; name=a.zip\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        formats::base64(&bytes)
    );
    let read = apart(message.as_bytes(), MAIL, Limits::default()).await.unwrap();
    assert!(files(read) == [("a.zip".to_owned(), bytes)]);
}

#[tokio::test]
async fn a_child_that_hands_over_too_much_is_stopped_and_never_names_a_path() {
    let lying = async |limits: Limits| {
        let folder = std::env::temp_dir();
        let how = How { apart: Some(&folder), ..How::default() };
        extractor(limits).probing("attachments").read(tempfile::tempfile().unwrap(), how).await.unwrap_err()
    };
    let few = lying(Limits { attachments: 10, ..Limits::default() }).await;
    assert_eq!(few.code, extract::FailureCode::LimitExceeded);
    let small = lying(Limits { attachment_bytes: 10_000_000, ..Limits::default() }).await;
    assert_eq!(small.code, extract::FailureCode::LimitExceeded);
    // Nobody asked for any.
    let unasked = extractor(Limits::default()).probing("attachments").extract(tempfile::tempfile().unwrap(), "").await;
    assert!(unasked.is_err());
}

/// Every hostile message is read in this way as well.
#[tokio::test]
async fn hostile_messages_are_survived_in_this_way_too() {
    for case in outlook::hostile() {
        let _typed = apart(&case.bytes, case.media_type, LIMITS).await;
    }
}
