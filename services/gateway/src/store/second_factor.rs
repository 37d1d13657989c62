use std::time::Duration;

use chassis::{Fault, FaultKind};
use jiff::Timestamp;
use pg::Transaction;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{By, Store, audit, tell};
use crate::{
    error::Error,
    sealing::Place,
    totp::{self, Proof, Secret},
};

/// Whether somebody has a second factor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SecondFactor {
    /// Since when it is asked for.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// Recovery codes that were not used yet.
    pub(crate) recovery_codes: i64,
}

/// Wrong codes in a row before the account has to wait: a minute, then twice as long each time, an
/// hour at most. Whoever gets there knows the password, so nobody else can lock an account.
const FAILURES: i32 = 5;

impl Store {
    pub(crate) async fn second_factor(&self, user: Uuid) -> Result<SecondFactor, Error> {
        let sql = "SELECT confirmed_at, (SELECT count(*) FROM recovery_codes r WHERE r.user_id = f.user_id)
                   FROM second_factors f WHERE user_id = $1 AND confirmed_at IS NOT NULL";
        let row = self.get().await?.query_opt(sql, &[&user]).await?;
        let found = |row: pg::Row| SecondFactor { confirmed_at: row.get(0), recovery_codes: row.get(1) };
        Ok(row.map(found).unwrap_or_default())
    }

    pub(crate) async fn password_hash(&self, user: Uuid) -> Result<Option<String>, Error> {
        let row =
            self.get().await?.query_opt("SELECT nullif(password_hash, '') FROM users WHERE id = $1", &[&user]).await?;
        Ok(row.and_then(|row| row.get(0)))
    }

    /// Not asked for until it is confirmed; one that was begun before is forgotten.
    pub(crate) async fn begin_second_factor(&self, user: Uuid, secret: &Secret) -> Result<(), Error> {
        let sql = "INSERT INTO second_factors AS f (user_id, secret) VALUES ($1, $2)
                   ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = now(), failures = 0,
                       locked_until = NULL
                   WHERE f.confirmed_at IS NULL";
        let sealed = self.sealing.seal(Place::SecondFactor(user), secret)?;
        match self.get().await?.execute(sql, &[&user, &sealed]).await? {
            0 => Err(enabled().into()),
            _ => Ok(()),
        }
    }

