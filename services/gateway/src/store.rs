//! The only SQL of the gateway: people, sessions, tokens, audit.

mod once;
mod people;
mod second_factor;
mod shares;
mod upload_links;
mod webhooks;

use chassis::{Caller, Role};
use jiff::Timestamp;
use pg::{Connection, Idempotency, PageRequest, Pool, Row, Transaction, idempotency::Claim};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use people::export_line;
pub(crate) use second_factor::SecondFactor;
pub(crate) use shares::{NewShare, OpenShare, Share, Use};
pub(crate) use upload_links::{NewUploadLink, OpenUploadLink, UploadLink};
pub(crate) use webhooks::{Delivery, Due, Outcome, Webhook, WebhookPatch};

use crate::{
    domain::{AuditEntry, Identity, Scopes, Token, User, UserPatch, Via},
    error::Error,
    secret::{self, Credential, Hash},
};

/// Where changes to users, sessions and tokens are told.
pub(crate) const CHANNEL: &str = "access_changed";
/// The payload that only says that the channel works.
pub(crate) const HEARTBEAT: &str = "heartbeat";

const USER: &str = "id, email, name, role, disabled_at, created_at, updated_at, revision";

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) days: u32,
    pub(crate) idle_hours: u32,
}

/// People, sessions, tokens and audit in PostgreSQL.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: Pool,
    lifetime: Lifetime,
}

/// A new token, and whether it is one that was made before under the same idempotency key.
#[derive(Debug)]
pub(crate) struct MadeToken {
    pub(crate) token: Token,
    pub(crate) bits: [u8; 32],
    pub(crate) replayed: bool,
}

/// A new user, or the one made before under the same idempotency key.
#[derive(Debug)]
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) password_hash: String,
}

/// Who does it, in which request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By<'a> {
    pub(crate) actor: Option<Uuid>,
    pub(crate) request_id: &'a str,
}

impl Store {
    pub(crate) fn new(pool: Pool, lifetime: Lifetime) -> Self {
        Self { pool, lifetime }
    }

    async fn get(&self) -> Result<Connection, Error> {
        Ok(self.pool.get().await?)
    }

    /// Makes the first owner when there is nobody yet. Answers whether it did.
    pub(crate) async fn create_first_owner(&self, email: &str, hash: &str) -> Result<bool, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_first_owner").await?;
        // Two gateways may start at the same moment.
        tx.query_one("SELECT pg_advisory_xact_lock(hashtext('dossier first owner'))", &[]).await?;
        if tx.query_opt("SELECT 1 FROM users LIMIT 1", &[]).await?.is_some() {
            return Ok(false);
        }
        let id = Uuid::now_v7();
        let sql = "INSERT INTO users (id, email, role, password_hash) VALUES ($1, $2, 'owner', $3)";
        tx.execute(sql, &[&id, &email, &hash]).await?;
        audit(
            &tx,
            By { actor: None, request_id: "" },
            "user.created",
            Some(id),
            json!({"role": "owner", "first": true}),
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(crate) async fn has_users(&self) -> Result<bool, Error> {
        Ok(self.get().await?.query_opt("SELECT 1 FROM users LIMIT 1", &[]).await?.is_some())
    }

    /// Id and password hash of an account that may sign in.
    pub(crate) async fn account(&self, email: &str) -> Result<Option<(Uuid, String)>, Error> {
        let sql = "SELECT id, password_hash FROM users WHERE lower(email) = lower($1) AND disabled_at IS NULL";
        let row = self.get().await?.query_opt(sql, &[&email]).await?;
        Ok(row.map(|row| (row.get(0), row.get(1))))
    }

    pub(crate) async fn create_session(&self, user: Uuid, hash: &Hash, request_id: &str) -> Result<User, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_session").await?;
        let id = Uuid::now_v7();
        let (days, by) = (f64::from(self.lifetime.days), By { actor: Some(user), request_id });
        tx.execute(
            "INSERT INTO sessions (id, user_id, hash, expires_at) VALUES ($1, $2, $3, now() + $4 * interval '1 day')",
            &[&id, &user, &hash.as_slice(), &days],
        )
        .await?;
        let sql = format!("SELECT {USER} FROM users WHERE id = $1 AND disabled_at IS NULL");
        let row = tx.query_opt(&sql, &[&user]).await?.ok_or(Error::SignIn)?;
        audit(&tx, by, "session.created", Some(id), Value::Null).await?;
        tx.commit().await?;
        to_user(&row)
    }

