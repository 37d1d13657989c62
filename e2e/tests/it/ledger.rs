//! Nothing that was accepted is ever lost: uploads go on while processes are killed at random, and a
//! ledger outside the system notes what was promised.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::ensure;
use e2e::{
    client::{Upload, eventually},
    pdf, words,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::{
    harness::tests,
    system::{System, sha256},
};

tests!(Alone: everything_that_was_accepted_is_there_whatever_was_killed_meanwhile);

const LOAD: Duration = Duration::from_secs(14);
const PER_SECOND: u32 = 20;
/// More than these are not begun before others have ended.
const AT_ONCE: usize = 40;
const VICTIMS: [&str; 7] = ["indexer", "documents", "gateway", "postgresql", "object-store", "search", "caddy"];

/// What was answered with 2xx: id and hash.
type Ledger = Arc<Mutex<Vec<(String, String)>>>;

async fn everything_that_was_accepted_is_there_whatever_was_killed_meanwhile(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    println!("the ledger test kills at random with the seed {seed}");
    let ledger = Ledger::default();
    let uploads = tokio::spawn(upload_for_a_while(system.clone(), ledger.clone()));
    let mut kills = 0;
    while !uploads.is_finished() {
        tokio::time::sleep(Duration::from_millis(random.random_range(300..1500))).await;
        let Some(victim) = VICTIMS.choose(&mut random) else { break };
        system.kill(victim).await;
        kills += 1;
        tokio::time::sleep(Duration::from_millis(random.random_range(50..600))).await;
        system.start_again(victim).await?;
    }
    let refused = uploads.await??;
    system.whole().await?;
    let ledger = ledger.lock().unwrap_or_else(|e| e.into_inner()).clone();
    println!("{kills} kills: {} uploads accepted, {refused} refused or cut off", ledger.len());
    ensure!(ledger.len() >= 40, "too few accepted to say anything: {} (seed {seed})", ledger.len());
    eventually(Duration::from_secs(60), "everything settled", async || {
        let mut unsettled = 0;
        for status in ["pending", "processing"] {
            let query = [("status", status), ("limit", "1"), ("count", "true")];
            let list = system.owner.query("/api/v1/documents", &query).await?.expect(200)?.json()?;
            unsettled += list["count"].as_i64().unwrap_or(i64::MAX / 2);
        }
        ensure!(unsettled == 0, "{unsettled} are still in flight");
        Ok(())
    })
    .await?;
    for (id, sum) in &ledger {
        let document = system.owner.get(&format!("/api/v1/documents/{id}")).await?.expect(200)?.json()?;
        ensure!(document["sha256"] == *sum, "altered (seed {seed}): {document}");
        ensure!(document["status"] == "ready" || document["status"] == "failed", "{document}");
        // None of these documents gives a reason to fail, and no fault lasts for all attempts.
        ensure!(document["status"] == "ready", "(seed {seed}) {document}");
        let content = system.owner.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
        ensure!(sha256(&content.body) == *sum, "the bytes of {id} are others (seed {seed})");
        let text = system.owner.get(&format!("/api/v1/documents/{id}/text")).await?.expect(200)?.json()?;
        ensure!(text["pages"].as_array().map(Vec::len) == Some(2), "(seed {seed}) {text}");
    }
    Ok(())
}

/// Uploads at a steady rate; answers how many were not accepted.
async fn upload_for_a_while(system: Arc<System>, ledger: Ledger) -> anyhow::Result<u64> {
    let permits = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let (until, mut running, mut seed) = (Instant::now() + LOAD, tokio::task::JoinSet::new(), 0);
    while Instant::now() < until {
        ticks.tick().await;
        let permit = permits.clone().acquire_owned().await?;
        let (system, ledger) = (system.clone(), ledger.clone());
        seed += 1;
        running.spawn(async move {
            let bytes = pdf::many_pages(seed, 2, 40, &[&words::unique()]);
            let sum = sha256(&bytes);
            let reply = system.editor.upload(&Upload::new("ledger.pdf", bytes)).await;
            drop(permit);
            let accepted =
                reply.ok().filter(|reply| reply.status.is_success()).and_then(|reply| reply.text_of("id").ok());
            match accepted {
                Some(id) => ledger.lock().unwrap_or_else(|e| e.into_inner()).push((id, sum)),
                None => return 1,
            }
            0
        });
    }
    Ok(running.join_all().await.into_iter().sum())
}
