//! The only SQL of this service.

mod bundle;
mod contacts;
mod import;
mod merges;
mod outbox;
mod timeline;
mod visits;

use chassis::{Caller, Fault, RequestContext};
use jiff::Timestamp;
use pg::{
    Connection, Idempotency, PageRequest, Pool, Row, Transaction,
    idempotency::Claim,
    types::{Json, ToSql},
};
use prost::Message;
use proto::contacts as api;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use bundle::Place;

use crate::{
    domain::{NewSubmission, Query},
    error::Error,
};

pub(crate) use contacts::ContactFilter;

type Parameter = Box<dyn ToSql + Sync + Send>;

/// Of the contact that it came to, or of the one that this is part of by now.
const SUBMISSION: &str = "id,
    coalesce((SELECT c.merged_into FROM contacts AS c WHERE c.id = submissions.contact_id), contact_id) AS contact_id,
    name, email, subject, message, metadata::text, status, created_at, updated_at, revision";
/// The contact `{}`, and those that are part of it.
const PARTS: &str = "SELECT c.id FROM contacts AS c WHERE c.id = {} OR c.merged_into = {}";
/// What is searched in a submission.
const SAID: &str = "lower(name || ' ' || email || ' ' || subject || ' ' || message)";
/// A column, and whether upwards.
type Sort = (&'static str, bool);

pub(crate) struct SubmissionFilter {
    pub(crate) status: Option<&'static str>,
    pub(crate) contact: Option<Uuid>,
    pub(crate) q: Query,
    pub(crate) sort: Sort,
}

#[derive(Clone)]
pub(crate) struct Store {
    pool: Pool,
}

impl Store {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Contact and submission in one transaction; without a key, in one statement. Spam makes no
    /// contact: its answer names one that never is, so that the sender cannot tell.
    pub(crate) async fn submit(
        &self,
        caller: &Caller,
        new: &NewSubmission,
        key: Option<Idempotency>,
    ) -> Result<api::SubmitResponse, Error> {
        // An existing contact stays as it is: anybody can type anybody's address. The no-op update
        // is what makes RETURNING see the existing row.
        const SQL: &str = "WITH contact AS (
                INSERT INTO contacts AS c (id, name, email) VALUES ($1, $3, $4)
                ON CONFLICT (lower(email)) DO UPDATE SET revision = c.revision RETURNING c.id, c.merged_into),
            made AS (
                INSERT INTO submissions (id, contact_id, name, email, subject, message, metadata, status)
                SELECT $2, contact.id, $3, $4, $5, $6, $7, $8 FROM contact
                RETURNING id, created_at),
            told AS (INSERT INTO outbox (subject, kind) SELECT id, 'submission.created' FROM made)
            SELECT made.id, coalesce(contact.merged_into, contact.id), created_at FROM made, contact";
        const SPAM: &str = "INSERT INTO submissions (id, name, email, subject, message, metadata, status)
            VALUES ($2, $3, $4, $5, $6, $7, $8) RETURNING id, $1::uuid, created_at";
        let (contact_id, id) = (Uuid::now_v7(), Uuid::now_v7());
        let (sql, status) = if new.spam { (SPAM, "spam") } else { (SQL, "new") };
        let (name, email, subject) = (new.name.as_str(), new.email.as_str(), new.subject.as_str());
        let (message, metadata) = (new.message.as_str(), Json(new.metadata.as_map()));
        let parameters: [&(dyn ToSql + Sync); 8] =
            [&contact_id, &id, &name, &email, &subject, &message, &metadata, &status];
        let answer = |row: Row| api::SubmitResponse {
            id: row.get::<_, Uuid>(0).to_string(),
            contact_id: row.get::<_, Uuid>(1).to_string(),
            created_at: micros(&row, 2),
            replayed: false,
        };
        let mut connection = self.pool.get().await?;
        let Some(key) = key else {
            return Ok(answer(connection.query_one(sql, &parameters).await?));
        };
        let tx = connection.begin("submit").await?;
        if let Claim::Replay(bytes) = key.claim(&tx, caller, "submit").await? {
            let kept = api::SubmitResponse::decode(&bytes[..]).map_err(decoding)?;
            return Ok(api::SubmitResponse { replayed: true, ..kept });
        }
        let answer = answer(tx.query_one(sql, &parameters).await?);
        key.keep(&tx, caller, "submit", &answer.encode_to_vec()).await?;
        tx.commit().await?;
        Ok(answer)
    }

    pub(crate) async fn list_submissions(
        &self,
        filter: &SubmissionFilter,
        page: &PageRequest,
        count: bool,
    ) -> Result<api::ListSubmissionsResponse, Error> {
        let mut query = Filter::default();
        if let Some(status) = filter.status {
            query.and("status = {}", status);
        }
        if let Some(contact) = filter.contact {
            query.and(&format!("contact_id IN ({PARTS})"), contact);
        }
        if !filter.q.as_str().is_empty() {
            query.and(&format!("{SAID} LIKE lower({{}})"), part_of(&filter.q));
        }
        let connection = self.pool.get().await?;
        let count = if count { Some(query.count(&connection, "submissions").await?) } else { None };
        let (rows, next_cursor) = query.page(&connection, SUBMISSION, "submissions", filter.sort, page).await?;
        Ok(api::ListSubmissionsResponse { items: rows.iter().map(submission).collect(), next_cursor, count })
    }

    pub(crate) async fn count_submissions(&self) -> Result<api::CountSubmissionsResponse, Error> {
        let sql = "SELECT status, count(*) FROM submissions GROUP BY status";
        let rows = self.pool.get().await?.query(sql, &[]).await?;
        let count = |status: &str| rows.iter().find(|row| row.get::<_, &str>(0) == status).map_or(0, |row| row.get(1));
        Ok(api::CountSubmissionsResponse {
            new: count("new"),
            read: count("read"),
            archived: count("archived"),
            spam: count("spam"),
        })
    }

    pub(crate) async fn get_submission(&self, id: Uuid) -> Result<api::Submission, Error> {
        let sql = format!("SELECT {SUBMISSION} FROM submissions WHERE id = $1");
        let row = self.pool.look_up(&sql, &[&id]).await?;
        Ok(submission(&row.ok_or(Error::NotFound("submission"))?))
    }

    pub(crate) async fn update_submission(
        &self,
        caller: &Caller,
        id: Uuid,
        status: &str,
        if_revision: Option<i64>,
    ) -> Result<api::Submission, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("update_submission").await?;
        lock(&tx, Record::Submission, id, if_revision).await?;
        // What turns out to be no spam gets its contact now.
        let sql = format!(
            "WITH contact AS (
                INSERT INTO contacts AS c (id, name, email)
                SELECT $3, name, email FROM submissions WHERE id = $1 AND contact_id IS NULL AND $2 <> 'spam'
                ON CONFLICT (lower(email)) DO UPDATE SET revision = c.revision RETURNING c.id)
             UPDATE submissions SET status = $2, updated_at = now(), revision = revision + 1,
                contact_id = coalesce(contact_id, (SELECT contact.id FROM contact))
             WHERE id = $1 RETURNING {SUBMISSION}"
        );
        let row = tx.query_one(&sql, &[&id, &status, &Uuid::now_v7()]).await?;
        audit(&tx, caller, "update", Record::Submission, id, &json!({"status": status})).await?;
        tx.commit().await?;
        Ok(submission(&row))
    }

    pub(crate) async fn delete_submission(
        &self,
        caller: &Caller,
        id: Uuid,
        if_revision: Option<i64>,
    ) -> Result<(), Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("delete_submission").await?;
        lock(&tx, Record::Submission, id, if_revision).await?;
        tx.execute("DELETE FROM submissions WHERE id = $1", &[&id]).await?;
        audit(&tx, caller, "delete", Record::Submission, id, &json!({})).await?;
        Ok(tx.commit().await?)
    }
}

