use uuid::Uuid;

use super::Store;
use crate::{
    error::Error,
    sealing::{MARK, Place},
};

/// What became of the secrets that are not sealed as they should be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sealed {
    /// They are now.
    pub(crate) sealed: usize,
    /// No key opens them.
    pub(crate) locked: usize,
}

/// Looked at together.
const BATCH: i64 = 200;

impl Store {
    /// Brings every secret under the key that seals.
    pub(crate) async fn seal_all(&self) -> Result<Sealed, Error> {
        let mut done = Sealed::default();
        self.seal_table("second_factors", "user_id", Place::SecondFactor, &mut done).await?;
        self.seal_table("webhooks", "id", Place::Webhook, &mut done).await?;
        Ok(done)
    }

    async fn seal_table(
        &self,
        table: &str,
        id: &str,
        place: fn(Uuid) -> Place,
        done: &mut Sealed,
    ) -> Result<(), Error> {
        let (mark, length) = (self.sealing.mark(), i32::try_from(MARK).unwrap_or(i32::MAX));
        let listing = format!(
            "SELECT {id}, secret FROM {table}
             WHERE substring(secret FROM 1 FOR $1) IS DISTINCT FROM $2 AND ($3::uuid IS NULL OR {id} > $3)
             ORDER BY {id} LIMIT $4"
        );
        // One that changed meanwhile was sealed by whoever changed it.
        let replacing = format!("UPDATE {table} SET secret = $3 WHERE {id} = $1 AND secret = $2");
        let connection = self.get().await?;
        let mut after: Option<Uuid> = None;
        loop {
            let rows = connection.query(&listing, &[&length, &mark, &after, &BATCH]).await?;
            for row in &rows {
                let (id, kept): (Uuid, &[u8]) = (row.get(0), row.get(1));
                let Ok(secret) = self.sealing.open(place(id), kept) else {
                    done.locked += 1;
                    continue;
                };
                if mark.is_some() {
                    let sealed = self.sealing.seal(place(id), &secret)?;
                    connection.execute(&replacing, &[&id, &kept, &sealed]).await?;
                    done.sealed += 1;
                }
            }
            match rows.last() {
                Some(last) => after = Some(last.get(0)),
                None => return Ok(()),
            }
        }
    }
}
