//! Who signs in with an account that they have elsewhere.

use chassis::{Fault, Role};
use pg::Transaction;
use serde_json::json;
use uuid::Uuid;

use super::{By, Store, audit, keep_an_owner, role, tell};
use crate::{error::Error, oidc::Guest, secret::Hash};

/// Minutes in which an attempt must be finished.
const ATTEMPT_MINUTES: f64 = 10.0;

impl Store {
    pub(crate) async fn begin_attempt(&self, hash: &Hash) -> Result<(), Error> {
        let sql = "INSERT INTO oidc_attempts (hash) VALUES ($1)";
        self.get().await?.execute(sql, &[&hash.as_slice()]).await?;
        Ok(())
    }

    /// Whether the attempt was begun here, not long ago, and not finished yet. It is now.
    pub(crate) async fn take_attempt(&self, hash: &Hash) -> Result<bool, Error> {
        let sql = "DELETE FROM oidc_attempts WHERE hash = $1 RETURNING created_at > now() - $2 * interval '1 minute'";
        let row = self.get().await?.query_opt(sql, &[&hash.as_slice(), &ATTEMPT_MINUTES]).await?;
        Ok(row.is_some_and(|row| row.get(0)))
    }

    pub(crate) async fn sweep_attempts(&self) -> Result<(), Error> {
        let sql = "DELETE FROM oidc_attempts WHERE created_at < now() - $1 * interval '1 minute'";
        self.get().await?.execute(sql, &[&ATTEMPT_MINUTES]).await?;
        Ok(())
    }

    /// Who this is here: somebody who came in that way before; else whoever has the verified address,
    /// who is linked; else somebody new, if that may be. Their role becomes what a claim gives.
    pub(crate) async fn admit(&self, guest: &Guest, request_id: &str) -> Result<Uuid, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("admit").await?;
        let user = match linked(&tx, guest).await? {
            Some(user) => user,
            None => link(&tx, guest, request_id).await?,
        };
        let by = By { actor: Some(user), request_id };
        if let Some(given) = guest.given {
            give(&tx, by, user, given).await?;
        }
        tx.commit().await?;
        Ok(user)
    }
}

async fn linked(tx: &Transaction<'_>, guest: &Guest) -> Result<Option<Uuid>, Error> {
    let sql = "UPDATE identities i SET last_used_at = now() FROM users u
               WHERE i.issuer = $1 AND i.subject = $2 AND u.id = i.user_id
               RETURNING u.id, u.disabled_at IS NOT NULL";
    let Some(row) = tx.query_opt(sql, &[&guest.issuer, &guest.subject]).await? else { return Ok(None) };
    match row.get(1) {
        true => Err(refused().into()),
        false => Ok(Some(row.get(0))),
    }
}

async fn link(tx: &Transaction<'_>, guest: &Guest, request_id: &str) -> Result<Uuid, Error> {
    let Some(email) = guest.email.as_deref() else {
        let detail = "the identity provider has not verified your e-mail address";
        return Err(Fault::forbidden(detail).because("oidc-email-unverified").into());
    };
    let sql = "SELECT id, disabled_at IS NOT NULL FROM users WHERE lower(email) = lower($1) FOR UPDATE";
    let user: Uuid = match (tx.query_opt(sql, &[&email]).await?, guest.otherwise) {
        (Some(row), _) if row.get(1) => return Err(refused().into()),
        (Some(row), _) => row.get(0),
        (None, Some(role)) => create(tx, email, &guest.name, role, request_id).await?,
        (None, None) => return Err(refused().into()),
    };
    let sql = "INSERT INTO identities (issuer, subject, user_id) VALUES ($1, $2, $3)";
    let made = tx.execute(sql, &[&guest.issuer, &guest.subject, &user]).await;
    // The address belongs to somebody else there now.
    made.map_err(|e| if e.is_constraint("identities_one_each") { refused().into() } else { Error::from(e) })?;
    tx.execute("DELETE FROM invitations WHERE user_id = $1", &[&user]).await?;
    let sql = "UPDATE users SET name = $2, updated_at = now(), revision = revision + 1 WHERE id = $1 AND name = ''";
    tx.execute(sql, &[&user, &guest.name]).await?;
    let by = By { actor: Some(user), request_id };
    audit(tx, by, "identity.linked", Some(user), json!({"issuer": guest.issuer})).await?;
    Ok(user)
}

async fn create(tx: &Transaction<'_>, email: &str, name: &str, role: Role, request_id: &str) -> Result<Uuid, Error> {
    let id = Uuid::now_v7();
    let sql = "INSERT INTO users (id, email, name, role, password_hash) VALUES ($1, $2, $3, $4, '')";
    let made = tx.execute(sql, &[&id, &email, &name, &role.as_str()]).await;
    made.map_err(|e| if e.is_constraint("users_email") { Error::EmailTaken } else { e.into() })?;
    let by = By { actor: Some(id), request_id };
    audit(tx, by, "user.created", Some(id), json!({"role": role.as_str(), "by": "identity provider"})).await?;
    Ok(id)
}

/// The last owner stays one, whatever a claim says: somebody must be able to let others in.
async fn give(tx: &Transaction<'_>, by: By<'_>, user: Uuid, given: Role) -> Result<(), Error> {
    let row = tx.query_one("SELECT role FROM users WHERE id = $1 FOR UPDATE", &[&user]).await?;
    let before = role(row.get(0))?;
    if before == given {
        return Ok(());
    }
    if before == Role::Owner {
        match keep_an_owner(tx, user).await {
            Err(Error::LastOwner) => return Ok(()),
            other => other?,
        }
    }
    let sql = "UPDATE users SET role = $2, updated_at = now(), revision = revision + 1 WHERE id = $1";
    tx.execute(sql, &[&user, &given.as_str()]).await?;
    tell(tx, user).await?;
    audit(tx, by, "user.changed", Some(user), json!({"role": given.as_str(), "by": "identity provider"})).await
}

fn refused() -> Fault {
    let detail = "nobody here has invited you; ask an owner to";
    Fault::forbidden(detail).because("oidc-not-invited")
}
