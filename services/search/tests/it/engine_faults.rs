use std::time::{Duration, Instant};

use chassis::{Fault, FaultKind};
use testkit::{Database, as_caller, owner, within};

use crate::world::{World, doc, hits, query};

const SECOND: Duration = Duration::from_secs(1);

async fn walrus() -> World {
    let world = World::start_with_stand_in().await;
    world.add(&[doc("Walrus", &["a walrus"])]).await;
    world
}

async fn until_engine(world: &World, engine: &str) {
    let asking = async {
        while world.ask("walrus").await.engine != engine {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(Duration::from_secs(10), asking).await;
}

#[tokio::test]
async fn an_engine_that_is_down_costs_nobody_an_answer_and_comes_back_by_itself() {
    let mut world = walrus().await;
    assert!(!world.ask("walrus").await.degraded);
    world.fake.stop().await;
    for _ in 0..5 {
        let started = Instant::now();
        let answer = world.ask("walrus").await;
        assert_eq!((answer.engine.as_str(), answer.degraded), ("postgresql", true));
        assert_eq!(hits(&answer), [("Walrus", 1)]);
        assert!(started.elapsed() < SECOND);
    }
    assert!(world.ask("").await.degraded, "the engine is being left alone");
    world.fake.start_again().await;
    until_engine(&world, "meilisearch").await;
    let answer = world.ask("walrus").await;
    assert!(!answer.degraded);
    assert!(world.running.health.is_ready());
}

#[tokio::test]
async fn a_silent_engine_is_overtaken_and_then_left_alone() {
    let world = World::start_on(testkit::database().await, true, |config| {
        config.engine_deadline_ms = 4_000;
        config.engine_failures = 1;
        config.engine_pause_ms = 60_000;
    })
    .await;
    world.add(&[doc("Walrus", &["a walrus"])]).await;
    world.fake.hang(true);
    let asked = world.fake.searches();
    let started = Instant::now();
    let answer = world.ask("walrus").await;
    assert_eq!((answer.degraded, hits(&answer)), (true, vec![("Walrus", 1)]));
    assert!(started.elapsed() >= SECOND && started.elapsed() < 4 * SECOND, "nobody waits for the deadline");
    // The call that nobody waits for any more comes to its deadline, and the breaker hears of it.
    let resting = async {
        while !world.ask("").await.degraded {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(Duration::from_secs(10), resting).await;
    let started = Instant::now();
    for _ in 0..20 {
        assert!(world.ask("walrus").await.degraded);
    }
    assert!(started.elapsed() < 10 * SECOND, "none of them has waited");
    world.fake.hang(false);
    assert!(world.fake.searches() <= asked + 1, "it was asked once");
}

#[tokio::test]
async fn when_too_many_would_be_asked_twice_the_deadline_decides() {
    let world = World::start_on(testkit::database().await, true, |config| {
        config.engine_deadline_ms = 800;
        config.engine_failures = 1_000;
    })
    .await;
    world.add(&[doc("Walrus", &["a walrus"])]).await;
    world.fake.hang(true);
    let mut waited = Vec::new();
    for _ in 0..11 {
        let started = Instant::now();
        assert_eq!(hits(&world.ask("walrus").await), [("Walrus", 1)]);
        waited.push(started.elapsed());
    }
    assert!(waited[0] < Duration::from_millis(800), "{waited:?}");
    assert!(waited[10] >= Duration::from_millis(800), "the budget is spent: {waited:?}");
}

#[tokio::test]
async fn an_engine_without_its_index_is_as_good_as_none() {
    let world = walrus().await;
    world.fake.wipe();
    let answer = world.ask("walrus").await;
    assert_eq!((answer.degraded, hits(&answer)), (true, vec![("Walrus", 1)]));
    world.engine.ensure_index().await.unwrap();
    until_engine(&world, "meilisearch").await;
}

#[tokio::test]
async fn without_postgresql_search_is_unavailable_and_says_so() {
    let world = World::start_on(Database::alone().await, true, |_| {}).await;
    world.add(&[doc("Walrus", &["a walrus"])]).await;
    assert_eq!(hits(&world.ask("walrus").await), [("Walrus", 1)]);
    let mut fake = world.fake;
    fake.stop().await;
    world.database.server().stop().await;
    for q in ["walrus", ""] {
        let started = Instant::now();
        let refused = as_caller(owner(), world.client.clone().query(query(q))).await.unwrap_err();
        let fault = Fault::of(&refused);
        assert_eq!(fault.kind, FaultKind::Unavailable);
        assert!(fault.detail.starts_with("search ") && fault.retry_after.is_some(), "{}", fault.detail);
        assert!(started.elapsed() < 3 * SECOND);
    }
}

#[tokio::test]
async fn while_the_index_is_known_to_lack_something_postgresql_answers() {
    let world = walrus().await;
    world.store(&doc("Walrus two", &["a walrus that the engine lost"])).await;
    assert_eq!(world.ask("walrus").await.hits.len(), 1, "nobody has noticed");
    world.owner.execute("UPDATE documents.index_state SET missing = 1, checked_at = now()", &[]).await.unwrap();
    until_engine(&world, "postgresql").await;
    let answer = world.ask("walrus").await;
    assert_eq!((answer.hits.len(), answer.degraded), (2, true));
    world.owner.execute("UPDATE documents.index_state SET missing = 0", &[]).await.unwrap();
    until_engine(&world, "meilisearch").await;
    assert!(!world.ask("walrus").await.degraded);
}

#[tokio::test]
async fn when_postgresql_cannot_search_either_the_newest_documents_are_shown_and_marked() {
    let mut world = walrus().await;
    world.store(&doc("Seal", &["a seal"])).await;
    world.fake.stop().await;
    world.owner.execute("REVOKE SELECT ON documents.search_vocabulary FROM dossier_search", &[]).await.unwrap();
    let mut request = query("walrus");
    request.facets = vec!["tag".to_owned()];
    let answer = world.ask_as(owner(), request).await;
    assert_eq!((answer.engine.as_str(), answer.degraded, answer.estimated_total), ("recent", true, 2));
    let mut titles: Vec<_> = hits(&answer).into_iter().map(|(title, _)| title).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Seal", "Walrus"]);
    assert!(answer.facets.is_empty() && answer.hits.iter().all(|hit| hit.ranges.is_empty()));
}
