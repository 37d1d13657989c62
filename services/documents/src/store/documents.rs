//! Reading and changing documents that are there.

use chassis::Caller;
use jiff::Timestamp;
use pg::{PageRequest, Row, Transaction, types::ToSql};
use proto::documents as api;
use serde_json::Value;
use uuid::Uuid;

use super::{
    DOCUMENT, OWN, Parameter, Store, VISIBLE, Viewer, audit, bad_cursor, borrow, document,
    events::event,
    family, id_text, micros,
    outbox::{READY, tell},
    pages::{insights, learn_words},
    work::put_work,
};
use crate::{
    domain::{Metadata, merge, notes},
    error::Error,
};

/// What a list is narrowed to; empty texts are no condition.
#[derive(Debug)]
pub(crate) struct DocumentFilter {
    pub(crate) collection: Option<Uuid>,
    pub(crate) parent: Option<Uuid>,
    pub(crate) status: &'static str,
    pub(crate) media_type: String,
    pub(crate) tag: String,
    pub(crate) language: String,
    pub(crate) trashed: bool,
    /// The column, and whether upwards.
    pub(crate) sort: (&'static str, bool),
}

/// What is to be changed; `None` stays.
#[derive(Debug, Default)]
pub(crate) struct DocumentPatch {
    pub(crate) title: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) collection: Option<Uuid>,
}

/// Where the bytes of a version are, and what they are.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) object_key: String,
    pub(crate) head: api::ContentHead,
}

/// A document whose row is locked.
pub(super) struct Locked {
    pub(super) version: i32,
    pub(super) sha256: String,
    pub(super) metadata: Metadata,
    pub(super) status: String,
    extracted: bool,
    /// When it came into the trash.
    pub(super) trashed: Option<Timestamp>,
    collection: Uuid,
}

impl Locked {
    pub(super) fn not_in_trash(&self) -> Result<(), Error> {
        match self.trashed {
            Some(_) => Err(Error::Conflict("the document is in the trash; restore it first", "in-trash")),
            None => Ok(()),
        }
    }

    /// Whether the engine has it, or is to have it.
    pub(super) fn is_found(&self) -> bool {
        self.extracted && self.trashed.is_none()
    }

    /// The work that brings the engine up to date, and the status until it is done.
    pub(super) fn refreshed(&self) -> (&'static str, &str) {
        match (self.extracted, self.status.as_str()) {
            (false, _) => ("extract", "pending"),
            (true, "ready") => ("index", "ready"),
            (true, _) => ("index", "processing"),
        }
    }
}

/// Locks a document that the caller may see, and refuses when it is not as they know it.
pub(super) async fn lock(
    tx: &Transaction<'_>,
    caller: &Caller,
    id: Uuid,
    if_revision: Option<i64>,
) -> Result<Locked, Error> {
    let sql = format!(
        "SELECT d.revision, d.version, d.sha256, d.metadata, d.status, d.extracted_version = d.version,
                d.deleted_at, d.collection_id
         FROM documents d WHERE d.id = $4 AND {VISIBLE} FOR NO KEY UPDATE"
    );
    let viewer = Viewer::from(caller);
    let row = tx.query_opt(&sql, &[&viewer.user, &viewer.role, &viewer.sees_trash, &id]).await?;
    let row = row.ok_or(Error::NotFound("document"))?;
    if if_revision.is_some_and(|wanted| wanted != row.get::<_, i64>(0)) {
        return Err(Error::Stale);
    }
    let metadata = match row.get(3) {
        Value::Object(metadata) => metadata,
        _ => Metadata::new(),
    };
    Ok(Locked {
        version: row.get(1),
        sha256: row.get(2),
        metadata,
        status: row.get(4),
        extracted: row.get(5),
        trashed: row.get(6),
        collection: row.get(7),
    })
}

