use actix_web::http::StatusCode;
use chassis::Role;
use jiff::Timestamp;
use pg::PageRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Body, Call, json, no_content, replayed},
    domain::{self, Check, UserPatch},
    openapi::kind,
    problem::{Answer, Problem},
    secret::{self, Credential},
    store::{MadeUser, NewUser, Occasion},
    wire::{List, Time},
};

#[derive(JsonSchema, Serialize)]
pub(super) struct User<'a> {
    id: Uuid,
    email: &'a str,
    name: &'a str,
    #[schemars(extend("enum" = ["viewer", "editor", "owner"]))]
    role: &'static str,
    disabled: bool,
    /// Has no way to sign in yet.
    invited: bool,
    /// Whether they get a mail for each new submission, where mail is set up.
    notify_submissions: bool,
    created_at: Time,
    updated_at: Time,
    /// Only where somebody is made without a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<Invitation>,
}

/// A link by which somebody sets their password: their first one, or a new one. Shown this once; good once.
#[derive(JsonSchema, Serialize)]
pub(super) struct Invitation {
    #[schemars(extend("format" = "uri"))]
    url: String,
    expires_at: Time,
    /// Whether another one goes to their address.
    mailed: bool,
}

fn view(user: &domain::User, invitation: Option<Invitation>) -> User<'_> {
    User {
        id: user.id,
        email: &user.email,
        name: &user.name,
        role: user.role.as_str(),
        disabled: user.disabled_at.is_some(),
        invited: user.invited,
        notify_submissions: user.notify_submissions,
        created_at: Time(user.created_at),
        updated_at: Time(user.updated_at),
        invitation,
    }
}

/// Where the link leads.
pub(crate) fn invitation_url(call: &Call, bits: &[u8; 32]) -> String {
    format!("{}/invitation/{}", call.origin(), secret::session_text(bits))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUser")]
pub(crate) struct New {
    #[schemars(with = "kind::Email")]
    pub(crate) email: String,
    /// Left out: they get a link, by which they choose one.
    #[serde(default)]
    #[schemars(with = "Option<kind::Password>")]
    pub(crate) password: Option<String>,
    #[schemars(extend("enum" = ["viewer", "editor", "owner"]))]
    pub(crate) role: String,
    #[serde(default)]
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    pub(crate) name: Option<String>,
    /// Whether they get a mail for each new submission; not unless said.
    #[serde(default)]
    pub(crate) notify_submissions: Option<bool>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserPatch")]
pub(crate) struct Patch {
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    pub(crate) name: Option<String>,
    #[schemars(with = "Option<kind::Role>")]
    pub(crate) role: Option<String>,
    pub(crate) disabled: Option<bool>,
    #[schemars(with = "Option<kind::Password>")]
    pub(crate) password: Option<String>,
    pub(crate) notify_submissions: Option<bool>,
}

pub(super) async fn list(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let (users, next) = call.state.shared.store.list_users(&PageRequest::parse(&cursor, limit)?).await?;
    json(StatusCode::OK, &List::new(users.iter().map(|user| view(user, None)).collect(), next, None))
}

pub(super) async fn get(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let user = call.state.shared.store.get_user(call.id("id", "user")?).await?;
    call.entity(user.revision, &view(&user, None))
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let MadeUser { user, invited, replayed: known } = make(&call, body.json::<New>().await?.value).await?;
    let invitation = invited.map(|invited| Invitation {
        url: invitation_url(&call, &invited.bits),
        expires_at: Time(invited.expires_at),
        mailed: call.state.shared.mail.is_some(),
    });
    let response = call.created("users", &user.id.to_string(), Some(user.revision), &view(&user, invitation))?;
    Ok(replayed(response, known))
}

/// A new user, and whether the same key made them before; the pages make them too.
pub(crate) async fn make(call: &Call, sent: New) -> Result<MadeUser, Problem> {
    call.require(Role::Owner)?;
    let mut check = Check::default();
    let (email, role) = (check.email("email", &sent.email), check.role("role", &sent.role));
    let name = check.line("name", sent.name.as_deref().unwrap_or_default(), 0, 200);
    let shared = &call.state.shared;
    if let Some(password) = &sent.password {
        shared.passwords.examine(&mut check, "password", password, &[&email, &name]).await;
    }
    check.done()?;
    // Without the password: a fast hash of one must not lie in any table.
    let invited = sent.password.is_none();
    let key = call.idempotency(format!("{email}\n{name}\n{role}\n{invited}").as_bytes())?;
    let key = key.map(|k| pg::Idempotency { key: k.key, fingerprint: k.fingerprint });
    let password_hash = match sent.password {
        Some(password) => Some(shared.passwords.hash(password).await?),
        None => None,
    };
    let (notify_submissions, mail) = (sent.notify_submissions == Some(true), shared.mail.is_some());
    let new = NewUser { email, name, role, password_hash, notify_submissions, mail };
    let made = shared.store.create_user(call.by(), &call.context.caller, &new, key).await?;
    queued(call);
    Ok(made)
}

fn queued(call: &Call) {
    if let Some(mail) = &call.state.shared.mail {
        mail.queued();
    }
}

pub(super) async fn invite(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let (url, expires_at) = invite_again(&call).await?;
    let mailed = call.state.shared.mail.is_some();
    json(StatusCode::CREATED, &Invitation { url, expires_at: Time(expires_at), mailed })
}

/// A new link for the user in the path, and until when it is good; the pages make it too.
pub(crate) async fn invite_again(call: &Call) -> Result<(String, Timestamp), Problem> {
    call.require(Role::Owner)?;
    let (id, bits, shared) = (call.id("id", "user")?, secret::random(), &call.state.shared);
    let hash = *Credential::session(&secret::session_text(&bits)).hash();
    let mail = shared.mail.is_some();
    let expires_at = shared.store.create_invitation(call.by(), id, Occasion::Shown, &hash, mail).await?;
    queued(call);
    Ok((invitation_url(call, &bits), expires_at))
}

pub(super) async fn update(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let id = call.id("id", "user")?;
    let sent = body.json::<Patch>().await?.value;
    let user = change(&call, id, sent).await?;
    call.entity(user.revision, &view(&user, None))
}

/// Changes a user; the pages do so too.
pub(crate) async fn change(call: &Call, id: Uuid, sent: Patch) -> Result<domain::User, Problem> {
    call.require(Role::Owner)?;
    let shared = &call.state.shared;
    let mut check = Check::default();
    let name = sent.name.map(|text| check.line("name", &text, 0, 200));
    let role = sent.role.map(|text| check.role("role", &text));
    if let Some(password) = &sent.password {
        let known = shared.store.get_user(id).await?;
        shared.passwords.examine(&mut check, "password", password, &[&known.email, &known.name]).await;
    }
    check.done()?;
    let password_hash = match sent.password {
        Some(password) => Some(shared.passwords.hash(password).await?),
        None => None,
    };
    let (disabled, notify_submissions) = (sent.disabled, sent.notify_submissions);
    let patch = UserPatch { name, role, disabled, notify_submissions, password_hash };
    let user = shared.store.update_user(call.by(), id, &patch, call.if_match()).await?;
    shared.access.forget(id);
    Ok(user)
}

pub(super) async fn delete(call: Call) -> Answer {
    remove(&call).await?;
    no_content()
}

/// Removes the user in the path; the pages do so too.
pub(crate) async fn remove(call: &Call) -> Result<(), Problem> {
    call.require(Role::Owner)?;
    let id = call.id("id", "user")?;
    call.state.shared.store.delete_user(call.by(), id, call.if_match()).await?;
    call.state.shared.access.forget(id);
    Ok(())
}
