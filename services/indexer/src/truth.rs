//! Keeps the search index true: compares it with what documents says that it must hold, and mends
//! the difference. One indexer at a time does, the one that has the turn.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::CancellationToken;
use proto::documents::{Drift, HoldTurnResponse, IndexState, ListIndexedRequest, Rebuild, list_indexed_response::Item};
use search_index::{Engine as Client, Feed, Held, Inventory};
use tokio::{sync::Notify, time::sleep};
use uuid::Uuid;

use crate::{
    config::Keeping,
    documents::Documents,
    engine::{self, Engine},
    error::Error,
};

/// How long others keep off after a word to documents, should there be no other.
pub(crate) const TURN: Duration = Duration::from_secs(60);
/// Documents that are looked at, or mended, in one go.
const BATCH: usize = 100;
const LISTED: i32 = 1_000;
/// Between two batches, so that people's searches go first.
const BREATH: Duration = Duration::from_millis(5);
/// Documents named in a report, of each kind.
const NAMED: usize = 100;
/// How often what was mended is looked at again before it is left to the next time.
const PASSES: usize = 3;

/// Where the index differs from the truth.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Documents that the index must hold.
    pub(crate) documents: i64,
    pub(crate) missing: BTreeSet<Uuid>,
    /// There, but in another version or with another number of records.
    pub(crate) stale: BTreeSet<Uuid>,
    /// There, and not to be.
    pub(crate) phantom: BTreeSet<Uuid>,
}

impl Differences {
    fn none(&self) -> bool {
        self.missing.is_empty() && self.stale.is_empty() && self.phantom.is_empty()
    }

    fn all(&self) -> Vec<Uuid> {
        self.missing.iter().chain(&self.stale).chain(&self.phantom).copied().collect()
    }

    fn drift(&self) -> Drift {
        let count = |ids: &BTreeSet<Uuid>| i64::try_from(ids.len()).unwrap_or(i64::MAX);
        Drift { checked_at: 0, missing: count(&self.missing), stale: count(&self.stale), phantom: count(&self.phantom) }
    }

    /// The first of each, as text.
    pub(crate) fn named(ids: &BTreeSet<Uuid>) -> Vec<String> {
        ids.iter().take(NAMED).map(Uuid::to_string).collect()
    }
}

/// Compares and mends. Cheap to clone; clones do it together.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    pub(crate) name: String,
    pub(crate) documents: Documents,
    engine: Engine,
    keeping: Keeping,
    wake: Arc<Notify>,
}

/// What the keeper remembers from one look to the next.
#[derive(Debug, Default)]
struct Memory {
    compared: Option<Instant>,
    /// Records found and wanted before a comparison that found no difference: no reason for another.
    explained: Option<(u64, i64)>,
}

impl Keeper {
    pub(crate) fn new(documents: Documents, engine: Engine, keeping: Keeping) -> Self {
        let name = Uuid::new_v4().to_string();
        Self { name, documents, engine, keeping, wake: Arc::default() }
    }

