//! The only SQL of this service.

mod bundle;
mod import;
mod outbox;

use chassis::{Caller, Fault, RequestContext};
use jiff::{Timestamp, civil::Date};
use pg::{
    Connection, Idempotency, PageRequest, Pool, Row, Transaction,
    idempotency::Claim,
    types::{Json, ToSql},
};
use prost::Message;
use proto::contacts as api;
use uuid::Uuid;

pub(crate) use bundle::Place;

use crate::{
    domain::{ContactPatch, Metadata, NewContact, NewSubmission, Query, Tags},
    error::Error,
};

type Parameter = Box<dyn ToSql + Sync + Send>;

/// Shorter words are like too many others.
const TYPOS_FROM: usize = 4;
/// How much of a word must agree (trigrams, 0 to 1) to be looked at closely: the default, 0.6, does
/// not even see Meier for Maier. The setting stays with the connection; nothing else depends on it.
const TYPOS: &str = "SELECT set_config('pg_trgm.word_similarity_threshold', '0.3', false)";
/// What is searched, as the trigram index has it.
const SEARCHED: &str = "lower(name || ' ' || email || ' ' || company)";
const CONTACT: &str = "id, name, email, phone, company, tags, metadata::text, created_at, updated_at, revision";
const SUBMISSION: &str =
    "id, contact_id, name, email, subject, message, metadata::text, status, created_at, updated_at, revision";

