//! Reading again keeps what is there until something better has come.

use std::time::Duration;

use chassis::{Caller, FaultKind, Role};
use futures_util::stream;
use proto::documents::{self as api, complete_request::Part};
use testkit::{as_caller, user, within};

use crate::fixture::{self, Fixture, kind, reason, unique_text};

async fn read(fixture: &Fixture, lease: &api::Lease, text: &str, extractor_version: i32, partial: &str) {
    let part = |part| api::CompleteRequest { part: Some(part) };
    let extraction = api::Extraction { extractor_version, partial: partial.into(), ..Default::default() };
    let messages = vec![
        part(Part::Lease(lease.clone())),
        part(Part::Page(api::Page { number: 1, text: text.into() })),
        part(Part::Extraction(extraction)),
    ];
    as_caller(Caller::Service, fixture.work().complete(stream::iter(messages))).await.unwrap();
    fixture.settle(lease).await.unwrap();
}

/// A document that a reader of this version has read.
async fn document(fixture: &Fixture, extractor_version: i32) -> api::Document {
    let document = fixture.upload("a.txt", &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    read(fixture, &lease, "good text", extractor_version, "").await;
    document
}

async fn lease(fixture: &Fixture, extractor_version: i32, wait_ms: i32) -> Vec<api::Job> {
    let request =
        api::LeaseRequest { worker: "test".into(), max_jobs: 10, wait_ms, extractor_version, ..Default::default() };
    as_caller(Caller::Service, fixture.work().lease(request)).await.unwrap().into_inner().jobs
}

async fn reprocess(fixture: &Fixture, id: &str) -> api::Lease {
    let request = api::ReprocessDocumentRequest { id: id.into() };
    as_caller(fixture.owner, fixture.documents().reprocess_document(request)).await.unwrap();
    fixture.lease_one().await.lease.unwrap()
}

async fn text(fixture: &Fixture, id: &str) -> String {
    let request = api::GetTextRequest { id: id.into(), ..Default::default() };
    let found = as_caller(fixture.owner, fixture.documents().get_text(request)).await.unwrap().into_inner();
    found.pages.into_iter().map(|page| page.text).collect()
}

async fn notes(fixture: &Fixture, id: &str) -> Vec<String> {
    fixture.get(fixture.owner, id).await.unwrap().notes.into_iter().map(|note| note.code).collect()
}

async fn outdated(fixture: &Fixture, extractor_version: i32) -> i64 {
    let request = api::GetLedgerRequest { extractor_version };
    as_caller(Caller::Service, fixture.work().get_ledger(request)).await.unwrap().into_inner().outdated
}

#[tokio::test]
async fn what_an_older_reader_read_is_read_again_a_few_at_a_time_while_there_is_nothing_else_to_do() {
    let fixture = fixture::start().await;
    for _ in 0..3 {
        document(&fixture, 2).await;
    }
    let new = document(&fixture, 3).await;
    assert_eq!((outdated(&fixture, 2).await, outdated(&fixture, 3).await), (0, 3));
    // Who does not wait, or has no better reader, is given nothing.
    assert!(lease(&fixture, 3, 0).await.is_empty() && lease(&fixture, 2, 1200).await.is_empty());
    // While there is other work, that comes first and alone.
    fixture.upload("b.txt", &unique_text()).await;
    let other = lease(&fixture, 3, 3000).await;
    assert_eq!(other.len(), 1);
    assert!(lease(&fixture, 3, 1200).await.is_empty());
    read(&fixture, other[0].lease.as_ref().unwrap(), "other", 3, "").await;
    let mut again = 0;
    while outdated(&fixture, 3).await > 0 {
        let jobs = within(Duration::from_secs(10), lease(&fixture, 3, 3000)).await;
        assert!((1..=2).contains(&jobs.len()) && jobs.iter().all(|job| job.kind() == api::WorkKind::Extract));
        for job in jobs {
            let lease = job.lease.unwrap();
            assert_ne!(lease.document_id, new.id);
            // It is found all the while.
            assert_eq!(fixture.get(fixture.owner, &lease.document_id).await.unwrap().status(), api::Status::Ready);
            read(&fixture, &lease, "better text", 3, "").await;
            assert_eq!(text(&fixture, &lease.document_id).await, "better text");
            again += 1;
        }
    }
    assert_eq!(again, 3);
    assert!(lease(&fixture, 3, 1200).await.is_empty());
    fixture.ledger().await;
}

#[tokio::test]
async fn what_an_older_reader_could_not_read_is_tried_again_by_a_newer_one_once() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let first = fixture.lease_one().await.lease.unwrap();
    assert!(!fixture.fail(&first, "corrupt", true).await.unwrap());
    assert_eq!((outdated(&fixture, 3).await, outdated(&fixture, 4).await), (0, 1));
    assert!(lease(&fixture, 3, 1200).await.is_empty(), "this reader has tried");

    // It stays failed, as the ledger has it, until something has come of it.
    let again = within(Duration::from_secs(10), lease(&fixture, 4, 3000)).await.remove(0).lease.unwrap();
    assert_eq!(fixture.get(fixture.owner, &document.id).await.unwrap().status(), api::Status::Failed);
    assert_eq!(fixture.ledger().await.failed, 1);
    let failure = Some(api::Failure { code: "corrupt".into(), detail: "It cannot be read.".into() });
    let request = api::FailRequest { lease: Some(again), failure, permanent: true, extractor_version: 4 };
    as_caller(Caller::Service, fixture.work().fail(request)).await.unwrap();
    assert_eq!(outdated(&fixture, 4).await, 0);
    assert!(lease(&fixture, 4, 1200).await.is_empty(), "and once only");

    let last = within(Duration::from_secs(10), lease(&fixture, 5, 3000)).await.remove(0).lease.unwrap();
    read(&fixture, &last, "good at last", 5, "").await;
    let found = fixture.get(fixture.owner, &document.id).await.unwrap();
    assert_eq!((found.status(), found.failure), (api::Status::Ready, None));
    assert_eq!(text(&fixture, &document.id).await, "good at last");
    fixture.ledger().await;
    // That it failed is told once, and that it could be read after all.
    let list = as_caller(Caller::Service, fixture.documents().list_notices(api::ListNoticesRequest { limit: 9 })).await;
    let told: Vec<_> = list.unwrap().into_inner().notices.into_iter().map(|notice| notice.kind).collect();
    assert_eq!(told, ["document.failed", "document.ready"]);
}

