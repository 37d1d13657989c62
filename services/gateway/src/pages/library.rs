//! All documents, as a list or a grid, and what is done with many of them at once; the trash.

use actix_web::http::StatusCode;
use chassis::grpc::idempotent;
use maud::{Markup, html};
use proto::documents::{
    Collection, Document, ListDocumentsRequest, ListDocumentsResponse, PurgeDocumentRequest, ReprocessDocumentRequest,
    RestoreDocumentRequest, TrashDocumentRequest,
};

use super::{Page, address, bulk, empty, home, may_edit, page, see, tabs, uploads::upload_form};
use crate::{
    call::Call,
    problem::Problem,
    query::Query,
    routes::documents::{STATUS, status_name},
    words::{Word, Words},
};

const DOCUMENTS: i32 = 50;
const ORDERS: [(&str, Word); 5] = [
    ("-created_at", Words::newest_first),
    ("created_at", Words::oldest_first),
    ("title", Words::by_title),
    ("-size", Words::largest_first),
    ("-updated_at", Words::changed_last),
];
/// The kinds that one may filter by: one type stands for each.
const TYPES: [&str; 6] = [
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "message/rfc822",
    "image/jpeg",
    "text/plain",
];

/// Which documents, and how, as the address says it.
#[derive(Clone, Debug, Default)]
struct Asked {
    status: &'static str,
    tag: String,
    collection_id: String,
    media_type: String,
    sort: String,
    trashed: bool,
    grid: bool,
}

impl Asked {
    fn read(query: &mut Query) -> Self {
        let status = query.word("status", &STATUS);
        Self {
            status: STATUS.iter().find(|(_, number)| *number == status).map_or("", |(name, _)| name),
            tag: query.text("tag"),
            collection_id: query.text("collection_id"),
            media_type: query.text("media_type"),
            sort: query.text("sort"),
            trashed: query.flag("trashed"),
            grid: query.word("view", &[("list", 0), ("grid", 1)]) == 1,
        }
    }

    fn request(&self, cursor: String) -> ListDocumentsRequest {
        ListDocumentsRequest {
            status: STATUS.iter().find(|(name, _)| *name == self.status).map_or(0, |(_, number)| *number),
            tag: self.tag.clone(),
            collection_id: self.collection_id.clone(),
            media_type: self.media_type.clone(),
            trashed: self.trashed,
            cursor,
            limit: DOCUMENTS,
            sort: self.sort.clone(),
            count: true,
            ..Default::default()
        }
    }

    fn address(&self, cursor: &str) -> String {
        let flag = |set: bool, word: &'static str| if set { word } else { "" };
        let fields = [
            ("status", self.status),
            ("tag", self.tag.as_str()),
            ("collection_id", &self.collection_id),
            ("media_type", &self.media_type),
            ("sort", &self.sort),
            ("trashed", flag(self.trashed, "true")),
            ("view", flag(self.grid, "grid")),
            ("cursor", cursor),
        ];
        address("/documents", fields)
    }

    /// Whether it is all of them.
    fn is_whole(&self) -> bool {
        self.tag.is_empty()
            && self.collection_id.is_empty()
            && self.media_type.is_empty()
            && self.status.is_empty()
            && !self.trashed
    }
}

pub(super) async fn list(call: Call) -> Page {
    let w = call.words();
    let mut query = call.query()?;
    let (asked, cursor) = (Asked::read(&mut query), query.value("cursor"));
    let done = query.text("done");
    query.done()?;
    let (found, collections) = tokio::join!(find(&call, asked.request(cursor)), home::collections(&call));
    let (found, collections) = (found?, collections.unwrap_or_default());
    let editor = may_edit(&call);
    let title = if asked.trashed { w.trash() } else { w.place_documents() };
    let content = html! {
        h1 { (title) }
        @if let Ok(n) = done.parse() { p.told role="status" { (w.done_with(n)) } }
        (tabs(w.place_documents(), &views(w, &asked, editor)))
        @if !found.items.is_empty() || !asked.is_whole() { (filters(w, &asked, &collections)) }
        @if found.items.is_empty() {
            (nothing(w, &asked, editor))
        } @else {
            p.quiet { (w.documents(found.count.unwrap_or_default())) }
            @if editor { (bulk::form(w, &asked.address(""), asked.trashed, &collections)) }
            @if asked.grid { (grid(w, &found.items, editor)) } @else { (table(w, &found.items, editor)) }
            @if !found.next_cursor.is_empty() { p.more { a rel="next" href=(asked.address(&found.next_cursor)) { (w.more()) } } }
        }
        @if editor && !asked.trashed { (upload_form(w, None, &collections)) }
    };
    Ok(page(&call, StatusCode::OK, title, &content))
}

