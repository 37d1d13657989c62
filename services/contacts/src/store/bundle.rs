//! Everything out, and what is missing in.

use chassis::Fault;
use jiff::civil::Date;
use pg::{
    Row, Transaction,
    types::{Json, ToSql},
};
use proto::contacts::{ExportResponse, ImportResponse};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Store;
use crate::{
    bundle::{Contact, Kind, Link, Merge, PART_BYTES, Records, Submission, Visits},
    error::Error,
};

/// Rows in one go: as many of the largest as fit into a message.
const ROWS: i64 = 40;
const DAYS: i64 = 400;
/// Reasons that are told of one part.
const REASONS: usize = 20;
const NO_CONTACT: &str = "its contact is not here";

/// Where the next part begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    kind: Kind,
    after: After,
}

#[derive(Clone, Copy, Debug)]
enum After {
    Nothing,
    Id(Uuid),
    Pair(Uuid, Uuid),
    Day(Date),
}

impl Place {
    pub(crate) fn first() -> Self {
        Self { kind: Kind::ALL[0], after: After::Nothing }
    }

    fn next_kind(self) -> Option<Self> {
        let at = Kind::ALL.iter().position(|kind| *kind == self.kind)?;
        Some(Self { kind: *Kind::ALL.get(at + 1)?, after: After::Nothing })
    }
}

impl Store {
    /// A part, and where the next one begins.
    pub(crate) async fn export(&self, place: Place) -> Result<(ExportResponse, Option<Place>), Error> {
        let (mut lines, mut records, mut place) = (Vec::new(), 0, place);
        let next = loop {
            let (count, after) = match place.kind {
                Kind::Contacts => self.contacts_after(&mut lines, place.after).await?,
                Kind::Submissions => self.submissions_after(&mut lines, place.after).await?,
                Kind::Visits => self.visits_after(&mut lines, place.after).await?,
                Kind::Links => self.links_after(&mut lines, place.after).await?,
                Kind::Merges => self.merges_after(&mut lines, place.after).await?,
            };
            records += count;
            match after {
                None => break place.next_kind(),
                Some(after) => place.after = after,
            }
            if lines.len() >= PART_BYTES {
                break Some(place);
            }
        };
        Ok((ExportResponse { kind: place.kind.name().to_owned(), lines: lines.into(), records }, next))
    }

    async fn contacts_after(&self, lines: &mut Vec<u8>, after: After) -> Result<(i64, Option<After>), Error> {
        let sql = "SELECT id, name, email, phone, company, tags, metadata, created_at, updated_at, revision
                   FROM contacts WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2";
        let rows = self.pool.get().await?.query(sql, &[&id(after), &ROWS]).await?;
        for row in &rows {
            let record = Contact {
                id: row.get(0),
                name: row.get(1),
                email: row.get(2),
                phone: row.get(3),
                company: row.get(4),
                tags: row.get(5),
                metadata: object(row.get(6)),
                created_at: row.get(7),
                updated_at: row.get(8),
                revision: row.get(9),
            };
            bundle_format::write(lines, &record).map_err(pg::Error::Other)?;
        }
        Ok(more(&rows, ROWS, |row| After::Id(row.get(0))))
    }

    async fn submissions_after(&self, lines: &mut Vec<u8>, after: After) -> Result<(i64, Option<After>), Error> {
        let sql =
            "SELECT id, contact_id, name, email, subject, message, metadata, status, created_at, updated_at, revision
                   FROM submissions WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2";
        let rows = self.pool.get().await?.query(sql, &[&id(after), &ROWS]).await?;
        for row in &rows {
            let record = Submission {
                id: row.get(0),
                contact_id: row.get(1),
                name: row.get(2),
                email: row.get(3),
                subject: row.get(4),
                message: row.get(5),
                metadata: object(row.get(6)),
                status: row.get(7),
                created_at: row.get(8),
                updated_at: row.get(9),
                revision: row.get(10),
            };
            bundle_format::write(lines, &record).map_err(pg::Error::Other)?;
        }
        Ok(more(&rows, ROWS, |row| After::Id(row.get(0))))
    }

