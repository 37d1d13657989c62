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
    domain::{self, Check, Identity, LANGUAGES, User, Via},
    error::Error,
    middleware::refuse_foreign,
    openapi::kind,
    problem::{Answer, Problem},
    routes::totp::ask_again,
    secret::{self, COOKIE, Credential},
    store::Profile,
    totp::Proof,
    words::Zone,
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

/// What one decides about oneself.
#[derive(JsonSchema, Serialize)]
pub(super) struct Preferences<'a> {
    /// "": what the browser asks for.
    language: &'a str,
    /// A name of the IANA database; "": the browser's.
    time_zone: &'a str,
    /// Whether one gets a mail for each new submission, where mail is set up.
    notify_submissions: bool,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Session<'a> {
    user: Who<'a>,
    preferences: Preferences<'a>,
    /// What this call may do at most, a token's scopes considered.
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'static str>,
}

fn who(user: &User) -> Who<'_> {
    Who { id: user.id, email: &user.email, name: &user.name, role: user.role.as_str() }
}

fn preferences(user: &User) -> Preferences<'_> {
    Preferences { language: &user.language, time_zone: &user.time_zone, notify_submissions: user.notify_submissions }
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
    let (id, hash) = account.map_or((None, None), |(id, hash)| (Some(id), hash));
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
    open(call, passed?).await
}

/// A new session of somebody who has proven who they are. The one that the browser had ends: nobody
/// stays signed in by what they knew before.
pub(crate) async fn open(call: &Call, user: Uuid) -> Result<(User, Cookie<'static>), Problem> {
    let shared = &call.state.shared;
    sign_out(call).await?;
    let (text, device) = (secret::session_text(&secret::random()), device(call));
    let hash = *Credential::session(&text).hash();
    let user = shared.store.create_session(user, &hash, &device, &call.context.request_id).await?;
    Ok((user, cookie(call, text, Duration::days(shared.session_days.into()))))
}

/// As what a browser shows itself, coarsely.
fn device(call: &Call) -> String {
    domain::device(call.header(header::USER_AGENT).unwrap_or_default())
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
    let mut response =
        json(StatusCode::CREATED, &Session { user: who(&user), preferences: preferences(&user), via: None })?;
    put(&mut response, header::LOCATION, "/api/v1/session");
    response.add_cookie(&cookie).map_err(Fault::internal)?;
    Ok(response)
}

pub(super) async fn get(call: Call) -> Answer {
    call.query()?.done()?;
    let who = call.identity()?;
    let role = call.context.caller.role().unwrap_or(Role::Viewer).as_str();
    let via = Some(if matches!(who.via, Via::Session(_)) { "session" } else { "token" });
    let preferences =
        Preferences { language: &who.language, time_zone: &who.time_zone, notify_submissions: who.notify_submissions };
    let user = Who { id: who.user_id, email: &who.email, name: &who.name, role };
    json(StatusCode::OK, &Session { user, preferences, via })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProfilePatch")]
pub(super) struct Patch {
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    name: Option<String>,
    /// Of the pages and of mails; "": what the browser asks for.
    #[schemars(with = "Option<kind::Language>")]
    language: Option<String>,
    /// Of the pages: a name of the IANA database; "": the browser's.
    #[schemars(with = "Option<kind::TimeZone>")]
    time_zone: Option<String>,
    notify_submissions: Option<bool>,
}

pub(super) async fn update(call: Call, body: Body) -> Answer {
    call.identity()?;
    let sent = body.json::<Patch>().await?.value;
    let Patch { name, language, time_zone, notify_submissions } = sent;
    let profile = Profile { name, language, time_zone, notify_submissions };
    let user = change_profile(&call, profile).await?;
    json(StatusCode::OK, &Session { user: who(&user), preferences: preferences(&user), via: None })
}

/// Changes what one decides about oneself; the pages do so too.
pub(crate) async fn change_profile(call: &Call, profile: Profile) -> Result<User, Problem> {
    let (user, shared) = (call.identity()?.user_id, &call.state.shared);
    let mut check = Check::default();
    let profile = Profile { name: profile.name.map(|text| check.line("name", &text, 0, 200)), ..profile };
    if profile.language.as_deref().is_some_and(|language| !LANGUAGES.contains(&language)) {
        check.blame("language", format!("must be empty or one of {}", LANGUAGES[1..].join(", ")));
    }
    if profile.time_zone.as_deref().is_some_and(|zone| !zone.is_empty() && Zone::of(zone).is_none()) {
        check.refuse("time_zone", "must be empty or a time zone such as Europe/Berlin");
    }
    check.done()?;
    let user = shared.store.update_profile(call.by(), user, &profile).await?;
    shared.access.forget(user.id);
    Ok(user)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordChange")]
pub(super) struct NewPassword {
    /// The one that is good until now.
    #[schemars(with = "kind::Text<0, 1000>")]
    password: String,
    #[schemars(with = "kind::Password")]
    new_password: String,
}

pub(super) async fn password(call: Call, body: Body) -> Answer {
    call.identity()?;
    let sent = body.json::<NewPassword>().await?.value;
    let mut response = HttpResponse::NoContent().finish();
    if let Some(cookie) = change_password(&call, sent.password, sent.new_password).await? {
        response.add_cookie(&cookie).map_err(Fault::internal)?;
    }
    Ok(response)
}

/// A new password for whoever knows the old one. Other sessions end, and this one goes on under a new
/// cookie, if it is one; the pages do so too.
pub(crate) async fn change_password(call: &Call, old: String, new: String) -> Result<Option<Cookie<'static>>, Problem> {
    let (who, shared) = (call.identity()?, &call.state.shared);
    let user = ask_again(call, old).await?;
    let mut check = Check::default();
    shared.passwords.examine(&mut check, "new_password", &new, &[&who.email, &who.name]).await;
    check.done()?;
    let hash = shared.passwords.hash(new).await?;
    shared.store.change_password(call.by(), user, &hash, who.session()).await?;
    shared.access.forget(user);
    rotate(call, &who).await
}

/// The session of this call under a new cookie, now that its owner has proven again who they are;
/// `None` when it is none.
pub(crate) async fn rotate(call: &Call, who: &Identity) -> Result<Option<Cookie<'static>>, Problem> {
    let (Some(session), shared) = (who.session(), &call.state.shared) else { return Ok(None) };
    let text = secret::session_text(&secret::random());
    shared.store.rotate_session(session, Credential::session(&text).hash()).await?;
    shared.access.forget(who.user_id);
    Ok(Some(cookie(call, text, Duration::days(shared.session_days.into()))))
}

pub(super) async fn delete(call: Call) -> Answer {
    call.identity()?;
    let cookie = sign_out(&call).await?;
    Ok(HttpResponse::NoContent().cookie(cookie).finish())
}
