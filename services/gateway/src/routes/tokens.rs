use actix_web::http::StatusCode;
use chassis::{Fault, Role};
use jiff::Timestamp;
use pg::PageRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Body, Call, json, no_content, replayed},
    domain::{self, Check, Scopes},
    openapi::kind,
    problem::{Answer, Problem},
    secret,
    store::MadeToken,
    wire::{List, Time},
};

#[derive(JsonSchema, Serialize)]
pub(super) struct Token<'a> {
    id: Uuid,
    name: &'a str,
    scopes: &'a [String],
    created_at: Time,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
    /// Only where it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

fn view(token: &domain::Token, text: Option<String>) -> Token<'_> {
    Token {
        id: token.id,
        name: &token.name,
        scopes: &token.scopes,
        created_at: Time(token.created_at),
        expires_at: token.expires_at.map(Time),
        last_used_at: token.last_used_at.map(Time),
        token: text,
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewToken")]
pub(crate) struct New {
    #[schemars(with = "kind::Line<1, 100>")]
    pub(crate) name: String,
    #[schemars(with = "kind::Scopes")]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    #[schemars(with = "Option<kind::Moment>")]
    pub(crate) expires_at: Option<Timestamp>,
}

pub(super) async fn list(call: Call) -> Answer {
    let user = call.identity()?.user_id;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let (tokens, next) = call.state.shared.store.list_tokens(user, &PageRequest::parse(&cursor, limit)?).await?;
    json(StatusCode::OK, &List::new(tokens.iter().map(|t| view(t, None)).collect(), next, None))
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.identity()?;
    let sent = body.json::<New>().await?;
    let key = call.idempotency(&sent.raw)?.map(|k| pg::Idempotency { key: k.key, fingerprint: k.fingerprint });
    let made = make(&call, sent.value, key).await?;
    let text = secret::token_text(&made.bits);
    let response = call.created("tokens", &made.token.id.to_string(), None, &view(&made.token, Some(text)))?;
    Ok(replayed(response, made.replayed))
}

/// A new token of whoever calls; the pages make them too.
pub(crate) async fn make(call: &Call, mut new: New, key: Option<pg::Idempotency>) -> Result<MadeToken, Problem> {
    let user = call.identity()?.user_id;
    let mut check = Check::default();
    let name = check.line("name", &new.name, 1, 100);
    if new.scopes.is_empty() || Scopes::parse(&new.scopes).is_none() {
        check.blame("scopes", format!("must be one or more of {}", Scopes::names()));
    }
    check.done()?;
    if new.expires_at.is_some_and(|end| end <= Timestamp::now()) {
        return Err(Fault::unprocessable("expires_at", "must lie in the future").into());
    }
    new.scopes.sort();
    new.scopes.dedup();
    let wanted = domain::Token {
        id: Uuid::nil(),
        name,
        scopes: new.scopes,
        created_at: now(),
        expires_at: new.expires_at,
        last_used_at: None,
    };
    Ok(call.state.shared.store.create_token(call.by(), user, &wanted, key).await?)
}

/// As precise as the database keeps it.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

pub(super) async fn delete(call: Call) -> Answer {
    revoke(&call).await?;
    no_content()
}

/// One's own; owners revoke anybody's.
pub(crate) async fn revoke(call: &Call) -> Result<(), Problem> {
    let user = call.identity()?.user_id;
    let of = (call.context.caller.role() != Some(Role::Owner)).then_some(user);
    let id = call.id("id", "token")?;
    let user = call.state.shared.store.delete_token(call.by(), id, of).await?;
    call.state.shared.access.forget(user);
    Ok(())
}
