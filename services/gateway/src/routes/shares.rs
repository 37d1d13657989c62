//! Links to one document, for people who have no account.
//!
//! A link works as whoever made it, in every request anew: it shows what its maker may see, so that the one
//! predicate decides here, too. It ends with the maker's account or role, when the document is moved to where
//! its maker does not see it, and while it is in the trash.

use actix_web::{
    cookie::{Cookie, SameSite, time::Duration},
    http::StatusCode,
};
use chassis::{Fault, FaultKind, Role, grpc::idempotent};
use jiff::Timestamp;
use pg::{Idempotency, PageRequest};
use proto::documents::{Document, GetDocumentRequest, ListVersionsRequest, Version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    call::{Body, Call, json, no_content, on_behalf, replayed},
    domain::Check,
    error::Error,
    openapi::kind,
    problem::{Answer, Problem},
    secret,
    store::{self, NewShare, OpenShare, Use},
    wire::{List, Time, whole_or_none},
};

/// What a browser keeps of the right password.
const COOKIE: &str = "dossier_share";
const UNLOCKED: Duration = Duration::hours(12);

#[derive(JsonSchema, Serialize)]
pub(super) struct Share<'a> {
    id: Uuid,
    document_id: Uuid,
    /// `null`: the newest, whichever that is.
    version: Option<i32>,
    /// Whether it asks for a password.
    protected: bool,
    created_at: Time,
    created_by: Uuid,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
    /// How often its page was opened.
    views: i64,
    /// How often the file was fetched.
    downloads: i64,
    /// The address to give away; only where it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

fn view<'a>(share: &store::Share, url: Option<&'a str>) -> Share<'a> {
    Share {
        id: share.id,
        document_id: share.document_id,
        version: share.version,
        protected: share.protected,
        created_at: Time(share.created_at),
        created_by: share.made_by,
        expires_at: share.expires_at.map(Time),
        last_used_at: share.last_used_at.map(Time),
        views: share.views,
        downloads: share.downloads,
        url,
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewShare")]
pub(crate) struct New {
    /// No end unless said.
    #[serde(default)]
    #[schemars(with = "Option<kind::Moment>")]
    pub(crate) expires_at: Option<Timestamp>,
    /// Asked for before anything is shown.
    #[serde(default)]
    #[schemars(length(min = 8, max = 256))]
    pub(crate) password: Option<String>,
    /// Always this version; the newest unless said.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schemars(range(min = 1, max = i32::MAX))]
    pub(crate) version: Option<i32>,
}

/// A new link and its address.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) share: store::Share,
    pub(crate) url: String,
    replayed: bool,
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.require(Role::Editor)?;
    let made = make(&call, body.json_or_nothing::<New>().await?.value).await?;
    let response = call.created("shares", &made.share.id.to_string(), None, &view(&made.share, Some(&made.url)))?;
    Ok(replayed(response, made.replayed))
}

/// A link to the document in the path; the pages make them, too.
pub(crate) async fn make(call: &Call, new: New) -> Result<Made, Problem> {
    call.require(Role::Editor)?;
    let maker = call.identity()?.user_id;
    let document_id = call.id("id", "document")?;
    let document = document(call, document_id).await?;
    if document.deleted_at.is_some() {
        let fault = Fault::new(FaultKind::Conflict, "the document is in the trash; restore it first");
        return Err(fault.because("in-trash").into());
    }
    let mut check = Check::default();
    if new.password.as_ref().is_some_and(|text| !(8..=256).contains(&text.chars().count())) {
        check.blame("password", "must have 8 to 256 characters");
    }
    check.done()?;
    if new.version.is_some_and(|number| !(1..=document.version).contains(&number)) {
        return Err(Fault::unprocessable("version", "is not a version of this document").into());
    }
    if new.expires_at.is_some_and(|end| end <= Timestamp::now()) {
        return Err(Fault::unprocessable("expires_at", "must lie in the future").into());
    }
    // Without the password: a fast hash of one must not lie in any table.
    let said = format!("{:?}\n{:?}\n{}", new.expires_at, new.version, new.password.is_some());
    let key = call.idempotency(said.as_bytes())?;
    let key = key.map(|k| Idempotency { key: k.key, fingerprint: k.fingerprint });
    let shared = &call.state.shared;
    let password_hash = match new.password {
        Some(password) => Some(shared.passwords.hash(password).await?),
        None => None,
    };
    let new = NewShare { document_id, version: new.version, expires_at: new.expires_at, password_hash };
    let (share, bits, replayed) = shared.store.create_share(call.by(), &call.context.caller, maker, &new, key).await?;
    Ok(Made { share, url: call.address(&format!("/s/{}", secret::link_text(&bits))), replayed })
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    let (shares, next) = of_document(&call, &PageRequest::parse(&cursor, limit)?).await?;
    json(StatusCode::OK, &List::new(shares.iter().map(|share| view(share, None)).collect(), next, None))
}

/// The links to the document in the path, the newest first.
pub(crate) async fn of_document(call: &Call, page: &PageRequest) -> Result<(Vec<store::Share>, String), Problem> {
    call.require(Role::Editor)?;
    let id = call.id("id", "document")?;
    document(call, id).await?;
    Ok(call.state.shared.store.list_shares(id, page).await?)
}

pub(super) async fn delete(call: Call) -> Answer {
    revoke(&call).await?;
    no_content()
}

