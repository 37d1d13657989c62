use proto::contacts as api;
use uuid::Uuid;

use super::{Store, micros};
use crate::error::Error;

impl Store {
    /// The oldest first.
    pub(crate) async fn list_events(&self, limit: i64) -> Result<Vec<api::Event>, Error> {
        let sql = "SELECT kind, subject, at FROM outbox ORDER BY subject, kind LIMIT $1";
        let rows = self.pool.get().await?.query(sql, &[&limit]).await?;
        let event = |row: &pg::Row| api::Event {
            kind: row.get(0),
            subject_id: row.get::<_, Uuid>(1).to_string(),
            at: micros(row, 2),
        };
        Ok(rows.iter().map(event).collect())
    }

    pub(crate) async fn forget_events(&self, kinds: &[&str], subjects: &[Uuid]) -> Result<(), Error> {
        let sql = "DELETE FROM outbox USING unnest($1::text[], $2::uuid[]) AS known (kind, subject)
                   WHERE outbox.kind = known.kind AND outbox.subject = known.subject";
        self.pool.get().await?.execute(sql, &[&kinds, &subjects]).await?;
        Ok(())
    }
}
