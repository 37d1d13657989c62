//! Administration of the search index.

use std::sync::{Arc, atomic::Ordering};

use chassis::{Role, grpc::caller};
use proto::indexer::{GetIndexRequest, Index, indexer_server::Indexer};
use tonic::{Request, Response, Status};

use crate::{engine::Engine, worker::Counts};

#[derive(Debug)]
pub(crate) struct Api {
    engine: Engine,
    counts: Arc<Counts>,
}

impl Api {
    pub(crate) fn new(engine: Engine, counts: Arc<Counts>) -> Self {
        Self { engine, counts }
    }
}

#[tonic::async_trait]
impl Indexer for Api {
    async fn get_index(&self, request: Request<GetIndexRequest>) -> Result<Response<Index>, Status> {
        caller(&request).require(Role::Owner)?;
        let records = self.engine.records().await;
        let configured = self.engine.is_configured();
        Ok(Response::new(Index {
            engine: if configured { "meilisearch" } else { "none" }.to_owned(),
            available: configured && self.engine.is_up(),
            name: self.engine.index().to_owned(),
            records: i64::try_from(records).unwrap_or(i64::MAX),
            settled: self.counts.settled.load(Ordering::Relaxed),
            failed: self.counts.failed.load(Ordering::Relaxed),
            in_hand: self.counts.in_hand(),
        }))
    }
}
