//! Everything out and in: see [`crate::bundle`].

use std::collections::BTreeMap;

use actix_multipart::{Multipart, MultipartError};
use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::Bytes,
};
use chassis::{Fault, FaultKind, Role};
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::upload::malformed;
use crate::{
    bundle::{self, Report, Tally},
    call::{Body, Call, json},
    error::Error,
    pace::is_too_slow,
    problem::{Answer, Problem},
    wire::Time,
};

/// What became of the records of one kind.
#[derive(JsonSchema, Serialize)]
struct Sum {
    created: i64,
    /// There already, and the same.
    unchanged: i64,
    /// There already, and different: it stays as it is.
    kept: i64,
    refused: i64,
}

/// How an import is going, or went.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Import")]
pub(super) struct Import {
    running: bool,
    dry_run: bool,
    started_at: Time,
    /// When the bundle was written.
    written_at: Option<Time>,
    /// Of the bundle, read so far.
    bytes: u64,
    files: u64,
    /// By kind: users, collections, contacts, submissions, visits, links, merges, documents.
    records: BTreeMap<String, Sum>,
    /// Why some were refused or left; a hundred at most.
    reasons: Vec<String>,
    /// Why it ended early.
    failure: Option<String>,
}

fn view(report: Report) -> Import {
    let sum = |Tally { created, unchanged, kept, refused }| Sum { created, unchanged, kept, refused };
    Import {
        running: report.running,
        dry_run: report.dry_run,
        started_at: Time(report.started_at),
        written_at: report.written_at.map(Time),
        bytes: report.bytes,
        files: report.files,
        records: report.kinds.into_iter().map(|(kind, tally)| (kind, sum(tally))).collect(),
        reasons: report.reasons,
        failure: report.failure,
    }
}

pub(super) async fn export(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let name = format!("dossier-{}.tar", Timestamp::now().strftime("%Y-%m-%d-%H%M%S"));
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, "application/x-tar"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    if call.request.method() == actix_web::http::Method::HEAD {
        return Ok(response.finish());
    }
    let body = bundle::export(call.state.clone(), call.by()).await?;
    Ok(response.streaming(body))
}

pub(super) async fn state(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let report = call.state.shared.imports.report().ok_or(Error::NotFound("import"))?;
    json(StatusCode::OK, &view(report))
}

pub(super) async fn import(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let mut query = call.query()?;
    let dry_run = query.flag("dry_run");
    query.done()?;
    json(StatusCode::OK, &view(receive(&call, body, dry_run).await?))
}

/// A bundle as a body, or as the file of a form; the pages take them, too.
pub(crate) async fn receive(call: &Call, body: Body, dry_run: bool) -> Result<Report, Problem> {
    call.require(Role::Owner)?;
    if !body.is_multipart() && !body.is_archive() {
        let fault = Fault::new(
            FaultKind::UnsupportedMediaType,
            "this call takes application/octet-stream or application/x-tar",
        );
        return Err(fault.into());
    }
    if !body.is_multipart() {
        return Box::pin(bundle::import(call, pieces(body.payload, is_too_slow), dry_run)).await;
    }
    let mut form = Multipart::new(call.request.headers(), body.payload);
    match form.next().await {
        Some(Ok(field)) if field.name() == Some("file") => {
            Box::pin(bundle::import(call, pieces(field, of_form), dry_run)).await
        }
        Some(Err(error)) => Err(malformed(&error).into()),
        _ => Err(Fault::field("file", "is missing").into()),
    }
}

/// As they come; `slow` says whether one did not come in time.
fn pieces<E>(
    source: impl Stream<Item = Result<Bytes, E>> + Unpin,
    slow: fn(&E) -> bool,
) -> impl Stream<Item = Result<Bytes, Problem>> + Unpin {
    source.map(move |piece| {
        piece.map_err(|error| match slow(&error) {
            true => Problem::request_timeout(),
            false => {
                Fault::new(FaultKind::Unprocessable, "the body ended too early").because("bundle-truncated").into()
            }
        })
    })
}

fn of_form(error: &MultipartError) -> bool {
    matches!(error, MultipartError::Payload(error) if is_too_slow(error))
}
