use actix_web::http::StatusCode;
use maud::html;
use proto::documents::Document;

use super::{Page, page};
use crate::{call::Call, routes::documents};

pub(super) async fn document(call: Call) -> Page {
    let mut query = call.query()?;
    let number = query.number("page", 1, i32::MAX).max(1);
    query.done()?;
    let document = documents::fetch(&call).await?;
    // Nothing to read before it has been read, nor when it could not be.
    let text = match document.page_count >= number {
        true => documents::pages(&call, number).await?.pages.into_iter().next().map(|page| page.text),
        false => None,
    };
    let id = &document.id;
    let content = html! {
        h1 { (document.title) }
        p.quiet { (document.file_name) " · " (document.media_type) " · " (size(document.size)) }
        p #state data-document=(id) data-status=(documents::status_name(document.status)) role="status" aria-live="polite" {
            (state(&document))
        }
        p { a download href={ "/api/v1/documents/" (id) "/content" } { "Download" } }
        @if let Some(insights) = document.insights.as_ref().filter(|i| !i.summary.is_empty()) {
            p { (insights.summary) }
        }
        @if let Some(text) = text {
            section aria-labelledby="page" {
                h2 #page { "Page " (number) " of " (document.page_count) }
                nav aria-label="Pages" {
                    @if number > 1 { a rel="prev" href={ "/documents/" (id) "?page=" (number - 1) } { "Previous" } " " }
                    @if number < document.page_count { a rel="next" href={ "/documents/" (id) "?page=" (number + 1) } { "Next" } }
                }
                pre.text { (text) }
            }
        }
    };
    Ok(page(StatusCode::OK, &document.title, call.context.identity.as_deref(), &content))
}

fn state(document: &Document) -> String {
    match (documents::status_name(document.status), &document.failure) {
        ("failed", Some(failure)) => format!("It could not be read: {}", failure.detail),
        ("failed", None) => "It could not be read.".to_owned(),
        ("ready", _) if document.page_count == 1 => "Ready, one page.".to_owned(),
        ("ready", _) => format!("Ready, {} pages.", document.page_count),
        _ => "Being read…".to_owned(),
    }
}

fn size(bytes: i64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
