//! The start page: search.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use chassis::grpc::idempotent;
use maud::{Markup, html};
use proto::documents::{Collection, Document, ListCollectionsRequest, ListDocumentsRequest, ListDocumentsResponse};

use super::{
    Page, first_run, library::thumbnail, may_edit, notice, page, results, results::Asked, saved, session::sign_in_form,
    uploads::upload_form,
};
use crate::{call::Call, problem::Problem, routes::search, words::Words};

/// Documents that are shown before anything is asked.
const NEWEST: i32 = 8;
const COLLECTIONS: i32 = 200;

pub(super) async fn home(call: Call) -> Page {
    let w = call.words();
    let mut query = call.query()?;
    let asked = Asked::read(&mut query);
    let only_results = query.flag("only_results");
    query.done()?;
    let (found, collections) = match asked.is_empty() {
        true => (None, Vec::new()),
        false => {
            let (found, collections) = tokio::join!(search::ask(&call, asked.request(w)), collections(&call));
            (Some(found), collections.unwrap_or_default())
        }
    };
    let status = match &found {
        Some(Err(problem)) => problem.status,
        _ => StatusCode::OK,
    };
    let shown = match &found {
        None if only_results => html! {},
        None => before(&call).await,
        Some(Ok(found)) => results::show(&call, &asked, found, &collections).await,
        Some(Err(problem)) => notice(w, Some(problem)),
    };
    if only_results {
        return Ok(HttpResponse::build(status)
            .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(shown.into_string()));
    }
    let stranger = call.context.identity.is_none();
    let content = html! {
        h1.quiet { (w.place_search()) }
        // Whoever has asked for nothing yet may have come to sign in.
        @if stranger && asked.is_empty() { (sign_in_form(&call, "", None, false)) }
        (search_form(w, &asked))
        // The place of the results: filled while one types.
        div #results { (shown) }
        p #said.unseen role="status" {}
        @if stranger && !asked.is_empty() { (sign_in_form(&call, "", None, false)) }
    };
    Ok(page(&call, status, w.place_search(), &content))
}

fn search_form(w: Words, asked: &Asked) -> Markup {
    html! {
        form.search #search action="/" method="get" role="search" {
            label for="q" { (w.search_label()) }
            input #q type="search" name="q" value=(asked.q) maxlength="500" autocomplete="off" spellcheck="false"
                placeholder=(w.search_hint());
            // What it is narrowed down to stays when other words are looked for.
            @for (name, value) in asked.kept() { input type="hidden" name=(name) value=(value); }
            button.primary type="submit" { (w.search()) }
        }
    }
}

/// What stands there before anything is asked.
async fn before(call: &Call) -> Markup {
    let w = call.words();
    let (newest, saved) = tokio::join!(newest(call), saved::list(call));
    let guide = match &newest {
        Ok(newest) => first_run::guide(call, newest.count.unwrap_or_default()).await,
        Err(_) => None,
    };
    html! {
        @if let Some(guide) = guide { (guide) }
        div.beside {
            @if !saved.is_empty() { (saved::section(w, &saved)) }
            section #recent hidden aria-labelledby="recent-heading" {
                h2 #recent-heading { (w.recent_searches()) }
                ul.plain {}
                p.quiet { (w.recent_kept_here()) " " button.link type="button" { (w.forget_recent()) } }
            }
        }
        @match &newest {
            Ok(newest) if newest.items.is_empty() => {}
            Ok(newest) => section aria-labelledby="newest" {
                h2 #newest { (w.newest_documents()) }
                ul.cards { @for document in &newest.items { li { (card(w, document)) } } }
            },
            Err(problem) => (notice(w, Some(problem))),
        }
        // The guide of an empty system has the form itself.
        @if may_edit(call) && !newest.is_ok_and(|newest| newest.items.is_empty()) { (upload_form(w, None, &[])) }
    }
}

/// A document as a card.
pub(super) fn card(w: Words, document: &Document) -> Markup {
    html! {
        article.card.document {
            (thumbnail(&document.id, 1, document.version))
            div {
                a href={ "/documents/" (document.id) } { (document.title) }
                p.quiet { (w.media_type(&document.media_type)) " · " (w.size(document.size)) }
            }
        }
    }
}

async fn newest(call: &Call) -> Result<ListDocumentsResponse, Problem> {
    let request = ListDocumentsRequest { limit: NEWEST, count: true, ..Default::default() };
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.list_documents(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

/// The collections that the caller may see.
pub(super) async fn collections(call: &Call) -> Result<Vec<Collection>, Problem> {
    let request = ListCollectionsRequest { limit: COLLECTIONS, ..Default::default() };
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.list_collections(request).await }
    };
    Ok(idempotent(ask).await?.into_inner().items)
}
