use std::time::{Duration, Instant};

use search_index::{Engine, EngineConfig, Error};
use testkit::engine::FakeMeilisearch;
use uuid::Uuid;

use crate::contract::page;

fn impatient(fake: &FakeMeilisearch) -> Engine {
    let config = EngineConfig {
        meili_timeout_ms: 300,
        meili_task_timeout_ms: 500,
        ..EngineConfig::new(Some(&fake.url), Some(&fake.key))
    };
    Engine::connect(&config).unwrap()
}

#[tokio::test]
async fn a_failed_task_is_never_a_success() {
    let fake = FakeMeilisearch::start().await;
    let engine = impatient(&fake);
    engine.ensure_index().await.unwrap();
    fake.fail_tasks(1);
    let error = engine.put_pages(&[page(Uuid::now_v7(), 1, "x")]).await.unwrap_err();
    assert!(error.is_code("internal"), "{error}");
    engine.put_pages(&[page(Uuid::now_v7(), 1, "x")]).await.unwrap();
}

#[tokio::test]
async fn a_task_that_was_forgotten_is_lost_and_one_that_was_canceled_is_refused() {
    let fake = FakeMeilisearch::start().await;
    let engine = impatient(&fake);
    engine.ensure_index().await.unwrap();
    let mut feed = engine.feed().await.unwrap();
    for n in 1..=1_000 {
        feed.push(&page(Uuid::now_v7(), n, "x")).await.unwrap();
    }
    fake.forget_tasks();
    assert!(matches!(feed.finish().await, Err(Error::Lost)));

    let mut feed = engine.feed().await.unwrap();
    for n in 1..=1_000 {
        feed.push(&page(Uuid::now_v7(), n, "x")).await.unwrap();
    }
    fake.cancel_tasks();
    let ended = feed.finish().await;
    // It may have been done before it could be canceled.
    assert!(ended.is_ok() || ended.unwrap_err().is_code("canceled"));
}

#[tokio::test]
async fn an_engine_that_is_down_or_silent_costs_no_more_than_the_limit() {
    let mut fake = FakeMeilisearch::start().await;
    let engine = impatient(&fake);
    engine.ensure_index().await.unwrap();
    fake.hang(true);
    let started = Instant::now();
    assert!(matches!(engine.health().await, Err(Error::Timeout)));
    assert!(started.elapsed() < Duration::from_secs(2));
    fake.hang(false);
    engine.health().await.unwrap();
    fake.stop().await;
    assert!(matches!(engine.health().await, Err(Error::Unavailable(_))));
    fake.start_again().await;
    engine.health().await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let fake = FakeMeilisearch::start().await;
    let engine = Engine::connect(&EngineConfig::new(Some(&fake.url), Some("wrong"))).unwrap();
    assert!(engine.stats().await.unwrap_err().is_code("invalid_api_key"));
    let engine = Engine::connect(&EngineConfig::new(Some(&fake.url), None)).unwrap();
    assert!(engine.stats().await.unwrap_err().is_code("missing_authorization_header"));
}

#[tokio::test]
async fn an_engine_that_was_wiped_gets_its_index_back_with_the_next_write() {
    let fake = FakeMeilisearch::start().await;
    let engine = impatient(&fake);
    engine.put_pages(&[page(Uuid::now_v7(), 1, "x")]).await.unwrap();
    fake.wipe();
    // The index was found in order a moment ago, so the first write may meet the loss and fail.
    let id = Uuid::now_v7();
    if engine.delete_document(id).await.is_err() {
        engine.delete_document(id).await.unwrap();
    }
    engine.put_pages(&[page(id, 1, "x")]).await.unwrap();
    assert_eq!(engine.stats().await.unwrap().records, 1);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    assert!(EngineConfig::new(None, None).engine().unwrap().is_none());
    assert!(EngineConfig::new(Some("  "), None).engine().unwrap().is_none());
    assert!(EngineConfig::new(Some("localhost:7700"), None).engine().is_err());
    let odd = EngineConfig { meili_index: "a/b".to_owned(), ..EngineConfig::new(Some("http://x"), None) };
    assert!(odd.engine().is_err());
}
