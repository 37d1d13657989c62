use chassis::{Caller, Fault, FaultKind, Role};
use proto::indexer::{GetIndexRequest, RebuildIndexRequest, VerifyIndexRequest, indexer_client::IndexerClient};
use search_index::{Inventory, Presence};
use testkit::{as_caller, engine::FakeMeilisearch, owner, user, within};
use uuid::Uuid;

use crate::fixture::{Fixture, Setting, client, start};

async fn with(engine: &FakeMeilisearch, letters: usize) -> (Fixture, Vec<Uuid>) {
    let fixture = start(Setting { engine: Some(engine), ..Setting::default() }).await;
    let ids: Vec<_> =
        (0..letters).map(|n| fixture.documents.add(&format!("Letter {n}.\u{c}Its second page."))).collect();
    fixture.documents.until(|state| state.entries.values().all(|e| e.settled == 1)).await;
    (fixture, ids)
}

/// Waits until the engine holds this many records.
async fn until_records(engine: &FakeMeilisearch, records: u64) {
    let client = client(engine);
    let waiting = async {
        while client.stats().await.map(|stats| stats.records).ok() != Some(records) {
            tokio::task::yield_now().await;
        }
    };
    within(std::time::Duration::from_secs(20), waiting).await;
}

#[tokio::test]
async fn an_engine_that_was_wiped_is_filled_again_before_anybody_reads_from_it() {
    let engine = FakeMeilisearch::start().await;
    let (fixture, _) = with(&engine, 12).await;
    let rebuilt = fixture.documents.change(|state| state.index.rebuilt);
    engine.wipe();
    let client = client(&engine);
    // Whenever there is an index, it holds everything.
    let watching = async {
        loop {
            match client.stats().await {
                Ok(stats) => break stats.records,
                Err(error) => assert!(error.is_code("index_not_found"), "{error}"),
            }
        }
    };
    assert_eq!(within(std::time::Duration::from_secs(20), watching).await, 24);
    fixture.documents.until(|state| state.index.rebuilt == rebuilt + 1).await;
    let read = fixture.documents.change(|s| s.calls.iter().filter(|(call, _)| *call == "read_leased").count());
    assert_eq!(read, 12, "no file was read again");
}

#[tokio::test]
async fn what_is_missing_stale_or_should_not_be_there_is_noticed_and_mended() {
    let engine = FakeMeilisearch::start().await;
    let (fixture, ids) = with(&engine, 5).await;
    fixture.documents.change(|state| state.index.drifts.clear());
    let phantom = Uuid::now_v7();
    let index = client(&engine);
    let mut stale = index.get_page(ids[1], 2).await.unwrap().unwrap();
    stale.version = 7;
    let mut extra = stale.clone();
    (extra.id, extra.document_id) = (search_index::PageRecord::id_of(phantom, 1), phantom);
    index.put_pages(&[stale, extra]).await.unwrap();
    engine.lose(&ids[0].to_string());
    fixture.documents.until(|s| s.index.drifts.iter().any(|d| d.missing + d.stale + d.phantom > 0)).await;
    fixture.documents.until(|state| state.index.is_true()).await;
    until_records(&engine, 10).await;
    let held = index.held_of(&[ids[0], ids[1], phantom]).await.unwrap();
    let of = |id: &Uuid| held.get(id).map(|h| (h.version, h.records, h.older));
    assert_eq!((of(&ids[0]), of(&ids[1]), of(&phantom)), (Some((1, 2, 0)), Some((1, 2, 0)), None));
    assert!(fixture.documents.change(|s| s.index.drifts.iter().any(|d| d.missing == 1)));
}

