//! What is attached to a message becomes documents, once, and shares the fate of its message.

use chassis::{Caller, FaultKind};
use documents::Limits;
use futures_util::stream;
use proto::documents::{self as api, attach_request};
use testkit::as_caller;
use tonic::Status;

use crate::fixture::{self, Fixture, kind, reason, sha256, unique_text};

fn messages(lease: &api::Lease, name: &str, bytes: &[u8], claimed: &str) -> Vec<api::AttachRequest> {
    let part = |part| api::AttachRequest { part: Some(part) };
    let start = api::AttachStart {
        lease: Some(lease.clone()),
        file_name: name.into(),
        sha256: claimed.into(),
        size: bytes.len() as i64,
    };
    std::iter::once(part(attach_request::Part::Start(start)))
        .chain(bytes.chunks(100_000).map(|c| part(attach_request::Part::Chunk(c.to_vec().into()))))
        .collect()
}

/// Whether it was known.
async fn attach(fixture: &Fixture, lease: &api::Lease, name: &str, bytes: &[u8]) -> Result<bool, Status> {
    let sent = stream::iter(messages(lease, name, bytes, &sha256(bytes)));
    Ok(as_caller(Caller::Service, fixture.work().attach(sent)).await?.into_inner().known)
}

async fn complete(fixture: &Fixture, lease: &api::Lease, attachments_known: bool) {
    let part = |part| api::CompleteRequest { part: Some(part) };
    let page = api::Page { number: 1, text: "The letter".into() };
    let extraction = api::Extraction { extractor_version: 3, attachments_known, ..Default::default() };
    let messages = vec![
        part(api::complete_request::Part::Lease(lease.clone())),
        part(api::complete_request::Part::Page(page)),
        part(api::complete_request::Part::Extraction(extraction)),
    ];
    as_caller(Caller::Service, fixture.work().complete(stream::iter(messages))).await.unwrap();
}

async fn attached_to(fixture: &Fixture, id: &str, trashed: bool) -> Vec<api::Document> {
    let request =
        api::ListDocumentsRequest { parent_id: id.into(), trashed, sort: "title".into(), ..Default::default() };
    fixture.list(fixture.owner, request).await.items
}

async fn titles(fixture: &Fixture, id: &str, trashed: bool) -> Vec<String> {
    attached_to(fixture, id, trashed).await.into_iter().map(|document| document.title).collect()
}

/// A message that is being read.
async fn message(fixture: &Fixture) -> (api::Document, api::Lease) {
    let mail = fixture.upload("mail.eml", &unique_text()).await;
    let job = fixture.lease_one().await;
    assert!(job.attachments);
    (mail, job.lease.unwrap())
}

