//! What is still to be done on each document: leased with a fencing token, settled only with it.
//!
//! Only the database's clock counts.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use pg::{Row, Transaction};
use proto::documents as api;
use uuid::Uuid;

use super::{Store, events::event, reread::keep, traceparent};
use crate::{domain::ATTACHMENT_DEPTH, error::Error};

/// Documents that are failed in one go.
const BATCH: i64 = 100;
/// Between two tries, at most.
const RETRY_MAX_MS: f64 = 300_000.0;

/// What names a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeaseKey {
    pub(crate) document: Uuid,
    pub(crate) version: i32,
    pub(crate) token: Uuid,
}

/// How a settled job ended, for metrics.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) key: LeaseKey,
    /// Set when this made the document ready: since when it was waited for.
    pub(crate) time_to_ready: Option<Duration>,
}

/// The version's bytes, for the worker.
#[derive(Debug)]
pub(crate) struct LeasedObject {
    pub(crate) object_key: String,
    pub(crate) size: i64,
}

/// New work replaces what is there, and whoever had leased that has lost it. Only an extraction
/// that is still to be done stays as it is when the engine is to be fed anew: it ends with that.
/// The document's row is locked.
pub(super) async fn put_work(tx: &Transaction<'_>, id: Uuid, version: i32, kind: &str) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO work AS w (document_id, version, kind, traceparent) VALUES ($1, $2, $3, $4)
         ON CONFLICT (document_id) DO UPDATE
         SET version = excluded.version, kind = excluded.kind, traceparent = excluded.traceparent,
             token = NULL, leased_until = NULL, attempts = 0, run_after = now(), created_at = now()
         WHERE NOT (w.kind = 'extract' AND excluded.kind = 'index' AND w.version = excluded.version)",
        &[&id, &version, &kind, &traceparent()],
    )
    .await?;
    Ok(())
}

/// The condition under which row `w` is still held by the lease `$1`, `$2`, `$3`.
pub(super) const HELD: &str = "w.document_id = $1 AND w.version = $2 AND w.token = $3 AND w.leased_until > now()";

impl Store {
    /// Somebody with this reader asks for work.
    pub(crate) fn meet_extractor(&self, version: i32) {
        self.newest_extractor.fetch_max(version, Ordering::Relaxed);
    }

    /// Up to `most` jobs that are due, each with a fresh token and one attempt counted. Only
    /// extractions when the worker has nothing to feed the text to.
    pub(crate) async fn lease(&self, most: i64, extract_only: bool) -> Result<Vec<api::Job>, Error> {
        // Whatever is locked is skipped, so this never waits, whatever order locks are taken in.
        // What is to be forgotten touches no document row.
        const SQL: &str = "
            WITH due AS MATERIALIZED (
                SELECT document_id FROM work
                WHERE run_after <= now() AND (attempts < $1 OR kind = 'remove') AND (kind = 'extract' OR NOT $4)
                ORDER BY run_after LIMIT $2 FOR UPDATE SKIP LOCKED),
            held AS MATERIALIZED (
                SELECT d.id FROM documents d JOIN due ON due.document_id = d.id FOR NO KEY UPDATE OF d SKIP LOCKED),
            leased AS (
                UPDATE work w SET token = gen_random_uuid(), attempts = attempts + 1,
                    leased_until = now() + make_interval(secs => $3), run_after = now() + make_interval(secs => $3)
                FROM due LEFT JOIN held ON held.id = due.document_id
                WHERE w.document_id = due.document_id AND (held.id IS NOT NULL OR w.kind = 'remove')
                RETURNING w.*),
            started AS (
                UPDATE documents d SET status = 'processing', revision = revision + 1, updated_at = now()
                FROM leased l WHERE d.id = l.document_id AND l.kind = 'extract' AND d.status = 'pending'),
            noted AS (
                INSERT INTO events (document_id, version, stage)
                SELECT document_id, version, 'started' FROM leased WHERE kind = 'extract')
            SELECT l.document_id, l.version, l.token, l.kind, l.attempts, l.traceparent, v.media_type, v.file_name,
                   v.size, coalesce((SELECT a.depth FROM attachments a WHERE a.document_id = l.document_id), 0)
            FROM leased l LEFT JOIN versions v ON v.document_id = l.document_id AND v.number = l.version";
        let seconds = self.limits.lease().as_secs_f64();
        let connection = self.pool.get().await?;
        let rows = connection.query(SQL, &[&self.limits.max_attempts, &most, &seconds, &extract_only]).await?;
        for row in rows.iter().filter(|row| row.get::<_, &str>(3) == "extract") {
            self.hints.event(row.get(0));
        }
        Ok(rows.iter().map(|row| job(row, self.limits.max_attempts)).collect())
    }

