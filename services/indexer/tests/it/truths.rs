//! The other side of the contract `Truth`, in memory, over what [`crate::documents`] has.

use std::time::Duration;

use chassis::Fault;
use futures_util::stream::BoxStream;
use proto::documents::{self as api, Drift, Rebuild, WorkKind, list_indexed_response::Item, truth_server::Truth};
use tokio::time::Instant;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::documents::{Entry, Fake, State, streamed};

/// How the index is, as documents keeps it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) holder: Option<(String, Instant)>,
    pub(crate) wanted: bool,
    pub(crate) rebuild: Option<Rebuild>,
    pub(crate) drift: Option<Drift>,
    /// All that were noted.
    pub(crate) drifts: Vec<Drift>,
    /// Batches of rebuilds that were noted.
    pub(crate) batches: usize,
    /// Rebuilds that came to their end.
    pub(crate) rebuilt: usize,
    /// After so many batches of rebuilds, the turn is lost.
    pub(crate) lose_after: Option<usize>,
}

impl Index {
    /// Whether it is there, and was found to hold just what it must.
    pub(crate) fn is_true(&self) -> bool {
        let found_true = self.drift.is_some_and(|drift| drift.missing + drift.stale + drift.phantom == 0);
        found_true && self.rebuild.is_none()
    }

    fn state(&self) -> api::IndexState {
        let (rebuild_wanted, rebuild, drift) = (self.wanted, self.rebuild.clone(), self.drift);
        api::IndexState { rebuild_wanted, rebuild, drift, now: 10_000_000 }
    }
}

fn searchable(entry: &Entry) -> bool {
    entry.extraction.is_some() && entry.kind != WorkKind::Remove
}

fn item(state: &State, id: Uuid, entry: &Entry) -> Item {
    Item {
        document_id: id.to_string(),
        version: entry.version,
        records: i64::try_from(entry.pages.len().max(1)).unwrap(),
        in_flight: in_flight(state, id, entry),
    }
}

fn in_flight(state: &State, id: Uuid, entry: &Entry) -> bool {
    entry.token.is_some() || state.waiting.contains(&id)
}

fn until(ms: i64) -> Instant {
    Instant::now() + Duration::from_millis(u64::try_from(ms).unwrap())
}

#[tonic::async_trait]
impl Truth for Fake {
    async fn hold_turn(
        &self,
        request: Request<api::HoldTurnRequest>,
    ) -> Result<Response<api::HoldTurnResponse>, Status> {
        let sent = request.into_inner();
        let answer = self.change(|state| {
            let free = state.index.holder.as_ref().is_none_or(|(h, end)| *h == sent.holder || *end < Instant::now());
            if free {
                state.index.holder = Some((sent.holder, until(sent.lease_ms)));
            }
            let there: Vec<_> = state.entries.iter().filter(|(_, e)| searchable(e)).collect();
            api::HoldTurnResponse {
                held: free,
                state: Some(state.index.state()),
                documents: there.len() as i64,
                records: there.iter().map(|(_, e)| e.pages.len().max(1) as i64).sum(),
                in_flight: there.iter().filter(|(id, e)| in_flight(state, **id, e)).count() as i64,
            }
        });
        Ok(Response::new(answer))
    }

    async fn save_index_state(
        &self,
        request: Request<api::SaveIndexStateRequest>,
    ) -> Result<Response<api::SaveIndexStateResponse>, Status> {
        let sent = request.into_inner();
        self.change(|state| {
            let index = &mut state.index;
            if index.holder.as_ref().is_none_or(|(holder, end)| *holder != sent.holder || *end < Instant::now()) {
                return Err(Fault::not_found("turn").into());
            }
            let new = sent.state.unwrap();
            if let Some(drift) = new.drift {
                index.drift = Some(drift);
                index.drifts.push(drift);
            }
            index.rebuilt += usize::from(index.rebuild.is_some() && new.rebuild.is_none());
            if let Some(rebuild) = new.rebuild {
                index.wanted &= rebuild.started_at != 0;
                let before = index.rebuild.as_ref().map_or(0, |r| r.documents_done);
                index.batches += usize::from(rebuild.documents_done > before);
                index.rebuild = Some(Rebuild { started_at: 1_000_000, ..rebuild });
                if index.lose_after.is_some_and(|n| index.batches >= n) {
                    // It belongs to nobody, and nobody gets it until the test says so.
                    index.holder = Some(("nobody".to_owned(), until(3_600_000)));
                    index.lose_after = None;
                }
            } else {
                index.rebuild = None;
            }
            Ok(Response::new(api::SaveIndexStateResponse {}))
        })
    }

    async fn get_index_state(
        &self,
        _: Request<api::GetIndexStateRequest>,
    ) -> Result<Response<api::IndexState>, Status> {
        Ok(Response::new(self.lock().index.state()))
    }

    async fn want_rebuild(
        &self,
        _: Request<api::WantRebuildRequest>,
    ) -> Result<Response<api::WantRebuildResponse>, Status> {
        self.change(|state| state.index.wanted = true);
        Ok(Response::new(api::WantRebuildResponse {}))
    }

    async fn list_indexed(
        &self,
        request: Request<api::ListIndexedRequest>,
    ) -> Result<Response<api::ListIndexedResponse>, Status> {
        let sent = request.into_inner();
        let state = self.lock();
        let (after, only) = (sent.after.parse::<Uuid>().ok(), &sent.only);
        let asked = |id: &Uuid| after.is_none_or(|a| *id > a) && (only.is_empty() || only.contains(&id.to_string()));
        let all: Vec<_> = state.entries.iter().filter(|(id, _)| asked(id)).collect();
        let items = all.iter().filter(|(_, e)| searchable(e)).map(|(id, e)| item(&state, **id, e));
        let leaving = all.iter().filter(|(id, e)| !searchable(e) && in_flight(&state, **id, e));
        let limit = if only.is_empty() { usize::try_from(sent.limit).unwrap() } else { usize::MAX };
        Ok(Response::new(api::ListIndexedResponse {
            items: items.take(limit).collect(),
            leaving: leaving.map(|(id, _)| id.to_string()).collect(),
        }))
    }

    type ReadIndexedStream = BoxStream<'static, Result<api::ReadPagesResponse, Status>>;

    async fn read_indexed(
        &self,
        request: Request<api::ReadIndexedRequest>,
    ) -> Result<Response<Self::ReadIndexedStream>, Status> {
        let id: Uuid = request.into_inner().document_id.parse().unwrap();
        let state = self.lock();
        let entry = state.entries.get(&id).filter(|e| searchable(e)).ok_or_else(|| Fault::not_found("document"))?;
        Ok(Response::new(streamed(entry.parts(id))))
    }
}
