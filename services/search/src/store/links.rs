//! Which documents name which contacts. Nothing of it is stored but what people said: an answer
//! follows from the contacts and the documents as they are.

use chassis::Caller;
use jiff::Timestamp;
use pg::{Error, PageRequest, Row, types::Json};
use uuid::Uuid;

use super::{Store, who};
use crate::links::{Contact, Link, Page};

/// Text that is looked through for the evidence, in characters.
const TEXT: i32 = 65_536;
/// Documents of one contact that are searched in.
const NAMING: i64 = 10_000;
/// Contacts of one document.
const CONTACTS: i64 = 200;

/// A page, and what of it is looked at, where an entity `$kind` of `$value` stands in document `d`.
macro_rules! page_with {
    ($name:literal, $kind:literal, $value:literal) => {
        concat!(
            "LEFT JOIN LATERAL (
                SELECT p.number, left(p.text, $2) AS text FROM documents.searchable_pages p
                WHERE p.document_id = d.id AND p.number = (
                    SELECT min(e.page) FROM jsonb_to_recordset(
                        CASE jsonb_typeof(d.insights -> 'entities') WHEN 'array' THEN d.insights -> 'entities' ELSE '[]' END)
                        AS e (kind text, value text, page int)
                    WHERE e.kind = '", $kind, "' AND e.value = ", $value, ")) ", $name, " ON ", $value, " <> ''"
        )
    };
}

/// The first page with the whole name of contact `c` in document `d`.
macro_rules! page_with_name {
    () => {
        "LEFT JOIN LATERAL (
            SELECT p.number, left(p.text, $2) AS text FROM documents.searchable_pages p
            WHERE p.document_id = d.id AND p.tsv @@ phraseto_tsquery('pg_catalog.simple', c.full_name)
            ORDER BY p.number LIMIT 1) named ON c.full_name <> ''"
    };
}

macro_rules! link {
    () => {
        "SELECT d.id AS document_id, d.title, d.media_type, d.collection_id, d.created_at,
            c.id AS contact_id, c.name, c.email, coalesce(l.confirmed, false) AS confirmed,
            by_email.number AS email_page, by_email.text AS email_text,
            by_phone.number AS phone_page, by_phone.text AS phone_text,
            named.number AS name_page, named.text AS name_text, c.address, c.number AS phone, c.full_name "
    };
}

/// `$1` the contact.
const OF_CONTACT: &str = concat!(
    "WITH found AS (
        SELECT d.id FROM unnest($3::jsonb[]) AS e (entity)
              JOIN documents.searchable_documents d ON d.insights @> e.entity
        UNION SELECT p.document_id FROM unnest($4::text[]) AS n (full_name)
              JOIN documents.searchable_pages p ON p.tsv @@ phraseto_tsquery('pg_catalog.simple', n.full_name)
        UNION SELECT document_id FROM contacts.decided_links WHERE contact_id = $1 AND confirmed),
     shown AS (
        SELECT d.* FROM found JOIN documents.searchable_documents d USING (id)
        WHERE d.collection_id = ANY (ARRAY(SELECT documents.visible_collections($5, $6)))
          AND ($7::uuid IS NULL OR d.id < $7)
          AND NOT EXISTS (SELECT FROM contacts.decided_links l
                          WHERE l.contact_id = $1 AND l.document_id = d.id AND NOT l.confirmed)
        ORDER BY d.id DESC LIMIT $8) ",
    link!(),
    "FROM shown d JOIN contacts.linkable_contacts c ON c.id = $1
     LEFT JOIN contacts.decided_links l ON l.contact_id = c.id AND l.document_id = d.id ",
    page_with!("by_email", "email", "c.address"),
    page_with!("by_phone", "phone", "c.number"),
    page_with_name!(),
    " ORDER BY d.id DESC"
);

/// `$1` the document.
const OF_DOCUMENT: &str = concat!(
    "WITH shown AS MATERIALIZED (
        SELECT d.* FROM documents.searchable_documents d
        WHERE d.id = $1 AND d.collection_id = ANY (ARRAY(SELECT documents.visible_collections($3, $4)))),
     entities AS (
        SELECT e.kind, e.value FROM shown d CROSS JOIN LATERAL jsonb_to_recordset(
            CASE jsonb_typeof(d.insights -> 'entities') WHEN 'array' THEN d.insights -> 'entities' ELSE '[]' END)
            AS e (kind text, value text)),
     words AS MATERIALIZED (
        SELECT DISTINCT w.lexeme FROM shown d JOIN documents.searchable_pages p ON p.document_id = d.id
        CROSS JOIN LATERAL unnest(p.tsv) w),
     found AS (
        SELECT c.id FROM entities e JOIN contacts.linkable_contacts c ON e.kind = 'email' AND c.address = e.value
        UNION SELECT c.id FROM entities e JOIN contacts.linkable_contacts c ON e.kind = 'phone' AND c.number = e.value
        UNION SELECT c.id FROM words w JOIN contacts.linkable_contacts c ON c.last_name = w.lexeme AND c.full_name <> ''
              WHERE EXISTS (SELECT FROM documents.searchable_pages p WHERE p.document_id = $1
                            AND p.tsv @@ phraseto_tsquery('pg_catalog.simple', c.full_name))
        UNION SELECT l.contact_id FROM contacts.decided_links l WHERE l.document_id = $1 AND l.confirmed) ",
    link!(),
    "FROM shown d CROSS JOIN found JOIN contacts.linkable_contacts c ON c.id = found.id
     LEFT JOIN contacts.decided_links l ON l.contact_id = c.id AND l.document_id = d.id ",
    page_with!("by_email", "email", "c.address"),
    page_with!("by_phone", "phone", "c.number"),
    page_with_name!(),
    " WHERE coalesce(l.confirmed, true) ORDER BY lower(c.name), c.id LIMIT $5"
);

