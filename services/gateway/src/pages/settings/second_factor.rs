//! The authenticator app: set up, confirmed, given up.

use std::fmt::Write;

use actix_web::http::StatusCode;
use chassis::Fault;
use maud::{Markup, html};
use qrcode::{Color, QrCode};

use super::{Outcome, Page, account, see};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::totp::{self, Begun},
    store::SecondFactor,
    words::Words,
};

/// Light modules around the picture, which readers need.
const MARGIN: usize = 4;

/// What the settings say about it.
pub(super) fn section(w: Words, found: &SecondFactor) -> Markup {
    html! {
        section aria-labelledby="second-factor" {
            h2 #second-factor { (w.second_factor()) }
            @if let Some(since) = found.confirmed_at {
                p {
                    (w.second_factor_since()) " " (w.time(since.as_microsecond())) ". "
                    (w.recovery_codes_left(found.recovery_codes))
                }
                details {
                    summary { (w.second_factor_off()) }
                    (with_password(w, "/settings/totp/disable", "totp-off", w.disable()))
                }
            } @else {
                p.quiet { (w.password_alone()) }
                details {
                    summary { (w.second_factor_on()) }
                    (with_password(w, "/settings/totp", "totp-on", w.set_up()))
                }
            }
        }
    }
}

fn with_password(w: Words, action: &str, id: &str, words: &str) -> Markup {
    html! {
        form.fields action=(action) method="post" {
            label for=(id) { (w.your_password()) }
            input id=(id) type="password" name="password" required autocomplete="current-password";
            button type="submit" { (words) }
        }
    }
}

fn set_up(w: Words, begun: &Begun) -> Markup {
    html! {
            p { (w.scan_this()) }
            (picture(w, &begun.uri))
            p { code #totp-secret { (begun.secret) } }
            p.quiet { code { (begun.uri) } }
            form action="/settings/totp/confirm" method="post" {
                label for="totp-first" { (w.code_shown_now()) }
                input #totp-first name="totp" required inputmode="numeric" autocomplete="one-time-code" maxlength="12";
                button type="submit" { (w.confirm()) }
            }
    }
}

/// Drawn as one path: nothing in it needs a style.
fn picture(w: Words, text: &str) -> Markup {
    let Ok(code) = QrCode::new(text) else { return html! {} };
    let (width, mut path) = (code.width(), String::new());
    for (index, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        // Writing to a String cannot fail.
        let _ = write!(path, "M{} {}h1v1h-1z", index % width + MARGIN, index / width + MARGIN);
    }
    let side = width + 2 * MARGIN;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (side) " " (side) } width="240" height="240" role="img"
            aria-label=(w.qr_code()) shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}

async fn refused(call: &Call, problem: Problem) -> Page {
    account::show(call, Outcome::refused(&problem)?).await
}

pub(super) async fn begin(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let password = form.text("password");
    form.done()?;
    match totp::begin(&call, password).await {
        Ok(begun) => account::show(&call, Outcome::told(StatusCode::OK, set_up(call.words(), &begun))).await,
        Err(problem) => refused(&call, problem).await,
    }
}

/// Not redirected: the codes are shown this once.
pub(super) async fn confirm(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let code = form.text("totp");
    form.done()?;
    match totp::finish(&call, &code).await {
        Ok((codes, cookie)) => {
            let told = html! {
                p { (call.words().keep_recovery_codes()) }
                ul #recovery-codes { @for code in &codes { li { code { (code) } } } }
            };
            let mut response = account::show(&call, Outcome::told(StatusCode::OK, told)).await?;
            if let Some(cookie) = cookie {
                response.add_cookie(&cookie).map_err(Fault::internal)?;
            }
            Ok(response)
        }
        Err(problem) => refused(&call, problem).await,
    }
}

pub(super) async fn disable(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let password = form.text("password");
    form.done()?;
    match totp::end(&call, password).await {
        Ok(()) => Ok(see("/settings")),
        Err(problem) => refused(&call, problem).await,
    }
}