    /// The tokens among `leases` that are still good, for another lease's time.
    pub(crate) async fn heartbeat(&self, leases: &[LeaseKey]) -> Result<Vec<String>, Error> {
        const SQL: &str = "
            WITH mine AS MATERIALIZED (
                SELECT w.document_id FROM work w
                JOIN unnest($1::uuid[], $2::int[], $3::uuid[]) AS a(document_id, version, token)
                  ON w.document_id = a.document_id AND w.version = a.version AND w.token = a.token
                WHERE w.leased_until > now() ORDER BY w.document_id FOR UPDATE OF w)
            UPDATE work w SET leased_until = now() + make_interval(secs => $4), run_after = now() + make_interval(secs => $4)
            FROM mine WHERE w.document_id = mine.document_id RETURNING w.token";
        let (documents, versions, tokens) = columns(leases);
        let seconds = self.limits.lease().as_secs_f64();
        let connection = self.pool.get().await?;
        let rows = connection.query(SQL, &[&documents, &versions, &tokens, &seconds]).await?;
        Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).to_string()).collect())
    }

    /// Where the bytes of the leased version are.
    pub(crate) async fn leased_object(&self, lease: &LeaseKey) -> Result<LeasedObject, Error> {
        let sql = format!(
            "SELECT v.object_key, v.size FROM work w
             JOIN versions v ON v.document_id = w.document_id AND v.number = w.version WHERE {HELD}"
        );
        let connection = self.pool.get().await?;
        let row = connection.query_opt(&sql, &[&lease.document, &lease.version, &lease.token]).await?;
        let row = row.ok_or(Error::NotFound("lease"))?;
        Ok(LeasedObject { object_key: row.get(0), size: row.get(1) })
    }

    /// Ends the jobs whose leases hold and whose text is there; answers those.
    pub(crate) async fn settle(&self, leases: &[LeaseKey]) -> Result<Vec<Settled>, Error> {
        const SQL: &str = "
            WITH mine AS MATERIALIZED (
                SELECT w.document_id FROM work w
                JOIN unnest($1::uuid[], $2::int[], $3::uuid[]) AS a(document_id, version, token)
                  ON w.document_id = a.document_id AND w.version = a.version AND w.token = a.token
                WHERE w.leased_until > now() AND w.kind <> 'extract' ORDER BY w.document_id FOR UPDATE OF w),
            gone AS (
                DELETE FROM work w USING mine WHERE w.document_id = mine.document_id
                RETURNING w.document_id, w.version, w.token, w.kind, w.created_at),
            ready AS (
                UPDATE documents d SET status = 'ready', revision = revision + 1, updated_at = now()
                FROM gone g WHERE d.id = g.document_id AND g.kind = 'index' AND d.status IN ('pending', 'processing')
                RETURNING d.id, d.version, d.collection_id),
            told AS (
                INSERT INTO outbox (kind, document_id, version, collection_id)
                SELECT 'document.ready', id, version, collection_id FROM ready ON CONFLICT DO NOTHING),
            noted AS (
                INSERT INTO events (document_id, version, stage)
                SELECT g.document_id, g.version, s.stage
                FROM gone g JOIN ready ON ready.id = g.document_id
                CROSS JOIN (VALUES (1, 'indexed'), (2, 'ready')) AS s(n, stage) ORDER BY g.document_id, s.n)
            SELECT g.document_id, g.version, g.token, ready.id IS NOT NULL,
                   extract(epoch FROM now() - g.created_at)::double precision
            FROM gone g LEFT JOIN ready ON ready.id = g.document_id";
        let (documents, versions, tokens) = columns(leases);
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("settle").await?;
        lock_documents(&tx, &documents).await?;
        let rows = tx.query(SQL, &[&documents, &versions, &tokens]).await?;
        tx.commit().await?;
        let settled: Vec<_> = rows.iter().map(settled).collect();
        for done in settled.iter().filter(|done| done.time_to_ready.is_some()) {
            self.hints.event(done.key.document);
        }
        Ok(settled)
    }

    /// Whether this lease still holds.
    pub(crate) async fn holds(&self, lease: &LeaseKey) -> Result<bool, Error> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM work w WHERE {HELD})");
        let connection = self.pool.get().await?;
        Ok(connection.query_one(&sql, &[&lease.document, &lease.version, &lease.token]).await?.get(0))
    }

    /// The step failed. Answers whether it is tried again. What is to be forgotten by the engine is
    /// tried for ever, and so is everything while `outage`: then the attempt does not count.
    pub(crate) async fn fail(
        &self,
        lease: &LeaseKey,
        failure: &api::Failure,
        permanent: bool,
        outage: bool,
        extractor_version: i32,
    ) -> Result<bool, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("fail").await?;
        lock_documents(&tx, &[lease.document]).await?;
        let sql = format!("SELECT w.kind, w.attempts FROM work w WHERE {HELD} FOR UPDATE");
        let row = tx.query_opt(&sql, &[&lease.document, &lease.version, &lease.token]).await?;
        let row = row.ok_or(Error::NotFound("lease"))?;
        let (kind, attempts): (&str, i32) = (row.get(0), row.get(1));
        let retry = kind == "remove" || outage || (!permanent && attempts < self.limits.max_attempts);
        if retry {
            let exponent = f64::from((attempts - 1).clamp(0, 16));
            let most = (f64::from(self.limits.retry_base_ms) * exponent.exp2()).min(RETRY_MAX_MS);
            let sql = "UPDATE work SET token = NULL, leased_until = NULL, attempts = attempts - $3::int,
                    run_after = now() + make_interval(secs => $2 * (0.5 + random() / 2))
                 WHERE document_id = $1";
            tx.execute(sql, &[&lease.document, &(most / 1000.0), &i32::from(outage)]).await?;
            if kind != "remove" {
                event(&tx, lease.document, lease.version, "retrying", &failure.code).await?;
            }
        } else {
            let detail = &failure.detail;
            give_up(&tx, lease.document, lease.version, &failure.code, detail, extractor_version).await?;
        }
        tx.commit().await?;
        self.hints.event(lease.document);
        Ok(retry)
    }

    /// Fails what has used up its attempts without ever saying why: each of its workers died, or
    /// lost its lease. Answers how many.
    pub(crate) async fn fail_crashed(&self) -> Result<usize, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("fail_crashed").await?;
        let sql = "SELECT document_id, version FROM work
             WHERE run_after <= now() AND attempts >= $1 AND kind <> 'remove'
             ORDER BY run_after LIMIT $2 FOR UPDATE SKIP LOCKED";
        let rows = tx.query(sql, &[&self.limits.max_attempts, &BATCH]).await?;
        let due: HashMap<Uuid, i32> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        if due.is_empty() {
            return Ok(0);
        }
        let sql = "SELECT id FROM documents WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED";
        let ids: Vec<Uuid> = due.keys().copied().collect();
        let held: Vec<Uuid> = tx.query(sql, &[&ids]).await?.iter().map(|row| row.get(0)).collect();
        let detail = "Reading this document stopped the reader each time it was tried.";
        let reader = self.newest_extractor.load(Ordering::Relaxed);
        for id in &held {
            give_up(&tx, *id, due[id], "crashed", detail, reader).await?;
        }
        tx.commit().await?;
        held.iter().for_each(|id| self.hints.event(*id));
        Ok(held.len())
    }

    /// One statement, so that all figures are of the same moment. What is in the trash is not
    /// counted. A document in flight is one that is neither ready nor failed and has work to be
    /// done; one without would be lost, and the sum would show it.
    pub(crate) async fn ledger(&self, extractor_version: i32) -> Result<api::Ledger, Error> {
        const SQL: &str = "
            WITH documents AS MATERIALIZED (SELECT id, status FROM documents WHERE deleted_at IS NULL),
            work AS MATERIALIZED (
                SELECT document_id, created_at, run_after, kind, coalesce(leased_until > now(), false) AS leased FROM work)
            SELECT (SELECT count(*) FROM documents),
                   (SELECT count(*) FROM documents WHERE status = 'ready'),
                   (SELECT count(*) FROM documents WHERE status = 'failed'),
                   (SELECT count(*) FROM documents d JOIN work w ON w.document_id = d.id
                    WHERE d.status IN ('pending', 'processing') AND w.kind <> 'remove'),
                   (SELECT count(*) FROM work WHERE NOT leased),
                   (SELECT count(*) FROM work WHERE leased),
                   (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::double precision
                    FROM work WHERE NOT leased AND run_after <= now()),
                   (SELECT count(*) FROM insights i JOIN documents.documents d ON d.id = i.document_id AND d.version = i.version
                    WHERE greatest(i.extractor_version, i.tried_version) < $1 AND d.status = 'ready'
                      AND d.deleted_at IS NULL)
                 + (SELECT count(*) FROM documents.documents d
                    WHERE d.failed_reader < $1 AND d.status = 'failed' AND d.deleted_at IS NULL)";
        let newest = self.newest_extractor.load(Ordering::Relaxed).max(extractor_version);
        let row = self.pool.get().await?.query_one(SQL, &[&newest]).await?;
        Ok(api::Ledger {
            accepted: row.get(0),
            ready: row.get(1),
            failed: row.get(2),
            in_flight: row.get(3),
            work_waiting: row.get(4),
            work_leased: row.get(5),
            oldest_waiting_seconds: row.get(6),
            outdated: row.get(7),
        })
    }
}

