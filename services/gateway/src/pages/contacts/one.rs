//! One contact.

use actix_web::http::StatusCode;
use maud::{Markup, html};
use proto::contacts::{Contact, DeleteContactRequest, Tags, UpdateContactRequest};

use super::{
    Fields, Page, escaped, form, get, inbox, links, may_edit, notice, page, see, tag_links, timeline, upload_links,
};
use crate::{
    call::{Body, Call},
    problem::Problem,
    words::Words,
};

pub(in crate::pages) async fn show(call: Call) -> Page {
    show_with(call, None).await
}

async fn show_with(call: Call, refused: Option<(Fields, Problem)>) -> Page {
    let w = call.words();
    let mut query = call.query()?;
    let (cursor, merged, undone) = (query.value("cursor"), query.text("merged"), query.text("undone"));
    query.done()?;
    let contact = get(&call, &call.part("id")).await?;
    let (happened, documents, asking) = futures_util::join!(
        timeline::show(&call, &contact.id, &cursor),
        links::documents(&call, &contact.id),
        upload_links::section(&call, &contact.id)
    );
    let happened = happened?;
    let status = refused.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status);
    let fields = refused.as_ref().map_or_else(|| Fields::of(&contact), |(fields, _)| fields.clone());
    let content = html! {
        (told(w, may_edit(&call), &merged, &undone))
        h1 { (contact.name) }
        p {
            a href={ "mailto:" (escaped(&contact.email)) } { (contact.email) }
            @if !contact.phone.is_empty() { " · " a href={ "tel:" (escaped(&contact.phone)) } { (contact.phone) } }
            @if !contact.company.is_empty() { " · " (contact.company) }
        }
        p { (tag_links(&contact)) }
        p.quiet { (w.known_since()) " " (w.time(contact.created_at)) }
        div.split {
            section aria-labelledby="timeline" { h2 #timeline { (w.timeline()) } (happened) }
            div {
                (documents)
                @if let Some(asking) = asking { (asking) }
                (inbox::details(w, &contact.metadata))
                @if may_edit(&call) { (editing(w, &contact, &fields, refused.as_ref().map(|(_, problem)| problem))) }
            }
        }
    };
    Ok(page(&call, status, &contact.name, &content))
}

fn editing(w: Words, contact: &Contact, fields: &Fields, problem: Option<&Problem>) -> Markup {
    html! {
        section aria-labelledby="edit" {
            h2 #edit { (w.change()) }
            (notice(w, problem))
            (form(w, &format!("/contacts/{}", contact.id), fields, w.save()))
            p { a.button href={ "/contacts/" (contact.id) "/merge" } { (w.merge()) } }
            details {
                summary { (w.remove_contact()) }
                p { (w.remove_contact_warning()) }
                form action={ "/contacts/" (contact.id) "/remove" } method="post" { button.danger type="submit" { (w.remove_for_good()) } }
            }
        }
    }
}

/// What was just done to it, as the address says; only ids are taken from there.
fn told(w: Words, editor: bool, merged: &str, undone: &str) -> Markup {
    let id = |text: &str| text.parse::<uuid::Uuid>().ok();
    html! {
        @if let Some(merge) = id(merged) {
            div.told role="status" {
                p { (w.merge_done()) }
                @if editor { (timeline::undo(w, &merge.to_string())) }
            }
        }
        @if let Some(other) = id(undone) {
            p.told role="status" { (w.merge_undone()) " " a href={ "/contacts/" (other) } { (w.merge_restored()) } }
        }
    }
}

pub(in crate::pages) async fn change(call: Call, body: Body) -> Page {
    let mut sent = body.form().await?;
    let fields = Fields::read(&mut sent);
    sent.done()?;
    let request = UpdateContactRequest {
        id: call.part("id"),
        name: Some(fields.name.clone()),
        email: Some(fields.email.clone()),
        phone: Some(fields.phone.clone()),
        company: Some(fields.company.clone()),
        tags: Some(Tags { values: fields.tags() }),
        ..Default::default()
    };
    match call.state.contacts.clone().update_contact(request).await.map_err(Problem::from) {
        Ok(changed) => Ok(see(&format!("/contacts/{}", changed.into_inner().id))),
        Err(problem) if problem.status.is_client_error() && may_edit(&call) => {
            show_with(call, Some((fields, problem))).await
        }
        Err(problem) => Err(problem),
    }
}

pub(in crate::pages) async fn remove(call: Call) -> Page {
    let request = DeleteContactRequest { id: call.part("id"), if_revision: None };
    call.state.contacts.clone().delete_contact(request).await.map_err(Problem::from)?;
    Ok(see("/contacts"))
}
