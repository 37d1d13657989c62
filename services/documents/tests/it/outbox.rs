//! What others are told of documents.

use chassis::{Caller, FaultKind, Role};
use proto::documents as api;
use testkit::{as_caller, user};

use crate::fixture::{self, Fixture, kind, unique_text};

async fn notices(fixture: &Fixture) -> Vec<api::Notice> {
    let list = fixture.documents().list_notices(api::ListNoticesRequest { limit: 100 }).await;
    list.unwrap().into_inner().notices
}

/// What is told of since the last time.
async fn told(fixture: &Fixture) -> Vec<api::Notice> {
    let found = as_caller(Caller::Service, notices(fixture)).await;
    let forget = api::ForgetNoticesRequest { notices: found.clone() };
    as_caller(Caller::Service, fixture.documents().forget_notices(forget)).await.unwrap();
    found
}

fn short(notices: &[api::Notice]) -> Vec<(&str, &str, i32)> {
    notices.iter().map(|n| (n.kind.as_str(), n.document_id.as_str(), n.version)).collect()
}

#[tokio::test]
async fn each_time_a_document_becomes_ready_fails_or_is_thrown_away_it_is_told_once() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    assert!(told(&fixture).await.is_empty(), "nothing has come of it yet");
    fixture.process_all().await;
    let ready = told(&fixture).await;
    assert_eq!(short(&ready), [("document.ready", document.id.as_str(), 1)]);
    assert_eq!((&ready[0].collection_id, ready[0].failure_code.as_str()), (&document.collection_id, ""));

    // The engine hears of another title; that is no news.
    let patch = api::UpdateDocumentRequest { id: document.id.clone(), title: Some("b".into()), ..Default::default() };
    as_caller(fixture.owner, fixture.documents().update_document(patch)).await.unwrap();
    fixture.process_all().await;
    assert!(told(&fixture).await.is_empty());

    fixture.new_version(&document.id, &unique_text()).await;
    fixture.process_all().await;
    fixture.trash(&document.id).await;
    fixture.trash(&document.id).await;
    fixture.process_all().await;
    fixture.restore(&document.id).await;
    fixture.process_all().await;
    let id = document.id.as_str();
    let expected = [("document.ready", id, 2), ("document.deleted", id, 2), ("document.ready", id, 2)];
    assert_eq!(short(&told(&fixture).await), expected);

    let broken = fixture.upload("c.txt", &unique_text()).await;
    let lease = fixture.lease_one().await.lease.unwrap();
    assert!(!fixture.fail(&lease, "corrupt", true).await.unwrap());
    let failed = told(&fixture).await;
    assert_eq!(short(&failed), [("document.failed", broken.id.as_str(), 1)]);
    assert_eq!(failed[0].failure_code, "corrupt");
}

#[tokio::test]
async fn a_notice_is_told_until_it_is_forgotten_and_names_nobody() {
    let fixture = fixture::start().await;
    let document = fixture.upload("Jane Doe.txt", &unique_text()).await;
    fixture.process_all().await;
    fixture.trash(&document.id).await;
    let first = as_caller(Caller::Service, notices(&fixture)).await;
    assert_eq!(first.len(), 2);
    assert_eq!(as_caller(Caller::Service, notices(&fixture)).await, first);
    assert!(!format!("{first:?}").contains("Jane"));
    let forget = api::ForgetNoticesRequest { notices: first[..1].to_vec() };
    for _ in 0..2 {
        as_caller(Caller::Service, fixture.documents().forget_notices(forget.clone())).await.unwrap();
    }
    assert_eq!(as_caller(Caller::Service, notices(&fixture)).await, first[1..]);
}

#[tokio::test]
async fn what_is_attached_is_told_of_with_its_message() {
    let fixture = fixture::start().await;
    let parent = fixture.upload("a.eml", &unique_text()).await;
    let database = fixture.database.client("owner").await;
    let child = fixture.upload("b.txt", &unique_text()).await;
    let sql = "UPDATE documents.documents SET parent_id = $1::text::uuid WHERE id = $2::text::uuid";
    database.execute(sql, &[&parent.id, &child.id]).await.unwrap();
    fixture.process_all().await;
    told(&fixture).await;
    fixture.trash(&parent.id).await;
    let gone = told(&fixture).await;
    let mut ids: Vec<_> = gone.iter().map(|n| (n.kind.as_str(), n.document_id.as_str())).collect();
    ids.sort_unstable();
    let mut expected = [("document.deleted", parent.id.as_str()), ("document.deleted", child.id.as_str())];
    expected.sort_unstable();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn only_services_are_told() {
    let fixture = fixture::start().await;
    for caller in [Caller::Anonymous, user(Role::Owner)] {
        let list = as_caller(caller, fixture.documents().list_notices(api::ListNoticesRequest { limit: 1 })).await;
        assert_eq!(kind(list), FaultKind::Forbidden);
        let forget = as_caller(caller, fixture.documents().forget_notices(api::ForgetNoticesRequest::default())).await;
        assert_eq!(kind(forget), FaultKind::Forbidden);
    }
}