    /// Ends a session.
    pub(crate) async fn delete_session(&self, id: Uuid, by: By<'_>) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("delete_session").await?;
        tx.execute("DELETE FROM sessions WHERE id = $1", &[&id]).await?;
        if let Some(user) = by.actor {
            tell(&tx, user).await?;
        }
        audit(&tx, by, "session.ended", Some(id), Value::Null).await?;
        Ok(tx.commit().await?)
    }

    /// Who holds this credential; keeps a coarse note that it was used.
    pub(crate) async fn identity(&self, credential: &Credential) -> Result<Option<Identity>, Error> {
        let connection = self.get().await?;
        match credential {
            Credential::Session(hash) => self.session_identity(&connection, hash).await,
            Credential::Token(hash) => token_identity(&connection, hash).await,
        }
    }

    async fn session_identity(&self, connection: &Connection, hash: &Hash) -> Result<Option<Identity>, Error> {
        let idle = f64::from(self.lifetime.idle_hours);
        let row = connection
            .query_opt(
                "SELECT s.id, u.id, u.email, u.name, u.role,
                        least(s.expires_at, s.last_seen_at + $2 * interval '1 hour'),
                        s.last_seen_at < now() - interval '1 minute'
                 FROM sessions s JOIN users u ON u.id = s.user_id
                 WHERE s.hash = $1 AND u.disabled_at IS NULL
                   AND s.expires_at > now() AND s.last_seen_at > now() - $2 * interval '1 hour'",
                &[&hash.as_slice(), &idle],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        if row.get(6) {
            let sql = "UPDATE sessions SET last_seen_at = now() WHERE id = $1";
            connection.execute(sql, &[&row.get::<_, Uuid>(0)]).await?;
        }
        Ok(Some(to_identity(&row, Via::Session(row.get(0)), row.get(5))?))
    }

    /// One keyset page of tokens of a user, newest first.
    pub(crate) async fn list_tokens(&self, user: Uuid, page: &PageRequest) -> Result<(Vec<Token>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = "SELECT id, name, scopes, created_at, expires_at, last_used_at FROM tokens
                   WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3";
        let rows = self.get().await?.query(sql, &[&user, &after, &page.fetch()]).await?;
        Ok(page.split(rows.iter().map(to_token).collect(), |token| (String::new(), token.id)))
    }

    pub(crate) async fn create_token(
        &self,
        by: By<'_>,
        user: Uuid,
        wanted: &Token,
        idempotency: Option<Idempotency>,
    ) -> Result<MadeToken, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_token").await?;
        let caller = Caller::User { id: user, role: Role::Viewer };
        let sent_key = idempotency.as_ref().map(|i| i.key.clone()).unwrap_or_default();
        let idempotency =
            idempotency.map(|i| Idempotency { key: hex::encode(secret::sha256(&[i.key.as_bytes()])), ..i });
        if let Some(key) = &idempotency
            && let Claim::Replay(kept) = key.claim(&tx, &caller, "create_token").await?
        {
            return replayed_token(&tx, user, &kept, &sent_key).await;
        }
        let (bits, token) = (secret::random(), Token { id: Uuid::now_v7(), ..wanted.clone() });
        let Some(Credential::Token(hash)) = Credential::token(&secret::token_text(&bits)) else {
            return Err(Error::Internal("a token of ours is not one".to_owned()));
        };
        tx.execute(
            "INSERT INTO tokens (id, user_id, name, hash, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[&token.id, &user, &token.name, &hash.as_slice(), &token.scopes, &token.created_at, &token.expires_at],
        )
        .await?;
        if let Some(key) = &idempotency {
            let kept = [token.id.as_bytes().as_slice(), &secret::masked(bits, &sent_key)].concat();
            key.keep(&tx, &caller, "create_token", &kept).await?;
        }
        audit(&tx, by, "token.created", Some(token.id), json!({"scopes": token.scopes})).await?;
        tx.commit().await?;
        Ok(MadeToken { token, bits, replayed: false })
    }

