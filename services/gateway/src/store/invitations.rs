//! Links by which somebody sets their password: their first one, or a new one.

use chassis::{Fault, FaultKind};
use jiff::Timestamp;
use pg::Transaction;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    By, Store, USER, audit,
    mails::{Kind, queue_link},
    tell, to_user,
};
use crate::{domain::User, error::Error, secret::Hash};

/// For how long a link is good that an owner asked for.
const DAYS: f64 = 7.0;
/// And one that somebody asked for who forgot their password.
const FORGOTTEN_DAYS: f64 = 1.0 / 24.0;

/// Why a link is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// An owner sees it, and hands it over.
    Shown,
    /// An owner wants it mailed.
    Mailed,
    /// Whoever has the address wants it mailed.
    Forgotten,
}

impl Store {
    /// A new link for somebody; the one before, got in the same way, is not good any more. With `mail`
    /// another one is mailed. Answers until when it is good.
    pub(crate) async fn create_invitation(
        &self,
        by: By<'_>,
        user: Uuid,
        occasion: Occasion,
        hash: &Hash,
        mail: bool,
    ) -> Result<Timestamp, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_invitation").await?;
        let sql = "SELECT disabled_at IS NOT NULL FROM users WHERE id = $1 FOR UPDATE";
        let row = tx.query_opt(sql, &[&user]).await?.ok_or(Error::NotFound("user"))?;
        if row.get(0) {
            let detail = "the account is disabled; enable it first";
            return Err(Fault::new(FaultKind::Conflict, detail).because("user-disabled").into());
        }
        let expires_at = put(&tx, user, occasion, hash).await?;
        if mail {
            queue_link(&tx, Kind::Invitation, user).await?;
        }
        audit(&tx, by, "invitation.created", Some(user), json!({"mailed": occasion != Occasion::Shown})).await?;
        tx.commit().await?;
        Ok(expires_at)
    }

    /// Whose link it is, while it is good.
    pub(crate) async fn invitation(&self, hash: &Hash) -> Result<User, Error> {
        let sql = format!(
            "SELECT {USER} FROM users WHERE disabled_at IS NULL
                 AND id = (SELECT user_id FROM invitations WHERE hash = $1 AND expires_at > now())"
        );
        let row = self.get().await?.query_opt(&sql, &[&hash.as_slice()]).await?;
        to_user(&row.ok_or_else(over)?)
    }

    /// Uses the link: sets the password, and the name of somebody who was invited. Whoever was signed in
    /// as them is not any more, and no other link is good.
    pub(crate) async fn accept_invitation(
        &self,
        hash: &Hash,
        name: Option<&str>,
        password_hash: &str,
        request_id: &str,
    ) -> Result<Uuid, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("accept_invitation").await?;
        let sql = "DELETE FROM invitations WHERE hash = $1 AND expires_at > now() RETURNING user_id";
        let user: Uuid = tx.query_opt(sql, &[&hash.as_slice()]).await?.ok_or_else(over)?.get(0);
        let sql = "UPDATE users SET password_hash = $2, name = coalesce($3, name), updated_at = now(), revision = revision + 1
                   WHERE id = $1 AND disabled_at IS NULL";
        if tx.execute(sql, &[&user, &password_hash, &name]).await? == 0 {
            return Err(over().into());
        }
        end_links_and_sessions(&tx, user, None).await?;
        audit(&tx, By { actor: Some(user), request_id }, "invitation.accepted", Some(user), Value::Null).await?;
        tx.commit().await?;
        Ok(user)
    }

    pub(crate) async fn sweep_invitations(&self) -> Result<(), Error> {
        self.get().await?.execute("DELETE FROM invitations WHERE expires_at < now()", &[]).await?;
        Ok(())
    }
}

/// Within a transaction that has locked the user.
pub(super) async fn put(tx: &Transaction<'_>, user: Uuid, occasion: Occasion, hash: &Hash) -> Result<Timestamp, Error> {
    let mailed = occasion != Occasion::Shown;
    let days = if occasion == Occasion::Forgotten { FORGOTTEN_DAYS } else { DAYS };
    let sql =
        "INSERT INTO invitations (user_id, mailed, hash, expires_at) VALUES ($1, $2, $3, now() + $4 * interval '1 day')
               ON CONFLICT (user_id, mailed) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at
               RETURNING expires_at";
    Ok(tx.query_one(sql, &[&user, &mailed, &hash.as_slice(), &days]).await?.get(0))
}

/// After a change of the password: who knew the old one is out, but for the session that changed it.
pub(super) async fn end_links_and_sessions(tx: &Transaction<'_>, user: Uuid, but: Option<Uuid>) -> Result<(), Error> {
    tx.execute("DELETE FROM invitations WHERE user_id = $1", &[&user]).await?;
    tx.execute("DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2", &[&user, &but]).await?;
    tell(tx, user).await
}

fn over() -> Fault {
    let detail = "the link was used already, has expired, or another one took its place; ask for a new one";
    Fault::new(FaultKind::NotFound, detail).because("invitation-over")
}
