use std::time::Duration;

use chassis::{Caller, Fault, FaultKind, Role};
use proto::{
    documents::WorkKind,
    indexer::{GetIndexRequest, Index, indexer_client::IndexerClient},
};
use testkit::{Running, as_caller, engine::FakeMeilisearch, owner, user, within};
use tonic::Status;

use crate::fixture::{Setting, client, start};

async fn index(running: &Running, caller: Caller) -> Result<Index, Status> {
    let mut client = IndexerClient::new(running.channel());
    Ok(as_caller(caller, client.get_index(GetIndexRequest {})).await?.into_inner())
}

#[tokio::test]
async fn an_engine_that_is_down_fails_nothing_and_stops_no_reading() {
    let mut engine = FakeMeilisearch::start().await;
    engine.stop().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let documents = &fixture.documents;
    documents.until(|state| state.extract_only).await;
    let ids: Vec<_> = (0..12).map(|n| documents.add(&format!("Letter number {n}, which is read."))).collect();
    // More than can be in hand: all are read, and none waits for the engine in a slot.
    documents.until(|state| state.entries.values().all(|e| e.failures.len() == 1)).await;
    for id in &ids {
        let entry = documents.entry(*id);
        assert_eq!((entry.failures, entry.attempts), (vec![("engine_unavailable".to_owned(), false)], 0));
        assert!(entry.extraction.is_some());
    }
    assert_eq!(fixture.running.health.report()["documents"], None);
    assert!(fixture.running.health.report()["meilisearch"].is_some());
    assert!(!index(&fixture.running, owner()).await.unwrap().available);
    engine.start_again().await;
    documents.until(|state| state.entries.values().all(|e| e.settled == 1)).await;
    documents.until(|state| state.index.is_true()).await;
    for id in &ids {
        let calls = documents.calls(*id);
        assert_eq!(calls, ["lease", "read_leased", "complete", "fail", "lease", "read_pages", "settle"]);
    }
    assert_eq!(client(&engine).stats().await.unwrap().records, 12);
}

#[tokio::test]
async fn an_engine_that_falls_silent_in_the_middle_is_tried_again() {
    let engine = FakeMeilisearch::start().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let first = fixture.documents.add("The first letter.");
    fixture.documents.until_settled(first, 1).await;
    engine.hang(true);
    let second = fixture.documents.add("The second letter.");
    fixture.documents.until(|state| !state.entries[&second].failures.is_empty()).await;
    assert_eq!(fixture.documents.entry(second).failures, [("engine_unavailable".to_owned(), false)]);
    engine.hang(false);
    fixture.documents.until_settled(second, 1).await;
    assert_eq!(fixture.documents.entry(second).attempts, 1);
}

#[tokio::test]
async fn a_task_that_fails_or_is_lost_is_submitted_again() {
    let engine = FakeMeilisearch::start().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let first = fixture.documents.add("The first letter.");
    fixture.documents.until_settled(first, 1).await;
    engine.fail_tasks(1);
    let second = fixture.documents.add("The second letter.");
    fixture.documents.until_settled(second, 1).await;
    engine.wipe();
    let third = fixture.documents.add("The third letter.");
    fixture.documents.until_settled(third, 1).await;
    fixture.documents.until(|state| state.index.rebuilt == 2).await;
    for id in [second, third] {
        assert!(fixture.documents.entry(id).failures.is_empty());
    }
    assert!(client(&engine).get_page(third, 1).await.unwrap().is_some());
}

#[tokio::test]
async fn a_removed_document_is_forgotten() {
    let engine = FakeMeilisearch::start().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let (gone, kept) = (fixture.documents.add("A letter that goes."), fixture.documents.add("A letter that stays."));
    fixture.documents.until(|state| state.entries.values().all(|e| e.settled == 1)).await;
    fixture.documents.again(gone, WorkKind::Remove, |_| ());
    fixture.documents.until_settled(gone, 2).await;
    assert_eq!(client(&engine).get_page(gone, 1).await.unwrap(), None);
    assert!(client(&engine).get_page(kept, 1).await.unwrap().is_some());
}

#[tokio::test]
async fn nothing_of_an_earlier_reading_stays_in_the_engine() {
    let engine = FakeMeilisearch::start().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let id = fixture.documents.add("One.\u{c}Two.\u{c}Three.");
    fixture.documents.until_settled(id, 1).await;
    assert_eq!(client(&engine).stats().await.unwrap().records, 3);
    // A new version, and then the same version read again, each with fewer pages.
    fixture.documents.again(id, WorkKind::Extract, |entry| {
        (entry.version, entry.bytes) = (2, b"Une.\x0cDeux.".to_vec());
    });
    fixture.documents.until_settled(id, 2).await;
    assert_eq!(client(&engine).stats().await.unwrap().records, 2);
    fixture.documents.again(id, WorkKind::Extract, |entry| entry.bytes = b"Eins.".to_vec());
    fixture.documents.until_settled(id, 3).await;
    assert_eq!(client(&engine).stats().await.unwrap().records, 1);
    let record = client(&engine).get_page(id, 1).await.unwrap().unwrap();
    assert_eq!((record.version, record.text.trim()), (2, "Eins."));
}

#[tokio::test]
async fn a_document_without_text_is_found_by_its_title() {
    let engine = FakeMeilisearch::start().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let id = fixture.documents.add(" \n ");
    fixture.documents.until(|state| state.entries[&id].settled == 1 || !state.entries[&id].failures.is_empty()).await;
    assert_eq!(client(&engine).get_page(id, 1).await.unwrap().unwrap().title, "A letter");
}

#[tokio::test]
async fn owners_see_how_the_index_is_and_nobody_else_does() {
    let engine = FakeMeilisearch::start().await;
    let fixture = start(Setting { engine: Some(&engine), ..Setting::default() }).await;
    let id = fixture.documents.add("One.\u{c}Two.");
    fixture.documents.until_settled(id, 1).await;
    let settled = async {
        while index(&fixture.running, owner()).await.unwrap().in_hand != 0 {
            tokio::task::yield_now().await;
        }
    };
    within(Duration::from_secs(5), settled).await;
    let seen = index(&fixture.running, owner()).await.unwrap();
    assert_eq!((seen.engine.as_str(), seen.name.as_str(), seen.available), ("meilisearch", "pages", true));
    assert_eq!((seen.records, seen.settled, seen.failed), (2, 1, 0));
    for (caller, refused) in
        [(user(Role::Editor), FaultKind::Forbidden), (Caller::Anonymous, FaultKind::Unauthenticated)]
    {
        assert_eq!(Fault::of(&index(&fixture.running, caller).await.unwrap_err()).kind, refused);
    }
    let without = start(Setting::default()).await;
    let seen = index(&without.running, owner()).await.unwrap();
    assert_eq!((seen.engine.as_str(), seen.available, seen.records), ("none", false, 0));
}
