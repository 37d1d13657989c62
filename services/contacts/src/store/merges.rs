use chassis::{Caller, Fault};
use jiff::Timestamp;
use pg::{Idempotency, Row, Transaction, idempotency::Claim, types::Json};
use prost::Message;
use proto::contacts as api;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Record, Store, audit,
    contacts::{CONTACT, contact},
    decoding, micros,
};
use crate::{
    domain::{Details, Taken},
    error::Error,
};

const MERGE: &str = "id, source_id, target_id, taken, submissions, merged_at, undone_at";
/// Both of two contacts, locked in the order that everybody locks them in.
const BOTH: &str = "SELECT id, merged_into, phone, company, tags, metadata FROM contacts
    WHERE id IN ($1, $2) ORDER BY id FOR UPDATE";

/// A contact as merging sees it.
struct Known {
    id: Uuid,
    merged_into: Option<Uuid>,
    details: Details,
}

impl Store {
    /// Everything in one transaction. The source keeps its submissions and links: reading follows
    /// `merged_into`. Only what people said of its documents is said of the target as well.
    pub(crate) async fn merge_contacts(
        &self,
        caller: &Caller,
        (source, target): (Uuid, Uuid),
        dry_run: bool,
        key: Option<Idempotency>,
    ) -> Result<api::Merge, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("merge_contacts").await?;
        let key = key.filter(|_| !dry_run);
        if let Some(kept) = replay(&tx, caller, key.as_ref(), "merge_contacts").await? {
            return Ok(kept);
        }
        let both = both(&tx, source, target).await?;
        let from = both.iter().find(|known| known.id == source).ok_or(Error::NotFound("contact"))?;
        let into = both.iter().find(|known| known.id == target && known.merged_into.is_none());
        let into = into.ok_or_else(|| Fault::unprocessable("into", "there is no such contact"))?;
        let merge = match from.merged_into {
            Some(root) => in_force(&tx, source, target, root).await?,
            None => merge(&tx, caller, from, into).await?,
        };
        if dry_run {
            // A rehearsal is the real thing, rolled back.
            return Ok(api::Merge { id: String::new(), merged_at: 0, ..merge });
        }
        keep(&tx, caller, key.as_ref(), "merge_contacts", &merge).await?;
        tx.commit().await?;
        Ok(merge)
    }

    /// Everything in one transaction.
    pub(crate) async fn undo_merge(
        &self,
        caller: &Caller,
        id: Uuid,
        key: Option<Idempotency>,
    ) -> Result<api::Merge, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("undo_merge").await?;
        if let Some(kept) = replay(&tx, caller, key.as_ref(), "undo_merge").await? {
            return Ok(kept);
        }
        let ends = tx.query_opt("SELECT source_id, target_id FROM merges WHERE id = $1", &[&id]).await?;
        let ends = ends.ok_or(Error::NotFound("merge"))?;
        let (source, target) = (ends.get(0), ends.get(1));
        // The contacts first, as merging does it.
        let both = both(&tx, source, target).await?;
        let row = tx.query_one(&format!("SELECT {MERGE} FROM merges WHERE id = $1 FOR UPDATE"), &[&id]).await?;
        let undone = match row.get::<_, Option<Timestamp>>("undone_at") {
            Some(_) => row,
            None => {
                let find = |id| both.iter().find(|known| known.id == id).ok_or(Error::MergeGone);
                undo(&tx, caller, &row, find(source)?, find(target)?).await?
            }
        };
        let merge = shown(&tx, &undone).await?;
        keep(&tx, caller, key.as_ref(), "undo_merge", &merge).await?;
        tx.commit().await?;
        Ok(merge)
    }
}

async fn replay(
    tx: &Transaction<'_>,
    caller: &Caller,
    key: Option<&Idempotency>,
    operation: &str,
) -> Result<Option<api::Merge>, Error> {
    let Some(key) = key else { return Ok(None) };
    let Claim::Replay(bytes) = key.claim(tx, caller, operation).await? else { return Ok(None) };
    let kept = api::Merge::decode(&bytes[..]).map_err(decoding)?;
    Ok(Some(api::Merge { replayed: true, ..kept }))
}