#[tokio::test]
async fn owners_have_the_index_compared_and_built_again_and_nobody_else_does() {
    let engine = FakeMeilisearch::start().await;
    let (fixture, ids) = with(&engine, 3).await;
    let mut rpc = IndexerClient::new(fixture.running.channel());
    let found = as_caller(owner(), rpc.verify_index(VerifyIndexRequest {})).await.unwrap().into_inner();
    assert_eq!((found.documents, found.missing, found.stale, found.phantom), (3, 0, 0, 0));
    let rebuilt = fixture.documents.change(|state| {
        state.index.holder =
            Some(("nobody".to_owned(), tokio::time::Instant::now() + std::time::Duration::from_secs(60)));
        state.index.rebuilt
    });
    engine.lose(&ids[2].to_string());
    let found = as_caller(owner(), rpc.verify_index(VerifyIndexRequest {})).await.unwrap().into_inner();
    assert_eq!((found.missing, found.missing_ids), (1, vec![ids[2].to_string()]));
    as_caller(owner(), rpc.rebuild_index(RebuildIndexRequest {})).await.unwrap();
    let seen = as_caller(owner(), rpc.get_index(GetIndexRequest {})).await.unwrap().into_inner();
    assert_eq!(seen.rebuild.map(|r| r.started_at), Some(0), "wanted, and not begun: somebody else has the turn");
    fixture.documents.change(|state| state.index.holder = None);
    fixture.documents.until(|state| state.index.rebuilt == rebuilt + 1 && !state.index.wanted).await;
    until_records(&engine, 6).await;
    for (caller, kind) in [(user(Role::Editor), FaultKind::Forbidden), (Caller::Anonymous, FaultKind::Unauthenticated)]
    {
        let one = as_caller(caller, rpc.verify_index(VerifyIndexRequest {})).await.unwrap_err();
        let other = as_caller(caller, rpc.rebuild_index(RebuildIndexRequest {})).await.unwrap_err();
        assert_eq!((Fault::of(&one).kind, Fault::of(&other).kind), (kind, kind));
    }
}

#[tokio::test]
async fn a_rebuild_that_was_broken_off_goes_on_where_it_was() {
    let engine = FakeMeilisearch::start().await;
    let (fixture, _) = with(&engine, 3).await;
    // Many, as if they had been read long ago.
    let pages = vec![proto::documents::Page { number: 1, text: "Old.".to_owned() }];
    fixture.documents.change(|state| {
        let one = state.entries.values().next().unwrap().clone();
        for _ in 0..450 {
            let entry = crate::documents::Entry { pages: pages.clone(), ..one.clone() };
            state.entries.insert(Uuid::now_v7(), entry);
        }
        state.index.wanted = true;
        (state.index.batches, state.index.lose_after) = (0, Some(1));
    });
    fixture.documents.until(|state| state.index.holder.as_ref().is_some_and(|(holder, _)| holder == "nobody")).await;
    let (done, rebuilt) = fixture.documents.change(|s| (s.index.rebuild.clone().unwrap(), s.index.rebuilt));
    assert_eq!((done.documents_done, done.documents_total), (200, 453));
    let index = client(&engine);
    let before = index.successor().stats().await.unwrap().records;
    assert!((200..453).contains(&before), "{before}");
    // Another one takes over.
    let second = testkit::serve::<indexer::App>(crate::fixture::config(
        &fixture.documents.url(),
        fixture.folder.path(),
        &Setting { engine: Some(&engine), ..Setting::default() },
    ))
    .await;
    fixture.documents.change(|state| state.index.holder = None);
    fixture.documents.until(|state| state.index.rebuilt == rebuilt + 1).await;
    assert_eq!(fixture.documents.change(|s| s.index.batches), 3, "200, 200, 53: nothing was done twice");
    assert_eq!(index.presence().await.unwrap(), Presence { live: true, successor: false });
    let (mut all, mut next) = (Inventory::new(), Some(0));
    while let Some(offset) = next {
        next = index.take_inventory(offset, &mut all).await.unwrap();
    }
    assert_eq!(all.len(), 453);
    drop(second);
}

#[tokio::test]
async fn an_index_with_other_settings_is_replaced_as_a_whole() {
    let engine = FakeMeilisearch::start().await;
    let (fixture, _) = with(&engine, 3).await;
    let rebuilt = fixture.documents.change(|state| state.index.rebuilt);
    engine.change_settings();
    fixture.documents.until(|state| state.index.rebuilt == rebuilt + 1).await;
    assert!(client(&engine).is_in_order().await.unwrap());
    until_records(&engine, 6).await;
}
