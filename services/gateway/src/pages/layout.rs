//! What stands around every page.

use std::{io::Write, sync::Arc};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use flate2::{Compression, write::GzEncoder};
use maud::{DOCTYPE, Markup, html};

use super::assets;
use crate::{
    call::{Call, Context},
    domain::Identity,
    words::{Language, Word, Words, Zone},
};

/// Smaller ones are not worth the work.
const WORTH_PRESSING: usize = 1000;

/// Where everybody who is signed in may go: address, what it is called, the drawing beside it (in a
/// square of 24).
const PLACES: [(&str, Word, &str); 5] = [
    ("/", Words::place_search, "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20"),
    ("/documents", Words::place_documents, "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6"),
    ("/inbox", Words::place_inbox, "M4 13 6 5h12l2 8v6H4zM4 13h5l1 3h4l1-3h5"),
    ("/contacts", Words::place_contacts, "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 20c0-4 3.5-6 8-6s8 2 8 6"),
    ("/overview", Words::place_overview, "M4 20h16M7 20v-7M12 20V6M17 20v-10"),
];
const SETTINGS: &str = "/settings";

/// A whole page.
pub(super) fn page(call: &Call, status: StatusCode, title: &str, content: &Markup) -> HttpResponse {
    around(&call.request, status, title, content)
}

/// The same, where there is a request and no call.
pub(super) fn around(request: &HttpRequest, status: StatusCode, title: &str, content: &Markup) -> HttpResponse {
    let w = Words::of(request);
    let who = request.extensions().get::<Context>().and_then(|context| context.identity.clone());
    let editor = who.as_deref().is_some_and(|who| who.role >= chassis::Role::Editor);
    let whole = html! {
        (DOCTYPE)
        html lang=(w.0.tag()) data-zone=[w.zone().map(Zone::name)] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Dossier" }
                link rel="icon" href=(assets::path("icon.svg", w.0)) type="image/svg+xml";
                link rel="stylesheet" href=(assets::path("dossier.css", w.0));
                (assets::modules(w.0))
            }
            body {
                a.skip href="#main" { (w.to_content()) }
                (top(w, request, who.as_ref()))
                main id="main" tabindex="-1" { (content) }
                @if editor { (super::uploads::tray(w)) }
                (bottom(w, request))
            }
        }
    };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "Accept-Encoding, Accept-Language, Cookie"));
    let whole = whole.into_string().into_bytes();
    match pressed(request, &whole) {
        Some(pressed) => response.insert_header((header::CONTENT_ENCODING, "gzip")).body(pressed),
        None => response.body(whole),
    }
}

fn top(w: Words, request: &HttpRequest, who: Option<&Arc<Identity>>) -> Markup {
    let here = request.path();
    let current = |path: &str| match path {
        "/" => here == "/",
        path => here.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    };
    html! {
        header.top {
            a.brand href="/" { "Dossier" }
            @if let Some(who) = who {
                nav.places aria-label=(w.main_navigation()) {
                    @for (path, words, drawing) in PLACES {
                        a href=(path) aria-current=[current(path).then_some("page")] { (icon(drawing)) span { (words(w)) } }
                    }
                }
                details.account {
                    summary { span.quiet { (w.account()) } span.who { (who.email) } }
                    div {
                        a href=(SETTINGS) aria-current=[current(SETTINGS).then_some("page")] { (w.place_settings()) }
                        form action="/sign-out" method="post" { button.link type="submit" { (w.sign_out()) } }
                    }
                }
            }
        }
    }
}

/// A drawing of lines.
pub(super) fn icon(path: &str) -> Markup {
    html! { svg.icon viewBox="0 0 24 24" aria-hidden="true" focusable="false" { path d=(path) {} } }
}

fn bottom(w: Words, request: &HttpRequest) -> Markup {
    // Somewhere that a form was sent to cannot be gone back to.
    let back = match request.method().is_safe() {
        true => request.uri().path_and_query().map_or("/", |here| here.as_str()),
        false => "/",
    };
    html! {
        (keys(w))
        footer.bottom {
            form action="/language" method="post" aria-label=(w.choose_language()) {
                input type="hidden" name="back" value=(back);
                @for (language, name) in Language::ALL {
                    button.link name="language" value=(language.tag()) lang=(language.tag())
                        aria-pressed=(if language == w.0 { "true" } else { "false" }) { (name) }
                }
                button.link.scripted type="button" data-keys { (w.keys_help()) }
            }
        }
    }
}

/// What the keys do; opened by one of them.
fn keys(w: Words) -> Markup {
    let each = [
        ("/", w.key_search()),
        ("↓ ↑", w.key_move()),
        (w.key_enter(), w.key_open()),
        ("Esc", w.key_back()),
        ("?", w.key_help()),
    ];
    html! {
        dialog #keys aria-labelledby="keys-heading" {
            h2 #keys-heading { (w.keys_heading()) }
            dl.pairs { @for (key, does) in each { dt { kbd { (key) } } dd { (does) } } }
            // Whoever speaks to the computer must be able to turn single keys off.
            p { label { input #keys-on type="checkbox"; " " (w.keys_on()) " (/ ?)" } }
            form method="dialog" { button { (w.close()) } }
        }
    }
}

/// Smaller, for whoever takes that.
pub(super) fn pressed(request: &HttpRequest, bytes: &[u8]) -> Option<Vec<u8>> {
    (bytes.len() >= WORTH_PRESSING && takes_gzip(request)).then(|| gzip(bytes, Compression::fast())).flatten()
}

pub(super) fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|coding| {
        let (name, weight) = coding.split_once(";q=").unwrap_or((coding, "1"));
        name.trim().eq_ignore_ascii_case("gzip") && weight.trim().parse::<f32>().is_ok_and(|q| q > 0.0)
    })
}

pub(super) fn gzip(bytes: &[u8], effort: Compression) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), effort);
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
