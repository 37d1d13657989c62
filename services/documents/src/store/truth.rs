//! What the search index must hold, and how far it does.

use jiff::Timestamp;
use pg::Row;
use proto::documents::{self as api, list_indexed_response::Item};
use uuid::Uuid;

use super::{Store, micros};
use crate::error::Error;

/// Records that the index must hold of document `d`.
const RECORDS: &str = "greatest(d.page_count, 1)";

const STATE: &str = "rebuild_wanted, rebuild_started, rebuild_after, rebuild_done, rebuild_total, checked_at, missing, \
    stale, phantom, now() AS now";

impl Store {
    /// The state of the index, and whether `holder` has the turn now.
    pub(crate) async fn hold_turn(&self, holder: &str, lease_ms: i64) -> Result<api::HoldTurnResponse, Error> {
        let connection = self.pool.get().await?;
        let taken = connection
            .execute(
                "UPDATE index_state SET holder = $1, held_until = now() + make_interval(secs => $2)
                 WHERE holder = $1 OR held_until < now()",
                &[&holder, &(lease_ms as f64 / 1000.0)],
            )
            .await?;
        drop(connection);
        let state = self.index_state().await?;
        if taken == 0 {
            return Ok(api::HoldTurnResponse { state: Some(state), ..Default::default() });
        }
        let sql = format!(
            "SELECT count(*), coalesce(sum({RECORDS}), 0)::bigint,
                    (SELECT count(*) FROM work WHERE kind <> 'extract')
             FROM documents d WHERE d.searchable"
        );
        let row = self.pool.get().await?.query_one(&sql, &[]).await?;
        Ok(api::HoldTurnResponse {
            held: true,
            state: Some(state),
            documents: row.get(0),
            records: row.get(1),
            in_flight: row.get(2),
        })
    }

    pub(crate) async fn index_state(&self) -> Result<api::IndexState, Error> {
        let row = self.pool.get().await?.query_one(&format!("SELECT {STATE} FROM index_state"), &[]).await?;
        Ok(state(&row))
    }

    /// Writes the state and keeps the turn; not for one who has lost it.
    pub(crate) async fn save_index_state(
        &self,
        holder: &str,
        lease_ms: i64,
        state: &api::IndexState,
    ) -> Result<(), Error> {
        let rebuild = state.rebuild.clone().unwrap_or_default();
        let drift = state.drift.unwrap_or_default();
        let (building, compared) = (state.rebuild.is_some(), state.drift.is_some());
        let begins = building && rebuild.started_at == 0;
        let after = rebuild.after.parse::<Uuid>().ok();
        let saved = self
            .pool
            .get()
            .await?
            .execute(
                "UPDATE index_state SET held_until = now() + make_interval(secs => $2),
                    rebuild_wanted = rebuild_wanted AND NOT $3,
                    rebuild_started = CASE WHEN $3 THEN now() WHEN $4 THEN coalesce(rebuild_started, now()) END,
                    rebuild_after = $5, rebuild_done = $6, rebuild_total = $7,
                    checked_at = CASE WHEN NOT $8 THEN checked_at WHEN $9 THEN now() ELSE checked_at END,
                    missing = CASE WHEN $8 THEN $10 ELSE missing END,
                    stale = CASE WHEN $8 THEN $11 ELSE stale END,
                    phantom = CASE WHEN $8 THEN $12 ELSE phantom END
                 WHERE holder = $1 AND held_until > now()",
                &[
                    &holder,
                    &(lease_ms as f64 / 1000.0),
                    &begins,
                    &building,
                    &after,
                    &rebuild.documents_done,
                    &rebuild.documents_total,
                    &compared,
                    &(drift.checked_at == 0),
                    &drift.missing,
                    &drift.stale,
                    &drift.phantom,
                ],
            )
            .await?;
        match saved {
            0 => Err(Error::Conflict("another indexer mends the index", "turn-lost")),
            _ => Ok(()),
        }
    }

    pub(crate) async fn want_rebuild(&self) -> Result<(), Error> {
        self.pool.get().await?.execute("UPDATE index_state SET rebuild_wanted = true", &[]).await?;
        Ok(())
    }

    /// By rising id, after `after`.
    pub(crate) async fn list_indexed(&self, after: Option<Uuid>, limit: i64) -> Result<Vec<Item>, Error> {
        let sql = format!(
            "SELECT d.id, d.version, {RECORDS}::bigint, EXISTS (SELECT FROM work w WHERE w.document_id = d.id)
             FROM documents d WHERE d.searchable AND ($1::uuid IS NULL OR d.id > $1) ORDER BY d.id LIMIT $2"
        );
        Ok(self.pool.get().await?.query(&sql, &[&after, &limit]).await?.iter().map(item).collect())
    }

    /// Of these, what the index must hold, and those it must not while work on them is under way.
    pub(crate) async fn list_indexed_only(&self, only: &[Uuid]) -> Result<(Vec<Item>, Vec<String>), Error> {
        let sql = format!(
            "SELECT a.id, d.version, {RECORDS}::bigint, EXISTS (SELECT FROM work w WHERE w.document_id = a.id), d.id
             FROM unnest($1::uuid[]) AS a(id) LEFT JOIN documents d ON d.id = a.id AND d.searchable"
        );
        let rows = self.pool.get().await?.query(&sql, &[&only]).await?;
        let (held, others): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| row.get::<_, Option<Uuid>>(4).is_some());
        let leaving = others.iter().filter(|row| row.get(3)).map(|row| row.get::<_, Uuid>(0).to_string());
        Ok((held.into_iter().map(item).collect(), leaving.collect()))
    }

    /// The document as the index must hold it now.
    pub(crate) async fn searchable_document(&self, id: Uuid) -> Result<api::IndexedDocument, Error> {
        let sql = "SELECT d.id, d.version, d.collection_id, d.title, d.file_name, d.media_type, d.language, d.tags,
                d.created_at, d.page_count FROM documents d WHERE d.id = $1 AND d.searchable";
        let row = self.pool.get().await?.query_opt(sql, &[&id]).await?.ok_or(Error::NotFound("document"))?;
        Ok(super::pages::indexed(&row))
    }
}

fn item(row: &Row) -> Item {
    Item {
        document_id: row.get::<_, Uuid>(0).to_string(),
        version: row.get(1),
        records: row.get(2),
        in_flight: row.get(3),
    }
}

fn state(row: &Row) -> api::IndexState {
    let started: Option<Timestamp> = row.get("rebuild_started");
    let checked: Option<Timestamp> = row.get("checked_at");
    api::IndexState {
        rebuild_wanted: row.get("rebuild_wanted"),
        rebuild: started.map(|at| api::Rebuild {
            started_at: at.as_microsecond(),
            after: super::id_text(row.get("rebuild_after")),
            documents_done: row.get("rebuild_done"),
            documents_total: row.get("rebuild_total"),
        }),
        drift: checked.map(|at| api::Drift {
            checked_at: at.as_microsecond(),
            missing: row.get("missing"),
            stale: row.get("stale"),
            phantom: row.get("phantom"),
        }),
        now: micros(row, 9),
    }
}
