//! Where one is signed in.

use actix_web::http::StatusCode;
use pg::PageRequest;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    call::{Call, json, no_content},
    problem::{Answer, Problem},
    store,
    wire::{List, Time},
};

/// A browser in which one is signed in.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SignedIn")]
pub(super) struct Session<'a> {
    id: Uuid,
    /// Such as `Firefox, Linux`, as far as it is known.
    device: &'a str,
    /// Whether this call was made in it.
    current: bool,
    created_at: Time,
    /// To the minute.
    last_seen_at: Time,
    /// However much it is used.
    expires_at: Time,
}

fn view(session: &store::Session, current: Option<Uuid>) -> Session<'_> {
    Session {
        id: session.id,
        device: &session.device,
        current: current == Some(session.id),
        created_at: Time(session.created_at),
        last_seen_at: Time(session.last_seen_at),
        expires_at: Time(session.expires_at),
    }
}

pub(super) async fn list(call: Call) -> Answer {
    let who = call.identity()?;
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let page = PageRequest::parse(&cursor, limit)?;
    let (sessions, next) = call.state.shared.store.list_sessions(who.user_id, &page).await?;
    json(StatusCode::OK, &List::new(sessions.iter().map(|s| view(s, who.session())).collect(), next, None))
}

pub(super) async fn delete(call: Call) -> Answer {
    end(&call).await?;
    no_content()
}

/// Ends the session in the path, if it is one's own; the pages do so too.
pub(crate) async fn end(call: &Call) -> Result<(), Problem> {
    let (user, shared) = (call.identity()?.user_id, &call.state.shared);
    shared.store.end_session(call.by(), user, call.id("id", "session")?).await?;
    shared.access.forget(user);
    Ok(())
}

pub(super) async fn delete_others(call: Call) -> Answer {
    end_others(&call).await?;
    no_content()
}

/// Ends all of one's sessions but this one; the pages do so too.
pub(crate) async fn end_others(call: &Call) -> Result<(), Problem> {
    let (who, shared) = (call.identity()?, &call.state.shared);
    shared.store.end_sessions(call.by(), who.user_id, who.session()).await?;
    shared.access.forget(who.user_id);
    Ok(())
}