#[tokio::test]
async fn an_attachment_is_a_document_of_its_own_beside_its_message() {
    let fixture = fixture::start().await;
    let collection = fixture.create_collection("Post", api::Visibility::Restricted).await;
    let mail = fixture.upload_to(&collection.id, &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    let bytes = [b"%PDF-1.7 ".to_vec(), vec![b'x'; 300_000]].concat();
    assert!(!attach(&fixture, &lease, "../Bill 4711.pdf", &bytes).await.unwrap());
    let parts = attached_to(&fixture, &mail.id, false).await;
    assert_eq!(parts.len(), 1);
    let part = &parts[0];
    assert_eq!((part.title.as_str(), part.file_name.as_str()), ("Bill 4711.pdf", "Bill 4711.pdf"));
    assert_eq!((part.parent_id.as_str(), part.collection_id.as_str()), (mail.id.as_str(), collection.id.as_str()));
    assert_eq!((part.media_type.as_str(), part.status()), ("application/pdf", api::Status::Pending));
    assert_eq!(part.created_by, mail.created_by);
    assert_eq!(fixture.content(&part.id).await.unwrap(), bytes);
    complete(&fixture, &lease, true).await;
    fixture.settle(&lease).await.unwrap();
    // It is read like any upload.
    let job = fixture.lease_one().await;
    assert_eq!(job.lease.unwrap().document_id, part.id);
    fixture.ledger().await;
}

#[tokio::test]
async fn reading_a_message_again_makes_nothing_twice_and_sends_no_bytes_twice() {
    let fixture = fixture::start().await;
    let (mail, lease) = message(&fixture).await;
    assert!(!attach(&fixture, &lease, "a.txt", b"one").await.unwrap());
    assert!(!attach(&fixture, &lease, "b.txt", b"one").await.unwrap());
    // The second time in one message, and by whoever comes after a worker that was killed.
    assert!(attach(&fixture, &lease, "a.txt", b"one").await.unwrap());
    assert!(fixture.fail(&lease, "unavailable", false).await.unwrap());
    let jobs = fixture.lease(10, 3000).await;
    let again = jobs.iter().filter_map(|j| j.lease.clone()).find(|l| l.document_id == mail.id);
    let again = match again {
        Some(lease) => lease,
        None => loop {
            let found = fixture.lease(10, 3000).await.into_iter().filter_map(|j| j.lease);
            if let Some(lease) = found.into_iter().find(|l| l.document_id == mail.id) {
                break lease;
            }
        },
    };
    // Only the start is sent: the answer does not wait for bytes.
    let start = stream::iter(messages(&again, "a.txt", b"one", &sha256(b"one"))[..1].to_vec());
    assert!(as_caller(Caller::Service, fixture.work().attach(start)).await.unwrap().into_inner().known);
    assert_eq!(titles(&fixture, &mail.id, false).await, ["a.txt", "b.txt"]);
    assert_eq!((fixture.count("documents").await, fixture.object_count().await), (3, 3));
    assert_eq!(kind(attach(&fixture, &lease, "late.txt", b"late").await), FaultKind::NotFound);
    assert_eq!(fixture.object_count().await, 3);
}

#[tokio::test]
async fn what_is_no_document_is_refused_and_leaves_nothing_behind() {
    let fixture = fixture::start().await;
    let (mail, lease) = message(&fixture).await;
    assert_eq!(kind(attach(&fixture, &lease, "run.exe", b"MZ\0\0\0\0").await), FaultKind::UnsupportedMediaType);
    assert_eq!(reason(attach(&fixture, &lease, "empty.txt", b"").await), "empty-file");
    let other = stream::iter(messages(&lease, "a.txt", b"these", &sha256(b"those")));
    let refused = as_caller(Caller::Service, fixture.work().attach(other)).await;
    assert_eq!(kind(refused), FaultKind::Unavailable);
    let person = stream::iter(messages(&lease, "a.txt", b"these", &sha256(b"these")));
    assert_eq!(kind(as_caller(fixture.owner, fixture.work().attach(person)).await), FaultKind::Forbidden);
    assert!(attached_to(&fixture, &mail.id, false).await.is_empty());
    fixture::eventually(async || fixture.object_count().await == 1).await;
}

#[tokio::test]
async fn one_message_has_so_many_attachments_and_so_deep() {
    let fixture = fixture::start_with(Limits { lease_ms: 120_000, ..Limits::default() }).await;
    let (mail, mut lease) = message(&fixture).await;
    for depth in 0.. {
        let name = format!("{depth}.eml");
        if depth == 4 {
            assert_eq!(reason(attach(&fixture, &lease, &name, name.as_bytes()).await), "too-many-attachments");
            break;
        }
        attach(&fixture, &lease, &name, name.as_bytes()).await.unwrap();
        complete(&fixture, &lease, true).await;
        fixture.settle(&lease).await.unwrap();
        let job = fixture.lease_one().await;
        assert_eq!(job.attachments, depth < 3);
        lease = job.lease.unwrap();
    }
    let (wide, lease) = {
        complete(&fixture, &lease, true).await;
        fixture.settle(&lease).await.unwrap();
        message(&fixture).await
    };
    for n in 0..100 {
        attach(&fixture, &lease, "a.txt", format!("number {n}").as_bytes()).await.unwrap();
    }
    assert_eq!(reason(attach(&fixture, &lease, "a.txt", b"one more").await), "too-many-attachments");
    assert!(attach(&fixture, &lease, "a.txt", b"number 7").await.unwrap());
    assert_ne!(wide.id, mail.id);
}

#[tokio::test]
async fn a_new_version_of_the_message_puts_what_it_does_not_have_into_the_trash() {
    let fixture = fixture::start().await;
    let (mail, lease) = message(&fixture).await;
    for name in ["both.txt", "first.txt"] {
        attach(&fixture, &lease, name, name.as_bytes()).await.unwrap();
    }
    complete(&fixture, &lease, true).await;
    fixture.settle(&lease).await.unwrap();
    fixture.process_all().await;
    let next = async |names: &[&str], known: bool| {
        fixture.process_all().await;
        fixture.new_version(&mail.id, &unique_text()).await;
        let lease = fixture.lease_one().await.lease.unwrap();
        for name in names {
            attach(&fixture, &lease, name, name.as_bytes()).await.unwrap();
        }
        complete(&fixture, &lease, known).await;
        fixture.settle(&lease).await.unwrap();
        fixture.process_all().await;
    };
    // What could not be read to its end says nothing of the rest.
    next(&[], false).await;
    assert_eq!(titles(&fixture, &mail.id, false).await, ["both.txt", "first.txt"]);
    next(&["both.txt", "second.txt"], true).await;
    assert_eq!(titles(&fixture, &mail.id, false).await, ["both.txt", "second.txt"]);
    assert_eq!(titles(&fixture, &mail.id, true).await, ["first.txt"]);
    // It comes back with a version that has it; what a person has thrown away does not.
    let both = attached_to(&fixture, &mail.id, false).await.remove(0);
    fixture.trash(&both.id).await;
    next(&["both.txt", "first.txt"], true).await;
    assert_eq!(titles(&fixture, &mail.id, false).await, ["first.txt"]);
    fixture.purge(&both.id).await.unwrap();
    next(&["both.txt", "first.txt"], true).await;
    assert_eq!(titles(&fixture, &mail.id, false).await, ["first.txt"]);
    fixture.ledger().await;
}

#[tokio::test]
async fn the_message_takes_its_attachments_to_the_trash_and_back_and_away() {
    let fixture = fixture::start().await;
    let (mail, lease) = message(&fixture).await;
    attach(&fixture, &lease, "inner.eml", b"inner").await.unwrap();
    attach(&fixture, &lease, "thrown.txt", b"thrown").await.unwrap();
    complete(&fixture, &lease, true).await;
    fixture.settle(&lease).await.unwrap();
    let inner = attached_to(&fixture, &mail.id, false).await.remove(0);
    for job in fixture.lease(10, 3000).await {
        let lease = job.lease.unwrap();
        if lease.document_id == inner.id {
            attach(&fixture, &lease, "innermost.txt", b"innermost").await.unwrap();
        }
        complete(&fixture, &lease, true).await;
        fixture.settle(&lease).await.unwrap();
    }
    fixture.process_all().await;
    let thrown = attached_to(&fixture, &mail.id, false).await.remove(1);
    fixture.trash(&thrown.id).await;
    fixture.trash(&mail.id).await;
    fixture.process_all().await;
    assert_eq!(titles(&fixture, &mail.id, true).await, ["inner.eml", "thrown.txt"]);
    assert_eq!(titles(&fixture, &inner.id, true).await, ["innermost.txt"]);
    fixture.restore(&mail.id).await;
    assert_eq!(titles(&fixture, &mail.id, false).await, ["inner.eml"]);
    assert_eq!(titles(&fixture, &inner.id, false).await, ["innermost.txt"]);
    assert_eq!(titles(&fixture, &mail.id, true).await, ["thrown.txt"]);
    fixture.process_all().await;
    // What somebody has taken out of the trash stays, when the message goes for good.
    fixture.trash(&mail.id).await;
    let innermost = attached_to(&fixture, &inner.id, true).await.remove(0);
    fixture.restore(&innermost.id).await;
    fixture.purge(&mail.id).await.unwrap();
    fixture.process_all().await;
    let left = fixture.get(fixture.owner, &innermost.id).await.unwrap();
    assert_eq!((left.parent_id.as_str(), left.deleted_at), ("", None));
    assert_eq!(kind(fixture.get(fixture.owner, &inner.id).await), FaultKind::NotFound);
    let thrown = fixture.get(fixture.owner, &thrown.id).await.unwrap();
    assert!(thrown.deleted_at.is_some() && thrown.parent_id.is_empty());
    fixture.ledger().await;
}

#[tokio::test]
async fn attachments_move_with_their_message_unless_they_were_filed_elsewhere() {
    let fixture = fixture::start().await;
    let (mail, lease) = message(&fixture).await;
    for name in ["beside.txt", "filed.txt"] {
        attach(&fixture, &lease, name, name.as_bytes()).await.unwrap();
    }
    complete(&fixture, &lease, true).await;
    fixture.settle(&lease).await.unwrap();
    fixture.process_all().await;
    let elsewhere = fixture.create_collection("Elsewhere", api::Visibility::Internal).await;
    let closed = fixture.create_collection("Closed", api::Visibility::Restricted).await;
    let parts = attached_to(&fixture, &mail.id, false).await;
    let to = async |id: &str, collection: &api::Collection| {
        let request = api::UpdateDocumentRequest {
            id: id.into(),
            collection_id: Some(collection.id.clone()),
            ..Default::default()
        };
        as_caller(fixture.owner, fixture.documents().update_document(request)).await.unwrap();
    };
    to(&parts[1].id, &elsewhere).await;
    to(&mail.id, &closed).await;
    let parts = attached_to(&fixture, &mail.id, false).await;
    assert_eq!((&parts[0].collection_id, &parts[1].collection_id), (&closed.id, &elsewhere.id));
    fixture.process_all().await;
    fixture.ledger().await;
}

#[tokio::test]
async fn an_upload_of_the_same_bytes_is_a_document_of_its_own() {
    let fixture = fixture::start().await;
    let (_, lease) = message(&fixture).await;
    let bytes = unique_text();
    attach(&fixture, &lease, "a.txt", &bytes).await.unwrap();
    let uploaded = fixture.upload("a.txt", &bytes).await;
    assert_eq!(uploaded.parent_id, "");
}
