//! What is attached to a message is handed to documents before the text of the message is.

use crate::fixture::{Setting, start};

const MAIL: &str = "message/rfc822";

fn message() -> String {
    "From: a@example.org\r\nTo: b@example.org\r\nSubject: Bill\r\nMIME-Version: 1.0\r\n\
     Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSee the files\r\n\
     --x\r\nContent-Type: text/csv; name=list.csv\r\nContent-Disposition: attachment\r\n\r\na,b\r\n\
     --x\r\nContent-Type: application/octet-stream; name=run.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVoAAAA=\r\n\
     --x--\r\n"
        .to_owned()
}

#[tokio::test]
async fn attachments_are_handed_over_first_and_only_named_in_the_message() {
    let fixture = start(Setting::default()).await;
    let id = fixture.documents.add_bytes(message().as_bytes(), MAIL);
    fixture.documents.until_settled(id, 1).await;
    assert_eq!(fixture.documents.calls(id), ["lease", "read_leased", "attach", "complete", "settle"]);
    let entry = fixture.documents.entry(id);
    assert_eq!(entry.attached, [("list.csv".to_owned(), b"a,b".to_vec())]);
    // What documents does not take is no failure of the message.
    assert!(entry.pages[0].text.contains("Attachments: list.csv, run.exe"), "{:?}", entry.pages);
    assert!(entry.pages.iter().all(|page| !page.text.contains("a\tb") && !page.text.contains("a,b")));
    let extraction = entry.extraction.unwrap();
    assert_eq!((extraction.partial.as_str(), extraction.attachments_known), ("", true));
}

#[tokio::test]
async fn a_worker_that_loses_its_lease_while_it_hands_over_completes_nothing() {
    let fixture = start(Setting::default()).await;
    let id = fixture.documents.add_bytes(message().as_bytes(), MAIL);
    fixture.documents.until(|state| state.calls.iter().any(|(call, _)| *call == "read_leased")).await;
    fixture.documents.take_away(id);
    fixture.documents.again(id, proto::documents::WorkKind::Extract, |entry| entry.version = 2);
    fixture.documents.until_settled(id, 1).await;
    let entry = fixture.documents.entry(id);
    assert!(entry.attached.contains(&("list.csv".to_owned(), b"a,b".to_vec())));
    assert_eq!(entry.settled, 1);
}
