//! The web pages: plain HTML from the server that works without scripts; one ES module makes it
//! livelier. They go through the same clients as the API.

mod assets;
mod docs;
mod document;
mod home;
mod problems;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::ServiceConfig,
};
use maud::{DOCTYPE, Markup, html};

use crate::{
    call::{Call, put},
    domain::Identity,
    problem::{Answer, Problem},
    routes::at,
};

pub(crate) use problems::problem;

/// The pages' routing table.
pub(crate) fn pages(c: &mut ServiceConfig) {
    at!(c, "/", "GET, HEAD", get => home::home);
    at!(c, "/sign-in", "GET, HEAD, POST", get => home::to_home, post => home::sign_in);
    at!(c, "/sign-out", "POST", post => home::sign_out);
    at!(c, "/upload", "POST", post => home::upload);
    at!(c, "/documents/{id}", "GET, HEAD", get => document::document);
    at!(c, "/problems/{slug}", "GET, HEAD", get => problems::explain);
    at!(c, "/api/docs", "GET, HEAD", get => docs::enter);
    at!(c, "/api/docs/{file:.*}", "GET, HEAD", get => docs::file);
    at!(c, "/assets/{name}", "GET, HEAD", get => assets::asset);
    at!(c, "/favicon.ico", "GET, HEAD", get => assets::icon);
}

/// A whole page.
fn page(status: StatusCode, title: &str, who: Option<&Identity>, content: &Markup) -> HttpResponse {
    let whole = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Dossier" }
                link rel="icon" href=(assets::path("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::path("dossier.css"));
                script type="module" src=(assets::path("dossier.js")) {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header.top {
                    a.brand href="/" { "Dossier" }
                    @if let Some(who) = who {
                        form action="/sign-out" method="post" {
                            span { (who.email) }
                            button type="submit" { "Sign out" }
                        }
                    }
                }
                main id="main" { (content) }
            }
        }
    };
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(whole.into_string())
}

/// What a visitor of somebody's website sees after the contact form.
pub(crate) fn thanks() -> HttpResponse {
    let content = html! {
        h1 { "Thank you" }
        p { "Your message has been received." }
    };
    page(StatusCode::OK, "Thank you", None, &content)
}

/// Whether a redirect there stays on this site.
pub(crate) fn same_site(target: &str, call: &Call) -> bool {
    let plain = target.chars().all(|c| !c.is_control() && c != '\\');
    let local = target.starts_with('/') && !target.starts_with("//");
    let origin = &call.state.shared.origin;
    let ours = !origin.is_empty()
        && target.strip_prefix(origin.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    plain && (local || ours)
}

/// 303, so that a reload does not send the form again.
fn see(path: &str) -> HttpResponse {
    let mut response = HttpResponse::SeeOther().finish();
    put(&mut response, header::LOCATION, path);
    response
}

/// A problem shown within a page, with the page's status.
fn notice(problem: Option<&Problem>) -> Markup {
    html! {
        @if let Some(problem) = problem {
            p.notice role="alert" { (problem.fault.detail) }
        }
    }
}

type Page = Answer;
