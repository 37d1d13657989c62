//! What guides the owner of an empty system to the first document and the first message.

use chassis::grpc::idempotent;
use maud::{Markup, html};
use proto::contacts::ListSubmissionsRequest;

use super::{may_edit, settings, uploads::upload_form};
use crate::{call::Call, domain::Identity, words::Words};

/// The steps, as long as one of them is left; `documents` is how many there are.
pub(super) async fn guide(call: &Call, documents: i64) -> Option<Markup> {
    let who = call.context.identity.as_deref().filter(|_| may_edit(call))?;
    // Whoever has both needs no guide. A step that cannot be looked up is not asked for.
    let messages = messages(call).await.unwrap_or(1);
    if documents > 0 && messages > 0 {
        return None;
    }
    let w = call.words();
    Some(html! {
        section.card.guide aria-labelledby="welcome" {
            h2 #welcome { (w.welcome()) }
            p { (w.welcome_lead()) }
            ol {
                li {
                    (heading(w, w.step_document(), documents > 0))
                    @if documents == 0 {
                        p { (w.step_document_how()) }
                        (upload_form(w, None, &[]))
                    }
                }
                li {
                    (heading(w, w.step_form(), messages > 0))
                    @if messages == 0 { (form(call, who)) }
                }
            }
        }
    })
}

fn heading(w: Words, words: &str, done: bool) -> Markup {
    html! { h3 { (words) @if done { " " span.badge.good { (w.step_done()) } } } }
}

fn form(call: &Call, who: &Identity) -> Markup {
    let w = call.words();
    let name = if who.name.is_empty() { who.email.as_str() } else { who.name.as_str() };
    html! {
        p { (w.step_form_how()) }
        pre.text tabindex="0" { code #snippet { (settings::snippet(call)) } }
        p.scripted { button type="button" data-copy="snippet" { (w.copy()) } }
        p { (w.step_form_try()) }
        form #trial.fields action="/api/v1/submissions" method="post" {
            input type="hidden" name="next" value="/inbox";
            input type="hidden" name="name" value=(name);
            input type="hidden" name="email" value=(who.email);
            label for="trial-message" { (w.form_message()) }
            textarea #trial-message name="message" rows="2" required maxlength="10000" { (w.trial_message()) }
            button type="submit" { (w.send_message()) }
        }
    }
}

async fn messages(call: &Call) -> Option<i64> {
    let request = ListSubmissionsRequest { limit: 1, count: true, ..Default::default() };
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.list_submissions(request).await }
    };
    Some(idempotent(ask).await.ok()?.into_inner().count.unwrap_or_default())
}
