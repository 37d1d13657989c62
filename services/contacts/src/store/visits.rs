use jiff::civil::Date;
use pg::Row;
use proto::contacts as api;

use super::Store;
use crate::error::Error;

impl Store {
    pub(crate) async fn count_visit(&self, reason: &str) -> Result<i64, Error> {
        const SQL: &str = "SELECT count_visit((now() AT TIME ZONE 'utc')::date, $1)";
        Ok(self.pool.get().await?.query_one(SQL, &[&reason]).await?.get(0))
    }

    pub(crate) async fn visits(&self, from: Date, to: Date) -> Result<api::GetVisitsResponse, Error> {
        let connection = self.pool.get().await?;
        let days = connection
            .query(
                "SELECT day::date, coalesce(sum(count) FILTER (WHERE reason = ''), 0)::bigint,
                        coalesce(sum(count) FILTER (WHERE reason <> ''), 0)::bigint
                 FROM generate_series($1::date, $2::date, interval '1 day') AS day
                 LEFT JOIN visit_days USING (day) GROUP BY day ORDER BY day",
                &[&from, &to],
            )
            .await?;
        let reasons = connection
            .query(
                "SELECT reason, sum(count)::bigint FROM visit_days
                 WHERE day BETWEEN $1 AND $2 AND reason <> '' GROUP BY reason",
                &[&from, &to],
            )
            .await?;
        let day = |row: &Row| api::get_visits_response::Day {
            day: row.get::<_, Date>(0).to_string(),
            visits: row.get(1),
            bots: row.get(2),
        };
        let days: Vec<_> = days.iter().map(day).collect();
        Ok(api::GetVisitsResponse {
            total_visits: days.iter().map(|d| d.visits).sum(),
            total_bots: days.iter().map(|d| d.bots).sum(),
            days,
            bot_reasons: reasons.iter().map(|row| (row.get(0), row.get(1))).collect(),
        })
    }
}
