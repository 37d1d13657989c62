use jiff::Timestamp;
use pg::{PageRequest, Row, types::ToSql};
use proto::contacts::{self as api, timeline_entry::What};
use serde_json::Value;
use uuid::Uuid;

use super::{PARTS, SUBMISSION, Store, borrow, micros, submission};
use crate::error::Error;

/// `$1` the contact, `$2` and `$3` the last entry before, `$4` how many.
const CHANGES: &str = "SELECT a.id, a.at, a.actor, a.action, a.entity, a.entity_id, a.detail,
        coalesce(source.name, '') AS source_name, m.undone_at IS NULL AND m.id IS NOT NULL AS in_force
    FROM audit AS a
    LEFT JOIN merges AS m ON m.id = (a.detail ->> 'merge_id')::uuid
    LEFT JOIN contacts AS source ON source.id = m.source_id
    WHERE a.entity_id IN (SELECT id FROM parts UNION ALL
                          SELECT s.id FROM submissions AS s WHERE s.contact_id IN (SELECT id FROM parts))
      AND ($2::timestamptz IS NULL OR (a.at, a.id) < ($2, $3::uuid))
      -- Of a merge, the end that it went into tells.
      AND NOT (m.id IS NOT NULL AND a.entity_id = m.source_id AND m.target_id IN (SELECT id FROM parts))
    ORDER BY a.at DESC, a.id DESC LIMIT $4";

impl Store {
    /// What came, and what was done, the newest first.
    pub(crate) async fn list_timeline(
        &self,
        contact: Uuid,
        page: &PageRequest,
    ) -> Result<api::ListTimelineResponse, Error> {
        let (at, after) = match &page.after {
            None => (None, None),
            Some((at, id)) => {
                let at = at.parse().ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
                let bad = || chassis::Fault::unprocessable("cursor", "is not a cursor of this list");
                (Some(at.ok_or_else(bad)?), Some(*id))
            }
        };
        let connection = self.pool.get().await?;
        let there = "SELECT FROM contacts WHERE id = $1 AND merged_into IS NULL";
        connection.query_opt(there, &[&contact]).await?.ok_or(Error::NotFound("contact"))?;
        let parts = format!("WITH parts AS MATERIALIZED ({})", PARTS.replace("{}", "$1"));
        let submissions = format!(
            "{parts} SELECT {SUBMISSION} FROM submissions
             WHERE contact_id IN (SELECT id FROM parts)
               AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
             ORDER BY created_at DESC, id DESC LIMIT $4"
        );
        let parameters: [Box<dyn ToSql + Sync + Send>; 4] =
            [Box::new(contact), Box::new(at), Box::new(after), Box::new(page.fetch())];
        let came = connection.query(&submissions, &borrow(&parameters)).await?;
        let done = connection.query(&format!("{parts} {CHANGES}"), &borrow(&parameters)).await?;
        let mut entries: Vec<_> = came.iter().map(arrival).chain(done.iter().map(change)).collect();
        entries.sort_unstable_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
        let key = |entry: &api::TimelineEntry| (entry.at.to_string(), entry.id.parse().unwrap_or_default());
        for entry in &mut entries {
            entry.cursor = PageRequest::cursor(&key(entry));
        }
        let (items, next_cursor) = page.split(entries, key);
        Ok(api::ListTimelineResponse { items, next_cursor })
    }
}

fn arrival(row: &Row) -> api::TimelineEntry {
    let submission = submission(row);
    api::TimelineEntry {
        id: submission.id.clone(),
        at: submission.created_at,
        what: Some(What::Submission(submission)),
        cursor: String::new(),
    }
}

fn change(row: &Row) -> api::TimelineEntry {
    let detail: Value = row.get("detail");
    let text = |key: &str| detail[key].as_str().unwrap_or_default().to_owned();
    let fields = detail["fields"].as_array().into_iter().flatten();
    let change = api::Change {
        action: row.get("action"),
        entity: row.get("entity"),
        entity_id: row.get::<_, Uuid>("entity_id").to_string(),
        actor: row.get("actor"),
        fields: fields.filter_map(|field| field.as_str().map(str::to_owned)).collect(),
        status: text("status"),
        merge_id: text("merge_id"),
        source_id: text("source_id"),
        target_id: text("target_id"),
        source_name: row.get("source_name"),
        in_force: row.get("in_force"),
        document_id: text("document_id"),
    };
    api::TimelineEntry {
        id: row.get::<_, Uuid>("id").to_string(),
        at: micros(row, 1),
        what: Some(What::Change(change)),
        cursor: String::new(),
    }
}
