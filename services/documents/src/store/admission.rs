//! The one transaction that makes uploaded bytes a document.

use chassis::Caller;
use pg::{Idempotency, Row, Transaction, idempotency::Claim};
use prost::Message;
use proto::documents as api;
use serde_json::Value;
use uuid::Uuid;

use super::{DOCUMENT, Store, Viewer, audit, decoding, document, documents::lock, events::event, work::put_work};
use crate::{
    domain::{Metadata, merge, title_of},
    error::Error,
};

/// Where the bytes belong.
#[derive(Debug)]
pub(crate) enum Target {
    /// A new document in this collection.
    Collection(Uuid),
    /// A new version of this document.
    Document(Uuid),
}

/// Bytes that are in the object store, and what their document is to be.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) target: Target,
    pub(crate) object_key: String,
    pub(crate) file_name: String,
    pub(crate) media_type: &'static str,
    pub(crate) size: i64,
    pub(crate) sha256: String,
    /// "": from the file name, or as it was.
    pub(crate) title: String,
    /// Empty: none, or as they were.
    pub(crate) tags: Vec<String>,
    /// Merged into what was there.
    pub(crate) metadata: Metadata,
    pub(crate) idempotency: Option<Idempotency>,
}

impl Store {
    /// Makes a document or a version of the bytes. When the answer says `duplicate` or `replayed`,
    /// no row names the new object.
    pub(crate) async fn admit(&self, caller: &Caller, new: &Admission) -> Result<api::UploadResponse, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("upload_document").await?;
        if let Some(key) = &new.idempotency
            && let Claim::Replay(bytes) = key.claim(&tx, caller, "upload").await?
        {
            let kept = api::UploadResponse::decode(&bytes[..]).map_err(decoding)?;
            return Ok(api::UploadResponse { replayed: true, ..kept });
        }
        let (found, duplicate) = match new.target {
            Target::Collection(collection) => create(&tx, caller, collection, new).await?,
            Target::Document(id) => add_version(&tx, caller, id, new).await?,
        };
        let answer = api::UploadResponse { document: Some(found), duplicate, replayed: false };
        if let Some(key) = &new.idempotency {
            key.keep(&tx, caller, "upload", &answer.encode_to_vec()).await?;
        }
        tx.commit().await?;
        if !duplicate {
            self.hints.work();
            self.hints.event(answer.document.as_ref().map(|d| super::own_id(&d.id)).unwrap_or_default());
        }
        Ok(answer)
    }

    /// Refuses early what [`Store::admit`] would refuse after all the bytes have come.
    pub(crate) async fn writable(&self, caller: &Caller, target: &Target) -> Result<(), Error> {
        let viewer = Viewer::from(caller);
        let connection = self.pool.get().await?;
        let (sql, id, what) = match target {
            Target::Collection(id) => ("SELECT 1 WHERE $3 IN (SELECT visible_collections($1, $2))", id, "collection"),
            Target::Document(id) => (
                "SELECT 1 FROM documents d WHERE d.id = $3 AND d.deleted_at IS NULL
                   AND d.collection_id IN (SELECT visible_collections($1, $2))",
                id,
                "document",
            ),
        };
        let found = connection.query_opt(sql, &[&viewer.user, &viewer.role, id]).await?;
        found.map(drop).ok_or(Error::NotFound(what))
    }
}