/// Conditions of a list, joined by AND, with their parameters.
#[derive(Default)]
struct Filter {
    conditions: String,
    parameters: Vec<Parameter>,
}

impl Filter {
    /// `{}` stands for the value.
    fn and(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        self.conditions.push_str(" AND ");
        self.also(condition, value);
    }

    fn also(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        self.parameters.push(Box::new(value));
        self.conditions.push_str(&condition.replace("{}", &format!("${}", self.parameters.len())));
    }

    async fn count(&self, connection: &Connection, table: &str) -> Result<i64, Error> {
        let sql = format!("SELECT count(*) FROM {table} WHERE true{}", self.conditions);
        Ok(connection.query_one(&sql, &borrow(&self.parameters)).await?.get(0))
    }

    /// The rows of a page and the cursor of the next one. A cursor is good for the order that it
    /// was made in; the database makes its value, since it is the one who compares.
    async fn page(
        mut self,
        connection: &Connection,
        columns: &str,
        table: &str,
        (column, ascending): Sort,
        page: &PageRequest,
    ) -> Result<(Vec<Row>, String), Error> {
        let (direction, beyond) = if ascending { ("ASC", ">") } else { ("DESC", "<") };
        let (expression, shown) = match column {
            "name" => ("lower(name)", "lower(name)".to_owned()),
            column => (column, format!("(extract(epoch FROM {column}) * 1000000)::bigint::text")),
        };
        let order = format!("{column} {direction}:");
        if let Some((value, id)) = &page.after {
            let bad = || Fault::unprocessable("cursor", "is not a cursor of this list");
            let value = value.strip_prefix(&order).ok_or_else(bad)?;
            let condition = format!("({expression}, id) {beyond} ({{}}, ");
            match column {
                "name" => self.and(&condition, value.to_owned()),
                _ => {
                    let at = value.parse().ok().and_then(|us| Timestamp::from_microsecond(us).ok());
                    self.and(&condition, at.ok_or_else(bad)?);
                }
            }
            self.also("{})", *id);
        }
        let mut sql = format!(
            "SELECT {columns}, {shown} AS sort_key FROM {table} WHERE true{} ORDER BY {expression} {direction}, id {direction}",
            self.conditions
        );
        self.parameters.push(Box::new(page.fetch()));
        sql.push_str(&format!(" LIMIT ${}", self.parameters.len()));
        let rows = connection.query(&sql, &borrow(&self.parameters)).await?;
        let key = |row: &Row| (format!("{order}{}", row.get::<_, &str>("sort_key")), row.get("id"));
        Ok(page.split(rows, key))
    }
}

