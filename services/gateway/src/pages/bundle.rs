//! Everything out and in, for owners.

use actix_web::http::StatusCode;
use chassis::Role;
use maud::{Markup, html};

use super::{Page, notice, page};
use crate::{
    bundle::Report,
    call::{Body, Call},
    problem::Problem,
    routes::bundle,
    words::Words,
};

/// The part of the settings page.
pub(super) fn section(call: &Call) -> Option<Markup> {
    call.require(Role::Owner).ok()?;
    let w = call.words();
    let running = call.state.shared.imports.report().filter(|report| report.running);
    Some(html! {
        section aria-labelledby="everything" {
            h2 #everything { (w.everything()) }
            p { (w.export_about()) }
            p { a.button href="/api/v1/export" download { (w.export_everything()) } }
            @if let Some(report) = &running {
                p.told role="status" { (w.bundle_running(w.size(i64::try_from(report.bytes).unwrap_or(i64::MAX)))) }
            }
            details {
                summary { (w.bundle_import()) }
                form.fields action="/settings/import" method="post" enctype="multipart/form-data" {
                    label for="bundle" { (w.bundle_file()) }
                    input #bundle type="file" name="file" required accept=".tar,application/x-tar";
                    p.hint { (w.bundle_about()) }
                    div.actions {
                        button type="submit" formaction="/settings/import?dry_run=true" { (w.bundle_check()) }
                        button type="submit" { (w.bundle_import()) }
                    }
                }
            }
        }
    })
}

/// What was brought in, or would be.
pub(super) async fn import(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut query = call.query()?;
    let dry_run = query.flag("dry_run");
    query.done()?;
    let w = call.words();
    let title = if dry_run { w.import_would() } else { w.imported() };
    let (status, report, problem) = match bundle::receive(&call, body, dry_run).await {
        Ok(report) => (StatusCode::OK, Some(report), None),
        Err(problem) if problem.status.is_client_error() => {
            (problem.status, call.state.shared.imports.report(), Some(problem))
        }
        Err(problem) => return Err(problem),
    };
    let content = html! {
        h1 { (title) }
        (told(w, report.as_ref(), problem.as_ref()))
        p { a href="/settings/backups" { (w.place_settings()) } }
    };
    Ok(page(&call, status, title, &content))
}

fn told(w: Words, report: Option<&Report>, problem: Option<&Problem>) -> Markup {
    html! {
        (notice(w, problem))
        @if let Some(report) = report {
            p { (w.files_checked(i64::try_from(report.files).unwrap_or(i64::MAX))) }
            table.stack #brought-in {
                thead {
                    tr {
                        td {} th.number { (w.row_created()) } th.number { (w.row_unchanged()) }
                        th.number { (w.row_kept()) } th.number { (w.row_refused()) }
                    }
                }
                tbody {
                    @for (kind, tally) in &report.kinds {
                        tr {
                            td { (kind_name(w, kind)) }
                            td.number data-label=(w.row_created()) { (w.number(tally.created)) }
                            td.number data-label=(w.row_unchanged()) { (w.number(tally.unchanged)) }
                            td.number data-label=(w.row_kept()) { (w.number(tally.kept)) }
                            td.number data-label=(w.row_refused()) { (w.number(tally.refused)) }
                        }
                    }
                }
            }
            @if !report.reasons.is_empty() { ul { @for reason in &report.reasons { li { (reason) } } } }
        }
    }
}

fn kind_name(w: Words, kind: &str) -> &str {
    match kind {
        "users" => w.kind_users(),
        "contacts" => w.place_contacts(),
        "submissions" => w.kind_submissions(),
        "visits" => w.kind_visits(),
        "links" => w.kind_links(),
        "collections" => w.kind_collections(),
        "documents" => w.place_documents(),
        other => other,
    }
}