impl Store {
    pub(crate) async fn find_by_hash(&self, caller: &Caller, sha256: &str) -> Result<bool, Error> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM documents d WHERE d.sha256 = $4 AND d.parent_id IS NULL AND {VISIBLE})"
        );
        let viewer = Viewer::from(caller);
        let connection = self.pool.get().await?;
        Ok(connection.query_one(&sql, &[&viewer.user, &viewer.role, &false, &sha256]).await?.get(0))
    }

    pub(crate) async fn get_document(&self, caller: &Caller, id: Uuid) -> Result<api::Document, Error> {
        let sql = format!(
            "SELECT {DOCUMENT}, i.insights, i.partial, i.kept FROM documents d
             LEFT JOIN insights i ON i.document_id = d.id AND i.version = d.version
             WHERE d.id = $4 AND {VISIBLE}"
        );
        let viewer = Viewer::from(caller);
        let connection = self.pool.get().await?;
        let row = connection.query_opt(&sql, &[&viewer.user, &viewer.role, &viewer.sees_trash, &id]).await?;
        let row = row.ok_or(Error::NotFound("document"))?;
        let code = |column| row.get::<_, Option<String>>(column).unwrap_or_default();
        Ok(api::Document {
            insights: row.get::<_, Option<Value>>(OWN).map(insights).transpose()?,
            notes: notes(&code(OWN + 1), &code(OWN + 2)),
            ..document(&row)
        })
    }

    pub(crate) async fn list_documents(
        &self,
        caller: &Caller,
        filter: &DocumentFilter,
        page: &PageRequest,
        count: bool,
    ) -> Result<api::ListDocumentsResponse, Error> {
        let mut query = Filter::new(caller, filter);
        let connection = self.pool.get().await?;
        let count = match count {
            false => None,
            true => {
                let sql = format!("SELECT count(*) FROM documents d WHERE {}", query.conditions);
                Some(connection.query_one(&sql, &borrow(&query.parameters)).await?.get(0))
            }
        };
        let (column, ascending) = filter.sort;
        let expression = if column == "title" { "lower(d.title)".to_owned() } else { format!("d.{column}") };
        let (direction, beyond) = if ascending { ("ASC", ">") } else { ("DESC", "<") };
        if let Some((value, id)) = &page.after {
            query.after(column, &format!("({expression}, d.id) {beyond} ({{}}, "), value, *id)?;
        }
        let sql = format!(
            "SELECT {DOCUMENT}, {expression} FROM documents d WHERE {}
             ORDER BY {expression} {direction}, d.id {direction} LIMIT {}",
            query.conditions,
            page.fetch()
        );
        let rows = connection.query(&sql, &borrow(&query.parameters)).await?;
        let (rows, next_cursor) = page.split(rows, |row| (sort_value(row, column), row.get(0)));
        Ok(api::ListDocumentsResponse { items: rows.iter().map(document).collect(), next_cursor, count })
    }

    pub(crate) async fn update_document(
        &self,
        caller: &Caller,
        id: Uuid,
        patch: DocumentPatch,
        if_revision: Option<i64>,
    ) -> Result<api::Document, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("update_document").await?;
        let mut locked = lock(&tx, caller, id, if_revision).await?;
        locked.not_in_trash()?;
        if let Some(collection) = patch.collection {
            let viewer = Viewer::from(caller);
            let sql =
                "SELECT 1 FROM collections WHERE id = $3 AND id IN (SELECT visible_collections($1, $2)) FOR KEY SHARE";
            let found = tx.query_opt(sql, &[&viewer.user, &viewer.role, &collection]).await?;
            found.ok_or_else(|| {
                chassis::Fault::unprocessable("collection_id", "is not a collection that you can see")
            })?;
        }
        if let Some(metadata) = patch.metadata {
            merge(&mut locked.metadata, metadata);
        }
        let found_by = patch.title.is_some() || patch.tags.is_some() || patch.collection.is_some();
        // A document that failed before it had any text is not in the engine.
        let refresh = found_by && locked.extracted;
        let (kind, status) = locked.refreshed();
        let status = if refresh { status } else { locked.status.as_str() };
        let sql = format!(
            "UPDATE documents d SET title = coalesce($2, title), tags = coalesce($3, tags),
                collection_id = coalesce($4, collection_id), metadata = $5, status = $6,
                failure_code = CASE WHEN $6 = 'failed' THEN failure_code END,
                failure_detail = CASE WHEN $6 = 'failed' THEN failure_detail END,
                updated_at = now(), revision = revision + 1
             WHERE d.id = $1 RETURNING {DOCUMENT}"
        );
        let metadata = Value::Object(locked.metadata.clone());
        let row = tx.query_one(&sql, &[&id, &patch.title, &patch.tags, &patch.collection, &metadata, &status]).await?;
        if refresh {
            put_work(&tx, id, locked.version, kind).await?;
            learn_words(&tx, id).await?;
        }
        if let Some(collection) = patch.collection
            && collection != locked.collection
        {
            family::follow(&tx, caller, id, locked.collection, collection).await?;
        }
        audit(&tx, caller, "update", "document", id).await?;
        tx.commit().await?;
        self.hints.work();
        Ok(document(&row))
    }

    /// To the trash, with what is attached to it. One that is there already stays as it is.
    pub(crate) async fn trash_document(
        &self,
        caller: &Caller,
        id: Uuid,
        if_revision: Option<i64>,
    ) -> Result<api::Document, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("trash_document").await?;
        let locked = lock(&tx, caller, id, if_revision).await?;
        if locked.trashed.is_none() {
            family::trash(&tx, caller, id, locked.version).await?;
        }
        let sql = format!("SELECT {DOCUMENT} FROM documents d WHERE d.id = $1");
        let row = tx.query_one(&sql, &[&id]).await?;
        tx.commit().await?;
        self.hints.work();
        Ok(document(&row))
    }

    pub(crate) async fn restore_document(&self, caller: &Caller, id: Uuid) -> Result<api::Document, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("restore_document").await?;
        let locked = lock(&tx, caller, id, None).await?;
        let Some(trashed) = locked.trashed else {
            return Err(Error::Conflict("the document is not in the trash", "not-in-trash"));
        };
        let row = restart(&tx, id, &locked).await?;
        audit(&tx, caller, "restore", "document", id).await?;
        family::restore(&tx, caller, id, trashed).await?;
        tx.commit().await?;
        self.hints.work();
        self.hints.event(id);
        Ok(document(&row))
    }

    /// Out of the trash, for good. The bytes follow after the grace period.
    pub(crate) async fn purge_document(&self, caller: &Caller, id: Uuid) -> Result<(), Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("purge_document").await?;
        let locked = lock(&tx, caller, id, None).await?;
        let Some(trashed) = locked.trashed else {
            return Err(Error::Conflict("only what is in the trash can be purged", "not-in-trash"));
        };
        family::purge_with(&tx, caller, id, trashed, self.limits.object_grace_seconds).await?;
        purge(&tx, id, locked.version, self.limits.object_grace_seconds).await?;
        audit(&tx, caller, "purge", "document", id).await?;
        tx.commit().await?;
        self.hints.work();
        Ok(())
    }

    pub(crate) async fn reprocess_document(&self, caller: &Caller, id: Uuid) -> Result<api::Document, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("reprocess_document").await?;
        let locked = lock(&tx, caller, id, None).await?;
        locked.not_in_trash()?;
        let row = begin(&tx, id, locked.version, "extract", "pending").await?;
        event(&tx, id, locked.version, "received", "").await?;
        audit(&tx, caller, "reprocess", "document", id).await?;
        tx.commit().await?;
        self.hints.work();
        self.hints.event(id);
        Ok(document(&row))
    }

    /// `version` 0 is the current one.
    pub(crate) async fn content(&self, caller: &Caller, id: Uuid, version: i32) -> Result<Content, Error> {
        let sql = format!(
            "SELECT v.object_key, v.file_name, v.media_type, v.size, v.sha256, v.created_at, v.number
             FROM documents d JOIN versions v ON v.document_id = d.id
              AND v.number = CASE WHEN $5 = 0 THEN d.version ELSE $5 END
             WHERE d.id = $4 AND {VISIBLE}"
        );
        let viewer = Viewer::from(caller);
        let connection = self.pool.get().await?;
        let row = connection.query_opt(&sql, &[&viewer.user, &viewer.role, &viewer.sees_trash, &id, &version]).await?;
        let row = row.ok_or(Error::NotFound("document"))?;
        let head = api::ContentHead {
            file_name: row.get(1),
            media_type: row.get(2),
            size: row.get(3),
            sha256: row.get(4),
            first: 0,
            length: row.get(3),
            created_at: micros(&row, 5),
            version: row.get(6),
        };
        Ok(Content { object_key: row.get(0), head })
    }

    pub(crate) async fn versions(&self, caller: &Caller, id: Uuid) -> Result<Vec<api::Version>, Error> {
        let sql = format!(
            "SELECT v.number, v.file_name, v.media_type, v.size, v.sha256, v.created_at, v.created_by
             FROM documents d JOIN versions v ON v.document_id = d.id
             WHERE d.id = $4 AND {VISIBLE} ORDER BY v.number DESC"
        );
        let viewer = Viewer::from(caller);
        let connection = self.pool.get().await?;
        let rows = connection.query(&sql, &[&viewer.user, &viewer.role, &viewer.sees_trash, &id]).await?;
        if rows.is_empty() {
            return Err(Error::NotFound("document"));
        }
        let version = |row: &Row| api::Version {
            number: row.get(0),
            file_name: row.get(1),
            media_type: row.get(2),
            size: row.get(3),
            sha256: row.get(4),
            created_at: micros(row, 5),
            created_by: id_text(row.get(6)),
        };
        Ok(rows.iter().map(version).collect())
    }
}

