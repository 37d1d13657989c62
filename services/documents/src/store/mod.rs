//! The only SQL of this service, by subject.
//!
//! Locks: the document's row first, then its work row. No call to anything but PostgreSQL happens
//! inside a transaction.

mod admission;
mod attachments;
mod bundle;
mod collections;
mod documents;
mod events;
mod family;
mod outbox;
mod pages;
mod reread;
mod sweep;
mod truth;
mod work;

use std::sync::{Arc, atomic::AtomicI32};

use chassis::{Caller, RequestContext, Role};
use jiff::Timestamp;
use pg::{Pool, Row, Transaction, types::ToSql};
use proto::documents as api;
use uuid::Uuid;

pub(crate) use admission::{Admission, Target};
pub(crate) use attachments::Attached;
pub(crate) use bundle::{Named, Outcome, Stored, count};
pub(crate) use documents::{DocumentFilter, DocumentPatch};
pub(crate) use events::Hints;
pub(crate) use outbox::NoticeKey;
pub(crate) use pages::Extracted;
pub(crate) use work::LeaseKey;

use crate::{config::Limits, domain::status_of, error::Error};

type Parameter = Box<dyn ToSql + Sync + Send>;

/// The tables of this service.
#[derive(Clone)]
pub(crate) struct Store {
    pool: Pool,
    hints: Hints,
    limits: Limits,
    /// Of the newest reader that has asked for work.
    newest_extractor: Arc<AtomicI32>,
}

impl Store {
    pub(crate) fn new(pool: Pool, hints: Hints, limits: Limits) -> Self {
        Self { pool, hints, limits, newest_extractor: Arc::default() }
    }
}

/// Who asks, as `visible_collections` takes it: `$1` and `$2` of every statement that reads for
/// somebody.
struct Viewer {
    user: Option<Uuid>,
    role: &'static str,
    /// What is in the trash is seen by those who may take it out.
    sees_trash: bool,
}

impl From<&Caller> for Viewer {
    fn from(caller: &Caller) -> Self {
        Self { user: caller.user_id(), role: caller.kind(), sees_trash: caller.require(Role::Editor).is_ok() }
    }
}

/// `{d}` is the documents table; `$1`, `$2`, `$3` are user, role and whether the trash is seen.
const VISIBLE: &str = "d.collection_id IN (SELECT visible_collections($1, $2)) AND (d.deleted_at IS NULL OR $3)";

const DOCUMENT: &str = "d.id, d.collection_id, d.title, d.file_name, d.media_type, d.size, d.sha256, d.tags, \
    d.metadata::text, d.status, d.failure_code, d.failure_detail, d.version, d.revision, d.created_at, d.updated_at, \
    d.deleted_at, d.page_count, d.created_by, d.parent_id";
/// Where a statement's own columns begin, after those.
const OWN: usize = 20;

fn document(row: &Row) -> api::Document {
    let failure = row.get::<_, Option<String>>(10);
    api::Document {
        id: row.get::<_, Uuid>(0).to_string(),
        collection_id: row.get::<_, Uuid>(1).to_string(),
        title: row.get(2),
        file_name: row.get(3),
        media_type: row.get(4),
        size: row.get(5),
        sha256: row.get(6),
        tags: row.get(7),
        metadata: row.get(8),
        status: status_of(row.get(9)).into(),
        failure: failure
            .map(|code| api::Failure { code, detail: row.get::<_, Option<String>>(11).unwrap_or_default() }),
        version: row.get(12),
        revision: row.get(13),
        created_at: micros(row, 14),
        updated_at: micros(row, 15),
        deleted_at: row.get::<_, Option<Timestamp>>(16).map(Timestamp::as_microsecond),
        insights: None,
        page_count: row.get(17),
        created_by: id_text(row.get(18)),
        parent_id: id_text(row.get(19)),
        notes: Vec::new(),
    }
}

fn id_text(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn micros(row: &Row, column: usize) -> i64 {
    row.get::<_, Timestamp>(column).as_microsecond()
}

/// Made by us from a uuid column.
fn own_id(text: &str) -> Uuid {
    text.parse().unwrap_or_default()
}

fn borrow(parameters: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|p| &**p as &(dyn ToSql + Sync)).collect()
}

fn decoding(error: impl Into<anyhow::Error>) -> pg::Error {
    pg::Error::Other(error.into())
}

fn bad_cursor() -> Error {
    chassis::Fault::unprocessable("cursor", "is not a cursor of this list").into()
}

async fn audit(tx: &Transaction<'_>, caller: &Caller, action: &str, entity: &str, id: Uuid) -> Result<(), Error> {
    let actor = caller.user_id().map_or_else(|| caller.kind().to_owned(), |user| user.to_string());
    let request_id = RequestContext::current().map(|c| c.request_id).unwrap_or_default();
    tx.execute(
        "INSERT INTO audit (id, actor, action, entity, entity_id, request_id) VALUES ($1, $2, $3, $4, $5, $6)",
        &[&Uuid::now_v7(), &actor, &action, &entity, &id, &request_id],
    )
    .await?;
    Ok(())
}

/// The trace of the request that makes work; the worker's trace links to it.
fn traceparent() -> String {
    RequestContext::current().map(|c| c.trace.to_string()).unwrap_or_default()
}
