use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use chassis::{Role, grpc::idempotent};
use proto::contacts as api;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::contacts::{key, text};
use crate::{
    call::{Body, Call, json, no_content, put, replayed},
    openapi::kind,
    pages,
    problem::{Answer, Problem},
    query::Query,
    wire::{List, Micros, Object},
};

pub(crate) const STATUS: [(&str, i32); 4] = [("new", 1), ("read", 2), ("archived", 3), ("spam", 4)];

#[derive(JsonSchema, Serialize)]
pub(super) struct Submission<'a> {
    #[schemars(with = "kind::Id")]
    id: &'a str,
    #[schemars(with = "Option<kind::Id>")]
    contact_id: Option<&'a str>,
    name: &'a str,
    email: &'a str,
    subject: &'a str,
    message: &'a str,
    metadata: Object<'a>,
    #[schemars(extend("enum" = ["new", "read", "archived", "spam"]))]
    status: &'static str,
    created_at: Micros,
    updated_at: Micros,
}

pub(super) fn view(submission: &api::Submission) -> Submission<'_> {
    let status = STATUS.iter().find(|(_, number)| *number == submission.status);
    Submission {
        id: &submission.id,
        contact_id: Some(submission.contact_id.as_str()).filter(|id| !id.is_empty()),
        name: &submission.name,
        email: &submission.email,
        subject: &submission.subject,
        message: &submission.message,
        metadata: Object(&submission.metadata),
        status: status.map_or("new", |(name, _)| name),
        created_at: Micros(submission.created_at),
        updated_at: Micros(submission.updated_at),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSubmission")]
pub(super) struct New {
    #[schemars(with = "kind::Line<1, 200>")]
    name: String,
    #[schemars(with = "kind::Email")]
    email: String,
    #[schemars(with = "kind::Text<1, 10000>")]
    message: String,
    #[serde(default)]
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    subject: Option<String>,
    #[schemars(with = "Option<kind::Metadata>")]
    metadata: Option<Box<RawValue>>,
    #[serde(default)]
    website: Option<String>,
}

/// What a form of a web page sends.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only described: forms are read field by field")]
#[schemars(rename = "SubmissionForm", deny_unknown_fields)]
pub(super) struct Form {
    #[schemars(with = "kind::Line<1, 200>")]
    name: String,
    #[schemars(with = "kind::Email")]
    email: String,
    #[schemars(with = "kind::Text<1, 10000>")]
    message: String,
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    subject: Option<String>,
    /// People do not see it: whoever fills it in is a bot.
    #[schemars(with = "Option<kind::Anything>")]
    website: Option<String>,
    /// Where to go afterwards: a path of this site.
    #[schemars(with = "Option<kind::Anything>")]
    next: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SubmissionPatch")]
pub(super) struct Patch {
    #[schemars(extend("enum" = ["new", "read", "archived", "spam"]))]
    status: String,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Submitted<'a> {
    #[schemars(with = "kind::Id")]
    id: &'a str,
    #[schemars(with = "kind::Id")]
    contact_id: &'a str,
    created_at: Micros,
}

pub(super) async fn submit(call: Call, body: Body) -> Answer {
    call.state.shared.limits.submission(call.context.client)?;
    if body.is_form() {
        return submit_form(call, body).await;
    }
    call.query()?.done()?;
    let sent = body.json::<New>().await?;
    let idempotency = key(call.idempotency(&sent.raw)?);
    let request = api::SubmitRequest {
        name: sent.value.name,
        email: sent.value.email,
        message: sent.value.message,
        subject: sent.value.subject.unwrap_or_default(),
        metadata: text(sent.value.metadata),
        website: sent.value.website.unwrap_or_default(),
        idempotency,
    };
    let made = send(&call, request).await?;
    let view = Submitted { id: &made.id, contact_id: &made.contact_id, created_at: Micros(made.created_at) };
    let mut response = json(StatusCode::CREATED, &view)?;
    put(&mut response, header::LOCATION, &format!("/api/v1/submissions/{}", made.id));
    Ok(replayed(response, made.replayed))
}

/// A keyed submission may be sent again while the service cannot be reached.
async fn send(call: &Call, request: api::SubmitRequest) -> Result<api::SubmitResponse, Problem> {
    let made = if request.idempotency.is_none() {
        call.state.contacts.clone().submit(request).await?
    } else {
        let ask = || {
            let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
            async move { contacts.submit(request).await }
        };
        idempotent(ask).await?
    };
    call.state.shared.webhooks.happened();
    Ok(made.into_inner())
}

/// A plain HTML form, answered with a page.
async fn submit_form(call: Call, body: Body) -> Answer {
    let mut query = call.query()?;
    let mut next = query.get("next");
    query.done()?;
    let raw = body.bytes().await?;
    let mut form = Query::form(&raw)?;
    if let Some(named) = form.get("next") {
        next = Some(named);
    }
    let request = api::SubmitRequest {
        name: form.text("name"),
        email: form.text("email"),
        message: form.text("message"),
        subject: form.text("subject"),
        website: form.text("website"),
        metadata: String::new(),
        idempotency: key(call.idempotency(&raw)?),
    };
    form.done()?;
    let made = send(&call, request).await?;
    let response = match next.as_deref().filter(|path| pages::same_site(path, &call)) {
        Some(path) => {
            let mut response = HttpResponse::SeeOther().finish();
            put(&mut response, header::LOCATION, path);
            response
        }
        None => pages::thanks(&call),
    };
    Ok(replayed(response, made.replayed))
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query()?;
    let request = api::ListSubmissionsRequest {
        status: query.word("status", &STATUS),
        contact_id: query.value("contact_id"),
        cursor: query.value("cursor"),
        limit: query.number("limit", 1, 200),
        sort: query.text("sort"),
        count: query.flag("count"),
        q: query.text("q"),
    };
    query.done()?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_submissions(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    json(StatusCode::OK, &List::new(found.items.iter().map(view).collect(), found.next_cursor, found.count))
}

pub(super) async fn get(call: Call) -> Answer {
    call.query()?.done()?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), api::GetSubmissionRequest { id: call.part("id") });
        async move { contacts.get_submission(request).await }
    };
    let submission = idempotent(ask).await?.into_inner();
    call.entity(submission.revision, &view(&submission))
}

pub(super) async fn update(call: Call, body: Body) -> Answer {
    call.require(Role::Editor)?;
    let sent = body.json::<Patch>().await?.value;
    let status = STATUS.iter().find(|(name, _)| *name == sent.status).map_or(0, |(_, number)| *number);
    let request = api::UpdateSubmissionRequest { id: call.part("id"), status, if_revision: call.if_match() };
    let submission = call.state.contacts.clone().update_submission(request).await?.into_inner();
    call.entity(submission.revision, &view(&submission))
}

pub(super) async fn delete(call: Call) -> Answer {
    call.require(Role::Editor)?;
    let request = api::DeleteSubmissionRequest { id: call.part("id"), if_revision: call.if_match() };
    call.state.contacts.clone().delete_submission(request).await?;
    no_content()
}
