//! The web pages: plain HTML from the server that works without scripts; small ES modules make it
//! livelier. They go through the same clients as the API.
//!
//! # How to write a page
//!
//! One line in [`pages`] below, and a handler `async fn list(call: Call) -> Page` in a file of its
//! subject. It takes `let w = call.words();`, asks the services, and ends with
//! `Ok(page(&call, StatusCode::OK, w.place_inbox(), &html! { … }))`: [`page`] puts title, navigation and
//! language around it. A form that is refused is shown again with [`notice`] on top and the
//! problem's status; one that worked redirects by [`see`]. Nothing inline: no `style`, no `on…`.
//!
//! # How to say something
//!
//! No word stands in a page. Each is a message of the catalogue, one line in the file of its
//! subject beside `words/mod.rs`, in English and German: `(w.add_contact())`, `(w.contacts(count))`. Numbers,
//! sizes, days and moments are said by `w.number`, `w.size`, `w.day`, `w.time`; a service's refusal by
//! `w.problem`. What a script says stands in `words/scripts.rs`. What a new kind of problem means goes
//! to `words/problems.rs`.
//!
//! # Components
//!
//! Markup that more than one page needs is a function in [`components`]; the rest is plain HTML that
//! `assets/dossier.css` knows by these classes:
//!
//! | class | on | for |
//! | --- | --- | --- |
//! | `quiet` | anything | what is said in passing; on `h1`, a heading for those who cannot see the page |
//! | `notice`, `told` | `p`, `div` | what went wrong (with `role="alert"`); what was done (`role="status"`) |
//! | `card`, `cards` | `section`, `ul`… | a thing with a border; a grid of them |
//! | `empty` | `div` | what stands where nothing is yet, and what to do |
//! | `primary`, `danger`, `link` | `button`, `a.button` | the one thing to do here; what cannot be undone; a button like a link |
//! | `button` | `a` | a link like a button |
//! | `actions` | `div` | buttons and forms side by side |
//! | `inline` | `form` | fields side by side; a `label` holds its field |
//! | `fields` | `form`, `div` | fields below each other, not wider than one reads |
//! | `hint` | `p`, `small` | what belongs in a field, below its label (`aria-describedby`) |
//! | `tabs` | `nav` | views of one list; `aria-current="page"` on the one shown |
//! | `stack` | `table` | falls apart into cards on a phone; each `td` but the first has `data-label` |
//! | `number` | `td`, `th` | figures, to the right |
//! | `tag`, `badge` | `a`, `span` | a tag that leads somewhere; a state, with `good`, `bad` or `busy` |
//! | `more` | `p` | paging |
//! | `text`, `message` | `pre`, `p` | somebody else's text, its line breaks kept |
//! | `plain` | `ul`, `ol` | a list without bullets |
//! | `split` | `div` | two columns where there is room, the first the wider |
//! | `beside` | `div` | columns of the same width where there is room |
//! | `no-script`, `scripted` | anything | only shown without, only with scripts |
//!
//! # Scripts
//!
//! `assets/scripts/*.js` are ES modules; `page.js` holds what they share, `dossier.js` imports them all. A new
//! one is listed in `assets.rs` and imported there. A page must do its job without them.

mod assets;
mod attached;
mod bulk;
mod bundle;
mod components;
mod contacts;
mod docs;
mod document;
mod document_parts;
mod first_run;
mod home;
mod inbox;
mod invitation;
mod language;
mod layout;
mod library;
mod links;
mod oidc;
mod overview;
mod plot;
mod problems;
mod results;
mod saved;
mod session;
mod settings;
mod shares;
mod unlocking;
mod upload_links;
mod uploads;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::ServiceConfig,
};
use chassis::Role;
use maud::html;

use crate::{
    call::{Call, put},
    problem::Answer,
    routes::at,
};

use components::{empty, notice, tabs};
use layout::page;

#[cfg(test)]
pub(crate) use assets::scripts;
pub(crate) use problems::problem;

