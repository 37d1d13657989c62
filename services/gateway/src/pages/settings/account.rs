//! Oneself: name, language, notifications, password, where one is signed in, the second factor.

use actix_web::HttpResponse;
use chassis::Fault;
use maud::{Markup, html};
use pg::PageRequest;

use super::{Outcome, Page, SHOWN, button, frame, second_factor, see};
use crate::{
    call::{Body, Call},
    domain::Identity,
    pages::language,
    problem::Problem,
    routes::{session, sessions},
    store::{Profile, Session},
    words::{Language, Words, Zone},
};

const HERE: &str = "/settings";

pub(super) async fn account(call: Call) -> Page {
    call.query()?.done()?;
    show(&call, Outcome::default()).await
}

pub(super) async fn show(call: &Call, outcome: Outcome<'_>) -> Page {
    let (w, who, store) = (call.words(), call.identity()?, &call.state.shared.store);
    let (sessions, _) = store.list_sessions(who.user_id, &PageRequest::parse("", SHOWN)?).await?;
    let content = html! {
        (profile_form(w, &who, call.state.shared.mail.is_some()))
        (password_form(w))
        (signed_in(w, &sessions, &who))
        (second_factor::section(w, &store.second_factor(who.user_id).await?))
    };
    Ok(frame(call, HERE, &outcome, &content))
}

async fn answer(call: &Call, outcome: Result<HttpResponse, Problem>) -> Page {
    match outcome {
        Ok(response) => Ok(response),
        Err(problem) => show(call, Outcome::refused(&problem)?).await,
    }
}

fn profile_form(w: Words, who: &Identity, mail: bool) -> Markup {
    html! {
        section aria-labelledby="profile" {
            h2 #profile { (w.profile()) }
            p.quiet { (who.email) }
            form.fields action="/settings/profile" method="post" {
                label for="profile-name" { (w.your_name()) }
                input #profile-name name="name" value=(who.name) maxlength="200" autocomplete="name";
                label for="profile-language" { (w.choose_language()) }
                select #profile-language name="language" {
                    option value="" selected[who.language.is_empty()] { (w.language_of_browser()) }
                    @for (language, name) in Language::ALL {
                        option value=(language.tag()) lang=(language.tag()) selected[language.tag() == who.language] { (name) }
                    }
                }
                label for="profile-zone" { (w.time_zone()) }
                select #profile-zone name="time_zone" {
                    option value="" selected[who.time_zone.is_empty()] { (w.zone_of_browser()) }
                    @for zone in Zone::all() {
                        option value=(zone.name()) selected[zone.name() == who.time_zone] { (zone.name().replace('_', " ")) }
                    }
                }
                @if mail {
                    label {
                        input type="checkbox" name="notify" value="true" checked[who.notify_submissions];
                        " " (w.notify_me())
                    }
                }
                button.primary type="submit" { (w.save()) }
            }
        }
    }
}

fn password_form(w: Words) -> Markup {
    html! {
        section aria-labelledby="password-change" {
            h2 #password-change { (w.password()) }
            details {
                summary { (w.change_password()) }
                form.fields action="/settings/password" method="post" {
                    label for="password-old" { (w.old_password()) }
                    input #password-old type="password" name="password" required autocomplete="current-password";
                    label for="password-new" { (w.choose_password()) }
                    input #password-new type="password" name="new_password" required minlength="8" maxlength="256"
                        autocomplete="new-password" aria-describedby="password-hint";
                    p.hint #password-hint { (w.other_sessions_end()) }
                    button.primary type="submit" { (w.change_password()) }
                }
            }
        }
    }
}

fn signed_in(w: Words, sessions: &[Session], who: &Identity) -> Markup {
    html! {
        section aria-labelledby="sessions" {
            h2 #sessions { (w.your_sessions()) }
            table.stack {
                thead { tr { th { (w.device()) } th { (w.since()) } th { (w.last_seen()) } td {} } }
                tbody {
                    @for session in sessions {
                        tr {
                            td { @if session.device.is_empty() { (w.unknown_device()) } @else { (session.device) } }
                            td data-label=(w.since()) { (w.time(session.created_at.as_microsecond())) }
                            td data-label=(w.last_seen()) { (w.time(session.last_seen_at.as_microsecond())) }
                            td {
                                @if who.session() == Some(session.id) { span.badge.good { (w.this_session()) } }
                                @else { (button(&format!("/settings/sessions/{}", session.id), w.end_session(), "")) }
                            }
                        }
                    }
                }
            }
            @if sessions.len() > 1 { (button("/settings/sessions", w.end_other_sessions(), "danger")) }
        }
    }
}

pub(super) async fn profile(call: Call, body: Body) -> Page {
    call.identity()?;
    let mut form = body.form().await?;
    let mail = call.state.shared.mail.is_some();
    let (name, language, notify) = (form.text("name"), form.text("language"), form.flag("notify"));
    let time_zone = form.get("time_zone");
    form.done()?;
    let notify_submissions = mail.then_some(notify);
    let profile = Profile { name: Some(name), language: Some(language), time_zone, notify_submissions };
    let changed = session::change_profile(&call, profile).await;
    let response = changed.and_then(|_| {
        let mut response = see(HERE);
        // What was chosen in this browser before counts no more: this was said later.
        response.add_cookie(&language::forgotten(&call)).map_err(Fault::internal)?;
        Ok(response)
    });
    answer(&call, response).await
}

pub(super) async fn password(call: Call, body: Body) -> Page {
    call.identity()?;
    let mut form = body.form().await?;
    let (old, new) = (form.text("password"), form.text("new_password"));
    form.done()?;
    let changed = session::change_password(&call, old, new).await;
    let response = changed.and_then(|cookie| {
        let mut response = see(HERE);
        if let Some(cookie) = cookie {
            response.add_cookie(&cookie).map_err(Fault::internal)?;
        }
        Ok(response)
    });
    answer(&call, response).await
}

pub(super) async fn end(call: Call) -> Page {
    let ended = sessions::end(&call).await;
    answer(&call, ended.map(|()| see(HERE))).await
}

pub(super) async fn end_others(call: Call) -> Page {
    sessions::end_others(&call).await?;
    Ok(see(HERE))
}
