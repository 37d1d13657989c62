//! Idempotency keys: a POST that is repeated answers what it answered the first time.
//!
//! The key is claimed and the answer kept in the same transaction as the effect, so there is no
//! moment at which one exists without the other. Each schema that takes keys has this table:
//!
//! ```sql
//! CREATE TABLE idempotency (
//!     caller      text NOT NULL,
//!     operation   text NOT NULL,
//!     key         text NOT NULL,
//!     fingerprint bytea NOT NULL,
//!     answer      bytea NOT NULL,
//!     created_at  timestamptz NOT NULL DEFAULT now(),
//!     PRIMARY KEY (caller, operation, key)
//! );
//! CREATE INDEX idempotency_age ON idempotency (created_at);
//! ```

use chassis::{Caller, Fault, FaultKind};

use crate::{Connection, Error, Transaction};

/// One key, as a client sent it.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// 1 to 255 visible ASCII characters.
    pub key: String,
    /// SHA-256 of what was asked.
    pub fingerprint: Vec<u8>,
}

/// What a key turned out to be.
#[derive(Debug)]
pub enum Claim {
    /// New: do the work, then [`keep`] the answer before committing.
    Fresh,
    /// Known: answer this again and do nothing.
    Replay(Vec<u8>),
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The first request with this key is still being worked on.
    #[error("a request with this idempotency key is still in progress")]
    InFlight,
    /// It came with something else the first time.
    #[error("this idempotency key was used for a different request")]
    Different,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::InFlight => Fault::new(FaultKind::Conflict, refused.to_string()).because("idempotency-in-flight"),
            Refused::Different => {
                Fault::new(FaultKind::Unprocessable, refused.to_string()).because("idempotency-mismatch")
            }
            Refused::Database(error) => error.fault(),
        }
    }
}

impl Idempotency {
    /// Claims the key for this transaction, or finds what it answered before.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn claim(
        &self,
        transaction: &Transaction<'_>,
        caller: &Caller,
        operation: &str,
    ) -> Result<Claim, Refused> {
        let who = who(caller);
        let locked = transaction
            .query_one(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(concat_ws(chr(31), $1::text, $2::text, $3::text), 0))",
                &[&who, &operation, &self.key],
            )
            .await?;
        let known = transaction
            .query_opt(
                "SELECT fingerprint, answer FROM idempotency
                 WHERE caller = $1 AND operation = $2 AND key = $3 AND created_at > now() - interval '24 hours'",
                &[&who, &operation, &self.key],
            )
            .await?;
        match known {
            // Only without an answer does it matter who holds the lock: another replay, whose
            // transaction is just ending, may hold it too.
            None if !locked.get::<_, bool>(0) => Err(Refused::InFlight),
            None => Ok(Claim::Fresh),
            Some(row) if row.get::<_, &[u8]>(0) == self.fingerprint => Ok(Claim::Replay(row.get(1))),
            Some(_) => Err(Refused::Different),
        }
    }

    /// Keeps the answer of a fresh claim, in the same transaction.
    ///
    /// # Errors
    /// As the database says.
    pub async fn keep(
        &self,
        transaction: &Transaction<'_>,
        caller: &Caller,
        operation: &str,
        answer: &[u8],
    ) -> Result<(), Error> {
        transaction
            .execute(
                "INSERT INTO idempotency (caller, operation, key, fingerprint, answer) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (caller, operation, key) DO UPDATE
                 SET fingerprint = excluded.fingerprint, answer = excluded.answer, created_at = now()",
                &[&who(caller), &operation, &self.key, &self.fingerprint, &answer],
            )
            .await?;
        Ok(())
    }
}

/// Forgets keys older than a day; answers how many.
///
/// # Errors
/// As the database says.
pub async fn sweep(connection: &Connection) -> Result<u64, Error> {
    connection.execute("DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'", &[]).await
}

/// Keys belong to the person, whatever role their token gives them in this call.
fn who(caller: &Caller) -> String {
    caller.user_id().map_or_else(|| caller.kind().to_owned(), |id| id.to_string())
}
