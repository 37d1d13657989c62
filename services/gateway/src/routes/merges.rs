//! Two contacts that are one person, and back.

use actix_web::http::StatusCode;
use chassis::{Role, grpc::idempotent};
use proto::contacts as api;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contacts::{Contact, key, view};
use crate::{
    call::{Body, Call, json, replayed},
    openapi::kind,
    problem::{Answer, Problem},
    wire::Micros,
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewMerge")]
pub(super) struct New {
    /// The contact that stays.
    #[schemars(with = "kind::Id")]
    into: String,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only described: the service names them")]
#[schemars(inline, rename_all = "snake_case")]
enum Gap {
    Phone,
    Company,
}

/// What the contact that stays had none of.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Taken")]
struct Taken<'a> {
    #[schemars(with = "Vec<Gap>")]
    fields: &'a [String],
    tags: &'a [String],
    /// Keys of `metadata`.
    metadata: &'a [String],
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Merge<'a> {
    /// Absent when it was only tried.
    #[schemars(with = "Option<kind::Id>")]
    id: Option<&'a str>,
    #[schemars(with = "kind::Id")]
    source_id: &'a str,
    #[schemars(with = "kind::Id")]
    target_id: &'a str,
    /// The contact that stays, as it is now, or would be.
    contact: Option<Contact<'a>>,
    /// The contact that is there again, after it was undone.
    restored: Option<Contact<'a>>,
    taken: Taken<'a>,
    /// How many went with it, or would.
    submissions: i64,
    /// How many decisions on linked documents went with it, or would.
    links: i64,
    merged_at: Option<Micros>,
    undone_at: Option<Micros>,
}

fn show(merge: &api::Merge) -> Merge<'_> {
    let time = |micros: i64| (micros != 0).then_some(Micros(micros));
    Merge {
        id: (!merge.id.is_empty()).then_some(&merge.id),
        source_id: &merge.source_id,
        target_id: &merge.target_id,
        contact: merge.contact.as_ref().map(view),
        restored: merge.restored.as_ref().map(view),
        taken: Taken { fields: &merge.fields, tags: &merge.tags, metadata: &merge.metadata_keys },
        submissions: merge.submissions,
        links: merge.links,
        merged_at: time(merge.merged_at),
        undone_at: time(merge.undone_at),
    }
}

/// Merges, or says what would happen. The same again answers the same; the pages do so, too.
pub(crate) async fn ask(call: &Call, request: api::MergeContactsRequest) -> Result<api::Merge, Problem> {
    call.require(Role::Editor)?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.merge_contacts(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

/// Undoes. The same again answers the same; the pages do so, too.
pub(crate) async fn ask_undo(call: &Call, request: api::UndoMergeRequest) -> Result<api::Merge, Problem> {
    call.require(Role::Editor)?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.undo_merge(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

pub(super) async fn merge(call: Call, body: Body) -> Answer {
    call.require(Role::Editor)?;
    let mut query = call.query()?;
    let dry_run = query.flag("dry_run");
    query.done()?;
    let sent = body.json::<New>().await?;
    let idempotency = key(call.idempotency(&sent.raw)?);
    let request = api::MergeContactsRequest { id: call.part("id"), into: sent.value.into, dry_run, idempotency };
    let merge = ask(&call, request).await?;
    Ok(replayed(json(StatusCode::OK, &show(&merge))?, merge.replayed))
}

pub(super) async fn undo(call: Call) -> Answer {
    call.require(Role::Editor)?;
    call.query()?.done()?;
    let request = api::UndoMergeRequest { id: call.part("id"), idempotency: key(call.idempotency(b"")?) };
    let merge = ask_undo(&call, request).await?;
    Ok(replayed(json(StatusCode::OK, &show(&merge))?, merge.replayed))
}
