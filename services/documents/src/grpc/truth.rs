use chassis::grpc::caller;
use futures_util::{StreamExt, stream};
use proto::documents::{self as api, read_pages_response::Part, truth_server::Truth};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Answer, Streamed};
use crate::{error::Error, store::Store};

const DOCUMENTS: i32 = 1_000;
/// How long a turn may be held without a word, in milliseconds.
const LEASE_MS: std::ops::RangeInclusive<i64> = 100..=300_000;

/// Serves the indexers that keep the search index true.
pub(crate) struct TruthApi {
    store: Store,
}

impl TruthApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

fn lease(ms: i64) -> i64 {
    ms.clamp(*LEASE_MS.start(), *LEASE_MS.end())
}

#[tonic::async_trait]
impl Truth for TruthApi {
    async fn hold_turn(&self, request: Request<api::HoldTurnRequest>) -> Answer<api::HoldTurnResponse> {
        caller(&request).require_service()?;
        let sent = request.into_inner();
        Ok(Response::new(self.store.hold_turn(&sent.holder, lease(sent.lease_ms)).await?))
    }

    async fn save_index_state(
        &self,
        request: Request<api::SaveIndexStateRequest>,
    ) -> Answer<api::SaveIndexStateResponse> {
        caller(&request).require_service()?;
        let sent = request.into_inner();
        self.store.save_index_state(&sent.holder, lease(sent.lease_ms), &sent.state.unwrap_or_default()).await?;
        Ok(Response::new(api::SaveIndexStateResponse {}))
    }

    async fn get_index_state(&self, request: Request<api::GetIndexStateRequest>) -> Answer<api::IndexState> {
        caller(&request).require_service()?;
        Ok(Response::new(self.store.index_state().await?))
    }

    async fn want_rebuild(&self, request: Request<api::WantRebuildRequest>) -> Answer<api::WantRebuildResponse> {
        caller(&request).require_service()?;
        self.store.want_rebuild().await?;
        Ok(Response::new(api::WantRebuildResponse {}))
    }

    async fn list_indexed(&self, request: Request<api::ListIndexedRequest>) -> Answer<api::ListIndexedResponse> {
        caller(&request).require_service()?;
        let sent = request.into_inner();
        if sent.only.is_empty() {
            let items = self.store.list_indexed(sent.after.parse().ok(), sent.limit.clamp(1, DOCUMENTS).into()).await?;
            return Ok(Response::new(api::ListIndexedResponse { items, leaving: Vec::new() }));
        }
        let only: Vec<Uuid> = sent.only.iter().take(DOCUMENTS as usize).filter_map(|id| id.parse().ok()).collect();
        let (items, leaving) = self.store.list_indexed_only(&only).await?;
        Ok(Response::new(api::ListIndexedResponse { items, leaving }))
    }

    type ReadIndexedStream = Streamed<api::ReadPagesResponse>;

    async fn read_indexed(&self, request: Request<api::ReadIndexedRequest>) -> Answer<Self::ReadIndexedStream> {
        caller(&request).require_service()?;
        let id = request.into_inner().document_id.parse().map_err(|_| Error::NotFound("document"))?;
        let document = self.store.searchable_document(id).await?;
        Ok(Response::new(with_pages(self.store.clone(), id, document)))
    }
}

/// The document, then its pages as they are read.
pub(super) fn with_pages(store: Store, id: Uuid, document: api::IndexedDocument) -> Streamed<api::ReadPagesResponse> {
    let version = document.version;
    let head = stream::once(std::future::ready(Ok(api::ReadPagesResponse { part: Some(Part::Document(document)) })));
    let batches = stream::try_unfold((store, 1), move |(store, first)| async move {
        let pages = store.pages_from(id, version, first).await.map_err(Status::from)?;
        let next = pages.last().map(|page| page.number + 1);
        Ok::<_, Status>(next.map(|next| (pages, (store, next))))
    });
    let message = |page| Ok(api::ReadPagesResponse { part: Some(Part::Page(page)) });
    let pages = batches.flat_map(move |batch| match batch {
        Ok(pages) => stream::iter(pages.into_iter().map(message).collect::<Vec<_>>()),
        Err(status) => stream::iter(vec![Err(status)]),
    });
    Box::pin(head.chain(pages))
}
