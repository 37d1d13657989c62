//! The leases in hand: one task keeps all of them by heartbeats, and a step whose lease is lost hears
//! of it at once.
//!
//! A lease is lost when documents says so, or when its time is over by our own clock without a
//! heartbeat that got through. So nobody goes on with work that may be somebody else's by now, also
//! after the process stood still, or was cut off, for longer than a lease lasts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use proto::documents::Lease;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use crate::documents::Documents;

/// Of 30 s, unless documents says otherwise: one every 5 s.
const BEATS_PER_LEASE: u32 = 6;
const LENGTH: Duration = Duration::from_secs(30);
/// A heartbeat that takes longer is as good as none; the next one may get through.
const BEAT_LIMIT: Duration = Duration::from_secs(3);

/// All leases in hand. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Leases(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    held: Mutex<HashMap<String, Held>>,
    length: watch::Sender<Duration>,
}

#[derive(Debug)]
struct Held {
    lease: Lease,
    until: watch::Sender<Instant>,
}

/// One lease; dropped, it is no longer kept.
#[derive(Debug)]
pub(crate) struct Guard {
    leases: Leases,
    token: String,
    until: watch::Receiver<Instant>,
}

impl Guard {
    /// Returns when the lease is lost.
    pub(crate) async fn lost(&self) {
        let mut until = self.until.clone();
        loop {
            let end = *until.borrow_and_update();
            if end <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(end) => {}
                changed = until.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.leases.lock().remove(&self.token);
        self.leases.measure();
    }
}

impl Default for Leases {
    fn default() -> Self {
        Self(Arc::new(Shared { held: Mutex::default(), length: watch::Sender::new(LENGTH) }))
    }
}

impl Leases {
    /// How long leases last without a heartbeat, as documents says.
    pub(crate) fn last(&self, length: Duration) {
        let change = |now: &mut Duration| !length.is_zero() && std::mem::replace(now, length) != length;
        self.0.length.send_if_modified(change);
    }

    /// Keeps a lease that has just been granted.
    pub(crate) fn hold(&self, lease: &Lease) -> Guard {
        let (sender, until) = watch::channel(Instant::now() + *self.0.length.borrow());
        self.lock().insert(lease.token.clone(), Held { lease: lease.clone(), until: sender });
        self.measure();
        Guard { leases: self.clone(), token: lease.token.clone(), until }
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Beats for ever.
    pub(crate) async fn keep(self, documents: Documents) {
        let mut length = self.0.length.subscribe();
        loop {
            let lasting = *length.borrow_and_update();
            tokio::select! {
                () = sleep(lasting / BEATS_PER_LEASE) => self.beat(&documents, lasting).await,
                _ = length.changed() => {}
            }
        }
    }

    async fn beat(&self, documents: &Documents, lasting: Duration) {
        let leases: Vec<Lease> = self.lock().values().map(|held| held.lease.clone()).collect();
        if leases.is_empty() {
            return;
        }
        let asked: Vec<String> = leases.iter().map(|lease| lease.token.clone()).collect();
        let sent = Instant::now();
        match documents.heartbeat(leases, BEAT_LIMIT.min(lasting / 3)).await {
            Ok(good) => self.confirm(&asked, &good, sent, lasting),
            Err(error) => tracing::warn!(%error, "a heartbeat did not get through"),
        }
    }

    fn confirm(&self, asked: &[String], good: &[String], sent: Instant, lasting: Duration) {
        let held = self.lock();
        for (token, lease) in asked.iter().filter_map(|token| Some((token, held.get(token)?))) {
            // Counted from before the call: it cannot have been prolonged any earlier.
            let until = if good.contains(token) { sent + lasting } else { sent };
            lease.until.send_replace(until);
        }
    }

    fn measure(&self) {
        metrics::gauge!("indexer_jobs_in_hand").set(self.count() as f64);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.held.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(token: &str) -> Lease {
        Lease { document_id: "d".to_owned(), version: 1, token: token.to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_ends_by_our_own_clock_when_no_heartbeat_gets_through() {
        let leases = Leases::default();
        let (kept, left) = (leases.hold(&lease("kept")), leases.hold(&lease("left")));
        tokio::time::sleep(Duration::from_secs(20)).await;
        leases.confirm(&["kept".to_owned()], &["kept".to_owned()], Instant::now(), LENGTH);
        let asked = Instant::now();
        left.lost().await;
        assert_eq!(asked.elapsed().as_secs(), 10);
        kept.lost().await;
        assert_eq!(asked.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_refused_is_lost_at_once_and_the_others_are_not() {
        let leases = Leases::default();
        let (lost, kept) = (leases.hold(&lease("lost")), leases.hold(&lease("kept")));
        let both = ["lost".to_owned(), "kept".to_owned()];
        leases.confirm(&both, &["kept".to_owned()], Instant::now(), LENGTH);
        let asked = Instant::now();
        lost.lost().await;
        assert!(asked.elapsed().is_zero());
        assert!(tokio::time::timeout(Duration::from_secs(29), kept.lost()).await.is_err());
        drop(lost);
        assert_eq!(leases.count(), 1);
    }
}
