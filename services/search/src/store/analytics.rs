//! The SQL of the analytics: the query log, and what other owners publish for counting.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use pg::{Error, Row};
use proto::search::{
    Overview, Searches, Synonym,
    overview::{Day, Numbers},
    searches::{Query, Rank},
};

use super::Store;

/// Days that queries stay in the log.
const KEPT_DAYS: i32 = 90;

/// The days from `$1` to `$2`, each with what happened on it.
const DAYS: &str = "
    WITH span AS (SELECT day::date FROM generate_series($1::timestamptz AT TIME ZONE 'UTC',
                                                        $2::timestamptz AT TIME ZONE 'UTC', interval '1 day') day),
    logged AS (
        SELECT (q.at AT TIME ZONE 'UTC')::date AS day, count(*) AS searches, count(*) FILTER (WHERE q.hits = 0) AS zero,
            count(*) FILTER (WHERE q.degraded) AS degraded,
            coalesce(sum((SELECT count(*) FROM clicks c WHERE c.query_id = q.id)), 0)::bigint AS clicks
        FROM queries q WHERE q.at >= $1 AND q.at < $2::timestamptz + interval '1 day' GROUP BY 1),
    uploads AS (
        SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS uploads, count(ready_at) AS ready,
            count(failed_at) FILTER (WHERE ready_at IS NULL) AS failed,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM searchable_at - created_at)) AS seconds
        FROM documents.analytics_versions
        WHERE created_at >= $1 AND created_at < $2::timestamptz + interval '1 day' GROUP BY 1)
    SELECT d.day::text, coalesce(v.visits, 0), coalesce(s.submissions, 0), coalesce(u.uploads, 0), coalesce(u.ready, 0),
        coalesce(u.failed, 0), u.seconds::float8,
        coalesce(l.searches, 0) + coalesce(o.searches, 0), coalesce(l.zero, 0) + coalesce(o.zero_results, 0),
        coalesce(l.degraded, 0) + coalesce(o.degraded, 0), coalesce(l.clicks, 0) + coalesce(o.clicks, 0)
    FROM span d
    LEFT JOIN contacts.analytics_visits v ON v.day = d.day
    LEFT JOIN contacts.analytics_submissions s ON s.day = d.day
    LEFT JOIN uploads u ON u.day = d.day
    LEFT JOIN logged l ON l.day = d.day
    LEFT JOIN search.days o ON o.day = d.day
    ORDER BY d.day";

/// Time to searchable over the whole span: medians cannot be added up.
const MEDIAN: &str = "
    SELECT (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM searchable_at - created_at)))::float8
    FROM documents.analytics_versions
    WHERE created_at >= $1 AND created_at < $2::timestamptz + interval '1 day'";

pub(super) fn start(day: Date) -> Result<Timestamp, Error> {
    day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|e| Error::Other(e.into()))
}

impl Store {
    /// What happened on each day and in all, both ends included.
    pub(crate) async fn overview(&self, from: Date, to: Date) -> Result<Overview, Error> {
        let (from, to) = (start(from)?, start(to)?);
        let connection = self.pool.get().await?;
        let rows = connection.query(DAYS, &[&from, &to]).await?;
        let days: Vec<Day> = rows.iter().map(day).collect();
        let seconds: Option<f64> = connection.query_one(MEDIAN, &[&from, &to]).await?.get(0);
        let mut totals = Numbers { seconds_to_searchable: seconds, ..Numbers::default() };
        for n in days.iter().filter_map(|day| day.numbers.as_ref()) {
            totals.visits += n.visits;
            totals.submissions += n.submissions;
            totals.uploads += n.uploads;
            totals.ready += n.ready;
            totals.failed += n.failed;
            totals.searches += n.searches;
            totals.zero_results += n.zero_results;
            totals.degraded += n.degraded;
            totals.clicks += n.clicks;
        }
        Ok(Overview { totals: Some(totals), days })
    }

