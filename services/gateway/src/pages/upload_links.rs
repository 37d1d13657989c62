//! Links by which a contact hands in documents: where they are made, and what whoever has one sees.

use actix_web::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use pg::PageRequest;
use proto::documents::Collection;
use uuid::Uuid;

use super::{
    Page, home, may_edit, notice, page, see,
    shares::{gone, quietly, shown_once},
};
use crate::{
    call::{Body, Call},
    routes::upload_links::{self, New, Receipt},
    store::{OpenUploadLink, UploadLink},
    words::Words,
};

const SHOWN: i32 = 100;
/// Days after which a link ends, as the form offers them.
const DAYS: [i64; 4] = [30, 7, 90, 366];

/// The links of a contact and the form for a new one, for whoever may make one.
pub(super) async fn section(call: &Call, contact: &str) -> Option<Markup> {
    if !may_edit(call) {
        return None;
    }
    let (w, id) = (call.words(), contact.parse::<Uuid>().ok()?);
    let links = upload_links::of_contact(call, id, &PageRequest::parse("", SHOWN).ok()?).await;
    let collections = home::collections(call).await.unwrap_or_default();
    Some(html! {
        section aria-labelledby="ask" {
            h2 #ask { (w.ask_for_documents()) }
            @match &links {
                Err(problem) => (notice(w, Some(problem))),
                Ok((links, _)) => (list(w, links)),
            }
            details {
                summary { (w.make_link()) }
                (form(w, contact, &collections))
            }
        }
    })
}

fn list(w: Words, links: &[UploadLink]) -> Markup {
    let now = Timestamp::now();
    html! {
        ul.plain {
            @for link in links {
                li {
                    span {
                        (w.made_on()) " " (w.time(link.created_at.as_microsecond())) ", "
                        @if link.expires_at <= now { (w.has_ended()) }
                        @else { (w.ends_on()) " " (w.time(link.expires_at.as_microsecond())) }
                        @if !link.note.is_empty() { ": " (link.note) }
                    }
                    p.quiet { (w.files_of(w.number(link.files.into()), w.number(link.max_files.into()))) }
                    form action={ "/upload-links/" (link.id) } method="post" { button type="submit" { (w.end_link()) } }
                }
            }
        }
    }
}

fn form(w: Words, contact: &str, collections: &[Collection]) -> Markup {
    html! {
        form.fields action={ "/contacts/" (contact) "/upload-links" } method="post" {
            p.hint { (w.ask_about()) }
            label for="ask-note" { (w.ask_note()) }
            input #ask-note name="note" maxlength="500" autocomplete="off";
            label for="ask-days" { (w.share_ends()) }
            select #ask-days name="days" { @for days in DAYS { option value=(days) { (w.in_days(days)) } } }
            label for="ask-files" { (w.ask_files()) }
            input #ask-files type="number" name="max_files" value="20" min="1" max="500" required;
            @if !collections.is_empty() {
                label for="ask-collection" { (w.ask_collection()) }
                select #ask-collection name="collection_id" {
                    option value="" { (w.ask_first_collection()) }
                    @for collection in collections { option value=(collection.id) { (collection.name) } }
                }
            }
            button type="submit" { (w.make_link()) }
        }
    }
}

/// Not redirected: the address is shown this once.
pub(super) async fn create(call: Call, body: Body) -> Page {
    let mut sent = body.form().await?;
    let days = i64::from(sent.number("days", 1, 366));
    // The last day allowed is counted to the second.
    let expires_at = (days > 0).then(|| Timestamp::now() + SignedDuration::from_secs(86_400 * days - 60));
    let new = New {
        collection_id: sent.text("collection_id").parse().ok(),
        expires_at,
        max_files: Some(sent.number("max_files", 1, 500)).filter(|n| *n > 0),
        note: Some(sent.text("note")),
    };
    sent.done()?;
    let made = upload_links::make(&call, new).await;
    let w = call.words();
    let back = (format!("/contacts/{}", call.part("id")), w.back_to_contact());
    shown_once(&call, made.map(|made| made.url), back)
}