/// Out of the trash, with the work that brings the engine up to date.
pub(super) async fn restart(tx: &Transaction<'_>, id: Uuid, locked: &Locked) -> Result<Row, Error> {
    let (kind, status) = locked.refreshed();
    let row = begin(tx, id, locked.version, kind, status).await?;
    // Another one becomes ready when it has been read.
    if status == "ready" {
        tell(tx, READY, &[id]).await?;
    }
    Ok(row)
}

/// Out of the trash, without failure, with this work to be done.
async fn begin(tx: &Transaction<'_>, id: Uuid, version: i32, kind: &str, status: &str) -> Result<Row, Error> {
    let sql = format!(
        "UPDATE documents d SET deleted_at = NULL, status = $2, failure_code = NULL, failure_detail = NULL,
            updated_at = now(), revision = revision + 1
         WHERE d.id = $1 RETURNING {DOCUMENT}"
    );
    let row = tx.query_one(&sql, &[&id, &status]).await?;
    put_work(tx, id, version, kind).await?;
    Ok(row)
}

/// The row goes now; the engine's work row stays until it is settled, and the bytes until the grace
/// period is over.
pub(super) async fn purge(tx: &Transaction<'_>, id: Uuid, version: i32, grace_seconds: u64) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO tombstones (object_key, delete_after)
         SELECT object_key, now() + make_interval(secs => $2) FROM versions WHERE document_id = $1",
        &[&id, &(grace_seconds as f64)],
    )
    .await?;
    tx.execute("DELETE FROM documents WHERE id = $1", &[&id]).await?;
    put_work(tx, id, version, "remove").await
}