    async fn visits_after(&self, lines: &mut Vec<u8>, after: After) -> Result<(i64, Option<After>), Error> {
        let after = match after {
            After::Day(day) => Some(day),
            _ => None,
        };
        let sql = "SELECT day, reason, sum(count)::bigint FROM visit_days
                   WHERE day IN (SELECT DISTINCT day FROM visit_days WHERE $1::date IS NULL OR day > $1 ORDER BY day LIMIT $2)
                   GROUP BY day, reason ORDER BY day, reason";
        let rows = self.pool.get().await?.query(sql, &[&after, &DAYS]).await?;
        for row in &rows {
            bundle_format::write(lines, &Visits { day: row.get(0), reason: row.get(1), count: row.get(2) })
                .map_err(pg::Error::Other)?;
        }
        // Whole days; when there were any, there may be more.
        let next = rows.last().map(|row| After::Day(row.get(0)));
        Ok((rows.len() as i64, next))
    }

    async fn links_after(&self, lines: &mut Vec<u8>, after: After) -> Result<(i64, Option<After>), Error> {
        let (contact, document) = match after {
            After::Pair(contact, document) => (Some(contact), Some(document)),
            _ => (None, None),
        };
        let sql = "SELECT contact_id, document_id, confirmed, decided_at FROM links
                   WHERE $1::uuid IS NULL OR (contact_id, document_id) > ($1, $2)
                   ORDER BY contact_id, document_id LIMIT $3";
        let rows = self.pool.get().await?.query(sql, &[&contact, &document, &ROWS]).await?;
        for row in &rows {
            let record =
                Link { contact_id: row.get(0), document_id: row.get(1), confirmed: row.get(2), decided_at: row.get(3) };
            bundle_format::write(lines, &record).map_err(pg::Error::Other)?;
        }
        Ok(more(&rows, ROWS, |row| After::Pair(row.get(0), row.get(1))))
    }

    /// In the order in which they were done, without those of contacts that are gone.
    async fn merges_after(&self, lines: &mut Vec<u8>, after: After) -> Result<(i64, Option<After>), Error> {
        let sql = "SELECT id, source_id, target_id, taken, submissions, merged_at, undone_at FROM merges
                   WHERE ($1::uuid IS NULL OR id > $1)
                     AND 2 = (SELECT count(*) FROM contacts WHERE contacts.id IN (source_id, target_id))
                   ORDER BY id LIMIT $2";
        let rows = self.pool.get().await?.query(sql, &[&id(after), &ROWS]).await?;
        for row in &rows {
            let record = Merge {
                id: row.get(0),
                source_id: row.get(1),
                target_id: row.get(2),
                taken: serde_json::from_value(row.get(3)).map_err(Fault::internal)?,
                submissions: row.get(4),
                merged_at: row.get(5),
                undone_at: row.get(6),
            };
            bundle_format::write(lines, &record).map_err(pg::Error::Other)?;
        }
        Ok(more(&rows, ROWS, |row| After::Id(row.get(0))))
    }

    /// Adds what is missing, in one transaction.
    pub(crate) async fn import(&self, records: &Records, dry_run: bool) -> Result<ImportResponse, Error> {
        let mut connection = self.pool.get().await?;
        let tx = connection.begin("import_bundle").await?;
        let mut done = ImportResponse::default();
        match records {
            Records::Contacts(records) => {
                for record in records {
                    count(&mut done, record.id, contact(&tx, record).await?);
                }
            }
            Records::Submissions(records) => {
                for record in records {
                    count(&mut done, record.id, rehearsed(submission(&tx, record).await?, dry_run));
                }
            }
            Records::Visits(records) => {
                for record in records {
                    count(&mut done, record.day, visits(&tx, record).await?);
                }
            }
            Records::Links(records) => {
                for record in records {
                    count(&mut done, record.contact_id, rehearsed(link(&tx, record).await?, dry_run));
                }
            }
            Records::Merges(records) => {
                for record in records {
                    count(&mut done, record.id, rehearsed(merge(&tx, record).await?, dry_run));
                }
            }
        }
        // A rehearsal is the real thing, rolled back.
        if !dry_run {
            tx.commit().await?;
        }
        Ok(done)
    }
}

