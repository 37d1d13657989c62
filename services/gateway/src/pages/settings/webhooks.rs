//! Other systems that are told what happens, and how that went.

use actix_web::{HttpResponse, http::StatusCode};
use chassis::Role;
use maud::{Markup, html};
use pg::PageRequest;

use super::{Outcome, Page, SHOWN, button, frame, see};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::webhooks,
    store::{Delivery, Webhook},
    webhooks::{EVENTS, secret_text},
    words::Words,
};

const HERE: &str = "/settings/webhooks";
/// Deliveries that are shown.
const LOG: i32 = 50;

pub(super) async fn list(call: Call) -> Page {
    call.query()?.done()?;
    show(&call, Outcome::default()).await
}

async fn show(call: &Call, outcome: Outcome<'_>) -> Page {
    call.require(Role::Owner)?;
    let w = call.words();
    let (hooks, _) = call.state.shared.store.list_webhooks(&PageRequest::parse("", SHOWN)?).await?;
    let content = html! {
        section aria-labelledby="hooks" {
            h2 #hooks { (w.settings_webhooks()) }
            p.quiet { (w.webhooks_are()) }
            @if hooks.is_empty() { p.quiet { (w.none()) } }
            @else {
                table.stack {
                    thead { tr { th { (w.address()) } th { (w.description()) } th { (w.events()) } th { (w.state()) } } }
                    tbody {
                        @for hook in &hooks {
                            tr {
                                td { a href={ (HERE) "/" (hook.id) } { (hook.url) } }
                                td data-label=(w.description()) { (hook.description) }
                                td data-label=(w.events()) { (hook.events.join(", ")) }
                                td data-label=(w.state()) { (active(w, hook.active)) }
                            }
                        }
                    }
                }
            }
        }
        section aria-labelledby="new" {
            h2 #new { (w.new_webhook()) }
            form.fields #new-webhook action=(HERE) method="post" {
                label for="hook-url" { (w.address()) }
                input #hook-url type="url" name="url" required maxlength="2000" placeholder="https://…" autocomplete="off";
                label for="hook-description" { (w.description()) }
                input #hook-description name="description" maxlength="200" autocomplete="off";
                (events(w, &EVENTS.map(str::to_owned)))
                button.primary type="submit" { (w.make()) }
            }
        }
    };
    Ok(frame(call, HERE, &outcome, &content))
}

fn active(w: Words, active: bool) -> Markup {
    html! { @if active { span.badge.good { (w.active()) } } @else { span.badge { (w.paused()) } } }
}

fn events(w: Words, chosen: &[String]) -> Markup {
    html! {
        fieldset {
            legend { (w.events()) }
            @for event in EVENTS {
                label {
                    input type="checkbox" name="event" value=(event) checked[chosen.iter().any(|c| c == event)];
                    " " code { (event) }
                }
            }
        }
    }
}

pub(super) async fn one(call: Call) -> Page {
    call.query()?.done()?;
    show_one(&call, Outcome::default()).await
}

async fn show_one(call: &Call, outcome: Outcome<'_>) -> Page {
    call.require(Role::Owner)?;
    let (w, store, id) = (call.words(), &call.state.shared.store, call.id("id", "webhook")?);
    let hook = store.get_webhook(id).await?;
    let (log, _) = store.list_deliveries(id, &PageRequest::parse("", LOG)?).await?;
    let path = format!("{HERE}/{id}");
    let content = html! {
        p { a href=(HERE) { (w.settings_webhooks()) } }
        h2 { (hook.url) " " (active(w, hook.active)) }
        div.actions {
            (button(&format!("{path}/test"), w.send_test(), "primary"))
            (button(&format!("{path}/remove"), w.remove_webhook(), "danger"))
        }
        (change_form(w, &path, &hook))
        section aria-labelledby="log" {
            h2 #log { (w.deliveries()) }
            @if log.is_empty() { p.quiet { (w.none()) } } @else { (deliveries(w, &log)) }
        }
    };
    Ok(frame(call, HERE, &outcome, &content))
}