fn borrow(parameters: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|p| &**p as &(dyn ToSql + Sync)).collect()
}

/// Any text with this part, for LIKE.
fn part_of(q: &Query) -> String {
    format!("%{}%", q.as_str().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// What is changed under a lock and audited.
#[derive(Clone, Copy)]
enum Record {
    Contact,
    Submission,
}

impl Record {
    fn name(self) -> &'static str {
        match self {
            Record::Contact => "contact",
            Record::Submission => "submission",
        }
    }
}

/// Locks the row, and refuses when it is not there or not as the caller knows it. A contact that is part
/// of another one is not there.
async fn lock(tx: &Transaction<'_>, record: Record, id: Uuid, if_revision: Option<i64>) -> Result<(), Error> {
    let sql = match record {
        Record::Contact => "SELECT revision FROM contacts WHERE id = $1 AND merged_into IS NULL FOR UPDATE",
        Record::Submission => "SELECT revision FROM submissions WHERE id = $1 FOR UPDATE",
    };
    let row = tx.query_opt(sql, &[&id]).await?;
    let revision: i64 = row.ok_or(Error::NotFound(record.name()))?.get(0);
    if if_revision.is_some_and(|wanted| wanted != revision) { Err(Error::Stale) } else { Ok(()) }
}

/// `detail` holds names of fields and ids, never values.
async fn audit(
    tx: &Transaction<'_>,
    caller: &Caller,
    action: &str,
    record: Record,
    id: Uuid,
    detail: &Value,
) -> Result<(), Error> {
    let actor = caller.user_id().map_or_else(|| caller.kind().to_owned(), |user| user.to_string());
    let request_id = RequestContext::current().map(|c| c.request_id).unwrap_or_default();
    tx.execute(
        "INSERT INTO audit (id, actor, action, entity, entity_id, request_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[&Uuid::now_v7(), &actor, &action, &record.name(), &id, &request_id, &Json(detail)],
    )
    .await?;
    Ok(())
}

fn decoding(error: prost::DecodeError) -> pg::Error {
    pg::Error::Other(error.into())
}

fn micros(row: &Row, column: usize) -> i64 {
    row.get::<_, Timestamp>(column).as_microsecond()
}

fn submission(row: &Row) -> api::Submission {
    let status = match row.get(7) {
        "new" => api::SubmissionStatus::New,
        "read" => api::SubmissionStatus::Read,
        "archived" => api::SubmissionStatus::Archived,
        _ => api::SubmissionStatus::Spam,
    };
    api::Submission {
        id: row.get::<_, Uuid>(0).to_string(),
        contact_id: row.get::<_, Option<Uuid>>(1).map(|id| id.to_string()).unwrap_or_default(),
        name: row.get(2),
        email: row.get(3),
        subject: row.get(4),
        message: row.get(5),
        metadata: row.get(6),
        status: status.into(),
        created_at: micros(row, 8),
        updated_at: micros(row, 9),
        revision: row.get(10),
    }
}