    /// The queries that were asked most, those that found nothing most, and where clicks went.
    pub(crate) async fn searches(&self, from: Date, to: Date, limit: i64) -> Result<Searches, Error> {
        const QUERIES: &str = "
            SELECT q.text, count(*), count(*) FILTER (WHERE q.hits = 0), coalesce(sum(c.clicks), 0)::bigint,
                (sum(c.ranks) / nullif(sum(c.clicks), 0))::float8
            FROM queries q
            LEFT JOIN LATERAL (SELECT count(*) AS clicks, sum(rank) AS ranks FROM clicks WHERE query_id = q.id) c ON true
            WHERE q.at >= $1 AND q.at < $2::timestamptz + interval '1 day' AND q.text <> ''
            GROUP BY q.text HAVING NOT $4 OR count(*) FILTER (WHERE q.hits = 0) > 0
            ORDER BY CASE WHEN $4 THEN count(*) FILTER (WHERE q.hits = 0) ELSE count(*) END DESC, q.text LIMIT $3";
        const RANKS: &str = "
            SELECT c.rank, count(*) FROM clicks c JOIN queries q ON q.id = c.query_id
            WHERE q.at >= $1 AND q.at < $2::timestamptz + interval '1 day' AND c.rank <= 20 GROUP BY 1 ORDER BY 1";
        let (from, to) = (start(from)?, start(to)?);
        let connection = self.pool.get().await?;
        let top = connection.query(QUERIES, &[&from, &to, &limit, &false]).await?;
        let zero = connection.query(QUERIES, &[&from, &to, &limit, &true]).await?;
        let ranks = connection.query(RANKS, &[&from, &to]).await?;
        Ok(Searches {
            top: top.iter().map(query).collect(),
            zero: zero.iter().map(query).collect(),
            ranks: ranks.iter().map(|row| Rank { rank: row.get(0), clicks: row.get(1) }).collect(),
        })
    }

    /// Takes days that have been kept long enough out of the log, leaving their numbers.
    pub(crate) async fn roll_up(&self) -> Result<u64, Error> {
        const SQL: &str = "
            WITH limits AS (
                SELECT (date_trunc('day', now() AT TIME ZONE 'UTC') - make_interval(days => $1)) AT TIME ZONE 'UTC' AS before),
            old AS (
                DELETE FROM queries q USING limits WHERE q.at < limits.before
                RETURNING (q.at AT TIME ZONE 'UTC')::date AS day, q.hits, q.degraded,
                    (SELECT count(*) FROM clicks c WHERE c.query_id = q.id) AS clicks)
            INSERT INTO search.days AS d (day, searches, zero_results, degraded, clicks)
            SELECT day, count(*), count(*) FILTER (WHERE hits = 0), count(*) FILTER (WHERE degraded), sum(clicks)
            FROM old GROUP BY day
            ON CONFLICT (day) DO UPDATE SET searches = d.searches + excluded.searches,
                zero_results = d.zero_results + excluded.zero_results, degraded = d.degraded + excluded.degraded,
                clicks = d.clicks + excluded.clicks";
        let mut connection = self.pool.get().await?;
        let transaction = connection.begin("roll_up_queries").await?;
        let days = transaction.execute(SQL, &[&KEPT_DAYS]).await?;
        transaction.commit().await?;
        Ok(days)
    }

    /// By word.
    pub(crate) async fn synonyms(&self) -> Result<Vec<Synonym>, Error> {
        let rows = self.pool.get().await?.query("SELECT word, others FROM synonyms ORDER BY word", &[]).await?;
        Ok(rows.iter().map(|row| Synonym { word: row.get(0), others: row.get(1) }).collect())
    }

    /// Replaces what stands for the word; nothing: removes it.
    pub(crate) async fn put_synonym(&self, synonym: &Synonym) -> Result<(), Error> {
        const PUT: &str = "INSERT INTO synonyms (word, others) VALUES ($1, $2)
            ON CONFLICT (word) DO UPDATE SET others = excluded.others, updated_at = now()";
        let connection = self.pool.get().await?;
        match synonym.others.is_empty() {
            true => connection.execute("DELETE FROM synonyms WHERE word = $1", &[&synonym.word]).await?,
            false => connection.execute(PUT, &[&synonym.word, &synonym.others]).await?,
        };
        Ok(())
    }
}

fn day(row: &Row) -> Day {
    let numbers = Numbers {
        visits: row.get(1),
        submissions: row.get(2),
        uploads: row.get(3),
        ready: row.get(4),
        failed: row.get(5),
        seconds_to_searchable: row.get(6),
        searches: row.get(7),
        zero_results: row.get(8),
        degraded: row.get(9),
        clicks: row.get(10),
    };
    Day { day: row.get(0), numbers: Some(numbers) }
}

fn query(row: &Row) -> Query {
    Query {
        text: row.get(0),
        searches: row.get(1),
        zero_results: row.get(2),
        clicks: row.get(3),
        mean_rank: row.get(4),
    }
}
