//! An address book or a table brought in: first what each row would do, then doing it.

use actix_multipart::Multipart;
use actix_web::{http::StatusCode, web::BytesMut};
use chassis::{Fault, FaultKind, Role};
use futures_util::StreamExt;
use maud::{Markup, html};
use proto::contacts::{
    CreateContactRequest,
    import_contacts_response::{Action, Outcome},
};
use serde::{Deserialize, Serialize};

use super::{Page, fields, notice, page};
use crate::{
    call::{Body, Call},
    problem::Problem,
    query::Query,
    routes::{
        transfer::{self, FILE_TIME, LARGEST_FILE},
        upload::malformed,
    },
    words::Words,
};

/// Rows come back as they were understood, in a field of a form: written so, they are longer.
const LARGEST_ROWS: usize = 4 * LARGEST_FILE;

/// A row as the preview sends it back.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    email: String,
    phone: String,
    company: String,
    tags: Vec<String>,
    metadata: String,
}

impl From<&CreateContactRequest> for Row {
    fn from(row: &CreateContactRequest) -> Self {
        let CreateContactRequest { name, email, phone, company, tags, metadata, .. } = row.clone();
        Self { name, email, phone, company, tags, metadata }
    }
}

impl From<Row> for CreateContactRequest {
    fn from(row: Row) -> Self {
        let Row { name, email, phone, company, tags, metadata } = row;
        Self { name, email, phone, company, tags, metadata, idempotency: None }
    }
}

pub(in crate::pages) async fn enter(call: Call) -> Page {
    call.require(Role::Editor)?;
    call.query()?.done()?;
    asking(&call, None)
}

fn asking(call: &Call, problem: Option<&Problem>) -> Page {
    let w = call.words();
    let content = html! {
        h1 { (w.import_contacts()) }
        (notice(w, problem))
        form.fields action="/contacts/import" method="post" enctype="multipart/form-data" {
            p.hint #import-hint { (w.import_hint()) }
            label for="file" { (w.import_file()) }
            input #file type="file" name="file" accept=".csv,.vcf,.txt,text/csv,text/vcard" aria-describedby="import-hint";
            label for="text" { (w.import_text()) }
            textarea #text name="text" rows="6" placeholder="name,email\nAnn,ann@example.org" {}
            button.primary type="submit" { (w.import_preview()) }
        }
        p { a href="/contacts" { (w.all_contacts()) } }
    };
    let status = problem.map_or(StatusCode::OK, |problem| problem.status);
    Ok(page(call, status, w.import_contacts(), &content))
}

/// A file or a text is previewed; the rows of a preview are brought in.
pub(in crate::pages) async fn import(call: Call, body: Body) -> Page {
    call.require(Role::Editor)?;
    let dry_run = body.is_multipart();
    let done = async {
        let rows = if dry_run { sent(&call, body).await? } else { confirmed(body).await? };
        let outcomes = transfer::bring_in(&call, rows.clone(), dry_run, None).await?.outcomes;
        Ok::<_, Problem>((rows, outcomes))
    };
    match done.await {
        Ok((rows, outcomes)) => shown(&call, &rows, &outcomes, dry_run),
        Err(problem) if problem.status.is_client_error() => asking(&call, Some(&problem)),
        Err(problem) => Err(problem),
    }
}

async fn sent(call: &Call, body: Body) -> Result<Vec<CreateContactRequest>, Problem> {
    let read = async {
        let mut form = Multipart::new(call.request.headers(), body.payload);
        let (mut file, mut size) = (BytesMut::new(), 0);
        while let Some(field) = form.next().await {
            let mut field = field.map_err(|error| malformed(&error))?;
            let mut whole = BytesMut::new();
            while let Some(chunk) = field.next().await {
                let chunk = chunk.map_err(|error| malformed(&error))?;
                size += chunk.len();
                if size > LARGEST_FILE {
                    return Err(Fault::new(FaultKind::TooLarge, "the file is larger than 8 MiB"));
                }
                whole.extend_from_slice(&chunk);
            }
            // Whichever of the two says something.
            if !whole.trim_ascii().is_empty() {
                file = whole;
            }
        }
        Ok(file)
    };
    let file = tokio::time::timeout(FILE_TIME, read).await.map_err(|_| Problem::request_timeout())??;
    if file.is_empty() {
        return Err(Fault::field("file", call.words().import_nothing_sent()).into());
    }
    Ok(transfer::read_rows(&file, None)?)
}

