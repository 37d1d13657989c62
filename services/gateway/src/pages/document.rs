use actix_web::http::StatusCode;
use maud::{Markup, html};
use proto::documents::{Document, Insights};

use super::{Page, escaped, links, may_edit, page, time};
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
    let contacts = links::contacts(&call, id).await;
    let content = html! {
        h1 { (document.title) }
        p.quiet { (document.file_name) " · " (document.media_type) " · " (size(document.size)) }
        p #state data-document=(id) data-status=(documents::status_name(document.status)) role="status" aria-live="polite" {
            (state(&document))
        }
        p { a download href={ "/api/v1/documents/" (id) "/content" } { "Download" } }
        @if let Some(insights) = &document.insights { (about(insights)) }
        @if let Some(contacts) = contacts { (contacts) }
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
        @if may_edit(&call) { (actions(&document)) }
    };
    Ok(page(StatusCode::OK, &document.title, call.context.identity.as_deref(), &content))
}

/// What was understood of it.
fn about(insights: &Insights) -> Markup {
    let kinds = [
        ("email", "Addresses"),
        ("phone", "Phone numbers"),
        ("url", "Links"),
        ("date", "Dates"),
        ("amount", "Amounts"),
        ("iban", "Accounts"),
    ];
    let property = |name: &str| insights.properties.get(name).filter(|value| !value.is_empty());
    html! {
        @if !insights.summary.is_empty() { p { (insights.summary) } }
        @if let Some(author) = property("author") { p.quiet { "By " (author) } }
        p.quiet {
            (insights.words) " words, " (insights.reading_minutes) " minutes to read"
            @if let Some(language) = &insights.language { " · language: " (language.code) }
            @for other in &insights.other_languages {
                @if let Some(language) = &other.language { ", page " (other.page) ": " (language.code) }
            }
        }
        @if !insights.keywords.is_empty() {
            p { @for keyword in insights.keywords.iter().take(12) { a.tag href={ "/?q=" (escaped(&keyword.term)) } { (keyword.term) } " " } }
        }
        @if !insights.entities.is_empty() {
            details {
                summary { "What it names" }
                dl {
                    @for (kind, words) in kinds {
                        @let named: Vec<_> = insights.entities.iter().filter(|e| e.kind == kind).collect();
                        @if !named.is_empty() {
                            dt { (words) }
                            @for entity in named { dd { (entity.value) " " a href={ "?page=" (entity.page) } { "page " (entity.page) } } }
                        }
                    }
                }
            }
        }
    }
}

/// What may be done with it.
fn actions(document: &Document) -> Markup {
    let id = &document.id;
    let button = |action: &str, words: &str| {
        html! { form action={ "/documents/" (id) "/" (action) } method="post" { button type="submit" { (words) } } }
    };
    html! {
        div.actions {
            @match document.deleted_at {
                Some(at) => {
                    p.notice { "In the trash since " (time(at)) "." }
                    (button("restore", "Restore"))
                    details { summary { "Remove for good" } p { "It cannot be undone." } (button("purge", "Remove for good")) }
                }
                None => {
                    (button("reprocess", "Read it again"))
                    (button("trash", "To the trash"))
                }
            }
        }
    }
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

pub(super) fn size(bytes: i64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