    /// Revokes a token of this user; `None`: of anybody.
    pub(crate) async fn delete_token(&self, by: By<'_>, id: Uuid, of: Option<Uuid>) -> Result<Uuid, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("delete_token").await?;
        let sql = "DELETE FROM tokens WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2) RETURNING user_id";
        let row = tx.query_opt(sql, &[&id, &of]).await?.ok_or(Error::NotFound("token"))?;
        let user = row.get(0);
        tell(&tx, user).await?;
        audit(&tx, by, "token.revoked", Some(id), Value::Null).await?;
        tx.commit().await?;
        Ok(user)
    }

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
    ) -> Result<(User, bool), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_user").await?;
        if let Some(key) = &idempotency
            && let Claim::Replay(kept) = key.claim(&tx, caller, "create_user").await?
        {
            let id = Uuid::from_slice(&kept).map_err(|e| Error::Internal(e.to_string()))?;
            let row = tx.query_opt(&format!("SELECT {USER} FROM users WHERE id = $1"), &[&id]).await?;
            return Ok((to_user(&row.ok_or(Error::NotFound("user"))?)?, true));
        }
        let id = Uuid::now_v7();
        let sql = format!(
            "INSERT INTO users (id, email, name, role, password_hash) VALUES ($1, $2, $3, $4, $5) RETURNING {USER}"
        );
        let made = tx.query_one(&sql, &[&id, &new.email, &new.name, &new.role.as_str(), &new.password_hash]).await;
        let row = made.map_err(|e| if e.is_constraint("users_email") { Error::EmailTaken } else { e.into() })?;
        if let Some(key) = &idempotency {
            key.keep(&tx, caller, "create_user", id.as_bytes()).await?;
        }
        audit(&tx, by, "user.created", Some(id), json!({"role": new.role.as_str()})).await?;
        tx.commit().await?;
        Ok((to_user(&row)?, false))
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
                    disabled_at = CASE WHEN $5 THEN coalesce(disabled_at, now()) END,
                    updated_at = now(), revision = revision + 1
             WHERE id = $1 RETURNING {USER}"
        );
        let row = tx.query_one(&sql, &[&id, &patch.name, &role.as_str(), &patch.password_hash, &disabled]).await?;
        if patch.password_hash.is_some() || disabled {
            // Whoever knew the old password is out.
            tx.execute("DELETE FROM sessions WHERE user_id = $1", &[&id]).await?;
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

    /// Newest first.
    pub(crate) async fn list_audit(&self, page: &PageRequest) -> Result<(Vec<AuditEntry>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = "SELECT id, at, actor, action, subject, request_id, detail FROM audit
                   WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2";
        let rows = self.get().await?.query(sql, &[&after, &page.fetch()]).await?;
        let entry = |row: &Row| AuditEntry {
            id: row.get(0),
            at: row.get(1),
            actor: row.get(2),
            action: row.get(3),
            subject: row.get(4),
            request_id: row.get(5),
            detail: row.get(6),
        };
        Ok(page.split(rows.iter().map(entry).collect(), |entry| (String::new(), entry.id)))
    }

    /// Tells every gateway, this one included, that the channel works.
    pub(crate) async fn heartbeat(&self) -> Result<(), Error> {
        self.get().await?.query_one("SELECT pg_notify($1, $2)", &[&CHANNEL, &HEARTBEAT]).await?;
        Ok(())
    }

    /// Forgets what is over.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let connection = self.get().await?;
        pg::idempotency::sweep(&connection).await?;
        let idle = f64::from(self.lifetime.idle_hours);
        let sql = "DELETE FROM sessions WHERE expires_at < now() OR last_seen_at < now() - $1 * interval '1 hour'";
        connection.execute(sql, &[&idle]).await?;
        Ok(())
    }
}