    /// From now on it is asked for; answers the recovery codes. Other sessions end.
    pub(crate) async fn confirm_second_factor(
        &self,
        by: By<'_>,
        user: Uuid,
        session: Option<Uuid>,
        proof: Option<Proof>,
    ) -> Result<Vec<String>, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("confirm_second_factor").await?;
        let sql = "SELECT secret, extract(epoch FROM now())::bigint, confirmed_at IS NOT NULL
                   FROM second_factors WHERE user_id = $1 FOR UPDATE";
        let row = tx.query_opt(sql, &[&user]).await?.ok_or_else(not_begun)?;
        if row.get(2) {
            return Err(enabled().into());
        }
        let Some(step) = (match proof {
            Some(Proof::Code(code)) => {
                let secret = self.sealing.open(Place::SecondFactor(user), row.get(0))?;
                totp::step_of(&secret, code, row.get(1), 0)
            }
            _ => None,
        }) else {
            return Err(Fault::unprocessable("totp", "is not the code that the app shows now").into());
        };
        let sql = "UPDATE second_factors SET confirmed_at = now(), last_step = $2 WHERE user_id = $1";
        tx.execute(sql, &[&user, &step]).await?;
        let codes: Vec<String> = (0..totp::RECOVERY_CODES).map(|_| totp::recovery_code()).collect();
        for code in &codes {
            let sql = "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)";
            tx.execute(sql, &[&user, &totp::recovery_hash(code).as_slice()]).await?;
        }
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2";
        tx.execute(sql, &[&user, &session]).await?;
        tell(&tx, user).await?;
        audit(&tx, by, "second_factor.enabled", Some(user), Value::Null).await?;
        tx.commit().await?;
        Ok(codes)
    }

    pub(crate) async fn delete_second_factor(&self, by: By<'_>, user: Uuid) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("delete_second_factor").await?;
        if tx.execute("DELETE FROM second_factors WHERE user_id = $1", &[&user]).await? == 0 {
            return Err(Error::NotFound("second factor"));
        }
        audit(&tx, by, "second_factor.disabled", Some(user), Value::Null).await?;
        Ok(tx.commit().await?)
    }

    /// Whether somebody whose password was right may come in: they have no second factor, or the
    /// proof is good. A proof is good once.
    pub(crate) async fn pass_second_factor(
        &self,
        user: Uuid,
        sent: bool,
        proof: Option<Proof>,
        request_id: &str,
    ) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("pass_second_factor").await?;
        let sql = "SELECT secret, extract(epoch FROM now())::bigint, last_step,
                          greatest(extract(epoch FROM locked_until - now()), 0)::double precision
                   FROM second_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL FOR UPDATE";
        let Some(row) = tx.query_opt(sql, &[&user]).await? else { return Ok(()) };
        if !sent {
            let detail = "a code of your authenticator app is needed, too";
            return Err(Fault::new(FaultKind::Unauthenticated, detail).because("totp-required").into());
        }
        if let Some(wait) = row.get::<_, Option<f64>>(3).filter(|wait| *wait > 0.0) {
            return Err(wait_for(Duration::from_secs_f64(wait)).into());
        }
        let good = match proof {
            Some(Proof::Code(code)) => {
                let secret = self.sealing.open(Place::SecondFactor(user), row.get(0))?;
                match totp::step_of(&secret, code, row.get(1), row.get(2)) {
                    Some(step) => {
                        let sql = "UPDATE second_factors SET last_step = $2 WHERE user_id = $1";
                        tx.execute(sql, &[&user, &step]).await? > 0
                    }
                    None => false,
                }
            }
            Some(Proof::Recovery(hash)) => use_recovery_code(&tx, user, &hash, request_id).await?,
            None => false,
        };
        note_attempt(&tx, user, good).await?;
        tx.commit().await?;
        if good {
            return Ok(());
        }
        let detail = "the code is wrong, or was used before";
        Err(Fault::new(FaultKind::Unauthenticated, detail).because("totp-wrong").into())
    }
}

async fn use_recovery_code(tx: &Transaction<'_>, user: Uuid, hash: &[u8], request_id: &str) -> Result<bool, Error> {
    let sql = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
    if tx.execute(sql, &[&user, &hash]).await? == 0 {
        return Ok(false);
    }
    let left = tx.query_one("SELECT count(*) FROM recovery_codes WHERE user_id = $1", &[&user]).await?;
    let by = By { actor: Some(user), request_id };
    audit(tx, by, "second_factor.recovered", Some(user), json!({"codes_left": left.get::<_, i64>(0)})).await?;
    Ok(true)
}

async fn note_attempt(tx: &Transaction<'_>, user: Uuid, good: bool) -> Result<(), Error> {
    let sql = "UPDATE second_factors SET
                   failures = CASE WHEN $2 THEN 0 ELSE least(failures + 1, 1000) END,
                   locked_until = CASE WHEN NOT $2 AND failures + 1 >= $3
                       THEN now() + least(interval '1 hour', interval '1 minute' * 2 ^ least(failures + 1 - $3, 10)) END
               WHERE user_id = $1";
    tx.execute(sql, &[&user, &good, &FAILURES]).await?;
    Ok(())
}

fn enabled() -> Fault {
    Fault::new(FaultKind::Conflict, "a second factor is in use; disable it first").because("totp-enabled")
}

fn not_begun() -> Error {
    Error::NotFound("second factor that was begun")
}

fn wait_for(wait: Duration) -> Fault {
    let detail = "too many wrong codes; wait before trying again";
    Fault { retry_after: Some(wait), ..Fault::new(FaultKind::RateLimited, detail) }
}
