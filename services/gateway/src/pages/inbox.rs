//! The messages that the website's contact form has brought: as a list, and each by itself.

use actix_web::http::StatusCode;
use chassis::{FaultKind, Role, grpc::idempotent};
use futures_util::future::join_all;
use maud::{Markup, html};
use proto::contacts::{
    CountSubmissionsRequest, CountSubmissionsResponse, DeleteSubmissionRequest, GetSubmissionRequest,
    ListSubmissionsRequest, ListSubmissionsResponse, Submission, UpdateSubmissionRequest,
};

use super::{Page, empty, escaped, may_edit, page, see, tabs};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::submissions::STATUS,
    words::{Word, Words},
};

/// On a page of the list; as many may be chosen at once.
const MESSAGES: i32 = 30;
/// Of a message, in the list, in characters.
const BEGINNING: usize = 160;

/// Name, what people call it, what moving a message there is called, what is said when that is done.
type Status = (&'static str, Word, Word, fn(Words, i64) -> String);
const WORDS: [Status; 4] = [
    ("new", Words::message_new, Words::mark_new, Words::moved_to_new),
    ("read", Words::message_read, Words::mark_read, Words::moved_to_read),
    ("archived", Words::message_archived, Words::archive, Words::moved_to_archived),
    ("spam", Words::message_spam, Words::mark_spam, Words::moved_to_spam),
];

/// By its number; 0 is none.
fn status(number: i32) -> Option<&'static Status> {
    usize::try_from(number).ok().and_then(|number| WORDS.get(number.checked_sub(1)?))
}

/// What people call a status.
pub(super) fn called(w: Words, name: &str) -> &'static str {
    WORDS.iter().find(|(known, ..)| *known == name).map_or("", |(_, words, ..)| words(w))
}

/// Which part of the inbox is shown.
struct View {
    /// 0: all, when something is looked for.
    status: i32,
    q: String,
    cursor: String,
}

impl View {
    fn address(&self, cursor: &str) -> String {
        let mut address = "/inbox?".to_owned();
        if let Some((name, ..)) = status(self.status) {
            address += &format!("status={name}");
        }
        for (name, value) in [("q", self.q.as_str()), ("cursor", cursor)] {
            if !value.is_empty() {
                address += &format!("&{name}={}", escaped(value));
            }
        }
        address.replace("?&", "?")
    }
}

pub(super) async fn list(call: Call) -> Page {
    let mut query = call.query()?;
    let (mut number, q, cursor) = (query.word("status", &STATUS), query.text("q"), query.value("cursor"));
    let (done, moved) = (query.word("done", &STATUS), query.number("moved", 0, MESSAGES));
    query.done()?;
    if number == 0 && q.trim().is_empty() {
        number = 1;
    }
    let view = View { status: number, q, cursor };
    let (found, counts) = futures_util::try_join!(ask(&call, &view), counts(&call))?;
    let (w, editor) = (call.words(), may_edit(&call));
    let of = [counts.new, counts.read, counts.archived, counts.spam];
    let named: Vec<String> =
        WORDS.iter().zip(of).map(|((_, words, ..), n)| format!("{} ({})", words(w), w.number(n))).collect();
    let tab = |(number, named): (i32, &'_ String)| {
        let part = View { status: number, q: view.q.clone(), cursor: String::new() };
        (part.address(""), named.clone(), number == view.status)
    };
    let parts: Vec<_> = (1..).zip(&named).map(tab).collect();
    let views: Vec<_> = parts.iter().map(|(address, named, shown)| (address.clone(), named.as_str(), *shown)).collect();
    let content = html! {
        h1 { (w.place_inbox()) }
        @if let Some((_, _, _, said)) = status(done) { p.told role="status" { (said(w, moved.into())) } }
        form.search action="/inbox" method="get" role="search" {
            label for="q" { (w.find_message()) }
            input #q type="search" name="q" value=(view.q) maxlength="200" autocomplete="off";
            button type="submit" { (w.find()) }
        }
        (tabs(w.place_inbox(), &views))
        @if found.items.is_empty() {
            (nothing(w, &view, of.iter().sum::<i64>() == 0))
        } @else {
            @if editor { (choosing(w, &view, &found)) } @else { (messages(w, &view, &found, false)) }
            p.more {
                @if !view.cursor.is_empty() { a href=(view.address("")) { (w.newest()) } " " }
                @if !found.next_cursor.is_empty() { a href=(view.address(&found.next_cursor)) { (w.older()) } }
            }
        }
    };
    Ok(page(&call, StatusCode::OK, w.place_inbox(), &content))
}