/// A column, and whether upwards.
type Sort = (&'static str, bool);

pub(crate) struct SubmissionFilter {
    pub(crate) status: Option<&'static str>,
    pub(crate) contact: Option<Uuid>,
    pub(crate) sort: Sort,
}

pub(crate) struct ContactFilter {
    pub(crate) q: Query,
    pub(crate) tag: Query,
    pub(crate) metadata: Metadata,
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
                ON CONFLICT (lower(email)) DO UPDATE SET revision = c.revision RETURNING c.id),
            made AS (
                INSERT INTO submissions (id, contact_id, name, email, subject, message, metadata, status)
                SELECT $2, contact.id, $3, $4, $5, $6, $7, $8 FROM contact
                RETURNING id, contact_id, created_at),
            told AS (INSERT INTO outbox (subject, kind) SELECT id, 'submission.created' FROM made)
            SELECT id, contact_id, created_at FROM made";
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
            query.and("contact_id = {}", contact);
        }
        let connection = self.pool.get().await?;
        let count = if count { Some(query.count(&connection, "submissions").await?) } else { None };
        let (rows, next_cursor) = query.page(&connection, SUBMISSION, "submissions", filter.sort, page).await?;
        Ok(api::ListSubmissionsResponse { items: rows.iter().map(submission).collect(), next_cursor, count })
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
        lock(&tx, "submissions", "submission", id, if_revision).await?;
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
        audit(&tx, caller, "update", "submission", id).await?;
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
        lock(&tx, "submissions", "submission", id, if_revision).await?;
        tx.execute("DELETE FROM submissions WHERE id = $1", &[&id]).await?;
        audit(&tx, caller, "delete", "submission", id).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn create_contact(
        &self,
        caller: &Caller,
        new: &NewContact,
        key: Option<Idempotency>,
    ) -> Result<api::Contact, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("create_contact").await?;
        if let Some(key) = &key
            && let Claim::Replay(bytes) = key.claim(&tx, caller, "create_contact").await?
        {
            return Ok(api::Contact::decode(&bytes[..]).map_err(decoding)?);
        }
        let id = Uuid::now_v7();
        let sql = format!(
            "INSERT INTO contacts (id, name, email, phone, company, tags, metadata)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {CONTACT}"
        );
        let (name, email, phone) = (new.name.as_str(), new.email.as_str(), new.phone.as_str());
        let (company, tags, metadata) = (new.company.as_str(), new.tags.as_slice(), Json(new.metadata.as_map()));
        let row = tx.query_one(&sql, &[&id, &name, &email, &phone, &company, &tags, &metadata]).await.map_err(taken)?;
        let created = contact(&row);
        audit(&tx, caller, "create", "contact", id).await?;
        if let Some(key) = &key {
            key.keep(&tx, caller, "create_contact", &created.encode_to_vec()).await?;
        }
        tx.commit().await?;
        Ok(created)
    }

    pub(crate) async fn get_contact(&self, id: Uuid) -> Result<api::Contact, Error> {
        const SQL: &str =
            "SELECT id, name, email, phone, company, tags, metadata::text, created_at, updated_at, revision
             FROM contacts WHERE id = $1";
        let row = self.pool.look_up(SQL, &[&id]).await?;
        Ok(contact(&row.ok_or(Error::NotFound("contact"))?))
    }

    pub(crate) async fn list_contacts(
        &self,
        filter: &ContactFilter,
        page: &PageRequest,
        count: bool,
    ) -> Result<api::ListContactsResponse, Error> {
        let connection = self.pool.get().await?;
        let mut query = Filter::default();
        let q = filter.q.as_str();
        if !q.is_empty() {
            let part = format!("%{}%", q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
            query.and(&format!("({SEARCHED} LIKE lower({{}})"), part);
            if q.chars().count() >= TYPOS_FROM {
                query.also(&format!(" OR (lower({{}}) <% {SEARCHED}"), q.to_owned());
                query.also(&format!(" AND resembles({SEARCHED}, lower({{}})))"), q.to_owned());
                connection.execute(TYPOS, &[]).await?;
            }
            query.conditions.push(')');
        }
        if !filter.tag.as_str().is_empty() {
            query.and("tags @> ARRAY[{}::text]", filter.tag.as_str().to_owned());
        }
        if !filter.metadata.is_empty() {
            query.and("metadata @> {}", Json(filter.metadata.as_map().clone()));
        }
        let count = if count { Some(query.count(&connection, "contacts").await?) } else { None };
        let (rows, next_cursor) = query.page(&connection, CONTACT, "contacts", filter.sort, page).await?;
        Ok(api::ListContactsResponse { items: rows.iter().map(contact).collect(), next_cursor, count })
    }

    pub(crate) async fn update_contact(
        &self,
        caller: &Caller,
        id: Uuid,
        patch: ContactPatch,
        if_revision: Option<i64>,
    ) -> Result<api::Contact, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("update_contact").await?;
        lock(&tx, "contacts", "contact", id, if_revision).await?;
        let metadata = match patch.metadata {
            None => None,
            Some(changes) => {
                let row = tx.query_one("SELECT metadata FROM contacts WHERE id = $1", &[&id]).await?;
                let merged = Metadata::stored(row.get(0)).merged(changes);
                Some(merged.map_err(|detail| Fault::field("metadata", detail))?)
            }
        };
        let sql = format!(
            "UPDATE contacts SET name = coalesce($2, name), email = coalesce($3, email), phone = coalesce($4, phone),
                company = coalesce($5, company), tags = coalesce($6, tags), metadata = coalesce($7, metadata),
                updated_at = now(), revision = revision + 1
             WHERE id = $1 RETURNING {CONTACT}"
        );
        let (name, email) = (patch.name.as_ref().map(|n| n.as_str()), patch.email.as_ref().map(|e| e.as_str()));
        let (phone, company) = (patch.phone.as_ref().map(|p| p.as_str()), patch.company.as_ref().map(|c| c.as_str()));
        let (tags, metadata) = (patch.tags.as_ref().map(Tags::as_slice), metadata.as_ref().map(|m| Json(m.as_map())));
        let row = tx.query_one(&sql, &[&id, &name, &email, &phone, &company, &tags, &metadata]).await.map_err(taken)?;
        audit(&tx, caller, "update", "contact", id).await?;
        tx.commit().await?;
        Ok(contact(&row))
    }

    /// With its submissions, spam from its address included: they are messages of that person.
    pub(crate) async fn delete_contact(
        &self,
        caller: &Caller,
        id: Uuid,
        if_revision: Option<i64>,
    ) -> Result<(), Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("delete_contact").await?;
        lock(&tx, "contacts", "contact", id, if_revision).await?;
        tx.execute("DELETE FROM submissions WHERE contact_id = $1", &[&id]).await?;
        tx.execute(
            "DELETE FROM submissions USING contacts AS c
             WHERE c.id = $1 AND contact_id IS NULL AND lower(submissions.email) = lower(c.email)",
            &[&id],
        )
        .await?;
        tx.execute("DELETE FROM contacts WHERE id = $1", &[&id]).await?;
        audit(&tx, caller, "delete", "contact", id).await?;
        Ok(tx.commit().await?)
    }

    /// The last word counts.
    pub(crate) async fn decide_link(
        &self,
        caller: &Caller,
        contact: Uuid,
        document: Uuid,
        confirmed: bool,
    ) -> Result<(), Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("decide_link").await?;
        lock(&tx, "contacts", "contact", contact, None).await?;
        tx.execute(
            "INSERT INTO links (contact_id, document_id, confirmed) VALUES ($1, $2, $3)
             ON CONFLICT (contact_id, document_id) DO UPDATE SET confirmed = $3, decided_at = now()",
            &[&contact, &document, &confirmed],
        )
        .await?;
        audit(&tx, caller, if confirmed { "link" } else { "unlink" }, "contact", contact).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn count_visit(&self, reason: &str) -> Result<i64, Error> {
        const SQL: &str = "SELECT count_visit((now() AT TIME ZONE 'utc')::date, $1)";
        Ok(self.pool.get().await?.query_one(SQL, &[&reason]).await?.get(0))
    }

    pub(crate) async fn visits(&self, from: Date, to: Date) -> Result<api::GetVisitsResponse, Error> {
        let connection = self.pool.get().await?;
        let days = connection
            .query(
                "SELECT day::date, coalesce(sum(count) FILTER (WHERE reason = ''), 0)::bigint,
                        coalesce(sum(count) FILTER (WHERE reason <> ''), 0)::bigint
                 FROM generate_series($1::date, $2::date, interval '1 day') AS day
                 LEFT JOIN visit_days USING (day) GROUP BY day ORDER BY day",
                &[&from, &to],
            )
            .await?;
        let reasons = connection
            .query(
                "SELECT reason, sum(count)::bigint FROM visit_days
                 WHERE day BETWEEN $1 AND $2 AND reason <> '' GROUP BY reason",
                &[&from, &to],
            )
            .await?;
        let day = |row: &Row| api::get_visits_response::Day {
            day: row.get::<_, Date>(0).to_string(),
            visits: row.get(1),
            bots: row.get(2),
        };
        let days: Vec<_> = days.iter().map(day).collect();
        Ok(api::GetVisitsResponse {
            total_visits: days.iter().map(|d| d.visits).sum(),
            total_bots: days.iter().map(|d| d.bots).sum(),
            days,
            bot_reasons: reasons.iter().map(|row| (row.get(0), row.get(1))).collect(),
        })
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

/// Locks the row, and refuses when it is not there or not as the caller knows it.
async fn lock(
    tx: &Transaction<'_>,
    table: &str,
    what: &'static str,
    id: Uuid,
    if_revision: Option<i64>,
) -> Result<(), Error> {
    let row = tx.query_opt(&format!("SELECT revision FROM {table} WHERE id = $1 FOR UPDATE"), &[&id]).await?;
    let revision: i64 = row.ok_or(Error::NotFound(what))?.get(0);
    if if_revision.is_some_and(|wanted| wanted != revision) { Err(Error::Stale) } else { Ok(()) }
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

fn taken(error: pg::Error) -> Error {
    if error.is_constraint("contacts_email") { Error::EmailTaken } else { error.into() }
}

fn decoding(error: prost::DecodeError) -> pg::Error {
    pg::Error::Other(error.into())
}

fn micros(row: &Row, column: usize) -> i64 {
    row.get::<_, Timestamp>(column).as_microsecond()
}

fn contact(row: &Row) -> api::Contact {
    api::Contact {
        id: row.get::<_, Uuid>(0).to_string(),
        name: row.get(1),
        email: row.get(2),
        phone: row.get(3),
        company: row.get(4),
        tags: row.get(5),
        metadata: row.get(6),
        created_at: micros(row, 7),
        updated_at: micros(row, 8),
        revision: row.get(9),
    }
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
