//! One document: how its pages look, what stands on them, what is known of it, and what can be done.

use actix_web::http::StatusCode;
use jiff::Timestamp;
use maud::{Markup, html};
use proto::documents::{Document, Tags, UpdateDocumentRequest};

use super::{Page, attached, document_parts as parts, home, links, may_edit, notice, page, see, shares, unlocking};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::{documents, upload},
    words::Words,
};

/// From then on it is said that reading takes long, in microseconds.
const LONG_AFTER: i64 = 10_000_000;

pub(super) async fn document(call: Call) -> Page {
    let mut query = call.query()?;
    let number = query.number("page", 1, i32::MAX).max(1);
    query.done()?;
    show(&call, number, None).await
}

/// The document, after something that could not be done with it.
pub(super) async fn show(call: &Call, number: i32, refused: Option<&Problem>) -> Page {
    let w = call.words();
    let document = documents::fetch(call).await?;
    let id = &document.id;
    let (text, attached, contacts, versions, history, collections, shares) = tokio::join!(
        text(call, &document, number),
        attached::family(call, &document),
        links::contacts(call, id),
        parts::versions(call),
        parts::history(call),
        home::collections(call),
        shares::section(call, &document),
    );
    let text = text?;
    let collections = collections.unwrap_or_default();
    let editor = may_edit(call);
    let status = refused.map_or(StatusCode::OK, |problem| problem.status);
    let content = html! {
        h1 { (document.title) }
        (notice(w, refused))
        p.quiet {
            (document.file_name) " · " (w.media_type(&document.media_type)) " · " (w.size(document.size))
            @if let Some(collection) = collections.iter().find(|c| c.id == document.collection_id) { " · " (collection.name) }
        }
        p #state data-document=(id) data-status=(documents::status_name(document.status)) role="status" aria-live="polite" {
            (state(w, &document))
        }
        (unlocking::notes(call, &document))
        @if let Some(at) = document.deleted_at { p.notice { (w.in_trash_since()) " " (w.time(at)) "." } }
        div.actions {
            a.button download href={ "/api/v1/documents/" (id) "/content" } { (w.download()) }
            @if editor { (actions(w, &document)) }
        }
        div.split {
            div {
                @if let Some(text) = &text { (sheet(w, &document, number, text)) }
            }
            div {
                @if let Some(insights) = &document.insights { (parts::about(w, insights)) }
                (attached)
                @if let Some(contacts) = contacts { (contacts) }
                @if let Some(shares) = shares { (shares) }
                // Further sections of a document stand here, each in a file of its own.
                @if editor && document.deleted_at.is_none() { (parts::edit(w, &document, &collections)) }
                (parts::of_versions(w, &document, versions, editor))
                (parts::of_history(w, history))
            }
        }
    };
    Ok(page(call, status, &document.title, &content))
}

/// Nothing to read before it has been read, nor when it could not be.
async fn text(call: &Call, document: &Document, number: i32) -> Result<Option<String>, Problem> {
    match document.page_count >= number {
        true => Ok(documents::pages(call, number).await?.pages.into_iter().next().map(|page| page.text)),
        false => Ok(None),
    }
}

/// A page as it looks, and its text.
fn sheet(w: Words, document: &Document, number: i32, text: &str) -> Markup {
    let id = &document.id;
    let picture = format!("/api/v1/documents/{id}/pages/{number}/picture?width=800&version={}", document.version);
    html! {
        section aria-labelledby="page" {
            h2 #page { (w.page_of_heading(number, document.page_count)) }
            @if document.page_count > 1 {
                nav.actions aria-label=(w.pages()) {
                    @if number > 1 { a.button rel="prev" href={ "/documents/" (id) "?page=" (number - 1) } { (w.previous()) } " " }
                    @if number < document.page_count { a.button rel="next" href={ "/documents/" (id) "?page=" (number + 1) } { (w.next()) } }
                }
            }
            p.look { img src=(picture) alt=(w.picture_of_page(number)) loading="lazy" decoding="async"; }
            h3 { (w.text_of_page()) }
            pre.text { (text) }
        }
    }
}

/// What may be done with it.
fn actions(w: Words, document: &Document) -> Markup {
    let id = &document.id;
    let button = |action: &str, words: &str| {
        html! { form action={ "/documents/" (id) "/" (action) } method="post" { button type="submit" { (words) } } }
    };
    html! {
        @match document.deleted_at {
            Some(_) => {
                (button("restore", w.restore()))
                details { summary { (w.remove_for_good()) } p { (w.cannot_be_undone()) } (button("purge", w.remove_for_good())) }
            }
            None => {
                (button("reprocess", w.read_again()))
                (button("trash", w.to_trash()))
            }
        }
    }
}

fn state(w: Words, document: &Document) -> String {
    match (documents::status_name(document.status), &document.failure) {
        ("failed", Some(failure)) => w.not_readable_because(w.failure(&failure.code, &failure.detail)),
        ("failed", None) => w.not_readable().to_owned(),
        ("ready", _) => w.ready_pages(document.page_count.into()),
        _ if Timestamp::now().as_microsecond() - document.updated_at > LONG_AFTER => w.being_read_long().to_owned(),
        _ => w.being_read().to_owned(),
    }
}

/// Another title, other tags, another collection.
pub(super) async fn change(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let (title, tags, collection) = (form.text("title"), form.text("tags"), form.get("collection_id"));
    form.done()?;
    let values = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    let request = UpdateDocumentRequest {
        id: call.part("id"),
        title: Some(title),
        tags: Some(Tags { values }),
        collection_id: collection,
        ..Default::default()
    };
    match call.state.documents.clone().update_document(request).await.map_err(Problem::from) {
        Ok(changed) => Ok(see(&format!("/documents/{}", changed.into_inner().id))),
        Err(problem) if problem.status.is_client_error() && may_edit(&call) => show(&call, 1, Some(&problem)).await,
        Err(problem) => Err(problem),
    }
}

/// A new version, by the plain form.
pub(super) async fn add_version(call: Call, body: Body) -> Page {
    let id = call.id("id", "document")?;
    match upload::receive(&call, body, id.to_string()).await {
        Ok(_) => Ok(see(&format!("/documents/{id}"))),
        Err(problem) if problem.status.is_client_error() && may_edit(&call) => show(&call, 1, Some(&problem)).await,
        Err(problem) => Err(problem),
    }
}
