use actix_web::http::StatusCode;
use chassis::{Fault, Role, grpc::idempotent};
use proto::search as api;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{
    call::{Body, Call, json, no_content},
    openapi::kind,
    prober::is_prober,
    problem::{Answer, Problem},
    wire::{Micros, whole},
};

#[derive(JsonSchema, Serialize)]
pub(super) struct Hit<'a> {
    #[schemars(with = "kind::Id")]
    document_id: &'a str,
    title: &'a str,
    page: i32,
    pages_matched: i32,
    page_count: i32,
    snippet: &'a str,
    ranges: Vec<[i32; 2]>,
    score: f64,
    #[schemars(with = "kind::Id")]
    collection_id: &'a str,
    media_type: &'a str,
    language: &'a str,
    /// When the document was added.
    created_at: Micros,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "FacetValue")]
pub(super) struct Value<'a> {
    value: &'a str,
    count: i64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SearchResult")]
pub(super) struct Found<'a> {
    hits: Vec<Hit<'a>>,
    facets: BTreeMap<&'a str, Vec<Value<'a>>>,
    estimated_total: i64,
    #[schemars(extend("enum" = ["meilisearch", "postgresql", "recent"]))]
    engine: &'a str,
    degraded: bool,
    took_ms: f64,
    #[schemars(with = "kind::Id")]
    query_id: &'a str,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Click {
    #[schemars(with = "kind::Id")]
    document_id: String,
    #[serde(deserialize_with = "whole")]
    #[schemars(range(min = 1, max = 1100))]
    rank: i32,
}

/// Names of facets in one value.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
#[expect(dead_code, reason = "only described: names come with commas or repeated")]
pub(super) struct Facets(#[schemars(regex(pattern = FACETS))] String);

const FACETS: &str = "^((collection_id|language|media_type|tag)(,(collection_id|language|media_type|tag)){0,3})?$";

#[derive(JsonSchema, Serialize)]
pub(super) struct Suggestion<'a> {
    text: &'a str,
    #[schemars(extend("enum" = ["title", "keyword", "contact", "query"]))]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schemars(with = "Option<kind::Id>")]
    document_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schemars(with = "Option<kind::Id>")]
    contact_id: &'a str,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Suggestions<'a> {
    items: Vec<Suggestion<'a>>,
}

fn view(hit: &api::Hit) -> Hit<'_> {
    Hit {
        document_id: &hit.document_id,
        title: &hit.title,
        page: hit.page,
        pages_matched: hit.pages_matched,
        page_count: hit.page_count,
        snippet: &hit.snippet,
        ranges: hit.ranges.iter().map(|r| [r.start, r.end]).collect(),
        score: hit.score,
        collection_id: &hit.collection_id,
        media_type: &hit.media_type,
        language: &hit.language,
        created_at: Micros(hit.created_at),
    }
}

fn suggestion(s: &api::suggest_response::Suggestion) -> Suggestion<'_> {
    Suggestion { text: &s.text, kind: &s.kind, document_id: &s.document_id, contact_id: &s.contact_id }
}

fn value(v: &api::facet::Value) -> Value<'_> {
    Value { value: &v.value, count: v.count }
}

/// Asks the search service; the pages do so too.
pub(crate) async fn ask(call: &Call, request: api::QueryRequest) -> Result<api::QueryResponse, Problem> {
    let request = api::QueryRequest { unlogged: is_prober(call.context.identity.as_deref()), ..request };
    let ask = || {
        let (mut search, request) = (call.state.search.clone(), request.clone());
        async move { search.query(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

pub(super) async fn query(call: Call) -> Answer {
    let mut query = call.query()?;
    // Repeated, or one value with commas.
    let facets = query.all("facets").iter().flat_map(|v| v.split(',')).map(|v| v.trim().to_owned()).collect::<Vec<_>>();
    let request = api::QueryRequest {
        q: query.text("q"),
        limit: query.number("limit", 1, 100),
        offset: query.number("offset", 0, 1000),
        collection_id: query.value("collection_id"),
        language: query.text("language"),
        media_type: query.text("media_type"),
        tag: query.text("tag"),
        from: query.value("from"),
        to: query.value("to"),
        sort: query.text("sort"),
        facets: facets.into_iter().filter(|name| !name.is_empty()).collect(),
        contact_id: query.value("contact_id"),
        ..api::QueryRequest::default()
    };
    query.done()?;
    if !request.contact_id.is_empty() {
        call.require(Role::Viewer)?;
        if !call.may_read_contacts() {
            return Err(Fault::forbidden("this token's scopes do not cover contacts").into());
        }
    }
    let found = ask(&call, request).await?;
    let facets = found.facets.iter().map(|f| (f.name.as_str(), f.values.iter().map(value).collect()));
    let view = Found {
        hits: found.hits.iter().map(view).collect(),
        facets: facets.collect(),
        estimated_total: found.estimated_total,
        engine: &found.engine,
        degraded: found.degraded,
        took_ms: found.took_ms,
        query_id: &found.query_id,
    };
    json(StatusCode::OK, &view)
}

pub(super) async fn suggest(call: Call) -> Answer {
    let mut query = call.query()?;
    let contacts = call.may_read_contacts();
    let request = api::SuggestRequest { q: query.text("q"), limit: query.number("limit", 1, 10), contacts };
    query.done()?;
    let ask = || {
        let (mut search, request) = (call.state.search.clone(), request.clone());
        async move { search.suggest(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    json(StatusCode::OK, &Suggestions { items: found.items.iter().map(suggestion).collect() })
}

pub(super) async fn click(call: Call, body: Body) -> Answer {
    let sent = body.json::<Click>().await?.value;
    let request =
        api::RecordClickRequest { query_id: call.part("query_id"), document_id: sent.document_id, rank: sent.rank };
    call.state.search.clone().record_click(request).await?;
    no_content()
}
