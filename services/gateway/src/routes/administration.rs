use actix_web::http::StatusCode;
use chassis::{Role, grpc::idempotent};
use pg::PageRequest;
use proto::indexer::GetIndexRequest;
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

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "IndexState")]
pub(super) struct Index<'a> {
    #[schemars(extend("enum" = ["meilisearch", "none"]))]
    engine: &'a str,
    available: bool,
    name: &'a str,
    records: i64,
    settled: i64,
    failed: i64,
    in_hand: i64,
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

pub(super) async fn index(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let ask = || {
        let mut indexer = call.state.indexer.clone();
        async move { indexer.get_index(GetIndexRequest {}).await }
    };
    let index = idempotent(ask).await?.into_inner();
    let view = Index {
        engine: &index.engine,
        available: index.available,
        name: &index.name,
        records: index.records,
        settled: index.settled,
        failed: index.failed,
        in_hand: index.in_hand,
    };
    json(StatusCode::OK, &view)
}
