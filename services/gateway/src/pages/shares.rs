//! Links to a document: where they are made, and what whoever has one sees.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use pg::PageRequest;
use proto::{documents::Document, indexer::DrawPageRequest};

use super::{Page, may_edit, notice, page, see};
use crate::{
    call::{Body, Call, on_behalf},
    problem::Problem,
    routes::{
        content, pictures,
        shares::{self, Door, New, Opened},
    },
    store::{Share, Use},
    words::Words,
};

const SHOWN: i32 = 100;
/// Of the picture that a link shows, in pixels.
const WIDTH: i32 = 800;
/// Days after which a link ends, as the form offers them; 0: never.
const DAYS: [i64; 5] = [7, 1, 30, 90, 0];

/// The links to a document and the form for a new one, for whoever may make one.
pub(super) async fn section(call: &Call, document: &Document) -> Option<Markup> {
    if !may_edit(call) || document.deleted_at.is_some() {
        return None;
    }
    let w = call.words();
    let links = shares::of_document(call, &PageRequest::parse("", SHOWN).ok()?).await;
    Some(html! {
        section aria-labelledby="share" {
            h2 #share { (w.share()) }
            @match &links {
                Err(problem) => (notice(w, Some(problem))),
                Ok((links, _)) => (list(w, links)),
            }
            details {
                summary { (w.make_link()) }
                (form(w, &document.id))
            }
        }
    })
}

fn list(w: Words, links: &[Share]) -> Markup {
    let now = Timestamp::now();
    html! {
        ul.plain {
            @for link in links {
                li {
                    span {
                        (w.made_on()) " " (w.time(link.created_at.as_microsecond()))
                        @if link.protected { ", " (w.with_password()) }
                        @if let Some(number) = link.version { ", " (w.of_version(number)) }
                        @match link.expires_at {
                            Some(end) if end <= now => { ", " (w.has_ended()) }
                            Some(end) => { ", " (w.ends_on()) " " (w.time(end.as_microsecond())) }
                            None => {}
                        }
                    }
                    p.quiet {
                        (w.opened_times(link.views)) ", " (w.fetched_times(link.downloads))
                        @if let Some(at) = link.last_used_at { ", " (w.last_used()) " " (w.time(at.as_microsecond())) }
                    }
                    form action={ "/shares/" (link.id) } method="post" { button type="submit" { (w.end_link()) } }
                }
            }
        }
    }
}

fn form(w: Words, document: &str) -> Markup {
    html! {
        form.fields action={ "/documents/" (document) "/shares" } method="post" {
            p.hint { (w.share_about()) }
            label for="share-days" { (w.share_ends()) }
            select #share-days name="days" {
                @for days in DAYS { option value=(days) { (if days == 0 { w.never().to_owned() } else { w.in_days(days) }) } }
            }
            label for="share-password" { (w.share_password()) }
            input #share-password type="password" name="password" minlength="8" maxlength="256" autocomplete="new-password";
            button type="submit" { (w.make_link()) }
        }
    }
}

/// Not redirected: the address is shown this once.
pub(super) async fn create(call: Call, body: Body) -> Page {
    let mut sent = body.form().await?;
    let (days, password) = (sent.number("days", 0, 366), sent.text("password"));
    sent.done()?;
    let expires_at = (days > 0).then(|| Timestamp::now() + SignedDuration::from_hours(24 * i64::from(days)));
    let password = Some(password).filter(|text| !text.is_empty());
    let made = shares::make(&call, New { expires_at, password, version: None }).await;
    let w = call.words();
    let back = (format!("/documents/{}", call.part("id")), w.back_to_document());
    shown_once(&call, made.map(|made| made.url), back)
}

