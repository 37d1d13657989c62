use actix_web::http::StatusCode;
use chassis::{Role, grpc::idempotent};
use proto::search as api;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::{Call, json},
    openapi::kind,
    problem::Answer,
};

#[derive(JsonSchema, Serialize)]
pub(super) struct Overview<'a> {
    totals: Numbers,
    series: Vec<Day<'a>>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "OverviewDay")]
pub(super) struct Day<'a> {
    #[schemars(with = "kind::Day")]
    day: &'a str,
    #[serde(flatten)]
    numbers: Numbers,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "OverviewNumbers")]
pub(super) struct Numbers {
    visits: i64,
    submissions: i64,
    uploads: i64,
    ready: i64,
    failed: i64,
    seconds_to_searchable: Option<f64>,
    searches: i64,
    zero_results: i64,
    degraded: i64,
    clicks: i64,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Searches<'a> {
    top: Vec<Query<'a>>,
    zero_results: Vec<Query<'a>>,
    clicked_ranks: Vec<Rank>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AskedQuery")]
pub(super) struct Query<'a> {
    text: &'a str,
    searches: i64,
    zero_results: i64,
    clicks: i64,
    mean_rank: Option<f64>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ClickedRank")]
pub(super) struct Rank {
    rank: i32,
    clicks: i64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ContactSearches")]
pub(super) struct Contacts<'a> {
    items: Vec<Contact<'a>>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "FoundContact")]
pub(super) struct Contact<'a> {
    #[schemars(with = "kind::Id")]
    contact_id: &'a str,
    name: &'a str,
    email: &'a str,
    searches: i64,
    documents: Vec<Document<'a>>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "FoundDocument")]
pub(super) struct Document<'a> {
    #[schemars(with = "kind::Id")]
    document_id: &'a str,
    title: &'a str,
    searches: Vec<Search<'a>>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "FindingSearch")]
pub(super) struct Search<'a> {
    text: &'a str,
    searches: i64,
    clicks: i64,
}

fn numbers(n: &api::overview::Numbers) -> Numbers {
    Numbers {
        visits: n.visits,
        submissions: n.submissions,
        uploads: n.uploads,
        ready: n.ready,
        failed: n.failed,
        seconds_to_searchable: n.seconds_to_searchable,
        searches: n.searches,
        zero_results: n.zero_results,
        degraded: n.degraded,
        clicks: n.clicks,
    }
}

fn query(q: &api::searches::Query) -> Query<'_> {
    Query {
        text: &q.text,
        searches: q.searches,
        zero_results: q.zero_results,
        clicks: q.clicks,
        mean_rank: q.mean_rank,
    }
}

pub(super) async fn overview(call: Call) -> Answer {
    call.require(Role::Editor)?;
    let mut query = call.query()?;
    let request = api::GetOverviewRequest { from: query.value("from"), to: query.value("to") };
    query.done()?;
    let ask = || {
        let (mut analytics, request) = (call.state.analytics.clone(), request.clone());
        async move { analytics.get_overview(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    let day = |d: &'_ api::overview::Day| numbers(&d.numbers.unwrap_or_default());
    let view = Overview {
        totals: numbers(&found.totals.unwrap_or_default()),
        series: found.days.iter().map(|d| Day { day: &d.day, numbers: day(d) }).collect(),
    };
    json(StatusCode::OK, &view)
}

pub(super) async fn searches(call: Call) -> Answer {
    call.require(Role::Editor)?;
    let mut parameters = call.query()?;
    let request = api::GetSearchesRequest {
        from: parameters.value("from"),
        to: parameters.value("to"),
        limit: parameters.number("limit", 1, 100),
    };
    parameters.done()?;
    let ask = || {
        let (mut analytics, request) = (call.state.analytics.clone(), request.clone());
        async move { analytics.get_searches(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    let view = Searches {
        top: found.top.iter().map(query).collect(),
        zero_results: found.zero.iter().map(query).collect(),
        clicked_ranks: found.ranks.iter().map(|r| Rank { rank: r.rank, clicks: r.clicks }).collect(),
    };
    json(StatusCode::OK, &view)
}

pub(super) async fn contacts(call: Call) -> Answer {
    call.require(Role::Editor)?;
    let mut parameters = call.query()?;
    let request = api::GetContactSearchesRequest {
        from: parameters.value("from"),
        to: parameters.value("to"),
        limit: parameters.number("limit", 1, 100),
    };
    parameters.done()?;
    let ask = || {
        let (mut analytics, request) = (call.state.analytics.clone(), request.clone());
        async move { analytics.get_contact_searches(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    json(StatusCode::OK, &Contacts { items: found.items.iter().map(contact).collect() })
}

fn contact(c: &api::contact_searches::Contact) -> Contact<'_> {
    Contact {
        contact_id: &c.contact_id,
        name: &c.name,
        email: &c.email,
        searches: c.searches,
        documents: c.documents.iter().map(document).collect(),
    }
}

fn document(d: &api::contact_searches::Document) -> Document<'_> {
    Document { document_id: &d.document_id, title: &d.title, searches: d.searches.iter().map(finding).collect() }
}

fn finding(s: &api::contact_searches::Search) -> Search<'_> {
    Search { text: &s.text, searches: s.searches, clicks: s.clicks }
}
