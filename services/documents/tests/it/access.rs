//! Who sees what: each call, each visibility, each kind of caller.

use chassis::{Caller, FaultKind, Role};
use proto::documents::{self as api, Visibility};
use testkit::{as_caller, owner, user};

use crate::fixture::{self, Fixture, kind, sha256, unique_text};

/// Whether the caller sees the document, by every call that could tell; all must agree.
async fn sees(fixture: &Fixture, caller: Caller, document: &api::Document) -> bool {
    let id = document.id.clone();
    let read = api::ReadContentRequest { id: id.clone(), ..Default::default() };
    let head = api::ReadContentRequest { id: id.clone(), head_only: true, ..Default::default() };
    let text = api::GetTextRequest { id: id.clone(), ..Default::default() };
    let versions = api::ListVersionsRequest { id: id.clone() };
    let watch = api::WatchEventsRequest { id: id.clone(), after: 0 };
    let hash = api::FindByHashRequest { sha256: document.sha256.clone() };
    let collection = api::GetCollectionRequest { id: document.collection_id.clone() };
    let counted =
        api::ListDocumentsRequest { collection_id: document.collection_id.clone(), count: true, ..Default::default() };
    let mut client = fixture.documents();
    let listed = fixture.list(caller, counted).await;
    let collections = as_caller(caller, client.list_collections(api::ListCollectionsRequest::default())).await.unwrap();
    let search = fixture.database.client("search").await;
    let sql = "SELECT count(*) FROM documents.searchable_documents WHERE id = $1::text::uuid
               AND collection_id IN (SELECT documents.visible_collections($2::text::uuid, $3))";
    let person = caller.user_id().map(|id| id.to_string());
    let found: i64 = search.query_one(sql, &[&id, &person, &caller.kind()]).await.unwrap().get(0);
    let answers = [
        found == 1,
        fixture.get(caller, &id).await.is_ok(),
        listed.items.iter().any(|d| d.id == id),
        listed.count == Some(1),
        collections.into_inner().items.iter().any(|c| c.id == document.collection_id),
        fixture.read(caller, read).await.is_ok(),
        fixture.read(caller, head).await.is_ok(),
        as_caller(caller, client.get_text(text)).await.is_ok(),
        as_caller(caller, client.list_versions(versions)).await.is_ok(),
        as_caller(caller, client.watch_events(watch)).await.is_ok(),
        as_caller(caller, client.find_by_hash(hash)).await.unwrap().into_inner().found,
        as_caller(caller, client.get_collection(collection)).await.is_ok(),
    ];
    assert!(answers.iter().all(|a| *a == answers[0]), "{}: {answers:?}", caller.kind());
    answers[0]
}

#[tokio::test]
async fn each_visibility_shows_to_whom_it_should() {
    let fixture = fixture::start().await;
    let member = user(Role::Viewer);
    let public = fixture.create_collection("Public", Visibility::Public).await;
    let restricted = fixture.create_collection("Restricted", Visibility::Restricted).await;
    let other = fixture.create_collection("Other", Visibility::Restricted).await;
    let add = |collection: &api::Collection| api::AddMemberRequest {
        collection_id: collection.id.clone(),
        user_id: member.user_id().unwrap().to_string(),
    };
    as_caller(fixture.owner, fixture.documents().add_member(add(&restricted))).await.unwrap();
    let callers = [Caller::Anonymous, user(Role::Viewer), user(Role::Editor), member, owner(), Caller::Service];
    for (collection, expected) in [
        (public.id.as_str(), [true; 6]),
        (fixture::FIRST, [false, true, true, true, true, true]),
        (restricted.id.as_str(), [false, false, false, true, true, true]),
        (other.id.as_str(), [false, false, false, false, true, true]),
    ] {
        let document = fixture.upload_to(collection, &unique_text()).await;
        fixture.process_all().await;
        for (caller, expected) in callers.into_iter().zip(expected) {
            assert_eq!(sees(&fixture, caller, &document).await, expected, "{} in {collection}", caller.kind());
        }
    }
    // A member no more sees nothing from the next call on.
    let remove = api::RemoveMemberRequest { collection_id: restricted.id.clone(), user_id: add(&restricted).user_id };
    as_caller(fixture.owner, fixture.documents().remove_member(remove)).await.unwrap();
    let request = api::GetCollectionRequest { id: restricted.id };
    assert_eq!(kind(as_caller(member, fixture.documents().get_collection(request)).await), FaultKind::NotFound);
}

