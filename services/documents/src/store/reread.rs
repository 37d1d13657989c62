//! Reading again what has been read: with a password, or because the reader has become better. What is
//! there stays until something better has come.

use chassis::Caller;
use pg::Transaction;
use proto::documents as api;
use uuid::Uuid;

use super::{
    Store, audit,
    documents::lock,
    events::event,
    traceparent,
    work::{LeaseKey, job},
};
use crate::error::Error;

/// Documents that are read again at the same time.
const AT_ONCE: i64 = 2;

impl Store {
    /// Takes the work on a document that waits for a password. Whoever takes it must have the password.
    pub(crate) async fn lease_locked(&self, caller: &Caller, id: Uuid) -> Result<api::Job, Error> {
        const SQL: &str = "
            WITH leased AS (
                INSERT INTO work (document_id, version, kind, token, leased_until, run_after, attempts, traceparent)
                SELECT d.id, d.version, 'extract', gen_random_uuid(), now() + make_interval(secs => $2),
                       now() + make_interval(secs => $2), 1, $3
                FROM documents d LEFT JOIN insights i ON i.document_id = d.id AND i.version = d.version
                WHERE d.id = $1 AND 'encrypted' IN (d.failure_code, i.kept, i.partial)
                ON CONFLICT (document_id) DO NOTHING RETURNING *)
            SELECT l.document_id, l.version, l.token, l.kind, l.attempts, l.traceparent, v.media_type, v.file_name,
                   v.size, coalesce((SELECT a.depth FROM attachments a WHERE a.document_id = l.document_id), 0)
            FROM leased l JOIN versions v ON v.document_id = l.document_id AND v.number = l.version";
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("lease_locked").await?;
        let locked = lock(&tx, caller, id, None).await?;
        locked.not_in_trash()?;
        let seconds = self.limits.lease().as_secs_f64();
        let row = tx.query_opt(SQL, &[&id, &seconds, &traceparent()]).await?;
        let row = row.ok_or(Error::Conflict("the document does not wait for a password", "not-locked"))?;
        tx.execute(
            "UPDATE documents SET status = CASE WHEN status = 'ready' THEN 'ready' ELSE 'processing' END,
                failure_code = NULL, failure_detail = NULL, revision = revision + 1, updated_at = now()
             WHERE id = $1",
            &[&id],
        )
        .await?;
        event(&tx, id, locked.version, "started", "").await?;
        audit(&tx, caller, "unlock", "document", id).await?;
        tx.commit().await?;
        self.hints.event(id);
        Ok(job(&row, self.limits.max_attempts))
    }

    /// While there is no work at all: lets a few documents be read again that an older reader read, or could
    /// not read. Answers whether there are any. They stay `ready` and are found, or `failed`, meanwhile.
    pub(crate) async fn requeue_outdated(&self, extractor_version: i32) -> Result<bool, Error> {
        const SQL: &str = "
            WITH readable AS (
                SELECT d.id, d.version
                FROM insights i JOIN documents d ON d.id = i.document_id AND d.version = i.version
                WHERE greatest(i.extractor_version, i.tried_version) < $1 AND d.status = 'ready'
                  AND d.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM work)
                LIMIT $2 FOR NO KEY UPDATE OF d SKIP LOCKED),
            failed AS (
                SELECT d.id, d.version FROM documents d
                WHERE d.failed_reader < $1 AND d.status = 'failed' AND d.deleted_at IS NULL
                  AND NOT EXISTS (SELECT 1 FROM work)
                LIMIT $2 FOR NO KEY UPDATE OF d SKIP LOCKED)
            INSERT INTO work (document_id, version, kind)
            SELECT id, version, 'extract' FROM (SELECT * FROM readable UNION ALL SELECT * FROM failed) AS outdated
            LIMIT $2
            ON CONFLICT DO NOTHING";
        let connection = self.pool.get().await?;
        let count = connection.execute(SQL, &[&extractor_version, &AT_ONCE]).await?;
        metrics::counter!("documents_rereads_total").increment(count);
        Ok(count > 0)
    }
}

/// The last reading was not better than what is there: notes why, and that this reader need not try
/// again. Answers false when there is nothing to be kept. What is left to be done is to feed the engine.
/// The document's row is locked.
pub(super) async fn keep(
    tx: &Transaction<'_>,
    id: Uuid,
    version: i32,
    why: &str,
    extractor_version: i32,
) -> Result<bool, Error> {
    let sql = "UPDATE insights i SET kept = $3, tried_version = greatest(tried_version, $4)
        FROM documents d WHERE i.document_id = $1 AND i.version = $2 AND d.id = $1 AND d.extracted_version = $2";
    if tx.execute(sql, &[&id, &version, &why, &extractor_version]).await? == 0 {
        return Ok(false);
    }
    tx.execute(
        "UPDATE documents SET status = CASE WHEN status = 'ready' THEN 'ready' ELSE 'processing' END,
            failure_code = NULL, failure_detail = NULL, revision = revision + 1, updated_at = now()
         WHERE id = $1",
        &[&id],
    )
    .await?;
    event(tx, id, version, "kept", why).await?;
    Ok(true)
}

/// Why what was read now is worse than what is there; nothing when it is not. The document's row is
/// locked.
pub(super) async fn worse(
    tx: &Transaction<'_>,
    lease: &LeaseKey,
    pages: &[api::Page],
    partial: &str,
) -> Result<Option<String>, Error> {
    let sql =
        "SELECT i.partial, EXISTS (SELECT 1 FROM pages p WHERE p.document_id = $1 AND p.version = $2 AND p.text <> '')
        FROM insights i JOIN documents d ON d.id = i.document_id AND d.extracted_version = i.version
        WHERE i.document_id = $1 AND i.version = $2";
    let Some(row) = tx.query_opt(sql, &[&lease.document, &lease.version]).await? else { return Ok(None) };
    let (was_partial, had_text): (&str, bool) = (row.get(0), row.get(1));
    let has_text = pages.iter().any(|page| !page.text.is_empty());
    Ok(match (was_partial, partial) {
        ("", code) if !code.is_empty() => Some(code.to_owned()),
        _ if had_text && !has_text => Some("no_text".to_owned()),
        _ => None,
    })
}
