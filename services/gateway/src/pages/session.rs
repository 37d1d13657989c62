//! Signing in and out.

use maud::{Markup, html};

use super::{Page, notice, page, see};
use crate::{
    call::{Body, Call},
    problem::Problem,
    routes::session,
};

/// The form; with a field for the code once one is needed.
pub(super) fn sign_in_form(call: &Call, email: &str, trouble: Option<&Problem>, coded: bool) -> Markup {
    let (w, shared) = (call.words(), &call.state.shared);
    html! {
        section.sign-in aria-labelledby="sign-in" {
            h2 #sign-in { (w.sign_in()) }
            (notice(w, trouble))
            form.fields action="/sign-in" method="post" {
                label for="email" { (w.email_address()) }
                input #email type="email" name="email" value=(email) required autocomplete="username";
                label for="password" { (w.password()) }
                input #password type="password" name="password" required autocomplete="current-password";
                @if coded {
                    label for="totp" { (w.sign_in_code()) }
                    input #totp name="totp" required autocomplete="one-time-code" autocapitalize="none" spellcheck="false" maxlength="40";
                }
                button.primary type="submit" { (w.sign_in()) }
            }
            @if shared.mail.is_some() { p { a href="/forgotten" { (w.forgotten_password()) } } }
            @if let Some(oidc) = &shared.oidc { p { a.button #elsewhere href="/auth/oidc/start" { (w.sign_in_with(&oidc.name)) } } }
        }
    }
}

pub(super) async fn to_home(_: Call) -> Page {
    Ok(see("/"))
}

pub(super) async fn sign_in(call: Call, body: Body) -> Page {
    let mut form = body.form().await?;
    let (email, password, code) = (form.text("email"), form.text("password"), form.text("totp"));
    form.done()?;
    match session::sign_in(&call, &email, password, Some(&code)).await {
        Ok((_, cookie)) => {
            let mut response = see("/");
            response.add_cookie(&cookie).map_err(chassis::Fault::internal)?;
            Ok(response)
        }
        Err(problem) => {
            let coded = !code.is_empty() || problem.slug().starts_with("totp-");
            let w = call.words();
            let content = html! { h1 { "Dossier" } (sign_in_form(&call, &email, Some(&problem), coded)) };
            let mut response = page(&call, problem.status, w.sign_in(), &content);
            // How long to wait, mostly.
            for (name, value) in problem.head().finish().headers() {
                response.headers_mut().insert(name.clone(), value.clone());
            }
            Ok(response)
        }
    }
}

pub(super) async fn sign_out(call: Call) -> Page {
    let cookie = session::sign_out(&call).await?;
    let mut response = see("/");
    response.add_cookie(&cookie).map_err(chassis::Fault::internal)?;
    Ok(response)
}
