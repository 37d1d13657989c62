//! The only SQL of the gateway: people, sessions, tokens, audit.

mod audit;
mod identities;
mod invitations;
mod mails;
mod once;
mod people;
mod prober;
mod saved;
mod sealed;
mod second_factor;
mod sessions;
mod shares;
mod tokens;
mod upload_links;
mod users;
mod webhooks;

use chassis::Role;
use jiff::Timestamp;
use pg::{Connection, Pool, Row, Transaction};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use audit::AuditFilter;
pub(crate) use invitations::Occasion;
pub(crate) use mails::{DueMail, Kind, Posted, Recipient};
pub(crate) use people::export_line;
pub(crate) use saved::MOST_SEARCHES;
pub(crate) use second_factor::SecondFactor;
pub(crate) use sessions::{Profile, Session};
pub(crate) use shares::{NewShare, OpenShare, Share, Use};
pub(crate) use tokens::MadeToken;
pub(crate) use upload_links::{NewUploadLink, OpenUploadLink, UploadLink};
pub(crate) use users::{MadeUser, NewUser};
pub(crate) use webhooks::{Delivery, Due, Happened, Outcome, Webhook, WebhookPatch};

use crate::{
    domain::{Identity, Scopes, User, Via},
    error::Error,
    sealing::Sealing,
    secret::{Credential, Hash},
};

/// Where changes to users, sessions and tokens are told.
pub(crate) const CHANNEL: &str = "access_changed";
/// The payload that only says that the channel works.
pub(crate) const HEARTBEAT: &str = "heartbeat";

const USER: &str = "id, email, name, role, disabled_at, created_at, updated_at, revision, language, notify_submissions,
    password_hash = '' AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.user_id = users.id), time_zone";

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
    pub(crate) sealing: Sealing,
}

/// Who does it, in which request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By<'a> {
    pub(crate) actor: Option<Uuid>,
    pub(crate) request_id: &'a str,
}

impl Store {
    pub(crate) fn new(pool: Pool, lifetime: Lifetime, sealing: Sealing) -> Self {
        Self { pool, lifetime, sealing }
    }

    async fn get(&self) -> Result<Connection, Error> {
        Ok(self.pool.get().await?)
    }

    /// Makes the first owner when there is none yet. Answers whether it did.
    pub(crate) async fn create_first_owner(&self, email: &str, hash: &str) -> Result<bool, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_first_owner").await?;
        // Two gateways may start at the same moment.
        tx.query_one("SELECT pg_advisory_xact_lock(hashtext('dossier first owner'))", &[]).await?;
        if tx.query_opt("SELECT 1 FROM users WHERE role = 'owner' LIMIT 1", &[]).await?.is_some() {
            return Ok(false);
        }
        let id = Uuid::now_v7();
        let sql =
            "INSERT INTO users (id, email, role, password_hash, notify_submissions) VALUES ($1, $2, 'owner', $3, true)";
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

    pub(crate) async fn has_owner(&self) -> Result<bool, Error> {
        Ok(self.get().await?.query_opt("SELECT 1 FROM users WHERE role = 'owner' LIMIT 1", &[]).await?.is_some())
    }

    /// Id and password hash of an account that may sign in; no hash for one that has no password.
    pub(crate) async fn account(&self, email: &str) -> Result<Option<(Uuid, Option<String>)>, Error> {
        let sql =
            "SELECT id, nullif(password_hash, '') FROM users WHERE lower(email) = lower($1) AND disabled_at IS NULL";
        let row = self.get().await?.query_opt(sql, &[&email]).await?;
        Ok(row.map(|row| (row.get(0), row.get(1))))
    }

    pub(crate) async fn create_session(
        &self,
        user: Uuid,
        hash: &Hash,
        device: &str,
        request_id: &str,
    ) -> Result<User, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_session").await?;
        let id = Uuid::now_v7();
        let (days, by) = (f64::from(self.lifetime.days), By { actor: Some(user), request_id });
        tx.execute(
            "INSERT INTO sessions (id, user_id, hash, device, expires_at)
             VALUES ($1, $2, $3, $4, now() + $5 * interval '1 day')",
            &[&id, &user, &hash.as_slice(), &device, &days],
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
                        s.last_seen_at < now() - interval '1 minute', u.language, u.notify_submissions,
                        u.time_zone
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

    /// Tells every gateway, this one included, that the channel works, and `news` if there are any.
    pub(crate) async fn heartbeat(&self, news: Option<&str>) -> Result<(), Error> {
        self.get().await?.query_one("SELECT pg_notify($1, $2)", &[&CHANNEL, &news.unwrap_or(HEARTBEAT)]).await?;
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
                    coalesce(t.last_used_at < now() - interval '1 minute', true), u.language,
                    u.notify_submissions, u.time_zone, t.scopes
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
    let names: Vec<String> = row.get(10);
    // A scope that this version does not know gives nothing.
    let scopes = Scopes::parse(&names).unwrap_or(Scopes::parse::<&str>(&[]).ok_or(Error::NotFound("token"))?);
    Ok(Some(to_identity(&row, Via::Token(id, scopes), row.get(5))?))
}

/// Refuses unless another owner can sign in. Locks them all, so that two who leave at the same
/// moment do not each rely on the other.
async fn keep_an_owner(tx: &Transaction<'_>, leaving: Uuid) -> Result<(), Error> {
    let sql = "SELECT id FROM users WHERE role = 'owner' AND disabled_at IS NULL
                   AND (password_hash <> '' OR EXISTS (SELECT 1 FROM identities i WHERE i.user_id = users.id))
               ORDER BY id FOR UPDATE";
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
    Ok(Identity {
        user_id: row.get(1),
        email: row.get(2),
        name: row.get(3),
        role: role(row.get(4))?,
        language: row.get(7),
        notify_submissions: row.get(8),
        time_zone: row.get(9),
        via,
        expires_at,
    })
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
        language: row.get(8),
        notify_submissions: row.get(9),
        invited: row.get(10),
        time_zone: row.get(11),
    })
}
