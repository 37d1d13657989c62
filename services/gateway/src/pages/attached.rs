//! A message and what is attached to it, from either end.

use maud::{Markup, html};
use proto::documents::{Document, GetDocumentRequest, ListDocumentsRequest};

use crate::call::Call;

/// More are not attached to one message.
const SHOWN: i32 = 100;

/// What the document is attached to, and what is attached to it. What cannot be looked up is not shown.
pub(super) async fn family(call: &Call, document: &Document) -> Markup {
    let parent = match document.parent_id.as_str() {
        "" => None,
        id => {
            let request = GetDocumentRequest { id: id.to_owned() };
            call.state.documents.clone().get_document(request).await.ok().map(|found| found.into_inner())
        }
    };
    let request = ListDocumentsRequest {
        parent_id: document.id.clone(),
        trashed: document.deleted_at.is_some(),
        limit: SHOWN,
        sort: "created_at".to_owned(),
        ..Default::default()
    };
    let listed = call.state.documents.clone().list_documents(request).await;
    let parts = listed.map(|found| found.into_inner().items).unwrap_or_default();
    let w = call.words();
    let link = |to: &Document| html! { a href={ "/documents/" (to.id) } { (to.title) } };
    html! {
        @if let Some(parent) = &parent { p { (w.attached_to()) " " (link(parent)) } }
        @if !parts.is_empty() {
            section aria-labelledby="attachments" {
                h2 #attachments { (w.attachments()) }
                ul { @for part in &parts { li { (link(part)) } } }
            }
        }
    }
}