fn sort_value(row: &Row, column: &str) -> String {
    match column {
        "title" => row.get(OWN),
        "size" => row.get::<_, i64>(OWN).to_string(),
        _ => micros(row, OWN).to_string(),
    }
}

/// Conditions joined by AND, with their parameters; the first three are who asks.
struct Filter {
    conditions: String,
    parameters: Vec<Parameter>,
}

impl Filter {
    fn new(caller: &Caller, filter: &DocumentFilter) -> Self {
        let viewer = Viewer::from(caller);
        let trash = if filter.trashed { "NOT NULL" } else { "NULL" };
        let mut query = Self {
            conditions: format!("{VISIBLE} AND d.deleted_at IS {trash}"),
            parameters: vec![Box::new(viewer.user), Box::new(viewer.role), Box::new(viewer.sees_trash)],
        };
        if let Some(collection) = filter.collection {
            query.and("d.collection_id = {}", collection);
        }
        if let Some(parent) = filter.parent {
            query.and("d.parent_id = {}", parent);
        }
        if !filter.status.is_empty() {
            query.and("d.status = {}", filter.status);
        }
        for (condition, value) in [
            ("d.media_type = {}", &filter.media_type),
            ("d.tags @> ARRAY[{}::text]", &filter.tag),
            ("d.language = {}", &filter.language),
        ] {
            if !value.is_empty() {
                query.and(condition, value.clone());
            }
        }
        query
    }

    /// `{}` stands for the value.
    fn and(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        self.conditions.push_str(" AND ");
        self.also(condition, value);
    }

    fn also(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        self.parameters.push(Box::new(value));
        self.conditions.push_str(&condition.replace("{}", &format!("${}", self.parameters.len())));
    }

    fn after(&mut self, column: &str, condition: &str, value: &str, id: Uuid) -> Result<(), Error> {
        match column {
            "title" => self.and(condition, value.to_owned()),
            "size" => self.and(condition, value.parse::<i64>().map_err(|_| bad_cursor())?),
            _ => {
                let at = value.parse().ok().and_then(|us| Timestamp::from_microsecond(us).ok());
                self.and(condition, at.ok_or_else(bad_cursor)?);
            }
        }
        self.also("{})", id);
        Ok(())
    }
}
