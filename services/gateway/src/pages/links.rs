//! Contacts and the documents that name them, from either end.

use chassis::Role;
use maud::{Markup, html};
use proto::search::{Link, ListLinksRequest};

use super::{Page, may_edit, results::snippet, see};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::links,
};

const SHOWN: i32 = 50;

/// Documents that name the contact. Without the search service the page is shown without them.
pub(super) async fn documents(call: &Call, contact: &str) -> Markup {
    let request = ListLinksRequest { contact_id: contact.to_owned(), limit: SHOWN, ..Default::default() };
    let found = links::ask(call, request).await.map(|found| found.items);
    let entry = |link: &Link| {
        let page = link.evidence.first().map_or(1, |evidence| evidence.page);
        html! { a href={ "/documents/" (link.document_id) "?page=" (page) } { (link.title) } }
    };
    section(call, call.words().place_documents(), call.words().no_document_names_contact(), found, "contact", entry)
}

/// Contacts that the document names, for whoever may read contacts.
pub(super) async fn contacts(call: &Call, document: &str) -> Option<Markup> {
    call.require(Role::Viewer).ok()?;
    let request = ListLinksRequest { document_id: document.to_owned(), ..Default::default() };
    let found = links::ask(call, request).await.map(|found| found.items);
    let entry = |link: &Link| html! { a href={ "/contacts/" (link.contact_id) } { (link.name) } " " span.quiet { (link.email) } };
    Some(section(
        call,
        call.words().place_contacts(),
        call.words().document_names_no_contact(),
        found,
        "document",
        entry,
    ))
}

fn section(
    call: &Call,
    title: &str,
    none: &str,
    found: Result<Vec<Link>, Problem>,
    from: &str,
    entry: impl Fn(&Link) -> Markup,
) -> Markup {
    html! {
        section aria-labelledby="links" {
            h2 #links { (title) }
            @match &found {
                Err(_) => p.notice { (call.words().links_unavailable()) },
                Ok(links) if links.is_empty() => p.quiet { (none) },
                Ok(links) => ul.links { @for link in links { li { (entry(link)) (said(call, link, from)) } } },
            }
        }
    }
}

fn said(call: &Call, link: &Link, from: &str) -> Markup {
    let w = call.words();
    let seen = |kind: &str, page: i32| match kind {
        "email" => w.evidence_email(page),
        "phone" => w.evidence_phone(page),
        _ => w.evidence_name(page),
    };
    let decide = |decision: &str, words: &str| {
        let action = format!("/contacts/{}/documents/{}", link.contact_id, link.document_id);
        html! {
            form action=(action) method="post" {
                input type="hidden" name="from" value=(from);
                button name="decision" value=(decision) { (words) }
            }
        }
    };
    html! {
        " " span.quiet {
            "· " @if link.confirmed { (w.link_confirmed()) } @else { (w.link_likely(w.percent(link.confidence))) }
        }
        @for evidence in &link.evidence {
            p.quiet { (seen(&evidence.kind, evidence.page)) " " (snippet(&evidence.snippet, &evidence.ranges)) }
        }
        @if may_edit(call) {
            div.actions {
                @if !link.confirmed { (decide("confirm", w.link_confirm())) }
                (decide("refuse", w.link_refuse()))
            }
        }
    }
}

/// What somebody says of a link; back to the page that it was said on.
pub(super) async fn decide(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let (confirmed, from) = (form.text("decision") == "confirm", form.text("from"));
    form.done()?;
    let (contact, document) = (call.id("id", "contact")?, call.id("document_id", "document")?);
    links::decide(&call, contact.to_string(), document.to_string(), confirmed).await?;
    Ok(see(&match from.as_str() {
        "document" => format!("/documents/{document}"),
        _ => format!("/contacts/{contact}"),
    }))
}
