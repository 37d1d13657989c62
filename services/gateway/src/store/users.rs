//! People, as owners manage them.

use chassis::{Caller, Role};
use jiff::Timestamp;
use pg::{Idempotency, PageRequest, Transaction, idempotency::Claim};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    By, Occasion, Store, USER, audit, invitations, keep_an_owner,
    mails::{Kind, queue_link},
    tell, to_user,
};
use crate::{
    domain::{User, UserPatch},
    error::Error,
    secret::{self, Credential},
};

/// A new user, or the one made before under the same idempotency key.
#[derive(Debug)]
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    /// `None`: they are invited, and choose one by a link.
    pub(crate) password_hash: Option<String>,
    pub(crate) notify_submissions: bool,
    /// Whether the link is mailed as well.
    pub(crate) mail: bool,
}

/// A link that was made, shown this once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invited {
    pub(crate) bits: [u8; 32],
    pub(crate) expires_at: Timestamp,
}

/// A user that was made, and whether that was before under the same idempotency key.
#[derive(Debug)]
pub(crate) struct MadeUser {
    pub(crate) user: User,
    pub(crate) invited: Option<Invited>,
    pub(crate) replayed: bool,
}

impl Store {
    pub(crate) async fn list_users(&self, page: &PageRequest) -> Result<(Vec<User>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = format!("SELECT {USER} FROM users WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2");
        let rows = self.get().await?.query(&sql, &[&after, &page.fetch()]).await?;
        let users = rows.iter().map(to_user).collect::<Result<_, _>>()?;
        Ok(page.split(users, |user: &User| (String::new(), user.id)))
    }

    pub(crate) async fn get_user(&self, id: Uuid) -> Result<User, Error> {
        let sql = format!("SELECT {USER} FROM users WHERE id = $1");
        let row = self.get().await?.query_opt(&sql, &[&id]).await?;
        to_user(&row.ok_or(Error::NotFound("user"))?)
    }

    pub(crate) async fn create_user(
        &self,
        by: By<'_>,
        caller: &Caller,
        new: &NewUser,
        idempotency: Option<Idempotency>,
    ) -> Result<MadeUser, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_user").await?;
        let sent_key = idempotency.as_ref().map(|i| i.key.clone()).unwrap_or_default();
        let idempotency =
            idempotency.map(|i| Idempotency { key: hex::encode(secret::sha256(&[i.key.as_bytes()])), ..i });
        if let Some(key) = &idempotency
            && let Claim::Replay(kept) = key.claim(&tx, caller, "create_user").await?
        {
            return replayed_user(&tx, &kept, &sent_key).await;
        }
        let id = Uuid::now_v7();
        let sql = format!(
            "INSERT INTO users (id, email, name, role, password_hash, notify_submissions)
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING {USER}"
        );
        let password_hash = new.password_hash.as_deref().unwrap_or_default();
        let (role, notify) = (new.role.as_str(), new.notify_submissions);
        let made = tx.query_one(&sql, &[&id, &new.email, &new.name, &role, &password_hash, &notify]).await;
        let row = made.map_err(|e| if e.is_constraint("users_email") { Error::EmailTaken } else { e.into() })?;
        let invited = match new.password_hash {
            Some(_) => None,
            None => Some(invite(&tx, id, new.mail).await?),
        };
        if let Some(key) = &idempotency {
            let hidden = invited.map(|invited| secret::masked(invited.bits, &sent_key));
            let kept = [id.as_bytes().as_slice(), hidden.as_ref().map(<[u8; 32]>::as_slice).unwrap_or_default()];
            key.keep(&tx, caller, "create_user", &kept.concat()).await?;
        }
        audit(&tx, by, "user.created", Some(id), json!({"role": role, "invited": invited.is_some()})).await?;
        tx.commit().await?;
        Ok(MadeUser { user: to_user(&row)?, invited, replayed: false })
    }

    pub(crate) async fn update_user(
        &self,
        by: By<'_>,
        id: Uuid,
        patch: &UserPatch,
        if_revision: Option<i64>,
    ) -> Result<User, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("update_user").await?;
        let before = lock_user(&tx, id, if_revision).await?;
        let role = patch.role.unwrap_or(before.role);
        let disabled = patch.disabled.unwrap_or(before.disabled_at.is_some());
        if before.role == Role::Owner && (role != Role::Owner || disabled) {
            keep_an_owner(&tx, id).await?;
        }
        let sql = format!(
            "UPDATE users SET name = coalesce($2, name), role = $3, password_hash = coalesce($4, password_hash),
                    notify_submissions = coalesce($6, notify_submissions),
                    disabled_at = CASE WHEN $5 THEN coalesce(disabled_at, now()) END,
                    updated_at = now(), revision = revision + 1
             WHERE id = $1 RETURNING {USER}"
        );
        let (text, notify) = (role.as_str(), patch.notify_submissions);
        let row = tx.query_one(&sql, &[&id, &patch.name, &text, &patch.password_hash, &disabled, &notify]).await?;
        if patch.password_hash.is_some() || disabled {
            // Whoever knew the old password is out.
            invitations::end_links_and_sessions(&tx, id, None).await?;
        }
        tell(&tx, id).await?;
        let detail = json!({
            "role": role.as_str(), "disabled": disabled, "password_changed": patch.password_hash.is_some(),
        });
        audit(&tx, by, "user.changed", Some(id), detail).await?;
        tx.commit().await?;
        to_user(&row)
    }

    pub(crate) async fn delete_user(&self, by: By<'_>, id: Uuid, if_revision: Option<i64>) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("delete_user").await?;
        if lock_user(&tx, id, if_revision).await?.role == Role::Owner {
            keep_an_owner(&tx, id).await?;
        }
        tx.execute("DELETE FROM users WHERE id = $1", &[&id]).await?;
        tell(&tx, id).await?;
        audit(&tx, by, "user.deleted", Some(id), Value::Null).await?;
        Ok(tx.commit().await?)
    }
}

