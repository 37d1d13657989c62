//! People, keys for programs, and the form for one's website.

use actix_web::http::StatusCode;
use chassis::Role;
use maud::{Markup, html};
use pg::PageRequest;

use super::{Page, bundle, notice, page, second_factor, see, website};
use crate::{
    call::{Body, Call},
    domain::{Token, User},
    problem::Problem,
    routes::{tokens, users},
    secret,
    words::{Word, Words},
};

const SHOWN: i32 = 200;

/// What a token may be made for here; the API offers finer ones.
const SCOPES: [(&str, Word); 3] = [("read", Words::key_read), ("write", Words::key_write), ("*", Words::key_all)];

pub(super) async fn settings(call: Call) -> Page {
    call.query()?.done()?;
    show(&call, StatusCode::OK, &html! {}, None).await
}

pub(super) async fn show(call: &Call, status: StatusCode, told: &Markup, refused: Option<&Problem>) -> Page {
    let w = call.words();
    let user = call.identity()?.user_id;
    let store = &call.state.shared.store;
    let (tokens, _) = store.list_tokens(user, &PageRequest::parse("", SHOWN)?).await?;
    let users = match call.require(Role::Owner) {
        Ok(()) => Some(store.list_users(&PageRequest::parse("", SHOWN)?).await?.0),
        Err(_) => None,
    };
    let content = html! {
        h1 { (w.place_settings()) }
        (told)
        (notice(w, refused))
        (second_factor::section(w, &store.second_factor(user).await?))
        @if let Some(users) = &users { (people(w, users)) }
        (keys(w, &tokens))
        (website::section(call))
        @if let Some(everything) = bundle::section(call) { (everything) }
        section aria-labelledby="api" {
            h2 #api { (w.for_programs()) }
            p { a href="/api/docs/" { (w.the_api()) } }
        }
    };
    Ok(page(call, status, w.place_settings(), &content))
}

fn people(w: Words, users: &[User]) -> Markup {
    html! {
        section aria-labelledby="people" {
            h2 #people { (w.people()) }
            table.stack {
                thead { tr { th { (w.email()) } th { (w.name()) } th { (w.role()) } th { (w.since()) } } }
                tbody {
                    @for user in users {
                        tr {
                            td { (user.email) }
                            td data-label=(w.name()) { (user.name) }
                            td data-label=(w.role()) { (role(w, user.role)) @if user.disabled_at.is_some() { " (" (w.disabled()) ")" } }
                            td data-label=(w.since()) { (w.time(user.created_at.as_microsecond())) }
                        }
                    }
                }
            }
            details {
                summary { (w.add_person()) }
                form.fields action="/settings/users" method="post" {
                    label for="user-email" { (w.email_address()) }
                    input #user-email type="email" name="email" required autocomplete="off";
                    label for="user-name" { (w.name()) }
                    input #user-name name="name" maxlength="200" autocomplete="off";
                    label for="user-role" { (w.role()) }
                    select #user-role name="role" {
                        option value="viewer" { (w.role_viewer_may()) }
                        option value="editor" { (w.role_editor_may()) }
                        option value="owner" { (w.role_owner_may()) }
                    }
                    label for="user-password" { (w.first_password()) }
                    input #user-password type="password" name="password" required minlength="8" autocomplete="new-password";
                    button type="submit" { (w.add()) }
                }
            }
        }
    }
}

fn role(w: Words, role: Role) -> &'static str {
    match role {
        Role::Viewer => w.role_viewer(),
        Role::Editor => w.role_editor(),
        Role::Owner => w.role_owner(),
    }
}

fn keys(w: Words, tokens: &[Token]) -> Markup {
    html! {
        section aria-labelledby="tokens" {
            h2 #tokens { (w.your_keys()) }
            @if tokens.is_empty() { p.quiet { (w.none()) } }
            table {
                @for token in tokens {
                    tr {
                        td { (token.name) }
                        td { (token.scopes.join(", ")) }
                        td {
                            @match token.last_used_at {
                                Some(at) => { (w.key_used()) " " (w.time(at.as_microsecond())) }
                                None => (w.key_never_used()),
                            }
                        }
                        td { form action={ "/settings/tokens/" (token.id) } method="post" { button type="submit" { (w.revoke()) } } }
                    }
                }
            }
            details {
                summary { (w.make_key()) }
                form.fields action="/settings/tokens" method="post" {
                    label for="token-name" { (w.key_purpose()) }
                    input #token-name name="name" required maxlength="100" autocomplete="off";
                    label for="token-scope" { (w.key_scope()) }
                    select #token-scope name="scope" { @for (scope, words) in SCOPES { option value=(scope) { (words(w)) } } }
                    button type="submit" { (w.make()) }
                }
            }
        }
    }
}

pub(super) async fn create_user(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut form = body.form().await?;
    let new = users::New {
        email: form.text("email"),
        password: form.text("password"),
        role: form.text("role"),
        name: Some(form.text("name")),
    };
    form.done()?;
    match users::make(&call, new).await {
        Ok(_) => Ok(see("/settings")),
        Err(problem) if problem.status.is_client_error() => {
            show(&call, problem.status, &html! {}, Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

/// Not redirected: the key is shown this once.
pub(super) async fn create_token(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let new = tokens::New { name: form.text("name"), scopes: vec![form.text("scope")], expires_at: None };
    form.done()?;
    match tokens::make(&call, new, None).await {
        Ok(made) => {
            let told = html! {
                div.told role="status" {
                    p { (call.words().new_key_once()) }
                    p { code #key { (secret::token_text(&made.bits)) } }
                }
            };
            show(&call, StatusCode::CREATED, &told, None).await
        }
        Err(problem) if problem.status.is_client_error() => {
            show(&call, problem.status, &html! {}, Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

pub(super) async fn revoke_token(call: Call) -> Page {
    tokens::revoke(&call).await?;
    Ok(see("/settings"))
}
