//! Everything out, and what is missing in.

use std::collections::HashMap;

use pg::{Row, Transaction, types::Json};
use proto::documents as api;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Store, events::event, work::put_work};
use crate::{
    bundle::{Attachment, Collection, Document, PART_BYTES, PART_FILE_BYTES, PART_RECORDS, Version},
    domain::FIRST_COLLECTION,
    error::Error,
};

/// Reasons that are told of one batch.
const REASONS: usize = 20;

/// Bytes that are in the object store and belong to a version.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) object_key: String,
    pub(crate) media_type: &'static str,
}

/// The bytes of one version: what they are and where.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) object_key: String,
    pub(crate) sha256: String,
    pub(crate) size: i64,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Unchanged,
    Kept,
    Refused(String),
}

/// Adds to what is told of a batch.
pub(crate) fn count(done: &mut api::ImportResponse, id: Uuid, outcome: Outcome) {
    match outcome {
        Outcome::Created => done.created += 1,
        Outcome::Unchanged => done.unchanged += 1,
        Outcome::Kept => done.kept += 1,
        Outcome::Refused(why) => {
            done.refused += 1;
            if done.reasons.len() < REASONS {
                done.reasons.push(format!("{id}: {why}"));
            }
        }
    }
}

impl Store {
    /// Collections after this one, as lines, and where to go on.
    pub(crate) async fn export_collections(&self, after: Option<Uuid>) -> Result<(api::Records, Option<Uuid>), Error> {
        let sql = "SELECT c.id, c.name, c.description, c.visibility, c.created_at,
                ARRAY(SELECT m.user_id FROM collection_members m WHERE m.collection_id = c.id ORDER BY m.user_id)
             FROM collections c WHERE $1::uuid IS NULL OR c.id > $1 ORDER BY c.id LIMIT $2";
        let rows = self.pool.get().await?.query(sql, &[&after, &PART_RECORDS]).await?;
        let mut lines = Vec::new();
        for row in &rows {
            bundle_format::write(&mut lines, &collection(row)).map_err(pg::Error::Other)?;
        }
        let next = rows.last().filter(|_| rows.len() as i64 == PART_RECORDS).map(|row| row.get(0));
        let count = rows.len() as i64;
        Ok((api::Records { kind: "collections".to_owned(), lines: lines.into(), count }, next))
    }

    /// Documents after this one, as lines, the bytes that they name, and where to go on.
    pub(crate) async fn export_documents(
        &self,
        after: Option<Uuid>,
    ) -> Result<(api::Records, Vec<Named>, Option<Uuid>), Error> {
        let connection = self.pool.get().await?;
        let sql = "SELECT id, collection_id, title, tags, metadata, created_at, created_by, deleted_at, parent_id
                   FROM documents WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2";
        let documents = connection.query(sql, &[&after, &PART_RECORDS]).await?;
        let ids: Vec<Uuid> = documents.iter().map(|row| row.get(0)).collect();
        let sql = "SELECT document_id, number, file_name, media_type, size, sha256, created_at, created_by, object_key
                   FROM versions WHERE document_id = ANY($1) ORDER BY document_id, number";
        let mut versions: HashMap<Uuid, Vec<(Version, Named)>> = HashMap::new();
        for row in connection.query(sql, &[&ids]).await? {
            versions.entry(row.get(0)).or_default().push(version(&row));
        }
        let sql = "SELECT parent_id, document_id, file_name, sha256, version, gone
                   FROM attachments WHERE parent_id = ANY($1) ORDER BY document_id";
        let mut attachments: HashMap<Uuid, Vec<Attachment>> = HashMap::new();
        for row in connection.query(sql, &[&ids]).await? {
            attachments.entry(row.get(0)).or_default().push(attachment(&row));
        }
        let (mut lines, mut files, mut bytes, mut written) = (Vec::new(), Vec::new(), 0, 0);
        let mut next = ids.last().copied().filter(|_| ids.len() as i64 == PART_RECORDS);
        for row in &documents {
            let id: Uuid = row.get(0);
            // Purged between the two questions: it is no longer there.
            let Some(of_it) = versions.remove(&id) else { continue };
            let (versions, named): (Vec<Version>, Vec<Named>) = of_it.into_iter().unzip();
            let attachments = attachments.remove(&id).unwrap_or_default();
            let record = Document { attachments, ..document(row, versions) };
            bundle_format::write(&mut lines, &record).map_err(pg::Error::Other)?;
            written += 1;
            bytes += named.iter().map(|file| file.size).sum::<i64>();
            files.extend(named);
            if lines.len() >= PART_BYTES || bytes >= PART_FILE_BYTES {
                next = Some(id);
                break;
            }
        }
        Ok((api::Records { kind: "documents".to_owned(), lines: lines.into(), count: written }, files, next))
    }

