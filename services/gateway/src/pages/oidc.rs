//! There and back: signing in with an account that somebody has elsewhere.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use chassis::{Fault, FaultKind};

use super::{Page, see};
use crate::{
    call::Call,
    oidc::{Attempt, Oidc, Returned},
    problem::Problem,
    routes::session,
    secret::{self, Credential},
};

/// What a browser holds while it is away.
const COOKIE: &str = "dossier_oidc";
const PATH: &str = "/auth/oidc";
const MINUTES: i64 = 10;

fn provider(call: &Call) -> Result<&Oidc, Problem> {
    call.state.shared.oidc.as_ref().ok_or_else(|| Fault::not_found("page").into())
}

pub(super) async fn begin(call: Call) -> Page {
    let oidc = provider(&call)?;
    call.query()?.done()?;
    call.state.shared.limits.sign_in_elsewhere(call.context.client)?;
    let attempt: Attempt = secret::random();
    let target = oidc.begin(&attempt).await?;
    let text = secret::session_text(&attempt);
    call.state.shared.store.begin_attempt(Credential::session(&text).hash()).await?;
    let mut response = see(&target);
    response.add_cookie(&cookie(&call, text, Duration::minutes(MINUTES))).map_err(Fault::internal)?;
    Ok(response)
}

pub(super) async fn finish(call: Call) -> Page {
    let oidc = provider(&call)?;
    call.state.shared.limits.sign_in_elsewhere(call.context.client)?;
    let outcome = come_in(&call, oidc).await;
    let word = match &outcome {
        Ok(_) => "accepted",
        Err(problem) if problem.status.is_client_error() => "refused",
        Err(_) => "unavailable",
    };
    metrics::counter!("gateway_oidc_sign_ins_total", "outcome" => word).increment(1);
    let mut response = see("/");
    response.add_cookie(&outcome?).map_err(Fault::internal)?;
    response.add_cookie(&cookie(&call, String::new(), Duration::ZERO)).map_err(Fault::internal)?;
    Ok(response)
}

async fn come_in(call: &Call, oidc: &Oidc) -> Result<Cookie<'static>, Problem> {
    let mut query = call.query()?;
    let (code, state, issuer) = (query.get("code"), query.text("state"), query.get("iss"));
    let refusal = query.get("error");
    let held = call.request.cookie(COOKIE).map(|cookie| cookie.value().to_owned()).unwrap_or_default();
    let attempt = secret::session_bits(&held).ok_or_else(|| stale("this browser began no sign-in"))?;
    let returned = Returned { code: code.unwrap_or_default(), state, issuer };
    // Another attempt of this browser stays as it is when somebody makes it come here.
    if !Oidc::belongs(&attempt, &returned) {
        return Err(stale("this is not the sign-in that this browser began"));
    }
    let store = &call.state.shared.store;
    if !store.take_attempt(Credential::session(&held).hash()).await? {
        return Err(stale("this sign-in was finished already, or was begun too long ago"));
    }
    if refusal.is_some() || returned.code.is_empty() {
        return Err(stale("the identity provider did not let you in"));
    }
    let guest = oidc.finish(&attempt, returned).await?;
    let user = store.admit(&guest, &call.context.request_id).await?;
    // Its role may have changed.
    call.state.shared.access.forget(user);
    let (_, cookie) = session::open(call, user).await?;
    Ok(cookie)
}

fn stale(detail: &str) -> Problem {
    Fault::new(FaultKind::Forbidden, format!("{detail}; begin again")).because("oidc-failed").into()
}

/// Sent along when the issuer's page leads back, and to nothing else.
fn cookie(call: &Call, value: String, age: Duration) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .path(PATH)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(call.state.shared.secure())
        .max_age(age)
        .finish()
}
