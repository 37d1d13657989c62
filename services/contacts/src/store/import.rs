use std::collections::HashSet;

use chassis::{Caller, Fault};
use pg::{Idempotency, Transaction, idempotency::Claim, types::Json};
use prost::Message;
use proto::contacts::{
    ImportContactsResponse,
    import_contacts_response::{Action, Outcome},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Record, Store, audit, decoding};
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
        key: Option<Idempotency>,
    ) -> Result<ImportContactsResponse, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("import_contacts").await?;
        // What changes nothing needs no key.
        let key = key.filter(|_| !dry_run);
        if let Some(key) = &key
            && let Claim::Replay(bytes) = key.claim(&tx, caller, "import_contacts").await?
        {
            let kept = ImportContactsResponse::decode(&bytes[..]).map_err(decoding)?;
            return Ok(ImportContactsResponse { replayed: true, ..kept });
        }
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows {
            outcomes.push(match row {
                Ok(new) => bring_in(&tx, caller, new).await?,
                Err(fault) => refused(&told(fault)),
            });
        }
        // A rehearsal is the real thing, rolled back.
        if dry_run {
            let created = outcomes.iter().filter(|outcome| outcome.action() == Action::Created);
            let made: HashSet<String> = created.map(|outcome| outcome.contact_id.clone()).collect();
            for outcome in outcomes.iter_mut().filter(|outcome| made.contains(&outcome.contact_id)) {
                outcome.contact_id.clear();
            }
            return Ok(ImportContactsResponse { outcomes, replayed: false });
        }
        let done = ImportContactsResponse { outcomes, replayed: false };
        if let Some(key) = &key {
            key.keep(&tx, caller, "import_contacts", &done.encode_to_vec()).await?;
        }
        tx.commit().await?;
        Ok(done)
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
    // Whoever is part of another contact by now is that one.
    const KNOWN: &str = "WITH known AS (SELECT id, merged_into FROM contacts WHERE lower(email) = lower($1))
        SELECT c.id, c.name, c.phone, c.company, c.tags, c.metadata, known.merged_into IS NOT NULL
        FROM contacts AS c JOIN known ON c.id = coalesce(known.merged_into, known.id) FOR UPDATE OF c";
    let (name, email) = (new.name.as_str(), new.email.as_str());
    let Some(row) = tx.query_opt(KNOWN, &[&email]).await? else {
        let id = Uuid::now_v7();
        let (phone, company, tags) = (new.phone.as_str(), new.company.as_str(), new.tags.as_slice());
        tx.execute(
            "INSERT INTO contacts (id, name, email, phone, company, tags, metadata) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[&id, &name, &email, &phone, &company, &tags, &Json(new.metadata.as_map())],
        )
        .await?;
        audit(tx, caller, "import", Record::Contact, id, &json!({})).await?;
        return Ok(done(Action::Created, id, Vec::new()));
    };
    let id: Uuid = row.get(0);
    let known: (&str, &str, &str) = (row.get(1), row.get(2), row.get(3));
    let (known_tags, stored) = (row.get::<_, Vec<String>>(4), Metadata::stored(row.get::<_, Value>(5)));
    // What the file leaves empty is not known to it; nothing is removed. A file may have rows of both
    // parts of a contact: the other part only fills what the contact has none of, as merging did, or
    // the same file would change it each time.
    let part: bool = row.get(6);
    let said = |new: &str, old: &str| if new.is_empty() || (part && !old.is_empty()) { old } else { new }.to_owned();
    let (name, phone, company) =
        (said(name, known.0), said(new.phone.as_str(), known.1), said(new.company.as_str(), known.2));
    let tags = Tags::parse(&[known_tags.as_slice(), new.tags.as_slice()].concat());
    let merged = match part {
        true => new.metadata.clone().merged(stored.clone()),
        false => stored.clone().merged(new.metadata.clone()),
    };
    let (tags, metadata) = match (tags, merged) {
        (Ok(tags), Ok(metadata)) => (tags, metadata),
        (Err(detail), _) => return Ok(refused(&format!("tags {detail}"))),
        (_, Err(detail)) => return Ok(refused(&format!("metadata {detail}"))),
    };
    let fields = [
        ("name", name != known.0),
        ("phone", phone != known.1),
        ("company", company != known.2),
        ("tags", known_tags != tags.as_slice()),
        ("metadata", metadata != stored),
    ];
    let changed: Vec<_> = fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect();
    if changed.is_empty() {
        return Ok(done(Action::Unchanged, id, changed));
    }
    tx.execute(
        "UPDATE contacts SET name = $2, phone = $3, company = $4, tags = $5, metadata = $6, updated_at = now(),
            revision = revision + 1
         WHERE id = $1",
        &[&id, &name, &phone, &company, &tags.as_slice(), &Json(metadata.as_map())],
    )
    .await?;
    audit(tx, caller, "import", Record::Contact, id, &json!({"fields": changed})).await?;
    Ok(done(Action::Updated, id, changed))
}

fn done(action: Action, id: Uuid, changed: Vec<&str>) -> Outcome {
    Outcome {
        action: action.into(),
        contact_id: id.to_string(),
        detail: String::new(),
        changed: changed.into_iter().map(str::to_owned).collect(),
    }
}