async fn confirmed(body: Body) -> Result<Vec<CreateContactRequest>, Problem> {
    let mut form = Query::form(&body.bytes_within(LARGEST_ROWS, FILE_TIME).await?)?;
    let rows = form.text("rows");
    form.done()?;
    let rows: Vec<Row> =
        serde_json::from_str(&rows).map_err(|_| Fault::field("rows", "must be what the preview has made of a file"))?;
    Ok(rows.into_iter().map(Into::into).collect())
}

fn shown(call: &Call, rows: &[CreateContactRequest], outcomes: &[Outcome], dry_run: bool) -> Page {
    let w = call.words();
    let count = |wanted: Action| outcomes.iter().filter(|o| o.action() == wanted).count() as i64;
    let (created, updated) = (count(Action::Created), count(Action::Updated));
    let title = if dry_run { w.import_would() } else { w.imported() };
    let content = html! {
        h1 { (title) }
        p role="status" {
            @if created > 0 { (w.rows_created(created)) " " }
            @if updated > 0 { (w.rows_updated(updated)) " " }
            @if count(Action::Unchanged) > 0 { (w.rows_unchanged(count(Action::Unchanged))) " " }
            @if count(Action::Refused) > 0 { (w.rows_refused(count(Action::Refused))) }
        }
        @if dry_run {
            @if created + updated > 0 { (confirming(w, rows, created + updated)?) } @else { p { (w.import_nothing_to_do()) } }
        }
        table.stack {
            thead { tr { th { (w.row()) } th { (w.name()) } th { (w.email()) } th { (w.what()) } } }
            tbody {
                @for (index, (row, outcome)) in rows.iter().zip(outcomes).enumerate() {
                    tr {
                        td { (index + 1) }
                        td data-label=(w.name()) {
                            @if outcome.contact_id.is_empty() { (row.name) } @else { a href={ "/contacts/" (outcome.contact_id) } { (row.name) } }
                        }
                        td data-label=(w.email()) { (row.email) }
                        td data-label=(w.what()) { (what(w, outcome)) }
                    }
                }
            }
        }
        div.actions {
            @if dry_run { a.button href="/contacts/import" { (w.import_other_file()) } }
            a.button href="/contacts" { (w.all_contacts()) }
        }
    };
    Ok(page(call, StatusCode::OK, title, &content))
}

fn confirming(w: Words, rows: &[CreateContactRequest], doing: i64) -> Result<Markup, Fault> {
    let rows: Vec<Row> = rows.iter().map(Row::from).collect();
    let rows = serde_json::to_string(&rows).map_err(Fault::internal)?;
    Ok(html! {
        form #import action="/contacts/import" method="post" {
            textarea name="rows" hidden { (rows) }
            button.primary type="submit" { (w.import_rows(doing)) }
        }
    })
}

fn what(w: Words, outcome: &Outcome) -> Markup {
    let (class, words) = match outcome.action() {
        Action::Created => ("badge good", w.row_created()),
        Action::Updated => ("badge busy", w.row_updated()),
        Action::Unchanged => ("badge", w.row_unchanged()),
        Action::Refused | Action::Unspecified => ("badge bad", w.row_refused()),
    };
    html! {
        span class=(class) { (words) }
        @if !outcome.changed.is_empty() { " " (fields(w, &outcome.changed)) }
        @if !outcome.detail.is_empty() { " " span.quiet { (w.refusal(&outcome.detail)) } }
    }
}
