use actix_web::{HttpResponse, http::StatusCode};
use chassis::{Role, grpc::idempotent};
use proto::{indexer as api, search::ListSynonymsRequest, search::Synonym as WireSynonym};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    call::{Body, Call, json},
    openapi::kind,
    problem::Answer,
    wire::Micros,
};

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
    /// Documents that an older reader read; they are read again while there is nothing else to do.
    outdated: i64,
    rebuild: Option<Rebuild>,
    drift: Option<Drift>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "IndexRebuild")]
pub(super) struct Rebuild {
    started_at: Option<Micros>,
    documents_done: i64,
    documents_total: i64,
    seconds_left: Option<f64>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "IndexDrift")]
pub(super) struct Drift {
    checked_at: Micros,
    missing: i64,
    stale: i64,
    phantom: i64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "IndexDifferences")]
pub(super) struct Differences<'a> {
    documents: i64,
    missing: i64,
    stale: i64,
    phantom: i64,
    #[schemars(with = "Vec<kind::Id>")]
    missing_ids: &'a [String],
    #[schemars(with = "Vec<kind::Id>")]
    stale_ids: &'a [String],
    #[schemars(with = "Vec<kind::Id>")]
    phantom_ids: &'a [String],
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Synonym {
    #[schemars(with = "kind::Word")]
    word: String,
    #[schemars(with = "kind::OtherWords")]
    others: Vec<String>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Synonyms {
    items: Vec<KnownSynonym>,
}

/// As it is kept: in lower case.
#[derive(JsonSchema, Serialize)]
pub(super) struct KnownSynonym {
    word: String,
    others: Vec<String>,
}

fn rebuild(r: &api::RebuildProgress) -> Rebuild {
    Rebuild {
        started_at: (r.started_at != 0).then_some(Micros(r.started_at)),
        documents_done: r.documents_done,
        documents_total: r.documents_total,
        seconds_left: r.seconds_left,
    }
}

fn drift(d: &api::Drift) -> Drift {
    Drift { checked_at: Micros(d.checked_at), missing: d.missing, stale: d.stale, phantom: d.phantom }
}

fn synonyms(items: Vec<WireSynonym>) -> Synonyms {
    Synonyms { items: items.into_iter().map(|s| KnownSynonym { word: s.word, others: s.others }).collect() }
}

pub(super) async fn get(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let ask = || {
        let mut indexer = call.state.indexer.clone();
        async move { indexer.get_index(api::GetIndexRequest {}).await }
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
        outdated: index.outdated,
        rebuild: index.rebuild.as_ref().map(rebuild),
        drift: index.drift.as_ref().map(drift),
    };
    json(StatusCode::OK, &view)
}

pub(super) async fn build(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    call.state.indexer.clone().rebuild_index(api::RebuildIndexRequest {}).await?;
    Ok(HttpResponse::Accepted().finish())
}

pub(super) async fn verify(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let found = call.state.indexer.clone().verify_index(api::VerifyIndexRequest {}).await?.into_inner();
    let view = Differences {
        documents: found.documents,
        missing: found.missing,
        stale: found.stale,
        phantom: found.phantom,
        missing_ids: &found.missing_ids,
        stale_ids: &found.stale_ids,
        phantom_ids: &found.phantom_ids,
    };
    json(StatusCode::OK, &view)
}

pub(super) async fn list_synonyms(call: Call) -> Answer {
    call.require(Role::Editor)?;
    call.query()?.done()?;
    let found = call.state.analytics.clone().list_synonyms(ListSynonymsRequest {}).await?.into_inner();
    json(StatusCode::OK, &synonyms(found.items))
}

pub(super) async fn put_synonym(call: Call, body: Body) -> Answer {
    call.require(Role::Editor)?;
    let sent = body.json::<Synonym>().await?.value;
    let request = WireSynonym { word: sent.word, others: sent.others };
    let found = call.state.analytics.clone().put_synonym(request).await?.into_inner();
    json(StatusCode::OK, &synonyms(found.items))
}