/// The page with a new address; a refusal in its place.
pub(super) fn shown_once(
    call: &Call,
    url: Result<String, Problem>,
    (back, words): (String, &str),
) -> Result<HttpResponse, Problem> {
    let w = call.words();
    let (status, content) = match url {
        Ok(url) => {
            let content = html! {
                h1 { (w.new_link()) }
                div.told role="status" {
                    p { (w.new_link_once()) }
                    p { code #link { (url) } }
                }
                p { a href=(back) { (words) } }
            };
            (StatusCode::CREATED, content)
        }
        Err(problem) if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND => {
            let content = html! {
                h1 { (w.new_link()) }
                (notice(w, Some(&problem)))
                p { a href=(back) { (words) } }
            };
            (problem.status, content)
        }
        Err(problem) => return Err(problem),
    };
    Ok(page(call, status, w.new_link(), &content))
}

pub(super) async fn revoke(call: Call) -> Page {
    let document = shares::revoke(&call).await?;
    Ok(see(&format!("/documents/{document}")))
}

/// What a link shows.
pub(super) async fn show(call: Call) -> Page {
    match shares::follow(&call).await? {
        Door::Closed => Ok(gone(&call)),
        Door::Locked => Ok(locked(&call, StatusCode::OK, false)),
        Door::Open(opened) => {
            if call.request.method() == actix_web::http::Method::GET {
                shares::note(&call, &opened, Use::View).await?;
            }
            Ok(open(&call, &opened))
        }
    }
}

fn open(call: &Call, opened: &Opened) -> HttpResponse {
    let w = call.words();
    let Opened { open, document, version } = opened;
    let content = html! {
        h1 { (document.title) }
        p.quiet { (version.file_name) " · " (version.media_type) " · " (w.size(version.size)) }
        p { a.button.primary href={ "/s/" (call.part("token")) "/content" } download { (w.download()) } }
        @if has_picture(&version.media_type) {
            p.look { img src={ "/s/" (call.part("token")) "/picture" } alt=(w.picture_of_page(1)) decoding="async"; }
        }
        @if let Some(end) = open.share.expires_at {
            p.quiet { (w.link_ends_on()) " " (w.time(end.as_microsecond())) "." }
        }
    };
    quietly(page(call, StatusCode::OK, &document.title, &content))
}

/// Whether it may be drawn; of one that cannot be after all, nothing is shown.
fn has_picture(media_type: &str) -> bool {
    media_type == "application/pdf" || media_type.starts_with("image/")
}

fn locked(call: &Call, status: StatusCode, wrong: bool) -> HttpResponse {
    let w = call.words();
    let content = html! {
        h1 { (w.protected_document()) }
        p { (w.enter_password()) }
        @if wrong { p.notice role="alert" { (w.password_wrong()) } }
        form.fields action={ "/s/" (call.part("token")) } method="post" {
            label for="password" { (w.password()) }
            input #password type="password" name="password" required maxlength="256" autocomplete="current-password";
            button.primary type="submit" { (w.open_document()) }
        }
    };
    quietly(page(call, status, w.protected_document(), &content))
}

/// The same for a link that never was, has ended, or leads to what its maker no longer sees.
pub(super) fn gone(call: &Call) -> HttpResponse {
    let w = call.words();
    let content = html! {
        h1 { (w.link_gone()) }
        p { (w.link_gone_why()) }
    };
    quietly(page(call, StatusCode::NOT_FOUND, w.link_gone(), &content))
}

/// Takes the password.
pub(super) async fn unlock(call: Call, body: Body) -> Page {
    let mut sent = body.form().await?;
    let password = sent.text("password");
    sent.done()?;
    match shares::unlock(&call, password).await? {
        Some(cookie) => {
            let mut response = see(&format!("/s/{}", call.part("token")));
            response.add_cookie(&cookie).map_err(chassis::Fault::internal)?;
            Ok(quietly(response))
        }
        None => Ok(match shares::follow(&call).await? {
            Door::Closed => gone(&call),
            Door::Locked | Door::Open(_) => locked(&call, StatusCode::FORBIDDEN, true),
        }),
    }
}

/// How the first page looks. No other use than that of the page that shows it.
pub(super) async fn picture(call: Call) -> Page {
    let opened = match shares::follow(&call).await? {
        Door::Open(opened) => opened,
        Door::Closed => return Ok(gone(&call)),
        Door::Locked => return Ok(locked(&call, StatusCode::FORBIDDEN, false)),
    };
    let (document_id, version) = (opened.document.id.clone(), opened.version.number);
    let drawing = pictures::draw(&call, DrawPageRequest { document_id, version, page: 1, width: WIDTH });
    on_behalf(opened.open.maker, drawing).await.map(quietly)
}

/// The bytes.
pub(super) async fn content(call: Call) -> Page {
    let opened = match shares::follow(&call).await? {
        Door::Open(opened) => opened,
        Door::Closed => return Ok(gone(&call)),
        Door::Locked => return Ok(locked(&call, StatusCode::FORBIDDEN, false)),
    };
    // What goes on where it broke off is no other download.
    let begins = call.header(header::RANGE).is_none_or(|range| range.trim().starts_with("bytes=0-"));
    if begins && call.request.method() == actix_web::http::Method::GET {
        shares::note(&call, &opened, Use::Download).await?;
    }
    let sending = content::send(&call, opened.document.id.clone(), opened.version.number);
    match on_behalf(opened.open.maker, sending).await {
        Ok(response) => Ok(quietly(response)),
        Err(problem) if problem.status == StatusCode::NOT_FOUND => Ok(gone(&call)),
        Err(problem) => Err(problem),
    }
}

/// Kept nowhere, found by no search engine, and the address is told to nobody.
pub(super) fn quietly(mut response: HttpResponse) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
    response
}