fn change_form(w: Words, path: &str, hook: &Webhook) -> Markup {
    html! {
        details {
            summary { (w.change()) }
            form.fields action=(path) method="post" {
                label for="hook-url" { (w.address()) }
                input #hook-url type="url" name="url" value=(hook.url) required maxlength="2000";
                label for="hook-description" { (w.description()) }
                input #hook-description name="description" value=(hook.description) maxlength="200";
                (events(w, &hook.events))
                label { input type="checkbox" name="active" value="true" checked[hook.active]; " " (w.active()) }
                button type="submit" { (w.save()) }
            }
        }
    }
}

fn deliveries(w: Words, log: &[Delivery]) -> Markup {
    html! {
        table.stack #deliveries {
            thead { tr { th { (w.events()) } th { (w.state()) } th.number { (w.attempts()) } th { (w.last_attempt()) } th { (w.answer()) } } }
            tbody {
                @for delivery in log {
                    tr {
                        td { code { (delivery.event) } " " (w.time(delivery.created_at.as_microsecond())) }
                        td data-label=(w.state()) {
                            @match delivery.status.as_str() {
                                "delivered" => span.badge.good { (w.delivered()) },
                                "failed" => span.badge.bad { (w.given_up()) },
                                _ => span.badge.busy { (w.waiting()) },
                            }
                        }
                        td.number data-label=(w.attempts()) { (w.number(delivery.attempts.into())) }
                        td data-label=(w.last_attempt()) {
                            @if let Some(at) = delivery.last_attempt_at { (w.time(at.as_microsecond())) }
                        }
                        td data-label=(w.answer()) {
                            @if let Some(status) = delivery.response_status { (status) " " }
                            (delivery.error)
                        }
                    }
                }
            }
        }
    }
}

async fn answer(call: &Call, outcome: Result<HttpResponse, Problem>) -> Page {
    match outcome {
        Ok(response) => Ok(response),
        Err(problem) => show_one(call, Outcome::refused(&problem)?).await,
    }
}

/// Not redirected: the secret is shown this once.
pub(super) async fn create(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut form = body.form().await?;
    let (url, description, events) = (form.text("url"), form.text("description"), form.all("event"));
    form.done()?;
    match webhooks::make(&call, webhooks::New { url, events, description: Some(description) }, None).await {
        Ok((made, secret, _)) => {
            let w = call.words();
            let told = html! {
                p { (w.webhook_secret_once()) }
                p { code #secret { (secret_text(&secret)) } }
                p { a href={ (HERE) "/" (made.id) } { (made.url) } }
            };
            show(&call, Outcome::told(StatusCode::CREATED, told)).await
        }
        Err(problem) => show(&call, Outcome::refused(&problem)?).await,
    }
}

pub(super) async fn change(call: Call, body: Body) -> Page {
    call.require(Role::Owner)?;
    let mut form = body.form().await?;
    let patch = webhooks::Patch {
        url: Some(form.text("url")),
        description: Some(form.text("description")),
        events: Some(form.all("event")),
        active: Some(form.flag("active")),
    };
    form.done()?;
    let changed = webhooks::change(&call, patch).await;
    answer(&call, changed.map(|hook| see(&format!("{HERE}/{}", hook.id)))).await
}

pub(super) async fn test(call: Call) -> Page {
    call.require(Role::Owner)?;
    let (shared, id) = (&call.state.shared, call.id("id", "webhook")?);
    shared.store.queue_test(id).await?;
    shared.webhooks.queued();
    Ok(see(&format!("{HERE}/{id}")))
}

pub(super) async fn remove(call: Call) -> Page {
    call.require(Role::Owner)?;
    call.state.shared.store.delete_webhook(call.by(), call.id("id", "webhook")?, None).await?;
    Ok(see(HERE))
}
