//! Links between contacts and documents ↔ the domain.

use chassis::{Caller, Fault, Role};
use pg::PageRequest;
use proto::search::{self as wire, ListLinksRequest, ListLinksResponse, link};
use uuid::Uuid;

use crate::{
    error::Error,
    links::{Evidence, Link},
    store::Store,
};

pub(super) async fn list(store: &Store, caller: &Caller, sent: &ListLinksRequest) -> Result<ListLinksResponse, Error> {
    caller.require(Role::Viewer)?;
    let id = |text: &str, what: &str| text.parse::<Uuid>().map_err(|_| Fault::not_found(what));
    let (links, next_cursor) = match (sent.contact_id.as_str(), sent.document_id.as_str()) {
        (contact, "") => {
            let page = PageRequest::parse(&sent.cursor, sent.limit)?;
            let known = store.linkable(id(contact, "contact")?).await?;
            if known.is_empty() {
                return Err(Fault::not_found("contact").into());
            }
            store.documents_of(caller, &known, &page).await?
        }
        ("", document) => (store.contacts_of(caller, id(document, "document")?).await?, String::new()),
        _ => return Err(Fault::field("contact_id", "or document_id, not both").into()),
    };
    Ok(ListLinksResponse { items: links.iter().map(view).collect(), next_cursor })
}

fn view(link: &Link) -> wire::Link {
    wire::Link {
        document_id: link.document_id.to_string(),
        title: link.title.clone(),
        media_type: link.media_type.clone(),
        collection_id: link.collection_id.to_string(),
        created_at: link.created_at.as_microsecond(),
        contact_id: link.contact.id.to_string(),
        name: link.name.clone(),
        email: link.email.clone(),
        confirmed: link.confirmed,
        confidence: link.confidence(),
        evidence: link.evidence().into_iter().map(evidence).collect(),
        cursor: PageRequest::cursor(&(String::new(), link.document_id)),
    }
}

fn evidence(evidence: Evidence) -> link::Evidence {
    link::Evidence {
        kind: evidence.kind.to_owned(),
        page: evidence.page,
        snippet: evidence.snippet.text,
        ranges: evidence.snippet.ranges.into_iter().map(|(start, end)| wire::Range { start, end }).collect(),
    }
}
