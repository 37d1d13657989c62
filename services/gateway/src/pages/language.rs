//! The choice of a language, kept in a cookie of the browser.

use actix_web::cookie::{Cookie, SameSite, time::Duration};

use super::{Page, same_site, see};
use crate::{
    call::{Body, Call},
    words::{COOKIE, Language},
};

const KEPT: Duration = Duration::days(365);

/// Remembers it, and goes back to the page it was chosen on.
pub(super) async fn choose(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let (tag, back) = (form.text("language"), form.text("back"));
    form.done()?;
    let language = Language::of_tag(&tag).ok_or_else(|| chassis::Fault::field("language", "must be one of en, de"))?;
    let mut response = see(if same_site(&back, &call) { &back } else { "/" });
    response.add_cookie(&cookie(&call, language.tag(), KEPT)).map_err(chassis::Fault::internal)?;
    Ok(response)
}

/// Makes a browser forget what was chosen in it.
pub(super) fn forgotten(call: &Call) -> Cookie<'static> {
    cookie(call, "", Duration::ZERO)
}

fn cookie(call: &Call, value: &'static str, age: Duration) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(call.state.shared.secure())
        .max_age(age)
        .finish()
}
