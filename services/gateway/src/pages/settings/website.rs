//! The contact form that a website pastes.

use maud::html;

use super::{Outcome, Page, frame};
use crate::call::Call;

/// What a static site pastes to send its contact form here.
pub(in crate::pages) fn snippet(call: &Call) -> String {
    let w = call.words();
    let origin = call.origin();
    let (name, email, message) = (w.form_name(), w.form_email(), w.form_message());
    let (empty, send) = (w.form_leave_empty(), w.form_send());
    format!(
        r#"<form action="{origin}/api/v1/submissions" method="post">
  <p><label>{name} <input name="name" required maxlength="200"></label></p>
  <p><label>{email} <input type="email" name="email" required></label></p>
  <p><label>{message} <textarea name="message" required maxlength="10000"></textarea></label></p>
  <p hidden><label>{empty} <input name="website" tabindex="-1" autocomplete="off"></label></p>
  <p><button>{send}</button></p>
</form>"#
    )
}

pub(super) async fn show(call: Call) -> Page {
    call.identity()?;
    call.query()?.done()?;
    let w = call.words();
    let content = html! {
        section aria-labelledby="website" {
            h2 #website { (w.website_form()) }
            p { (w.website_form_paste()) " " a href="/inbox" { (w.to_inbox()) } }
            pre.text { code #snippet { (snippet(&call)) } }
        }
    };
    Ok(frame(&call, "/settings/website", &Outcome::default(), &content))
}
