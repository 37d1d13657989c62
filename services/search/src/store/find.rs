//! Full-text search: the pages that match, the best of each document, and what is counted over them.
//!
//! Three things make it quick. What is asked is parsed once, and not for every row that a plan looks at.
//! Each page comes with all that its document is chosen by (`searchable_text`), so documents are looked
//! up once and only to be shown. And no page is read to be ranked beyond the newest of those that match.

use std::collections::HashMap;

use chassis::Caller;
use pg::Error;
use uuid::Uuid;

use super::{FACET_VALUES, PagesFound, Store, facets, pages_found, shown, who};
use crate::{
    domain::{Order, Question},
    fallback::Compiled,
};

/// Pages whose rank is computed, the newest documents first unless the oldest are wanted: reading what ranking needs is the
/// expensive part of a query for a frequent word.
const RANKED_PAGES: i64 = 1_000;
/// Documents whose title has some of the words.
const TITLES: i64 = 100;

/// `texts`: pages that match `$10` by their own text, and whose document's title has none of `$12`.
/// `titles`: documents whose title has some of the words (`$11`), at the page that has the others.
///
/// `OFFSET 0` keeps the planner from beginning with the documents and reading every page of them.
macro_rules! matched {
    () => {
        concat!(
            "asked AS MATERIALIZED (
                SELECT $10::text::tsquery AS wanted, $11::text::tsquery AS part, $12::text::tsquery AS unwanted,
                    ARRAY(SELECT documents.visible_collections($1, $2)) AS visible),
             texts AS MATERIALIZED (
                SELECT d.id AS document_id, d.number, d.created_at, d.tsv,
                    CASE WHEN d.title_tsv @@ (SELECT part FROM asked) THEN d.title_tsv END AS title_tsv
                FROM (SELECT * FROM documents.searchable_text p
                      WHERE p.tsv @@ (SELECT wanted FROM asked) OFFSET 0) d
                WHERE (d.title_tsv @@ (SELECT unwanted FROM asked)) IS NOT TRUE
                  AND d.collection_id = ANY ((SELECT visible FROM asked)::uuid[]) AND ",
            wanted!(),
            "),
             titles AS MATERIALIZED (
                SELECT t.id AS document_id, coalesce(p.number, 1) AS number, t.created_at, p.tsv, t.title_tsv
                FROM (SELECT d.id, d.created_at, d.title_tsv, d.title_tsv @@ (SELECT wanted FROM asked) AS whole
                      FROM documents.searchable_documents d
                      WHERE d.title_tsv @@ (SELECT part FROM asked)
                        AND d.collection_id = ANY ((SELECT visible FROM asked)::uuid[]) AND ",
            wanted!(),
            "         ORDER BY whole DESC, d.created_at DESC LIMIT $13) t
                LEFT JOIN LATERAL (
                    SELECT s.number, s.tsv FROM documents.searchable_pages s
                    WHERE s.document_id = t.id AND (t.title_tsv || s.tsv) @@ (SELECT wanted FROM asked)
                    ORDER BY s.number LIMIT 1) p ON true
                WHERE p.number IS NOT NULL OR t.whole)"
        )
    };
}

/// A title counts for a page only where it has some of the words: putting the two together costs more
/// than ranking. `$direction` is which documents are looked at first, `$order` in which they are shown.
macro_rules! found {
    ($direction:literal, $order:literal) => {
        concat!(
            "WITH ",
            matched!(),
            ", candidates AS (
                SELECT * FROM (SELECT * FROM texts UNION ALL SELECT * FROM titles) m
                ORDER BY created_at ",
            $direction,
            ", document_id, number LIMIT greatest($14::bigint, 2 * ($15::bigint + $16::bigint))),
             ranked AS (
                SELECT DISTINCT ON (document_id) document_id, number, created_at,
                    ts_rank_cd('{0.2, 0.4, 0.4, 1.0}',
                        CASE WHEN title_tsv IS NULL THEN tsv WHEN tsv IS NULL THEN title_tsv ELSE title_tsv || tsv END,
                        (SELECT wanted FROM asked), 33) AS score
                FROM candidates ORDER BY document_id, score DESC, number),
             best AS MATERIALIZED (SELECT * FROM ranked ORDER BY ",
            $order,
            " LIMIT $15 OFFSET $16),
             counted AS (
                SELECT document_id, count(*) AS pages FROM texts
                WHERE document_id = ANY (ARRAY(SELECT document_id FROM best)) GROUP BY 1),
             shown AS (
                SELECT t.total, b.document_id, b.number, b.score::float8 AS score, b.created_at, d.version, d.title,
                    d.collection_id, d.media_type, d.language, d.page_count, left(p.text, 262144) AS text,
                    coalesce(c.pages, 0) AS pages_matched
                FROM (SELECT count(*) AS total
                      FROM (SELECT document_id FROM texts UNION SELECT document_id FROM titles) f) t
                LEFT JOIN best b ON true
                LEFT JOIN counted c ON c.document_id = b.document_id
                LEFT JOIN documents.searchable_documents d ON d.id = b.document_id
                LEFT JOIN documents.searchable_pages p ON p.document_id = b.document_id AND p.number = b.number)
             SELECT * FROM shown ORDER BY ",
            $order
        )
    };
}
const BEST: &str = found!("DESC", "score DESC, created_at DESC, document_id");
const NEWEST: &str = found!("DESC", "created_at DESC, document_id");
const OLDEST: &str = found!("ASC", "created_at, document_id");

/// Among the documents `$10`, those that match `$11`, the best first.
const FRESH: &str = concat!(
    "WITH best AS (
        SELECT DISTINCT ON (d.id) d.id AS document_id, coalesce(p.number, 1) AS number,
            ts_rank_cd('{0.2, 0.4, 0.4, 1.0}', d.title_tsv || coalesce(p.tsv, ''), $11::text::tsquery, 33)::float8 AS score,
            d.version, d.title, d.collection_id, d.media_type, d.language, d.page_count, d.created_at,
            left(p.text, 262144) AS text,
            count(*) FILTER (WHERE p.tsv @@ $11::text::tsquery) OVER (PARTITION BY d.id) AS pages_matched
        FROM documents.searchable_documents d
        LEFT JOIN documents.searchable_pages p ON p.document_id = d.id
        WHERE d.id = ANY ($10) AND (d.title_tsv || coalesce(p.tsv, '')) @@ $11::text::tsquery AND ",
    shown!(),
    "   ORDER BY d.id, score DESC, number)
     SELECT (SELECT count(*) FROM best) AS total, * FROM best ORDER BY score DESC, created_at DESC, document_id"
);

impl Store {
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
                    ", found AS (SELECT document_id AS id FROM texts UNION SELECT document_id FROM titles) ",
                    facets_of_found!()
                );
                let mut parameters = parameters.clone();
                parameters.push(&FACET_VALUES);
                facets(&connection.query(&SQL.replace("$F", "$14"), &parameters).await?)
            }
        };
        parameters.extend([&RANKED_PAGES as &(dyn pg::types::ToSql + Sync), &question.limit, &question.offset]);
        let sql = match question.order {
            Order::Best => BEST,
            Order::Newest => NEWEST,
            Order::Oldest => OLDEST,
        };
        let rows = connection.query(sql, &parameters).await?;
        Ok(PagesFound { facets, ..pages_found(&rows) })
    }
}
