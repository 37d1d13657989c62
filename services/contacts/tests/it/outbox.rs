//! What others are told of.

use chassis::{Caller, FaultKind, Role};
use proto::contacts as api;
use testkit::{as_caller, user};

use crate::{Client, key, kind, start, submission, submit};

async fn events(client: &Client) -> Vec<api::Event> {
    let mut client = client.clone();
    let list = client.list_events(api::ListEventsRequest { limit: 100 });
    as_caller(Caller::Service, list).await.unwrap().into_inner().events
}

#[tokio::test]
async fn every_submission_that_is_kept_is_told_once_and_until_it_is_forgotten() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    let first = submit(&client, submission("a@b.ch")).await.unwrap();
    let keyed = || api::SubmitRequest { idempotency: key("k1", 1), ..submission("c@d.ch") };
    let second = submit(&client, keyed()).await.unwrap();
    submit(&client, keyed()).await.unwrap();
    submit(&client, api::SubmitRequest { website: "http://x".into(), ..submission("s@p.am") }).await.unwrap();
    submit(&client, submission("not an address")).await.unwrap_err();

    let told = events(&client).await;
    let found: Vec<_> = told.iter().map(|e| (e.kind.as_str(), e.subject_id.as_str())).collect();
    assert_eq!(found, [("submission.created", first.id.as_str()), ("submission.created", second.id.as_str())]);
    assert_eq!(told[0].at, first.created_at);

    let forget = api::ForgetEventsRequest { events: told[..1].to_vec() };
    for _ in 0..2 {
        as_caller(Caller::Service, client.clone().forget_events(forget.clone())).await.unwrap();
    }
    assert_eq!(events(&client).await, told[1..]);
}

#[tokio::test]
async fn only_services_are_told() {
    let database = testkit::database().await;
    let (_running, client) = start(&database).await;
    for caller in [Caller::Anonymous, user(Role::Owner)] {
        let list = as_caller(caller, client.clone().list_events(api::ListEventsRequest { limit: 1 })).await;
        assert_eq!(kind(list), FaultKind::Forbidden);
        let forget = as_caller(caller, client.clone().forget_events(api::ForgetEventsRequest::default())).await;
        assert_eq!(kind(forget), FaultKind::Forbidden);
    }
}

#[tokio::test]
async fn the_audit_log_cannot_be_rewritten_by_the_service() {
    let database = testkit::database().await;
    let _running = start(&database).await;
    testkit::append_only(&database, "contacts", "audit").await;
}