    /// Adds the collections that are missing, in one transaction. The first one is there from the start, and takes
    /// what the bundle says as long as nobody has changed it.
    pub(crate) async fn import_collections(
        &self,
        records: &[Collection],
        dry_run: bool,
    ) -> Result<api::ImportResponse, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("import_collections").await?;
        let mut done = api::ImportResponse::default();
        for record in records {
            let outcome = match record.check() {
                Ok(()) => add_collection(&tx, record).await?,
                Err(fault) => Outcome::Refused(fault.detail),
            };
            count(&mut done, record.id, outcome);
        }
        // A rehearsal is the real thing, rolled back.
        if !dry_run {
            tx.commit().await?;
        }
        Ok(done)
    }

    /// What would become of each of these documents, in their order.
    pub(crate) async fn judge(&self, records: &[Document]) -> Result<Vec<Outcome>, Error> {
        let connection = self.pool.get().await?;
        let ids: Vec<Uuid> = records.iter().map(|record| record.id).collect();
        let sql = "SELECT id, collection_id, title, tags, metadata, created_at, created_by, deleted_at, parent_id
                   FROM documents WHERE id = ANY($1)";
        let rows = connection.query(sql, &[&ids]).await?;
        let sql = "SELECT document_id, number, file_name, media_type, size, sha256, created_at, created_by, object_key
                   FROM versions WHERE document_id = ANY($1) ORDER BY document_id, number";
        let mut versions: HashMap<Uuid, Vec<Version>> = HashMap::new();
        for row in connection.query(sql, &[&ids]).await? {
            versions.entry(row.get(0)).or_default().push(version(&row).0);
        }
        let of = |row: &Row| {
            let id: Uuid = row.get(0);
            (id, document(row, versions.remove(&id).unwrap_or_default()))
        };
        let known: HashMap<Uuid, Document> = rows.iter().map(of).collect();
        let judged = records.iter().map(|record| match (record.check(), known.get(&record.id)) {
            (Err(fault), _) => Outcome::Refused(fault.detail),
            (_, None) => Outcome::Created,
            (_, Some(here)) if record.is(here) => Outcome::Unchanged,
            (_, Some(_)) => Outcome::Kept,
        });
        Ok(judged.collect())
    }

    /// Adds these documents, whose bytes are in the object store, in one transaction. Answers what became of each.
    pub(crate) async fn import_documents(&self, records: &[(&Document, Vec<Stored>)]) -> Result<Vec<Outcome>, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("import_documents").await?;
        let mut outcomes = Vec::with_capacity(records.len());
        for (record, stored) in records {
            outcomes.push(add_document(&tx, record, stored).await?);
        }
        tx.commit().await?;
        self.hints.work();
        Ok(outcomes)
    }
}

async fn add_collection(tx: &Transaction<'_>, record: &Collection) -> Result<Outcome, Error> {
    let Collection { id, name, description, visibility, created_at, members } = record;
    if *id == FIRST_COLLECTION {
        let sql = "UPDATE collections SET name = $2, description = $3, visibility = $4, created_at = $5,
                revision = revision + 1, updated_at = now()
             WHERE id = $1 AND revision = 1 AND (name, description, visibility, created_at) <> ($2, $3, $4, $5)";
        if tx.execute(sql, &[id, name, description, visibility, created_at]).await? > 0 {
            return add_members(tx, id, members).await.map(|()| Outcome::Created);
        }
    }
    let sql = "INSERT INTO collections (id, name, description, visibility, created_at) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING";
    if tx.execute(sql, &[id, name, description, visibility, created_at]).await? > 0 {
        return add_members(tx, id, members).await.map(|()| Outcome::Created);
    }
    let sql = "SELECT (name, description, visibility, created_at) = ($2, $3, $4, $5)
            AND ARRAY(SELECT user_id FROM collection_members WHERE collection_id = $1 ORDER BY user_id)
              = ARRAY(SELECT m FROM unnest($6::uuid[]) AS m ORDER BY m)
         FROM collections WHERE id = $1";
    let same = tx.query_one(sql, &[id, name, description, visibility, created_at, members]).await?.get(0);
    Ok(if same { Outcome::Unchanged } else { Outcome::Kept })
}

async fn add_members(tx: &Transaction<'_>, collection: &Uuid, members: &[Uuid]) -> Result<(), Error> {
    let sql =
        "INSERT INTO collection_members (collection_id, user_id) SELECT $1, unnest($2::uuid[]) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[collection, &members]).await?;
    Ok(())
}