impl Store {
    /// What a contact is known by: by itself, and by each one that is part of it. Nothing when there is none.
    pub(crate) async fn linkable(&self, id: Uuid) -> Result<Vec<Contact>, Error> {
        const SQL: &str = "SELECT address, number, full_name FROM contacts.linkable_contacts WHERE id = $1";
        let rows = self.pool.get().await?.query(SQL, &[&id]).await?;
        let known = |row: &Row| Contact { id, address: row.get(0), number: row.get(1), full_name: row.get(2) };
        Ok(rows.iter().map(known).collect())
    }

    /// The newest documents that name the contact, whoever may see them; none when there is no such
    /// contact.
    pub(crate) async fn documents_naming(&self, contact: Uuid) -> Result<Vec<Uuid>, Error> {
        const SQL: &str = "
            WITH known AS MATERIALIZED (SELECT address, number, full_name FROM contacts.linkable_contacts WHERE id = $1),
            entities AS MATERIALIZED (
                SELECT jsonb_build_object('entities', jsonb_build_array(jsonb_build_object('kind', e.kind, 'value', e.value)))
                    AS entity
                FROM known CROSS JOIN LATERAL (VALUES ('email', address), ('phone', number)) AS e (kind, value)
                WHERE e.value <> ''),
            found AS (
                SELECT d.id FROM entities e JOIN documents.searchable_documents d ON d.insights @> e.entity
                UNION SELECT p.document_id FROM known k JOIN documents.searchable_pages p
                    ON p.tsv @@ phraseto_tsquery('pg_catalog.simple', k.full_name) WHERE k.full_name <> ''
                UNION SELECT document_id FROM contacts.decided_links WHERE contact_id = $1 AND confirmed)
            SELECT id FROM found f
            WHERE NOT EXISTS (SELECT FROM contacts.decided_links l
                              WHERE l.contact_id = $1 AND l.document_id = f.id AND NOT l.confirmed)
            ORDER BY id DESC LIMIT $2";
        let rows = self.pool.get().await?.query(SQL, &[&contact, &NAMING]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Documents that name the contact, the newest first, with the cursor of the next ones.
    pub(crate) async fn documents_of(
        &self,
        caller: &Caller,
        known: &[Contact],
        page: &PageRequest,
    ) -> Result<(Vec<Link>, String), Error> {
        let (user, role) = who(caller);
        let after = page.after.as_ref().map(|(_, id)| *id);
        let contact = known.first().map(|contact| contact.id);
        let addresses = known.iter().map(|contact| ("email", &contact.address));
        let numbers = known.iter().map(|contact| ("phone", &contact.number));
        let named = addresses.chain(numbers).filter(|(_, value)| !value.is_empty());
        let entities: Vec<_> = named.map(|(kind, value)| entity(kind, value)).collect();
        let names: Vec<_> =
            known.iter().map(|contact| contact.full_name.as_str()).filter(|name| !name.is_empty()).collect();
        let rows = self
            .pool
            .get()
            .await?
            .query(OF_CONTACT, &[&contact, &TEXT, &entities, &names, &user, &role, &after, &page.fetch()])
            .await?;
        let links = strongest(rows.iter().map(link), |link| link.document_id);
        Ok(page.split(links, |link| (String::new(), link.document_id)))
    }

    /// Contacts that the document names; none when the caller sees no such document.
    pub(crate) async fn contacts_of(&self, caller: &Caller, document: Uuid) -> Result<Vec<Link>, Error> {
        let (user, role) = who(caller);
        let connection = self.pool.get().await?;
        let rows = connection.query(OF_DOCUMENT, &[&document, &TEXT, &user, &role, &CONTACTS]).await?;
        Ok(strongest(rows.iter().map(link), |link| link.contact.id))
    }
}

/// Of what a contact is known by several times, the one that shows most. Rows of the same stand together.
fn strongest(links: impl Iterator<Item = Link>, same: impl Fn(&Link) -> Uuid) -> Vec<Link> {
    let mut kept: Vec<Link> = Vec::new();
    for link in links {
        match kept.last_mut().filter(|last| same(last) == same(&link)) {
            None => kept.push(link),
            Some(last) if last.confidence() < link.confidence() => *last = link,
            Some(_) => {}
        }
    }
    kept
}

/// As insights hold it.
fn entity(kind: &str, value: &str) -> Json<serde_json::Value> {
    Json(serde_json::json!({"entities": [{"kind": kind, "value": value}]}))
}

fn link(row: &Row) -> Link {
    let page = |number: &str, text: &str| {
        let number: Option<i32> = row.get(number);
        number.map(|number| Page { number, text: row.get::<_, Option<String>>(text).unwrap_or_default() })
    };
    let contact = Contact {
        id: row.get("contact_id"),
        address: row.get("address"),
        number: row.get("phone"),
        full_name: row.get("full_name"),
    };
    Link {
        document_id: row.get("document_id"),
        title: row.get("title"),
        media_type: row.get("media_type"),
        collection_id: row.get("collection_id"),
        created_at: row.get::<_, Timestamp>("created_at"),
        name: row.get("name"),
        email: row.get("email"),
        confirmed: row.get("confirmed"),
        by_email: page("email_page", "email_text"),
        by_phone: page("phone_page", "phone_text"),
        by_name: page("name_page", "name_text"),
        contact,
    }
}