    /// Looks soon, and compares everything.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Until `stop`. What is under way then is dropped; the next one goes on with it.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        if !self.engine.is_configured() {
            return;
        }
        let keeping = async {
            let mut memory = Memory::default();
            loop {
                if let Some(client) = self.engine.client()
                    && let Err(error) = self.look(client, &mut memory).await
                {
                    memory.compared = None;
                    tracing::debug!(%error, "the index was not compared");
                    match &error {
                        Error::Engine(
                            trouble @ (search_index::Error::Unavailable(_) | search_index::Error::Timeout),
                        ) => self.engine.suspect(trouble),
                        // Its data were thrown away, and with them the keys.
                        Error::Engine(trouble) if trouble.is_code("invalid_api_key") => self.engine.suspect(trouble),
                        Error::Engine(trouble) => {
                            tracing::warn!(error = %trouble, "the search engine refuses what keeps the index true");
                        }
                        _ => {}
                    }
                }
                tokio::select! {
                    () = sleep(Duration::from_millis(self.keeping.index_look_ms)) => {}
                    () = self.wake.notified() => memory.compared = None,
                }
            }
        };
        stop.run_until_cancelled(keeping).await;
    }

    async fn look(&self, client: &Client, memory: &mut Memory) -> Result<(), Error> {
        let turn = self.documents.hold_turn(&self.name, TURN).await?;
        if !turn.held {
            *memory = Memory::default();
            return Ok(());
        }
        let state = turn.state.clone().unwrap_or_default();
        let presence = client.presence().await?;
        let in_order = presence.live && client.is_in_order().await?;
        if !in_order || state.rebuild_wanted || state.rebuild.is_some() {
            let resumable = presence.successor && !state.rebuild_wanted;
            self.holding(self.rebuild(client, state.rebuild.filter(|_| resumable), &turn)).await?;
            *memory = Memory::default();
        } else if presence.successor {
            // Nobody is building it: it was left, or made by a write that came too late.
            client.successor().drop_index().await?;
        }
        self.compare_when_due(client, memory, &turn, state.drift).await
    }

    async fn compare_when_due(
        &self,
        client: &Client,
        memory: &mut Memory,
        turn: &HoldTurnResponse,
        drift: Option<Drift>,
    ) -> Result<(), Error> {
        let every = Duration::from_secs(self.keeping.index_compare_seconds);
        let found = client.stats().await?.records;
        let counts = (found, turn.records);
        let odd = i64::try_from(found) != Ok(turn.records) && turn.in_flight == 0 && memory.explained != Some(counts);
        let known = drift.is_some_and(|drift| drift.missing + drift.stale > 0);
        if memory.compared.is_some_and(|at| at.elapsed() < every) && !odd && !known {
            return Ok(());
        }
        let differed = self.compare_and_mend(client).await?;
        memory.compared = Some(Instant::now());
        memory.explained = (!differed).then_some(counts);
        Ok(())
    }

    /// Whether there was anything to mend.
    async fn compare_and_mend(&self, client: &Client) -> Result<bool, Error> {
        let mut differences = self.compare(client).await?;
        for pass in 0..PASSES {
            self.note(&differences).await?;
            if differences.none() {
                return Ok(pass > 0);
            }
            let Drift { missing, stale, phantom, .. } = differences.drift();
            tracing::warn!(missing, stale, phantom, "the search index differs from the documents; it is mended");
            self.mend(client, &differences).await?;
            differences = self.look_again(client, &differences.all()).await?;
        }
        self.note(&differences).await?;
        Ok(true)
    }

    /// Lets PostgreSQL answer until the next comparison.
    pub(crate) async fn doubt(&self, rebuild: &Rebuild) -> Result<(), Error> {
        let drift = Drift { missing: 1, ..Default::default() };
        let state = IndexState { drift: Some(drift), rebuild: Some(rebuild.clone()), ..Default::default() };
        self.documents.save_index_state(&self.name, TURN, state).await
    }

    async fn note(&self, differences: &Differences) -> Result<(), Error> {
        let drift = differences.drift();
        for (kind, count) in [("missing", drift.missing), ("stale", drift.stale), ("phantom", drift.phantom)] {
            metrics::gauge!("indexer_index_drift_documents", "kind" => kind).set(count as f64);
        }
        self.documents.save_index_state(&self.name, TURN, IndexState { drift: Some(drift), ..Default::default() }).await
    }

    /// Where the index differs now. What work is under way on is left out.
    pub(crate) async fn compare(&self, client: &Client) -> Result<Differences, Error> {
        let mut held = Inventory::new();
        let mut offset = Some(0);
        while let Some(from) = offset {
            offset = client.take_inventory(from, &mut held).await?;
            sleep(BREATH).await;
        }
        let (mut suspects, mut after, mut documents) = (Vec::new(), String::new(), 0);
        loop {
            let request = ListIndexedRequest { after: after.clone(), limit: LISTED, only: Vec::new() };
            let items = self.documents.list_indexed(request).await?.items;
            let Some(last) = items.last() else { break };
            after = last.document_id.clone();
            documents += items.len() as i64;
            for item in &items {
                let id = engine::id(&item.document_id)?;
                if !held.remove(&id).is_some_and(|held| agrees(&held, item)) {
                    suspects.push(id);
                }
            }
            sleep(BREATH).await;
        }
        suspects.extend(held.into_keys());
        // Much may have been written meanwhile.
        Ok(Differences { documents, ..self.look_again(client, &suspects).await? })
    }

    async fn look_again(&self, client: &Client, suspects: &[Uuid]) -> Result<Differences, Error> {
        let mut differences = Differences::default();
        for ids in suspects.chunks(BATCH) {
            let only = ids.iter().map(Uuid::to_string).collect();
            let wanted = self.documents.list_indexed(ListIndexedRequest { only, ..Default::default() }).await?;
            let mut held = client.held_of(ids).await?;
            for item in &wanted.items {
                let id = engine::id(&item.document_id)?;
                match held.remove(&id) {
                    _ if item.in_flight => {}
                    None => _ = differences.missing.insert(id),
                    Some(held) if !agrees(&held, item) => _ = differences.stale.insert(id),
                    Some(_) => {}
                }
            }
            for id in &wanted.leaving {
                held.remove(&engine::id(id)?);
            }
            differences.phantom.extend(held.into_keys());
            sleep(BREATH).await;
        }
        Ok(differences)
    }

    /// From the text that documents has; nothing is read out of files again.
    async fn mend(&self, client: &Client, differences: &Differences) -> Result<(), Error> {
        let wrong: Vec<Uuid> = differences.stale.iter().chain(&differences.phantom).copied().collect();
        for ids in wrong.chunks(BATCH) {
            client.delete_documents(ids).await?;
        }
        let absent: Vec<String> = differences.missing.iter().chain(&differences.stale).map(Uuid::to_string).collect();
        for ids in absent.chunks(BATCH) {
            self.fill(client.feed().await?, ids).await?.finish().await?;
            // Keeps the turn.
            self.documents.hold_turn(&self.name, TURN).await?;
        }
        metrics::counter!("indexer_index_mended_documents_total").increment((wrong.len() + absent.len()) as u64);
        Ok(())
    }

    /// What documents has of these, on its way into the engine.
    pub(crate) async fn fill(&self, mut feed: Feed, ids: &[String]) -> Result<Feed, Error> {
        for id in ids {
            let Some((document, mut pages)) = self.documents.read_indexed(id).await? else { continue };
            let mut template = engine::template(&document)?;
            let mut fed = false;
            while let Some(page) = pages.next().await? {
                engine::push(&mut feed, &mut template, page.number, page.text).await?;
                fed = true;
            }
            if !fed {
                engine::push(&mut feed, &mut template, 1, String::new()).await?;
            }
        }
        Ok(feed)
    }

    /// Does what may take longer than a turn, for as long as nobody else has it.
    async fn holding(&self, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        let held = async {
            loop {
                sleep(TURN / 3).await;
                // Who cannot be reached has given it to nobody; it is asked again.
                if self.documents.hold_turn(&self.name, TURN).await.is_ok_and(|turn| !turn.held) {
                    return;
                }
            }
        };
        tokio::select! {
            done = work => done,
            () = held => Err(Error::LeaseLost),
        }
    }

    /// For people: where the index differs now; it is mended afterwards.
    pub(crate) async fn verify(&self) -> Result<Option<Differences>, Error> {
        let Some(client) = self.engine.client() else { return Ok(None) };
        let differences = self.compare(client).await?;
        if !differences.none() {
            self.wake();
        }
        Ok(Some(differences))
    }
}

fn agrees(held: &Held, wanted: &Item) -> bool {
    (held.version, held.records, held.older) == (wanted.version, wanted.records, 0)
}
