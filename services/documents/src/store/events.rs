//! What happened to a document, and telling those who wait that something did.

use std::collections::HashSet;

use chassis::{Caller, CancellationToken};
use pg::{Pool, Transaction};
use proto::documents as api;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Store, VISIBLE, Viewer, micros};
use crate::error::Error;

/// Notifications that may wait to be sent; more are dropped, since whoever waits also polls.
const BACKLOG: usize = 4096;
/// Events of one document that are read at once.
const BATCH: i64 = 200;

enum Hint {
    Work,
    Event(Uuid),
}

/// Sends NOTIFY after commits, many in one statement. PostgreSQL takes a lock for the whole database
/// while it commits a transaction with a notification in it, so it is kept out of those that write
/// to disk.
#[derive(Clone)]
pub(crate) struct Hints(mpsc::Sender<Hint>);

impl Hints {
    /// Starts sending, until `stop`.
    pub(crate) fn start(pool: Pool, stop: CancellationToken) -> Self {
        let (sender, mut receiver) = mpsc::channel(BACKLOG);
        tokio::spawn(async move {
            let mut waiting = Vec::new();
            while let Some(1..) = stop.run_until_cancelled(receiver.recv_many(&mut waiting, BACKLOG)).await {
                if let Err(error) = send(&pool, &mut waiting).await {
                    tracing::debug!(%error, "notifications were not sent; those who wait will poll");
                }
                waiting.clear();
            }
        });
        Self(sender)
    }

    /// There is work to be leased.
    pub(crate) fn work(&self) {
        let _ = self.0.try_send(Hint::Work);
    }

    /// Something happened to a document.
    pub(crate) fn event(&self, document: Uuid) {
        let _ = self.0.try_send(Hint::Event(document));
    }
}

async fn send(pool: &Pool, hints: &mut Vec<Hint>) -> Result<(), pg::Error> {
    let work = hints.iter().any(|hint| matches!(hint, Hint::Work));
    let of = |hint: Hint| match hint {
        Hint::Event(id) => Some(id),
        Hint::Work => None,
    };
    let documents: HashSet<Uuid> = hints.drain(..).filter_map(of).collect();
    let documents: Vec<Uuid> = documents.into_iter().collect();
    let sql = "SELECT pg_notify('documents_work', '') WHERE $1
               UNION ALL SELECT pg_notify('documents_events', id::text) FROM unnest($2::uuid[]) AS id";
    pool.get().await?.query(sql, &[&work, &documents]).await?;
    Ok(())
}

/// Written while the document's row is locked.
pub(super) async fn event(
    tx: &Transaction<'_>,
    document: Uuid,
    version: i32,
    stage: &str,
    detail: &str,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO events (document_id, version, stage, detail) VALUES ($1, $2, $3, $4)",
        &[&document, &version, &stage, &detail],
    )
    .await?;
    Ok(())
}

impl Store {
    /// What happened to the current version after `after`, in order, and whether nothing more will:
    /// the version is ready or failed and these are the last events of it.
    pub(crate) async fn events(&self, caller: &Caller, id: Uuid, after: i64) -> Result<(Vec<api::Event>, bool), Error> {
        // One statement, so that status and events are of the same moment.
        let sql = format!(
            "SELECT d.status, e.seq, e.version, e.stage, e.detail, e.at
             FROM documents d LEFT JOIN LATERAL (
                 SELECT * FROM events e WHERE e.document_id = d.id AND e.version = d.version AND e.seq > $5
                 ORDER BY e.seq LIMIT {BATCH}) e ON true
             WHERE d.id = $4 AND {VISIBLE} ORDER BY e.seq"
        );
        let viewer = Viewer::from(caller);
        let connection = self.pool.get().await?;
        let rows = connection.query(&sql, &[&viewer.user, &viewer.role, &viewer.sees_trash, &id, &after]).await?;
        let status: &str = rows.first().ok_or(Error::NotFound("document"))?.get(0);
        let settled = matches!(status, "ready" | "failed") && (rows.len() as i64) < BATCH;
        let events = rows.iter().filter_map(|row| {
            Some(api::Event {
                seq: row.get::<_, Option<i64>>(1)?,
                version: row.get(2),
                stage: row.get(3),
                detail: row.get(4),
                at: micros(row, 5),
            })
        });
        Ok((events.collect(), settled))
    }
}
