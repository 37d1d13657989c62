//! Setting a password by a link: one's first one, or a new one; and asking for such a link.

use actix_web::{HttpResponse, http::StatusCode};
use chassis::{Fault, FaultKind};
use maud::html;

use super::{Page, notice, page, see};
use crate::{
    call::{Body, Call},
    domain::{Check, User},
    error::Error,
    middleware::refuse_foreign,
    problem::Problem,
    routes::session,
    secret::{Credential, Hash},
};

fn hash(call: &Call) -> Hash {
    *Credential::session(&call.part("token")).hash()
}

/// Only looks: a mail program that follows links must not use one up.
pub(super) async fn show(call: Call) -> Page {
    call.query()?.done()?;
    call.state.shared.limits.sign_in_elsewhere(call.context.client)?;
    let user = call.state.shared.store.invitation(&hash(&call)).await?;
    Ok(form(&call, StatusCode::OK, &user, &user.name, None))
}

pub(super) async fn accept(call: Call, body: Body) -> Page {
    let shared = &call.state.shared;
    refuse_foreign(call.request.headers(), shared)?;
    shared.limits.sign_in_elsewhere(call.context.client)?;
    let mut sent = body.form().await?;
    let (name, password) = (sent.get("name"), sent.text("password"));
    sent.done()?;
    let user = shared.store.invitation(&hash(&call)).await?;
    let name = name.filter(|_| user.invited);
    match set(&call, &user, name.as_deref(), password).await {
        Ok(()) => enter(&call, &user).await,
        Err(problem) if problem.status.is_client_error() => {
            let shown = name.as_deref().unwrap_or(&user.name);
            Ok(form(&call, problem.status, &user, shown, Some(&problem)))
        }
        Err(problem) => Err(problem),
    }
}

async fn set(call: &Call, user: &User, name: Option<&str>, password: String) -> Result<(), Problem> {
    let shared = &call.state.shared;
    let mut check = Check::default();
    let name = name.map(|name| check.line("name", name, 1, 200));
    let about = [user.email.as_str(), name.as_deref().unwrap_or(&user.name)];
    shared.passwords.examine(&mut check, "password", &password, &about).await;
    check.done()?;
    let password_hash = shared.passwords.hash(password).await?;
    let request_id = &call.context.request_id;
    let user = shared.store.accept_invitation(&hash(call), name.as_deref(), &password_hash, request_id).await?;
    shared.access.forget(user);
    Ok(())
}

/// Signed in at once, but for those of whom signing in takes more than a password.
async fn enter(call: &Call, user: &User) -> Page {
    let mut response = see("/");
    match call.state.shared.store.pass_second_factor(user.id, false, None, &call.context.request_id).await {
        Ok(()) => {
            let (_, cookie) = session::open(call, user.id).await?;
            response.add_cookie(&cookie).map_err(Fault::internal)?;
            Ok(response)
        }
        Err(Error::Fault(fault)) if fault.kind == FaultKind::Unauthenticated => Ok(response),
        Err(error) => Err(error.into()),
    }
}

fn form(call: &Call, status: StatusCode, user: &User, name: &str, trouble: Option<&Problem>) -> HttpResponse {
    let w = call.words();
    let title = if user.invited { w.welcome() } else { w.new_password() };
    let content = html! {
        h1 { (title) }
        (notice(w, trouble))
        p { (w.your_account(&user.email)) }
        form.fields action={ "/invitation/" (call.part("token")) } method="post" {
            @if user.invited {
                label for="name" { (w.your_name()) }
                input #name name="name" value=(name) required maxlength="200" autocomplete="name";
            }
            label for="password" { (w.choose_password()) }
            input #password type="password" name="password" required minlength="8" maxlength="256" autocomplete="new-password";
            button.primary type="submit" { (w.set_password()) }
        }
    };
    page(call, status, title, &content)
}

/// Only where a mail could be sent.
fn mailing(call: &Call) -> Result<(), Problem> {
    match call.state.shared.mail {
        Some(_) => Ok(()),
        None => Err(Fault::not_found("page").into()),
    }
}

pub(super) async fn ask(call: Call) -> Page {
    mailing(&call)?;
    call.query()?.done()?;
    let w = call.words();
    let content = html! {
        h1 { (w.forgotten_password()) }
        form.fields action="/forgotten" method="post" {
            label for="email" { (w.email_address()) }
            input #email type="email" name="email" required autocomplete="username";
            button.primary type="submit" { (w.mail_me_a_link()) }
        }
    };
    Ok(page(&call, StatusCode::OK, w.forgotten_password(), &content))
}

/// The same answer whether there is such an account or not.
pub(super) async fn forgotten(call: Call, body: Body) -> Page {
    mailing(&call)?;
    let shared = &call.state.shared;
    refuse_foreign(call.request.headers(), shared)?;
    shared.limits.sign_in_elsewhere(call.context.client)?;
    let mut sent = body.form().await?;
    let email = sent.text("email");
    sent.done()?;
    let email = email.trim();
    // What cannot be an address is nobody's; and nobody is mailed a link again and again.
    if (3..=254).contains(&email.len()) && shared.limits.forgotten(email).is_ok() {
        shared.store.queue_forgotten(email).await?;
        if let Some(mail) = &shared.mail {
            mail.queued();
        }
    }
    let w = call.words();
    let content = html! {
        h1 { (w.forgotten_password()) }
        p.told role="status" { (w.link_is_on_its_way()) }
        p { a href="/" { (w.back_to_start()) } }
    };
    Ok(page(&call, StatusCode::OK, w.forgotten_password(), &content))
}
