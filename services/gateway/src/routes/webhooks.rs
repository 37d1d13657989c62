//! Other systems that are told what happens.

use actix_web::http::StatusCode;
use chassis::Role;
use jiff::Timestamp;
use pg::PageRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Body, Call, json, no_content, replayed},
    domain::Check,
    openapi::kind,
    problem::{Answer, Problem},
    store::{self, WebhookPatch},
    webhooks::{EVENTS, Secret, Targets, secret_text},
    wire::{List, Time},
};

#[derive(JsonSchema, Serialize)]
pub(super) struct Webhook<'a> {
    id: Uuid,
    url: &'a str,
    description: &'a str,
    events: &'a [String],
    /// Nothing is sent to one that is not; what waits then is sent when it is again.
    active: bool,
    created_at: Time,
    updated_at: Time,
    /// `whsec_…`, what deliveries are signed with; only where it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

fn view(webhook: &store::Webhook, secret: Option<String>) -> Webhook<'_> {
    Webhook {
        id: webhook.id,
        url: &webhook.url,
        description: &webhook.description,
        events: &webhook.events,
        active: webhook.active,
        created_at: Time(webhook.created_at),
        updated_at: Time(webhook.updated_at),
        secret,
    }
}

/// One delivery, and what became of it.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "WebhookDelivery")]
pub(super) struct Delivery<'a> {
    id: Uuid,
    /// Such as `submission.created`.
    event: &'a str,
    /// The id of what it tells of.
    subject_id: Uuid,
    #[schemars(extend("enum" = ["pending", "delivered", "failed"]))]
    status: &'a str,
    attempts: i32,
    created_at: Time,
    last_attempt_at: Option<Time>,
    next_attempt_at: Option<Time>,
    /// Of the last answer.
    response_status: Option<i32>,
    /// Why the last attempt failed.
    error: Option<&'a str>,
}

fn line(delivery: &store::Delivery) -> Delivery<'_> {
    Delivery {
        id: delivery.id,
        event: &delivery.event,
        subject_id: delivery.subject,
        status: &delivery.status,
        attempts: delivery.attempts,
        created_at: Time(delivery.created_at),
        last_attempt_at: delivery.last_attempt_at.map(Time),
        next_attempt_at: delivery.next_attempt_at.map(Time),
        response_status: delivery.response_status,
        error: Some(delivery.error.as_str()).filter(|error| !error.is_empty()),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewWebhook")]
pub(crate) struct New {
    #[schemars(with = "kind::HookUrl")]
    pub(crate) url: String,
    #[schemars(with = "kind::HookEvents")]
    pub(crate) events: Vec<String>,
    #[serde(default)]
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    pub(crate) description: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookPatch")]
pub(crate) struct Patch {
    #[schemars(with = "Option<kind::HookUrl>")]
    pub(crate) url: Option<String>,
    #[schemars(with = "Option<kind::HookEvents>")]
    pub(crate) events: Option<Vec<String>>,
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    pub(crate) description: Option<String>,
    pub(crate) active: Option<bool>,
}

fn events(check: &mut Check, mut events: Vec<String>) -> Vec<String> {
    if events.is_empty() || events.iter().any(|event| !EVENTS.contains(&event.as_str())) {
        check.blame("events", format!("must be one or more of {}", EVENTS.join(", ")));
    }
    events.sort();
    events.dedup();
    events
}

fn url(check: &mut Check, targets: Targets, text: String) -> String {
    if let Err(wrong) = targets.parse(&text) {
        check.blame("url", wrong);
    }
    text
}

pub(super) async fn list(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let (webhooks, next) = call.state.shared.store.list_webhooks(&PageRequest::parse(&cursor, limit)?).await?;
    json(StatusCode::OK, &List::new(webhooks.iter().map(|w| view(w, None)).collect(), next, None))
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let sent = body.json::<New>().await?;
    let key = call.idempotency(&sent.raw)?.map(|k| pg::Idempotency { key: k.key, fingerprint: k.fingerprint });
    let (made, secret, known) = make(&call, sent.value, key).await?;
    let view = view(&made, Some(secret_text(&secret)));
    Ok(replayed(call.created("webhooks", &made.id.to_string(), Some(made.revision), &view)?, known))
}

/// A new webhook, its secret, and whether the same key made it before; the pages make them too.
pub(crate) async fn make(
    call: &Call,
    sent: New,
    key: Option<pg::Idempotency>,
) -> Result<(store::Webhook, Secret, bool), Problem> {
    call.require(Role::Owner)?;
    let shared = &call.state.shared;
    let mut check = Check::default();
    let url = url(&mut check, shared.webhooks.targets, sent.url);
    let events = events(&mut check, sent.events);
    let description = check.line("description", sent.description.as_deref().unwrap_or_default(), 0, 200);
    check.done()?;
    let (now, id) = (Timestamp::UNIX_EPOCH, Uuid::nil());
    let new =
        store::Webhook { id, url, description, events, active: true, created_at: now, updated_at: now, revision: 1 };
    Ok(shared.store.create_webhook(call.by(), &call.context.caller, &new, key).await?)
}

pub(super) async fn get(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let webhook = call.state.shared.store.get_webhook(call.id("id", "webhook")?).await?;
    call.entity(webhook.revision, &view(&webhook, None))
}

pub(super) async fn update(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let sent = body.json::<Patch>().await?.value;
    let webhook = change(&call, sent).await?;
    call.entity(webhook.revision, &view(&webhook, None))
}

/// Changes the webhook in the path; the pages do so too.
pub(crate) async fn change(call: &Call, sent: Patch) -> Result<store::Webhook, Problem> {
    call.require(Role::Owner)?;
    let id = call.id("id", "webhook")?;
    let shared = &call.state.shared;
    let mut check = Check::default();
    let patch = WebhookPatch {
        url: sent.url.map(|text| url(&mut check, shared.webhooks.targets, text)),
        events: sent.events.map(|list| events(&mut check, list)),
        description: sent.description.map(|text| check.line("description", &text, 0, 200)),
        active: sent.active,
    };
    check.done()?;
    let webhook = shared.store.update_webhook(call.by(), id, &patch, call.if_match()).await?;
    shared.webhooks.queued();
    Ok(webhook)
}

pub(super) async fn delete(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.state.shared.store.delete_webhook(call.by(), call.id("id", "webhook")?, call.if_match()).await?;
    no_content()
}

pub(super) async fn test(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let shared = &call.state.shared;
    let queued = shared.store.queue_test(call.id("id", "webhook")?).await?;
    shared.webhooks.queued();
    json(StatusCode::ACCEPTED, &line(&queued))
}

pub(super) async fn deliveries(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let id = call.id("id", "webhook")?;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let (found, next) = call.state.shared.store.list_deliveries(id, &PageRequest::parse(&cursor, limit)?).await?;
    json(StatusCode::OK, &List::new(found.iter().map(line).collect(), next, None))
}
