//! People in the export bundle: who they are, and never how they prove it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{By, Store, audit};
use crate::{bundle::Tally, domain::Check, error::Error, password};

/// One line of the bundle, format 1. A later format may add fields, with a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    disabled: bool,
    created_at: Timestamp,
}

/// The record as a line.
pub(crate) fn export_line(person: &Person) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(person).map_err(|e| Error::Internal(e.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

impl Store {
    pub(crate) async fn export_users(&self) -> Result<Vec<Person>, Error> {
        let sql = "SELECT id, email, name, role, disabled_at IS NOT NULL, created_at FROM users ORDER BY id";
        let rows = self.get().await?.query(sql, &[]).await?;
        let person = |row: &pg::Row| Person {
            id: row.get(0),
            email: row.get(1),
            name: row.get(2),
            role: row.get(3),
            disabled: row.get(4),
            created_at: row.get(5),
        };
        Ok(rows.iter().map(person).collect())
    }

    /// Adds who is missing, without a password: an owner lets them in by giving them one. Until then an owner among
    /// them counts for nothing, so all are disabled.
    pub(crate) async fn import_users(
        &self,
        _format: i32,
        lines: &[u8],
        dry_run: bool,
    ) -> Result<(Tally, Vec<String>), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("import_users").await?;
        let (mut tally, mut reasons) = (Tally::default(), Vec::new());
        for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let person: Person = serde_json::from_slice(line).map_err(|_| {
                chassis::Fault::unprocessable("users", "hold a line that is no record").because("bundle-damaged")
            })?;
            let mut check = Check::default();
            let email = check.email("email", &person.email);
            let name = check.line("name", &person.name, 0, 200);
            let role = check.role("role", &person.role);
            if let Err(fault) = check.done() {
                tally.refused += 1;
                reasons.push(format!("{}: {}", person.id, fault.detail));
                continue;
            }
            let sql = "INSERT INTO users (id, email, name, role, password_hash, disabled_at, created_at)
                       VALUES ($1, $2, $3, $4, $5, now(), $6) ON CONFLICT DO NOTHING";
            let hash = password::NOBODY;
            let added =
                tx.execute(sql, &[&person.id, &email, &name, &role.as_str(), &hash, &person.created_at]).await?;
            if added > 0 {
                tally.created += 1;
                continue;
            }
            let sql = "SELECT (email, name, role) = ($2, $3, $4) FROM users WHERE id = $1";
            match tx.query_opt(sql, &[&person.id, &email, &name, &role.as_str()]).await?.map(|row| row.get(0)) {
                Some(true) => tally.unchanged += 1,
                Some(false) => tally.kept += 1,
                None => {
                    tally.kept += 1;
                    reasons.push(format!("{}: somebody else has this e-mail address and stays", person.id));
                }
            }
        }
        // A rehearsal is the real thing, rolled back.
        if !dry_run {
            tx.commit().await?;
        }
        Ok((tally, reasons))
    }

    /// Notes that something was done to all of it.
    pub(crate) async fn note(&self, by: By<'_>, action: &str) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("note").await?;
        audit(&tx, by, action, None, serde_json::Value::Null).await?;
        Ok(tx.commit().await?)
    }
}