pub(super) async fn revoke(call: Call) -> Page {
    let contact = upload_links::revoke(&call).await?;
    Ok(see(&format!("/contacts/{contact}")))
}

/// The form that a contact sees.
pub(super) async fn show(call: Call) -> Page {
    Ok(match upload_links::follow(&call).await? {
        Some(open) => asking(&call, &open, StatusCode::OK, None),
        None => gone(&call),
    })
}

fn asking(call: &Call, open: &OpenUploadLink, status: StatusCode, wrong: Option<&str>) -> actix_web::HttpResponse {
    let (w, link) = (call.words(), &open.link);
    let left = i64::from(link.max_files - link.files);
    let largest = i64::try_from(call.state.shared.upload_link_max_bytes).unwrap_or(i64::MAX);
    let content = html! {
        h1 { (w.hand_in()) }
        p { (w.asks_you(&open.asked_by)) }
        @if !link.note.is_empty() { p.message { (link.note) } }
        @if left == 0 {
            p.told { (w.all_handed_in()) }
        } @else {
            p.quiet { (w.open_until()) " " (w.time(link.expires_at.as_microsecond())) "." }
            @if let Some(wrong) = wrong { p.notice role="alert" { (wrong) } }
            form.fields #hand-in action={ "/u/" (call.part("token")) } method="post" enctype="multipart/form-data" {
                // Tells a form that is sent twice from two forms; it must come before the files.
                input type="hidden" name="once" value=(Uuid::new_v4());
                label for="files" { (w.choose_files()) }
                input #files type="file" name="file" multiple required;
                p.hint { (w.files_left(left)) ", " (w.largest_file(w.size(largest))) }
                button.primary type="submit" { (w.send_files()) }
            }
        }
    };
    quietly(page(call, status, w.hand_in(), &content))
}

/// Takes what was chosen and shows what became of it.
pub(super) async fn receive(call: Call, body: Body) -> Page {
    let Some(open) = upload_links::follow(&call).await? else { return Ok(gone(&call)) };
    let receipts = Box::pin(upload_links::receive(&call, &open, body)).await?;
    if receipts.is_empty() {
        return Ok(asking(&call, &open, StatusCode::BAD_REQUEST, Some(call.words().choose_one())));
    }
    Ok(receipt(&call, &receipts))
}

fn receipt(call: &Call, receipts: &[Receipt]) -> actix_web::HttpResponse {
    let w = call.words();
    let first_refusal = receipts.iter().find_map(|receipt| receipt.outcome.as_ref().err());
    let taken = receipts.iter().filter(|receipt| receipt.outcome.is_ok()).count();
    let status = match first_refusal {
        Some(problem) if taken == 0 => problem.status,
        _ => StatusCode::CREATED,
    };
    let content = html! {
        h1 { (w.receipt()) }
        @if taken > 0 {
            p.told role="status" { (w.receipt_about()) }
            table.stack #receipt {
                thead { tr { th { (w.name()) } th { (w.file_size()) } th { "SHA-256" } } }
                tbody {
                    @for receipt in receipts {
                        @if let Ok(file) = &receipt.outcome {
                            tr {
                                td { (receipt.name) }
                                td.number data-label=(w.file_size()) { (w.size(file.size)) }
                                td data-label="SHA-256" { code { (file.sha256) } }
                            }
                        }
                    }
                }
            }
        }
        @if taken < receipts.len() {
            div.notice role="alert" {
                p { (w.not_taken()) }
                ul {
                    @for receipt in receipts {
                        @if let Err(problem) = &receipt.outcome { li { (receipt.name) ": " (w.problem(problem)) } }
                    }
                }
            }
        }
        p { a href={ "/u/" (call.part("token")) } { (w.hand_in_more()) } }
    };
    quietly(page(call, status, w.receipt(), &content))
}
