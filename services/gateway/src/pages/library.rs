//! All documents, and the trash.

use actix_web::http::StatusCode;
use chassis::grpc::idempotent;
use maud::html;
use proto::documents::{
    ListDocumentsRequest, PurgeDocumentRequest, ReprocessDocumentRequest, RestoreDocumentRequest, TrashDocumentRequest,
};

use super::{Page, document::size, escaped, may_edit, page, see, time};
use crate::{
    call::Call,
    problem::Problem,
    routes::documents::{STATUS, status_name},
};

const DOCUMENTS: i32 = 50;
const ORDERS: [(&str, &str); 4] = [
    ("-created_at", "Newest first"),
    ("created_at", "Oldest first"),
    ("title", "By title"),
    ("-size", "Largest first"),
];

pub(super) async fn list(call: Call) -> Page {
    let mut query = call.query()?;
    let status = query.word("status", &STATUS);
    let (tag, sort, cursor) = (query.text("tag"), query.text("sort"), query.value("cursor"));
    let trashed = query.flag("trashed");
    query.done()?;
    let request = ListDocumentsRequest {
        status,
        tag: tag.clone(),
        trashed,
        cursor,
        limit: DOCUMENTS,
        sort: sort.clone(),
        count: true,
        ..Default::default()
    };
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.list_documents(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    let shown = STATUS.iter().find(|(_, number)| *number == status).map_or("", |(name, _)| name);
    let here = |cursor: &str| {
        let status = if shown.is_empty() { String::new() } else { format!("&status={shown}") };
        let cursor = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        format!("/documents?trashed={trashed}&tag={}&sort={}{status}{cursor}", escaped(&tag), escaped(&sort))
    };
    let title = if trashed { "Trash" } else { "All documents" };
    let content = html! {
        h1 { (title) }
        nav.tabs aria-label="Documents" {
            a href="/documents" aria-current=[(!trashed && shown.is_empty()).then_some("page")] { "All" } " "
            @for (name, words) in [("processing", "Being read"), ("failed", "Not readable")] {
                a href={ "/documents?status=" (name) } aria-current=[(shown == name).then_some("page")] { (words) } " "
            }
            @if may_edit(&call) {
                a href="/documents?trashed=true" aria-current=[trashed.then_some("page")] { "Trash" }
            }
        }
        form.inline action="/documents" method="get" {
            input type="hidden" name="trashed" value=(trashed);
            @if !shown.is_empty() { input type="hidden" name="status" value=(shown); }
            label for="sort" { "Order" }
            select #sort name="sort" {
                @for (value, words) in ORDERS { option value=(value) selected[value == sort] { (words) } }
            }
            label for="tag" { "Tag" }
            input #tag name="tag" value=(tag) maxlength="50" autocomplete="off";
            button type="submit" { "Show" }
        }
        p.quiet { @match found.count.unwrap_or_default() { 0 => "None.", 1 => "One document.", n => { (n) " documents." } } }
        table {
            thead { tr { th { "Title" } th { "Added" } th { "Pages" } th { "Size" } th { "State" } } }
            tbody {
                @for document in &found.items {
                    tr {
                        td {
                            a href={ "/documents/" (document.id) } { (document.title) }
                            @for tag in &document.tags { " " a.tag href={ "/documents?tag=" (escaped(tag)) } { (tag) } }
                        }
                        td { (time(document.created_at)) }
                        td { (document.page_count) }
                        td { (size(document.size)) }
                        td { (state(status_name(document.status))) }
                    }
                }
            }
        }
        @if !found.next_cursor.is_empty() { p { a href=(here(&found.next_cursor)) { "More" } } }
    };
    Ok(page(StatusCode::OK, title, call.context.identity.as_deref(), &content))
}

fn state(status: &str) -> &'static str {
    match status {
        "ready" => "Ready",
        "failed" => "Not readable",
        _ => "Being read",
    }
}

fn back(call: &Call) -> Page {
    Ok(see(&format!("/documents/{}", call.part("id"))))
}

pub(super) async fn trash(call: Call) -> Page {
    let request = TrashDocumentRequest { id: call.part("id"), if_revision: None };
    call.state.documents.clone().trash_document(request).await.map_err(Problem::from)?;
    back(&call)
}

pub(super) async fn restore(call: Call) -> Page {
    let request = RestoreDocumentRequest { id: call.part("id") };
    call.state.documents.clone().restore_document(request).await.map_err(Problem::from)?;
    back(&call)
}

pub(super) async fn reprocess(call: Call) -> Page {
    let request = ReprocessDocumentRequest { id: call.part("id") };
    call.state.documents.clone().reprocess_document(request).await.map_err(Problem::from)?;
    back(&call)
}

pub(super) async fn purge(call: Call) -> Page {
    let request = PurgeDocumentRequest { id: call.part("id") };
    call.state.documents.clone().purge_document(request).await.map_err(Problem::from)?;
    Ok(see("/documents?trashed=true"))
}