async fn keep(
    tx: &Transaction<'_>,
    caller: &Caller,
    key: Option<&Idempotency>,
    operation: &str,
    merge: &api::Merge,
) -> Result<(), Error> {
    match key {
        Some(key) => Ok(key.keep(tx, caller, operation, &merge.encode_to_vec()).await?),
        None => Ok(()),
    }
}

async fn both(tx: &Transaction<'_>, one: Uuid, other: Uuid) -> Result<Vec<Known>, Error> {
    Ok(tx.query(BOTH, &[&one, &other]).await?.iter().map(known).collect())
}

fn known(row: &Row) -> Known {
    let metadata = match row.get::<_, Value>("metadata") {
        Value::Object(object) => object,
        _ => serde_json::Map::new(),
    };
    let details = Details { phone: row.get("phone"), company: row.get("company"), tags: row.get("tags"), metadata };
    Known { id: row.get("id"), merged_into: row.get("merged_into"), details }
}

/// The merge that the source is part of its target by.
async fn in_force(tx: &Transaction<'_>, source: Uuid, target: Uuid, root: Uuid) -> Result<api::Merge, Error> {
    let sql = format!("SELECT {MERGE} FROM merges WHERE source_id = $1 AND undone_at IS NULL");
    let row = tx.query_one(&sql, &[&source]).await?;
    if root != target && row.get::<_, Uuid>("target_id") != target {
        return Err(Error::Merged);
    }
    shown(tx, &row).await
}

async fn merge(tx: &Transaction<'_>, caller: &Caller, from: &Known, into: &Known) -> Result<api::Merge, Error> {
    let mut details = into.details.clone();
    let mut taken = details.take(&from.details).map_err(|detail| Fault::unprocessable("into", detail))?;
    if !taken.is_nothing() {
        write(tx, into.id, &details).await?;
    }
    let links = "INSERT INTO links (contact_id, document_id, confirmed, decided_at)
        SELECT $2, document_id, confirmed, decided_at FROM links WHERE contact_id = $1
        ON CONFLICT (contact_id, document_id) DO NOTHING RETURNING document_id";
    taken.documents = tx.query(links, &[&from.id, &into.id]).await?.iter().map(|row| row.get(0)).collect();
    let parts = "UPDATE contacts SET merged_into = $2 WHERE id = $1 OR merged_into = $1 RETURNING id";
    let parts: Vec<Uuid> = tx.query(parts, &[&from.id, &into.id]).await?.iter().map(|row| row.get(0)).collect();
    let sql = format!(
        "INSERT INTO merges (id, source_id, target_id, taken, submissions)
         VALUES ($1, $2, $3, $4, (SELECT count(*) FROM submissions WHERE contact_id = ANY ($5))) RETURNING {MERGE}"
    );
    let taken = serde_json::to_value(&taken).map_err(Fault::internal)?;
    let row = tx.query_one(&sql, &[&Uuid::now_v7(), &from.id, &into.id, &Json(taken), &parts]).await?;
    told(tx, caller, "merge", &row).await?;
    shown(tx, &row).await
}

/// Audited at both ends: each has it in its history, also when they are two again.
async fn told(tx: &Transaction<'_>, caller: &Caller, action: &str, merge: &Row) -> Result<(), Error> {
    let (source, target): (Uuid, Uuid) = (merge.get("source_id"), merge.get("target_id"));
    let id: Uuid = merge.get("id");
    let detail = json!({"merge_id": id, "source_id": source, "target_id": target});
    audit(tx, caller, action, Record::Contact, source, &detail).await?;
    audit(tx, caller, action, Record::Contact, target, &detail).await
}

