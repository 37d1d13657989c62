use chassis::{Caller, Fault};
use pg::{Idempotency, PageRequest, Row, idempotency::Claim, types::Json};
use prost::Message;
use proto::contacts as api;
use serde_json::json;
use uuid::Uuid;

use super::{Filter, Record, Sort, Store, audit, decoding, lock, micros, part_of};
use crate::{
    domain::{ContactPatch, Metadata, NewContact, Query, Tags},
    error::Error,
};

/// Shorter words are like too many others.
const TYPOS_FROM: usize = 4;
/// How much of a word must agree (trigrams, 0 to 1) to be looked at closely: the default, 0.6, does
/// not even see Meier for Maier. The setting stays with the connection; nothing else depends on it.
const TYPOS: &str = "SELECT set_config('pg_trgm.word_similarity_threshold', '0.3', false)";
/// In the list of tags.
const TAGS: i64 = 200;
/// What is searched, as the trigram index has it.
const SEARCHED: &str = "lower(name || ' ' || email || ' ' || company)";
pub(super) const CONTACT: &str =
    "id, name, email, phone, company, tags, metadata::text, created_at, updated_at, revision";

pub(crate) struct ContactFilter {
    pub(crate) q: Query,
    pub(crate) tag: Query,
    pub(crate) metadata: Metadata,
    pub(crate) sort: Sort,
}

impl Store {
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
            let kept = api::Contact::decode(&bytes[..]).map_err(decoding)?;
            return Ok(api::Contact { replayed: true, ..kept });
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
        audit(&tx, caller, "create", Record::Contact, id, &json!({})).await?;
        if let Some(key) = &key {
            key.keep(&tx, caller, "create_contact", &created.encode_to_vec()).await?;
        }
        tx.commit().await?;
        Ok(created)
    }

    pub(crate) async fn get_contact(&self, id: Uuid) -> Result<api::Contact, Error> {
        const SQL: &str =
            "SELECT id, name, email, phone, company, tags, metadata::text, created_at, updated_at, revision
             FROM contacts WHERE id = $1 AND merged_into IS NULL";
        let row = self.pool.look_up(SQL, &[&id]).await?;
        Ok(contact(&row.ok_or(Error::NotFound("contact"))?))
    }

    /// The contact that this one is part of, or is, with all its parts.
    pub(crate) async fn get_whole_contact(&self, id: Uuid) -> Result<api::WholeContact, Error> {
        let sql = format!(
            "SELECT {CONTACT}, ARRAY(SELECT part.id FROM contacts part WHERE part.merged_into = contacts.id ORDER BY part.id)
             FROM contacts WHERE id = (SELECT coalesce(merged_into, id) FROM contacts WHERE id = $1)"
        );
        let row = self.pool.get().await?.query_opt(&sql, &[&id]).await?.ok_or(Error::NotFound("contact"))?;
        let parts = row.get::<_, Vec<Uuid>>(10).iter().map(ToString::to_string).collect();
        Ok(api::WholeContact { contact: Some(contact(&row)), parts })
    }

    pub(crate) async fn list_contacts(
        &self,
        filter: &ContactFilter,
        page: &PageRequest,
        count: bool,
    ) -> Result<api::ListContactsResponse, Error> {
        let connection = self.pool.get().await?;
        let mut query = Filter::default();
        query.conditions.push_str(" AND merged_into IS NULL");
        let q = filter.q.as_str();
        if !q.is_empty() {
            // Found by what its parts are called, too.
            let whole = "id IN (SELECT coalesce(merged_into, id) FROM contacts WHERE ";
            query.and(&format!("{whole}{SEARCHED} LIKE lower({{}})"), part_of(&filter.q));
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
        lock(&tx, Record::Contact, id, if_revision).await?;
        let before = contact(&tx.query_one(&format!("SELECT {CONTACT} FROM contacts WHERE id = $1"), &[&id]).await?);
        let metadata = match patch.metadata {
            None => None,
            Some(changes) => {
                let merged = Metadata::parse(&before.metadata).and_then(|stored| stored.merged(changes));
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
        let after = contact(&row);
        audit(&tx, caller, "update", Record::Contact, id, &json!({"fields": differing(&before, &after)})).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// With those that are part of it and all their submissions, spam from their addresses included: they
    /// are messages of that person.
    pub(crate) async fn delete_contact(
        &self,
        caller: &Caller,
        id: Uuid,
        if_revision: Option<i64>,
    ) -> Result<(), Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("delete_contact").await?;
        lock(&tx, Record::Contact, id, if_revision).await?;
        let sql = "SELECT id, lower(email) FROM contacts WHERE id = $1 OR merged_into = $1 ORDER BY id FOR UPDATE";
        let rows = tx.query(sql, &[&id]).await?;
        let parts: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        let addresses: Vec<&str> = rows.iter().map(|row| row.get(1)).collect();
        for part in &parts {
            tx.execute("DELETE FROM submissions WHERE contact_id = $1", &[part]).await?;
        }
        let spam = "DELETE FROM submissions WHERE contact_id IS NULL AND lower(email) = ANY ($1)";
        tx.execute(spam, &[&addresses]).await?;
        let forget = "UPDATE merges SET taken = '{}' WHERE source_id = ANY ($1) OR target_id = ANY ($1)";
        tx.execute(forget, &[&parts]).await?;
        // In one statement, so that no part points to what is gone.
        tx.execute("DELETE FROM contacts WHERE id = ANY ($1)", &[&parts]).await?;
        audit(&tx, caller, "delete", Record::Contact, id, &json!({})).await?;
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
        lock(&tx, Record::Contact, contact, None).await?;
        tx.execute(
            "INSERT INTO links (contact_id, document_id, confirmed) VALUES ($1, $2, $3)
             ON CONFLICT (contact_id, document_id) DO UPDATE SET confirmed = $3, decided_at = now()",
            &[&contact, &document, &confirmed],
        )
        .await?;
        let action = if confirmed { "link" } else { "unlink" };
        audit(&tx, caller, action, Record::Contact, contact, &json!({"document_id": document})).await?;
        Ok(tx.commit().await?)
    }

    /// The most frequent first.
    pub(crate) async fn list_tags(&self) -> Result<Vec<api::list_tags_response::Tag>, Error> {
        let sql = "SELECT tag, count(*) FROM contacts CROSS JOIN unnest(tags) AS tag WHERE merged_into IS NULL
                   GROUP BY tag ORDER BY count(*) DESC, tag LIMIT $1";
        let rows = self.pool.get().await?.query(sql, &[&TAGS]).await?;
        let tag = |row: &Row| api::list_tags_response::Tag { name: row.get(0), contacts: row.get(1) };
        Ok(rows.iter().map(tag).collect())
    }
}

/// Names of the fields that are not the same.
pub(super) fn differing(before: &api::Contact, after: &api::Contact) -> Vec<&'static str> {
    let fields = [
        ("name", before.name != after.name),
        ("email", before.email != after.email),
        ("phone", before.phone != after.phone),
        ("company", before.company != after.company),
        ("tags", before.tags != after.tags),
        ("metadata", before.metadata != after.metadata),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

fn taken(error: pg::Error) -> Error {
    if error.is_constraint("contacts_email") { Error::EmailTaken } else { error.into() }
}

pub(super) fn contact(row: &Row) -> api::Contact {
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
        replayed: false,
    }
}
