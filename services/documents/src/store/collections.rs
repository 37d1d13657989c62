//! Collections, and who is in them.

use chassis::Caller;
use pg::{Idempotency, PageRequest, Row, Transaction, idempotency::Claim};
use prost::Message;
use proto::documents as api;
use uuid::Uuid;

use super::{Store, Viewer, audit, decoding, micros};
use crate::{domain::FIRST_COLLECTION, error::Error};

/// `$1`, `$2`: user and role. Counts what is not in the trash. Members are shown to owners and to
/// members.
const COLLECTION: &str = "c.id, c.name, c.description, c.visibility, c.created_at, c.updated_at, c.revision,
    (SELECT count(*) FROM documents d WHERE d.collection_id = c.id AND d.deleted_at IS NULL),
    ARRAY(SELECT m.user_id FROM collection_members m WHERE m.collection_id = c.id AND ($2 IN ('owner', 'service')
        OR EXISTS (SELECT 1 FROM collection_members me WHERE me.collection_id = c.id AND me.user_id = $1))
        ORDER BY m.added_at, m.user_id)";

impl Store {
    pub(crate) async fn create_collection(
        &self,
        caller: &Caller,
        name: &str,
        description: &str,
        visibility: &str,
        key: Option<Idempotency>,
    ) -> Result<api::Collection, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("create_collection").await?;
        if let Some(key) = &key
            && let Claim::Replay(bytes) = key.claim(&tx, caller, "create_collection").await?
        {
            return Ok(api::Collection::decode(&bytes[..]).map_err(decoding)?);
        }
        let id = Uuid::now_v7();
        let sql = "INSERT INTO collections (id, name, description, visibility) VALUES ($1, $2, $3, $4)";
        tx.execute(sql, &[&id, &name, &description, &visibility]).await?;
        let created = read(&tx, caller, id).await?;
        audit(&tx, caller, "create", "collection", id).await?;
        if let Some(key) = &key {
            key.keep(&tx, caller, "create_collection", &created.encode_to_vec()).await?;
        }
        tx.commit().await?;
        Ok(created)
    }

    pub(crate) async fn get_collection(&self, caller: &Caller, id: Uuid) -> Result<api::Collection, Error> {
        let sql = format!(
            "SELECT {COLLECTION} FROM collections c WHERE c.id = $3 AND c.id IN (SELECT visible_collections($1, $2))"
        );
        let viewer = Viewer::from(caller);
        let row = self.pool.get().await?.query_opt(&sql, &[&viewer.user, &viewer.role, &id]).await?;
        Ok(collection(&row.ok_or(Error::NotFound("collection"))?))
    }

    /// By name.
    pub(crate) async fn list_collections(
        &self,
        caller: &Caller,
        page: &PageRequest,
    ) -> Result<api::ListCollectionsResponse, Error> {
        let sql = format!(
            "SELECT {COLLECTION}, lower(c.name) FROM collections c
             WHERE c.id IN (SELECT visible_collections($1, $2)) AND ($3::text IS NULL OR (lower(c.name), c.id) > ($3, $4))
             ORDER BY lower(c.name), c.id LIMIT $5"
        );
        let viewer = Viewer::from(caller);
        let (name, id) = page.after.clone().unzip();
        let connection = self.pool.get().await?;
        let rows = connection.query(&sql, &[&viewer.user, &viewer.role, &name, &id, &page.fetch()]).await?;
        let (rows, next_cursor) = page.split(rows, |row| (row.get(9), row.get(0)));
        Ok(api::ListCollectionsResponse { items: rows.iter().map(collection).collect(), next_cursor })
    }

    /// `None` and "" stay as they are.
    pub(crate) async fn update_collection(
        &self,
        caller: &Caller,
        id: Uuid,
        name: Option<String>,
        description: Option<String>,
        visibility: &str,
        if_revision: Option<i64>,
    ) -> Result<api::Collection, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("update_collection").await?;
        lock(&tx, caller, id, if_revision).await?;
        tx.execute(
            "UPDATE collections SET name = coalesce($2, name), description = coalesce($3, description),
                visibility = coalesce(nullif($4, ''), visibility), updated_at = now(), revision = revision + 1
             WHERE id = $1",
            &[&id, &name, &description, &visibility],
        )
        .await?;
        let changed = read(&tx, caller, id).await?;
        audit(&tx, caller, "update", "collection", id).await?;
        tx.commit().await?;
        Ok(changed)
    }

    pub(crate) async fn delete_collection(
        &self,
        caller: &Caller,
        id: Uuid,
        if_revision: Option<i64>,
    ) -> Result<(), Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("delete_collection").await?;
        lock(&tx, caller, id, if_revision).await?;
        if id == FIRST_COLLECTION {
            return Err(Error::Conflict("the first collection stays", "first-collection"));
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM documents WHERE collection_id = $1)";
        if tx.query_one(sql, &[&id]).await?.get(0) {
            let why = "the collection still holds documents, perhaps in the trash";
            return Err(Error::Conflict(why, "collection-not-empty"));
        }
        tx.execute("DELETE FROM collections WHERE id = $1", &[&id]).await?;
        audit(&tx, caller, "delete", "collection", id).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn add_member(&self, caller: &Caller, id: Uuid, user: Uuid) -> Result<(), Error> {
        let sql = "INSERT INTO collection_members (collection_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.change_members(caller, id, user, "add_member", sql).await
    }

    /// One who is not a member is removed.
    pub(crate) async fn remove_member(&self, caller: &Caller, id: Uuid, user: Uuid) -> Result<(), Error> {
        let sql = "DELETE FROM collection_members WHERE collection_id = $1 AND user_id = $2";
        self.change_members(caller, id, user, "remove_member", sql).await
    }

    async fn change_members(
        &self,
        caller: &Caller,
        id: Uuid,
        user: Uuid,
        action: &'static str,
        sql: &str,
    ) -> Result<(), Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin(action).await?;
        lock(&tx, caller, id, None).await?;
        if tx.execute(sql, &[&id, &user]).await? > 0 {
            let touch = "UPDATE collections SET revision = revision + 1, updated_at = now() WHERE id = $1";
            tx.execute(touch, &[&id]).await?;
            audit(&tx, caller, action, "collection", id).await?;
        }
        Ok(tx.commit().await?)
    }
}