async fn write(tx: &Transaction<'_>, id: Uuid, details: &Details) -> Result<(), Error> {
    tx.execute(
        "UPDATE contacts SET phone = $2, company = $3, tags = $4, metadata = $5, updated_at = now(),
            revision = revision + 1
         WHERE id = $1",
        &[&id, &details.phone, &details.company, &details.tags, &Json(&details.metadata)],
    )
    .await?;
    Ok(())
}

async fn undo(tx: &Transaction<'_>, caller: &Caller, merge: &Row, from: &Known, into: &Known) -> Result<Row, Error> {
    // Whoever came to the target by way of the source goes back with it.
    const PARTS: &str = "WITH RECURSIVE parts AS (
            SELECT $1::uuid AS id UNION
            SELECT m.source_id FROM merges AS m JOIN parts AS p ON m.target_id = p.id WHERE m.undone_at IS NULL)
        SELECT id FROM parts";
    const OTHERS: &str = "SELECT id, merged_into, phone, company, tags, metadata FROM contacts
        WHERE merged_into = $1 AND NOT id = ANY ($2)";
    // Where nobody said anything else since.
    const LINKS: &str = "DELETE FROM links AS own USING links AS theirs
        WHERE own.contact_id = $2 AND theirs.contact_id = $1 AND own.document_id = theirs.document_id
          AND own.document_id = ANY ($3)
          AND (own.confirmed, own.decided_at) = (theirs.confirmed, theirs.decided_at)";
    if into.merged_into.is_some() || from.merged_into != Some(into.id) {
        return Err(Error::MergeNested);
    }
    let taken = taken(merge)?;
    let parts: Vec<Uuid> = tx.query(PARTS, &[&from.id]).await?.iter().map(|row| row.get(0)).collect();
    let others: Vec<Details> =
        tx.query(OTHERS, &[&into.id, &parts]).await?.iter().map(|row| known(row).details).collect();
    let mut details = into.details.clone();
    details.give_back(&taken, &from.details, &others);
    if details != into.details {
        write(tx, into.id, &details).await?;
    }
    tx.execute(LINKS, &[&from.id, &into.id, &taken.documents]).await?;
    let restore = "UPDATE contacts SET merged_into = CASE WHEN id = $1 THEN NULL ELSE $1 END WHERE id = ANY ($2)";
    tx.execute(restore, &[&from.id, &parts]).await?;
    let sql = format!("UPDATE merges SET undone_at = now() WHERE id = $1 RETURNING {MERGE}");
    let undone = tx.query_one(&sql, &[&merge.get::<_, Uuid>("id")]).await?;
    told(tx, caller, "undo_merge", &undone).await?;
    Ok(undone)
}

fn taken(merge: &Row) -> Result<Taken, Error> {
    Ok(serde_json::from_value(merge.get("taken")).map_err(Fault::internal)?)
}

/// With the contacts as they are now.
async fn shown(tx: &Transaction<'_>, merge: &Row) -> Result<api::Merge, Error> {
    let (source, target): (Uuid, Uuid) = (merge.get("source_id"), merge.get("target_id"));
    let sql = format!("SELECT {CONTACT} FROM contacts WHERE id = $1 AND merged_into IS NULL");
    let into = tx.query_opt(&sql, &[&target]).await?;
    let restored = tx.query_opt(&sql, &[&source]).await?;
    let taken = taken(merge)?;
    let undone: Option<Timestamp> = merge.get("undone_at");
    Ok(api::Merge {
        id: merge.get::<_, Uuid>("id").to_string(),
        source_id: source.to_string(),
        target_id: target.to_string(),
        contact: into.as_ref().map(contact),
        restored: restored.as_ref().map(contact),
        fields: taken.fields,
        tags: taken.tags,
        metadata_keys: taken.metadata,
        submissions: merge.get("submissions"),
        links: taken.documents.len() as i64,
        merged_at: micros(merge, 5),
        undone_at: undone.map_or(0, |at| at.as_microsecond()),
        replayed: false,
    })
}
