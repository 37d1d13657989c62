//! Contacts in and out, as files that spreadsheets, address books and programs read.

mod table;
mod vcard;

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::Bytes,
};
use chassis::{Fault, FaultKind, RequestContext, Role, grpc::idempotent};
use futures_util::stream;
use proto::contacts::{
    self as api, CreateContactRequest, ImportContactsRequest, ImportContactsResponse, ListContactsRequest,
    import_contacts_response::Action,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::contacts::{key, view};
use crate::{
    call::{Body, Call, json, replayed},
    openapi::kind,
    problem::{Answer, Problem},
};

const PAGE: i32 = 200;
/// For one page of an export; the whole takes as long as its reader.
const PAGE_TIME: Duration = Duration::from_secs(10);
/// A file that is brought in, at most. Cards have pictures in them.
pub(crate) const LARGEST_FILE: usize = 8 << 20;
/// It must have arrived by then.
pub(crate) const FILE_TIME: Duration = Duration::from_secs(30);
/// Without the pictures, it goes on as one message.
const LARGEST_ROWS: usize = 3 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
    Vcard,
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
            Format::Vcard => "text/vcard; charset=utf-8",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Vcard => "vcf",
        }
    }
}

/// All contacts, a page of them at a time, never held whole.
pub(super) async fn export(call: Call) -> Answer {
    call.require(Role::Viewer)?;
    let mut query = call.query()?;
    let format = match query.word("format", &[("csv", 1), ("ndjson", 2), ("vcard", 3)]) {
        2 => Format::Ndjson,
        3 => Format::Vcard,
        _ => Format::Csv,
    };
    query.done()?;
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(PAGE_TIME));
    // The first page is read before the head is sent, so that what is wrong has a status.
    let first = read(&call, &context, String::new()).await?;
    let beginning = match format {
        Format::Csv => table::headings(),
        Format::Ndjson | Format::Vcard => Vec::new(),
    };
    let state = Some((beginning, first));
    let pages = stream::unfold((call, context, state), move |(call, context, state)| async move {
        let (mut bytes, page) = state?;
        for contact in &page.items {
            write(&mut bytes, contact, format);
        }
        let next = match page.next_cursor.as_str() {
            "" => None,
            cursor => match read(&call, &context, cursor.to_owned()).await {
                Ok(page) => Some((Vec::new(), page)),
                // An export that ends early must not look whole.
                Err(problem) => return Some((Err(*problem.fault), (call, context, None))),
            },
        };
        Some((Ok::<_, Fault>(Bytes::from(bytes)), (call, context, next)))
    });
    let name = format!("attachment; filename=\"contacts.{}\"", format.ending());
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, format.media_type()))
        .insert_header((header::CONTENT_DISPOSITION, name))
        .streaming(Box::pin(pages)))
}

async fn read(call: &Call, context: &RequestContext, cursor: String) -> Result<api::ListContactsResponse, Problem> {
    let request = ListContactsRequest { cursor, limit: PAGE, sort: "created_at".to_owned(), ..Default::default() };
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_contacts(request).await }
    };
    let asked = context.clone().with_budget(PAGE_TIME).scope(idempotent(ask));
    Ok(asked.await?.into_inner())
}

