use actix_web::{
    HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    http::{StatusCode, header},
};
use chassis::{Fault, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Body, Call, json, put},
    domain::{Identity, User, Via},
    error::Error,
    middleware::refuse_foreign,
    openapi::kind,
    problem::{Answer, Problem},
    secret::{self, COOKIE, Credential},
    totp::Proof,
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[schemars(with = "kind::Text<0, 1000>")]
    email: String,
    #[schemars(with = "kind::Text<0, 1000>")]
    password: String,
    /// A code of the authenticator app, or a recovery code; needed where `totp-required` is answered.
    #[serde(default)]
    #[schemars(with = "Option<kind::Text<0, 1000>>")]
    totp: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Who<'a> {
    id: Uuid,
    email: &'a str,
    name: &'a str,
    #[schemars(extend("enum" = ["viewer", "editor", "owner"]))]
    role: &'static str,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Session<'a> {
    user: Who<'a>,
    /// What this call may do at most, a token's scopes considered.
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'static str>,
}

fn who(user: &User) -> Who<'_> {
    Who { id: user.id, email: &user.email, name: &user.name, role: user.role.as_str() }
}

/// Checks an address and a password and makes a session; the pages do so too. Takes the same time
/// whether or not there is such an account.
pub(crate) async fn sign_in(
    call: &Call,
    email: &str,
    password: String,
    code: Option<&str>,
) -> Result<(User, Cookie<'static>), Problem> {
    let shared = &call.state.shared;
    refuse_foreign(call.request.headers(), shared)?;
    shared.limits.sign_in(email, call.context.client)?;
    // Neither could be stored, so neither can be right; and no query takes NUL.
    let email = if email.len() > 320 || email.contains('\0') { "" } else { email.trim() };
    let password = if password.len() > 1024 { String::new() } else { password };
    let account = shared.store.account(email).await?;
    let (id, hash) = account.map_or((None, None), |(id, hash)| (Some(id), Some(hash)));
    let right = shared.passwords.verify(password, hash).await?;
    let code = code.map(str::trim).filter(|code| !code.is_empty());
    let request_id = &call.context.request_id;
    let passed = match id.filter(|_| right) {
        Some(id) => {
            let proof = code.and_then(Proof::parse);
            shared.store.pass_second_factor(id, code.is_some(), proof, request_id).await.map(|()| id)
        }
        None => Err(Error::SignIn),
    };
    let outcome = if passed.is_ok() { "accepted" } else { "refused" };
    metrics::counter!("gateway_sign_ins_total", "outcome" => outcome).increment(1);
    let id = passed?;
    let text = secret::session_text(&secret::random());
    let user = shared.store.create_session(id, Credential::session(&text).hash(), request_id).await?;
    Ok((user, cookie(call, text, Duration::days(shared.session_days.into()))))
}

/// Ends the session of this call, if it has one; answers the cookie that makes the browser forget.
pub(crate) async fn sign_out(call: &Call) -> Result<Cookie<'static>, Problem> {
    if let Some(Identity { via: Via::Session(id), user_id, .. }) = call.context.identity.as_deref() {
        call.state.shared.store.delete_session(*id, call.by()).await?;
        call.state.shared.access.forget(*user_id);
    }
    Ok(cookie(call, String::new(), Duration::ZERO))
}

fn cookie(call: &Call, value: String, age: Duration) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(call.state.shared.secure())
        .max_age(age)
        .finish()
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    let sent = body.json::<SignIn>().await?.value;
    let (user, cookie) = sign_in(&call, &sent.email, sent.password, sent.totp.as_deref()).await?;
    let mut response = json(StatusCode::CREATED, &Session { user: who(&user), via: None })?;
    put(&mut response, header::LOCATION, "/api/v1/session");
    response.add_cookie(&cookie).map_err(Fault::internal)?;
    Ok(response)
}

pub(super) async fn get(call: Call) -> Answer {
    call.query()?.done()?;
    let who = call.identity()?;
    let role = call.context.caller.role().unwrap_or(Role::Viewer).as_str();
    let via = Some(if matches!(who.via, Via::Session(_)) { "session" } else { "token" });
    json(StatusCode::OK, &Session { user: Who { id: who.user_id, email: &who.email, name: &who.name, role }, via })
}

pub(super) async fn delete(call: Call) -> Answer {
    call.identity()?;
    let cookie = sign_out(&call).await?;
    Ok(HttpResponse::NoContent().cookie(cookie).finish())
}
