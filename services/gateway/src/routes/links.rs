use actix_web::http::StatusCode;
use chassis::{Role, grpc::idempotent};
use proto::{contacts::DecideLinkRequest, documents::GetDocumentRequest, search as api};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    call::{Call, json, no_content},
    openapi::kind,
    problem::{Answer, Problem},
    wire::{List, Micros},
};

/// What shows that a contact is meant.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "LinkEvidence")]
pub(super) struct Evidence<'a> {
    #[schemars(extend("enum" = ["email", "phone", "name"]))]
    kind: &'a str,
    page: i32,
    snippet: &'a str,
    ranges: Vec<[i32; 2]>,
}

/// What is said of a link, whichever end is looked at.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Link")]
pub(super) struct Said<'a> {
    #[schemars(extend("enum" = ["suggested", "confirmed"]))]
    state: &'static str,
    #[schemars(range(min = 0, max = 1))]
    confidence: f64,
    evidence: Vec<Evidence<'a>>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct LinkedDocument<'a> {
    #[schemars(with = "kind::Id")]
    document_id: &'a str,
    title: &'a str,
    media_type: &'a str,
    #[schemars(with = "kind::Id")]
    collection_id: &'a str,
    created_at: Micros,
    #[serde(flatten)]
    said: Said<'a>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct LinkedContact<'a> {
    #[schemars(with = "kind::Id")]
    contact_id: &'a str,
    name: &'a str,
    email: &'a str,
    #[serde(flatten)]
    said: Said<'a>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct LinkedContacts<'a> {
    items: Vec<LinkedContact<'a>>,
}

fn said(link: &api::Link) -> Said<'_> {
    fn evidence(e: &api::link::Evidence) -> Evidence<'_> {
        let api::link::Evidence { kind, page, snippet, ranges } = e;
        Evidence { kind, page: *page, snippet, ranges: ranges.iter().map(|r| [r.start, r.end]).collect() }
    }
    Said {
        state: if link.confirmed { "confirmed" } else { "suggested" },
        confidence: link.confidence,
        evidence: link.evidence.iter().map(evidence).collect(),
    }
}

pub(super) fn document(link: &api::Link) -> LinkedDocument<'_> {
    LinkedDocument {
        document_id: &link.document_id,
        title: &link.title,
        media_type: &link.media_type,
        collection_id: &link.collection_id,
        created_at: Micros(link.created_at),
        said: said(link),
    }
}

fn contact(link: &api::Link) -> LinkedContact<'_> {
    LinkedContact { contact_id: &link.contact_id, name: &link.name, email: &link.email, said: said(link) }
}

/// Asks the search service; the pages do so too.
pub(crate) async fn ask(call: &Call, request: api::ListLinksRequest) -> Result<api::ListLinksResponse, Problem> {
    let ask = || {
        let (mut search, request) = (call.state.search.clone(), request.clone());
        async move { search.list_links(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

pub(super) async fn documents(call: Call) -> Answer {
    call.require(Role::Viewer)?;
    let mut query = call.query()?;
    let request = api::ListLinksRequest {
        contact_id: call.id("id", "contact")?.to_string(),
        cursor: query.value("cursor"),
        limit: query.number("limit", 1, 200),
        ..Default::default()
    };
    query.done()?;
    let found = ask(&call, request).await?;
    json(StatusCode::OK, &List::new(found.items.iter().map(document).collect(), found.next_cursor, None))
}

pub(super) async fn contacts(call: Call) -> Answer {
    call.require(Role::Viewer)?;
    call.query()?.done()?;
    super::documents::fetch(&call).await?;
    let request = api::ListLinksRequest { document_id: call.part("id"), ..Default::default() };
    let found = ask(&call, request).await?;
    json(StatusCode::OK, &LinkedContacts { items: found.items.iter().map(contact).collect() })
}

pub(super) async fn confirm(call: Call) -> Answer {
    decide(&call, call.part("id"), call.part("document_id"), true).await?;
    no_content()
}

pub(super) async fn refuse(call: Call) -> Answer {
    decide(&call, call.part("id"), call.part("document_id"), false).await?;
    no_content()
}

/// Remembers what the caller says; of a document that they may see.
pub(crate) async fn decide(call: &Call, contact: String, document: String, confirmed: bool) -> Result<(), Problem> {
    call.require(Role::Editor)?;
    let seen = || {
        let (mut documents, request) = (call.state.documents.clone(), GetDocumentRequest { id: document.clone() });
        async move { documents.get_document(request).await }
    };
    idempotent(seen).await?;
    let request = DecideLinkRequest { contact_id: contact, document_id: document, confirmed };
    call.state.contacts.clone().decide_link(request).await?;
    Ok(())
}
