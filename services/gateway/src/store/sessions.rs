//! One's own account: sessions, password, profile.

use jiff::Timestamp;
use pg::{PageRequest, Row};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{By, Store, USER, audit, invitations::end_links_and_sessions, tell, to_user};
use crate::{domain::User, error::Error, secret::Hash};

/// A place where somebody is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    /// Such as `Firefox, Linux`, or "".
    pub(crate) device: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    /// However much it is used.
    pub(crate) expires_at: Timestamp,
}

/// What somebody changes about themselves; absent: nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    /// "": what the browser asks for.
    pub(crate) language: Option<String>,
    /// "": the browser's.
    pub(crate) time_zone: Option<String>,
    pub(crate) notify_submissions: Option<bool>,
}

impl Store {
    /// Those that are not over, the newest first.
    pub(crate) async fn list_sessions(&self, user: Uuid, page: &PageRequest) -> Result<(Vec<Session>, String), Error> {
        let (after, idle) = (page.after.as_ref().map(|(_, id)| *id), f64::from(self.lifetime.idle_hours));
        let sql = "SELECT id, device, created_at, last_seen_at, expires_at FROM sessions
                   WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2)
                     AND expires_at > now() AND last_seen_at > now() - $3 * interval '1 hour'
                   ORDER BY id DESC LIMIT $4";
        let rows = self.get().await?.query(sql, &[&user, &after, &idle, &page.fetch()]).await?;
        Ok(page.split(rows.iter().map(session).collect(), |s: &Session| (String::new(), s.id)))
    }

    /// Ends one of this user's.
    pub(crate) async fn end_session(&self, by: By<'_>, user: Uuid, id: Uuid) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("end_session").await?;
        if tx.execute("DELETE FROM sessions WHERE id = $1 AND user_id = $2", &[&id, &user]).await? == 0 {
            return Err(Error::NotFound("session"));
        }
        tell(&tx, user).await?;
        audit(&tx, by, "session.ended", Some(id), Value::Null).await?;
        Ok(tx.commit().await?)
    }

    /// Ends all of this user's but one.
    pub(crate) async fn end_sessions(&self, by: By<'_>, user: Uuid, but: Option<Uuid>) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("end_sessions").await?;
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2";
        let ended = tx.execute(sql, &[&user, &but]).await?;
        tell(&tx, user).await?;
        audit(&tx, by, "sessions.ended", Some(user), json!({"ended": ended})).await?;
        Ok(tx.commit().await?)
    }

    /// The session goes on under another secret: whoever got hold of the old one is out.
    pub(crate) async fn rotate_session(&self, id: Uuid, hash: &Hash) -> Result<(), Error> {
        self.get().await?.execute("UPDATE sessions SET hash = $2 WHERE id = $1", &[&id, &hash.as_slice()]).await?;
        Ok(())
    }

    /// A new password of one's own: other sessions end, and links that would set one.
    pub(crate) async fn change_password(
        &self,
        by: By<'_>,
        user: Uuid,
        password_hash: &str,
        session: Option<Uuid>,
    ) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("change_password").await?;
        let sql = "UPDATE users SET password_hash = $2, updated_at = now(), revision = revision + 1 WHERE id = $1";
        if tx.execute(sql, &[&user, &password_hash]).await? == 0 {
            return Err(Error::NotFound("user"));
        }
        end_links_and_sessions(&tx, user, session).await?;
        audit(&tx, by, "password.changed", Some(user), Value::Null).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn update_profile(&self, by: By<'_>, user: Uuid, profile: &Profile) -> Result<User, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("update_profile").await?;
        let sql = format!(
            "UPDATE users SET name = coalesce($2, name), language = coalesce($3, language),
                    notify_submissions = coalesce($4, notify_submissions), time_zone = coalesce($5, time_zone),
                    updated_at = now(), revision = revision + 1
             WHERE id = $1 RETURNING {USER}"
        );
        let Profile { name, language, time_zone, notify_submissions } = profile;
        let row = tx.query_opt(&sql, &[&user, name, language, notify_submissions, time_zone]).await?;
        let user = to_user(&row.ok_or(Error::NotFound("user"))?)?;
        tell(&tx, user.id).await?;
        audit(&tx, by, "profile.changed", Some(user.id), Value::Null).await?;
        tx.commit().await?;
        Ok(user)
    }
}

fn session(row: &Row) -> Session {
    Session {
        id: row.get(0),
        device: row.get(1),
        created_at: row.get(2),
        last_seen_at: row.get(3),
        expires_at: row.get(4),
    }
}
