use std::time::Duration;

use chassis::{Caller, FaultKind, RequestContext, Role};
use documents::Limits;
use proto::documents as api;
use testkit::user;

use crate::fixture::{self, Fixture, fault, finish, kind, new_document, reason, sha256, unique_text, upload_messages};

fn big(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes);
    let mut line = 0u64;
    while text.len() < bytes {
        text.extend_from_slice(format!("line {line} of a long text\n").as_bytes());
        line += 1;
    }
    text.truncate(bytes);
    text
}

/// Until the object that is removed in the background is gone.
async fn no_objects(fixture: &Fixture) {
    let gone = async {
        while fixture.object_count().await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    testkit::within(Duration::from_secs(10), gone).await;
}

#[tokio::test]
async fn what_goes_in_comes_out_whole_and_in_ranges() {
    let fixture = fixture::start().await;
    let bytes = b"0123456789".repeat(50_000);
    let document = fixture.upload("Zahlen 2024.txt", &bytes).await;
    assert_eq!((document.title.as_str(), document.media_type.as_str()), ("Zahlen 2024", "text/plain"));
    assert_eq!((document.size, document.sha256.as_str()), (500_000, sha256(&bytes).as_str()));
    assert_eq!((document.status(), document.version, document.revision), (api::Status::Pending, 1, 1));
    assert_eq!(document.collection_id, fixture::FIRST);
    assert_eq!(fixture.content(&document.id).await.unwrap(), bytes);
    let ranges = [
        (Some(3), Some(7), None, 3..8),
        (Some(499_990), None, None, 499_990..500_000),
        (None, None, Some(4), 499_996..500_000),
    ];
    for (first, last, suffix, expected) in ranges {
        let request = api::ReadContentRequest { id: document.id.clone(), first, last, suffix, ..Default::default() };
        let (head, got) = fixture.read(fixture.owner, request).await.unwrap();
        assert_eq!(got, bytes[expected.clone()]);
        assert_eq!((head.first, head.length), (expected.start as i64, expected.len() as i64));
    }
    let beyond = api::ReadContentRequest { id: document.id.clone(), first: Some(500_000), ..Default::default() };
    assert_eq!(kind(fixture.read(fixture.owner, beyond).await), FaultKind::RangeNotSatisfiable);
    let head_only = api::ReadContentRequest { id: document.id, head_only: true, ..Default::default() };
    assert!(fixture.read(fixture.owner, head_only).await.unwrap().1.is_empty());
}

#[tokio::test]
async fn twenty_megabytes_go_in_as_parts() {
    let fixture = fixture::start().await;
    let bytes = big(20 << 20);
    let document = fixture.upload("long.txt", &bytes).await;
    assert_eq!(document.sha256, sha256(&bytes));
    assert!(fixture.content(&document.id).await.unwrap() == bytes);
    // Exactly one part, and a byte more.
    for size in [5 << 20, (5 << 20) + 1] {
        let bytes = big(size);
        let document = fixture.upload("part.txt", &bytes).await;
        assert!(fixture.content(&document.id).await.unwrap() == bytes, "{size}");
    }
}

#[tokio::test]
async fn many_large_uploads_on_one_connection_all_get_through_few_buffers() {
    let fixture = fixture::start_with(Limits { upload_buffers: 2, ..Limits::default() }).await;
    // As the gateway has it: those that wait must not starve the others of the connection's window.
    let client = fixture.documents();
    let uploads = (0..12usize).map(|n| {
        let mut client = client.clone();
        let messages = upload_messages(new_document("long.txt"), &big((6 << 20) + n), Some(finish()));
        let context = RequestContext { caller: fixture.owner, ..RequestContext::background(Duration::from_secs(90)) };
        context.scope(async move { client.upload(futures_util::stream::iter(messages)).await.map(drop) })
    });
    let answers = futures_util::future::join_all(uploads).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(fixture.object_count().await, 12);
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let fixture = fixture::start().await;
    for size in [10, 8 << 20] {
        let cut = fixture.try_upload(fixture.owner, new_document("a.txt"), &big(size), None).await;
        assert_eq!(reason(cut), "cut-off");
    }
    let start = api::UploadStart { size: Some(11), ..new_document("a.txt") };
    assert_eq!(reason(fixture.try_upload(fixture.owner, start, &big(10), Some(finish())).await), "cut-off");
    no_objects(&fixture).await;
    assert_eq!((fixture.count("documents").await, fixture.count("work").await), (0, 0));
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let fixture = fixture::start_with(Limits { max_document_bytes: 6 << 20, ..Limits::default() }).await;
    let elf = [b"\x7fELF\x02\x01\x01".to_vec(), vec![0; 20_000]].concat();
    let wrong = api::UploadFinish { expected_sha256: "0".repeat(64), ..finish() };
    let titled = api::UploadFinish { title: "a\nb".into(), metadata: "[]".into(), ..finish() };
    let announced = api::UploadStart { size: Some(7 << 20), ..new_document("a.txt") };
    for (start, bytes, finish, expected) in [
        (new_document("a.txt"), vec![], finish(), (FaultKind::Unprocessable, "empty-file")),
        (new_document("a.pdf"), elf, finish(), (FaultKind::UnsupportedMediaType, "unsupported-type")),
        (new_document("a.txt"), big(100), wrong, (FaultKind::Unprocessable, "checksum-mismatch")),
        (new_document("a.txt"), big(7 << 20), finish(), (FaultKind::TooLarge, "too-large")),
        (announced, big(10), finish(), (FaultKind::TooLarge, "too-large")),
        (new_document("a.txt"), big(10), titled, (FaultKind::Invalid, "invalid")),
    ] {
        let refused = fault(fixture.try_upload(fixture.owner, start, &bytes, Some(finish)).await);
        assert_eq!((refused.kind, &*refused.reason), expected, "{}", refused.detail);
    }
    let viewer = fixture.try_upload(user(Role::Viewer), new_document("a.txt"), &big(10), Some(finish())).await;
    assert_eq!(kind(viewer), FaultKind::Forbidden);
    let nobody = fixture.try_upload(Caller::Anonymous, new_document("a.txt"), &big(10), Some(finish())).await;
    assert_eq!(kind(nobody), FaultKind::Unauthenticated);
    no_objects(&fixture).await;
    assert_eq!(fixture.count("documents").await, 0);
}

#[tokio::test]
async fn a_right_checksum_is_accepted() {
    let fixture = fixture::start().await;
    let bytes = unique_text();
    let finish = api::UploadFinish { expected_sha256: sha256(&bytes).to_uppercase(), ..finish() };
    fixture.try_upload(fixture.owner, new_document("a.txt"), &bytes, Some(finish)).await.unwrap();
}

#[tokio::test]
async fn the_same_bytes_in_a_collection_are_one_document() {
    let fixture = fixture::start().await;
    let bytes = unique_text();
    let first = fixture.upload("a.txt", &bytes).await;
    let again = fixture.try_upload(fixture.owner, new_document("b.txt"), &bytes, Some(finish())).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.document.unwrap().id, first.id);
    let elsewhere = fixture.create_collection("Elsewhere", api::Visibility::Internal).await;
    assert_ne!(fixture.upload_to(&elsewhere.id, &bytes).await.id, first.id);
    assert_eq!(fixture.object_count().await, 2);
    // What is in the trash does not count.
    fixture.trash(&first.id).await;
    assert_ne!(fixture.upload("a.txt", &bytes).await.id, first.id);
}

