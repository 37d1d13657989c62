//! The SQL that writes the query log.

use jiff::Timestamp;
use pg::Error;
use uuid::Uuid;

use super::Store;
use crate::log;

impl Store {
    /// Writes queries into the log.
    pub(crate) async fn log_queries(&self, queries: &[log::Query]) -> Result<(), Error> {
        // Arrays of arrays would all have to be of one length: the documents come one after the other.
        const SQL: &str = "INSERT INTO queries (id, at, text, hits, engine, degraded, took_ms, found)
            SELECT id, at, text, hits, engine, degraded, took, ($8::uuid[])[first + 1 : first + many]
            FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::bigint[], $5::text[], $6::bool[], $7::float8[],
                        $9::int[], $10::int[]) AS q (id, at, text, hits, engine, degraded, took, first, many)
            ON CONFLICT DO NOTHING";
        let column = |of: fn(&log::Query) -> Uuid| queries.iter().map(of).collect::<Vec<_>>();
        let ids = column(|q| q.id);
        let at: Vec<Timestamp> = queries.iter().map(|q| q.at).collect();
        let texts: Vec<&str> = queries.iter().map(|q| q.text.as_str()).collect();
        let hits: Vec<i64> = queries.iter().map(|q| q.hits).collect();
        let engines: Vec<&str> = queries.iter().map(|q| q.engine).collect();
        let degraded: Vec<bool> = queries.iter().map(|q| q.degraded).collect();
        let took: Vec<f64> = queries.iter().map(|q| q.took_ms).collect();
        let found: Vec<Uuid> = queries.iter().flat_map(|q| q.found.iter().copied()).collect();
        let many: Vec<i32> = queries.iter().map(|q| i32::try_from(q.found.len()).unwrap_or_default()).collect();
        let first: Vec<i32> = many.iter().scan(0, |next, many| Some(std::mem::replace(next, *next + many))).collect();
        let connection = self.pool.get().await?;
        let columns: [&(dyn pg::types::ToSql + Sync); 10] =
            [&ids, &at, &texts, &hits, &engines, &degraded, &took, &found, &first, &many];
        connection.execute(SQL, &columns).await.map(drop)
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
