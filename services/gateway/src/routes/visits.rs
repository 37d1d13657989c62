use actix_web::http::{StatusCode, header};
use chassis::grpc::idempotent;
use proto::contacts as api;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{
    call::{Body, Call, json},
    openapi::kind,
    problem::Answer,
};

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Visit {
    #[serde(default)]
    #[schemars(with = "Option<kind::Line<0, 2000>>")]
    path: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<kind::Line<0, 2000>>")]
    referrer: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Count {
    count: i64,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Visits<'a> {
    totals: Numbers,
    series: Vec<Day<'a>>,
    bot_reasons: BTreeMap<&'a str, i64>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Numbers {
    visits: i64,
    bots: i64,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Day<'a> {
    #[schemars(with = "kind::Day")]
    day: &'a str,
    #[serde(flatten)]
    numbers: Numbers,
}

fn day(d: &api::get_visits_response::Day) -> Day<'_> {
    Day { day: &d.day, numbers: Numbers { visits: d.visits, bots: d.bots } }
}

pub(super) async fn count(call: Call, body: Body) -> Answer {
    call.state.shared.limits.visit(call.context.client)?;
    call.query()?.done()?;
    let visit = body.json_or_nothing::<Visit>().await?.value;
    let request = api::CountVisitRequest {
        path: visit.path.unwrap_or_default(),
        referrer: visit.referrer.unwrap_or_default(),
        user_agent: call.header(header::USER_AGENT).unwrap_or_default().to_owned(),
    };
    let count = call.state.contacts.clone().count_visit(request).await?.into_inner().count;
    json(StatusCode::OK, &Count { count })
}

pub(super) async fn series(call: Call) -> Answer {
    let mut query = call.query()?;
    let request = api::GetVisitsRequest { from: query.value("from"), to: query.value("to") };
    query.word("by", &[("day", 1)]);
    query.done()?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.get_visits(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    let visits = Visits {
        totals: Numbers { visits: found.total_visits, bots: found.total_bots },
        series: found.days.iter().map(day).collect(),
        bot_reasons: found.bot_reasons.iter().map(|(reason, n)| (reason.as_str(), *n)).collect(),
    };
    json(StatusCode::OK, &visits)
}