async fn find(call: &Call, request: ListDocumentsRequest) -> Result<ListDocumentsResponse, Problem> {
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.list_documents(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

fn views(w: Words, asked: &Asked, editor: bool) -> Vec<(String, &'static str, bool)> {
    let plain = Asked { status: "", trashed: false, ..asked.clone() };
    let by = |status| Asked { status, ..plain.clone() }.address("");
    let mut views = vec![
        (by(""), w.filter_all(), !asked.trashed && asked.status.is_empty()),
        (by("processing"), w.filter_reading(), asked.status == "processing"),
        (by("failed"), w.filter_failed(), asked.status == "failed"),
    ];
    if editor {
        views.push((Asked { trashed: true, ..plain }.address(""), w.trash(), asked.trashed));
    }
    views
}

fn filters(w: Words, asked: &Asked, collections: &[Collection]) -> Markup {
    let other = Asked { grid: !asked.grid, ..asked.clone() };
    html! {
        form.inline.filters action="/documents" method="get" {
            @if asked.trashed { input type="hidden" name="trashed" value="true"; }
            @if asked.grid { input type="hidden" name="view" value="grid"; }
            @if !asked.status.is_empty() { input type="hidden" name="status" value=(asked.status); }
            label {
                (w.order())
                select name="sort" {
                    @for (value, words) in ORDERS { option value=(value) selected[value == asked.sort] { (words(w)) } }
                }
            }
            @if collections.len() > 1 {
                label {
                    (w.facet_collection())
                    select name="collection_id" {
                        option value="" { (w.filter_all()) }
                        @for collection in collections {
                            option value=(collection.id) selected[collection.id == asked.collection_id] { (collection.name) }
                        }
                    }
                }
            }
            label {
                (w.facet_type())
                select name="media_type" {
                    option value="" { (w.filter_all()) }
                    @for kind in TYPES { option value=(kind) selected[kind == asked.media_type] { (w.media_type(kind)) } }
                    @if !asked.media_type.is_empty() && !TYPES.contains(&asked.media_type.as_str()) {
                        option value=(asked.media_type) selected { (asked.media_type) }
                    }
                }
            }
            label { (w.tag()) input name="tag" value=(asked.tag) maxlength="50" autocomplete="off"; }
            button type="submit" { (w.show()) }
            a.button href=(other.address("")) { (if asked.grid { w.as_list() } else { w.as_grid() }) }
        }
    }
}

fn nothing(w: Words, asked: &Asked, editor: bool) -> Markup {
    match asked {
        Asked { trashed: true, .. } => empty(w.trash_empty(), &html! { p.quiet { (w.trash_how()) } }),
        asked if asked.is_whole() && editor => empty(w.no_documents_yet(), &html! { p { (w.step_document_how()) } }),
        asked if asked.is_whole() => empty(w.no_documents_yet(), &html! {}),
        _ => empty(w.no_documents_like_that(), &html! { p { a href="/documents" { (w.show_all()) } } }),
    }
}

/// A page as it looks, small; without one, the drawing of a sheet.
pub(super) fn thumbnail(id: &str, page: i32, version: i32) -> Markup {
    html! {
        span.thumb { img src={ "/api/v1/documents/" (id) "/pages/" (page) "/picture?width=200&version=" (version) } alt="" loading="lazy" decoding="async"; }
    }
}

fn tick(w: Words, document: &Document) -> Markup {
    html! { input type="checkbox" name="ids" value=(document.id) form="bulk" aria-label=(w.choose_document(&document.title)); }
}

fn title(document: &Document) -> Markup {
    html! {
        a href={ "/documents/" (document.id) } { (document.title) }
        @for tag in &document.tags { " " a.tag href=(address("/documents", [("tag", tag.as_str())])) { (tag) } }
    }
}

fn table(w: Words, documents: &[Document], editor: bool) -> Markup {
    html! {
        table.stack {
            thead {
                tr {
                    @if editor { th { span.unseen { (w.choose()) } } }
                    th { (w.title()) } th { (w.added()) } th.number { (w.pages()) } th.number { (w.size_heading()) } th { (w.state()) }
                }
            }
            tbody {
                @for document in documents {
                    tr {
                        @if editor { td { (tick(w, document)) } }
                        td { (title(document)) }
                        td data-label=(w.added()) { (w.time(document.created_at)) }
                        td.number data-label=(w.pages()) { (w.number(document.page_count.into())) }
                        td.number data-label=(w.size_heading()) { (w.size(document.size)) }
                        td data-label=(w.state()) { (state(w, status_name(document.status))) }
                    }
                }
            }
        }
    }
}

fn grid(w: Words, documents: &[Document], editor: bool) -> Markup {
    html! {
        ul.cards {
            @for document in documents {
                li.card.document {
                    (thumbnail(&document.id, 1, document.version))
                    div {
                        @if editor { (tick(w, document)) " " }
                        (title(document))
                        p.quiet { (w.media_type(&document.media_type)) " · " (w.size(document.size)) }
                        @if status_name(document.status) != "ready" { (state(w, status_name(document.status))) }
                    }
                }
            }
        }
    }
}

/// The state as a badge.
pub(super) fn state(w: Words, status: &str) -> Markup {
    match status {
        "ready" => html! { span.badge.good { (w.state_ready()) } },
        "failed" => html! { span.badge.bad { (w.state_failed()) } },
        _ => html! { span.badge.busy { (w.state_reading()) } },
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
