//! The SQL of the suggestions.
//!
//! What somebody else has asked must not show what the caller may not read, not even that it was
//! asked. So a past query is suggested only when its words stand, next to each other and in this
//! order, on a page that the caller may read **now**: whatever is suggested, the caller could have read.
//! That leaves out queries that exclude something, or are misspelt, or are the beginning of a word.

use chassis::{Caller, Role};
use pg::{Error, Row, types::ToSql};
use uuid::Uuid;

use super::{Store, who};

/// Titles, keywords and contacts that are compared with what was typed.
const COMPARED: i64 = 200;
/// Past queries that are looked at for one suggestion, the most frequent first.
const PAST_QUERIES: i64 = 200;
/// Past queries that are kept, the most frequent first.
const REMEMBERED: i64 = 300;
const REMEMBERED_DAYS: i32 = 30;
/// Fewer may be chance, or one person on one day.
const LEAST_ASKED: i64 = 3;
const LEAST_DAYS: i64 = 2;
/// Pages that are looked at for the collections in which a past query is found.
const LOOKED_AT: i64 = 1_000;

/// A completion.
#[derive(Debug)]
pub(crate) struct Suggestion {
    pub(crate) text: String,
    pub(crate) kind: String,
    pub(crate) document_id: Option<Uuid>,
    pub(crate) contact_id: Option<Uuid>,
}