async fn token_identity(connection: &Connection, hash: &Hash) -> Result<Option<Identity>, Error> {
    let row = connection
        .query_opt(
            "SELECT t.id, u.id, u.email, u.name, u.role, t.expires_at,
                    coalesce(t.last_used_at < now() - interval '1 minute', true), t.scopes
             FROM tokens t JOIN users u ON u.id = t.user_id
             WHERE t.hash = $1 AND u.disabled_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())",
            &[&hash.as_slice()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let id = row.get(0);
    if row.get(6) {
        connection.execute("UPDATE tokens SET last_used_at = now() WHERE id = $1", &[&id]).await?;
    }
    let names: Vec<String> = row.get(7);
    // A scope that this version does not know gives nothing.
    let scopes = Scopes::parse(&names).unwrap_or(Scopes::parse::<&str>(&[]).ok_or(Error::NotFound("token"))?);
    Ok(Some(to_identity(&row, Via::Token(id, scopes), row.get(5))?))
}

async fn replayed_token(tx: &Transaction<'_>, user: Uuid, kept: &[u8], key: &str) -> Result<MadeToken, Error> {
    let parts = kept
        .split_at_checked(16)
        .and_then(|(id, masked)| Some((Uuid::from_slice(id).ok()?, <[u8; 32]>::try_from(masked).ok()?)));
    let (id, masked) = parts.ok_or_else(|| Error::Internal("a kept token is malformed".to_owned()))?;
    let sql =
        "SELECT id, name, scopes, created_at, expires_at, last_used_at FROM tokens WHERE id = $1 AND user_id = $2";
    let row = tx.query_opt(sql, &[&id, &user]).await?.ok_or(Error::NotFound("token"))?;
    Ok(MadeToken { token: to_token(&row), bits: secret::masked(masked, key), replayed: true })
}

async fn lock_user(tx: &Transaction<'_>, id: Uuid, if_revision: Option<i64>) -> Result<User, Error> {
    let row = tx.query_opt(&format!("SELECT {USER} FROM users WHERE id = $1 FOR UPDATE"), &[&id]).await?;
    let user = to_user(&row.ok_or(Error::NotFound("user"))?)?;
    match if_revision {
        Some(seen) if seen != user.revision => Err(Error::Stale),
        _ => Ok(user),
    }
}

/// Refuses unless another owner can sign in. Locks them all, so that two who leave at the same
/// moment do not each rely on the other.
async fn keep_an_owner(tx: &Transaction<'_>, leaving: Uuid) -> Result<(), Error> {
    let sql = "SELECT id FROM users WHERE role = 'owner' AND disabled_at IS NULL ORDER BY id FOR UPDATE";
    let owners = tx.query(sql, &[]).await?;
    match owners.iter().any(|row| row.get::<_, Uuid>(0) != leaving) {
        true => Ok(()),
        false => Err(Error::LastOwner),
    }
}

/// With the commit, every gateway forgets what it knows of this user.
async fn tell(tx: &Transaction<'_>, user: Uuid) -> Result<(), Error> {
    tx.query_one("SELECT pg_notify($1, $2)", &[&CHANNEL, &user.to_string()]).await?;
    Ok(())
}

async fn audit(
    tx: &Transaction<'_>,
    by: By<'_>,
    action: &str,
    subject: Option<Uuid>,
    detail: Value,
) -> Result<(), Error> {
    let detail = if detail.is_null() { json!({}) } else { detail };
    tx.execute(
        "INSERT INTO audit (id, actor, action, subject, request_id, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        &[&Uuid::now_v7(), &by.actor, &action, &subject, &by.request_id, &detail],
    )
    .await?;
    Ok(())
}

fn role(text: &str) -> Result<Role, Error> {
    text.parse().map_err(|_| Error::Internal("a stored role is unknown".to_owned()))
}

fn to_identity(row: &Row, via: Via, expires_at: Option<Timestamp>) -> Result<Identity, Error> {
    Ok(Identity { user_id: row.get(1), email: row.get(2), name: row.get(3), role: role(row.get(4))?, via, expires_at })
}

fn to_user(row: &Row) -> Result<User, Error> {
    Ok(User {
        id: row.get(0),
        email: row.get(1),
        name: row.get(2),
        role: role(row.get(3))?,
        disabled_at: row.get(4),
        created_at: row.get(5),
        updated_at: row.get(6),
        revision: row.get(7),
    })
}

fn to_token(row: &Row) -> Token {
    Token {
        id: row.get(0),
        name: row.get(1),
        scopes: row.get(2),
        created_at: row.get(3),
        expires_at: row.get(4),
        last_used_at: row.get(5),
    }
}
