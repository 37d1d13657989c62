//! People, keys for programs, and the form for one's website.

use actix_web::http::{StatusCode, header};
use chassis::Role;
use maud::{Markup, html};
use pg::PageRequest;

use super::{Page, notice, page, second_factor, see, time};
use crate::{
    call::{Body, Call},
    domain::{Token, User},
    problem::Problem,
    routes::{tokens, users},
    secret,
};

const SHOWN: i32 = 200;

/// What a token may be made for here; the API offers finer ones.
const SCOPES: [(&str, &str); 3] =
    [("read", "Read everything"), ("write", "Read and write contacts and documents"), ("*", "All that you may do")];

pub(super) async fn settings(call: Call) -> Page {
    call.query()?.done()?;
    show(&call, StatusCode::OK, &html! {}, None).await
}

pub(super) async fn show(call: &Call, status: StatusCode, told: &Markup, refused: Option<&Problem>) -> Page {
    let user = call.identity()?.user_id;
    let store = &call.state.shared.store;
    let (tokens, _) = store.list_tokens(user, &PageRequest::parse("", SHOWN)?).await?;
    let users = match call.require(Role::Owner) {
        Ok(()) => Some(store.list_users(&PageRequest::parse("", SHOWN)?).await?.0),
        Err(_) => None,
    };
    let content = html! {
        h1 { "Settings" }
        (told)
        (notice(refused))
        (second_factor::section(&store.second_factor(user).await?))
        @if let Some(users) = &users { (people(users)) }
        (keys(&tokens))
        (website(call))
        section aria-labelledby="api" {
            h2 #api { "For programs" }
            p { a href="/api/docs/" { "The API, to read and to try" } }
        }
    };
    Ok(page(status, "Settings", call.context.identity.as_deref(), &content))
}

fn people(users: &[User]) -> Markup {
    html! {
        section aria-labelledby="people" {
            h2 #people { "People" }
            table {
                thead { tr { th { "E-mail" } th { "Name" } th { "Role" } th { "Since" } } }
                tbody {
                    @for user in users {
                        tr {
                            td { (user.email) }
                            td { (user.name) }
                            td { (user.role) @if user.disabled_at.is_some() { " (disabled)" } }
                            td { (time(user.created_at.as_microsecond())) }
                        }
                    }
                }
            }
            details {
                summary { "Add somebody" }
                form action="/settings/users" method="post" {
                    label for="user-email" { "E-mail address" }
                    input #user-email type="email" name="email" required autocomplete="off";
                    label for="user-name" { "Name" }
                    input #user-name name="name" maxlength="200" autocomplete="off";
                    label for="user-role" { "Role" }
                    select #user-role name="role" {
                        option value="viewer" { "Viewer: reads" }
                        option value="editor" { "Editor: reads and writes contacts and documents" }
                        option value="owner" { "Owner: everything" }
                    }
                    label for="user-password" { "First password, at least 8 characters" }
                    input #user-password type="password" name="password" required minlength="8" autocomplete="new-password";
                    button type="submit" { "Add" }
                }
            }
        }
    }
}

fn keys(tokens: &[Token]) -> Markup {
    html! {
        section aria-labelledby="tokens" {
            h2 #tokens { "Your keys for programs" }
            @if tokens.is_empty() { p.quiet { "None." } }
            table {
                @for token in tokens {
                    tr {
                        td { (token.name) }
                        td { (token.scopes.join(", ")) }
                        td {
                            @match token.last_used_at {
                                Some(at) => { "used " (time(at.as_microsecond())) }
                                None => "never used",
                            }
                        }
                        td { form action={ "/settings/tokens/" (token.id) } method="post" { button type="submit" { "Revoke" } } }
                    }
                }
            }
            details {
                summary { "Make a key" }
                form action="/settings/tokens" method="post" {
                    label for="token-name" { "What it is for" }
                    input #token-name name="name" required maxlength="100" autocomplete="off";
                    label for="token-scope" { "What it may do" }
                    select #token-scope name="scope" { @for (scope, words) in SCOPES { option value=(scope) { (words) } } }
                    button type="submit" { "Make" }
                }
            }
        }
    }
}

/// What a static site pastes to send its contact form here.
fn website(call: &Call) -> Markup {
    let shared = &call.state.shared;
    let host = call.header(header::HOST).unwrap_or("localhost");
    let origin = if shared.origin.is_empty() { format!("http://{host}") } else { shared.origin.clone() };
    let form = format!(
        r#"<form action="{origin}/api/v1/submissions" method="post">
  <p><label>Name <input name="name" required maxlength="200"></label></p>
  <p><label>E-mail <input type="email" name="email" required></label></p>
  <p><label>Message <textarea name="message" required maxlength="10000"></textarea></label></p>
  <p hidden><label>Leave this empty <input name="website" tabindex="-1" autocomplete="off"></label></p>
  <p><button>Send</button></p>
</form>"#
    );
    html! {
        section aria-labelledby="website" {
            h2 #website { "Your website's contact form" }
            p { "Paste this into any page. What people send arrives in the " a href="/inbox" { "inbox" } "." }
            pre.text { code #snippet { (form) } }
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
                    p { "The new key, shown this once:" }
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
