use actix_web::http::StatusCode;
use chassis::Role;
use pg::PageRequest;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    call::{Call, json},
    domain::Check,
    problem::{Answer, Problem},
    query::Query,
    store::AuditFilter,
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

/// Which lines are asked for; the pages ask so too.
pub(crate) fn filter(query: &mut Query) -> Result<AuditFilter, Problem> {
    let (actor, subject, action) = (query.value("actor"), query.value("subject"), query.text("action"));
    let (from, to) = (query.value("from"), query.value("to"));
    let mut check = Check::default();
    let actor = check.id("actor", &actor);
    let subject = check.id("subject", &subject);
    if action.chars().count() > 200 {
        check.blame("action", "must have at most 200 characters");
    }
    let from = check.day("from", &from);
    let before = check.day("to", &to).and_then(|day| day.tomorrow().ok());
    check.done()?;
    let at = |day: Option<jiff::civil::Date>| {
        day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok()).map(|moment| moment.timestamp())
    };
    Ok(AuditFilter {
        actor,
        subject,
        action: Some(action).filter(|text| !text.is_empty()),
        from: at(from),
        before: at(before),
    })
}

/// What happened to people, sessions and tokens.
pub(super) async fn audit(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    let filter = filter(&mut query)?;
    query.done()?;
    let page = PageRequest::parse(&cursor, limit)?;
    let (entries, next) = call.state.shared.store.list_audit(&filter, &page).await?;
    json(StatusCode::OK, &List::new(entries.iter().map(entry).collect(), next, None))
}
