//! Keys made from the master key, and what each may do.

use axum::{
    body::Bytes,
    extract::{Path, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Answer, KEY, Refusal, Shared, ok, parse};

/// As the engine computes it.
fn key_of(uid: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("a key of any length will do");
    mac.chain_update(uid).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn list(State(shared): State<Shared>) -> Answer {
    let engine = shared.lock();
    let keys: Vec<_> = engine.keys.values().collect();
    Ok(ok(json!({"results": keys, "offset": 0, "limit": 20, "total": keys.len()})))
}

fn unknown(uid: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "api_key_not_found", format!("API key `{uid}` not found."))
}

pub(super) async fn get(State(shared): State<Shared>, Path(uid): Path<String>) -> Answer {
    Ok(ok(shared.lock().keys.get(&uid).cloned().ok_or_else(|| unknown(&uid))?))
}

pub(super) async fn create(State(shared): State<Shared>, body: Bytes) -> Answer {
    let mut key = parse(&body)?;
    let uid = key["uid"].as_str().ok_or_else(|| Refusal::bad_request("invalid_api_key_uid", "no uid"))?.to_owned();
    let mut engine = shared.lock();
    if engine.keys.contains_key(&uid) {
        let message = format!("`uid` field value `{uid}` is already an existing API key.");
        return Err(Refusal(StatusCode::CONFLICT, "api_key_already_exists", message));
    }
    key["key"] = key_of(&uid).into();
    engine.keys.insert(uid, key.clone());
    Ok((StatusCode::CREATED, axum::Json(key)))
}

pub(super) async fn delete(State(shared): State<Shared>, Path(uid): Path<String>) -> Result<StatusCode, Refusal> {
    shared.lock().keys.remove(&uid).map(|_| StatusCode::NO_CONTENT).ok_or_else(|| unknown(&uid))
}

/// The action that a request needs, and the index that it is about.
fn needed<'a>(method: &Method, path: &'a str) -> Option<(&'static str, Option<&'a str>)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let get = method == Method::GET;
    let needed = match parts[..] {
        ["version"] => ("version", None),
        ["tasks", ..] => ("tasks.get", None),
        ["swap-indexes"] => ("indexes.swap", None),
        ["indexes"] if get => ("indexes.get", None),
        ["indexes"] => ("indexes.create", None),
        ["indexes", uid] if get => ("indexes.get", Some(uid)),
        ["indexes", uid] => ("indexes.delete", Some(uid)),
        ["indexes", uid, "search"] => ("search", Some(uid)),
        ["indexes", uid, "stats"] => ("stats.get", Some(uid)),
        ["indexes", uid, "settings", ..] if get => ("settings.get", Some(uid)),
        ["indexes", uid, "settings", ..] => ("settings.update", Some(uid)),
        ["indexes", uid, "documents", "delete" | "delete-batch"] => ("documents.delete", Some(uid)),
        ["indexes", uid, "documents", ..] if get || parts.last() == Some(&"fetch") => ("documents.get", Some(uid)),
        ["indexes", uid, "documents"] => ("documents.add", Some(uid)),
        // Keys are the master key's alone.
        _ => return None,
    };
    Some(needed)
}

fn may(key: &Value, action: &str, index: Option<&str>) -> bool {
    let names = |field: &str, wanted: &str| {
        key[field].as_array().is_some_and(|all| all.iter().any(|one| one == wanted || one == "*"))
    };
    names("actions", action) && index.is_none_or(|index| names("indexes", index))
}

pub(super) async fn authorize(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let Some(sent) = sent else {
        let message = "The Authorization header is missing. It must use the bearer authorization method.";
        return Refusal(StatusCode::UNAUTHORIZED, "missing_authorization_header", message.to_owned()).into_response();
    };
    let sent = sent.strip_prefix("Bearer ").unwrap_or_default();
    let allowed = sent == KEY || {
        let needed = needed(request.method(), request.uri().path());
        let engine = shared.lock();
        let key = engine.keys.values().find(|key| key["key"] == sent);
        key.zip(needed).is_some_and(|(key, (action, index))| may(key, action, index))
    };
    if allowed {
        return next.run(request).await;
    }
    Refusal(StatusCode::FORBIDDEN, "invalid_api_key", "The provided API key is invalid.".to_owned()).into_response()
}
