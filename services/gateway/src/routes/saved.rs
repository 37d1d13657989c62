use actix_web::http::StatusCode;
use pg::PageRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Body, Call, json, no_content, replayed},
    domain::{self, Check, SavedQuery},
    openapi::kind,
    problem::{Answer, Problem},
    wire::{List, Time},
};

#[derive(JsonSchema, Serialize)]
pub(super) struct SavedSearch<'a> {
    id: Uuid,
    name: &'a str,
    query: &'a SavedQuery,
    created_at: Time,
}

fn view(search: &domain::SavedSearch) -> SavedSearch<'_> {
    SavedSearch { id: search.id, name: &search.name, query: &search.query, created_at: Time(search.created_at) }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSavedSearch")]
pub(crate) struct New {
    #[schemars(with = "kind::Line<1, 100>")]
    pub(crate) name: String,
    pub(crate) query: SavedQuery,
}

pub(super) async fn list(call: Call) -> Answer {
    let user = call.identity()?.user_id;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let (searches, next) = call.state.shared.store.list_searches(user, &PageRequest::parse(&cursor, limit)?).await?;
    json(StatusCode::OK, &List::new(searches.iter().map(view).collect(), next, None))
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.identity()?;
    let sent = body.json::<New>().await?;
    let key = call.idempotency(&sent.raw)?.map(|k| pg::Idempotency { key: k.key, fingerprint: k.fingerprint });
    let (search, known) = keep(&call, sent.value, key).await?;
    let response = call.created("saved-searches", &search.id.to_string(), None, &view(&search))?;
    Ok(replayed(response, known))
}

/// Keeps a search of whoever calls, and says whether the same key did so before; the pages do so too.
pub(crate) async fn keep(
    call: &Call,
    new: New,
    key: Option<pg::Idempotency>,
) -> Result<(domain::SavedSearch, bool), Problem> {
    let user = call.identity()?.user_id;
    let mut check = Check::default();
    let name = check.line("name", &new.name, 1, 100);
    let query = new.query.checked(&mut check);
    check.done()?;
    Ok(call.state.shared.store.create_search(&call.context.caller, user, &name, &query, key).await?)
}

pub(super) async fn delete(call: Call) -> Answer {
    remove(&call).await?;
    no_content()
}

/// Removes the one in the path; the pages do so too.
pub(crate) async fn remove(call: &Call) -> Result<(), Problem> {
    let (user, id) = (call.identity()?.user_id, call.id("id", "saved search")?);
    Ok(call.state.shared.store.delete_search(user, id).await?)
}
