//! Tells other systems what happened (Standard Webhooks).
//!
//! What happened comes from the services' outboxes, where it was written in the transaction in which
//! it happened. It is queued here for every webhook that wants it, in one transaction, and only then
//! forgotten there: it may be queued twice at most for a moment, which a constraint refuses, and it is
//! never lost. Each delivery is leased, sent with a deadline, and settled with its attempt as the
//! fencing token; see [`deliveries`](crate::deliveries).

mod signature;
mod target;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::{CancellationToken, RequestContext};
use jiff::Timestamp;
use proto::{
    contacts::{self as api, contacts_client::ContactsClient},
    documents::{self, documents_client::DocumentsClient},
};
use reqwest::{Client, header};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub(crate) use signature::{Secret, secret_text};
pub(crate) use target::Targets;

use crate::{
    config::Config,
    deliveries,
    error::Error,
    state::{Channels, Shared},
    store::{Due, Happened, Outcome},
};

/// A submission that is not spam has arrived.
pub(crate) const SUBMISSION_CREATED: &str = "submission.created";
/// Asked for by an owner.
pub(crate) const TEST: &str = "webhook.test";
/// What can be asked for. What documents tell is ids and a failure's code; whoever wants more asks the API
/// for it, with a token of their own.
pub(crate) const EVENTS: [&str; 4] = ["document.deleted", "document.failed", "document.ready", SUBMISSION_CREATED];

/// A delivery ends within this time, whatever the other side does.
const DEADLINE: Duration = Duration::from_secs(15);
/// Of an answer that is read at most; what it says does not matter.
const LARGEST_ANSWER: usize = 16 << 10;
const AT_ONCE: usize = 16;
/// How often the contacts' outbox is looked at unasked: only what another gateway took and did not queue is
/// found so late.
const COLLECT: Duration = Duration::from_secs(10);
/// How often the documents' outbox is: nobody here knows when one has been read.
const LOOK: Duration = Duration::from_secs(2);
const EVENTS_AT_ONCE: i32 = 500;
/// What happens within this time is moved together: each move costs three transactions, and a rush of
/// submissions must not pay for one each.
const TOGETHER: Duration = Duration::from_millis(100);

/// What handlers know of the worker.
#[derive(Debug)]
pub(crate) struct Webhooks {
    pub(crate) targets: Targets,
    happened: Notify,
    queued: Notify,
}

impl Webhooks {
    pub(crate) fn new(config: &Config) -> Self {
        let targets = Targets { private: config.webhook_private_targets };
        Self { targets, happened: Notify::new(), queued: Notify::new() }
    }

    /// There may be something in an outbox.
    pub(crate) fn happened(&self) {
        self.happened.notify_one();
    }

    /// There is something in the queue.
    pub(crate) fn queued(&self) {
        self.queued.notify_one();
    }
}

/// Sends what is due.
#[derive(Clone)]
struct Worker {
    shared: Arc<Shared>,
    contacts: ContactsClient<chassis::grpc::Channel>,
    documents: DocumentsClient<chassis::grpc::Channel>,
    client: Client,
    pause: Duration,
}

