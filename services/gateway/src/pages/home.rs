use actix_web::http::StatusCode;
use maud::{Markup, html};
use proto::search as api;

use super::{Page, escaped, may_edit, notice, page, see};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::{documents, search, session, upload},
};

/// Hits on a page of results.
const HITS: i32 = 20;

pub(super) async fn home(call: Call) -> Page {
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
        h1.quiet { "Documents" }
        @if !signed_in { (sign_in_form("", None, false)) }
        (search_form(&q))
        div #results aria-live="polite" {
            (notice(trouble.as_ref()))
            @if let Some(found) = &found { (hits(found, &q, offset)) }
        }
        @if may_edit(&call) { (upload_form(None)) }
    };
    Ok(page(status, "Documents", call.context.identity.as_deref(), &content))
}

fn search_form(q: &str) -> Markup {
    html! {
        form.search action="/" method="get" role="search" id="search" {
            label for="q" { "Search" }
            input #q type="search" name="q" value=(q) maxlength="500" autocomplete="off" spellcheck="false"
                placeholder="words, \"an exact phrase\", -without";
            button type="submit" { "Search" }
        }
    }
}

fn hits(found: &api::QueryResponse, q: &str, offset: i32) -> Markup {
    let next = offset + HITS;
    html! {
        p.quiet {
            @match found.estimated_total { 0 => "Nothing found.", 1 => "One document.", n => { "About " (n) " documents." } }
            @if found.degraded { " The search engine is away; these come from the database." }
        }
        ol.hits {
            @for hit in &found.hits {
                li {
                    a href={ "/documents/" (hit.document_id) "?page=" (hit.page) } { (hit.title) }
                    span.quiet { " page " (hit.page) " of " (hit.page_count) }
                    p { (snippet(&hit.snippet, &hit.ranges)) }
                }
            }
        }
        @if i64::from(next) < found.estimated_total && next <= 1000 {
            p { a href={ "/?q=" (escaped(q)) "&offset=" (next) } { "More" } }
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

fn upload_form(trouble: Option<&Problem>) -> Markup {
    html! {
        section aria-labelledby="add" {
            h2 #add { "Add a document" }
            (notice(trouble))
            form #upload action="/upload" method="post" enctype="multipart/form-data" {
                label for="file" { "Choose a file, or drop it here" }
                input #file type="file" name="file" required;
                button type="submit" { "Upload" }
            }
            ul #uploads role="status" aria-live="polite" {}
        }
    }
}

fn sign_in_form(email: &str, trouble: Option<&Problem>, coded: bool) -> Markup {
    html! {
        section.sign-in aria-labelledby="sign-in" {
            h2 #sign-in { "Sign in" }
            (notice(trouble))
            form action="/sign-in" method="post" {
                label for="email" { "E-mail address" }
                input #email type="email" name="email" value=(email) required autocomplete="username";
                label for="password" { "Password" }
                input #password type="password" name="password" required autocomplete="current-password";
                @if coded {
                    label for="totp" { "Code of your authenticator app, or a recovery code" }
                    input #totp name="totp" required autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="40";
                }
                button type="submit" { "Sign in" }
            }
        }
    }
}

pub(super) async fn to_home(_: Call) -> Page {
    Ok(see("/"))
}

pub(super) async fn sign_in(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let (email, password, code) = (form.text("email"), form.text("password"), form.text("totp"));
    form.done()?;
    match session::sign_in(&call, &email, password, Some(&code)).await {
        Ok((_, cookie)) => {
            let mut response = see("/");
            response.add_cookie(&cookie).map_err(chassis::Fault::internal)?;
            Ok(response)
        }
        Err(problem) => {
            let coded = !code.is_empty() || problem.slug().starts_with("totp-");
            let content = html! { h1 { "Dossier" } (sign_in_form(&email, Some(&problem), coded)) };
            let mut response = page(problem.status, "Sign in", None, &content);
            // How long to wait, mostly.
            for (name, value) in problem.head().finish().headers() {
                response.headers_mut().insert(name.clone(), value.clone());
            }
            Ok(response)
        }
    }
}

pub(super) async fn sign_out(call: Call) -> Page {
    let cookie = session::sign_out(&call).await?;
    let mut response = see("/");
    response.add_cookie(&cookie).map_err(chassis::Fault::internal)?;
    Ok(response)
}

pub(super) async fn upload(call: Call, body: Body) -> Page {
    match upload::receive(&call, body, String::new()).await {
        Ok(api_answer) => match &api_answer.document {
            Some(document) => Ok(documents::see(document)),
            None => Err(chassis::Fault::internal("an upload was answered without its document").into()),
        },
        Err(problem) if problem.status.is_client_error() && call.context.identity.is_some() => {
            let content = html! { h1 { "Not uploaded" } (upload_form(Some(&problem))) };
            Ok(page(problem.status, "Not uploaded", call.context.identity.as_deref(), &content))
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
