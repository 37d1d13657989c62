use actix_web::http::StatusCode;
use maud::{Markup, html};
use proto::documents::{Document, Insights};

use super::{Page, escaped, links, may_edit, page};
use crate::{call::Call, routes::documents, words::Words};

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
    let (w, id) = (call.words(), &document.id);
    let contacts = links::contacts(&call, id).await;
    let content = html! {
        h1 { (document.title) }
        p.quiet { (document.file_name) " · " (document.media_type) " · " (w.size(document.size)) }
        p #state data-document=(id) data-status=(documents::status_name(document.status)) role="status" aria-live="polite" {
            (state(w, &document))
        }
        p { a download href={ "/api/v1/documents/" (id) "/content" } { (w.download()) } }
        @if let Some(insights) = &document.insights { (about(w, insights)) }
        @if let Some(contacts) = contacts { (contacts) }
        @if let Some(text) = text {
            section aria-labelledby="page" {
                h2 #page { (w.page_of_heading(number, document.page_count)) }
                nav aria-label=(w.pages()) {
                    @if number > 1 { a rel="prev" href={ "/documents/" (id) "?page=" (number - 1) } { (w.previous()) } " " }
                    @if number < document.page_count { a rel="next" href={ "/documents/" (id) "?page=" (number + 1) } { (w.next()) } }
                }
                pre.text { (text) }
            }
        }
        @if may_edit(&call) { (actions(w, &document)) }
    };
    Ok(page(&call, StatusCode::OK, &document.title, &content))
}

/// What was understood of it.
fn about(w: Words, insights: &Insights) -> Markup {
    let kinds = [
        ("email", w.entity_email()),
        ("phone", w.entity_phone()),
        ("url", w.entity_url()),
        ("date", w.entity_date()),
        ("amount", w.entity_amount()),
        ("iban", w.entity_iban()),
    ];
    let property = |name: &str| insights.properties.get(name).filter(|value| !value.is_empty());
    html! {
        @if !insights.summary.is_empty() { p { (insights.summary) } }
        @if let Some(author) = property("author") { p.quiet { (w.by_author(author)) } }
        p.quiet {
            (w.words_count(insights.words)) ", " (w.minutes_to_read(insights.reading_minutes.into()))
            @if let Some(language) = &insights.language { " · " (w.language_is(&language.code)) }
            @for other in &insights.other_languages {
                @if let Some(language) = &other.language { ", " (w.page_language(other.page, &language.code)) }
            }
        }
        @if !insights.keywords.is_empty() {
            p { @for keyword in insights.keywords.iter().take(12) { a.tag href={ "/?q=" (escaped(&keyword.term)) } { (keyword.term) } " " } }
        }
        @if !insights.entities.is_empty() {
            details {
                summary { (w.what_it_names()) }
                dl {
                    @for (kind, words) in kinds {
                        @let named: Vec<_> = insights.entities.iter().filter(|e| e.kind == kind).collect();
                        @if !named.is_empty() {
                            dt { (words) }
                            @for entity in named { dd { (entity.value) " " a href={ "?page=" (entity.page) } { (w.page_number(entity.page)) } } }
                        }
                    }
                }
            }
        }
    }
}

/// What may be done with it.
fn actions(w: Words, document: &Document) -> Markup {
    let id = &document.id;
    let button = |action: &str, words: &str| {
        html! { form action={ "/documents/" (id) "/" (action) } method="post" { button type="submit" { (words) } } }
    };
    html! {
        div.actions {
            @match document.deleted_at {
                Some(at) => {
                    p.notice { (w.in_trash_since()) " " (w.time(at)) "." }
                    (button("restore", w.restore()))
                    details { summary { (w.remove_for_good()) } p { (w.cannot_be_undone()) } (button("purge", w.remove_for_good())) }
                }
                None => {
                    (button("reprocess", w.read_again()))
                    (button("trash", w.to_trash()))
                }
            }
        }
    }
}

fn state(w: Words, document: &Document) -> String {
    match (documents::status_name(document.status), &document.failure) {
        ("failed", Some(failure)) => w.not_readable_because(&failure.detail),
        ("failed", None) => w.not_readable().to_owned(),
        ("ready", _) => w.ready_pages(document.page_count.into()),
        _ => w.being_read().to_owned(),
    }
}
