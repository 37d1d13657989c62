//! What stands beside the text of a document: what was understood, its versions, its history.

use std::time::Duration;

use chassis::grpc::idempotent;
use maud::{Markup, html};
use proto::documents::{Collection, Document, Event, Insights, ListVersionsRequest, Version, WatchEventsRequest};

use super::{escaped, notice};
use crate::{call::Call, problem::Problem, words::Words};

/// What has happened already comes at once; what happens next is followed by a script.
const HISTORY_TIME: Duration = Duration::from_millis(300);
const EVENTS: usize = 100;

/// What was understood of it.
pub(super) fn about(w: Words, insights: &Insights) -> Markup {
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
        section aria-labelledby="about" {
            h2 #about { (w.about()) }
            @if !insights.summary.is_empty() { p { (insights.summary) } }
            @if let Some(author) = property("author") { p.quiet { (w.by_author(author)) } }
            p.quiet {
                (w.words_count(insights.words)) ", " (w.minutes_to_read(insights.reading_minutes.into()))
                @if let Some(language) = &insights.language { " · " (w.language_is(w.language_name(&language.code))) }
                @for other in &insights.other_languages {
                    @if let Some(language) = &other.language { ", " (w.page_language(other.page, w.language_name(&language.code))) }
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
}

/// Title, tags and collection, to change.
pub(super) fn edit(w: Words, document: &Document, collections: &[Collection]) -> Markup {
    html! {
        details {
            summary { (w.change_document()) }
            form #edit.fields action={ "/documents/" (document.id) } method="post" {
                label for="title" { (w.title()) }
                input #title name="title" value=(document.title) required maxlength="255" autocomplete="off";
                label for="tags" { (w.tags_by_commas()) }
                input #tags name="tags" value=(document.tags.join(", ")) autocomplete="off";
                @if collections.len() > 1 {
                    label for="collection" { (w.facet_collection()) }
                    select #collection name="collection_id" {
                        @for collection in collections {
                            option value=(collection.id) selected[collection.id == document.collection_id] { (collection.name) }
                        }
                    }
                }
                button.primary type="submit" { (w.save()) }
            }
        }
    }
}

pub(super) async fn versions(call: &Call) -> Result<Vec<Version>, Problem> {
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), ListVersionsRequest { id: call.part("id") });
        async move { documents.list_versions(request).await }
    };
    Ok(idempotent(ask).await?.into_inner().items)
}

/// The versions, each to download; and the form for a new one.
pub(super) fn of_versions(
    w: Words,
    document: &Document,
    versions: Result<Vec<Version>, Problem>,
    editor: bool,
) -> Markup {
    let id = &document.id;
    html! {
        section aria-labelledby="versions" {
            h2 #versions { (w.versions()) }
            @match &versions {
                Err(problem) => (notice(w, Some(problem))),
                Ok(versions) => ul.plain {
                    @for version in versions {
                        li {
                            a download href={ "/api/v1/documents/" (id) "/content?version=" (version.number) } { (w.version(version.number)) }
                            " " span.quiet { (w.time(version.created_at)) " · " (w.size(version.size)) }
                            @if version.number == document.version { " " span.badge.good { (w.version_current()) } }
                        }
                    }
                },
            }
            @if editor && document.deleted_at.is_none() {
                details {
                    summary { (w.add_version()) }
                    form #new-version.fields action={ "/documents/" (id) "/versions" } method="post" enctype="multipart/form-data" {
                        label for="version-file" { (w.file()) }
                        input #version-file type="file" name="file" required;
                        button type="submit" { (w.upload()) }
                    }
                }
            }
        }
    }
}

/// What has happened to the current version so far.
pub(super) async fn history(call: &Call) -> Result<Vec<Event>, Problem> {
    let request = WatchEventsRequest { id: call.part("id"), after: 0 };
    let mut events = call.state.documents.clone().watch_events(request).await.map_err(Problem::from)?.into_inner();
    let mut past = Vec::new();
    let reading = async {
        while let Ok(Some(event)) = events.message().await
            && past.len() < EVENTS
        {
            past.push(event);
        }
    };
    // While it is being read the stream stays open: what came by then is the past.
    let _ = tokio::time::timeout(HISTORY_TIME, reading).await;
    Ok(past)
}

/// The stages, with the time that each took.
pub(super) fn of_history(w: Words, history: Result<Vec<Event>, Problem>) -> Markup {
    html! {
        section aria-labelledby="history" {
            h2 #history { (w.history()) }
            @match &history {
                Err(problem) => (notice(w, Some(problem))),
                Ok(events) => ol.history {
                    @for (index, event) in events.iter().enumerate() {
                        li {
                            (w.stage(&event.stage)) " "
                            span.quiet {
                                @match index.checked_sub(1).and_then(|before| events.get(before)) {
                                    Some(before) => (w.after(w.duration((event.at - before.at) as f64 / 1e6))),
                                    None => (w.time(event.at)),
                                }
                            }
                        }
                    }
                },
            }
        }
    }
}
