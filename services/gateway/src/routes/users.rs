use actix_web::http::StatusCode;
use chassis::Role;
use pg::PageRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Body, Call, json, no_content, replayed},
    domain::{self, Check, UserPatch},
    openapi::kind,
    problem::{Answer, Problem},
    store::NewUser,
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
    created_at: Time,
    updated_at: Time,
}

fn view(user: &domain::User) -> User<'_> {
    User {
        id: user.id,
        email: &user.email,
        name: &user.name,
        role: user.role.as_str(),
        disabled: user.disabled_at.is_some(),
        created_at: Time(user.created_at),
        updated_at: Time(user.updated_at),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUser")]
pub(crate) struct New {
    #[schemars(with = "kind::Email")]
    pub(crate) email: String,
    #[schemars(length(min = 8, max = 256))]
    pub(crate) password: String,
    #[schemars(extend("enum" = ["viewer", "editor", "owner"]))]
    pub(crate) role: String,
    #[serde(default)]
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    pub(crate) name: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserPatch")]
pub(super) struct Patch {
    #[schemars(with = "Option<kind::Line<0, 200>>")]
    name: Option<String>,
    #[schemars(with = "Option<kind::Role>")]
    role: Option<String>,
    disabled: Option<bool>,
    #[schemars(length(min = 8, max = 256))]
    password: Option<String>,
}

pub(super) async fn list(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let (users, next) = call.state.shared.store.list_users(&PageRequest::parse(&cursor, limit)?).await?;
    json(StatusCode::OK, &List::new(users.iter().map(view).collect(), next, None))
}

pub(super) async fn get(call: Call) -> Answer {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let user = call.state.shared.store.get_user(call.id("id", "user")?).await?;
    call.entity(user.revision, &view(&user))
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let (user, known) = make(&call, body.json::<New>().await?.value).await?;
    let response = call.created("users", &user.id.to_string(), Some(user.revision), &view(&user))?;
    Ok(replayed(response, known))
}

/// A new user, and whether the same key made them before; the pages make them too.
pub(crate) async fn make(call: &Call, sent: New) -> Result<(domain::User, bool), Problem> {
    call.require(Role::Owner)?;
    let mut check = Check::default();
    let (email, role) = (check.email("email", &sent.email), check.role("role", &sent.role));
    let name = check.line("name", sent.name.as_deref().unwrap_or_default(), 0, 200);
    check.password("password", &sent.password);
    check.done()?;
    // Without the password: a fast hash of one must not lie in any table.
    let key = call.idempotency(format!("{email}\n{name}\n{role}").as_bytes())?;
    let key = key.map(|k| pg::Idempotency { key: k.key, fingerprint: k.fingerprint });
    let shared = &call.state.shared;
    let new = NewUser { email, name, role, password_hash: shared.passwords.hash(sent.password).await? };
    Ok(shared.store.create_user(call.by(), &call.context.caller, &new, key).await?)
}

pub(super) async fn update(call: Call, body: Body) -> Answer {
    call.require(Role::Owner)?;
    let id = call.id("id", "user")?;
    let sent = body.json::<Patch>().await?.value;
    let mut check = Check::default();
    let name = sent.name.map(|text| check.line("name", &text, 0, 200));
    let role = sent.role.map(|text| check.role("role", &text));
    if let Some(password) = &sent.password {
        check.password("password", password);
    }
    check.done()?;
    let shared = &call.state.shared;
    let password_hash = match sent.password {
        Some(password) => Some(shared.passwords.hash(password).await?),
        None => None,
    };
    let patch = UserPatch { name, role, disabled: sent.disabled, password_hash };
    let user = shared.store.update_user(call.by(), id, &patch, call.if_match()).await?;
    shared.access.forget(id);
    call.entity(user.revision, &view(&user))
}

pub(super) async fn delete(call: Call) -> Answer {
    call.require(Role::Owner)?;
    let id = call.id("id", "user")?;
    call.state.shared.store.delete_user(call.by(), id, call.if_match()).await?;
    call.state.shared.access.forget(id);
    no_content()
}
