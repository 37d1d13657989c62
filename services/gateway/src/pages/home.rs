use actix_web::http::StatusCode;
use maud::{Markup, html};
use proto::search as api;

use super::{Page, escaped, may_edit, notice, page, session::sign_in_form};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::{documents, search, upload},
    words::Words,
};

/// Hits on a page of results.
const HITS: i32 = 20;

pub(super) async fn home(call: Call) -> Page {
    let w = call.words();
    let mut query = call.query()?;
    let (q, offset) = (query.text("q"), query.number("offset", 0, 1000));
    query.done()?;
    let found = match q.trim().is_empty() {
        true => None,
        false => {
            let request = api::QueryRequest { q: q.clone(), limit: HITS, offset, ..Default::default() };
            Some(search::ask(&call, request).await)
        }
    };
    let (found, trouble) = match found {
        Some(Ok(found)) => (Some(found), None),
        Some(Err(problem)) => (None, Some(problem)),
        None => (None, None),
    };
    let status = trouble.as_ref().map_or(StatusCode::OK, |problem| problem.status);
    let signed_in = call.context.identity.is_some();
    let content = html! {
        h1.quiet { (w.place_search()) }
        @if !signed_in { (sign_in_form(w, "", None, false)) }
        (search_form(w, &q))
        div #results aria-live="polite" {
            (notice(w, trouble.as_ref()))
            @if let Some(found) = &found { (hits(w, found, &q, offset)) }
        }
        @if may_edit(&call) { (upload_form(w, None)) }
    };
    Ok(page(&call, status, w.place_search(), &content))
}

fn search_form(w: Words, q: &str) -> Markup {
    html! {
        form.search action="/" method="get" role="search" id="search" {
            label for="q" { (w.search()) }
            input #q type="search" name="q" value=(q) maxlength="500" autocomplete="off" spellcheck="false"
                placeholder=(w.search_hint());
            button type="submit" { (w.search()) }
        }
    }
}

fn hits(w: Words, found: &api::QueryResponse, q: &str, offset: i32) -> Markup {
    let next = offset + HITS;
    html! {
        p.quiet {
            @match found.estimated_total { 0 => (w.nothing_found()), n => (w.documents_found(n)) }
            @if found.degraded { " " (w.search_degraded()) }
        }
        ol.hits {
            @for hit in &found.hits {
                li {
                    a href={ "/documents/" (hit.document_id) "?page=" (hit.page) } { (hit.title) }
                    span.quiet { " " (w.page_of(hit.page, hit.page_count)) }
                    p { (snippet(&hit.snippet, &hit.ranges)) }
                }
            }
        }
        @if i64::from(next) < found.estimated_total && next <= 1000 {
            p.more { a href={ "/?q=" (escaped(q)) "&offset=" (next) } { (w.more()) } }
        }
    }
}

/// Plain text with the characters of `ranges` marked.
pub(super) fn snippet(text: &str, ranges: &[api::Range]) -> Markup {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for (index, c) in text.chars().enumerate() {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        let marked = ranges.iter().any(|r| (r.start..r.end).contains(&index));
        match parts.last_mut() {
            Some((same, part)) if *same == marked => part.push(c),
            _ => parts.push((marked, c.to_string())),
        }
    }
    html! {
        @for (marked, part) in &parts {
            @if *marked { mark { (part) } } @else { (part) }
        }
    }
}

fn upload_form(w: Words, trouble: Option<&Problem>) -> Markup {
    html! {
        section aria-labelledby="add" {
            h2 #add { (w.add_document()) }
            (notice(w, trouble))
            form #upload action="/upload" method="post" enctype="multipart/form-data" {
                label for="file" { (w.choose_file()) }
                input #file type="file" name="file" required;
                button type="submit" { (w.upload()) }
            }
            ul #uploads role="status" aria-live="polite" {}
        }
    }
}

pub(super) async fn upload(call: Call, body: Body) -> Page {
    match upload::receive(&call, body, String::new()).await {
        Ok(api_answer) => match &api_answer.document {
            Some(document) => Ok(documents::see(document)),
            None => Err(chassis::Fault::internal("an upload was answered without its document").into()),
        },
        Err(problem) if problem.status.is_client_error() && call.context.identity.is_some() => {
            let w = call.words();
            let content = html! { h1 { (w.not_uploaded()) } (upload_form(w, Some(&problem))) };
            Ok(page(&call, problem.status, w.not_uploaded(), &content))
        }
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_document_never_becomes_markup() {
        let ranges = [api::Range { start: 2, end: 4 }];
        assert_eq!(snippet("aé<b>c", &ranges).into_string(), "aé<mark>&lt;b</mark>&gt;c");
    }
}
