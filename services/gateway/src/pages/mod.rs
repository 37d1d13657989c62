//! The web pages: plain HTML from the server that works without scripts; one ES module makes it
//! livelier. They go through the same clients as the API.

mod assets;
mod contacts;
mod docs;
mod document;
mod home;
mod inbox;
mod library;
mod links;
mod overview;
mod problems;
mod second_factor;
mod settings;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::ServiceConfig,
};
use chassis::Role;
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
    at!(c, "/documents", "GET, HEAD", get => library::list);
    at!(c, "/documents/{id}", "GET, HEAD", get => document::document);
    at!(c, "/documents/{id}/trash", "POST", post => library::trash);
    at!(c, "/documents/{id}/restore", "POST", post => library::restore);
    at!(c, "/documents/{id}/reprocess", "POST", post => library::reprocess);
    at!(c, "/documents/{id}/purge", "POST", post => library::purge);
    at!(c, "/inbox", "GET, HEAD", get => inbox::list);
    at!(c, "/inbox/{id}", "POST", post => inbox::change);
    at!(c, "/contacts", "GET, HEAD, POST", get => contacts::list, post => contacts::create);
    at!(c, "/contacts/import", "POST", post => contacts::import);
    at!(c, "/contacts/{id}", "GET, HEAD, POST", get => contacts::one, post => contacts::change);
    at!(c, "/contacts/{id}/remove", "POST", post => contacts::remove);
    at!(c, "/contacts/{id}/documents/{document_id}", "POST", post => links::decide);
    at!(c, "/overview", "GET, HEAD", get => overview::overview);
    at!(c, "/settings", "GET, HEAD", get => settings::settings);
    at!(c, "/settings/tokens", "POST", post => settings::create_token);
    at!(c, "/settings/tokens/{id}", "POST", post => settings::revoke_token);
    at!(c, "/settings/users", "POST", post => settings::create_user);
    at!(c, "/settings/totp", "POST", post => second_factor::begin);
    at!(c, "/settings/totp/confirm", "POST", post => second_factor::confirm);
    at!(c, "/settings/totp/disable", "POST", post => second_factor::disable);
    at!(c, "/problems/{slug}", "GET, HEAD", get => problems::explain);
    at!(c, "/api/docs", "GET, HEAD", get => docs::enter);
    at!(c, "/api/docs/{file:.*}", "GET, HEAD", get => docs::file);
    at!(c, "/assets/{name}", "GET, HEAD", get => assets::asset);
    at!(c, "/favicon.ico", "GET, HEAD", get => assets::icon);
}

/// What everybody who is signed in may open.
const PLACES: [(&str, &str); 6] = [
    ("/", "Documents"),
    ("/documents", "All documents"),
    ("/inbox", "Inbox"),
    ("/contacts", "Contacts"),
    ("/overview", "Overview"),
    ("/settings", "Settings"),
];

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
                        nav aria-label="Main" {
                            @for (path, words) in PLACES {
                                a href=(path) aria-current=[(words == title).then_some("page")] { (words) }
                            }
                        }
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

/// Whether forms that change something are shown.
fn may_edit(call: &Call) -> bool {
    call.require(Role::Editor).is_ok()
}

/// A moment for people, in UTC.
fn time(micros: i64) -> Markup {
    let at = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    html! { time datetime=(at.to_string()) { (at.strftime("%-d %B %Y, %H:%M")) } }
}

/// Everything but letters, digits and a few signs, so that it can stand in a query.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => escaped.push(char::from(byte)),
            false => {
                escaped.push('%');
                escaped.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    escaped
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
