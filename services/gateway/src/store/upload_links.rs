use chassis::Caller;
use jiff::Timestamp;
use pg::{Idempotency, PageRequest, Row, Transaction};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{By, Store, audit, once::Once, shares::maker};
use crate::{
    error::Error,
    secret::{self, Hash},
};

const LINK: &str = "l.id, l.contact_id, l.collection_id, l.made_by, l.note, l.max_files, l.files, l.created_at,
    l.expires_at, l.last_used_at";

/// A link by which a contact hands in documents.
#[derive(Clone, Debug)]
pub(crate) struct UploadLink {
    pub(crate) id: Uuid,
    pub(crate) contact_id: Uuid,
    /// `None`: the first.
    pub(crate) collection_id: Option<Uuid>,
    pub(crate) made_by: Uuid,
    /// What is asked for; the contact reads it.
    pub(crate) note: String,
    pub(crate) max_files: i32,
    /// Taken so far.
    pub(crate) files: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// What a new link is to be.
#[derive(Debug)]
pub(crate) struct NewUploadLink {
    pub(crate) contact_id: Uuid,
    /// `None`: the first.
    pub(crate) collection_id: Option<Uuid>,
    pub(crate) note: String,
    pub(crate) max_files: i32,
    pub(crate) expires_at: Timestamp,
}

/// A link that somebody holds and that still takes documents, or has taken all it may.
#[derive(Debug)]
pub(crate) struct OpenUploadLink {
    pub(crate) link: UploadLink,
    /// As whom documents are handed in.
    pub(crate) maker: Caller,
    /// Who asks: their name, or else their address.
    pub(crate) asked_by: String,
}

impl Store {
    /// A new link, what stands in its address, and whether the same idempotency key made it before.
    pub(crate) async fn create_upload_link(
        &self,
        by: By<'_>,
        caller: &Caller,
        maker: Uuid,
        new: &NewUploadLink,
        key: Option<Idempotency>,
    ) -> Result<(UploadLink, [u8; 32], bool), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_upload_link").await?;
        let once = Once::new(key, "create_upload_link");
        if let Some((id, bits)) = once.claim(&tx, caller).await? {
            return Ok((find(&tx, id).await?, bits, true));
        }
        let (id, bits) = (Uuid::now_v7(), secret::random());
        let hash = secret::link_hash(&secret::link_text(&bits));
        let NewUploadLink { contact_id, collection_id, note, max_files, expires_at } = new;
        tx.execute(
            "INSERT INTO upload_links (id, contact_id, collection_id, made_by, hash, note, max_files, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[&id, contact_id, collection_id, &maker, &hash.as_slice(), note, max_files, expires_at],
        )
        .await?;
        once.keep(&tx, caller, id, bits).await?;
        let link = find(&tx, id).await?;
        let detail = json!({"contact": contact_id, "collection": collection_id, "max_files": max_files});
        audit(&tx, by, "upload_link.created", Some(id), detail).await?;
        tx.commit().await?;
        Ok((link, bits, false))
    }

    /// The links of these contacts, the newest first.
    pub(crate) async fn list_upload_links(
        &self,
        contacts: &[Uuid],
        page: &PageRequest,
    ) -> Result<(Vec<UploadLink>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = format!(
            "SELECT {LINK} FROM upload_links l WHERE l.contact_id = ANY($1) AND ($2::uuid IS NULL OR l.id < $2)
             ORDER BY l.id DESC LIMIT $3"
        );
        let rows = self.get().await?.query(&sql, &[&contacts, &after, &page.fetch()]).await?;
        Ok(page.split(rows.iter().map(to_link).collect(), |link| (String::new(), link.id)))
    }

    pub(crate) async fn delete_upload_link(&self, by: By<'_>, id: Uuid) -> Result<Uuid, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("delete_upload_link").await?;
        let row = tx.query_opt("DELETE FROM upload_links WHERE id = $1 RETURNING contact_id", &[&id]).await?;
        let contact = row.ok_or(Error::NotFound("upload link"))?.get(0);
        audit(&tx, by, "upload_link.revoked", Some(id), Value::Null).await?;
        tx.commit().await?;
        Ok(contact)
    }

    /// What this address leads to. `None` for a link that is over, or whose maker could not make it now.
    pub(crate) async fn open_upload_link(&self, hash: &Hash) -> Result<Option<OpenUploadLink>, Error> {
        let sql = format!(
            "SELECT {LINK}, u.role, coalesce(nullif(u.name, ''), u.email)
             FROM upload_links l JOIN users u ON u.id = l.made_by
             WHERE l.hash = $1 AND l.expires_at > now() AND u.disabled_at IS NULL AND u.role IN ('editor', 'owner')"
        );
        let Some(row) = self.get().await?.query_opt(&sql, &[&hash.as_slice()]).await? else { return Ok(None) };
        let link = to_link(&row);
        let maker = maker(link.made_by, row.get(10))?;
        Ok(Some(OpenUploadLink { link, maker, asked_by: row.get(11) }))
    }

    /// Takes a place for one more file; `false` when all are taken, or the link is gone meanwhile.
    pub(crate) async fn reserve_file(&self, link: Uuid) -> Result<bool, Error> {
        let sql = "UPDATE upload_links SET files = files + 1, last_used_at = now()
                   WHERE id = $1 AND files < max_files AND expires_at > now()";
        Ok(self.get().await?.execute(sql, &[&link]).await? > 0)
    }

    /// Gives the place back: there was no new file after all.
    pub(crate) async fn release_file(&self, link: Uuid) -> Result<(), Error> {
        let sql = "UPDATE upload_links SET files = files - 1 WHERE id = $1 AND files > 0";
        self.get().await?.execute(sql, &[&link]).await?;
        Ok(())
    }

    /// Notes which documents were handed in.
    pub(crate) async fn note_handed_in(
        &self,
        request_id: &str,
        link: &UploadLink,
        documents: &[String],
    ) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("note_handed_in").await?;
        let detail = json!({"contact": link.contact_id, "documents": documents});
        audit(&tx, By { actor: None, request_id }, "upload_link.used", Some(link.id), detail).await?;
        Ok(tx.commit().await?)
    }
}

async fn find(tx: &Transaction<'_>, id: Uuid) -> Result<UploadLink, Error> {
    let sql = format!("SELECT {LINK} FROM upload_links l WHERE l.id = $1");
    Ok(to_link(&tx.query_opt(&sql, &[&id]).await?.ok_or(Error::NotFound("upload link"))?))
}

fn to_link(row: &Row) -> UploadLink {
    UploadLink {
        id: row.get(0),
        contact_id: row.get(1),
        collection_id: row.get(2),
        made_by: row.get(3),
        note: row.get(4),
        max_files: row.get(5),
        files: row.get(6),
        created_at: row.get(7),
        expires_at: row.get(8),
        last_used_at: row.get(9),
    }
}
