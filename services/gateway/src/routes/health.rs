use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::{Call, json},
    problem::Answer,
};

#[derive(JsonSchema, Serialize)]
pub(super) struct Live {
    live: bool,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Up {
    up: bool,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Ready {
    ready: bool,
    /// Something is down that the rest works without.
    degraded: bool,
    dependencies: BTreeMap<&'static str, Up>,
}

pub(super) async fn live(_: Call) -> Answer {
    json(StatusCode::OK, &Live { live: true })
}

/// What exactly is the matter with a dependency stands in the log and on the admin port, not here.
pub(super) async fn ready(call: Call) -> Answer {
    let health = &call.state.shared.health;
    let dependencies: BTreeMap<_, _> =
        health.report().into_iter().map(|(name, trouble)| (name, Up { up: trouble.is_none() })).collect();
    let ready = health.is_ready();
    let degraded = dependencies.values().any(|d| !d.up);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Ready { ready, degraded, dependencies })
}
