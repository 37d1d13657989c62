//! The second factor of whoever is signed in.

use actix_web::{
    cookie::Cookie,
    http::{StatusCode, header},
};
use chassis::{Fault, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Body, Call, json, no_content},
    openapi::kind,
    problem::{Answer, Problem},
    routes::session,
    totp::{self, Proof},
    wire::Time,
};

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SecondFactor")]
pub(super) struct State {
    enabled: bool,
    /// Since when it is asked for.
    enabled_at: Option<Time>,
    /// Of those that were shown, not used yet.
    recovery_codes_left: i64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordAgain")]
pub(super) struct Again {
    /// Of whoever calls: a session or a token alone does not change this.
    #[schemars(with = "kind::Text<0, 1000>")]
    password: String,
}

/// What the authenticator app needs; shown this once, and not in use until it is confirmed.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "NewSecondFactor")]
pub(crate) struct Begun {
    /// For typing: base32.
    pub(crate) secret: String,
    /// For a picture: `otpauth://…`.
    pub(crate) uri: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SecondFactorCode")]
pub(super) struct Code {
    /// The six digits that the app shows.
    #[schemars(regex(pattern = "^[0-9]{6}$"))]
    totp: String,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "RecoveryCodes")]
pub(super) struct Codes {
    /// Each is good for one sign-in in place of a code of the app; shown this once.
    recovery_codes: Vec<String>,
}

pub(super) async fn get(call: Call) -> Answer {
    let user = call.identity()?.user_id;
    call.query()?.done()?;
    let found = call.state.shared.store.second_factor(user).await?;
    let state = State {
        enabled: found.confirmed_at.is_some(),
        enabled_at: found.confirmed_at.map(Time),
        recovery_codes_left: found.recovery_codes,
    };
    json(StatusCode::OK, &state)
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.identity()?;
    let sent = body.json::<Again>().await?.value;
    json(StatusCode::OK, &begin(&call, sent.password).await?)
}

pub(super) async fn confirm(call: Call, body: Body) -> Answer {
    call.identity()?;
    let sent = body.json::<Code>().await?.value;
    let (recovery_codes, cookie) = finish(&call, &sent.totp).await?;
    let mut response = json(StatusCode::OK, &Codes { recovery_codes })?;
    if let Some(cookie) = cookie {
        response.add_cookie(&cookie).map_err(Fault::internal)?;
    }
    Ok(response)
}

pub(super) async fn disable(call: Call, body: Body) -> Answer {
    call.identity()?;
    let sent = body.json::<Again>().await?.value;
    end(&call, sent.password).await?;
    no_content()
}

/// For somebody who lost the app and the codes.
pub(super) async fn delete(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let user: Uuid = call.id("id", "user")?;
    call.state.shared.store.delete_second_factor(call.by(), user).await?;
    no_content()
}

/// Checks the password once more: who finds an open session must not be able to take it over.
pub(super) async fn ask_again(call: &Call, password: String) -> Result<Uuid, Problem> {
    let (who, shared) = (call.identity()?, &call.state.shared);
    shared.limits.sign_in(&who.email, call.context.client)?;
    let stored = shared.store.password_hash(who.user_id).await?;
    let password = if password.len() > 1024 { String::new() } else { password };
    match shared.passwords.verify(password, stored).await? {
        true => Ok(who.user_id),
        false => Err(Fault::forbidden("this is not your password").because("wrong-password").into()),
    }
}

/// Makes a secret for the app; the pages do so too.
pub(crate) async fn begin(call: &Call, password: String) -> Result<Begun, Problem> {
    let user = ask_again(call, password).await?;
    let shared = &call.state.shared;
    let secret = totp::secret();
    shared.store.begin_second_factor(user, &secret).await?;
    let host = match shared.origin.split_once("://") {
        Some((_, host)) => host,
        None => call.header(header::HOST).unwrap_or("localhost"),
    };
    let uri = totp::uri(&secret, host, &call.identity()?.email);
    Ok(Begun { secret: totp::base32(&secret), uri })
}

/// Takes the first code, and answers the recovery codes. The session, if it is one, goes on under a new cookie: from
/// now on it is one of somebody who has proven more.
pub(crate) async fn finish(call: &Call, code: &str) -> Result<(Vec<String>, Option<Cookie<'static>>), Problem> {
    let (who, shared) = (call.identity()?, &call.state.shared);
    shared.limits.sign_in(&who.email, call.context.client)?;
    let codes = shared.store.confirm_second_factor(call.by(), who.user_id, who.session(), Proof::parse(code)).await?;
    shared.access.forget(who.user_id);
    Ok((codes, session::rotate(call, &who).await?))
}

/// No longer asked for.
pub(crate) async fn end(call: &Call, password: String) -> Result<(), Problem> {
    let user = ask_again(call, password).await?;
    Ok(call.state.shared.store.delete_second_factor(call.by(), user).await?)
}
