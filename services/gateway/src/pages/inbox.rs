//! The messages that the website's contact form has brought.

use actix_web::http::StatusCode;
use chassis::grpc::idempotent;
use maud::{Markup, html};
use proto::contacts::{ListSubmissionsRequest, Submission, UpdateSubmissionRequest};

use super::{Page, empty, escaped, may_edit, page, see, tabs};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::submissions::STATUS,
    words::{Word, Words},
};

const MESSAGES: i32 = 30;

/// What people call each status, and what moving a message there is called.
const WORDS: [(&str, Word, Word); 4] = [
    ("new", Words::message_new, Words::mark_new),
    ("read", Words::message_read, Words::mark_read),
    ("archived", Words::message_archived, Words::archive),
    ("spam", Words::message_spam, Words::mark_spam),
];

pub(super) async fn list(call: Call) -> Page {
    let mut query = call.query()?;
    let (status, cursor) = (query.word("status", &STATUS), query.value("cursor"));
    query.done()?;
    let shown = STATUS.iter().find(|(_, number)| *number == status.max(1)).map_or("new", |(name, _)| name);
    let request =
        ListSubmissionsRequest { status: status.max(1), cursor, limit: MESSAGES, count: true, ..Default::default() };
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_submissions(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    let editor = may_edit(&call);
    let w = call.words();
    let views = WORDS.map(|(name, words, _)| (format!("/inbox?status={name}"), words(w), name == shown));
    let content = html! {
        h1 { (w.place_inbox()) }
        (tabs(w.messages(), &views))
        @match found.count.unwrap_or_default() {
            0 => (empty(w.no_messages(), &html! {})),
            n => p.quiet { (w.messages_count(n)) },
        }
        ul.messages { @for message in &found.items { li { (one(w, message, shown, editor)) } } }
        @if !found.next_cursor.is_empty() {
            p.more { a href={ "/inbox?status=" (shown) "&cursor=" (found.next_cursor) } { (w.older()) } }
        }
    };
    Ok(page(&call, StatusCode::OK, w.place_inbox(), &content))
}

fn one(w: Words, message: &Submission, shown: &str, editor: bool) -> Markup {
    let subject = if message.subject.is_empty() { w.your_message() } else { message.subject.as_str() };
    html! {
        article aria-labelledby={ "m-" (message.id) } {
            h2 id={ "m-" (message.id) } { (message.name) @if !message.subject.is_empty() { ": " (message.subject) } }
            p.quiet {
                (w.time(message.created_at)) " · " (message.email)
                @if !message.contact_id.is_empty() { " · " a href={ "/contacts/" (message.contact_id) } { (w.contact()) } }
            }
            p.message { (message.message) }
            div.actions {
                a.button href={ "mailto:" (escaped(&message.email)) "?subject=" (escaped(&format!("Re: {subject}"))) } { (w.answer_by_mail()) }
                @if editor {
                    @for (name, _, action) in WORDS.into_iter().filter(|(name, ..)| *name != shown && *name != "new") {
                        form action={ "/inbox/" (message.id) } method="post" {
                            input type="hidden" name="back" value=(shown);
                            button name="status" value=(name) { (action(w)) }
                        }
                    }
                }
            }
        }
    }
}

/// Moves a message, and shows the list that it was in.
pub(super) async fn change(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let (status, back) = (form.word("status", &STATUS), form.word("back", &STATUS));
    form.done()?;
    let request = UpdateSubmissionRequest { id: call.part("id"), status, if_revision: None };
    call.state.contacts.clone().update_submission(request).await.map_err(Problem::from)?;
    let back = STATUS.iter().find(|(_, number)| *number == back).map_or("new", |(name, _)| name);
    Ok(see(&format!("/inbox?status={back}")))
}
