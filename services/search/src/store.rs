//! The only SQL. Documents are read through the views that their owner publishes, and only those in
//! `documents.visible_collections(user, role)`.

mod analytics;
mod links;
mod suggest;

pub(crate) use suggest::Suggestion;

use std::collections::HashMap;

use chassis::Caller;
use jiff::Timestamp;
use pg::{Error, Pool, Row};
use uuid::Uuid;

use crate::{
    domain::{Filters, Question, Term, Terms},
    engine::MOST_HIDDEN,
    fallback::{self, Analysis, Compiled},
    log,
};

/// Pages whose rank is computed, the newest documents first: reading what ranking needs is the
/// expensive part of a query for a frequent word.
const RANKED_PAGES: i64 = 1_000;
/// Documents whose title has some of the words.
const TITLES: i64 = 100;
/// Written words that are looked at for each word that may have a typo.
const NEAR: i64 = 20;
const FACET_VALUES: i64 = 100;
/// Documents that are looked for beside the engine.
const FRESH_DOCUMENTS: i64 = 100;

/// What a caller may see and wants to see: `$1` to `$8`, of the view as `d`. The collections are made
/// an array so that the function is asked once and not for every row.
macro_rules! shown {
    () => {
        "d.collection_id = ANY (ARRAY(SELECT documents.visible_collections($1, $2)))
         AND ($3::uuid IS NULL OR d.collection_id = $3)
         AND ($4::text IS NULL OR d.language = $4)
         AND ($5::text IS NULL OR d.media_type = $5)
         AND ($6::text IS NULL OR $6 = ANY (d.tags))
         AND ($7::timestamptz IS NULL OR d.created_at >= $7)
         AND ($8::timestamptz IS NULL OR d.created_at < $8)"
    };
}

/// Pages that match `$9` (`$10`: some of its words, `$11`: none of these): by their text, or
/// together with the title of their document.
macro_rules! matched {
    () => {
        concat!(
            "texts AS MATERIALIZED (
                SELECT p.document_id, p.number FROM documents.searchable_pages p WHERE p.tsv @@ $9::text::tsquery),
             matched AS MATERIALIZED (
                SELECT p.document_id, p.number, d.created_at, true AS in_text
                FROM texts p JOIN documents.searchable_documents d ON d.id = p.document_id
                WHERE ($11::text IS NULL OR NOT d.title_tsv @@ $11::text::tsquery) AND ",
            shown!(),
            " UNION ALL
                SELECT t.id, coalesce(p.number, 1), t.created_at, false
                FROM (SELECT d.id, d.created_at, d.title_tsv FROM documents.searchable_documents d
                      WHERE d.title_tsv @@ $10::text::tsquery AND ",
            shown!(),
            "         ORDER BY d.title_tsv @@ $9::text::tsquery DESC, d.created_at DESC LIMIT $12) t
                LEFT JOIN LATERAL (
                    SELECT s.number FROM documents.searchable_pages s
                    WHERE s.document_id = t.id AND (t.title_tsv || s.tsv) @@ $9::text::tsquery
                    ORDER BY s.number LIMIT 1) p ON true
                WHERE p.number IS NOT NULL OR t.title_tsv @@ $9::text::tsquery)"
        )
    };
}

const FIND: &str = concat!(
    "WITH ",
    matched!(),
    ", counted AS MATERIALIZED (
        SELECT document_id, count(*) FILTER (WHERE in_text) AS pages FROM matched GROUP BY 1),
     candidates AS (
        SELECT document_id, number FROM (
            SELECT document_id, number, max(created_at) AS created_at FROM matched GROUP BY 1, 2) m
        ORDER BY created_at DESC, document_id, number LIMIT greatest($13::bigint, 2 * ($14::bigint + $15::bigint))),
     ranked AS (
        SELECT DISTINCT ON (c.document_id) c.document_id, c.number,
            ts_rank_cd('{0.2, 0.4, 0.4, 1.0}', d.title_tsv || coalesce(p.tsv, ''), $9::text::tsquery, 33) AS score
        FROM candidates c
        JOIN documents.searchable_documents d ON d.id = c.document_id
        LEFT JOIN documents.searchable_pages p ON p.document_id = c.document_id AND p.number = c.number
        ORDER BY c.document_id, score DESC, c.number),
     best AS (
        SELECT r.*, d.title, d.collection_id, d.media_type, d.language, d.page_count, d.created_at
        FROM ranked r JOIN documents.searchable_documents d ON d.id = r.document_id
        ORDER BY r.score DESC, d.created_at DESC, r.document_id LIMIT $14 OFFSET $15)
     SELECT t.total, b.document_id, b.number, b.score::float8, b.title, b.collection_id, b.media_type, b.language,
        b.page_count, left(p.text, 262144) AS text, c.pages AS pages_matched
     FROM (SELECT count(*) AS total FROM counted) t
     LEFT JOIN best b ON true
     LEFT JOIN counted c ON c.document_id = b.document_id
     LEFT JOIN documents.searchable_pages p ON p.document_id = b.document_id AND p.number = b.number
     ORDER BY b.score DESC, b.created_at DESC, b.document_id"
);