async fn add_document(tx: &Transaction<'_>, record: &Document, stored: &[Stored]) -> Result<Outcome, Error> {
    let (Some(current), Some(object)) = (record.current(), stored.last()) else {
        return Ok(Outcome::Refused("it has no version".to_owned()));
    };
    let sql = "SELECT 1 FROM collections WHERE id = $1 FOR KEY SHARE";
    if tx.query_opt(sql, &[&record.collection_id]).await?.is_none() {
        return Ok(Outcome::Refused("its collection is not here".to_owned()));
    }
    let sql = "INSERT INTO documents (id, collection_id, title, file_name, media_type, size, sha256, tags, metadata,
                   version, created_at, created_by, deleted_at, parent_id)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, (SELECT id FROM documents WHERE id = $14))
               ON CONFLICT DO NOTHING";
    let added = tx
        .execute(
            sql,
            &[
                &record.id,
                &record.collection_id,
                &record.title,
                &current.file_name,
                &object.media_type,
                &current.size,
                &current.sha256,
                &record.tags,
                &Json(&record.metadata),
                &current.number,
                &record.created_at,
                &record.created_by,
                &record.deleted_at,
                &record.parent_id,
            ],
        )
        .await?;
    if added == 0 {
        // Somebody was faster; their bytes are as good.
        return Ok(Outcome::Kept);
    }
    for (version, stored) in record.versions.iter().zip(stored) {
        let Version { number, file_name, size, sha256, created_at, created_by, .. } = version;
        tx.execute(
            "INSERT INTO versions
                (document_id, number, object_key, file_name, media_type, size, sha256, created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                &record.id,
                number,
                &stored.object_key,
                file_name,
                &stored.media_type,
                size,
                sha256,
                created_at,
                created_by,
            ],
        )
        .await?;
    }
    add_attachments(tx, record).await?;
    event(tx, record.id, current.number, "received", "").await?;
    // What is in the trash is read when it is taken out.
    if record.deleted_at.is_none() {
        put_work(tx, record.id, current.number, "extract").await?;
    }
    Ok(Outcome::Created)
}

/// What came with a message, before it is read again. Messages come before what came with them.
async fn add_attachments(tx: &Transaction<'_>, record: &Document) -> Result<(), Error> {
    let sql = "INSERT INTO attachments (parent_id, document_id, file_name, sha256, version, gone, root_id, depth)
               SELECT $1, a.document_id, a.file_name, a.sha256, a.version, a.gone,
                      coalesce(message.root_id, $1), coalesce(message.depth, 0) + 1
               FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[], $6::boolean[])
                    AS a (document_id, file_name, sha256, version, gone)
               LEFT JOIN attachments message ON message.document_id = $1
               ON CONFLICT DO NOTHING";
    let all = &record.attachments;
    let documents: Vec<Uuid> = all.iter().map(|a| a.document_id).collect();
    let names: Vec<&str> = all.iter().map(|a| a.file_name.as_str()).collect();
    let hashes: Vec<&str> = all.iter().map(|a| a.sha256.as_str()).collect();
    let versions: Vec<i32> = all.iter().map(|a| a.version).collect();
    let gone: Vec<bool> = all.iter().map(|a| a.gone).collect();
    if !all.is_empty() {
        tx.execute(sql, &[&record.id, &documents, &names, &hashes, &versions, &gone]).await?;
    }
    Ok(())
}

fn attachment(row: &Row) -> Attachment {
    Attachment {
        document_id: row.get(1),
        file_name: row.get(2),
        sha256: row.get(3),
        version: row.get(4),
        gone: row.get(5),
    }
}

fn collection(row: &Row) -> Collection {
    Collection {
        id: row.get(0),
        name: row.get(1),
        description: row.get(2),
        visibility: row.get(3),
        created_at: row.get(4),
        members: row.get(5),
    }
}

fn document(row: &Row, versions: Vec<Version>) -> Document {
    Document {
        id: row.get(0),
        collection_id: row.get(1),
        title: row.get(2),
        tags: row.get(3),
        metadata: match row.get(4) {
            Value::Object(metadata) => metadata,
            _ => Map::new(),
        },
        created_at: row.get(5),
        created_by: row.get(6),
        deleted_at: row.get(7),
        versions,
        parent_id: row.get(8),
        attachments: Vec::new(),
    }
}

fn version(row: &Row) -> (Version, Named) {
    let version = Version {
        number: row.get(1),
        file_name: row.get(2),
        media_type: row.get(3),
        size: row.get(4),
        sha256: row.get(5),
        created_at: row.get(6),
        created_by: row.get(7),
    };
    let named = Named { object_key: row.get(8), sha256: version.sha256.clone(), size: version.size };
    (version, named)
}
