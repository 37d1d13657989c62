use std::time::Duration;

use chassis::{FaultKind, Role};
use documents::Limits;
use proto::documents as api;
use testkit::{as_caller, user, within};

use crate::fixture::{self, Fixture, kind, reason, unique_text};

async fn until<F: Future<Output = bool>>(mut done: impl FnMut() -> F) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(Duration::from_secs(15), waiting).await;
}

async fn update(fixture: &Fixture, request: api::UpdateDocumentRequest) -> Result<api::Document, tonic::Status> {
    as_caller(fixture.owner, fixture.documents().update_document(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn the_trash_gives_back_what_was_put_in_it() {
    let fixture = fixture::start().await;
    let bytes = unique_text();
    let document = fixture.upload("a.txt", &bytes).await;
    fixture.process_all().await;
    assert!(fixture.trash(&document.id).await.deleted_at.is_some());
    assert!(fixture.list(fixture.owner, api::ListDocumentsRequest::default()).await.items.is_empty());
    let trashed = api::ListDocumentsRequest { trashed: true, ..Default::default() };
    assert_eq!(fixture.list(fixture.owner, trashed).await.items.len(), 1);
    assert_eq!(kind(fixture.get(user(Role::Viewer), &document.id).await), FaultKind::NotFound);
    assert_eq!(fixture.lease_one().await.kind(), api::WorkKind::Remove);
    let back = fixture.restore(&document.id).await;
    assert_eq!((back.deleted_at, back.status()), (None, api::Status::Ready));
    assert_eq!(fixture.lease_one().await.kind(), api::WorkKind::Index);
    assert_eq!(fixture.content(&document.id).await.unwrap(), bytes);
    assert_eq!(fixture.get(user(Role::Viewer), &document.id).await.unwrap().insights.unwrap().summary, "In short.");
}

#[tokio::test]
async fn what_was_never_read_is_read_after_it_is_restored() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    fixture.lease_one().await;
    fixture.trash(&document.id).await;
    fixture.process_all().await;
    assert_eq!(fixture.ledger().await.accepted, 0);
    assert_eq!(fixture.restore(&document.id).await.status(), api::Status::Pending);
    assert_eq!(fixture.ledger().await.in_flight, 1);
    assert_eq!(fixture.lease_one().await.kind(), api::WorkKind::Extract);
}

#[tokio::test]
async fn a_purged_document_is_gone_and_its_bytes_follow() {
    let limits = Limits { object_grace_seconds: 1, sweep_seconds: 1, ..Limits::default() };
    let fixture = fixture::start_with(limits).await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    fixture.new_version(&document.id, &unique_text()).await;
    assert_eq!(reason(fixture.purge(&document.id).await), "not-in-trash");
    fixture.trash(&document.id).await;
    fixture.purge(&document.id).await.unwrap();
    assert_eq!(kind(fixture.get(fixture.owner, &document.id).await), FaultKind::NotFound);
    // The engine is still told to forget it.
    let job = fixture.lease_one().await;
    assert_eq!(job.kind(), api::WorkKind::Remove);
    fixture.settle(&job.lease.unwrap()).await.unwrap();
    until(async || fixture.object_count().await == 0).await;
    for table in ["documents", "versions", "work", "events", "tombstones"] {
        until(async || fixture.count(table).await == 0).await;
    }
}

#[tokio::test]
async fn the_sweeper_empties_the_trash_and_removes_orphans() {
    let limits =
        Limits { trash_seconds: 1, object_grace_seconds: 0, orphan_seconds: 1, sweep_seconds: 1, ..Limits::default() };
    let fixture = fixture::start_with(limits).await;
    let kept = fixture.upload("kept.txt", &unique_text()).await;
    let old = fixture.upload("old.txt", &unique_text()).await;
    fixture.trash(&old.id).await;
    let lost = fixture.upload("lost.txt", &unique_text()).await;
    let sql = format!("DELETE FROM documents.documents WHERE id = '{}'", lost.id);
    fixture.database.client("owner").await.batch_execute(&sql).await.unwrap();
    until(async || fixture.object_count().await == 1).await;
    assert_eq!(kind(fixture.get(fixture.owner, &old.id).await), FaultKind::NotFound);
    assert!(!fixture.content(&kept.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_change_needs_the_revision_that_was_read_and_feeds_the_engine_again() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    fixture.process_all().await;
    let revision = fixture.get(fixture.owner, &document.id).await.unwrap().revision;
    let request = api::UpdateDocumentRequest {
        id: document.id.clone(),
        title: Some("Neuer Titel".into()),
        tags: Some(api::Tags { values: vec!["a".into(), "a".into(), "b".into()] }),
        metadata: Some(r#"{"x":{"y":1},"z":2}"#.into()),
        if_revision: Some(revision),
        ..Default::default()
    };
    let changed = update(&fixture, request.clone()).await.unwrap();
    assert_eq!((changed.title.as_str(), changed.revision), ("Neuer Titel", revision + 1));
    assert_eq!((changed.tags.clone(), changed.status()), (vec!["a".to_owned(), "b".to_owned()], api::Status::Ready));
    assert_eq!(kind(update(&fixture, request).await), FaultKind::PreconditionFailed);
    let merge = api::UpdateDocumentRequest {
        id: document.id.clone(),
        metadata: Some(r#"{"x":{"y":null}}"#.into()),
        ..Default::default()
    };
    assert_eq!(update(&fixture, merge).await.unwrap().metadata.replace(' ', ""), r#"{"x":{},"z":2}"#);
    // The largest number comes back from the database with all its 309 digits.
    for metadata in [r#"{"largest": 1.7976931348623157e308}"#, r#"{"largest": null}"#] {
        let patch = api::UpdateDocumentRequest {
            id: document.id.clone(),
            metadata: Some(metadata.into()),
            ..Default::default()
        };
        update(&fixture, patch).await.unwrap();
    }
    assert_eq!(fixture.lease_one().await.kind(), api::WorkKind::Index);
    let nowhere = api::UpdateDocumentRequest {
        id: document.id,
        collection_id: Some(uuid::Uuid::new_v4().to_string()),
        ..Default::default()
    };
    assert_eq!(kind(update(&fixture, nowhere).await), FaultKind::Unprocessable);
}

#[tokio::test]
async fn lists_neither_repeat_nor_skip_while_documents_are_added() {
    let fixture = fixture::start().await;
    for n in 0..7 {
        let bytes = format!("{}{}", "x".repeat(n + 1), uuid::Uuid::new_v4());
        fixture.upload(&format!("N{n}.txt"), bytes.as_bytes()).await;
    }
    for sort in ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title", "size", "-size"] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let request =
                api::ListDocumentsRequest { cursor, limit: 2, sort: sort.into(), count: true, ..Default::default() };
            let page = fixture.list(fixture.owner, request).await;
            assert!(page.count.unwrap() >= 7);
            seen.extend(page.items.into_iter().map(|d| d.title).filter(|title| title.starts_with('N')));
            fixture.upload("Added.txt", &unique_text()).await;
            cursor = page.next_cursor;
            if cursor.is_empty() || seen.len() > 7 {
                break;
            }
        }
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((seen.len(), sorted.len()), (7, 7), "{sort}: {seen:?}");
    }
    let wrong = api::ListDocumentsRequest { sort: "sha256".into(), ..Default::default() };
    assert_eq!(kind(as_caller(fixture.owner, fixture.documents().list_documents(wrong)).await), FaultKind::Invalid);
    let wrong = api::ListDocumentsRequest { cursor: "AAAA".into(), ..Default::default() };
    assert_eq!(
        kind(as_caller(fixture.owner, fixture.documents().list_documents(wrong)).await),
        FaultKind::Unprocessable
    );
}

#[tokio::test]
async fn lists_are_narrowed() {
    let fixture = fixture::start().await;
    let tagged = api::UploadFinish { tags: vec!["red".into()], ..fixture::finish() };
    fixture.try_upload(fixture.owner, fixture::new_document("a.md"), &unique_text(), Some(tagged)).await.unwrap();
    fixture.process_all().await;
    fixture.upload("b.csv", &unique_text()).await;
    let none = api::ListDocumentsRequest::default;
    for (request, expected) in [
        (api::ListDocumentsRequest { tag: "red".into(), ..none() }, "a"),
        (api::ListDocumentsRequest { media_type: "text/csv".into(), ..none() }, "b"),
        (api::ListDocumentsRequest { language: "en".into(), ..none() }, "a"),
        (api::ListDocumentsRequest { status: api::Status::Pending.into(), ..none() }, "b"),
        (
            api::ListDocumentsRequest {
                collection_id: fixture::FIRST.into(),
                sort: "title".into(),
                limit: 1,
                ..none()
            },
            "a",
        ),
    ] {
        let found = fixture.list(fixture.owner, request).await.items;
        assert_eq!(found.iter().map(|d| d.title.as_str()).collect::<Vec<_>>(), [expected]);
    }
}

#[tokio::test]
async fn the_text_is_read_by_page() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    let text = async |page, limit| {
        let request = api::GetTextRequest { id: document.id.clone(), page, limit };
        as_caller(fixture.owner, fixture.documents().get_text(request)).await.unwrap().into_inner()
    };
    assert_eq!(text(0, 0).await.page_count, 0);
    let lease = fixture.lease_one().await.lease.unwrap();
    let long = "word ".repeat(200_000);
    fixture.complete(&lease, &["one\0", "two", &long, &long, &long, "six"], "en").await.unwrap();
    let all = text(0, 0).await;
    // As many as a message carries; the rest is asked for.
    assert_eq!((all.page_count, all.pages.len(), all.pages[0].text.as_str()), (6, 5, "one"));
    assert_eq!(text(2, 0).await.pages[0].text, "two");
    assert_eq!(text(6, 10).await.pages.len(), 1);
    assert!(text(7, 0).await.pages.is_empty());
}
