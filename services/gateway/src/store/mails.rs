//! The queue of mails, and its log.

use jiff::Timestamp;
use pg::{Row, Transaction};
use uuid::Uuid;

use super::Store;
use crate::error::Error;

/// A mail that was begun and not settled is begun again after this many seconds: longer than any attempt
/// takes.
const LEASE: f64 = 60.0;
/// For which the log is kept.
const LOG_DAYS: f64 = 30.0;

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody has written.
    Submission,
    /// A link, since an owner wants it.
    Invitation,
    /// A link, since somebody forgot their password.
    Forgotten,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Submission, Kind::Invitation, Kind::Forgotten];

    /// In the table and in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Submission => "submission",
            Kind::Invitation => "invitation",
            Kind::Forgotten => "forgotten",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let known = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| Error::Internal("a stored mail is of an unknown kind".to_owned()))
    }
}

/// A mail that is to be sent now.
#[derive(Clone, Debug)]
pub(crate) struct DueMail {
    pub(crate) id: Uuid,
    /// This one included.
    pub(crate) attempts: i32,
    pub(crate) kind: Kind,
    pub(crate) subject: Uuid,
    pub(crate) created_at: Timestamp,
    user: Option<Uuid>,
    address: Option<String>,
}

/// To whom it goes.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    pub(crate) user: Uuid,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) notify_submissions: bool,
    pub(crate) invited: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum Posted {
    Sent,
    /// Nobody is to get it (any more).
    Dropped(&'static str),
    Again {
        why: &'static str,
        pause: std::time::Duration,
    },
    Failed(&'static str),
}

impl Posted {
    /// For the metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Posted::Sent => "sent",
            Posted::Dropped(_) => "dropped",
            Posted::Again { .. } => "again",
            Posted::Failed(_) => "failed",
        }
    }
}

impl Store {
    /// Keeps what somebody typed who forgot their password. Whether there is such an account is found out
    /// when it is their turn, so that the answer takes the same time.
    pub(crate) async fn queue_forgotten(&self, address: &str) -> Result<(), Error> {
        let sql = "INSERT INTO mails (id, kind, subject, address) VALUES ($1, $2, $3, $4)";
        let kind = Kind::Forgotten.as_str();
        self.get().await?.execute(sql, &[&Uuid::now_v7(), &kind, &Uuid::now_v7(), &address]).await?;
        Ok(())
    }

    /// Leases what is due, `most` at most.
    pub(crate) async fn take_due_mails(&self, most: i64) -> Result<Vec<DueMail>, Error> {
        let sql = "WITH due AS (
                SELECT id FROM mails WHERE status = 'pending' AND due_at <= now()
                ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            UPDATE mails m
            SET attempts = m.attempts + 1, last_attempt_at = now(), due_at = now() + $2 * interval '1 second'
            FROM due WHERE m.id = due.id
            RETURNING m.id, m.attempts, m.kind, m.subject, m.created_at, m.user_id, m.address";
        let rows = self.get().await?.query(sql, &[&most, &LEASE]).await?;
        rows.iter().map(due).collect()
    }

    /// To whom a mail goes; `None` when there is no such account, or it is disabled.
    pub(crate) async fn recipient(&self, mail: &DueMail) -> Result<Option<Recipient>, Error> {
        let sql = "SELECT id, email, name, language, notify_submissions,
                          password_hash = '' AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.user_id = users.id)
                   FROM users WHERE disabled_at IS NULL AND (id = $1 OR lower(email) = lower($2))";
        let row = self.get().await?.query_opt(sql, &[&mail.user, &mail.address]).await?;
        Ok(row.map(|row| Recipient {
            user: row.get(0),
            email: row.get(1),
            name: row.get(2),
            language: row.get(3),
            notify_submissions: row.get(4),
            invited: row.get(5),
        }))
    }

    /// Keeps what became of an attempt, unless another one has begun since.
    pub(crate) async fn settle_mail(&self, mail: &DueMail, posted: &Posted) -> Result<(), Error> {
        let (status, why, pause) = match posted {
            Posted::Sent => ("sent", "", 0.0),
            Posted::Dropped(why) => ("sent", *why, 0.0),
            Posted::Again { why, pause } => ("pending", *why, pause.as_secs_f64()),
            Posted::Failed(why) => ("failed", *why, 0.0),
        };
        let sql = "UPDATE mails
                   SET status = $3, error = $4, due_at = now() + $5 * interval '1 second',
                       address = CASE WHEN $3 = 'pending' THEN address END
                   WHERE id = $1 AND attempts = $2 AND status = 'pending'";
        self.get().await?.execute(sql, &[&mail.id, &mail.attempts, &status, &why, &pause]).await?;
        Ok(())
    }

    /// Forgets mails of which nobody will ask any more.
    pub(crate) async fn sweep_mails(&self) -> Result<(), Error> {
        let sql = "DELETE FROM mails WHERE status <> 'pending' AND created_at < now() - $1 * interval '1 day'";
        self.get().await?.execute(sql, &[&LOG_DAYS]).await?;
        Ok(())
    }
}

/// Mails a link to somebody.
pub(super) async fn queue_link(tx: &Transaction<'_>, kind: Kind, user: Uuid) -> Result<(), Error> {
    let sql = "INSERT INTO mails (id, kind, subject, user_id) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &[&Uuid::now_v7(), &kind.as_str(), &Uuid::now_v7(), &user]).await?;
    Ok(())
}

/// Tells everybody who wants to know of submissions; who was told of one already is not told again.
pub(super) async fn queue_submissions(tx: &Transaction<'_>, submissions: &[Uuid]) -> Result<(), Error> {
    let sql = "INSERT INTO mails (id, kind, subject, user_id)
               SELECT gen_random_uuid(), $2, s, u.id FROM unnest($1::uuid[]) s CROSS JOIN users u
               WHERE u.notify_submissions AND u.disabled_at IS NULL
               ON CONFLICT ON CONSTRAINT mails_once DO NOTHING";
    tx.execute(sql, &[&submissions, &Kind::Submission.as_str()]).await?;
    Ok(())
}

fn due(row: &Row) -> Result<DueMail, Error> {
    Ok(DueMail {
        id: row.get(0),
        attempts: row.get(1),
        kind: Kind::parse(row.get(2))?,
        subject: row.get(3),
        created_at: row.get(4),
        user: row.get(5),
        address: row.get(6),
    })
}
