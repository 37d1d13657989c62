use std::time::{Duration, Instant};

use chassis::{Caller, FaultKind};
use documents::{App, Limits};
use futures_util::StreamExt;
use proto::documents::{self as api, work_client::WorkClient};
use testkit::{Database, as_caller, owner, within};

use crate::fixture::{self, Fixture, fault, finish, new_document, unique_text};

#[tokio::test]
async fn without_the_object_store_the_rest_works_and_it_heals() {
    let mut fixture = fixture::start().await;
    let bytes = unique_text();
    let document = fixture.upload("a.txt", &bytes).await;
    fixture.objects.stop().await;
    let asked = Instant::now();
    let upload = fault(fixture.try_upload(fixture.owner, new_document("b.txt"), &unique_text(), Some(finish())).await);
    assert_eq!(upload.kind, FaultKind::Unavailable);
    assert!(upload.detail.contains("object store") && upload.retry_after.is_some());
    assert_eq!(fault(fixture.content(&document.id).await).kind, FaultKind::Unavailable);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(fixture.get(fixture.owner, &document.id).await.unwrap().id, document.id);
    let down = async {
        while fixture.running.health.report()["object_store"].is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    within(Duration::from_secs(10), down).await;
    assert!(fixture.running.health.is_ready());
    fixture.objects.start_again().await;
    assert_eq!(fixture.content(&document.id).await.unwrap(), bytes);
    fixture.upload("b.txt", &unique_text()).await;
    assert_eq!(fixture.count("documents").await, 2);
}

#[tokio::test]
async fn without_its_database_it_answers_at_once_and_recovers() {
    let (database, objects) = (Database::alone().await, testkit::object_store().await);
    <App as chassis::Service>::migrate(database.migration()).await.unwrap();
    let running = fixture::serve(&database, fixture::s3(&objects), Limits::default()).await;
    let fixture = Fixture { running, database, objects, owner: owner() };
    let document = fixture.upload("a.txt", &unique_text()).await;
    // Test databases commit without waiting for the disk; this makes what was committed last.
    let flush = "SET synchronous_commit = on; CREATE TABLE documents.flushed ()";
    fixture.database.client("owner").await.batch_execute(flush).await.unwrap();
    fixture.database.server().process().kill9().await;
    let asked = Instant::now();
    let refused = fault(fixture.get(fixture.owner, &document.id).await);
    assert_eq!(refused.kind, FaultKind::Unavailable);
    assert!(refused.retry_after.is_some() && asked.elapsed() < Duration::from_secs(2));
    let upload = fixture.try_upload(fixture.owner, new_document("b.txt"), &unique_text(), Some(finish())).await;
    assert_eq!(fault(upload).kind, FaultKind::Unavailable);
    fixture.database.server().start_again().await.unwrap();
    let mut ready = fixture.running.health.subscribe();
    within(Duration::from_secs(20), ready.wait_for(|ready| *ready)).await.unwrap();
    // The one that was refused has no row; its object is an orphan for the sweeper.
    assert_eq!(fixture.lease_one().await.lease.unwrap().document_id, document.id);
    assert_eq!(fixture.count("documents").await, 1);
    fixture.running.stop().await.unwrap();
}

#[tokio::test]
async fn it_stops_while_somebody_watches_and_somebody_waits_for_work() {
    let fixture = fixture::start().await;
    let document = fixture.upload("a.txt", &unique_text()).await;
    fixture.lease_one().await;
    let channel = fixture.running.channel();
    let (mut watcher, mut worker) = (fixture.documents(), WorkClient::new(channel));
    let watch = api::WatchEventsRequest { id: document.id, after: 0 };
    let events = as_caller(fixture.owner, watcher.watch_events(watch)).await.unwrap().into_inner();
    let lease = api::LeaseRequest { worker: "w".into(), max_jobs: 1, wait_ms: 15_000, ..Default::default() };
    let waiting = tokio::spawn(as_caller(Caller::Service, async move { worker.lease(lease).await }));
    let watching = tokio::spawn(events.collect::<Vec<_>>());
    tokio::time::sleep(Duration::from_millis(300)).await;
    within(Duration::from_secs(5), fixture.running.stop()).await.unwrap();
    assert!(waiting.await.unwrap().unwrap().into_inner().jobs.is_empty());
    assert_eq!(watching.await.unwrap().len(), 2);
}
