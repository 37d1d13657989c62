//! A message and what is attached to it share a fate: they go to the trash, come back, are purged and
//! are moved together. What somebody has treated in another way meanwhile is left as it is.
//!
//! What is attached is younger than its message, and ids rise, so to lock the message first and then
//! the others by their ids is the order that everybody keeps.

use chassis::Caller;
use jiff::Timestamp;
use pg::Transaction;
use uuid::Uuid;

use super::{
    audit,
    documents::{lock, purge, restart},
    outbox::{DELETED, tell},
    work::put_work,
};
use crate::error::Error;

/// Which of what is attached, and of what is attached to that, is meant.
pub(super) enum Beside {
    /// What is not in the trash.
    Kept,
    /// What came into the trash at this moment.
    TrashedAt(Timestamp),
    /// What is in this collection, in the trash or not.
    Collection(Uuid),
}

/// Those that are attached to a document, locked, by their ids. The document's own row is locked.
pub(super) async fn attached(tx: &Transaction<'_>, id: Uuid, which: &Beside) -> Result<Vec<(Uuid, i32)>, Error> {
    let (trashed, collection) = match which {
        Beside::Kept => (None, None),
        Beside::TrashedAt(at) => (Some(*at), None),
        Beside::Collection(collection) => (None, Some(*collection)),
    };
    // A part that is not meant ends its branch.
    const SQL: &str = "
        WITH RECURSIVE meant AS (
            SELECT id FROM documents WHERE id = $1
            UNION ALL
            SELECT d.id FROM meant m JOIN documents d ON d.parent_id = m.id
            WHERE CASE WHEN $3::uuid IS NULL THEN d.deleted_at IS NOT DISTINCT FROM $2 ELSE d.collection_id = $3 END)
        SELECT id, version FROM documents WHERE id IN (SELECT id FROM meant) AND id <> $1
        ORDER BY id FOR NO KEY UPDATE";
    let rows = tx.query(SQL, &[&id, &trashed, &collection]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// To the trash, at this transaction's moment, with what is attached to it.
pub(super) async fn trash(tx: &Transaction<'_>, caller: &Caller, id: Uuid, version: i32) -> Result<(), Error> {
    let mut all = attached(tx, id, &Beside::Kept).await?;
    all.insert(0, (id, version));
    let ids: Vec<Uuid> = all.iter().map(|(id, _)| *id).collect();
    let sql = "UPDATE documents SET deleted_at = now(), updated_at = now(), revision = revision + 1 WHERE id = ANY($1)";
    tx.execute(sql, &[&ids]).await?;
    tell(tx, DELETED, &ids).await?;
    for (id, version) in all {
        put_work(tx, id, version, "remove").await?;
        audit(tx, caller, "trash", "document", id).await?;
    }
    Ok(())
}

/// Out of the trash, what came into it with a document that has just been taken out.
pub(super) async fn restore(tx: &Transaction<'_>, caller: &Caller, id: Uuid, trashed: Timestamp) -> Result<(), Error> {
    for (id, _) in attached(tx, id, &Beside::TrashedAt(trashed)).await? {
        let locked = lock(tx, &Caller::Service, id, None).await?;
        restart(tx, id, &locked).await?;
        audit(tx, caller, "restore", "document", id).await?;
    }
    Ok(())
}

/// For good, what came into the trash with a document, before that goes itself.
pub(super) async fn purge_with(
    tx: &Transaction<'_>,
    caller: &Caller,
    id: Uuid,
    trashed: Timestamp,
    grace_seconds: u64,
) -> Result<(), Error> {
    // The innermost first: what it is attached to is still named by it.
    for (id, version) in attached(tx, id, &Beside::TrashedAt(trashed)).await?.into_iter().rev() {
        purge(tx, id, version, grace_seconds).await?;
        audit(tx, caller, "purge", "document", id).await?;
    }
    Ok(())
}

/// Into another collection, what is attached to a document and lies where that lay.
pub(super) async fn follow(tx: &Transaction<'_>, caller: &Caller, id: Uuid, from: Uuid, to: Uuid) -> Result<(), Error> {
    for (id, version) in attached(tx, id, &Beside::Collection(from)).await? {
        let locked = lock(tx, &Caller::Service, id, None).await?;
        let refresh = locked.is_found();
        let (kind, status) = locked.refreshed();
        let status = if refresh { status } else { locked.status.as_str() };
        tx.execute(
            "UPDATE documents SET collection_id = $2, status = $3, updated_at = now(), revision = revision + 1,
                failure_code = CASE WHEN $3 = 'failed' THEN failure_code END,
                failure_detail = CASE WHEN $3 = 'failed' THEN failure_detail END
             WHERE id = $1",
            &[&id, &to, &status],
        )
        .await?;
        if refresh {
            put_work(tx, id, version, kind).await?;
        }
        audit(tx, caller, "update", "document", id).await?;
    }
    Ok(())
}
