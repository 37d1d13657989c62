//! What is attached to a message, as documents of their own.
//!
//! An attachment is known by its message, its bytes and its name, and the message's row is locked while
//! it is looked for. So reading a message again, or by a second worker after the first was killed, makes
//! nothing twice. The lease is asked for in the same transaction: a late worker adds nothing.

use chassis::Caller;
use pg::{Row, Transaction};
use uuid::Uuid;

use super::{
    Admission, Store,
    admission::{insert, record},
    audit,
    documents::{lock, restart},
    family,
    work::{HELD, LeaseKey},
};
use crate::{
    domain::{ATTACHED_TO_ONE, ATTACHED_WITHIN_ONE, ATTACHMENT_DEPTH},
    error::Error,
};

const TOO_MANY: Error = Error::Unprocessable("more is attached than is taken apart", "too-many-attachments");

/// Something that is attached to the document of a lease.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) lease: LeaseKey,
    pub(crate) file_name: String,
    /// Of the bytes.
    pub(crate) sha256: String,
}

impl Store {
    /// Whether this attachment is known; then the current version of its message has it.
    ///
    /// # Errors
    /// [`Error::Unprocessable`] when no more can become documents.
    pub(crate) async fn is_attached(&self, attached: &Attached) -> Result<bool, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("find_attachment").await?;
        message(&tx, &attached.lease).await?;
        let known = again(&tx, attached).await?;
        if !known {
            place(&tx, attached.lease.document).await?;
        }
        tx.commit().await?;
        if known {
            self.hints.work();
        }
        Ok(known)
    }

    /// Makes a document of bytes that are in the object store. Answers whether another made it first:
    /// then no row names the new object.
    pub(crate) async fn attach(&self, attached: &Attached, new: &Admission) -> Result<bool, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("attach_document").await?;
        let message = message(&tx, &attached.lease).await?;
        let (parent, made_by): (Uuid, Option<Uuid>) = (attached.lease.document, message.get(1));
        if again(&tx, attached).await? {
            tx.commit().await?;
            return Ok(true);
        }
        let (root, depth) = place(&tx, parent).await?;
        let row = insert(&tx, message.get(0), Some(parent), &attached.file_name, new, made_by).await?;
        let id: Uuid = row.get(0);
        record(&tx, made_by, id, 1, new).await?;
        tx.execute(
            "INSERT INTO attachments (parent_id, sha256, file_name, document_id, root_id, depth, version)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[&parent, &attached.sha256, &attached.file_name, &id, &root, &depth, &attached.lease.version],
        )
        .await?;
        audit(&tx, &Caller::Service, "attach", "document", id).await?;
        tx.commit().await?;
        self.hints.work();
        Ok(false)
    }
}

/// Collection and maker of the message, whose row is locked from here on. The lease holds.
async fn message(tx: &Transaction<'_>, lease: &LeaseKey) -> Result<Row, Error> {
    let lost = || Error::NotFound("lease");
    let sql = "SELECT collection_id, created_by FROM documents
        WHERE id = $1 AND version = $2 AND deleted_at IS NULL FOR NO KEY UPDATE";
    let row = tx.query_opt(sql, &[&lease.document, &lease.version]).await?.ok_or_else(lost)?;
    let sql = format!("SELECT 1 FROM work w WHERE {HELD} AND w.kind = 'extract' FOR UPDATE");
    tx.query_opt(&sql, &[&lease.document, &lease.version, &lease.token]).await?.ok_or_else(lost)?;
    Ok(row)
}

/// Notes that this version of the message has it as well; answers whether it is known. What had gone
/// with an earlier version comes back, unless somebody has purged it.
async fn again(tx: &Transaction<'_>, attached: &Attached) -> Result<bool, Error> {
    let sql = "SELECT document_id, gone FROM attachments WHERE parent_id = $1 AND sha256 = $2 AND file_name = $3";
    let Some(row) = tx.query_opt(sql, &[&attached.lease.document, &attached.sha256, &attached.file_name]).await? else {
        return Ok(false);
    };
    let (id, gone): (Uuid, bool) = (row.get(0), row.get(1));
    let sql = "UPDATE attachments SET version = $2, gone = false WHERE document_id = $1";
    tx.execute(sql, &[&id, &attached.lease.version]).await?;
    if gone {
        match lock(tx, &Caller::Service, id, None).await {
            Ok(locked) => {
                if let Some(at) = locked.trashed {
                    restart(tx, id, &locked).await?;
                    audit(tx, &Caller::Service, "restore", "document", id).await?;
                    family::restore(tx, &Caller::Service, id, at).await?;
                }
            }
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// The outermost message and how deep in it something new would be, when there is room for it.
async fn place(tx: &Transaction<'_>, parent: Uuid) -> Result<(Uuid, i32), Error> {
    let row = tx.query_opt("SELECT root_id, depth FROM attachments WHERE document_id = $1", &[&parent]).await?;
    let (root, depth): (Uuid, i32) = row.map_or((parent, 0), |row| (row.get(0), row.get(1)));
    let sql = "SELECT (SELECT count(*) FROM attachments WHERE parent_id = $1 AND NOT gone),
                      (SELECT count(*) FROM attachments WHERE root_id = $2)";
    let row = tx.query_one(sql, &[&parent, &root]).await?;
    let (beside, within): (i64, i64) = (row.get(0), row.get(1));
    match depth < ATTACHMENT_DEPTH && beside < ATTACHED_TO_ONE && within < ATTACHED_WITHIN_ONE {
        true => Ok((root, depth + 1)),
        false => Err(TOO_MANY),
    }
}

/// To the trash, what came with earlier versions of the message and not with this one. The message's
/// row is locked.
pub(super) async fn drop_gone(tx: &Transaction<'_>, parent: Uuid, version: i32) -> Result<(), Error> {
    let sql =
        "UPDATE attachments SET gone = true WHERE parent_id = $1 AND version < $2 AND NOT gone RETURNING document_id";
    let gone: Vec<Uuid> = tx.query(sql, &[&parent, &version]).await?.iter().map(|row| row.get(0)).collect();
    let sql =
        "SELECT id, version FROM documents WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE";
    for row in tx.query(sql, &[&gone]).await? {
        family::trash(tx, &Caller::Service, row.get(0), row.get(1)).await?;
    }
    Ok(())
}
