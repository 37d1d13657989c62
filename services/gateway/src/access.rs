//! Who is calling, answered from memory: a request costs no round trip to the database.
//!
//! An answer is kept for [`FRESH`] at most. It is dropped at once when the user, a session or a
//! token of theirs changes in this process, and when PostgreSQL tells of a change in another one.
//! A heartbeat goes through the same channel every second: when none has come for [`DEAF`], the
//! channel may be broken, and answers are believed for [`UNSURE`] only. While the database itself
//! cannot be reached nobody can be revoked either, and whoever was known goes on for [`STALE`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, RwLock},
    time::{Duration, Instant},
};

use chassis::CancellationToken;
use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use crate::{
    domain::Identity,
    error::Error,
    secret::{Credential, Hash},
    stale::Stale,
    store::{HEARTBEAT, Store},
};

const FRESH: Duration = Duration::from_secs(30);
const UNSURE: Duration = Duration::from_secs(2);
const DEAF: Duration = Duration::from_secs(3);
const STALE: Duration = Duration::from_secs(600);
/// After a failure the database is not asked again for this long, for those who are known.
const GRACE: Duration = Duration::from_millis(500);
const CAPACITY: usize = 20_000;
const BEAT: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Entry {
    identity: Arc<Identity>,
    since: Instant,
}

#[derive(Default)]
struct Known {
    entries: HashMap<Hash, Entry>,
    /// Rises with every change that was told, so that an answer that was on its way meanwhile is
    /// not kept.
    generation: u64,
}

/// The callers this process knows.
pub(crate) struct Access {
    store: Store,
    known: RwLock<Known>,
    heard: Mutex<Instant>,
    failed: Mutex<Option<Instant>>,
}

impl Access {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, known: RwLock::default(), heard: Mutex::new(Instant::now()), failed: Mutex::default() }
    }

    /// Who holds this credential; `None` when nobody does.
    pub(crate) async fn resolve(&self, credential: &Credential) -> Result<Option<Arc<Identity>>, Error> {
        let (entry, generation) = {
            let known = self.known.read().unwrap_or_else(|e| e.into_inner());
            (known.entries.get(credential.hash()).cloned(), known.generation)
        };
        let entry = entry.filter(|e| e.identity.expires_at.is_none_or(|end| end > Timestamp::now()));
        if let Some(entry) = &entry {
            let age = entry.since.elapsed();
            let trust = if elapsed(&self.heard) < DEAF { FRESH } else { UNSURE };
            if age < trust || (age < STALE && self.failed_just_now()) {
                return Ok(Some(entry.identity.clone()));
            }
        }
        match self.store.identity(credential).await {
            Ok(found) => Ok(self.keep(credential.hash(), generation, found)),
            Err(error) => {
                *self.failed.lock().unwrap_or_else(|e| e.into_inner()) = Some(Instant::now());
                match entry.filter(|e| e.since.elapsed() < STALE) {
                    Some(entry) => Ok(Some(entry.identity)),
                    None => Err(error),
                }
            }
        }
    }

    fn failed_just_now(&self) -> bool {
        self.failed.lock().unwrap_or_else(|e| e.into_inner()).is_some_and(|at| at.elapsed() < GRACE)
    }

    fn keep(&self, hash: &Hash, generation: u64, found: Option<Identity>) -> Option<Arc<Identity>> {
        let mut known = self.known.write().unwrap_or_else(|e| e.into_inner());
        let Some(identity) = found.map(Arc::new) else {
            known.entries.remove(hash);
            return None;
        };
        if known.generation == generation {
            if known.entries.len() >= CAPACITY {
                known.entries.retain(|_, entry| entry.since.elapsed() < FRESH);
            }
            if known.entries.len() >= CAPACITY {
                known.entries.clear();
            }
            known.entries.insert(*hash, Entry { identity: identity.clone(), since: Instant::now() });
        }
        Some(identity)
    }

    /// How often something about people, sessions or tokens has changed.
    pub(crate) fn generation(&self) -> u64 {
        self.known.read().unwrap_or_else(|e| e.into_inner()).generation
    }

    /// Something about this user changed.
    pub(crate) fn forget(&self, user: Uuid) {
        let mut known = self.known.write().unwrap_or_else(|e| e.into_inner());
        known.generation += 1;
        known.entries.retain(|_, entry| entry.identity.user_id != user);
    }

    fn forget_everybody(&self) {
        let mut known = self.known.write().unwrap_or_else(|e| e.into_inner());
        known.generation += 1;
        known.entries.clear();
    }

    /// Hears of changes, and keeps the channel's heart beating, until `stop`. What `stale` has to tell other
    /// gateways goes the same way.
    pub(crate) async fn follow(&self, listener: pg::Listener, stale: &Stale, stop: CancellationToken) {
        let mut told = listener.subscribe();
        let hear = async {
            loop {
                match told.recv().await {
                    Ok(payload) if payload == HEARTBEAT || stale.hear(&payload) => {}
                    // "" : the connection is new, and what was told before it is lost.
                    Ok(payload) => match payload.parse() {
                        Ok(user) => self.forget(user),
                        Err(_) => self.forget_everybody(),
                    },
                    Err(RecvError::Lagged(_)) => self.forget_everybody(),
                    Err(RecvError::Closed) => return,
                }
                *self.heard.lock().unwrap_or_else(|e| e.into_inner()) = Instant::now();
            }
        };
        let beat = async {
            let mut tick = tokio::time::interval(BEAT);
            loop {
                tick.tick().await;
                let news = stale.tell();
                if let Err(error) = self.store.heartbeat(news.as_deref()).await {
                    tracing::debug!(%error, "no heartbeat");
                    if news.is_some() {
                        stale.tell_again();
                    }
                }
            }
        };
        stop.run_until_cancelled(async { tokio::join!(hear, beat) }).await;
    }
}

fn elapsed(since: &Mutex<Instant>) -> Duration {
    since.lock().unwrap_or_else(|e| e.into_inner()).elapsed()
}