/// What became of a record.
enum Outcome {
    Created,
    Unchanged,
    Kept,
    Refused(String),
}

fn count(done: &mut ImportResponse, what: impl std::fmt::Display, outcome: Outcome) {
    match outcome {
        Outcome::Created => done.created += 1,
        Outcome::Unchanged => done.unchanged += 1,
        Outcome::Kept => done.kept += 1,
        Outcome::Refused(why) => {
            done.refused += 1;
            if done.reasons.len() < REASONS {
                done.reasons.push(format!("{what}: {why}"));
            }
        }
    }
}

/// In a rehearsal the contacts of an earlier part have not been kept; they would have been.
fn rehearsed(outcome: Outcome, dry_run: bool) -> Outcome {
    match outcome {
        Outcome::Refused(why) if dry_run && why == NO_CONTACT => Outcome::Created,
        outcome => outcome,
    }
}

fn refused(fault: &Fault) -> Outcome {
    let fields: Vec<_> = fault.fields.iter().map(|f| format!("{} {}", f.field, f.detail)).collect();
    Outcome::Refused(fields.join("; "))
}

/// Inserts a row; when it is there, says whether it is the same. `same` answers one boolean, or no row
/// when there is no row with that key: something else is in the way.
async fn add(
    tx: &Transaction<'_>,
    insert: &str,
    same: &str,
    parameters: &[&(dyn ToSql + Sync)],
    in_the_way: &str,
) -> Result<Outcome, Error> {
    if tx.execute(insert, parameters).await? > 0 {
        return Ok(Outcome::Created);
    }
    Ok(match tx.query_opt(same, parameters).await?.map(|row| row.get::<_, bool>(0)) {
        Some(true) => Outcome::Unchanged,
        Some(false) => Outcome::Kept,
        None => Outcome::Refused(in_the_way.to_owned()),
    })
}

async fn contact(tx: &Transaction<'_>, record: &Contact) -> Result<Outcome, Error> {
    let new = match record.checked() {
        Ok(new) => new,
        Err(fault) => return Ok(refused(&fault)),
    };
    let (name, email, phone) = (new.name.as_str(), new.email.as_str(), new.phone.as_str());
    let (company, tags, metadata) = (new.company.as_str(), new.tags.as_slice(), Json(new.metadata.as_map()));
    add(
        tx,
        "INSERT INTO contacts (id, name, email, phone, company, tags, metadata, created_at, updated_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        "SELECT (name, email, phone, company, tags, metadata, created_at, updated_at, revision)
              = ($2, $3, $4, $5, $6::text[], $7::jsonb, $8::timestamptz, $9::timestamptz, $10::bigint) FROM contacts WHERE id = $1",
        &[
            &record.id,
            &name,
            &email,
            &phone,
            &company,
            &tags,
            &metadata,
            &record.created_at,
            &record.updated_at,
            &record.revision,
        ],
        "another contact has its e-mail address",
    )
    .await
}

async fn submission(tx: &Transaction<'_>, record: &Submission) -> Result<Outcome, Error> {
    let new = match record.checked() {
        Ok(new) => new,
        Err(fault) => return Ok(refused(&fault)),
    };
    let (name, email, subject) = (new.name.as_str(), new.email.as_str(), new.subject.as_str());
    let (message, metadata) = (new.message.as_str(), Json(new.metadata.as_map()));
    add(
        tx,
        "INSERT INTO submissions
            (id, contact_id, name, email, subject, message, metadata, status, created_at, updated_at, revision)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
         WHERE $2::uuid IS NULL OR EXISTS (SELECT FROM contacts WHERE id = $2) ON CONFLICT DO NOTHING",
        "SELECT (contact_id, name, email, subject, message, metadata, status, created_at, updated_at, revision)
            IS NOT DISTINCT FROM ($2::uuid, $3::text, $4::text, $5::text, $6::text, $7::jsonb, $8::text, $9::timestamptz, $10::timestamptz, $11::bigint)
         FROM submissions WHERE id = $1",
        &[
            &record.id,
            &record.contact_id,
            &name,
            &email,
            &subject,
            &message,
            &metadata,
            &record.status,
            &record.created_at,
            &record.updated_at,
            &record.revision,
        ],
        NO_CONTACT,
    )
    .await
}

