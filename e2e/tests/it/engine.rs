//! The search engine is there, goes away, and comes back.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use e2e::{
    client::{Upload, eventually},
    index_faults::{Engine, Scene},
    words,
};
use futures_util::future::try_join_all;
use stack::External;
use testkit::engine::FakeMeilisearch;

use crate::{
    harness::tests,
    search::{self, Library},
    system::{HEALED, READY, System},
};

tests!(Alone: with_and_without_the_engine_the_same_is_found);

async fn with_and_without_the_engine_the_same_is_found(system: Arc<System>) -> anyhow::Result<()> {
    if system.runs("meilisearch") {
        return taken_away_and_given_back(&system, Engine::Real).await;
    }
    if system.has_engine() {
        eprintln!("NOTE: MEILI_URL names an engine that is not ours: ITS LOSS WAS TRIED WITH A STAND-IN ONLY");
    }
    let engine = FakeMeilisearch::start().await;
    let (meili_url, meili_master_key) = (Some(engine.url.clone()), Some(engine.key.clone()));
    let external = External { meili_url, meili_master_key, ..External::default() };
    let own = Arc::new(System::start_with("engine", external).await?);
    let outcome = taken_away_and_given_back(&own, Engine::StandIn(engine)).await;
    own.finish(outcome.is_err()).await;
    outcome
}

async fn taken_away_and_given_back(system: &Arc<System>, mut engine: Engine) -> anyhow::Result<()> {
    let all = search::TESTS.iter().map(async |test| (test.run)(system.clone()).await.context(test.name));
    try_join_all(all).await?;

    let library = Library::make(system).await?;
    let before = questions(system, &library, "meilisearch", false).await?;
    engine.stop(system.stack()).await;
    assert_eq!(questions(system, &library, "postgresql", true).await?, before);

    // What comes in meanwhile is found as soon as it is read, and is in the engine once that is back.
    let word = words::unique();
    let upload = Upload::new("late.txt", format!("late {word}")).field("collection_id", &*library.collection);
    let late = system.editor.add(&upload).await?;
    let found = async || system.found(&system.viewer, &word, &late).await.map(drop);
    eventually(READY, "found without the engine", found).await?;

    engine.start_again(system.stack()).await?;
    system.editor.wait_ready(&late, 2 * HEALED).await?;
    let back = async || {
        let answer = library.ask(&system.viewer, &word).await?;
        ensure!(answer["engine"] == "meilisearch" && answer["degraded"] == false, "{answer}");
        ensure!(answer["hits"][0]["document_id"] == late, "{answer}");
        Ok(())
    };
    eventually(HEALED, "the engine answers again", back).await?;
    assert_eq!(questions(system, &library, "meilisearch", false).await?, before);
    index_faults(system, &mut engine).await
}

/// Drifts are mended, an engine that lost everything is filled, and a rebuild survives what works on it;
/// who searches notices no more of it than who answers.
async fn index_faults(system: &System, engine: &mut Engine) -> anyhow::Result<()> {
    let words = ["schooners", "turpentine", "bookkeeping"].map(str::to_owned).to_vec();
    let scene = Scene { stack: system.stack(), owner: &system.owner, words };
    scene.drift(9, 2 * HEALED).await.context("drifts")?;
    scene.outage(engine, Duration::from_secs(2), 2 * HEALED).await.context("an outage")?;
    scene.killed_while_rebuilding(engine, 4 * HEALED).await.context("a rebuild")?;
    Ok(())
}

/// Questions of every kind: which documents are found, and the page of the first.
async fn questions(
    system: &System,
    library: &Library,
    engine: &str,
    degraded: bool,
) -> anyhow::Result<Vec<(String, String, i64)>> {
    let mut answers = Vec::new();
    for q in [
        "schooners",
        "shooners",
        "schoo",
        "quarterly bookkeeping",
        "\"lighthouse keeper\"",
        "lighthouse keeper",
        "turpentine -schooners",
        "\"keeper lighthouse\"",
        &library.common,
    ] {
        let answer = library.ask(&system.viewer, q).await?;
        ensure!(answer["engine"] == engine && answer["degraded"] == degraded, "{answer}");
        let names = library.names(&system.viewer, q).await?;
        // Which of several comes first is each engine's own affair.
        let page = if names.len() == 1 { answer["hits"][0]["page"].as_i64() } else { None };
        answers.push((q.to_owned(), names, page.unwrap_or(0)));
    }
    Ok(answers)
}