fn columns(leases: &[LeaseKey]) -> (Vec<Uuid>, Vec<i32>, Vec<Uuid>) {
    let documents = leases.iter().map(|lease| lease.document).collect();
    let versions = leases.iter().map(|lease| lease.version).collect();
    (documents, versions, leases.iter().map(|lease| lease.token).collect())
}

/// In the order of their ids, as everybody who locks several does.
async fn lock_documents(tx: &Transaction<'_>, ids: &[Uuid]) -> Result<(), Error> {
    tx.query("SELECT 1 FROM documents WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", &[&ids]).await?;
    Ok(())
}

/// Nobody tries to read it any more. A document that has been read before keeps its text, and only the
/// engine is still to be fed; another one is failed. The document's row is locked.
async fn give_up(
    tx: &Transaction<'_>,
    id: Uuid,
    version: i32,
    code: &str,
    detail: &str,
    extractor_version: i32,
) -> Result<(), Error> {
    if keep(tx, id, version, code, extractor_version).await? {
        let sql = "UPDATE work SET kind = 'index', token = NULL, leased_until = NULL, attempts = 0, run_after = now()
            WHERE document_id = $1 AND kind = 'extract'";
        if tx.execute(sql, &[&id]).await? > 0 {
            return Ok(());
        }
    }
    tx.execute("DELETE FROM work WHERE document_id = $1", &[&id]).await?;
    // One that had failed before, for an older reader, is no news when it fails again.
    let sql = "WITH before AS (SELECT status FROM documents WHERE id = $1),
        failed AS (
            UPDATE documents SET status = 'failed', failure_code = $2, failure_detail = $3,
                failed_reader = greatest(failed_reader, $4), revision = revision + 1, updated_at = now()
            WHERE id = $1 RETURNING id, version, collection_id),
        told AS (
            INSERT INTO outbox (kind, document_id, version, collection_id, failure_code)
            SELECT 'document.failed', f.id, f.version, f.collection_id, $2 FROM failed f, before b
            WHERE b.status <> 'failed' ON CONFLICT DO NOTHING)
        INSERT INTO events (document_id, version, stage, detail) SELECT id, version, 'failed', $2 FROM failed";
    tx.execute(sql, &[&id, &code, &detail, &extractor_version]).await?;
    Ok(())
}

