//! The contact form that a website pastes.

use actix_web::http::header;
use maud::{Markup, html};

use crate::call::Call;

/// What a static site pastes to send its contact form here.
pub(super) fn snippet(call: &Call) -> String {
    let w = call.words();
    let shared = &call.state.shared;
    let host = call.header(header::HOST).unwrap_or("localhost");
    let origin = if shared.origin.is_empty() { format!("http://{host}") } else { shared.origin.clone() };
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

/// The same, with what to do with it.
pub(super) fn section(call: &Call) -> Markup {
    let w = call.words();
    html! {
        section aria-labelledby="website" {
            h2 #website { (w.website_form()) }
            p { (w.website_form_paste()) " " a href="/inbox" { (w.to_inbox()) } }
            pre.text { code #snippet { (snippet(call)) } }
        }
    }
}
