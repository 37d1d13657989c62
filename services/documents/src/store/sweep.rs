//! What the sweeper asks and writes.

use std::future::Future;

use jiff::Timestamp;

use super::{Store, documents::purge};
use crate::error::Error;

/// Documents or objects in one go.
const BATCH: i64 = 200;

impl Store {
    /// Runs `sweep` unless another process is sweeping.
    pub(crate) async fn alone<F: Future<Output = Result<(), Error>>>(
        &self,
        sweep: impl FnOnce() -> F,
    ) -> Result<bool, Error> {
        // A lock of the session, not of a transaction: the object store is called while it is held.
        let connection = self.pool.get().await?;
        let lock = "SELECT pg_try_advisory_lock(hashtext('documents sweeper'))";
        if !connection.query_one(lock, &[]).await?.get::<_, bool>(0) {
            return Ok(false);
        }
        let swept = sweep().await;
        connection.query_one("SELECT pg_advisory_unlock(hashtext('documents sweeper'))", &[]).await?;
        swept.map(|()| true)
    }

    /// Purges what has been in the trash too long; answers how many, at most a batch.
    pub(crate) async fn purge_old_trash(&self) -> Result<usize, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("purge_old_trash").await?;
        let sql = "SELECT id, version FROM documents
            WHERE deleted_at < now() - make_interval(secs => $1)
            ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED";
        let rows = tx.query(sql, &[&(self.limits.trash_seconds as f64), &BATCH]).await?;
        for row in &rows {
            purge(&tx, row.get(0), row.get(1), self.limits.object_grace_seconds).await?;
        }
        tx.commit().await?;
        if !rows.is_empty() {
            self.hints.work();
        }
        Ok(rows.len())
    }

    /// Objects whose grace period is over, at most a batch.
    pub(crate) async fn due_tombstones(&self) -> Result<Vec<String>, Error> {
        let sql = "SELECT object_key FROM tombstones WHERE delete_after <= now() ORDER BY delete_after LIMIT $1";
        let rows = self.pool.get().await?.query(sql, &[&BATCH]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Their objects are gone.
    pub(crate) async fn forget_tombstones(&self, keys: &[String]) -> Result<(), Error> {
        self.pool.get().await?.execute("DELETE FROM tombstones WHERE object_key = ANY($1)", &[&keys]).await?;
        Ok(())
    }

    /// Those of `keys` that neither a version nor a tombstone names.
    pub(crate) async fn unnamed(&self, keys: &[String]) -> Result<Vec<String>, Error> {
        let sql = "SELECT k FROM unnest($1::text[]) AS k
            WHERE NOT EXISTS (SELECT 1 FROM versions v WHERE v.object_key = k)
              AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.object_key = k)";
        Ok(self.pool.get().await?.query(sql, &[&keys]).await?.iter().map(|row| row.get(0)).collect())
    }

    /// The database's clock, less `seconds`.
    pub(crate) async fn ago(&self, seconds: u64) -> Result<Timestamp, Error> {
        let sql = "SELECT now() - make_interval(secs => $1)";
        Ok(self.pool.get().await?.query_one(sql, &[&(seconds as f64)]).await?.get(0))
    }

    /// Forgets idempotency keys that are older than they are kept.
    pub(crate) async fn forget_idempotency(&self) -> Result<u64, Error> {
        Ok(pg::idempotency::sweep(&self.pool.get().await?).await?)
    }
}
