//! What others are told of, kept in the transaction in which it happens.

use jiff::Timestamp;
use pg::Transaction;
use proto::documents as api;
use uuid::Uuid;

use super::{Store, id_text, micros};
use crate::error::Error;

/// It can be read and found: read for the first time or again, or out of the trash.
pub(super) const READY: &str = "document.ready";
/// It came into the trash.
pub(super) const DELETED: &str = "document.deleted";

/// What names a notice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoticeKey<'a> {
    pub(crate) at: Timestamp,
    pub(crate) document: Uuid,
    pub(crate) kind: &'a str,
}

/// The documents' rows are locked.
pub(super) async fn tell(tx: &Transaction<'_>, kind: &str, documents: &[Uuid]) -> Result<(), Error> {
    let sql = "INSERT INTO outbox (kind, document_id, version, collection_id)
               SELECT $1, id, version, collection_id FROM documents WHERE id = ANY($2) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&kind, &documents]).await?;
    Ok(())
}

impl Store {
    /// The oldest first.
    pub(crate) async fn list_notices(&self, limit: i64) -> Result<Vec<api::Notice>, Error> {
        let sql = "SELECT kind, document_id, collection_id, version, coalesce(failure_code, ''), at FROM outbox
                   ORDER BY at, document_id, kind LIMIT $1";
        let rows = self.pool.get().await?.query(sql, &[&limit]).await?;
        let notice = |row: &pg::Row| api::Notice {
            kind: row.get(0),
            document_id: id_text(row.get(1)),
            collection_id: id_text(row.get(2)),
            version: row.get(3),
            failure_code: row.get(4),
            at: micros(row, 5),
        };
        Ok(rows.iter().map(notice).collect())
    }

    pub(crate) async fn forget_notices(&self, notices: &[NoticeKey<'_>]) -> Result<(), Error> {
        let sql =
            "DELETE FROM outbox USING unnest($1::timestamptz[], $2::uuid[], $3::text[]) AS known (at, document, kind)
                   WHERE outbox.at = known.at AND outbox.document_id = known.document AND outbox.kind = known.kind";
        let times: Vec<Timestamp> = notices.iter().map(|notice| notice.at).collect();
        let documents: Vec<Uuid> = notices.iter().map(|notice| notice.document).collect();
        let kinds: Vec<&str> = notices.iter().map(|notice| notice.kind).collect();
        self.pool.get().await?.execute(sql, &[&times, &documents, &kinds]).await?;
        Ok(())
    }
}