/// Ends a link; answers which document it led to. One's own, and those to what one may see.
pub(crate) async fn revoke(call: &Call) -> Result<Uuid, Problem> {
    call.require(Role::Editor)?;
    let store = &call.state.shared.store;
    let share = store.get_share(call.id("id", "share")?).await?;
    if call.context.caller.user_id() != Some(share.made_by) {
        let seen = document(call, share.document_id).await;
        seen.map_err(|problem| match problem.status {
            StatusCode::NOT_FOUND => Problem::from(Error::NotFound("share")),
            _ => problem,
        })?;
    }
    store.delete_share(call.by(), share.id).await?;
    Ok(share.document_id)
}

async fn document(call: &Call, id: Uuid) -> Result<Document, Problem> {
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), GetDocumentRequest { id: id.to_string() });
        async move { documents.get_document(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

/// What a link leads to at this moment.
pub(crate) struct Opened {
    pub(crate) open: OpenShare,
    pub(crate) document: Document,
    /// What is fetched.
    pub(crate) version: Version,
}

/// What whoever holds an address gets to see.
pub(crate) enum Door {
    /// Nothing: there is no such link, or not any more.
    Closed,
    /// The password has to be given first.
    Locked,
    Open(Box<Opened>),
}

/// Follows the link in the path.
pub(crate) async fn follow(call: &Call) -> Result<Door, Problem> {
    let Some((open, token)) = find(call).await? else { return Ok(Door::Closed) };
    let asked = on_behalf(open.maker, async {
        let document = document(call, open.share.document_id).await?;
        let version = version(call, &document, open.share.version).await?;
        Ok::<_, Problem>((document, version))
    });
    let (document, version) = match asked.await {
        Ok((document, Some(version))) if document.deleted_at.is_none() => (document, version),
        Ok(_) => return Ok(Door::Closed),
        Err(problem) if problem.status == StatusCode::NOT_FOUND => return Ok(Door::Closed),
        Err(problem) => return Err(problem),
    };
    match &open.password_hash {
        Some(hash) if !unlocked(call, &token, hash) => Ok(Door::Locked),
        _ => Ok(Door::Open(Box::new(Opened { open, document, version }))),
    }
}

async fn find(call: &Call) -> Result<Option<(OpenShare, String)>, Problem> {
    let shared = &call.state.shared;
    shared.limits.link(call.context.client)?;
    let token = call.part("token");
    let open = shared.store.open_share(&secret::link_hash(&token)).await?;
    Ok(open.map(|open| (open, token)))
}

async fn version(call: &Call, document: &Document, wanted: Option<i32>) -> Result<Option<Version>, Problem> {
    let wanted = wanted.unwrap_or(document.version);
    let ask = || {
        let mut documents = call.state.documents.clone();
        let request = ListVersionsRequest { id: document.id.clone() };
        async move { documents.list_versions(request).await }
    };
    Ok(idempotent(ask).await?.into_inner().items.into_iter().find(|version| version.number == wanted))
}

/// Counts a use of an open link.
pub(crate) async fn note(call: &Call, opened: &Opened, used: Use) -> Result<(), Problem> {
    let kind = match used {
        Use::View => "share_view",
        Use::Download => "share_download",
    };
    metrics::counter!("gateway_link_uses_total", "kind" => kind).increment(1);
    Ok(call.state.shared.store.note_share(&call.context.request_id, &opened.open.share, used).await?)
}

/// Takes the password of the link in the path: the cookie that opens it, or `None`.
pub(crate) async fn unlock(call: &Call, password: String) -> Result<Option<Cookie<'static>>, Problem> {
    let shared = &call.state.shared;
    let found = find(call).await?;
    let hash = secret::link_hash(&call.part("token"));
    shared.limits.share_password(&hash, call.context.client)?;
    let password = if password.len() > 1024 { String::new() } else { password };
    let (token, stored) = match found {
        Some((open, token)) => (token, open.password_hash),
        None => (String::new(), None),
    };
    // As much work for a link that is not there.
    let right = shared.passwords.verify(password, stored.clone()).await?;
    let Some(stored) = stored.filter(|_| right) else { return Ok(None) };
    let until = Timestamp::now().as_second() + UNLOCKED.whole_seconds();
    let cookie = Cookie::build(COOKIE, format!("{until}.{}", proof(&token, &stored, until)))
        .path(format!("/s/{token}"))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(shared.secure())
        .max_age(UNLOCKED);
    Ok(Some(cookie.finish()))
}

fn unlocked(call: &Call, token: &str, password_hash: &str) -> bool {
    let Some(cookie) = call.request.cookie(COOKIE) else { return false };
    let Some((until, given)) = cookie.value().split_once('.') else { return false };
    let Ok(until) = until.parse::<i64>() else { return false };
    let wanted = proof(token, password_hash, until);
    let differs = wanted.bytes().zip(given.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b));
    until > Timestamp::now().as_second() && wanted.len() == given.len() && differs == 0
}

/// Nobody can make it who does not know both: the address is stored nowhere, the hash leaves the database never.
fn proof(token: &str, password_hash: &str, until: i64) -> String {
    let parts = [b"share unlocked".as_slice(), token.as_bytes(), password_hash.as_bytes(), &until.to_be_bytes()];
    hex::encode(secret::sha256(&parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_one_link_one_password_and_one_end() {
        let good = proof("token", "hash", 7);
        assert_eq!(good, proof("token", "hash", 7));
        for other in [proof("tokem", "hash", 7), proof("token", "hush", 7), proof("token", "hash", 8)] {
            assert_ne!(good, other);
        }
    }
}
