//! The SQL of contacts → documents → the searches that found them.

use chassis::Caller;
use jiff::civil::Date;
use pg::{Error, Row, types::ToSql};
use proto::search::contact_searches::{Contact, Document, Search};
use uuid::Uuid;

use super::{Store, analytics::start, who};

/// Documents that are looked at, those that were found most first.
const DOCUMENTS: i64 = 100;
const DOCUMENTS_SHOWN: usize = 20;
const SEARCHES_SHOWN: usize = 10;

/// `$1` to `$2` days, `$3` and `$4` who asks. A row for each contact, document and text.
const FOUND: &str = "
    WITH asked AS MATERIALIZED (
        SELECT q.id, q.text, f.document_id
        FROM queries q CROSS JOIN LATERAL unnest(q.found) AS f (document_id)
        WHERE q.at >= $1 AND q.at < $2::timestamptz + interval '1 day' AND q.text <> ''),
    counted AS MATERIALIZED (
        SELECT a.document_id, a.text, count(*) AS searches, count(c.query_id) AS clicks
        FROM asked a LEFT JOIN clicks c ON c.query_id = a.id AND c.document_id = a.document_id
        GROUP BY 1, 2),
    shown AS MATERIALIZED (
        SELECT d.id, d.title, d.insights
        FROM (SELECT document_id, sum(searches) AS searches FROM counted GROUP BY 1) n
        JOIN documents.searchable_documents d ON d.id = n.document_id
        WHERE d.collection_id = ANY (ARRAY(SELECT documents.visible_collections($3, $4)))
        ORDER BY n.searches DESC, d.id LIMIT $5),
    entities AS MATERIALIZED (
        SELECT d.id, e.kind, e.value FROM shown d CROSS JOIN LATERAL jsonb_to_recordset(
            CASE jsonb_typeof(d.insights -> 'entities') WHEN 'array' THEN d.insights -> 'entities' ELSE '[]' END)
            AS e (kind text, value text)),
    words AS MATERIALIZED (
        SELECT DISTINCT d.id, w.lexeme FROM shown d JOIN documents.searchable_pages p ON p.document_id = d.id
        CROSS JOIN LATERAL unnest(p.tsv) w),
    linked AS (
        SELECT e.id AS document_id, c.id FROM entities e
            JOIN contacts.linkable_contacts c ON e.kind = 'email' AND c.address = e.value
        UNION SELECT e.id, c.id FROM entities e
            JOIN contacts.linkable_contacts c ON e.kind = 'phone' AND c.number = e.value
        UNION SELECT w.id, c.id FROM words w
            JOIN contacts.linkable_contacts c ON c.last_name = w.lexeme AND c.full_name <> ''
            WHERE EXISTS (SELECT FROM documents.searchable_pages p WHERE p.document_id = w.id
                          AND p.tsv @@ phraseto_tsquery('pg_catalog.simple', c.full_name))
        UNION SELECT l.document_id, l.contact_id FROM contacts.decided_links l JOIN shown d ON d.id = l.document_id
            WHERE l.confirmed)
    SELECT c.id, c.name, c.email, d.id AS document_id, d.title, n.text, n.searches, n.clicks
    FROM linked l
    JOIN LATERAL (SELECT k.id, k.name, k.email FROM contacts.linkable_contacts k WHERE k.id = l.id LIMIT 1) c ON true
    JOIN shown d ON d.id = l.document_id
    JOIN counted n ON n.document_id = d.id
    WHERE NOT EXISTS (SELECT FROM contacts.decided_links r
                      WHERE r.contact_id = c.id AND r.document_id = d.id AND NOT r.confirmed)
    ORDER BY sum(n.searches) OVER (PARTITION BY c.id) DESC, c.id,
        sum(n.searches) OVER (PARTITION BY c.id, d.id) DESC, d.id, n.searches DESC, n.text";

impl Store {
    /// Both days included; contacts whose documents were found most first.
    pub(crate) async fn contact_searches(
        &self,
        caller: &Caller,
        (from, to): (Date, Date),
        limit: usize,
    ) -> Result<Vec<Contact>, Error> {
        let ((user, role), from, to) = (who(caller), start(from)?, start(to)?);
        let parameters: [&(dyn ToSql + Sync); 5] = [&from, &to, &user, &role, &DOCUMENTS];
        let rows = self.pool.get().await?.query(FOUND, &parameters).await?;
        let mut contacts: Vec<Contact> = Vec::new();
        for row in &rows {
            let id = row.get::<_, Uuid>("id").to_string();
            if contacts.last().is_none_or(|last| last.contact_id != id) {
                if contacts.len() == limit {
                    break;
                }
                contacts.push(contact(id, row));
            }
            if let Some(contact) = contacts.last_mut() {
                add(contact, row);
            }
        }
        Ok(contacts)
    }
}

fn contact(contact_id: String, row: &Row) -> Contact {
    Contact { contact_id, name: row.get("name"), email: row.get("email"), searches: 0, documents: Vec::new() }
}

fn add(contact: &mut Contact, row: &Row) {
    let search = Search { text: row.get("text"), searches: row.get("searches"), clicks: row.get("clicks") };
    contact.searches += search.searches;
    let document_id = row.get::<_, Uuid>("document_id").to_string();
    let room = contact.documents.len() < DOCUMENTS_SHOWN;
    match contact.documents.last_mut() {
        Some(document) if document.document_id == document_id && document.searches.len() < SEARCHES_SHOWN => {
            document.searches.push(search);
        }
        Some(document) if document.document_id == document_id => {}
        _ if room => contact.documents.push(Document { document_id, title: row.get("title"), searches: vec![search] }),
        _ => {}
    }
}