#[tokio::test]
async fn a_reading_that_fails_or_finds_less_keeps_the_text_and_is_not_repeated() {
    let fixture = fixture::start().await;
    for outcome in ["fails", "part", "nothing"] {
        let document = document(&fixture, 2).await;
        let again = within(Duration::from_secs(10), lease(&fixture, 3, 3000)).await.remove(0).lease.unwrap();
        match outcome {
            "fails" => assert!(!fixture.fail(&again, "corrupt", true).await.unwrap()),
            "part" => read(&fixture, &again, "good", 3, "timeout").await,
            _ => read(&fixture, &again, "", 3, "").await,
        }
        fixture.process_all().await;
        assert_eq!(text(&fixture, &document.id).await, "good text", "{outcome}");
        assert_eq!(notes(&fixture, &document.id).await, ["kept"]);
        assert_eq!(fixture.get(fixture.owner, &document.id).await.unwrap().status(), api::Status::Ready);
        assert_eq!(outdated(&fixture, 3).await, 0);
        assert_eq!(outdated(&fixture, 4).await, 1, "a still newer one may try");
        fixture.trash(&document.id).await;
        fixture.process_all().await;
    }
    fixture.ledger().await;
}

#[tokio::test]
async fn a_reader_that_always_dies_with_a_document_leaves_it_its_text() {
    let fixture =
        fixture::start_with(documents::Limits { lease_ms: 2_000, max_attempts: 1, ..Default::default() }).await;
    let document = document(&fixture, 3).await;
    reprocess(&fixture, &document.id).await;
    fixture::eventually(async || notes(&fixture, &document.id).await == ["kept"]).await;
    assert_eq!(text(&fixture, &document.id).await, "good text");
}

#[tokio::test]
async fn the_notes_say_what_is_missing() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    read(&fixture, &lease, "only words", 3, "ocr_unavailable").await;
    assert_eq!(notes(&fixture, &document.id).await, ["ocr_unavailable"]);
    let again = reprocess(&fixture, &document.id).await;
    read(&fixture, &again, "words and pictures", 3, "").await;
    assert!(notes(&fixture, &document.id).await.is_empty());
}

async fn lease_locked(fixture: &Fixture, caller: Caller, id: &str) -> Result<api::Job, tonic::Status> {
    let request = api::LeaseLockedRequest { document_id: id.into() };
    Ok(as_caller(caller, fixture.work().lease_locked(request)).await?.into_inner().jobs.remove(0))
}

#[tokio::test]
async fn a_locked_document_is_leased_to_whoever_has_its_password() {
    let fixture = fixture::start().await;
    let closed = fixture.create_collection("Closed", api::Visibility::Restricted).await;
    let document = fixture.upload_to(&closed.id, &unique_text()).await;
    assert_eq!(reason(lease_locked(&fixture, fixture.owner, &document.id).await), "not-locked");
    let first = fixture.lease_one().await.lease.unwrap();
    assert!(!fixture.fail(&first, "encrypted", true).await.unwrap());
    assert_eq!(kind(lease_locked(&fixture, user(Role::Editor), &document.id).await), FaultKind::NotFound);
    assert_eq!(kind(lease_locked(&fixture, user(Role::Viewer), &document.id).await), FaultKind::Forbidden);
    let job = lease_locked(&fixture, fixture.owner, &document.id).await.unwrap();
    assert_eq!((job.kind(), job.attempt), (api::WorkKind::Extract, 1));
    assert_eq!(fixture.get(fixture.owner, &document.id).await.unwrap().status(), api::Status::Processing);
    // One at a time.
    assert_eq!(reason(lease_locked(&fixture, fixture.owner, &document.id).await), "not-locked");
    fixture.ledger().await;
    read(&fixture, &job.lease.unwrap(), "the secret", 3, "").await;
    // Read again without its password, it keeps what was found with it, and can be opened again.
    let again = reprocess(&fixture, &document.id).await;
    assert!(!fixture.fail(&again, "encrypted", true).await.unwrap());
    fixture.process_all().await;
    assert_eq!(
        (text(&fixture, &document.id).await.as_str(), notes(&fixture, &document.id).await),
        ("the secret", vec!["kept_encrypted".to_owned()])
    );
    let job = lease_locked(&fixture, fixture.owner, &document.id).await.unwrap();
    read(&fixture, &job.lease.unwrap(), "the secret, better", 3, "").await;
    assert!(notes(&fixture, &document.id).await.is_empty());
}
