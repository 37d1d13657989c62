use actix_web::http::StatusCode;
use chassis::Role;
use pg::PageRequest;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    call::{Call, json},
    problem::Answer,
    wire::{List, Time},
};

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AuditEntry")]
pub(super) struct Entry<'a> {
    id: Uuid,
    at: Time,
    actor: Option<Uuid>,
    action: &'a str,
    subject: Option<Uuid>,
    request_id: &'a str,
    detail: &'a serde_json::Value,
}

fn entry(e: &crate::domain::AuditEntry) -> Entry<'_> {
    Entry {
        id: e.id,
        at: Time(e.at),
        actor: e.actor,
        action: &e.action,
        subject: e.subject,
        request_id: &e.request_id,
        detail: &e.detail,
    }
}

/// What happened to people, sessions and tokens.
pub(super) async fn audit(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let (entries, next) = call.state.shared.store.list_audit(&PageRequest::parse(&cursor, limit)?).await?;
    json(StatusCode::OK, &List::new(entries.iter().map(entry).collect(), next, None))
}