async fn create(
    tx: &Transaction<'_>,
    caller: &Caller,
    collection: Uuid,
    new: &Admission,
) -> Result<(api::Document, bool), Error> {
    let viewer = Viewer::from(caller);
    // The share lock keeps the collection from being deleted meanwhile.
    let sql = "SELECT 1 FROM collections WHERE id = $3 AND id IN (SELECT visible_collections($1, $2)) FOR KEY SHARE";
    let writable = tx.query_opt(sql, &[&viewer.user, &viewer.role, &collection]).await?;
    writable.ok_or(Error::NotFound("collection"))?;
    // One at a time for the same bytes in the same collection, or both would be new.
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2::text, 1))";
    tx.execute(lock, &[&collection, &new.sha256]).await?;
    // What is attached to a message goes to the trash with it, so it does not stand for what is uploaded.
    let same = format!(
        "SELECT {DOCUMENT} FROM documents d
         WHERE d.collection_id = $1 AND d.sha256 = $2 AND d.deleted_at IS NULL AND d.parent_id IS NULL
         ORDER BY d.created_at LIMIT 1"
    );
    if let Some(row) = tx.query_opt(&same, &[&collection, &new.sha256]).await? {
        return Ok((document(&row), true));
    }
    let title = if new.title.is_empty() { title_of(&new.file_name) } else { new.title.clone() };
    let row = insert(tx, collection, None, &title, new, viewer.user).await?;
    let id = row.get(0);
    record(tx, viewer.user, id, 1, new).await?;
    audit(tx, caller, "create", "document", id).await?;
    Ok((document(&row), false))
}

/// The row of a new document.
pub(super) async fn insert(
    tx: &Transaction<'_>,
    collection: Uuid,
    parent: Option<Uuid>,
    title: &str,
    new: &Admission,
    made_by: Option<Uuid>,
) -> Result<Row, Error> {
    let sql = format!(
        "INSERT INTO documents AS d
            (id, collection_id, title, file_name, media_type, size, sha256, tags, metadata, created_by, parent_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING {DOCUMENT}"
    );
    let metadata = Value::Object(new.metadata.clone());
    let row = tx
        .query_one(
            &sql,
            &[
                &Uuid::now_v7(),
                &collection,
                &title,
                &new.file_name,
                &new.media_type,
                &new.size,
                &new.sha256,
                &new.tags,
                &metadata,
                &made_by,
                &parent,
            ],
        )
        .await?;
    Ok(row)
}

async fn add_version(
    tx: &Transaction<'_>,
    caller: &Caller,
    id: Uuid,
    new: &Admission,
) -> Result<(api::Document, bool), Error> {
    let locked = lock(tx, caller, id, None).await?;
    locked.not_in_trash()?;
    if locked.sha256 == new.sha256 {
        let sql = format!("SELECT {DOCUMENT} FROM documents d WHERE d.id = $1");
        return Ok((document(&tx.query_one(&sql, &[&id]).await?), true));
    }
    let version = locked.version + 1;
    let mut metadata = locked.metadata;
    merge(&mut metadata, new.metadata.clone());
    let sql = format!(
        "UPDATE documents d SET version = $2, file_name = $3, media_type = $4, size = $5, sha256 = $6,
            title = CASE WHEN $7 = '' THEN title ELSE $7 END,
            tags = CASE WHEN cardinality($8::text[]) = 0 THEN tags ELSE $8 END, metadata = $9,
            status = 'pending', failure_code = NULL, failure_detail = NULL, page_count = 0, language = '',
            revision = revision + 1, updated_at = now()
         WHERE d.id = $1 RETURNING {DOCUMENT}"
    );
    let metadata = Value::Object(metadata);
    let row = tx
        .query_one(
            &sql,
            &[&id, &version, &new.file_name, &new.media_type, &new.size, &new.sha256, &new.title, &new.tags, &metadata],
        )
        .await?;
    record(tx, caller.user_id(), id, version, new).await?;
    audit(tx, caller, "add_version", "document", id).await?;
    Ok((document(&row), false))
}

/// The bytes, as a version of a document, and the work on it.
pub(super) async fn record(
    tx: &Transaction<'_>,
    made_by: Option<Uuid>,
    id: Uuid,
    version: i32,
    new: &Admission,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO versions (document_id, number, object_key, file_name, media_type, size, sha256, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[&id, &version, &new.object_key, &new.file_name, &new.media_type, &new.size, &new.sha256, &made_by],
    )
    .await?;
    put_work(tx, id, version, "extract").await?;
    event(tx, id, version, "received", "").await
}