fn write(bytes: &mut Vec<u8>, contact: &api::Contact, format: Format) {
    match format {
        Format::Csv => table::write(bytes, contact),
        Format::Vcard => vcard::write(bytes, contact),
        Format::Ndjson => {
            bytes.extend(serde_json::to_vec(&view(contact)).unwrap_or_default());
            bytes.push(b'\n');
        }
    }
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Imported {
    dry_run: bool,
    created: usize,
    updated: usize,
    unchanged: usize,
    refused: usize,
    rows: Vec<ImportedRow>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only described: the service names them")]
#[schemars(inline, rename_all = "snake_case")]
enum Changed {
    Name,
    Phone,
    Company,
    Tags,
    Metadata,
}

#[derive(JsonSchema, Serialize)]
struct ImportedRow {
    /// Counted from 1, without the line of headings.
    row: usize,
    #[schemars(extend("enum" = ["created", "updated", "unchanged", "refused"]))]
    action: &'static str,
    #[schemars(with = "Option<kind::Id>")]
    contact_id: Option<String>,
    /// The fields of a contact that is updated.
    #[schemars(with = "Vec<Changed>")]
    changed: Vec<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(crate) fn action(action: Action) -> &'static str {
    match action {
        Action::Created => "created",
        Action::Updated => "updated",
        Action::Unchanged => "unchanged",
        Action::Refused | Action::Unspecified => "refused",
    }
}

pub(super) async fn import(call: Call, body: Body) -> Answer {
    call.require(Role::Editor)?;
    let mut query = call.query()?;
    let dry_run = query.flag("dry_run");
    query.done()?;
    let kind = match () {
        () if body.is_csv() => Kind::Table,
        () if body.is_vcard() => Kind::Cards,
        () => {
            let fault = Fault::new(FaultKind::UnsupportedMediaType, "this call takes text/csv and text/vcard");
            return Err(fault.into());
        }
    };
    let bytes = body.bytes_within(LARGEST_FILE, FILE_TIME).await?;
    let idempotency = key(call.idempotency(&bytes)?);
    let done = bring_in(&call, read_rows(&bytes, Some(kind))?, dry_run, idempotency).await?;
    let outcomes = &done.outcomes;
    let count = |wanted: Action| outcomes.iter().filter(|o| o.action() == wanted).count();
    let imported = Imported {
        dry_run,
        created: count(Action::Created),
        updated: count(Action::Updated),
        unchanged: count(Action::Unchanged),
        refused: count(Action::Refused),
        rows: outcomes
            .iter()
            .enumerate()
            .map(|(index, outcome)| ImportedRow {
                row: index + 1,
                action: action(outcome.action()),
                contact_id: Some(outcome.contact_id.clone()).filter(|id| !id.is_empty()),
                changed: outcome.changed.clone(),
                detail: Some(outcome.detail.clone()).filter(|text| !text.is_empty()),
            })
            .collect(),
    };
    Ok(replayed(json(StatusCode::OK, &imported)?, done.replayed))
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    Cards,
}

/// The contacts of a file; what it is can be seen where it is not said.
pub(crate) fn read_rows(file: &[u8], kind: Option<Kind>) -> Result<Vec<CreateContactRequest>, Fault> {
    let text = std::str::from_utf8(file).map_err(|_| Fault::unprocessable("body", "is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let begins = text.trim_start().get(..11).unwrap_or_default();
    let kind = kind.unwrap_or(if begins.eq_ignore_ascii_case("BEGIN:VCARD") { Kind::Cards } else { Kind::Table });
    let rows = match kind {
        Kind::Table => table::read(text)?,
        Kind::Cards => vcard::read(text)?,
    };
    let size = |row: &CreateContactRequest| {
        let tags = row.tags.iter().map(|tag| tag.len() + 8).sum::<usize>();
        row.name.len() + row.email.len() + row.phone.len() + row.company.len() + row.metadata.len() + tags + 32
    };
    match rows.iter().map(size).sum::<usize>() {
        0..=LARGEST_ROWS => Ok(rows),
        _ => Err(Fault::new(FaultKind::TooLarge, "there is more than 3 MiB of text in the file")),
    }
}

/// Brings them in, or says what would happen; the pages do so, too.
pub(crate) async fn bring_in(
    call: &Call,
    rows: Vec<CreateContactRequest>,
    dry_run: bool,
    idempotency: Option<api::Idempotency>,
) -> Result<ImportContactsResponse, Problem> {
    let request = ImportContactsRequest { rows, dry_run, idempotency };
    // The same rows again change nothing.
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.import_contacts(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}