/// A day has had as many visits as either says, and the total what its days have.
async fn visits(tx: &Transaction<'_>, record: &Visits) -> Result<Outcome, Error> {
    if let Err(fault) = record.checked() {
        return Ok(refused(&fault));
    }
    let sql = "SELECT coalesce(sum(count), 0)::bigint FROM visit_days WHERE day = $1 AND reason = $2";
    let here: i64 = tx.query_one(sql, &[&record.day, &record.reason]).await?.get(0);
    let missing = record.count - here;
    if missing <= 0 {
        return Ok(if missing == 0 { Outcome::Unchanged } else { Outcome::Kept });
    }
    tx.execute(
        "INSERT INTO visit_days AS d (day, reason, shard, count) VALUES ($1, $2, 0, $3)
         ON CONFLICT (day, reason, shard) DO UPDATE SET count = d.count + excluded.count",
        &[&record.day, &record.reason, &missing],
    )
    .await?;
    if record.reason.is_empty() {
        tx.execute(
            "INSERT INTO visit_totals AS t (shard, count) VALUES (0, $1)
             ON CONFLICT (shard) DO UPDATE SET count = t.count + excluded.count",
            &[&missing],
        )
        .await?;
    }
    Ok(Outcome::Created)
}

async fn link(tx: &Transaction<'_>, record: &Link) -> Result<Outcome, Error> {
    add(
        tx,
        "INSERT INTO links (contact_id, document_id, confirmed, decided_at)
         SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT FROM contacts WHERE id = $1) ON CONFLICT DO NOTHING",
        "SELECT (confirmed, decided_at) = ($3::boolean, $4::timestamptz) FROM links WHERE contact_id = $1 AND document_id = $2",
        &[&record.contact_id, &record.document_id, &record.confirmed, &record.decided_at],
        NO_CONTACT,
    )
    .await
}

/// One that is in force makes the source a part of the target again, unless it is a part of another contact here.
/// What the target took is in its own record.
async fn merge(tx: &Transaction<'_>, record: &Merge) -> Result<Outcome, Error> {
    let same = "SELECT undone_at IS NOT DISTINCT FROM $2 FROM merges WHERE id = $1";
    if let Some(row) = tx.query_opt(same, &[&record.id, &record.undone_at]).await? {
        return Ok(if row.get(0) { Outcome::Unchanged } else { Outcome::Kept });
    }
    if record.undone_at.is_none() {
        let sql = "SELECT id, merged_into FROM contacts WHERE id IN ($1, $2) ORDER BY id FOR UPDATE";
        let both = tx.query(sql, &[&record.source_id, &record.target_id]).await?;
        let part_of = |id: Uuid| both.iter().find(|row| row.get::<_, Uuid>(0) == id).map(|row| row.get(1));
        let (source, target): (Option<Option<Uuid>>, Option<Option<Uuid>>) =
            (part_of(record.source_id), part_of(record.target_id));
        let (Some(source), Some(target)) = (source, target) else {
            return Ok(Outcome::Refused(NO_CONTACT.to_owned()));
        };
        let whole = target.unwrap_or(record.target_id);
        if source.is_some() || whole == record.source_id {
            return Ok(Outcome::Kept);
        }
        let sql = "UPDATE contacts SET merged_into = $2 WHERE id = $1 OR merged_into = $1";
        tx.execute(sql, &[&record.source_id, &whole]).await?;
    }
    let sql = "INSERT INTO merges (id, source_id, target_id, taken, submissions, merged_at, undone_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let Merge { id, source_id, target_id, taken, submissions, merged_at, undone_at } = record;
    tx.execute(sql, &[id, source_id, target_id, &Json(taken), submissions, merged_at, undone_at]).await?;
    Ok(Outcome::Created)
}

fn id(after: After) -> Option<Uuid> {
    match after {
        After::Id(id) => Some(id),
        _ => None,
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// How many there were, and what they end with when there may be more.
fn more(rows: &[Row], most: i64, key: impl Fn(&Row) -> After) -> (i64, Option<After>) {
    let count = rows.len() as i64;
    (count, rows.last().filter(|_| count == most).map(key))
}
