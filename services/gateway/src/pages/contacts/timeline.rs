//! What happened to a contact, as a list for people.

use maud::{Markup, html};
use proto::{
    contacts::{Change, Submission},
    search::Link,
};

use super::{fields, inbox, may_edit};
use crate::{
    call::Call,
    problem::Problem,
    routes::timeline::{self, Entry},
    words::Words,
};

const ENTRIES: i32 = 25;

/// A page of it. Without the search service it is shown without documents.
pub(super) async fn show(call: &Call, contact: &str, cursor: &str) -> Result<Markup, Problem> {
    let w = call.words();
    let (entries, next, whole) = match timeline::ask(call, contact, cursor, ENTRIES, true).await {
        Ok((entries, next)) => (entries, next, true),
        Err(problem) if problem.status.is_client_error() => return Err(problem),
        Err(_) => {
            let (entries, next) = timeline::ask(call, contact, cursor, ENTRIES, false).await?;
            (entries, next, false)
        }
    };
    Ok(html! {
        @if !whole { p.notice { (w.timeline_partly()) } }
        ul.links.timeline {
            @for entry in &entries {
                li {
                    p.quiet { (w.time(entry.at())) }
                    @match entry {
                        Entry::Submission(submission) => (message(w, submission)),
                        Entry::Document(link) => (document(w, link)),
                        Entry::Change(_, change) => (changed(w, contact, change, may_edit(call))),
                    }
                }
            }
        }
        @if !next.is_empty() { p.more { a href={ "/contacts/" (contact) "?cursor=" (next) } { (w.older()) } } }
    })
}

fn message(w: Words, submission: &Submission) -> Markup {
    let subject = if submission.subject.is_empty() { w.your_message() } else { submission.subject.as_str() };
    html! {
        p {
            (w.happened_message()) " " a href={ "/inbox/" (submission.id) } { (subject) } ": "
            span.quiet { (inbox::beginning(&submission.message)) }
        }
    }
}

fn document(w: Words, link: &Link) -> Markup {
    let page = link.evidence.first().map_or(1, |evidence| evidence.page);
    html! { p { (w.happened_document()) " " a href={ "/documents/" (link.document_id) "?page=" (page) } { (link.title) } } }
}

fn changed(w: Words, contact: &str, change: &Change, editor: bool) -> Markup {
    let of = |named: fn(Words, String) -> String, plain: &'static str| match change.fields.is_empty() {
        true => plain.to_owned(),
        false => named(w, fields(w, &change.fields)),
    };
    let words = match (change.entity.as_str(), change.action.as_str()) {
        ("submission", _) => w.happened_status(inbox::called(w, &change.status)),
        (_, "create") => w.happened_create().to_owned(),
        (_, "update") => of(|w, names| w.happened_update_of(names), w.happened_update()),
        (_, "import") => of(|w, names| w.happened_import_of(names), w.happened_import()),
        (_, "link") => w.happened_link().to_owned(),
        (_, "unlink") => w.happened_unlink().to_owned(),
        (_, "merge") if change.source_id == contact => w.happened_merged().to_owned(),
        (_, "merge") => w.happened_merge(&change.source_name),
        (_, "undo_merge") => w.happened_undo().to_owned(),
        _ => w.happened_else().to_owned(),
    };
    let undoable = editor && change.action == "merge" && change.in_force;
    html! {
        p { (words) }
        @if undoable { (undo(w, &change.merge_id)) }
    }
}

/// Makes two of a merged contact again.
pub(super) fn undo(w: Words, merge: &str) -> Markup {
    html! { form action={ "/contacts/merges/" (merge) "/undo" } method="post" { button type="submit" { (w.merge_undo()) } } }
}
