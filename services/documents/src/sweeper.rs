//! Removes what nobody names any more: old trash, the bytes of purged documents, objects without a
//! row, uploads that never ended. One process sweeps at a time, a batch at a time.

use std::time::Duration;

use chassis::CancellationToken;
use futures_util::{StreamExt, stream};

use crate::{config::Limits, error::Error, objects::Objects, store::Store};

/// Deletes of objects at once.
const AT_ONCE: usize = 4;
/// Batches of one kind in one sweep; the rest waits for the next.
const BATCHES: usize = 50;

/// Sweeps now and then, until `stop`.
pub(crate) async fn run(store: Store, objects: Objects, limits: Limits, stop: CancellationToken) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(Duration::from_secs(limits.sweep_seconds.max(1)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let sweeping = store.alone(|| sweep(&store, &objects, &limits));
        match stop.run_until_cancelled(sweeping).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::debug!(%error, "the sweep was cut short; the next goes on"),
            None => break,
        }
    }
    Ok(())
}

async fn sweep(store: &Store, objects: &Objects, limits: &Limits) -> Result<(), Error> {
    store.forget_idempotency().await?;
    for _ in 0..BATCHES {
        let purged = store.purge_old_trash().await?;
        count("document", purged);
        if purged == 0 {
            break;
        }
    }
    for _ in 0..BATCHES {
        let due = store.due_tombstones().await?;
        let deleted = delete(objects, &due).await;
        store.forget_tombstones(&deleted).await?;
        count("object", deleted.len());
        // What could not be deleted would be answered again at once.
        if due.is_empty() || deleted.len() < due.len() {
            break;
        }
    }
    orphans(store, objects, limits).await?;
    let before = store.ago(limits.orphan_seconds).await?;
    for (key, upload_id) in objects.stale_uploads(before).await? {
        objects.abort(&key, &upload_id).await?;
        count("upload", 1);
    }
    Ok(())
}

/// Only objects older than any upload takes: younger ones may be about to get their row.
async fn orphans(store: &Store, objects: &Objects, limits: &Limits) -> Result<(), Error> {
    let before = store.ago(limits.orphan_seconds).await?;
    let mut after = None;
    loop {
        let (listed, next) = objects.list(after).await?;
        let old = listed.into_iter().filter(|object| object.modified.is_some_and(|at| at < before));
        let old: Vec<String> = old.map(|object| object.key).collect();
        let deleted = delete(objects, &store.unnamed(&old).await?).await;
        count("orphan", deleted.len());
        match next {
            Some(_) => after = next,
            None => return Ok(()),
        }
    }
}

/// Answers those that are gone.
async fn delete(objects: &Objects, keys: &[String]) -> Vec<String> {
    let delete = async |key: &String| objects.delete(key).await.is_ok().then(|| key.clone());
    stream::iter(keys).map(delete).buffer_unordered(AT_ONCE).filter_map(async |key| key).collect().await
}

fn count(what: &'static str, number: usize) {
    metrics::counter!("documents_swept_total", "what" => what).increment(number as u64);
}
