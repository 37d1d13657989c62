//! What was searched for, kept for the analytics without ever making a search wait: entries go
//! into a bounded queue, are written in batches, and are dropped when the queue is full or the
//! database refuses them.

use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::store::Store;

const QUEUE: usize = 4_096;
const BATCH: usize = 500;
/// Documents of an answer that are noted.
pub(crate) const FOUND: usize = 10;

/// A query that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) text: String,
    pub(crate) hits: i64,
    pub(crate) engine: &'static str,
    pub(crate) degraded: bool,
    pub(crate) took_ms: f64,
    /// At most [`FOUND`].
    pub(crate) found: Vec<Uuid>,
}

/// A hit that somebody opened.
#[derive(Clone, Debug)]
pub(crate) struct Click {
    pub(crate) query_id: Uuid,
    pub(crate) document_id: Uuid,
    pub(crate) rank: i32,
    pub(crate) at: Timestamp,
}

#[derive(Debug)]
pub(crate) enum Entry {
    Query(Query),
    Click(Click),
}

/// Where entries are put.
#[derive(Clone, Debug)]
pub(crate) struct Log(mpsc::Sender<Entry>);

impl Log {
    /// The log and what empties it, to be run beside the service.
    pub(crate) fn new(store: Store) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), write(store, receiver))
    }

    pub(crate) fn put(&self, entry: Entry) {
        if self.0.try_send(entry).is_err() {
            dropped(1);
        }
    }
}

fn dropped(count: usize) {
    metrics::counter!("search_log_dropped_total").increment(count as u64);
}

/// Until every [`Log`] is gone and the queue is empty. While one batch is written the next gathers,
/// so batches grow with the load.
async fn write(store: Store, mut receiver: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        let (mut queries, mut clicks) = (Vec::new(), Vec::new());
        for entry in batch.drain(..) {
            match entry {
                Entry::Query(query) => queries.push(query),
                Entry::Click(click) => clicks.push(click),
            }
        }
        let count = queries.len() + clicks.len();
        let written = async {
            if !queries.is_empty() {
                store.log_queries(&queries).await?;
            }
            if !clicks.is_empty() {
                store.log_clicks(&clicks).await?;
            }
            Ok::<_, pg::Error>(())
        };
        if let Err(error) = written.await {
            dropped(count);
            tracing::debug!(%error, count, "part of the query log was not written");
        }
    }
}