#[tokio::test]
async fn the_same_bytes_twice_at_once_are_one_document() {
    let fixture = fixture::start().await;
    let bytes = unique_text();
    let upload = || fixture.try_upload(fixture.owner, new_document("a.txt"), &bytes, Some(finish()));
    let answers = futures_util::future::join_all((0..8).map(|_| upload())).await;
    let new = answers.iter().filter(|a| !a.as_ref().unwrap().duplicate).count();
    assert_eq!((new, fixture.count("documents").await), (1, 1));
    no_more_than(&fixture, 1).await;
}

async fn no_more_than(fixture: &Fixture, count: usize) {
    assert_eq!(fixture.object_count().await, count);
}

#[tokio::test]
async fn a_repeated_upload_with_the_same_key_answers_the_first() {
    let fixture = fixture::start().await;
    let with_key = |fingerprint: u8| {
        let idempotency = Some(api::Idempotency { key: "k".into(), fingerprint: vec![fingerprint; 32] });
        Some(api::UploadFinish { idempotency, ..finish() })
    };
    let bytes = unique_text();
    let upload = |finish| fixture.try_upload(fixture.owner, new_document("a.txt"), &bytes, finish);
    let first = upload(with_key(1)).await.unwrap();
    let id = first.document.unwrap().id;
    fixture.trash(&id).await;
    let second = upload(with_key(1)).await.unwrap();
    assert!(second.replayed && !first.replayed);
    assert_eq!(second.document.unwrap().id, id);
    assert_eq!(reason(upload(with_key(2)).await), "idempotency-mismatch");
    assert_eq!((fixture.count("documents").await, fixture.object_count().await), (1, 1));
}

#[tokio::test]
async fn every_version_stays_readable() {
    let fixture = fixture::start().await;
    let (one, two) = (unique_text(), unique_text());
    let document = fixture.upload("first.txt", &one).await;
    fixture.process_all().await;
    let changed = fixture.new_version(&document.id, &two).await;
    assert_eq!((changed.version, changed.status(), changed.page_count), (2, api::Status::Pending, 0));
    assert_eq!(changed.title, "first");
    assert_eq!(fixture.content(&document.id).await.unwrap(), two);
    let first = api::ReadContentRequest { id: document.id.clone(), version: 1, ..Default::default() };
    assert_eq!(fixture.read(fixture.owner, first).await.unwrap().1, one);
    let request = api::ListVersionsRequest { id: document.id.clone() };
    let versions = testkit::as_caller(fixture.owner, fixture.documents().list_versions(request)).await.unwrap();
    let names: Vec<_> = versions.into_inner().items.into_iter().map(|v| (v.number, v.file_name)).collect();
    assert_eq!(names, [(2, "next.txt".to_owned()), (1, "first.txt".to_owned())]);
    // The same bytes again are no new version.
    let start = api::UploadStart { document_id: document.id.clone(), ..new_document("x.txt") };
    let same = fixture.try_upload(fixture.owner, start, &two, Some(finish())).await.unwrap();
    assert!(same.duplicate && same.document.unwrap().version == 2);
    let missing = api::ReadContentRequest { id: document.id, version: 3, ..Default::default() };
    assert_eq!(kind(fixture.read(fixture.owner, missing).await), FaultKind::NotFound);
}