fn settled(row: &Row) -> Settled {
    let key = LeaseKey { document: row.get(0), version: row.get(1), token: row.get(2) };
    let ready: bool = row.get(3);
    Settled { key, time_to_ready: ready.then(|| Duration::from_secs_f64(row.get::<_, f64>(4).max(0.0))) }
}

/// Of document, version, token, kind, attempts, trace, media type, file name, size and depth.
pub(super) fn job(row: &Row, max_attempts: i32) -> api::Job {
    let kind = match row.get(3) {
        "extract" => api::WorkKind::Extract,
        "index" => api::WorkKind::Index,
        _ => api::WorkKind::Remove,
    };
    api::Job {
        lease: Some(api::Lease {
            document_id: row.get::<_, Uuid>(0).to_string(),
            version: row.get(1),
            token: row.get::<_, Uuid>(2).to_string(),
        }),
        kind: kind.into(),
        attempt: row.get(4),
        max_attempts,
        media_type: row.get::<_, Option<String>>(6).unwrap_or_default(),
        file_name: row.get::<_, Option<String>>(7).unwrap_or_default(),
        size: row.get::<_, Option<i64>>(8).unwrap_or_default(),
        traceparent: row.get(5),
        attachments: row.get::<_, i32>(9) < ATTACHMENT_DEPTH,
    }
}
