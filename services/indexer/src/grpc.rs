//! Administration of the search index, and pictures of pages.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chassis::{
    Caller, Fault, FaultKind, RequestContext, Role,
    grpc::{caller, context},
};
use proto::{
    documents::IndexState,
    indexer::{
        DrawPageRequest, DrawPageResponse, Drift, GetIndexRequest, Index, RebuildIndexRequest, RebuildIndexResponse,
        RebuildProgress, UnlockDocumentRequest, UnlockDocumentResponse, VerifyIndexRequest, VerifyIndexResponse,
        indexer_server::Indexer,
    },
};
use tonic::{Request, Response, Status};

use crate::{
    engine::Engine,
    error::Error,
    pictures::Pictures,
    truth::{Differences, Keeper},
    worker::{Counts, Worker},
};

/// For a call that no request asked for.
const BUDGET: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Api {
    engine: Engine,
    counts: Arc<Counts>,
    worker: Worker,
    keeper: Keeper,
    pictures: Pictures,
}

impl Api {
    pub(crate) fn new(engine: Engine, worker: Worker, keeper: Keeper, pictures: Pictures) -> Self {
        Self { engine, counts: worker.counts(), worker, keeper, pictures }
    }
}

impl Api {
    fn configured(&self) -> Result<(), Fault> {
        match self.engine.is_configured() {
            true => Ok(()),
            false => Err(Fault::new(FaultKind::Conflict, "there is no search engine: PostgreSQL answers searches")
                .because("no-engine")),
        }
    }
}

/// Asked for by a person who may, done by the system: the documents service keeps the state of the
/// index for nobody else.
async fn as_system<T>(work: impl Future<Output = T>) -> T {
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(BUDGET));
    RequestContext { caller: Caller::Service, ..context }.scope(work).await
}

/// What a person is told who asked for something that could not be done.
fn refused(error: Error) -> Status {
    tracing::warn!(%error, "the index could not be administered");
    match error {
        Error::Engine(_) | Error::EngineDown => Fault::unavailable("the search engine").into(),
        Error::Unavailable(_) => Fault::unavailable("documents").into(),
        other => Fault::internal(other.to_string()).into(),
    }
}

#[tonic::async_trait]
impl Indexer for Api {
    async fn get_index(&self, request: Request<GetIndexRequest>) -> Result<Response<Index>, Status> {
        caller(&request).require(Role::Owner)?;
        let records = self.engine.records().await;
        let configured = self.engine.is_configured();
        let state = match configured {
            true => as_system(self.keeper.documents.index_state()).await.map_err(refused)?,
            false => IndexState::default(),
        };
        let outdated = as_system(self.keeper.documents.outdated()).await.map_err(refused)?;
        Ok(Response::new(Index {
            outdated,
            engine: if configured { "meilisearch" } else { "none" }.to_owned(),
            available: configured && self.engine.is_up(),
            name: self.engine.index().to_owned(),
            records: i64::try_from(records).unwrap_or(i64::MAX),
            settled: self.counts.settled.load(Ordering::Relaxed),
            failed: self.counts.failed.load(Ordering::Relaxed),
            in_hand: self.counts.in_hand(),
            rebuild: progress(&state),
            drift: state.drift.map(|d| Drift {
                checked_at: d.checked_at,
                missing: d.missing,
                stale: d.stale,
                phantom: d.phantom,
            }),
        }))
    }

    async fn rebuild_index(
        &self,
        request: Request<RebuildIndexRequest>,
    ) -> Result<Response<RebuildIndexResponse>, Status> {
        caller(&request).require(Role::Owner)?;
        self.configured()?;
        as_system(self.keeper.documents.want_rebuild()).await.map_err(refused)?;
        self.keeper.wake();
        Ok(Response::new(RebuildIndexResponse {}))
    }

    async fn unlock_document(
        &self,
        request: Request<UnlockDocumentRequest>,
    ) -> Result<Response<UnlockDocumentResponse>, Status> {
        caller(&request).require(Role::Editor)?;
        let end = tokio::time::Instant::now() + context(&request).remaining().saturating_sub(MARGIN);
        let UnlockDocumentRequest { document_id, password } = request.into_inner();
        if password.is_empty() || password.len() > PASSWORD_BYTES {
            return Err(Fault::field("password", "must have 1 to 1024 bytes").into());
        }
        let done = self.worker.unlock(&document_id, password.into(), end).await?;
        Ok(Response::new(UnlockDocumentResponse { done }))
    }

    async fn verify_index(
        &self,
        request: Request<VerifyIndexRequest>,
    ) -> Result<Response<VerifyIndexResponse>, Status> {
        caller(&request).require(Role::Owner)?;
        self.configured()?;
        let found = as_system(self.keeper.verify()).await.map_err(refused)?;
        let found = found.ok_or_else(|| Fault::unavailable("the search engine"))?;
        let count = |ids: &std::collections::BTreeSet<_>| i64::try_from(ids.len()).unwrap_or(i64::MAX);
        Ok(Response::new(VerifyIndexResponse {
            documents: found.documents,
            missing: count(&found.missing),
            stale: count(&found.stale),
            phantom: count(&found.phantom),
            missing_ids: Differences::named(&found.missing),
            stale_ids: Differences::named(&found.stale),
            phantom_ids: Differences::named(&found.phantom),
        }))
    }

    async fn draw_page(&self, request: Request<DrawPageRequest>) -> Result<Response<DrawPageResponse>, Status> {
        Ok(Response::new(self.pictures.page(&request.into_inner()).await?))
    }
}

/// Before the caller's deadline.
const MARGIN: Duration = Duration::from_millis(500);
const PASSWORD_BYTES: usize = 1024;

fn progress(state: &IndexState) -> Option<RebuildProgress> {
    let Some(rebuild) = &state.rebuild else { return state.rebuild_wanted.then(RebuildProgress::default) };
    let seconds = (state.now - rebuild.started_at) as f64 / 1e6;
    let left = (rebuild.documents_total - rebuild.documents_done).max(0) as f64;
    Some(RebuildProgress {
        started_at: rebuild.started_at,
        documents_done: rebuild.documents_done,
        documents_total: rebuild.documents_total,
        seconds_left: (rebuild.documents_done > 0).then(|| seconds / rebuild.documents_done as f64 * left),
    })
}

#[cfg(test)]
mod tests {
    use proto::documents::Rebuild;

    use super::*;

    #[test]
    fn what_is_left_is_estimated_from_the_speed_so_far() {
        assert_eq!(progress(&IndexState::default()), None);
        let wanted = IndexState { rebuild_wanted: true, ..Default::default() };
        assert_eq!(progress(&wanted), Some(RebuildProgress::default()));
        let rebuild =
            Rebuild { started_at: 5_000_000, documents_done: 100, documents_total: 300, ..Default::default() };
        let state = IndexState { rebuild: Some(rebuild), now: 15_000_000, ..Default::default() };
        assert_eq!(progress(&state).unwrap().seconds_left, Some(20.0));
    }
}
