//! Settles jobs in batches: while one transaction commits, the requests that come in form the next.
//! Nobody waits for a batch to fill.

use std::collections::HashMap;

use chassis::CancellationToken;
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::Error,
    store::{LeaseKey, Store},
};

const BACKLOG: usize = 1024;
const BATCH: usize = 128;

type Answer = Result<bool, Error>;

/// Takes settles from many callers.
#[derive(Clone)]
pub(crate) struct Settling(mpsc::Sender<(LeaseKey, oneshot::Sender<Answer>)>);

impl Settling {
    /// Runs until `stop` and everything that was handed in is answered.
    pub(crate) fn start(store: Store, stop: CancellationToken) -> Self {
        let (sender, mut receiver) = mpsc::channel(BACKLOG);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            loop {
                if stop.is_cancelled() {
                    // What is still in flight is drained; then there are no senders.
                    receiver.close();
                }
                let received = match stop.is_cancelled() {
                    true => receiver.recv_many(&mut batch, BATCH).await,
                    false => tokio::select! {
                        received = receiver.recv_many(&mut batch, BATCH) => received,
                        () = stop.cancelled() => continue,
                    },
                };
                if received == 0 {
                    return;
                }
                settle(&store, std::mem::take(&mut batch)).await;
            }
        });
        Self(sender)
    }

    /// Whether the lease held and the job is done.
    pub(crate) async fn settle(&self, lease: LeaseKey) -> Answer {
        let (answer, answered) = oneshot::channel();
        let busy = |_| Error::Busy("this part of the system, which is stopping,");
        self.0.send((lease, answer)).await.map_err(|_| Error::Busy("this part of the system, which is stopping,"))?;
        answered.await.map_err(busy)?
    }
}

async fn settle(store: &Store, batch: Vec<(LeaseKey, oneshot::Sender<Answer>)>) {
    let mut waiting: HashMap<LeaseKey, oneshot::Sender<Answer>> = HashMap::new();
    for (lease, answer) in batch {
        // The same lease twice: the later request finds it gone, as it would alone.
        if let Some(earlier) = waiting.insert(lease, answer) {
            let _ = earlier.send(Ok(false));
        }
    }
    let leases: Vec<LeaseKey> = waiting.keys().copied().collect();
    match store.settle(&leases).await {
        Ok(settled) => {
            for done in settled {
                if let Some(time) = done.time_to_ready {
                    metrics::histogram!("documents_time_to_ready_seconds").record(time);
                }
                if let Some(answer) = waiting.remove(&done.key) {
                    let _ = answer.send(Ok(true));
                }
            }
            waiting.into_values().for_each(|answer| drop(answer.send(Ok(false))));
        }
        Err(error) => {
            let fault = chassis::Fault::of(&error.into());
            waiting.into_values().for_each(|answer| drop(answer.send(Err(fault.clone().into()))));
        }
    }
}
