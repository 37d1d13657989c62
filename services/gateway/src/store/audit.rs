//! Who did what.

use jiff::Timestamp;
use pg::{PageRequest, Row};
use uuid::Uuid;

use super::Store;
use crate::{domain::AuditEntry, error::Error};

/// Which lines; absent: all.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditFilter {
    pub(crate) actor: Option<Uuid>,
    pub(crate) subject: Option<Uuid>,
    /// As it is, or with a dot at the end what it begins with.
    pub(crate) action: Option<String>,
    pub(crate) from: Option<Timestamp>,
    /// Not this moment any more.
    pub(crate) before: Option<Timestamp>,
}

impl Store {
    /// Newest first.
    pub(crate) async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<(Vec<AuditEntry>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = "SELECT id, at, actor, action, subject, request_id, detail FROM audit
                   WHERE ($1::uuid IS NULL OR id < $1)
                     AND ($3::uuid IS NULL OR actor = $3) AND ($4::uuid IS NULL OR subject = $4)
                     AND ($5::text IS NULL OR action = $5 OR ($5 LIKE '%.' AND starts_with(action, $5)))
                     AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
                   ORDER BY id DESC LIMIT $2";
        let AuditFilter { actor, subject, action, from, before } = filter;
        let rows = self.get().await?.query(sql, &[&after, &page.fetch(), actor, subject, action, from, before]).await?;
        let entry = |row: &Row| AuditEntry {
            id: row.get(0),
            at: row.get(1),
            actor: row.get(2),
            action: row.get(3),
            subject: row.get(4),
            request_id: row.get(5),
            detail: row.get(6),
        };
        Ok(page.split(rows.iter().map(entry).collect(), |entry| (String::new(), entry.id)))
    }
}
