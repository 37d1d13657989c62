//! The only SQL. Documents are read through the views that their owner publishes, and only those in
//! `documents.visible_collections(user, role)`.

mod analytics;
mod found;
mod links;
mod log;
mod suggest;
mod words;

pub(crate) use suggest::Suggestion;

use std::collections::HashMap;

use chassis::Caller;
use jiff::Timestamp;
use pg::{Error, Pool, Row};
use uuid::Uuid;

use crate::{
    domain::{Filters, Order, Question},
    engine::MOST_HIDDEN,
};

const FACET_VALUES: i64 = 100;
/// Documents that are looked for beside the engine.
const FRESH_DOCUMENTS: i64 = 100;

/// What a caller wants to see: `$3` to `$9`, of the view as `d`.
macro_rules! wanted {
    () => {
        "($3::uuid IS NULL OR d.collection_id = $3)
         AND ($4::text IS NULL OR d.language = $4)
         AND ($5::text IS NULL OR d.media_type = $5)
         AND ($6::text IS NULL OR $6 = ANY (d.tags))
         AND ($7::timestamptz IS NULL OR d.created_at >= $7)
         AND ($8::timestamptz IS NULL OR d.created_at < $8)
         AND ($9::uuid[] IS NULL OR d.id = ANY ($9))"
    };
}

/// What a caller may see and wants to see: `$1` to `$9`, of the view as `d`. The collections are made
/// an array so that the function is asked once and not for every row.
macro_rules! shown {
    () => {
        concat!("d.collection_id = ANY (ARRAY(SELECT documents.visible_collections($1, $2))) AND ", wanted!())
    };
}

/// All of them, by when they were added.
macro_rules! by_age {
    ($direction:literal) => {
        concat!(
            "WITH shown AS (SELECT d.* FROM documents.searchable_documents d WHERE ",
            shown!(),
            " ORDER BY d.created_at ",
            $direction,
            ", d.id LIMIT $10 OFFSET $11)
             SELECT t.total, d.id AS document_id, coalesce(p.number, 1) AS number, 0::float8 AS score, d.version, d.title,
                d.collection_id, d.media_type, d.language, d.page_count, d.created_at, left(p.text, 4096) AS text,
                0::bigint AS pages_matched
             FROM (SELECT count(*) AS total FROM documents.searchable_documents d WHERE ",
            shown!(),
            ") t LEFT JOIN shown d ON true
             LEFT JOIN documents.searchable_pages p ON p.document_id = d.id AND p.number = 1
             ORDER BY d.created_at ",
            $direction,
            ", d.id"
        )
    };
}
const NEWEST: &str = by_age!("DESC");
const OLDEST: &str = by_age!("ASC");

/// Counts the values of all facets over the documents of `found`.
macro_rules! facets_of_found {
    () => {
        "SELECT name, value, count FROM (
            SELECT name, value, count(*) AS count, row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, value) AS place
            FROM documents.searchable_documents d
            CROSS JOIN LATERAL (
                SELECT 'collection_id' AS name, d.collection_id::text AS value
                UNION ALL SELECT 'language', d.language
                UNION ALL SELECT 'media_type', d.media_type
                UNION ALL SELECT 'tag', unnest(d.tags)) v
            WHERE d.id IN (SELECT id FROM found) GROUP BY name, value) f
         WHERE place <= $F ORDER BY name, place"
    };
}

// Below the macros, which it uses.
mod find;

/// A hit that the caller may see, as the truth has it.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) id: Uuid,
    pub(crate) version: i32,
    pub(crate) title: String,
    pub(crate) collection_id: Uuid,
    pub(crate) media_type: String,
    pub(crate) language: String,
    pub(crate) page_count: i32,
    pub(crate) created_at: Timestamp,
}

/// A hit that PostgreSQL found itself.
#[derive(Debug)]
pub(crate) struct PageFound {
    pub(crate) document: Document,
    pub(crate) page: i32,
    pub(crate) pages_matched: i64,
    pub(crate) score: f64,
    pub(crate) text: String,
}

/// What PostgreSQL found.
#[derive(Debug, Default)]
pub(crate) struct PagesFound {
    pub(crate) pages: Vec<PageFound>,
    pub(crate) total: i64,
    pub(crate) facets: HashMap<String, Vec<(String, i64)>>,
    /// What to mark.
    pub(crate) matches: Vec<crate::snippet::Match>,
}

/// What a caller may see of what the engine may have.
#[derive(Debug, Default)]
pub(crate) struct Visible {
    pub(crate) collections: Vec<Uuid>,
    /// Documents that the engine may have in one of these collections, while they are no longer
    /// there: neither they nor their number may show.
    pub(crate) hidden: Vec<Uuid>,
    /// Documents, visible or not, that PostgreSQL has and the engine is still waiting for.
    pub(crate) fresh: Vec<Uuid>,
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: Pool,
}

/// The caller as `documents.visible_collections` takes it.
fn who(caller: &Caller) -> (Option<Uuid>, &'static str) {
    (caller.user_id(), caller.kind())
}

