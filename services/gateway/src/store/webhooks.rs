use std::time::Duration;

use chassis::Caller;
use jiff::Timestamp;
use pg::{Idempotency, PageRequest, Row, Transaction, idempotency::Claim};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{By, Store, audit, mails::queue_submissions};
use crate::{
    error::Error,
    sealing::Place,
    secret::{self, masked},
    webhooks::{self, Secret},
};

const WEBHOOK: &str = "id, url, description, events, active, created_at, updated_at, revision";
/// A delivery that was begun and not settled is begun again after this many seconds: longer than
/// any attempt takes.
const LEASE: f64 = 60.0;
/// For which the log is kept.
const LOG_DAYS: f64 = 30.0;

/// Somebody who is told.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) id: Uuid,
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) events: Vec<String>,
    pub(crate) active: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) revision: i64,
}

/// What is changed; absent: nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebhookPatch {
    pub(crate) url: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) events: Option<Vec<String>>,
    pub(crate) active: Option<bool>,
}

/// One line of the log.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    pub(crate) event: String,
    pub(crate) subject: Uuid,
    pub(crate) status: String,
    pub(crate) attempts: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) last_attempt_at: Option<Timestamp>,
    /// While it is pending.
    pub(crate) next_attempt_at: Option<Timestamp>,
    pub(crate) response_status: Option<i32>,
    pub(crate) error: String,
}

/// Something that others may want to know.
#[derive(Clone, Debug)]
pub(crate) struct Happened<'a> {
    pub(crate) kind: &'a str,
    pub(crate) subject: Uuid,
    pub(crate) at: Timestamp,
    /// What is told of it; none when that is read where it is when it is sent.
    pub(crate) data: Option<Value>,
}

/// A delivery that is to be tried now.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) id: Uuid,
    /// This one included.
    pub(crate) attempts: i32,
    pub(crate) event: String,
    pub(crate) subject: Uuid,
    pub(crate) occurred_at: Timestamp,
    /// As in [`Happened`].
    pub(crate) data: Option<Value>,
    pub(crate) webhook_id: Uuid,
    pub(crate) url: String,
    /// None when no key opens it.
    pub(crate) secret: Option<Vec<u8>>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Delivered {
        status: i32,
    },
    Again {
        status: Option<i32>,
        why: &'static str,
        pause: Duration,
    },
    Failed {
        status: Option<i32>,
        why: &'static str,
    },
    /// 410: nobody wants to be told there any more.
    Gone,
}

impl Outcome {
    pub(crate) fn failed(status: Option<i32>, why: &'static str) -> Self {
        Outcome::Failed { status, why }
    }

    /// For the metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Outcome::Delivered { .. } => "delivered",
            Outcome::Again { .. } => "again",
            Outcome::Failed { .. } | Outcome::Gone => "failed",
        }
    }
}

const DELIVERY: &str =
    "id, event, subject, status, attempts, created_at, last_attempt_at, due_at, response_status, error";

