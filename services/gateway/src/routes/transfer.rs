//! Contacts in and out, as files that spreadsheets and programs read.

use std::{collections::BTreeMap, time::Duration};

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

use super::contacts::view;
use crate::{
    call::{Body, Call, json},
    openapi::kind,
    problem::{Answer, Problem},
};

const PAGE: i32 = 200;
/// For one page of an export; the whole takes as long as its reader.
const PAGE_TIME: Duration = Duration::from_secs(10);
const COLUMNS: [&str; 9] = ["id", "name", "email", "phone", "company", "tags", "metadata", "created_at", "updated_at"];
/// What spreadsheets take for the beginning of a formula (OWASP, CSV injection).
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
}

/// All contacts, a page of them at a time, never held whole.
pub(super) async fn export(call: Call) -> Answer {
    call.require(Role::Viewer)?;
    let mut query = call.query()?;
    let format = match query.word("format", &[("csv", 1), ("ndjson", 2)]) {
        2 => Format::Ndjson,
        _ => Format::Csv,
    };
    query.done()?;
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(PAGE_TIME));
    // The first page is read before the head is sent, so that what is wrong has a status.
    let first = read(&call, &context, String::new()).await?;
    let beginning = match format {
        Format::Csv => line(COLUMNS),
        Format::Ndjson => Vec::new(),
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
    let (media_type, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "contacts.csv"),
        Format::Ndjson => ("application/x-ndjson", "contacts.ndjson"),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
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
        Format::Ndjson => {
            bytes.extend(serde_json::to_vec(&view(contact)).unwrap_or_default());
            bytes.push(b'\n');
        }
        Format::Csv => {
            let time = |micros| jiff::Timestamp::from_microsecond(micros).map(|t| t.to_string()).unwrap_or_default();
            let fields = [
                contact.id.clone(),
                harmless(&contact.name),
                harmless(&contact.email),
                harmless(&contact.phone),
                harmless(&contact.company),
                harmless(&contact.tags.join(", ")),
                contact.metadata.clone(),
                time(contact.created_at),
                time(contact.updated_at),
            ];
            bytes.extend(line(fields));
        }
    }
}

fn line<S: AsRef<[u8]>>(fields: impl IntoIterator<Item = S>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(fields);
    writer.into_inner().unwrap_or_default()
}

/// A text that a spreadsheet does not run; [`plain`] takes the sign away again.
fn harmless(text: &str) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
}

fn plain(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA)).unwrap_or(text)
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

#[derive(JsonSchema, Serialize)]
struct ImportedRow {
    /// Counted from 1, without the line of headings.
    row: usize,
    #[schemars(extend("enum" = ["created", "updated", "unchanged", "refused"]))]
    action: &'static str,
    #[schemars(with = "Option<kind::Id>")]
    contact_id: Option<String>,
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
    if !body.is_csv() {
        return Err(Fault::new(FaultKind::UnsupportedMediaType, "this call takes text/csv").into());
    }
    let outcomes = bring_in(&call, &body.bytes().await?, dry_run).await?.outcomes;
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
                detail: Some(outcome.detail.clone()).filter(|text| !text.is_empty()),
            })
            .collect(),
    };
    json(StatusCode::OK, &imported)
}

/// The contacts of a CSV file; the pages bring them in, too.
pub(crate) async fn bring_in(call: &Call, file: &[u8], dry_run: bool) -> Result<ImportContactsResponse, Problem> {
    let request = ImportContactsRequest { rows: parse(file)?, dry_run };
    // The same rows again change nothing.
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.import_contacts(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

/// Rows of CSV with a line of headings. Columns that are no field of a contact become metadata.
fn parse(file: &[u8]) -> Result<Vec<CreateContactRequest>, Fault> {
    let text = std::str::from_utf8(file).map_err(|_| Fault::unprocessable("body", "is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let headings = text.lines().next().unwrap_or_default();
    let delimiter = [b';', b'\t', b','].into_iter().max_by_key(|d| headings.bytes().filter(|b| b == d).count());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let wrong = |error: csv::Error| Fault::unprocessable("body", format!("is not well-formed CSV: {error}"));
    let headings: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
    if !headings.iter().any(|heading| field(heading) == Some("email")) {
        return Err(Fault::unprocessable("body", "has no column “email” in its first line"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(contact(&headings, &record.map_err(wrong)?)?);
    }
    Ok(rows)
}

/// The field of a contact that a heading names, in English or German.
fn field(heading: &str) -> Option<&'static str> {
    Some(match heading.to_lowercase().as_str() {
        "name" => "name",
        "email" | "e-mail" | "mail" | "email address" | "e-mail address" | "e-mail-adresse" => "email",
        "phone" | "telephone" | "tel" | "telefon" => "phone",
        "company" | "organisation" | "organization" | "firma" => "company",
        "tags" | "schlagwörter" => "tags",
        "metadata" => "metadata",
        "id" | "created_at" | "updated_at" => "ignored",
        _ => return None,
    })
}

fn contact(headings: &[String], record: &csv::StringRecord) -> Result<CreateContactRequest, Fault> {
    let mut row = CreateContactRequest::default();
    let mut more: BTreeMap<&str, serde_json::Value> = BTreeMap::new();
    for (heading, value) in headings.iter().zip(record) {
        let value = plain(value).to_owned();
        match field(heading) {
            Some("name") => row.name = value,
            Some("email") => row.email = value,
            Some("phone") => row.phone = value,
            Some("company") => row.company = value,
            Some("tags") => {
                row.tags = value.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
            }
            Some("metadata") => row.metadata = value,
            Some(_) => {}
            None if value.is_empty() => {}
            None => drop(more.insert(heading, value.into())),
        }
    }
    if row.name.is_empty() {
        row.name.clone_from(&row.email);
    }
    if row.metadata.is_empty() && !more.is_empty() {
        row.metadata = serde_json::to_string(&more).map_err(Fault::internal)?;
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_spreadsheet_is_read_whatever_its_separator() {
        let rows =
            parse("\u{feff}Name;E-Mail;Telefon;Tags;Ort\r\n\"Weber; Söhne\";w@x.ch;'+41 1;a, b;Bern\r\n".as_bytes())
                .unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].name.as_str(), rows[0].phone.as_str()), ("Weber; Söhne", "+41 1"));
        assert_eq!((rows[0].tags.join("|"), rows[0].metadata.as_str()), ("a|b".to_owned(), r#"{"Ort":"Bern"}"#));
        assert!(parse(b"name,phone\nA,1\n").is_err());
        assert!(parse(b"name,email\nA\n").is_err());
        assert!(parse(b"email\n\xff\n").is_err());
    }

    #[test]
    fn what_is_exported_is_no_formula_and_comes_back_the_same() {
        let contact_out =
            api::Contact { name: "=1+1".into(), email: "a@b.ch".into(), metadata: "{}".into(), ..Default::default() };
        let mut bytes = line(COLUMNS);
        write(&mut bytes, &contact_out, Format::Csv);
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(",'=1+1,") && !text.contains(",=1+1"), "{text}");
        assert_eq!(parse(&bytes).unwrap()[0].name, "=1+1");
    }
}