type Parameters<'a> = Vec<&'a (dyn pg::types::ToSql + Sync)>;

/// `$1` to `$9` of what is shown.
fn shown<'a>(who: &'a (Option<Uuid>, &'static str), f: &'a Filters) -> Parameters<'a> {
    vec![&who.0, &who.1, &f.collection_id, &f.language, &f.media_type, &f.tag, &f.from, &f.before, &f.documents]
}

impl Store {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// What the caller may see of what the engine may have.
    pub(crate) async fn visible(&self, caller: &Caller) -> Result<Visible, Error> {
        const SQL: &str = "
            WITH visible AS MATERIALIZED (SELECT ARRAY(SELECT documents.visible_collections($1, $2)) AS ids)
            SELECT v.ids, ARRAY(
                SELECT u.document_id FROM documents.search_unsettled u
                WHERE NOT EXISTS (SELECT FROM documents.searchable_documents d
                                  WHERE d.id = u.document_id AND d.collection_id = ANY (v.ids)) LIMIT $3),
                ARRAY(SELECT document_id FROM documents.search_fresh LIMIT $4)
            FROM visible v";
        let (user, role) = who(caller);
        let most = MOST_HIDDEN as i64 + 1;
        let row = self.pool.get().await?.query_one(SQL, &[&user, &role, &most, &FRESH_DOCUMENTS]).await?;
        Ok(Visible { collections: row.get(0), hidden: row.get(1), fresh: row.get(2) })
    }

    /// Whether the engine's index holds all it must, as far as is known.
    pub(crate) async fn index_is_complete(&self) -> Result<bool, Error> {
        let rows = self.pool.get().await?.query("SELECT complete FROM documents.search_index_state", &[]).await?;
        Ok(rows.first().is_none_or(|row| row.get(0)))
    }

    /// Of these documents those that the caller may see and wants to see, as they are now.
    pub(crate) async fn current(
        &self,
        caller: &Caller,
        filters: &Filters,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Document>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        const SQL: &str = concat!(
            "SELECT d.id AS document_id, d.version, d.title, d.collection_id, d.media_type, d.language, d.page_count,
                d.created_at
             FROM documents.searchable_documents d WHERE d.id = ANY ($10) AND ",
            shown!()
        );
        let who = who(caller);
        let mut parameters = shown(&who, filters);
        parameters.push(&ids);
        let rows = self.pool.get().await?.query(SQL, &parameters).await?;
        Ok(rows.iter().map(document).map(|d| (d.id, d)).collect())
    }

    /// The documents added last, or first.
    pub(crate) async fn newest(&self, caller: &Caller, question: &Question) -> Result<PagesFound, Error> {
        let who = who(caller);
        let mut parameters = shown(&who, &question.filters);
        let connection = self.pool.get().await?;
        let facets = match question.facets.is_empty() {
            true => HashMap::new(),
            false => {
                const SQL: &str = concat!(
                    "WITH found AS (SELECT d.id FROM documents.searchable_documents d WHERE ",
                    shown!(),
                    ") ",
                    facets_of_found!()
                );
                let mut parameters = parameters.clone();
                parameters.push(&FACET_VALUES);
                facets(&connection.query(&SQL.replace("$F", "$10"), &parameters).await?)
            }
        };
        parameters.extend([&question.limit as &(dyn pg::types::ToSql + Sync), &question.offset]);
        let sql = if question.order == Order::Oldest { OLDEST } else { NEWEST };
        let rows = connection.query(sql, &parameters).await?;
        Ok(PagesFound { facets, ..pages_found(&rows) })
    }
}

fn document(row: &Row) -> Document {
    Document {
        id: row.get("document_id"),
        version: row.get("version"),
        title: row.get("title"),
        collection_id: row.get("collection_id"),
        media_type: row.get("media_type"),
        language: row.get("language"),
        page_count: row.get("page_count"),
        created_at: row.get("created_at"),
    }
}

/// The total stands in every row; a single row without a document says that there is none here.
fn pages_found(rows: &[Row]) -> PagesFound {
    let page = |row: &Row| PageFound {
        document: document(row),
        page: row.get("number"),
        pages_matched: row.get::<_, i64>("pages_matched").max(1),
        score: row.get("score"),
        text: row.get::<_, Option<String>>("text").unwrap_or_default(),
    };
    let there = rows.iter().filter(|row| row.get::<_, Option<Uuid>>("document_id").is_some());
    PagesFound {
        pages: there.map(page).collect(),
        total: rows.first().map_or(0, |r| r.get("total")),
        ..PagesFound::default()
    }
}

fn facets(rows: &[Row]) -> HashMap<String, Vec<(String, i64)>> {
    let mut facets = HashMap::<String, Vec<(String, i64)>>::new();
    for row in rows {
        facets.entry(row.get("name")).or_default().push((row.get("value"), row.get("count")));
    }
    facets
}
