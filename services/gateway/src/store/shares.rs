use chassis::{Caller, Role};
use jiff::Timestamp;
use pg::{Idempotency, PageRequest, Row, Transaction};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{By, Store, audit, once::Once, role};
use crate::{
    error::Error,
    secret::{self, Hash},
};

const SHARE: &str =
    "s.id, s.document_id, s.version, s.made_by, s.password_hash IS NOT NULL, s.created_at, s.expires_at,
    s.last_used_at, s.views, s.downloads";
/// What is over is listed for as long.
const LISTED_DAYS: f64 = 30.0;

/// A link to one document.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) id: Uuid,
    pub(crate) document_id: Uuid,
    /// `None`: the newest.
    pub(crate) version: Option<i32>,
    pub(crate) made_by: Uuid,
    pub(crate) protected: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) views: i64,
    pub(crate) downloads: i64,
}

/// What a new link is to be.
#[derive(Debug)]
pub(crate) struct NewShare {
    pub(crate) document_id: Uuid,
    pub(crate) version: Option<i32>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) password_hash: Option<String>,
}

/// A link that somebody holds and that still leads somewhere.
#[derive(Debug)]
pub(crate) struct OpenShare {
    pub(crate) share: Share,
    pub(crate) password_hash: Option<String>,
    /// As whom the document is read.
    pub(crate) maker: Caller,
}

/// How a link was used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    View,
    Download,
}

impl Store {
    /// A new link, what stands in its address, and whether the same idempotency key made it before.
    pub(crate) async fn create_share(
        &self,
        by: By<'_>,
        caller: &Caller,
        maker: Uuid,
        new: &NewShare,
        key: Option<Idempotency>,
    ) -> Result<(Share, [u8; 32], bool), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_share").await?;
        let once = Once::new(key, "create_share");
        if let Some((id, bits)) = once.claim(&tx, caller).await? {
            return Ok((find(&tx, id).await?, bits, true));
        }
        let (id, bits) = (Uuid::now_v7(), secret::random());
        let hash = secret::link_hash(&secret::link_text(&bits));
        tx.execute(
            "INSERT INTO shares (id, document_id, version, made_by, hash, password_hash, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[&id, &new.document_id, &new.version, &maker, &hash.as_slice(), &new.password_hash, &new.expires_at],
        )
        .await?;
        once.keep(&tx, caller, id, bits).await?;
        let share = find(&tx, id).await?;
        let detail = json!({"document": share.document_id, "protected": share.protected, "version": share.version});
        audit(&tx, by, "share.created", Some(id), detail).await?;
        tx.commit().await?;
        Ok((share, bits, false))
    }

    /// The links to a document, the newest first.
    pub(crate) async fn list_shares(&self, document: Uuid, page: &PageRequest) -> Result<(Vec<Share>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = format!(
            "SELECT {SHARE} FROM shares s WHERE s.document_id = $1 AND ($2::uuid IS NULL OR s.id < $2)
             ORDER BY s.id DESC LIMIT $3"
        );
        let rows = self.get().await?.query(&sql, &[&document, &after, &page.fetch()]).await?;
        Ok(page.split(rows.iter().map(to_share).collect(), |share| (String::new(), share.id)))
    }

    pub(crate) async fn get_share(&self, id: Uuid) -> Result<Share, Error> {
        let sql = format!("SELECT {SHARE} FROM shares s WHERE s.id = $1");
        Ok(to_share(&self.get().await?.query_opt(&sql, &[&id]).await?.ok_or(Error::NotFound("share"))?))
    }

    pub(crate) async fn delete_share(&self, by: By<'_>, id: Uuid) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("delete_share").await?;
        if tx.execute("DELETE FROM shares WHERE id = $1", &[&id]).await? == 0 {
            return Err(Error::NotFound("share"));
        }
        audit(&tx, by, "share.revoked", Some(id), Value::Null).await?;
        Ok(tx.commit().await?)
    }

    /// What this address leads to. `None` for a link that is over, or whose maker could not make it now.
    pub(crate) async fn open_share(&self, hash: &Hash) -> Result<Option<OpenShare>, Error> {
        let sql = format!(
            "SELECT {SHARE}, s.password_hash, u.role FROM shares s JOIN users u ON u.id = s.made_by
             WHERE s.hash = $1 AND (s.expires_at IS NULL OR s.expires_at > now())
               AND u.disabled_at IS NULL AND u.role IN ('editor', 'owner')"
        );
        let Some(row) = self.get().await?.query_opt(&sql, &[&hash.as_slice()]).await? else { return Ok(None) };
        let share = to_share(&row);
        let maker = maker(share.made_by, row.get(11))?;
        Ok(Some(OpenShare { share, password_hash: row.get(10), maker }))
    }

    /// Counts a use, and notes it.
    pub(crate) async fn note_share(&self, request_id: &str, share: &Share, used: Use) -> Result<(), Error> {
        let (views, downloads, action) = match used {
            Use::View => (1_i64, 0_i64, "share.opened"),
            Use::Download => (0, 1, "share.downloaded"),
        };
        let mut connection = self.get().await?;
        let tx = connection.begin("note_share").await?;
        let sql =
            "UPDATE shares SET views = views + $2, downloads = downloads + $3, last_used_at = now() WHERE id = $1";
        tx.execute(sql, &[&share.id, &views, &downloads]).await?;
        let by = By { actor: None, request_id };
        audit(&tx, by, action, Some(share.id), json!({"document": share.document_id})).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets links that have been over for long.
    pub(crate) async fn sweep_links(&self) -> Result<(), Error> {
        let connection = self.get().await?;
        for table in ["shares", "upload_links"] {
            let sql = format!("DELETE FROM {table} WHERE expires_at < now() - $1 * interval '1 day'");
            connection.execute(&sql, &[&LISTED_DAYS]).await?;
        }
        Ok(())
    }
}

/// As whom a link works.
pub(super) fn maker(id: Uuid, role_name: &str) -> Result<Caller, Error> {
    let role: Role = role(role_name)?;
    Ok(Caller::User { id, role })
}

async fn find(tx: &Transaction<'_>, id: Uuid) -> Result<Share, Error> {
    let sql = format!("SELECT {SHARE} FROM shares s WHERE s.id = $1");
    Ok(to_share(&tx.query_opt(&sql, &[&id]).await?.ok_or(Error::NotFound("share"))?))
}

fn to_share(row: &Row) -> Share {
    Share {
        id: row.get(0),
        document_id: row.get(1),
        version: row.get(2),
        made_by: row.get(3),
        protected: row.get(4),
        created_at: row.get(5),
        expires_at: row.get(6),
        last_used_at: row.get(7),
        views: row.get(8),
        downloads: row.get(9),
    }
}
