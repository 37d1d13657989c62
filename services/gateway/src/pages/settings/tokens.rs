//! Keys for programs.

use actix_web::http::StatusCode;
use jiff::{Timestamp, ToSpan};
use maud::{Markup, html};
use pg::PageRequest;

use super::{Outcome, Page, SHOWN, button, frame, see};
use crate::{
    call::{Body, Call},
    domain::{Check, Token},
    problem::Problem,
    routes::tokens,
    secret,
    words::{Word, Words},
};

const HERE: &str = "/settings/tokens";

const SCOPES: [(&str, Word); 8] = [
    ("read", Words::key_read),
    ("write", Words::key_write),
    ("contacts:read", Words::key_contacts_read),
    ("contacts:write", Words::key_contacts_write),
    ("documents:read", Words::key_documents_read),
    ("documents:write", Words::key_documents_write),
    ("search:read", Words::key_search_read),
    ("*", Words::key_all),
];
/// Days; "": for good.
const LIFETIMES: [&str; 4] = ["30", "90", "365", ""];

pub(super) async fn list(call: Call) -> Page {
    call.query()?.done()?;
    show(&call, Outcome::default()).await
}

async fn show(call: &Call, outcome: Outcome<'_>) -> Page {
    let (w, user) = (call.words(), call.identity()?.user_id);
    let (tokens, _) = call.state.shared.store.list_tokens(user, &PageRequest::parse("", SHOWN)?).await?;
    let content = html! {
        section aria-labelledby="tokens" {
            h2 #tokens { (w.your_keys()) }
            p { a href="/api/docs/" { (w.the_api()) } }
            @if tokens.is_empty() { p.quiet { (w.none()) } } @else { (table(w, &tokens)) }
            (form(w))
        }
    };
    Ok(frame(call, HERE, &outcome, &content))
}

fn table(w: Words, tokens: &[Token]) -> Markup {
    html! {
        table.stack {
            thead { tr { th { (w.name()) } th { (w.key_scope()) } th { (w.last_used()) } th { (w.expires()) } td {} } }
            tbody {
                @for token in tokens {
                    tr {
                        td { (token.name) }
                        td data-label=(w.key_scope()) { (token.scopes.join(", ")) }
                        td data-label=(w.last_used()) {
                            @match token.last_used_at {
                                Some(at) => (w.time(at.as_microsecond())),
                                None => (w.key_never_used()),
                            }
                        }
                        td data-label=(w.expires()) {
                            @match token.expires_at {
                                Some(at) => (w.time(at.as_microsecond())),
                                None => (w.never()),
                            }
                        }
                        td { (button(&format!("{HERE}/{}", token.id), w.revoke(), "danger")) }
                    }
                }
            }
        }
    }
}

fn form(w: Words) -> Markup {
    html! {
        h3 { (w.make_key()) }
        form.fields #new-token action=(HERE) method="post" {
            label for="token-name" { (w.key_purpose()) }
            input #token-name name="name" required maxlength="100" autocomplete="off";
            label for="token-scope" { (w.key_scope()) }
            select #token-scope name="scope" { @for (scope, words) in SCOPES { option value=(scope) { (words(w)) } } }
            label for="token-days" { (w.good_for()) }
            select #token-days name="days" {
                @for days in LIFETIMES {
                    option value=(days) { @match days.parse() { Ok(n) => (w.days(n)), Err(_) => (w.for_good()) } }
                }
            }
            button.primary type="submit" { (w.make()) }
        }
    }
}

/// Not redirected: the key is shown this once.
pub(super) async fn create(call: Call, body: Body) -> Page {
    call.identity()?;
    let mut form = body.form().await?;
    let (name, scope, days) = (form.text("name"), form.text("scope"), form.text("days"));
    form.done()?;
    match make(&call, name, scope, &days).await {
        Ok(text) => {
            let told = html! { p { (call.words().new_key_once()) } p { code #key { (text) } } };
            show(&call, Outcome::told(StatusCode::CREATED, told)).await
        }
        Err(problem) => show(&call, Outcome::refused(&problem)?).await,
    }
}

async fn make(call: &Call, name: String, scope: String, days: &str) -> Result<String, Problem> {
    let mut check = Check::default();
    let days: Option<i64> = days.parse().ok().filter(|days| (1..=3650).contains(days)).or_else(|| {
        if !days.is_empty() {
            check.blame("days", "must be a whole number from 1 to 3650");
        }
        None
    });
    check.done()?;
    let expires_at = days.and_then(|days| Timestamp::now().checked_add((days * 24).hours()).ok());
    let made = tokens::make(call, tokens::New { name, scopes: vec![scope], expires_at }, None).await?;
    Ok(secret::token_text(&made.bits))
}

pub(super) async fn revoke(call: Call) -> Page {
    tokens::revoke(&call).await?;
    Ok(see(HERE))
}