impl Store {
    pub(crate) async fn create_webhook(
        &self,
        by: By<'_>,
        caller: &Caller,
        new: &Webhook,
        key: Option<Idempotency>,
    ) -> Result<(Webhook, Secret, bool), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("create_webhook").await?;
        let sent_key = key.as_ref().map(|k| k.key.clone()).unwrap_or_default();
        let key = key.map(|k| Idempotency { key: hex::encode(secret::sha256(&[k.key.as_bytes()])), ..k });
        if let Some(key) = &key
            && let Claim::Replay(kept) = key.claim(&tx, caller, "create_webhook").await?
        {
            let parts = kept
                .split_at_checked(16)
                .and_then(|(id, hidden)| Some((Uuid::from_slice(id).ok()?, Secret::try_from(hidden).ok()?)));
            let (id, hidden) = parts.ok_or_else(|| Error::Internal("a kept webhook is malformed".to_owned()))?;
            return Ok((find(&tx, id, None).await?, masked(hidden, &sent_key), true));
        }
        let (id, bits) = (Uuid::now_v7(), secret::random());
        let sql = format!(
            "INSERT INTO webhooks (id, url, description, events, secret, active) VALUES ($1, $2, $3, $4, $5, $6)
             RETURNING {WEBHOOK}"
        );
        let secret = self.sealing.seal(Place::Webhook(id), &bits)?;
        let row = tx.query_one(&sql, &[&id, &new.url, &new.description, &new.events, &secret, &new.active]).await?;
        if let Some(key) = &key {
            let kept = [id.as_bytes().as_slice(), &masked(bits, &sent_key)].concat();
            key.keep(&tx, caller, "create_webhook", &kept).await?;
        }
        audit(&tx, by, "webhook.created", Some(id), json!({"events": new.events})).await?;
        tx.commit().await?;
        Ok((webhook(&row), bits, false))
    }

    pub(crate) async fn list_webhooks(&self, page: &PageRequest) -> Result<(Vec<Webhook>, String), Error> {
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = format!("SELECT {WEBHOOK} FROM webhooks WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2");
        let rows = self.get().await?.query(&sql, &[&after, &page.fetch()]).await?;
        Ok(page.split(rows.iter().map(webhook).collect(), |w: &Webhook| (String::new(), w.id)))
    }

    pub(crate) async fn get_webhook(&self, id: Uuid) -> Result<Webhook, Error> {
        let row = self.get().await?.query_opt(&format!("SELECT {WEBHOOK} FROM webhooks WHERE id = $1"), &[&id]).await?;
        Ok(webhook(&row.ok_or(Error::NotFound("webhook"))?))
    }

    pub(crate) async fn update_webhook(
        &self,
        by: By<'_>,
        id: Uuid,
        patch: &WebhookPatch,
        if_revision: Option<i64>,
    ) -> Result<Webhook, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("update_webhook").await?;
        find(&tx, id, if_revision).await?;
        let sql = format!(
            "UPDATE webhooks SET url = coalesce($2, url), description = coalesce($3, description),
                    events = coalesce($4, events), active = coalesce($5, active),
                    updated_at = now(), revision = revision + 1
             WHERE id = $1 RETURNING {WEBHOOK}"
        );
        let row = tx.query_one(&sql, &[&id, &patch.url, &patch.description, &patch.events, &patch.active]).await?;
        audit(&tx, by, "webhook.changed", Some(id), json!({"active": patch.active, "events": patch.events})).await?;
        tx.commit().await?;
        Ok(webhook(&row))
    }

    pub(crate) async fn delete_webhook(&self, by: By<'_>, id: Uuid, if_revision: Option<i64>) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("delete_webhook").await?;
        find(&tx, id, if_revision).await?;
        tx.execute("DELETE FROM webhooks WHERE id = $1", &[&id]).await?;
        audit(&tx, by, "webhook.deleted", Some(id), Value::Null).await?;
        Ok(tx.commit().await?)
    }

    /// Queues a delivery that says nothing but that it is one; also to a webhook that is not active.
    pub(crate) async fn queue_test(&self, id: Uuid) -> Result<Delivery, Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("queue_test").await?;
        find(&tx, id, None).await?;
        let sql = format!(
            "INSERT INTO webhook_deliveries (id, webhook_id, event, subject, occurred_at) VALUES ($1, $2, $3, $4, now())
             RETURNING {DELIVERY}"
        );
        let row = tx.query_one(&sql, &[&Uuid::now_v7(), &id, &webhooks::TEST, &Uuid::now_v7()]).await?;
        tx.commit().await?;
        Ok(delivery(&row))
    }

    /// Newest first.
    pub(crate) async fn list_deliveries(
        &self,
        webhook: Uuid,
        page: &PageRequest,
    ) -> Result<(Vec<Delivery>, String), Error> {
        self.get_webhook(webhook).await?;
        let after = page.after.as_ref().map(|(_, id)| *id);
        let sql = format!(
            "SELECT {DELIVERY} FROM webhook_deliveries
             WHERE webhook_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
        );
        let rows = self.get().await?.query(&sql, &[&webhook, &after, &page.fetch()]).await?;
        Ok(page.split(rows.iter().map(delivery).collect(), |d: &Delivery| (String::new(), d.id)))
    }

    /// For every active webhook that wants them, and with `mails` for everybody who wants to know of
    /// submissions; what is queued already stays as it is.
    pub(crate) async fn queue_deliveries(&self, events: &[Happened<'_>], mails: bool) -> Result<(), Error> {
        let mut connection = self.get().await?;
        let tx = connection.begin("queue_deliveries").await?;
        let hooks = tx.query("SELECT id, events FROM webhooks WHERE active ORDER BY id FOR KEY SHARE", &[]).await?;
        let (mut ids, mut wanted_by, mut kinds, mut subjects) = (vec![], vec![], vec![], vec![]);
        let (mut times, mut data) = (vec![], vec![]);
        for event in events {
            for hook in hooks.iter().filter(|hook| hook.get::<_, Vec<&str>>(1).contains(&event.kind)) {
                ids.push(Uuid::now_v7());
                wanted_by.push(hook.get::<_, Uuid>(0));
                kinds.push(event.kind);
                subjects.push(event.subject);
                times.push(event.at);
                data.push(event.data.as_ref());
            }
        }
        if !ids.is_empty() {
            let sql = "INSERT INTO webhook_deliveries (id, webhook_id, event, subject, occurred_at, data)
                       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::jsonb[])
                       ON CONFLICT ON CONSTRAINT webhook_deliveries_once DO NOTHING";
            tx.execute(sql, &[&ids, &wanted_by, &kinds, &subjects, &times, &data]).await?;
        }
        if mails {
            let submissions = events.iter().filter(|event| event.kind == webhooks::SUBMISSION_CREATED);
            let submissions: Vec<Uuid> = submissions.map(|event| event.subject).collect();
            queue_submissions(&tx, &submissions).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Leases what is due, `most` at most.
    pub(crate) async fn take_due_deliveries(&self, most: i64) -> Result<Vec<Due>, Error> {
        let sql = "WITH due AS (
                SELECT d.id FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
                WHERE d.status = 'pending' AND d.due_at <= now() AND (w.active OR d.event = $3)
                ORDER BY d.due_at LIMIT $1 FOR UPDATE OF d SKIP LOCKED)
            UPDATE webhook_deliveries d
            SET attempts = d.attempts + 1, last_attempt_at = now(), due_at = now() + $2 * interval '1 second'
            FROM due, webhooks w WHERE d.id = due.id AND w.id = d.webhook_id
            RETURNING d.id, d.attempts, d.event, d.subject, d.occurred_at, w.id, w.url, w.secret, d.data";
        let rows = self.get().await?.query(sql, &[&most, &LEASE, &webhooks::TEST]).await?;
        let due = |row: &Row| Due {
            id: row.get(0),
            attempts: row.get(1),
            event: row.get(2),
            subject: row.get(3),
            occurred_at: row.get(4),
            data: row.get(8),
            webhook_id: row.get(5),
            url: row.get(6),
            secret: self.sealing.open(Place::Webhook(row.get(5)), row.get(7)).ok(),
        };
        Ok(rows.iter().map(due).collect())
    }

    /// Keeps what became of an attempt, unless another one has begun since.
    pub(crate) async fn settle_delivery(&self, due: &Due, outcome: &Outcome) -> Result<(), Error> {
        let (word, status, why, pause) = match *outcome {
            Outcome::Delivered { status } => ("delivered", Some(status), "", 0.0),
            Outcome::Again { status, why, pause } => ("pending", status, why, pause.as_secs_f64()),
            Outcome::Failed { status, why } => ("failed", status, why, 0.0),
            Outcome::Gone => ("failed", Some(410), "it is gone; the webhook is not active any more", 0.0),
        };
        let mut connection = self.get().await?;
        let tx = connection.begin("settle_delivery").await?;
        let sql = "UPDATE webhook_deliveries
                   SET status = $3, response_status = $4, error = $5, due_at = now() + $6 * interval '1 second'
                   WHERE id = $1 AND attempts = $2 AND status = 'pending'";
        let settled = tx.execute(sql, &[&due.id, &due.attempts, &word, &status, &why, &pause]).await?;
        if settled > 0 && matches!(outcome, Outcome::Gone) {
            let sql = "UPDATE webhooks SET active = false, updated_at = now(), revision = revision + 1 WHERE id = $1 AND active";
            if tx.execute(sql, &[&due.webhook_id]).await? > 0 {
                let by = By { actor: None, request_id: "" };
                audit(&tx, by, "webhook.changed", Some(due.webhook_id), json!({"active": false, "gone": true})).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Forgets deliveries of which nobody will ask any more.
    pub(crate) async fn sweep_deliveries(&self) -> Result<(), Error> {
        let sql =
            "DELETE FROM webhook_deliveries WHERE status <> 'pending' AND created_at < now() - $1 * interval '1 day'";
        self.get().await?.execute(sql, &[&LOG_DAYS]).await?;
        Ok(())
    }
}

async fn find(tx: &Transaction<'_>, id: Uuid, if_revision: Option<i64>) -> Result<Webhook, Error> {
    let row = tx.query_opt(&format!("SELECT {WEBHOOK} FROM webhooks WHERE id = $1 FOR UPDATE"), &[&id]).await?;
    let found = webhook(&row.ok_or(Error::NotFound("webhook"))?);
    match if_revision {
        Some(seen) if seen != found.revision => Err(Error::Stale),
        _ => Ok(found),
    }
}

fn webhook(row: &Row) -> Webhook {
    Webhook {
        id: row.get(0),
        url: row.get(1),
        description: row.get(2),
        events: row.get(3),
        active: row.get(4),
        created_at: row.get(5),
        updated_at: row.get(6),
        revision: row.get(7),
    }
}

fn delivery(row: &Row) -> Delivery {
    let status: String = row.get(3);
    Delivery {
        id: row.get(0),
        event: row.get(1),
        subject: row.get(2),
        attempts: row.get(4),
        created_at: row.get(5),
        last_attempt_at: row.get(6),
        next_attempt_at: (status == "pending").then(|| row.get(7)),
        response_status: row.get(8),
        error: row.get(9),
        status,
    }
}
