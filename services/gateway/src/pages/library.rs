//! All documents, and the trash.

use actix_web::http::StatusCode;
use chassis::grpc::idempotent;
use maud::html;
use proto::documents::{
    ListDocumentsRequest, PurgeDocumentRequest, ReprocessDocumentRequest, RestoreDocumentRequest, TrashDocumentRequest,
};

use super::{Page, escaped, may_edit, page, see, tabs};
use crate::{
    call::Call,
    problem::Problem,
    routes::documents::{STATUS, status_name},
    words::{Word, Words},
};

const DOCUMENTS: i32 = 50;
const ORDERS: [(&str, Word); 4] = [
    ("-created_at", Words::newest_first),
    ("created_at", Words::oldest_first),
    ("title", Words::by_title),
    ("-size", Words::largest_first),
];

pub(super) async fn list(call: Call) -> Page {
    let w = call.words();
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
    let title = if trashed { w.trash() } else { w.place_documents() };
    let mut views = vec![
        ("/documents".to_owned(), w.filter_all(), !trashed && shown.is_empty()),
        ("/documents?status=processing".to_owned(), w.filter_reading(), shown == "processing"),
        ("/documents?status=failed".to_owned(), w.filter_failed(), shown == "failed"),
    ];
    if may_edit(&call) {
        views.push(("/documents?trashed=true".to_owned(), w.trash(), trashed));
    }
    let content = html! {
        h1 { (title) }
        (tabs(w.place_documents(), &views))
        form.inline action="/documents" method="get" {
            input type="hidden" name="trashed" value=(trashed);
            @if !shown.is_empty() { input type="hidden" name="status" value=(shown); }
            label {
                (w.order())
                select name="sort" {
                    @for (value, words) in ORDERS { option value=(value) selected[value == sort] { (words(w)) } }
                }
            }
            label { (w.tag()) input name="tag" value=(tag) maxlength="50" autocomplete="off"; }
            button type="submit" { (w.show()) }
        }
        p.quiet { @match found.count.unwrap_or_default() { 0 => (w.none()), n => (w.documents(n)) } }
        table.stack {
            thead { tr { th { (w.title()) } th { (w.added()) } th.number { (w.pages()) } th.number { (w.size_heading()) } th { (w.state()) } } }
            tbody {
                @for document in &found.items {
                    tr {
                        td {
                            a href={ "/documents/" (document.id) } { (document.title) }
                            @for tag in &document.tags { " " a.tag href={ "/documents?tag=" (escaped(tag)) } { (tag) } }
                        }
                        td data-label=(w.added()) { (w.time(document.created_at)) }
                        td.number data-label=(w.pages()) { (w.number(document.page_count.into())) }
                        td.number data-label=(w.size_heading()) { (w.size(document.size)) }
                        td data-label=(w.state()) { (state(w, status_name(document.status))) }
                    }
                }
            }
        }
        @if !found.next_cursor.is_empty() { p.more { a href=(here(&found.next_cursor)) { (w.more()) } } }
    };
    Ok(page(&call, StatusCode::OK, title, &content))
}

fn state(w: Words, status: &str) -> &'static str {
    match status {
        "ready" => w.state_ready(),
        "failed" => w.state_failed(),
        _ => w.state_reading(),
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