/// Among the documents `$9`, those that match `$10`, the best first.
const FRESH: &str = concat!(
    "WITH best AS (
        SELECT DISTINCT ON (d.id) d.id AS document_id, coalesce(p.number, 1) AS number,
            ts_rank_cd('{0.2, 0.4, 0.4, 1.0}', d.title_tsv || coalesce(p.tsv, ''), $10::text::tsquery, 33)::float8 AS score,
            d.title, d.collection_id, d.media_type, d.language, d.page_count, d.created_at, left(p.text, 262144) AS text,
            count(*) FILTER (WHERE p.tsv @@ $10::text::tsquery) OVER (PARTITION BY d.id) AS pages_matched
        FROM documents.searchable_documents d
        LEFT JOIN documents.searchable_pages p ON p.document_id = d.id
        WHERE d.id = ANY ($9) AND (d.title_tsv || coalesce(p.tsv, '')) @@ $10::text::tsquery AND ",
    shown!(),
    "   ORDER BY d.id, score DESC, number)
     SELECT (SELECT count(*) FROM best) AS total, * FROM best ORDER BY score DESC, created_at DESC, document_id"
);

const NEWEST: &str = concat!(
    "WITH newest AS (SELECT d.* FROM documents.searchable_documents d WHERE ",
    shown!(),
    " ORDER BY d.created_at DESC, d.id LIMIT $9 OFFSET $10)
     SELECT t.total, d.id AS document_id, coalesce(p.number, 1) AS number, 0::float8 AS score, d.title, d.collection_id,
        d.media_type, d.language, d.page_count, left(p.text, 4096) AS text, 0::bigint AS pages_matched
     FROM (SELECT count(*) AS total FROM documents.searchable_documents d WHERE ",
    shown!(),
    ") t LEFT JOIN newest d ON true
     LEFT JOIN documents.searchable_pages p ON p.document_id = d.id AND p.number = 1
     ORDER BY d.created_at DESC, d.id"
);

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

/// `$1` to `$8` of what is shown.
fn shown<'a>(who: &'a (Option<Uuid>, &'static str), f: &'a Filters) -> Parameters<'a> {
    vec![&who.0, &who.1, &f.collection_id, &f.language, &f.media_type, &f.tag, &f.from, &f.before]
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
            "SELECT d.id AS document_id, d.version, d.title, d.collection_id, d.media_type, d.language, d.page_count
             FROM documents.searchable_documents d WHERE d.id = ANY ($9) AND ",
            shown!()
        );
        let who = who(caller);
        let mut parameters = shown(&who, filters);
        parameters.push(&ids);
        let rows = self.pool.get().await?.query(SQL, &parameters).await?;
        Ok(rows.iter().map(|row| document(row, row.get("version"))).map(|d| (d.id, d)).collect())
    }

    /// The documents added last.
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
                facets(&connection.query(&SQL.replace("$F", "$9"), &parameters).await?)
            }
        };
        parameters.extend([&question.limit as &(dyn pg::types::ToSql + Sync), &question.offset]);
        let rows = connection.query(NEWEST, &parameters).await?;
        Ok(PagesFound { facets, ..pages_found(&rows) })
    }

    /// Full-text search: all words, or when nothing has them all, any of them.
    pub(crate) async fn find(&self, caller: &Caller, question: &Question) -> Result<PagesFound, Error> {
        let Some(compiled) = self.compile(&question.terms).await? else {
            return Ok(PagesFound::default());
        };
        let mut found = self.find_compiled(caller, question, &compiled, &compiled.all).await?;
        if found.total == 0
            && let Some(any) = &compiled.any
        {
            found = self.find_compiled(caller, question, &compiled, any).await?;
        }
        found.matches = compiled.matches;
        Ok(found)
    }

    /// All of these documents, which the engine does not have yet, that have all the words.
    pub(crate) async fn find_fresh(
        &self,
        caller: &Caller,
        question: &Question,
        fresh: &[Uuid],
    ) -> Result<PagesFound, Error> {
        if fresh.is_empty() {
            return Ok(PagesFound::default());
        }
        let Some(compiled) = self.compile(&question.terms).await? else {
            return Ok(PagesFound::default());
        };
        let who = who(caller);
        let mut parameters = shown(&who, &question.filters);
        parameters.extend([&fresh as &(dyn pg::types::ToSql + Sync), &compiled.all]);
        let connection = self.pool.get().await?;
        let mut found = pages_found(&connection.query(FRESH, &parameters).await?);
        if !question.facets.is_empty() {
            const SQL: &str = concat!("WITH found AS (SELECT unnest($1::uuid[]) AS id) ", facets_of_found!());
            let ids: Vec<Uuid> = found.pages.iter().map(|page| page.document.id).collect();
            found.facets = facets(&connection.query(&SQL.replace("$F", "$2"), &[&ids, &FACET_VALUES]).await?);
        }
        found.matches = compiled.matches;
        Ok(found)
    }

    async fn find_compiled(
        &self,
        caller: &Caller,
        question: &Question,
        compiled: &Compiled,
        query: &str,
    ) -> Result<PagesFound, Error> {
        let who = who(caller);
        let mut parameters = shown(&who, &question.filters);
        // Exclusions alone: any title will do.
        let some = compiled.some.as_deref().unwrap_or(query);
        parameters.extend([&query as &(dyn pg::types::ToSql + Sync), &some, &compiled.not, &TITLES]);
        let connection = self.pool.get().await?;
        let facets = match question.facets.is_empty() {
            true => HashMap::new(),
            false => {
                const SQL: &str = concat!(
                    "WITH ",
                    matched!(),
                    ", found AS (SELECT DISTINCT document_id AS id FROM matched) ",
                    facets_of_found!()
                );
                let mut parameters = parameters.clone();
                parameters.push(&FACET_VALUES);
                facets(&connection.query(&SQL.replace("$F", "$13"), &parameters).await?)
            }
        };
        parameters.extend([&RANKED_PAGES as &(dyn pg::types::ToSql + Sync), &question.limit, &question.offset]);
        let rows = connection.query(FIND, &parameters).await?;
        Ok(PagesFound { facets, ..pages_found(&rows) })
    }

    /// What PostgreSQL's parser, its languages and the vocabulary say about the words.
    async fn compile(&self, terms: &Terms) -> Result<Option<Compiled>, Error> {
        const SQL: &str = "
            SELECT t.place,
                (SELECT coalesce(array_agg(l.lexeme ORDER BY l.positions[1]), '{}')
                 FROM unnest(to_tsvector('pg_catalog.simple', t.text)) l) AS lexemes,
                (SELECT coalesce(array_agg(DISTINCT s.lexeme), '{}')
                 FROM (SELECT DISTINCT documents.text_configuration(language) AS configuration
                       FROM unnest($4::text[]) language) c,
                      unnest(to_tsvector(c.configuration, t.text)) s
                 WHERE t.word AND s.lexeme <> lower(t.text)) AS stems,
                CASE WHEN t.mend AND NOT EXISTS (
                    SELECT FROM documents.search_vocabulary v
                    WHERE v.word = t.text OR (t.prefix AND v.word >= t.text AND v.word < t.text || $5))
                THEN (SELECT coalesce(array_agg(n.word ORDER BY n.near DESC, n.word), '{}') FROM (
                    SELECT w.word, public.similarity(w.word, t.text) AS near FROM (
                        SELECT v.word FROM documents.search_vocabulary v WHERE v.word OPERATOR(public.%) t.text
                        UNION
                        SELECT regexp_split_to_table(d.title, '[^[:alnum:]]+') FROM (
                            SELECT lower(d.title) AS title FROM documents.searchable_documents d
                            WHERE t.text OPERATOR(public.<%) lower(d.title) LIMIT $6) d) w
                    WHERE w.word <> '' ORDER BY 2 DESC, 1 LIMIT $6) n)
                ELSE '{}' END AS near,
                coalesce((SELECT y.others FROM synonyms y WHERE t.word AND y.word = t.text), '{}') AS synonyms
            FROM unnest($1::text[], $2::bool[], $3::bool[], $7::bool[])
                WITH ORDINALITY AS t (text, word, prefix, mend, place)
            ORDER BY t.place";
        let (mut texts, mut words, mut prefixes, mut mend) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for term in &terms.0 {
            let (text, word, prefix) = match term {
                Term::Word { text, prefix } => (text, true, *prefix),
                Term::Phrase(text) | Term::Not(text) => (text, false, false),
            };
            let text = text.to_lowercase();
            mend.push(word && fallback::typos_allowed(&text) > 0);
            texts.push(text);
            words.push(word);
            prefixes.push(prefix);
        }
        let mut connection = self.pool.get().await?;
        let transaction = connection.begin("read_vocabulary").await?;
        transaction.execute(THRESHOLDS, &[]).await?;
        let languages: Vec<String> = transaction.query(LANGUAGES, &[]).await?.iter().map(|row| row.get(0)).collect();
        let last = char::MAX.to_string();
        let rows = transaction.query(SQL, &[&texts, &words, &prefixes, &languages, &last, &NEAR, &mend]).await?;
        transaction.commit().await?;
        let analyses: Vec<Analysis> = rows
            .iter()
            .zip(texts.iter().zip(&prefixes))
            .map(|(row, (text, prefix))| {
                let written: Vec<String> = row.get("near");
                let mut near = fallback::mended(text, *prefix, &written);
                near.extend(row.get::<_, Vec<String>>("synonyms"));
                Analysis { lexemes: row.get("lexemes"), stems: row.get("stems"), near }
            })
            .collect();
        Ok(fallback::compile(terms, &analyses))
    }

    /// Writes queries into the log.
    pub(crate) async fn log_queries(&self, queries: &[log::Query]) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO queries (id, at, text, hits, engine, degraded, took_ms)
            SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::bigint[], $5::text[], $6::bool[], $7::float8[])
            ON CONFLICT DO NOTHING";
        let column = |of: fn(&log::Query) -> Uuid| queries.iter().map(of).collect::<Vec<_>>();
        let ids = column(|q| q.id);
        let at: Vec<Timestamp> = queries.iter().map(|q| q.at).collect();
        let texts: Vec<&str> = queries.iter().map(|q| q.text.as_str()).collect();
        let hits: Vec<i64> = queries.iter().map(|q| q.hits).collect();
        let engines: Vec<&str> = queries.iter().map(|q| q.engine).collect();
        let degraded: Vec<bool> = queries.iter().map(|q| q.degraded).collect();
        let took: Vec<f64> = queries.iter().map(|q| q.took_ms).collect();
        let connection = self.pool.get().await?;
        connection.execute(SQL, &[&ids, &at, &texts, &hits, &engines, &degraded, &took]).await.map(drop)
    }

    /// Writes clicks into the log; those on queries that are not in it are left out.
    pub(crate) async fn log_clicks(&self, clicks: &[log::Click]) -> Result<(), Error> {
        const SQL: &str = "INSERT INTO clicks (query_id, document_id, rank, at)
            SELECT c.* FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[]) AS c (query_id, document_id, rank, at)
            JOIN queries q ON q.id = c.query_id
            ON CONFLICT DO NOTHING";
        let queries: Vec<Uuid> = clicks.iter().map(|c| c.query_id).collect();
        let documents: Vec<Uuid> = clicks.iter().map(|c| c.document_id).collect();
        let ranks: Vec<i32> = clicks.iter().map(|c| c.rank).collect();
        let at: Vec<Timestamp> = clicks.iter().map(|c| c.at).collect();
        self.pool.get().await?.execute(SQL, &[&queries, &documents, &ranks, &at]).await.map(drop)
    }
}

/// How near a word must be to be looked at: low enough for two letters swapped in a short word.
const THRESHOLDS: &str = "SELECT set_config('pg_trgm.similarity_threshold', '0.25', true),
    set_config('pg_trgm.word_similarity_threshold', '0.4', true)";

/// The languages that documents have; looks at every document and at no text.
const LANGUAGES: &str = "SELECT DISTINCT language FROM documents.searchable_documents";

fn document(row: &Row, version: i32) -> Document {
    Document {
        id: row.get("document_id"),
        version,
        title: row.get("title"),
        collection_id: row.get("collection_id"),
        media_type: row.get("media_type"),
        language: row.get("language"),
        page_count: row.get("page_count"),
    }
}

/// The total stands in every row; a single row without a document says that there is none here.
fn pages_found(rows: &[Row]) -> PagesFound {
    let page = |row: &Row| PageFound {
        document: document(row, 0),
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
