//! Builds the index anew beside the one that answers, and puts it in its place.
//!
//! How far it has come is noted at documents after each batch, so that whoever has the turn next
//! goes on from there, however this process ends.

use std::collections::VecDeque;

use proto::documents::{HoldTurnResponse, IndexState, ListIndexedRequest, Rebuild};
use search_index::{Engine as Client, Underway};

use crate::{
    error::Error,
    truth::{Keeper, TURN},
};

/// Documents, and their records, of one batch; at least one document.
const BATCH: (i32, i64) = (200, 2_000);
/// Batches that the engine has and has not done: with ordinary pages, about 140 MB. It does in one go what waits, and
/// with many records most of what that costs does not depend on how much it is.
const AHEAD: usize = 32;

/// A batch that the engine has.
struct Sent {
    last: String,
    documents: i64,
    underway: Underway,
}

impl Keeper {
    /// Goes on with `begun`, or begins.
    pub(crate) async fn rebuild(
        &self,
        client: &Client,
        begun: Option<Rebuild>,
        turn: &HoldTurnResponse,
    ) -> Result<(), Error> {
        let begun = match begun {
            Some(begun) if client.successor().is_in_order().await? => Some(begun),
            _ => None,
        };
        let mut rebuild = match begun {
            Some(begun) => {
                tracing::info!(done = begun.documents_done, "building the search index goes on");
                begun
            }
            None => {
                tracing::info!(documents = turn.documents, "the search index is built anew");
                client.begin_successor().await?;
                let rebuild = Rebuild { documents_total: turn.documents, ..Default::default() };
                self.progress(Some(&rebuild)).await?;
                // The database's clock has it from now on.
                Rebuild { started_at: 1, ..rebuild }
            }
        };
        let (mut sent, mut next) = (VecDeque::new(), Some(rebuild.after.clone()));
        loop {
            if let Some(after) = next.take_if(|_| sent.len() < AHEAD) {
                let batch = self.send(client, after).await?;
                next = batch.as_ref().map(|batch| batch.last.clone());
                sent.extend(batch);
                continue;
            }
            let Some(Sent { last, documents, underway }) = sent.pop_front() else { break };
            underway.done().await?;
            rebuild.after = last;
            rebuild.documents_done += documents;
            rebuild.documents_total = rebuild.documents_total.max(rebuild.documents_done);
            self.progress(Some(&rebuild)).await?;
        }
        self.complete(client).await?;
        // What was finished since then is not in it: until it has been compared in its new place, it
        // counts as incomplete.
        self.doubt(&rebuild).await?;
        client.promote_successor().await?;
        metrics::counter!("indexer_index_rebuilds_total").increment(1);
        tracing::info!(documents = rebuild.documents_done, "the search index has been built anew");
        self.progress(None).await
    }

    /// The next documents after this one, on their way into the successor; `None` after the last.
    async fn send(&self, client: &Client, after: String) -> Result<Option<Sent>, Error> {
        let request = ListIndexedRequest { after, limit: BATCH.0, only: Vec::new() };
        let items = self.documents.list_indexed(request).await?.items;
        let mut records = 0;
        let fits = |records: &mut i64, more: i64| {
            let fits = *records == 0 || *records + more <= BATCH.1;
            *records += more;
            fits
        };
        let batch: Vec<String> =
            items.into_iter().take_while(|item| fits(&mut records, item.records)).map(|i| i.document_id).collect();
        let Some(last) = batch.last().cloned() else { return Ok(None) };
        let underway = self.fill(client.feed_successor(), &batch).await?.send_off().await?;
        Ok(Some(Sent { last, documents: batch.len() as i64, underway }))
    }

    /// Makes sure that the successor holds all it must: it may have been lost on the way.
    async fn complete(&self, client: &Client) -> Result<(), Error> {
        let next = client.successor();
        for _ in 0..2 {
            if !next.is_in_order().await? {
                break;
            }
            let found = self.compare(&next).await?;
            let absent: Vec<String> = found.missing.iter().chain(&found.stale).map(ToString::to_string).collect();
            if absent.is_empty() {
                return Ok(());
            }
            self.fill(client.feed_successor(), &absent).await?.finish().await?;
        }
        next.drop_index().await?;
        Err(Error::Internal("the new search index did not keep what was put into it; it is begun again".to_owned()))
    }

    async fn progress(&self, rebuild: Option<&Rebuild>) -> Result<(), Error> {
        let left = rebuild.map_or(0, |r| r.documents_total - r.documents_done);
        metrics::gauge!("indexer_index_rebuild_documents_left").set(left as f64);
        let state = IndexState { rebuild: rebuild.cloned(), ..Default::default() };
        self.documents.save_index_state(&self.name, TURN, state).await
    }
}