impl Store {
    /// Titles, keywords and past queries that begin like `q`, and titles that are near it, among what
    /// the caller may see; with `contacts`, contacts as well, which anybody may see who is signed in.
    pub(crate) async fn suggest(
        &self,
        caller: &Caller,
        q: &str,
        limit: i64,
        contacts: bool,
    ) -> Result<Vec<Suggestion>, Error> {
        const SQL: &str = "
            WITH visible AS MATERIALIZED (SELECT ARRAY(SELECT documents.visible_collections($1, $2)) AS ids),
            -- Those that begin so stand together in an index; of the others not more are compared than matter.
            begun AS MATERIALIZED (
                SELECT d.title, d.id, d.created_at FROM documents.searchable_documents d
                WHERE d.collection_id = ANY ((SELECT ids FROM visible)::uuid[])
                  AND lower(d.title) >= $3 AND lower(d.title) < $3 || $8
                ORDER BY lower(d.title), d.id LIMIT $5),
            similar_titles AS (
                SELECT d.title, d.id, d.created_at FROM documents.searchable_documents d
                WHERE (SELECT count(*) FROM begun) < $5 AND d.collection_id = ANY ((SELECT ids FROM visible)::uuid[])
                  AND (lower(d.title) LIKE '% ' || $4 OR length($3) >= 3 AND $3 OPERATOR(public.<%) lower(d.title))
                LIMIT $9),
            -- Only for what is left, and not for a few letters, which begin too much alike: each candidate is looked at.
            misspelt_titles AS (
                SELECT d.title, d.id, d.created_at FROM documents.searchable_documents d
                WHERE length($3) >= 5 AND (SELECT count(*) FROM begun) + (SELECT count(*) FROM similar_titles) < $5
                  AND d.collection_id = ANY ((SELECT ids FROM visible)::uuid[]) AND lower(d.title) OPERATOR(public.%) $3
                LIMIT $9),
            titles AS (
                SELECT d.title AS text, 'title' AS kind, d.id,
                    (lower(d.title) LIKE $4) AS begins, public.word_similarity($3, lower(d.title)) AS near
                FROM (SELECT * FROM begun UNION SELECT * FROM similar_titles UNION SELECT * FROM misspelt_titles) d
                ORDER BY begins DESC, near DESC, d.created_at DESC LIMIT $5),
            keywords AS (
                SELECT DISTINCT ON (lower(k.term)) k.term AS text, 'keyword' AS kind, k.document_id AS id,
                    true AS begins, public.similarity($3, lower(k.term)) AS near
                FROM (SELECT k.* FROM documents.searchable_keywords k
                      WHERE k.collection_id = ANY ((SELECT ids FROM visible)::uuid[])
                        AND lower(k.term) >= $3 AND lower(k.term) < $3 || $8
                      ORDER BY lower(k.term), k.document_id LIMIT $9) k
                ORDER BY lower(k.term), k.created_at DESC),
            frequent AS MATERIALIZED (
                SELECT q.* FROM past_queries q, visible v
                WHERE q.text LIKE $4 AND q.text <> $3 AND q.collection_id = ANY (v.ids)
                ORDER BY q.asked DESC, q.text LIMIT $6),
            asked AS (
                SELECT DISTINCT ON (q.text) q.text, 'query' AS kind, q.document_id AS id,
                    true AS begins, public.word_similarity($3, q.text) AS near
                FROM visible v CROSS JOIN frequent q
                JOIN documents.searchable_documents d ON d.id = q.document_id AND d.collection_id = ANY (v.ids)
                JOIN documents.searchable_pages p ON p.document_id = q.document_id AND p.number = q.page
                WHERE p.tsv @@ q.phrase
                ORDER BY q.text, d.created_at DESC, d.id),
            -- Trigrams know nothing of one or two letters.
            named AS MATERIALIZED (
                SELECT c.name, c.email, c.id, true AS begins, 1::real AS near FROM contacts.suggestable_contacts c
                WHERE $7 AND c.beginning >= $3 AND c.beginning < $3 || $8 ORDER BY c.beginning, c.id LIMIT $5),
            known AS (
                SELECT c.name, c.email, c.id, c.known_as LIKE $4 OR c.known_as LIKE '% ' || $4 AS begins,
                    public.word_similarity($3, c.known_as) AS near
                FROM (SELECT * FROM contacts.suggestable_contacts c
                      WHERE $7 AND length($3) >= 3 AND (SELECT count(*) FROM named) < $5
                        AND ($3 OPERATOR(public.<%) c.known_as OR c.known_as LIKE '%' || $4)
                      LIMIT $9) c
                ORDER BY begins DESC, near DESC, c.id LIMIT $5),
            people AS (
                SELECT DISTINCT ON (id) CASE WHEN name = '' THEN email ELSE name || ' <' || email || '>' END AS text,
                    'contact' AS kind, id, begins, near
                FROM (SELECT * FROM named UNION ALL SELECT * FROM known) c ORDER BY id, begins DESC, near DESC)
            SELECT text, kind, id
            FROM (SELECT *, row_number() OVER (PARTITION BY lower(text), kind IN ('title', 'contact') ORDER BY kind, id) AS nth
                  FROM (SELECT * FROM titles UNION ALL SELECT * FROM keywords UNION ALL SELECT * FROM asked
                        UNION ALL SELECT * FROM people) s) s
            WHERE nth = 1 OR kind IN ('title', 'contact')
            ORDER BY begins DESC, near DESC, kind DESC, text, id LIMIT $5";
        let (user, role) = who(caller);
        let begins = format!("{}%", q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let connection = self.pool.get().await?;
        let (contacts, last) = (contacts && caller.require(Role::Viewer).is_ok(), char::MAX.to_string());
        let parameters: [&(dyn ToSql + Sync); 9] =
            [&user, &role, &q, &begins, &limit, &PAST_QUERIES, &contacts, &last, &COMPARED];
        let rows = connection.query(SQL, &parameters).await?;
        let suggestion = |row: &Row| {
            let (kind, id): (String, Uuid) = (row.get("kind"), row.get("id"));
            let (document_id, contact_id) = if kind == "contact" { (None, Some(id)) } else { (Some(id), None) };
            Suggestion { text: row.get("text"), kind, document_id, contact_id }
        };
        Ok(rows.iter().map(suggestion).collect())
    }

    /// Looks which past queries may be suggested, and on which pages they stand.
    pub(crate) async fn remember_queries(&self) -> Result<(), Error> {
        const FREQUENT: &str = "
            SELECT text, count(*) FROM queries
            WHERE hits > 0 AND length(text) BETWEEN 3 AND 100 AND at > now() - make_interval(days => $1)
            GROUP BY text
            HAVING count(*) >= $2 AND count(DISTINCT (at AT TIME ZONE 'UTC')::date) >= $3
            ORDER BY count(*) DESC, text LIMIT $4";
        const PAGES: &str = "
            SELECT DISTINCT ON (d.collection_id) d.collection_id, p.document_id, p.number
            FROM (SELECT document_id, number FROM documents.searchable_pages
                  WHERE tsv @@ $1::text::tsquery LIMIT $2) p
            JOIN documents.searchable_documents d ON d.id = p.document_id
            ORDER BY d.collection_id, d.created_at DESC, p.number";
        const PUT: &str = "
            INSERT INTO past_queries (text, phrase, asked, collection_id, document_id, page)
            SELECT t, f::tsquery, a, c, d, p
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::uuid[], $6::int[]) AS u (t, f, a, c, d, p)
            ON CONFLICT DO NOTHING";
        let mut connection = self.pool.get().await?;
        let frequent = connection.query(FREQUENT, &[&REMEMBERED_DAYS, &LEAST_ASKED, &LEAST_DAYS, &REMEMBERED]).await?;
        let (mut texts, mut phrases, mut asked) = (Vec::<String>::new(), Vec::<String>::new(), Vec::<i64>::new());
        let (mut collections, mut documents, mut pages) = (Vec::<Uuid>::new(), Vec::<Uuid>::new(), Vec::<i32>::new());
        for query in &frequent {
            let text: String = query.get(0);
            let Some(phrase) = as_written(&text) else { continue };
            for page in connection.query(PAGES, &[&phrase, &LOOKED_AT]).await? {
                texts.push(text.clone());
                phrases.push(phrase.clone());
                asked.push(query.get(1));
                collections.push(page.get(0));
                documents.push(page.get(1));
                pages.push(page.get(2));
            }
        }
        let transaction = connection.begin("remember_queries").await?;
        transaction.execute("DELETE FROM past_queries", &[]).await?;
        transaction.execute(PUT, &[&texts, &phrases, &asked, &collections, &documents, &pages]).await?;
        transaction.commit().await
    }
}

/// The text as a phrase whose words are as written and not stems of others; `None` when it is more
/// than words, for then part of it might not be looked for.
fn as_written(text: &str) -> Option<String> {
    let plain =
        !text.is_empty() && text.split(' ').all(|word| !word.is_empty() && word.chars().all(char::is_alphanumeric));
    plain.then(|| text.split(' ').map(|word| format!("'{word}':C")).collect::<Vec<_>>().join(" <-> "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_become_a_phrase() {
        assert_eq!(as_written("walrus").as_deref(), Some("'walrus':C"));
        assert_eq!(as_written("größe 2026").as_deref(), Some("'größe':C <-> '2026':C"));
        for text in ["", "walrus -secret", "\"walrus care\"", "<secret> walrus", "o'neill", "walrus  care", "walrus 🐳"]
        {
            assert_eq!(as_written(text), None, "{text:?}");
        }
    }
}
