//! Everybody who may sign in: invited, changed, disabled, removed.

use actix_web::{HttpResponse, http::StatusCode};
use chassis::Role;
use maud::{Markup, html};
use pg::PageRequest;

use super::{Outcome, Page, SHOWN, button, frame, role, roles, see};
use crate::{
    call::{Body, Call},
    domain::User,
    problem::Problem,
    routes::users,
    words::Words,
};

const HERE: &str = "/settings/people";

pub(super) async fn list(call: Call) -> Page {
    call.query()?.done()?;
    show(&call, Outcome::default()).await
}

async fn show(call: &Call, outcome: Outcome<'_>) -> Page {
    call.require(Role::Owner)?;
    let w = call.words();
    let (users, _) = call.state.shared.store.list_users(&PageRequest::parse("", SHOWN)?).await?;
    let content = html! {
        section aria-labelledby="people" {
            h2 #people { (w.people()) }
            table.stack {
                thead { tr { th { (w.email()) } th { (w.name()) } th { (w.role()) } th { (w.since()) } td {} } }
                tbody { @for user in &users { (row(w, user)) } }
            }
        }
        (invite_form(w, call.state.shared.mail.is_some()))
    };
    Ok(frame(call, HERE, &outcome, &content))
}

fn row(w: Words, user: &User) -> Markup {
    let id = format!("role-{}", user.id);
    html! {
        tr {
            td {
                (user.email)
                @if user.invited { " " span.badge.busy { (w.invited()) } }
                @if user.disabled_at.is_some() { " " span.badge.bad { (w.disabled()) } }
            }
            td data-label=(w.name()) { (user.name) }
            td data-label=(w.role()) { (role(w, user.role)) }
            td data-label=(w.since()) { (w.time(user.created_at.as_microsecond())) }
            td {
                details {
                    summary { (w.change()) span.quiet { " " (user.email) } }
                    form.fields action={ (HERE) "/" (user.id) } method="post" {
                        label for=(id) { (w.role()) }
                        select id=(id) name="role" { (roles(w, user.role)) }
                        label {
                            input type="checkbox" name="disabled" value="true" checked[user.disabled_at.is_some()];
                            " " (w.may_not_sign_in())
                        }
                        button type="submit" { (w.save()) }
                    }
                    div.actions {
                        (button(&format!("{HERE}/{}/invitation", user.id), if user.invited { w.invite_again() } else { w.link_for_password() }, ""))
                        (button(&format!("{HERE}/{}/totp", user.id), w.remove_second_factor(), ""))
                        (button(&format!("{HERE}/{}/remove", user.id), w.remove(), "danger"))
                    }
                }
            }
        }
    }
}

fn invite_form(w: Words, mail: bool) -> Markup {
    html! {
        section aria-labelledby="invite" {
            h2 #invite { (w.invite_somebody()) }
            p.quiet { @if mail { (w.invite_by_mail()) } @else { (w.invite_by_hand()) } }
            form.fields #new-person action=(HERE) method="post" {
                label for="user-email" { (w.email_address()) }
                input #user-email type="email" name="email" required autocomplete="off";
                label for="user-name" { (w.name()) }
                input #user-name name="name" maxlength="200" autocomplete="off";
                label for="user-role" { (w.role()) }
                select #user-role name="role" { (roles(w, Role::Viewer)) }
                button.primary type="submit" { (w.invite()) }
            }
        }
    }
}

/// Not redirected: the link is shown this once.
fn link(w: Words, url: &str, mailed: bool) -> Markup {
    html! {
        p { (w.link_once()) @if mailed { " " (w.link_mailed_too()) } }
        p { code #link { (url) } }
    }
}

async fn answer(call: &Call, outcome: Result<HttpResponse, Problem>) -> Page {
    match outcome {
        Ok(response) => Ok(response),
        Err(problem) => show(call, Outcome::refused(&problem)?).await,
    }
}

pub(super) async fn create(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut form = body.form().await?;
    let (email, name, role) = (form.text("email"), form.text("name"), form.text("role"));
    form.done()?;
    let new = users::New { email, password: None, role, name: Some(name), notify_submissions: None };
    match users::make(&call, new).await {
        Ok(made) => {
            let url = made.invited.map(|invited| users::invitation_url(&call, &invited.bits)).unwrap_or_default();
            let told = link(call.words(), &url, call.state.shared.mail.is_some());
            show(&call, Outcome::told(StatusCode::CREATED, told)).await
        }
        Err(problem) => show(&call, Outcome::refused(&problem)?).await,
    }
}

pub(super) async fn invite(call: Call) -> Page {
    match users::invite_again(&call).await {
        Ok((url, _)) => {
            let told = link(call.words(), &url, call.state.shared.mail.is_some());
            show(&call, Outcome::told(StatusCode::CREATED, told)).await
        }
        Err(problem) => show(&call, Outcome::refused(&problem)?).await,
    }
}

pub(super) async fn change(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut form = body.form().await?;
    let (role, disabled) = (form.text("role"), form.flag("disabled"));
    form.done()?;
    let patch = users::Patch { role: Some(role), disabled: Some(disabled), ..Default::default() };
    let changed = users::change(&call, call.id("id", "user")?, patch).await;
    answer(&call, changed.map(|_| see(HERE))).await
}

pub(super) async fn forget_second_factor(call: Call) -> Page {
    call.require(Role::Owner)?;
    let id = call.id("id", "user")?;
    let done = call.state.shared.store.delete_second_factor(call.by(), id).await;
    answer(&call, done.map(|()| see(HERE)).map_err(Problem::from)).await
}

pub(super) async fn remove(call: Call) -> Page {
    let removed = users::remove(&call).await;
    answer(&call, removed.map(|()| see(HERE))).await
}
