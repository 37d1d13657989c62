use actix_web::http::StatusCode;
use chassis::grpc::idempotent;
use proto::search as api;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{
    call::{Body, Call, json, no_content},
    problem::{Answer, Problem},
};

#[derive(Serialize)]
struct Hit<'a> {
    document_id: &'a str,
    title: &'a str,
    page: i32,
    pages_matched: i32,
    page_count: i32,
    snippet: &'a str,
    ranges: Vec<[i32; 2]>,
    score: f64,
    collection_id: &'a str,
    media_type: &'a str,
    language: &'a str,
}

#[derive(Serialize)]
struct Value<'a> {
    value: &'a str,
    count: i64,
}

#[derive(Serialize)]
struct Found<'a> {
    hits: Vec<Hit<'a>>,
    facets: BTreeMap<&'a str, Vec<Value<'a>>>,
    estimated_total: i64,
    engine: &'a str,
    degraded: bool,
    took_ms: f64,
    query_id: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Click {
    document_id: String,
    rank: i32,
}

#[derive(Serialize)]
struct Suggestion<'a> {
    text: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    document_id: &'a str,
}

#[derive(Serialize)]
struct Suggestions<'a> {
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
    }
}

fn suggestion(s: &api::suggest_response::Suggestion) -> Suggestion<'_> {
    Suggestion { text: &s.text, kind: &s.kind, document_id: &s.document_id }
}

fn value(v: &api::facet::Value) -> Value<'_> {
    Value { value: &v.value, count: v.count }
}

/// Asks the search service; the pages do so too.
pub(crate) async fn ask(call: &Call, request: api::QueryRequest) -> Result<api::QueryResponse, Problem> {
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
        collection_id: query.text("collection_id"),
        language: query.text("language"),
        media_type: query.text("media_type"),
        tag: query.text("tag"),
        from: query.text("from"),
        to: query.text("to"),
        facets: facets.into_iter().filter(|name| !name.is_empty()).collect(),
    };
    query.done()?;
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
    let request = api::SuggestRequest { q: query.text("q"), limit: query.number("limit", 1, 10) };
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
