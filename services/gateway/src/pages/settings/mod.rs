//! What one decides: about oneself, and as an owner about everybody. A page for each subject.

mod account;
mod audit;
mod backups;
mod collections;
mod people;
mod second_factor;
mod tokens;
mod webhooks;
mod website;
mod words_and_index;

use actix_web::{HttpResponse, http::StatusCode, web::ServiceConfig};
use chassis::Role;
use maud::{Markup, html};

use super::{Page, notice, page, see, tabs};
use crate::{
    call::Call,
    problem::Problem,
    routes::at,
    words::{Word, Words},
};
pub(super) use website::snippet;

/// Rows of a list; nobody has more of what is shown here without paging.
const SHOWN: i32 = 200;

/// The pages: address, what it is called, and who may open it.
const TABS: [(&str, Word, Role); 9] = [
    ("/settings", Words::settings_account, Role::Viewer),
    ("/settings/tokens", Words::settings_tokens, Role::Viewer),
    ("/settings/website", Words::settings_website, Role::Viewer),
    ("/settings/search", Words::settings_search, Role::Editor),
    ("/settings/people", Words::people, Role::Owner),
    ("/settings/collections", Words::settings_collections, Role::Owner),
    ("/settings/webhooks", Words::settings_webhooks, Role::Owner),
    ("/settings/backups", Words::settings_backups, Role::Owner),
    ("/settings/audit", Words::settings_audit, Role::Owner),
];

/// Their part of the pages' routing table.
pub(super) fn pages(c: &mut ServiceConfig) {
    at!(c, "/settings", "GET, HEAD", get => account::account);
    at!(c, "/settings/profile", "POST", post => account::profile);
    at!(c, "/settings/password", "POST", post => account::password);
    at!(c, "/settings/sessions", "POST", post => account::end_others);
    at!(c, "/settings/sessions/{id}", "POST", post => account::end);
    at!(c, "/settings/totp", "POST", post => second_factor::begin);
    at!(c, "/settings/totp/confirm", "POST", post => second_factor::confirm);
    at!(c, "/settings/totp/disable", "POST", post => second_factor::disable);
    at!(c, "/settings/tokens", "GET, HEAD, POST", get => tokens::list, post => tokens::create);
    at!(c, "/settings/tokens/{id}", "POST", post => tokens::revoke);
    at!(c, "/settings/website", "GET, HEAD", get => website::show);
    at!(c, "/settings/search", "GET, HEAD", get => words_and_index::state);
    at!(c, "/settings/search/synonyms", "POST", post => words_and_index::synonym);
    at!(c, "/settings/search/rebuild", "POST", post => words_and_index::rebuild);
    at!(c, "/settings/search/verify", "POST", post => words_and_index::verify);
    at!(c, "/settings/people", "GET, HEAD, POST", get => people::list, post => people::create);
    at!(c, "/settings/people/{id}", "POST", post => people::change);
    at!(c, "/settings/people/{id}/invitation", "POST", post => people::invite);
    at!(c, "/settings/people/{id}/totp", "POST", post => people::forget_second_factor);
    at!(c, "/settings/people/{id}/remove", "POST", post => people::remove);
    at!(c, "/settings/collections", "GET, HEAD, POST", get => collections::list, post => collections::create);
    at!(c, "/settings/collections/{id}", "POST", post => collections::change);
    at!(c, "/settings/collections/{id}/members", "POST", post => collections::member);
    at!(c, "/settings/collections/{id}/remove", "POST", post => collections::remove);
    at!(c, "/settings/webhooks", "GET, HEAD, POST", get => webhooks::list, post => webhooks::create);
    at!(c, "/settings/webhooks/{id}", "GET, HEAD, POST", get => webhooks::one, post => webhooks::change);
    at!(c, "/settings/webhooks/{id}/test", "POST", post => webhooks::test);
    at!(c, "/settings/webhooks/{id}/remove", "POST", post => webhooks::remove);
    at!(c, "/settings/backups", "GET, HEAD", get => backups::state);
    at!(c, "/settings/audit", "GET, HEAD", get => audit::list);
}

/// What came of the form before: what is told once, or what was wrong.
#[derive(Default)]
struct Outcome<'a> {
    status: StatusCode,
    told: Option<Markup>,
    refused: Option<&'a Problem>,
}

impl<'a> Outcome<'a> {
    /// Something that is shown this once, so the page is no redirect.
    fn told(status: StatusCode, told: Markup) -> Self {
        Self { status, told: Some(told), refused: None }
    }

    /// What the caller can mend is shown beside the form; the rest is not for this page.
    fn refused(problem: &'a Problem) -> Result<Self, Problem> {
        match problem.status.is_client_error() && problem.status != StatusCode::UNAUTHORIZED {
            true => Ok(Self { status: problem.status, told: None, refused: Some(problem) }),
            false => Err(problem.clone()),
        }
    }
}

/// One of the pages: the others above it, then what came of a form, then its content.
fn frame(call: &Call, here: &str, outcome: &Outcome<'_>, content: &Markup) -> HttpResponse {
    let w = call.words();
    let may = TABS.iter().filter(|(.., role)| call.require(*role).is_ok());
    let views: Vec<_> = may.map(|(path, words, _)| ((*path).to_owned(), words(w), *path == here)).collect();
    let title = TABS.iter().find(|(path, ..)| *path == here).map_or(w.place_settings(), |(_, words, _)| words(w));
    let whole = html! {
        h1 { (w.place_settings()) }
        (tabs(w.place_settings(), &views))
        @if let Some(told) = &outcome.told { div.told role="status" { (told) } }
        (notice(w, outcome.refused))
        (content)
    };
    page(call, outcome.status, title, &whole)
}

/// A form that is one button.
fn button(action: &str, words: &str, class: &str) -> Markup {
    html! { form action=(action) method="post" { button class=[(!class.is_empty()).then_some(class)] type="submit" { (words) } } }
}

fn role(w: Words, role: Role) -> &'static str {
    match role {
        Role::Viewer => w.role_viewer(),
        Role::Editor => w.role_editor(),
        Role::Owner => w.role_owner(),
    }
}

/// The roles to choose from, with what each may do.
fn roles(w: Words, chosen: Role) -> Markup {
    html! {
        @for (role, words) in
            [(Role::Viewer, w.role_viewer_may()), (Role::Editor, w.role_editor_may()), (Role::Owner, w.role_owner_may())]
        {
            option value=(role.as_str()) selected[role == chosen] { (words) }
        }
    }
}
