//! The leases in hand: kept by heartbeats, and given up when lost.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use chassis::{CancellationToken, RequestContext, grpc::Channel};
use proto::documents::{HeartbeatRequest, Lease, work_client::WorkClient};

/// A heartbeat that takes longer is as good as none.
const LIMIT: Duration = Duration::from_secs(3);
/// House rule: a lease of 30 s, a heartbeat every 5.
const BEATS_PER_LEASE: u32 = 6;

#[derive(Clone, Default)]
pub(crate) struct Leases(Arc<Mutex<HashMap<String, Held>>>);

struct Held {
    lease: Lease,
    lost: CancellationToken,
}

/// Forgets the lease when dropped.
pub(crate) struct Guard {
    leases: Leases,
    token: String,
    lost: CancellationToken,
}

impl Guard {
    /// Resolves when somebody else may have the work.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.leases.lock().remove(&self.token);
    }
}

impl Leases {
    pub(crate) fn hold(&self, lease: &Lease) -> Guard {
        let lost = CancellationToken::new();
        let held = Held { lease: lease.clone(), lost: lost.clone() };
        self.lock().insert(lease.token.clone(), held);
        Guard { leases: self.clone(), token: lease.token.clone(), lost }
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// All that are in hand.
    pub(crate) fn all(&self) -> Vec<Lease> {
        self.lock().values().map(|held| held.lease.clone()).collect()
    }

    /// Beats until the future is dropped. A beat that does not get through changes nothing: the
    /// next one may, and if none does, the settle at the end is refused.
    pub(crate) async fn beat(&self, documents: WorkClient<Channel>, lease: Duration) {
        let mut tick = tokio::time::interval(lease / BEATS_PER_LEASE);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let leases = self.all();
            if leases.is_empty() {
                continue;
            }
            let asked: Vec<String> = leases.iter().map(|l| l.token.clone()).collect();
            let mut documents = documents.clone();
            let call = documents.heartbeat(HeartbeatRequest { leases });
            match RequestContext::background(LIMIT).scope(call).await {
                Ok(answer) => self.give_up(&asked, &answer.into_inner().held),
                Err(error) => tracing::warn!(code = ?error.code(), "a heartbeat did not get through"),
            }
        }
    }

    fn give_up(&self, asked: &[String], held: &[String]) {
        let leases = self.lock();
        for token in asked.iter().filter(|token| !held.contains(token)) {
            if let Some(lost) = leases.get(token) {
                tracing::warn!(document_id = lost.lease.document_id, "the lease is lost; the step is stopped");
                lost.lost.cancel();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}