/// Collects and delivers until `stop`; what is under way then is repeated by whoever comes next.
pub(crate) async fn run(config: &Config, shared: Arc<Shared>, stop: CancellationToken) -> anyhow::Result<()> {
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(shared.webhooks.targets))
        .timeout(DEADLINE)
        .user_agent(concat!("Dossier/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let channels = Channels::new(config)?;
    let (contacts, documents) = (ContactsClient::new(channels.contacts), DocumentsClient::new(channels.documents));
    let pause = Duration::from_millis(config.webhook_retry_ms);
    let worker = Worker { shared, contacts, documents, client, pause };
    let all = async { tokio::join!(worker.collect_submissions(), worker.collect_documents(), worker.deliver()) };
    stop.run_until_cancelled(all).await;
    Ok(())
}

impl Worker {
    async fn collect_submissions(&self) {
        loop {
            while let Ok(EVENTS_AT_ONCE..) = self.some_submissions().await.inspect_err(|error| {
                tracing::debug!(%error, "the contacts' outbox was not read");
            }) {}
            let _ = tokio::time::timeout(COLLECT, self.shared.webhooks.happened.notified()).await;
            tokio::time::sleep(TOGETHER).await;
        }
    }

    async fn collect_documents(&self) {
        loop {
            while let Ok(EVENTS_AT_ONCE..) = self.some_documents().await.inspect_err(|error| {
                tracing::debug!(%error, "the documents' outbox was not read");
            }) {}
            tokio::time::sleep(LOOK).await;
        }
    }

    /// From the outbox into the queue; answers how many.
    async fn some_documents(&self) -> Result<i32, anyhow::Error> {
        let mut documents = self.documents.clone();
        let moving = async {
            let request = documents::ListNoticesRequest { limit: EVENTS_AT_ONCE };
            let notices = documents.list_notices(request).await?.into_inner().notices;
            if notices.is_empty() {
                return Ok(0);
            }
            let known = notices.iter().filter_map(|notice| {
                Some(Happened {
                    kind: &notice.kind,
                    subject: notice.document_id.parse().ok()?,
                    at: Timestamp::from_microsecond(notice.at).ok()?,
                    data: Some(about(notice)),
                })
            });
            self.shared.store.queue_deliveries(&known.collect::<Vec<_>>(), false).await?;
            self.shared.webhooks.queued();
            let count = i32::try_from(notices.len()).unwrap_or(i32::MAX);
            documents.forget_notices(documents::ForgetNoticesRequest { notices }).await?;
            Ok(count)
        };
        RequestContext::background(Duration::from_secs(10)).scope(moving).await
    }

    /// From the outbox into the queue; answers how many.
    async fn some_submissions(&self) -> Result<i32, anyhow::Error> {
        let context = RequestContext::background(Duration::from_secs(10));
        let mut contacts = self.contacts.clone();
        let moving = async {
            let request = api::ListEventsRequest { limit: EVENTS_AT_ONCE };
            let events = contacts.list_events(request).await?.into_inner().events;
            if events.is_empty() {
                return Ok(0);
            }
            let known = events.iter().filter_map(|event| {
                Some(Happened {
                    kind: &event.kind,
                    subject: event.subject_id.parse().ok()?,
                    at: Timestamp::from_microsecond(event.at).ok()?,
                    data: None,
                })
            });
            let mail = self.shared.mail.as_ref();
            self.shared.store.queue_deliveries(&known.collect::<Vec<_>>(), mail.is_some()).await?;
            self.shared.webhooks.queued();
            if let Some(mail) = mail {
                mail.queued();
            }
            let count = i32::try_from(events.len()).unwrap_or(i32::MAX);
            contacts.forget_events(api::ForgetEventsRequest { events }).await?;
            Ok(count)
        };
        context.scope(moving).await
    }

    async fn deliver(&self) {
        let take = |free| self.shared.store.take_due_deliveries(free);
        let attempt = |due| {
            let worker = self.clone();
            async move { worker.attempt(due).await }
        };
        deliveries::work(AT_ONCE, &self.shared.webhooks.queued, take, attempt).await;
    }

    async fn attempt(&self, due: Due) {
        let context = RequestContext::background(DEADLINE + Duration::from_secs(5));
        let started = Instant::now();
        context
            .scope(async {
                let outcome = self.try_once(&due).await;
                let word = outcome.word();
                metrics::counter!("gateway_webhook_attempts_total", "outcome" => word).increment(1);
                metrics::histogram!("gateway_webhook_attempt_seconds").record(started.elapsed());
                if let Err(error) = self.shared.store.settle_delivery(&due, &outcome).await {
                    // Its lease ends, and it is sent again.
                    tracing::warn!(%error, delivery = %due.id, "what became of a delivery was not kept");
                }
            })
            .await;
    }

    async fn try_once(&self, due: &Due) -> Outcome {
        if deliveries::is_over(due.attempts) {
            return Outcome::failed(None, "given up: the attempts before did not come to an end");
        }
        let Some(secret) = &due.secret else {
            return self.again(due, None, "its secret cannot be read: the key that it is encrypted with is missing");
        };
        let body = match self.body(due).await {
            Ok(Some(body)) => body,
            Ok(None) => return Outcome::failed(None, "what it tells of was deleted"),
            Err(_) => return self.again(due, None, "what it tells of could not be read"),
        };
        match self.post(due, secret, body).await {
            Ok(status @ 200..300) => Outcome::Delivered { status: status.into() },
            Ok(410) => Outcome::Gone,
            Ok(status @ 300..400) => self.again(due, Some(status.into()), "redirects are not followed"),
            Ok(status) => self.again(due, Some(status.into()), "the answer was not 2xx"),
            Err(why) => self.again(due, None, why),
        }
    }

    /// After a pause, or never.
    fn again(&self, due: &Due, status: Option<i32>, why: &'static str) -> Outcome {
        match deliveries::pause(self.pause, due.attempts) {
            Some(pause) => Outcome::Again { status, why, pause },
            None => Outcome::failed(status, why),
        }
    }

    /// What is told; `None` when it is no longer there.
    async fn body(&self, due: &Due) -> Result<Option<Vec<u8>>, Error> {
        let data = match (due.event.as_str(), &due.data) {
            (TEST, _) => json!({"webhook_id": due.webhook_id}),
            (_, Some(data)) => data.clone(),
            (_, None) => match self.submission(due).await? {
                Some(data) => data,
                None => return Ok(None),
            },
        };
        let timestamp = format!("{:.6}", due.occurred_at);
        let body = json!({"type": due.event, "timestamp": timestamp, "data": data});
        Ok(Some(body.to_string().into_bytes()))
    }

    /// As it was sent, without what became of it since.
    async fn submission(&self, due: &Due) -> Result<Option<Value>, Error> {
        let request = api::GetSubmissionRequest { id: due.subject.to_string() };
        let found = match self.contacts.clone().get_submission(request).await {
            Ok(found) => found.into_inner(),
            Err(status) if status.code() == tonic::Code::NotFound => return Ok(None),
            Err(status) => return Err(chassis::Fault::of(&status).into()),
        };
        let metadata: Value = serde_json::from_str(&found.metadata).unwrap_or_else(|_| json!({}));
        Ok(Some(json!({
            "id": found.id, "contact_id": found.contact_id, "name": found.name, "email": found.email,
            "subject": found.subject, "message": found.message, "metadata": metadata,
            "created_at": format!("{:.6}", due.occurred_at),
        })))
    }

    /// The status of the answer, or why there is none. Nothing of the answer's content is kept.
    async fn post(&self, due: &Due, secret: &[u8], body: Vec<u8>) -> Result<u16, &'static str> {
        // The rules may have become stricter, and an address needs no looking up.
        let url = self.shared.webhooks.targets.parse(&due.url).map_err(|_| "the URL is not allowed any more")?;
        let (id, now) = (format!("msg_{}", due.id.simple()), Timestamp::now().as_second());
        let request = self
            .client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature::sign(secret, &id, now, &body))
            .body(body);
        let mut answer = request.send().await.map_err(|error| reason(&error))?;
        let mut read = 0;
        while let Ok(Some(chunk)) = answer.chunk().await {
            read += chunk.len();
            if read > LARGEST_ANSWER {
                break;
            }
        }
        Ok(answer.status().as_u16())
    }
}

/// What is told of a document.
fn about(notice: &documents::Notice) -> Value {
    let mut data = json!({
        "document_id": notice.document_id, "collection_id": notice.collection_id, "version": notice.version,
    });
    if !notice.failure_code.is_empty() {
        data["failure"] = json!({"code": notice.failure_code});
    }
    data
}

/// Coarse, so that the log does not map somebody's network.
fn reason(error: &reqwest::Error) -> &'static str {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(source) = cause {
        if source.is::<target::Refused>() {
            return "the name leads to no address of the public internet";
        }
        cause = source.source();
    }
    match error {
        error if error.is_timeout() => "no answer in time",
        error if error.is_connect() => "it could not be reached",
        _ => "the connection broke",
    }
}