/// The pages' routing table.
pub(crate) fn pages(c: &mut ServiceConfig) {
    at!(c, "/", "GET, HEAD", get => home::home);
    at!(c, "/sign-in", "GET, HEAD, POST", get => session::to_home, post => session::sign_in);
    at!(c, "/sign-out", "POST", post => session::sign_out);
    at!(c, "/language", "POST", post => language::choose);
    at!(c, "/auth/oidc/start", "GET, HEAD", get => oidc::begin);
    at!(c, "/auth/oidc/callback", "GET, HEAD", get => oidc::finish);
    at!(c, "/invitation/{token}", "GET, HEAD, POST", get => invitation::show, post => invitation::accept);
    at!(c, "/forgotten", "GET, HEAD, POST", get => invitation::ask, post => invitation::forgotten);
    at!(c, "/searches", "POST", post => saved::keep);
    at!(c, "/searches/{id}/remove", "POST", post => saved::remove);
    at!(c, "/upload", "POST", post => uploads::upload);
    at!(c, "/documents", "GET, HEAD", get => library::list);
    at!(c, "/documents/bulk", "POST", post => bulk::change);
    at!(c, "/documents/{id}", "GET, HEAD, POST", get => document::document, post => document::change);
    at!(c, "/documents/{id}/versions", "POST", post => document::add_version);
    at!(c, "/documents/{id}/trash", "POST", post => library::trash);
    at!(c, "/documents/{id}/restore", "POST", post => library::restore);
    at!(c, "/documents/{id}/reprocess", "POST", post => library::reprocess);
    at!(c, "/documents/{id}/unlock", "POST", post => unlocking::unlock);
    at!(c, "/documents/{id}/purge", "POST", post => library::purge);
    at!(c, "/documents/{id}/shares", "POST", post => shares::create);
    at!(c, "/shares/{id}", "POST", post => shares::revoke);
    at!(c, "/s/{token}", "GET, HEAD, POST", get => shares::show, post => shares::unlock);
    at!(c, "/s/{token}/content", "GET, HEAD", get => shares::content);
    at!(c, "/s/{token}/picture", "GET, HEAD", get => shares::picture);
    at!(c, "/inbox", "GET, HEAD, POST", get => inbox::list, post => inbox::move_chosen);
    at!(c, "/inbox/{id}", "GET, HEAD, POST", get => inbox::one, post => inbox::change);
    at!(c, "/inbox/{id}/remove", "POST", post => inbox::remove);
    at!(c, "/contacts", "GET, HEAD, POST", get => contacts::list, post => contacts::create);
    at!(c, "/contacts/import", "GET, HEAD, POST", get => contacts::import::enter, post => contacts::import::import);
    at!(c, "/contacts/merges/{id}/undo", "POST", post => contacts::merge::undo);
    at!(c, "/contacts/{id}", "GET, HEAD, POST", get => contacts::one::show, post => contacts::one::change);
    at!(c, "/contacts/{id}/merge", "GET, HEAD, POST", get => contacts::merge::enter, post => contacts::merge::merge);
    at!(c, "/contacts/{id}/remove", "POST", post => contacts::one::remove);
    at!(c, "/contacts/{id}/documents/{document_id}", "POST", post => links::decide);
    at!(c, "/contacts/{id}/upload-links", "POST", post => upload_links::create);
    at!(c, "/upload-links/{id}", "POST", post => upload_links::revoke);
    at!(c, "/u/{token}", "GET, HEAD, POST", get => upload_links::show, post => upload_links::receive);
    at!(c, "/overview", "GET, HEAD", get => overview::overview);
    at!(c, "/overview/synonyms", "POST", post => overview::synonym);
    at!(c, "/settings/import", "POST", post => bundle::import);
    settings::pages(c);
    at!(c, "/problems/{slug}", "GET, HEAD", get => problems::explain);
    at!(c, "/api/docs", "GET, HEAD", get => docs::enter);
    at!(c, "/api/docs/{file:.*}", "GET, HEAD", get => docs::file);
    at!(c, "/assets/{language}/{name}", "GET, HEAD", get => assets::asset);
    at!(c, "/favicon.ico", "GET, HEAD", get => assets::icon);
}

type Page = Answer;

/// Whether forms that change something are shown.
fn may_edit(call: &Call) -> bool {
    call.require(Role::Editor).is_ok()
}

/// An address with those fields of its query that say something.
fn address<'n, 'v>(path: &str, fields: impl IntoIterator<Item = (&'n str, &'v str)>) -> String {
    let said = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<String> = said.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
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
pub(crate) fn thanks(call: &Call) -> HttpResponse {
    let w = call.words();
    let content = html! {
        h1 { (w.thank_you()) }
        p { (w.message_received()) }
    };
    page(call, StatusCode::OK, w.thank_you(), &content)
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