async fn ask(call: &Call, view: &View) -> Result<ListSubmissionsResponse, Problem> {
    let request = ListSubmissionsRequest {
        status: view.status,
        q: view.q.trim().to_owned(),
        cursor: view.cursor.clone(),
        limit: MESSAGES,
        ..Default::default()
    };
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_submissions(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

async fn counts(call: &Call) -> Result<CountSubmissionsResponse, Problem> {
    let ask = || {
        let mut contacts = call.state.contacts.clone();
        async move { contacts.count_submissions(CountSubmissionsRequest {}).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

/// The list within the form that moves what is chosen of it.
fn choosing(w: Words, view: &View, found: &ListSubmissionsResponse) -> Markup {
    let back = status(view.status).map_or("", |(name, ..)| *name);
    html! {
        form #chosen action="/inbox" method="post" {
            input type="hidden" name="back" value=(back);
            input type="hidden" name="q" value=(view.q);
            div.actions role="group" aria-label=(w.with_chosen_messages()) {
                label.scripted { input #all type="checkbox"; " " (w.choose_all_messages()) }
                @for (name, _, action, _) in WORDS.iter().filter(|(name, ..)| *name != back) {
                    button name="status" value=(name) { (if back == "spam" && *name == "new" { w.not_spam() } else { action(w) }) }
                }
            }
            (messages(w, view, found, true))
        }
    }
}

fn messages(w: Words, view: &View, found: &ListSubmissionsResponse, choose: bool) -> Markup {
    html! {
        ul.mails {
            @for message in &found.items {
                li.unread[message.status == 1] {
                    @if choose {
                        input type="checkbox" name="id" value=(message.id) aria-label=(w.choose_message(&message.name));
                    }
                    a href={ "/inbox/" (message.id) } {
                        span.from { (message.name) }
                        span.said {
                            @if !message.subject.is_empty() { b { (message.subject) } " " }
                            span.quiet { (beginning(&message.message)) }
                        }
                    }
                    span.when {
                        @if view.status == 0 { (badge(w, message)) " " }
                        (w.time(message.created_at))
                    }
                }
            }
        }
    }
}

fn badge(w: Words, message: &Submission) -> Markup {
    let (words, class) = match status(message.status) {
        Some((name, words, ..)) => (
            words(w),
            match *name {
                "new" => "badge busy",
                "spam" => "badge bad",
                _ => "badge",
            },
        ),
        None => ("", "badge"),
    };
    html! { span class=(class) { (words) } }
}

/// One line of it.
pub(super) fn beginning(message: &str) -> String {
    let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(BEGINNING) {
        None => words,
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
    }
}

fn nothing(w: Words, view: &View, ever: bool) -> Markup {
    let link = |address: &str, words: &str| html! { p { a.button href=(address) { (words) } } };
    if !view.q.trim().is_empty() {
        return empty(w.no_message_found(), &link("/inbox", w.all_messages()));
    }
    match status(view.status).map_or("", |(name, ..)| name) {
        _ if ever => empty(w.no_message_ever(), &link("/settings#website", w.get_form())),
        "new" => empty(w.nothing_new(), &link("/inbox?status=read", w.see_read_messages())),
        "read" => empty(w.no_read_messages(), &html! {}),
        "archived" => empty(w.no_archived_messages(), &html! {}),
        _ => empty(w.no_spam_messages(), &html! {}),
    }
}

/// Moves all that are chosen; what is gone meanwhile is not counted.
pub(super) async fn move_chosen(call: Call, body: Body) -> Page {
    call.require(Role::Editor)?;
    let mut form = body.form().await?;
    let (ids, wanted) = (form.all("id"), form.word("status", &STATUS));
    let back = form.get("back").filter(|back| !back.is_empty());
    let back = STATUS.iter().find(|(name, _)| Some(*name) == back.as_deref()).map_or(0, |(_, number)| *number);
    let view = View { status: back, q: form.text("q"), cursor: String::new() };
    form.done()?;
    let ids = ids.into_iter().take(usize::try_from(MESSAGES).unwrap_or_default());
    let mut moved = 0;
    for outcome in join_all(ids.map(|id| set(&call, id, wanted))).await {
        match outcome {
            Ok(()) => moved += 1,
            Err(problem) if problem.fault.kind == FaultKind::NotFound => {}
            Err(problem) => return Err(problem),
        }
    }
    let done = status(wanted).map_or("", |(name, ..)| name);
    let address = view.address("");
    let join = if address.ends_with('?') { "" } else { "&" };
    Ok(see(&format!("{address}{join}done={done}&moved={moved}")))
}

async fn set(call: &Call, id: String, status: i32) -> Result<(), Problem> {
    let request = UpdateSubmissionRequest { id, status, if_revision: None };
    call.state.contacts.clone().update_submission(request).await?;
    Ok(())
}

/// One message. It is new until somebody says otherwise; a script says so for whoever may.
pub(super) async fn one(call: Call) -> Page {
    call.query()?.done()?;
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), GetSubmissionRequest { id: call.part("id") });
        async move { contacts.get_submission(request).await }
    };
    let message = idempotent(ask).await?.into_inner();
    let (w, editor) = (call.words(), may_edit(&call));
    let name = status(message.status).map_or("new", |(name, ..)| name);
    let title = if message.subject.is_empty() { w.your_message() } else { message.subject.as_str() };
    let content = html! {
        p { a href={ "/inbox?status=" (name) } { (w.back_to_inbox()) } }
        article #message data-id=(message.id) data-read=[(editor && name == "new").then_some(w.message_read())] {
            h1 { (message.name) @if !message.subject.is_empty() { ": " (message.subject) } }
            p {
                (badge(w, &message)) " "
                a href={ "mailto:" (escaped(&message.email)) } { (message.email) } " · " (w.time(message.created_at))
                @if !message.contact_id.is_empty() { " · " a href={ "/contacts/" (message.contact_id) } { (w.from_contact()) } }
            }
            p.message.card { (message.message) }
            (details(w, &message.metadata))
            div.actions {
                a.button.primary href={ "mailto:" (escaped(&message.email)) "?subject=" (escaped(&format!("Re: {title}"))) } { (w.answer_by_mail()) }
                @if editor {
                    form action={ "/inbox/" (message.id) } method="post" {
                        input type="hidden" name="back" value=(name);
                        div.actions {
                            @for (to, _, action, _) in WORDS.iter().filter(|(to, ..)| *to != name) {
                                button name="status" value=(to) { (if name == "spam" && *to == "new" { w.not_spam() } else { action(w) }) }
                            }
                        }
                    }
                }
            }
            @if editor {
                details {
                    summary { (w.remove_message()) }
                    p { (w.cannot_be_undone()) }
                    form action={ "/inbox/" (message.id) "/remove" } method="post" { button.danger type="submit" { (w.remove_for_good()) } }
                }
            }
        }
    };
    Ok(page(&call, StatusCode::OK, &message.name, &content))
}

/// What was sent besides, by name.
pub(super) fn details(w: Words, metadata: &str) -> Markup {
    let metadata: serde_json::Map<String, serde_json::Value> = serde_json::from_str(metadata).unwrap_or_default();
    html! {
        @if !metadata.is_empty() {
            h2 { (w.further_details()) }
            dl {
                @for (name, value) in &metadata {
                    dt { (name) }
                    dd.message { @match value { serde_json::Value::String(text) => (text), other => (other) } }
                }
            }
        }
    }
}

/// Moves a message, and shows the list that it was in.
pub(super) async fn change(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let (wanted, back) = (form.word("status", &STATUS), form.word("back", &STATUS));
    form.done()?;
    set(&call, call.part("id"), wanted).await?;
    let (back, done) = (status(back).map_or("new", |(name, ..)| name), status(wanted).map_or("", |(name, ..)| name));
    Ok(see(&format!("/inbox?status={back}&done={done}&moved=1")))
}

pub(super) async fn remove(call: Call) -> Page {
    let request = DeleteSubmissionRequest { id: call.part("id"), if_revision: None };
    call.state.contacts.clone().delete_submission(request).await.map_err(Problem::from)?;
    Ok(see("/inbox"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_message_is_one_line_of_whole_letters() {
        assert_eq!(beginning(" a\n\n b\tc "), "a b c");
        let long = beginning(&"ä".repeat(500));
        assert_eq!(long.chars().count(), BEGINNING + 1);
    }

    #[test]
    fn a_view_has_an_address() {
        let view = |status, q: &str| View { status, q: q.into(), cursor: String::new() };
        assert_eq!(view(1, "").address(""), "/inbox?status=new");
        assert_eq!(view(0, "a b").address("x"), "/inbox?q=a%20b&cursor=x");
    }
}
