use chassis::{Caller, Fault};
use pg::{Transaction, types::Json};
use proto::contacts::import_contacts_response::{Action, Outcome};
use serde_json::Value;
use uuid::Uuid;

use super::{Store, audit};
use crate::{
    domain::{Metadata, NewContact, Tags},
    error::Error,
};

impl Store {
    /// All rows that are valid, in one transaction; what was said twice counts as it stands last.
    pub(crate) async fn import_contacts(
        &self,
        caller: &Caller,
        rows: &[Result<NewContact, Fault>],
        dry_run: bool,
    ) -> Result<Vec<Outcome>, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("import_contacts").await?;
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows {
            outcomes.push(match row {
                Ok(new) => bring_in(&tx, caller, new).await?,
                Err(fault) => refused(&told(fault)),
            });
        }
        // A rehearsal is the real thing, rolled back.
        if !dry_run {
            tx.commit().await?;
        }
        Ok(outcomes)
    }
}

fn refused(detail: &str) -> Outcome {
    Outcome { action: Action::Refused.into(), detail: detail.to_owned(), ..Default::default() }
}

fn told(fault: &Fault) -> String {
    let fields: Vec<_> = fault.fields.iter().map(|f| format!("{} {}", f.field, f.detail)).collect();
    if fields.is_empty() { fault.detail.clone() } else { fields.join("; ") }
}

async fn bring_in(tx: &Transaction<'_>, caller: &Caller, new: &NewContact) -> Result<Outcome, Error> {
    const KNOWN: &str = "SELECT id, name, phone, company, tags, metadata FROM contacts
        WHERE lower(email) = lower($1) FOR UPDATE";
    let done =
        |action: Action, id: Uuid| Outcome { action: action.into(), contact_id: id.to_string(), detail: String::new() };
    let (name, email) = (new.name.as_str(), new.email.as_str());
    let Some(row) = tx.query_opt(KNOWN, &[&email]).await? else {
        let id = Uuid::now_v7();
        let (phone, company, tags) = (new.phone.as_str(), new.company.as_str(), new.tags.as_slice());
        tx.execute(
            "INSERT INTO contacts (id, name, email, phone, company, tags, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[&id, &name, &email, &phone, &company, &tags, &Json(new.metadata.as_map())],
        )
        .await?;
        audit(tx, caller, "import", "contact", id).await?;
        return Ok(done(Action::Created, id));
    };
    let id: Uuid = row.get(0);
    let (phone, company): (&str, &str) = (row.get(2), row.get(3));
    // What the file leaves empty is not known to it; nothing is removed.
    let phone = if new.phone.as_str().is_empty() { phone } else { new.phone.as_str() };
    let company = if new.company.as_str().is_empty() { company } else { new.company.as_str() };
    let mut tags: Vec<String> = row.get(4);
    tags.extend(new.tags.as_slice().iter().cloned());
    let stored: Value = row.get(5);
    let merged = Metadata::stored(stored.clone()).merged(new.metadata.clone());
    let (tags, metadata) = match (Tags::parse(&tags), merged) {
        (Ok(tags), Ok(metadata)) => (tags, metadata),
        (Err(detail), _) => return Ok(refused(&format!("tags {detail}"))),
        (_, Err(detail)) => return Ok(refused(&format!("metadata {detail}"))),
    };
    let same = (row.get::<_, &str>(1), row.get::<_, &str>(2), row.get::<_, &str>(3)) == (name, phone, company)
        && row.get::<_, Vec<String>>(4) == tags.as_slice()
        && metadata == Metadata::stored(stored);
    if same {
        return Ok(done(Action::Unchanged, id));
    }
    tx.execute(
        "UPDATE contacts SET name = $2, phone = $3, company = $4, tags = $5, metadata = $6, updated_at = now(),
            revision = revision + 1
         WHERE id = $1",
        &[&id, &name, &phone, &company, &tags.as_slice(), &Json(metadata.as_map())],
    )
    .await?;
    audit(tx, caller, "import", "contact", id).await?;
    Ok(done(Action::Updated, id))
}