async fn lock(tx: &Transaction<'_>, caller: &Caller, id: Uuid, if_revision: Option<i64>) -> Result<(), Error> {
    let viewer = Viewer::from(caller);
    let sql = "SELECT revision FROM collections
        WHERE id = $3 AND id IN (SELECT visible_collections($1, $2)) FOR UPDATE";
    let row = tx.query_opt(sql, &[&viewer.user, &viewer.role, &id]).await?;
    let revision: i64 = row.ok_or(Error::NotFound("collection"))?.get(0);
    if if_revision.is_some_and(|wanted| wanted != revision) { Err(Error::Stale) } else { Ok(()) }
}

async fn read(tx: &Transaction<'_>, caller: &Caller, id: Uuid) -> Result<api::Collection, Error> {
    let viewer = Viewer::from(caller);
    let sql = format!("SELECT {COLLECTION} FROM collections c WHERE c.id = $3");
    Ok(collection(&tx.query_one(&sql, &[&viewer.user, &viewer.role, &id]).await?))
}

fn collection(row: &Row) -> api::Collection {
    let visibility = match row.get(3) {
        "public" => api::Visibility::Public,
        "internal" => api::Visibility::Internal,
        _ => api::Visibility::Restricted,
    };
    api::Collection {
        id: row.get::<_, Uuid>(0).to_string(),
        name: row.get(1),
        description: row.get(2),
        visibility: visibility.into(),
        created_at: micros(row, 4),
        updated_at: micros(row, 5),
        revision: row.get(6),
        document_count: row.get(7),
        members: row.get::<_, Vec<Uuid>>(8).iter().map(Uuid::to_string).collect(),
    }
}