#[tokio::test]
async fn nobody_changes_what_they_may_not_see_or_write() {
    let fixture = fixture::start().await;
    let restricted = fixture.create_collection("Restricted", Visibility::Restricted).await;
    let document = fixture.upload_to(&restricted.id, &unique_text()).await;
    let id = document.id.clone();
    for (caller, expected) in [
        (Caller::Anonymous, FaultKind::Unauthenticated),
        (user(Role::Viewer), FaultKind::Forbidden),
        (user(Role::Editor), FaultKind::NotFound),
    ] {
        let mut client = fixture.documents();
        let update = api::UpdateDocumentRequest { id: id.clone(), title: Some("x".into()), ..Default::default() };
        let trash = api::TrashDocumentRequest { id: id.clone(), if_revision: None };
        let reprocess = api::ReprocessDocumentRequest { id: id.clone() };
        let (restore, purge) =
            (api::RestoreDocumentRequest { id: id.clone() }, api::PurgeDocumentRequest { id: id.clone() });
        assert_eq!(kind(as_caller(caller, client.update_document(update)).await), expected);
        assert_eq!(kind(as_caller(caller, client.trash_document(trash)).await), expected);
        assert_eq!(kind(as_caller(caller, client.reprocess_document(reprocess)).await), expected);
        assert_eq!(kind(as_caller(caller, client.restore_document(restore)).await), expected);
        assert_eq!(kind(as_caller(caller, client.purge_document(purge)).await), expected);
        let start = api::UploadStart { document_id: id.clone(), ..fixture::new_document("a.txt") };
        assert_eq!(kind(fixture.try_upload(caller, start, b"new", Some(fixture::finish())).await), expected);
        let into = api::UploadFinish { collection_id: restricted.id.clone(), ..fixture::finish() };
        let new = fixture.try_upload(caller, fixture::new_document("a.txt"), &unique_text(), Some(into)).await;
        assert_eq!(kind(new), expected);
    }
    assert_eq!(fixture.object_count().await, 1);
}

#[tokio::test]
async fn a_hash_is_only_found_by_those_who_see_the_document() {
    let fixture = fixture::start().await;
    let bytes = unique_text();
    let document = fixture.upload("a.txt", &bytes).await;
    let find = async |caller| {
        let request = api::FindByHashRequest { sha256: sha256(&bytes) };
        as_caller(caller, fixture.documents().find_by_hash(request)).await.unwrap().into_inner().found
    };
    assert!(find(user(Role::Viewer)).await);
    assert!(!find(Caller::Anonymous).await);
    fixture.trash(&document.id).await;
    assert!(!find(fixture.owner).await);
}

#[tokio::test]
async fn only_a_service_does_work() {
    let fixture = fixture::start().await;
    for caller in [Caller::Anonymous, owner()] {
        let mut work = fixture.work();
        let lease = api::LeaseRequest { max_jobs: 1, ..Default::default() };
        assert_eq!(kind(as_caller(caller, work.lease(lease)).await), FaultKind::Forbidden);
        assert_eq!(
            kind(as_caller(caller, work.get_ledger(api::GetLedgerRequest::default())).await),
            FaultKind::Forbidden
        );
    }
}

#[tokio::test]
async fn the_serving_role_cannot_rewrite_history_and_search_reads_only_what_is_published() {
    let fixture = fixture::start().await;
    fixture.upload("a.txt", &unique_text()).await;
    let role = fixture.database.client("documents").await;
    assert_eq!(role.query_one("SELECT count(*) FROM audit", &[]).await.unwrap().get::<_, i64>(0), 1);
    for forbidden in ["DELETE FROM audit", "UPDATE audit SET actor = 'x'", "DELETE FROM events", "DROP TABLE pages"] {
        assert!(role.execute(forbidden, &[]).await.is_err(), "{forbidden}");
    }
    let search = fixture.database.client("search").await;
    for table in ["documents", "pages", "collections", "collection_members", "insights", "work"] {
        assert!(search.execute(&format!("SELECT * FROM documents.{table}"), &[]).await.is_err(), "{table}");
    }
    for view in ["searchable_documents", "searchable_pages", "search_vocabulary"] {
        search.execute(&format!("SELECT * FROM documents.{view}"), &[]).await.unwrap();
    }
}

#[tokio::test]
async fn the_audit_log_and_the_events_cannot_be_rewritten_by_the_service() {
    let fixture = fixture::start().await;
    for table in ["audit", "events"] {
        testkit::append_only(&fixture.database, "documents", table).await;
    }
}
