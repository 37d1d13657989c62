//! The text of documents and what was derived from it.

use std::collections::{BTreeMap, HashMap};

use chassis::Caller;
use pg::{Row, Transaction};
use proto::documents as api;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{
    Store, VISIBLE, Viewer,
    attachments::drop_gone,
    decoding,
    events::event,
    micros,
    reread::{keep, worse},
    work::{HELD, LeaseKey},
};
use crate::error::Error;

/// Bytes of text in one INSERT, and in one answer.
const BATCH_BYTES: usize = 2 << 20;
/// Pages of one read.
const BATCH_PAGES: i64 = 100;

/// What a file may say of itself: how much, and how long each is.
const PROPERTIES: usize = 40;
const PROPERTY_CHARACTERS: usize = 500;

/// What an extractor made of a document.
#[derive(Debug)]
pub(crate) struct Extracted {
    /// Numbers rise; texts fit.
    pub(crate) pages: Vec<api::Page>,
    pub(crate) extraction: api::Extraction,
    /// The right to this much memory, held until it is written.
    pub(crate) memory: Vec<OwnedSemaphorePermit>,
}

/// The JSON form of insights: in `documents.insights`, as the HTTP API shows it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Insights {
    language: Language,
    keywords: Vec<Keyword>,
    entities: Vec<Entity>,
    summary: String,
    pages: i32,
    words: i64,
    reading_minutes: i32,
    other_languages: Vec<PageLanguage>,
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PageLanguage {
    page: i32,
    #[serde(flatten)]
    language: Language,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Language {
    code: String,
    confidence: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Keyword {
    term: String,
    confidence: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entity {
    kind: String,
    value: String,
    page: i32,
}

impl From<api::Insights> for Insights {
    fn from(i: api::Insights) -> Self {
        // PostgreSQL's text holds no NUL.
        let clean = |text: String| if text.contains('\0') { text.replace('\0', "") } else { text };
        let language = |l: Option<api::insights::Language>| {
            let l = l.unwrap_or_default();
            Language { code: clean(l.code), confidence: l.confidence }
        };
        let short = |text: String| clean(text.chars().take(PROPERTY_CHARACTERS).collect());
        let others = i.other_languages.into_iter();
        Self {
            language: language(i.language),
            other_languages: others.map(|o| PageLanguage { page: o.page, language: language(o.language) }).collect(),
            properties: i.properties.into_iter().map(|(k, v)| (short(k), short(v))).take(PROPERTIES).collect(),
            keywords: i
                .keywords
                .into_iter()
                .map(|k| Keyword { term: clean(k.term), confidence: k.confidence })
                .collect(),
            entities: i
                .entities
                .into_iter()
                .map(|e| Entity { kind: clean(e.kind), value: clean(e.value), page: e.page })
                .collect(),
            summary: clean(i.summary),
            pages: i.pages,
            words: i.words,
            reading_minutes: i.reading_minutes,
        }
    }
}

impl From<Language> for api::insights::Language {
    fn from(language: Language) -> Self {
        Self { code: language.code, confidence: language.confidence }
    }
}

/// As they stand in the table.
pub(super) fn insights(json: Value) -> Result<api::Insights, pg::Error> {
    let i: Insights = serde_json::from_value(json).map_err(decoding)?;
    Ok(api::Insights {
        language: Some(i.language.into()),
        keywords: i
            .keywords
            .into_iter()
            .map(|k| api::insights::Keyword { term: k.term, confidence: k.confidence })
            .collect(),
        entities: i
            .entities
            .into_iter()
            .map(|e| api::insights::Entity { kind: e.kind, value: e.value, page: e.page })
            .collect(),
        summary: i.summary,
        pages: i.pages,
        words: i.words,
        reading_minutes: i.reading_minutes,
        other_languages: i
            .other_languages
            .into_iter()
            .map(|o| api::insights::PageLanguage { page: o.page, language: Some(o.language.into()) })
            .collect(),
        properties: i.properties.into_iter().collect(),
    })
}

impl Store {
    /// Pages and insights in the place of what was there, unless that was better; the work that is left
    /// is to feed the engine. Nothing is written when the lease is lost.
    pub(crate) async fn complete(&self, lease: &LeaseKey, extracted: Extracted) -> Result<(), Error> {
        let Extracted { pages, extraction, memory: _memory } = extracted;
        let insights = Insights::from(extraction.insights.unwrap_or_default());
        let known = |code: &str| if code == "und" { String::new() } else { code.to_owned() };
        let language = known(&insights.language.code);
        let others: HashMap<i32, String> =
            insights.other_languages.iter().map(|other| (other.page, known(&other.language.code))).collect();
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("complete_extraction").await?;
        let sql = "SELECT 1 FROM documents WHERE id = $1 AND version = $2 AND deleted_at IS NULL FOR NO KEY UPDATE";
        tx.query_opt(sql, &[&lease.document, &lease.version]).await?.ok_or(Error::NotFound("lease"))?;
        let sql = format!(
            "UPDATE work w SET kind = 'index', leased_until = now() + make_interval(secs => $4),
                run_after = now() + make_interval(secs => $4)
             WHERE {HELD} AND w.kind <> 'remove'"
        );
        let seconds = self.limits.lease().as_secs_f64();
        if tx.execute(&sql, &[&lease.document, &lease.version, &lease.token, &seconds]).await? == 0 {
            return Err(Error::NotFound("lease"));
        }
        if let Some(why) = worse(&tx, lease, &pages, &extraction.partial).await?
            && keep(&tx, lease.document, lease.version, &why, extraction.extractor_version).await?
        {
            tx.commit().await?;
            self.hints.event(lease.document);
            return Ok(());
        }
        if extraction.attachments_known {
            drop_gone(&tx, lease.document, lease.version).await?;
        }
        let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
        replace_pages(&tx, lease, pages, |page| others.get(&page).unwrap_or(&language).clone()).await?;
        learn_words(&tx, lease.document).await?;
        let json = serde_json::to_value(&insights).map_err(decoding)?;
        replace_keywords(&tx, lease.document, &insights).await?;
        tx.execute(
            "INSERT INTO insights (document_id, version, insights, extractor_version, engine, partial)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (document_id) DO UPDATE SET version = excluded.version, insights = excluded.insights,
                extractor_version = excluded.extractor_version, engine = excluded.engine,
                partial = excluded.partial, kept = '', created_at = now()",
            &[
                &lease.document,
                &lease.version,
                &json,
                &extraction.extractor_version,
                &extraction.engine,
                &extraction.partial,
            ],
        )
        .await?;
        tx.execute(
            "UPDATE documents SET extracted_version = version, page_count = $2, language = $3,
                status = CASE WHEN status = 'ready' THEN 'ready' ELSE 'processing' END,
                failure_code = NULL, failure_detail = NULL, revision = revision + 1, updated_at = now()
             WHERE id = $1",
            &[&lease.document, &count, &language],
        )
        .await?;
        event(&tx, lease.document, lease.version, "extracted", &extraction.partial).await?;
        tx.commit().await?;
        self.hints.event(lease.document);
        Ok(())
    }

    /// The document as the engine is to know it. The lease must hold.
    pub(crate) async fn indexed_document(&self, lease: &LeaseKey) -> Result<api::IndexedDocument, Error> {
        let sql = format!(
            "SELECT d.id, d.version, d.collection_id, d.title, d.file_name, d.media_type, d.language, d.tags,
                    d.created_at, d.page_count
             FROM work w JOIN documents d ON d.id = w.document_id AND d.version = w.version
             WHERE {HELD} AND w.kind = 'index' AND d.extracted_version = d.version AND d.deleted_at IS NULL"
        );
        let connection = self.pool.get().await?;
        let row = connection.query_opt(&sql, &[&lease.document, &lease.version, &lease.token]).await?;
        let row = row.ok_or(Error::NotFound("lease"))?;
        Ok(indexed(&row))
    }

    /// The pages from `first` on, as many as fit a batch; empty after the last.
    pub(crate) async fn pages_from(&self, document: Uuid, version: i32, first: i32) -> Result<Vec<api::Page>, Error> {
        let connection = self.pool.get().await?;
        let most = BATCH_BYTES as i64;
        let rows = connection.query(FITTING, &[&document, &version, &first, &BATCH_PAGES, &most]).await?;
        Ok(rows.iter().map(page).collect())
    }

    /// For people: pages from `first` on.
    pub(crate) async fn text(
        &self,
        caller: &Caller,
        id: Uuid,
        first: i32,
        limit: i64,
    ) -> Result<api::GetTextResponse, Error> {
        let viewer = Viewer::from(caller);
        let connection = self.pool.get().await?;
        let sql = format!(
            "SELECT d.version, CASE WHEN d.extracted_version = d.version THEN d.page_count ELSE 0 END
             FROM documents d WHERE d.id = $4 AND {VISIBLE}"
        );
        let row = connection.query_opt(&sql, &[&viewer.user, &viewer.role, &viewer.sees_trash, &id]).await?;
        let row = row.ok_or(Error::NotFound("document"))?;
        let (version, page_count): (i32, i32) = (row.get(0), row.get(1));
        let most = BATCH_BYTES as i64;
        let rows = connection.query(FITTING, &[&id, &version, &first, &limit, &most]).await?;
        Ok(api::GetTextResponse { pages: rows.iter().map(page).collect(), page_count, version })
    }
}

/// Pages as long as the text before them is less than a batch: at least one, and never more than a
/// message can carry.
const FITTING: &str = "
    SELECT number, text FROM (
        SELECT p.number, p.text, coalesce(sum(octet_length(p.text)) OVER (
            ORDER BY p.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
        FROM pages p WHERE p.document_id = $1 AND p.version = $2 AND p.number >= $3
        ORDER BY p.number LIMIT $4) fitting
    WHERE before < $5 ORDER BY number";

async fn replace_pages(
    tx: &Transaction<'_>,
    lease: &LeaseKey,
    pages: Vec<api::Page>,
    language: impl Fn(i32) -> String,
) -> Result<(), Error> {
    tx.execute("DELETE FROM pages WHERE document_id = $1", &[&lease.document]).await?;
    let (mut numbers, mut texts, mut languages, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut pages = pages.into_iter().peekable();
    while let Some(page) = pages.next() {
        bytes += page.text.len();
        numbers.push(page.number);
        languages.push(language(page.number));
        texts.push(page.text);
        if bytes >= BATCH_BYTES || pages.peek().is_none() {
            tx.execute(
                "INSERT INTO pages (document_id, version, number, text, language, tsv)
                 SELECT $1, $2, p.number, p.text, p.language, page_tsv(p.text, p.language)
                 FROM unnest($3::int[], $4::text[], $5::text[]) AS p(number, text, language)",
                &[&lease.document, &lease.version, &numbers, &texts, &languages],
            )
            .await?;
            (numbers, texts, languages, bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        }
    }
    Ok(())
}

/// Longer than any keyword; nobody types so much, and an index does not take everything.
const SUGGESTED_CHARACTERS: usize = 100;

async fn replace_keywords(tx: &Transaction<'_>, document: Uuid, insights: &Insights) -> Result<(), Error> {
    let terms = insights.keywords.iter().map(|keyword| keyword.term.as_str());
    let terms: Vec<&str> = terms.filter(|term| term.chars().count() <= SUGGESTED_CHARACTERS).collect();
    let sql = "WITH gone AS (DELETE FROM keywords WHERE document_id = $1 AND term <> ALL ($2))
        INSERT INTO keywords (document_id, term) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&document, &terms]).await?;
    Ok(())
}

/// The words of the text and the title. As written, they have weight C. Known ones are left alone, so that nobody waits for anybody over
/// a common word; new ones come in order, so that two documents with the same never deadlock.
pub(super) async fn learn_words(tx: &Transaction<'_>, document: Uuid) -> Result<(), Error> {
    let sql = "INSERT INTO vocabulary (word)
        SELECT DISTINCT t.lexeme FROM (
            SELECT (unnest(p.tsv)).* FROM pages p WHERE p.document_id = $1
            UNION ALL SELECT (unnest(setweight(to_tsvector('pg_catalog.simple', d.title), 'C'))).*
            FROM documents d WHERE d.id = $1) t
        WHERE 'C' = ANY (t.weights) AND t.lexeme ~ '^[[:alpha:]]{3,40}$'
          AND NOT EXISTS (SELECT 1 FROM vocabulary v WHERE v.word = t.lexeme)
        ORDER BY 1 ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&document]).await?;
    Ok(())
}

/// Id, version, collection, title, file name, media type, language, tags, moment of creation, pages.
pub(super) fn indexed(row: &Row) -> api::IndexedDocument {
    api::IndexedDocument {
        document_id: row.get::<_, Uuid>(0).to_string(),
        version: row.get(1),
        collection_id: row.get::<_, Uuid>(2).to_string(),
        title: row.get(3),
        file_name: row.get(4),
        media_type: row.get(5),
        language: row.get(6),
        tags: row.get(7),
        created_at: micros(row, 8),
        page_count: row.get(9),
    }
}

fn page(row: &Row) -> api::Page {
    api::Page { number: row.get(0), text: row.get(1) }
}