async fn invite(tx: &Transaction<'_>, user: Uuid, mail: bool) -> Result<Invited, Error> {
    let bits = secret::random();
    let hash = *Credential::session(&secret::session_text(&bits)).hash();
    let expires_at = invitations::put(tx, user, Occasion::Shown, &hash).await?;
    if mail {
        queue_link(tx, Kind::Invitation, user).await?;
    }
    Ok(Invited { bits, expires_at })
}

/// The link is answered as long as it is the one that is good.
async fn replayed_user(tx: &Transaction<'_>, kept: &[u8], key: &str) -> Result<MadeUser, Error> {
    let (id, hidden) =
        kept.split_at_checked(16).ok_or_else(|| Error::Internal("a kept user is malformed".to_owned()))?;
    let id = Uuid::from_slice(id).map_err(|e| Error::Internal(e.to_string()))?;
    let row = tx.query_opt(&format!("SELECT {USER} FROM users WHERE id = $1"), &[&id]).await?;
    let user = to_user(&row.ok_or(Error::NotFound("user"))?)?;
    let Ok(hidden) = <[u8; 32]>::try_from(hidden) else {
        return Ok(MadeUser { user, invited: None, replayed: true });
    };
    let bits = secret::masked(hidden, key);
    let hash = *Credential::session(&secret::session_text(&bits)).hash();
    let sql = "SELECT expires_at FROM invitations WHERE user_id = $1 AND hash = $2";
    let row = tx.query_opt(sql, &[&id, &hash.as_slice()]).await?;
    Ok(MadeUser { user, invited: row.map(|row| Invited { bits, expires_at: row.get(0) }), replayed: true })
}

async fn lock_user(tx: &Transaction<'_>, id: Uuid, if_revision: Option<i64>) -> Result<User, Error> {
    let row = tx.query_opt(&format!("SELECT {USER} FROM users WHERE id = $1 FOR UPDATE"), &[&id]).await?;
    let user = to_user(&row.ok_or(Error::NotFound("user"))?)?;
    match if_revision {
        Some(seen) if seen != user.revision => Err(Error::Stale),
        _ => Ok(user),
    }
}
