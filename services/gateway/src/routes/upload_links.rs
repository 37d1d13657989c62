//! Links by which a contact, who has no account, hands in documents.
//!
//! What comes by a link is uploaded as whoever made it, and linked to the contact. Whoever holds the address
//! is told nothing but who asks, for what and until when, and what became of their own files.

use actix_multipart::{Field, Multipart};
use actix_web::http::StatusCode;
use chassis::{Fault, FaultKind, Role, grpc::idempotent};
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use pg::{Idempotency, PageRequest};
use proto::{
    contacts::{DecideLinkRequest, GetContactRequest},
    documents::{self as api, GetCollectionRequest},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::upload::{self, field_text, file_name, malformed};
use crate::{
    call::{Body, Call, json, no_content, on_behalf, replayed},
    domain::Check,
    openapi::kind,
    problem::{Answer, Problem},
    secret,
    store::{self, NewUploadLink, OpenUploadLink},
    wire::{List, Time, whole_or_none},
};

/// Unless said.
const FILES: i32 = 20;
const MOST_FILES: i32 = 500;
/// Unless said.
const DAYS: i64 = 30;
const MOST_DAYS: i64 = 366;

#[derive(JsonSchema, Serialize)]
pub(super) struct UploadLink<'a> {
    id: Uuid,
    contact_id: Uuid,
    /// `null`: the first.
    collection_id: Option<Uuid>,
    note: &'a str,
    max_files: i32,
    /// Taken so far.
    files: i32,
    created_at: Time,
    created_by: Uuid,
    expires_at: Time,
    last_used_at: Option<Time>,
    /// The address to give away; only where it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

fn view<'a>(link: &'a store::UploadLink, url: Option<&'a str>) -> UploadLink<'a> {
    UploadLink {
        id: link.id,
        contact_id: link.contact_id,
        collection_id: link.collection_id,
        note: &link.note,
        max_files: link.max_files,
        files: link.files,
        created_at: Time(link.created_at),
        created_by: link.made_by,
        expires_at: Time(link.expires_at),
        last_used_at: link.last_used_at.map(Time),
        url,
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUploadLink")]
pub(crate) struct New {
    /// Where the documents go; the first collection unless said.
    #[serde(default)]
    pub(crate) collection_id: Option<Uuid>,
    /// In 30 days unless said; in 366 at most.
    #[serde(default)]
    #[schemars(with = "Option<kind::Moment>")]
    pub(crate) expires_at: Option<Timestamp>,
    /// 20 unless said.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schemars(range(min = 1, max = MOST_FILES))]
    pub(crate) max_files: Option<i32>,
    /// What is asked for; the contact reads it.
    #[serde(default)]
    #[schemars(with = "Option<kind::Line<0, 500>>")]
    pub(crate) note: Option<String>,
}

/// A new link and its address.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) link: store::UploadLink,
    pub(crate) url: String,
    replayed: bool,
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    call.require(Role::Editor)?;
    let made = make(&call, body.json_or_nothing::<New>().await?.value).await?;
    let view = view(&made.link, Some(&made.url));
    let response = call.created("upload-links", &made.link.id.to_string(), None, &view)?;
    Ok(replayed(response, made.replayed))
}

/// A link for the contact in the path; the pages make them, too.
pub(crate) async fn make(call: &Call, new: New) -> Result<Made, Problem> {
    call.require(Role::Editor)?;
    let maker = call.identity()?.user_id;
    let contact_id = call.id("id", "contact")?;
    contact(call, contact_id).await?;
    let mut check = Check::default();
    let note = check.line("note", new.note.as_deref().unwrap_or_default(), 0, 500);
    let max_files = new.max_files.unwrap_or(FILES);
    if !(1..=MOST_FILES).contains(&max_files) {
        check.blame("max_files", format!("must be 1 to {MOST_FILES}"));
    }
    check.done()?;
    let now = Timestamp::now();
    let in_days = |days: i64| now + SignedDuration::from_hours(24 * days);
    let expires_at = new.expires_at.unwrap_or_else(|| in_days(DAYS));
    if expires_at <= now || expires_at > in_days(MOST_DAYS) {
        let detail = format!("must lie in the future, at most {MOST_DAYS} days from now");
        return Err(Fault::unprocessable("expires_at", detail).into());
    }
    if let Some(id) = new.collection_id {
        collection(call, id).await?;
    }
    let said = format!("{:?}\n{:?}\n{max_files}\n{note}", new.collection_id, new.expires_at);
    let key = call.idempotency(said.as_bytes())?;
    let key = key.map(|k| Idempotency { key: k.key, fingerprint: k.fingerprint });
    let wanted = NewUploadLink { contact_id, collection_id: new.collection_id, note, max_files, expires_at };
    let store = &call.state.shared.store;
    let (link, bits, replayed) = store.create_upload_link(call.by(), &call.context.caller, maker, &wanted, key).await?;
    Ok(Made { link, url: call.address(&format!("/u/{}", secret::link_text(&bits))), replayed })
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query()?;
    let (cursor, limit) = (query.value("cursor"), query.number("limit", 1, 200));
    query.done()?;
    call.require(Role::Editor)?;
    let page = PageRequest::parse(&cursor, limit)?;
    let (links, next) = of_contact(&call, call.id("id", "contact")?, &page).await?;
    json(StatusCode::OK, &List::new(links.iter().map(|link| view(link, None)).collect(), next, None))
}

pub(super) async fn delete(call: Call) -> Answer {
    revoke(&call).await?;
    no_content()
}

/// The links of a contact and of those that were merged into it; the pages show them, too.
pub(crate) async fn of_contact(
    call: &Call,
    id: Uuid,
    page: &PageRequest,
) -> Result<(Vec<store::UploadLink>, String), Problem> {
    let (whole, mut contacts) = whole(call, id).await?;
    if whole != id {
        return Err(Fault::not_found("contact").into());
    }
    contacts.push(id);
    let (mut links, next) = call.state.shared.store.list_upload_links(&contacts, page).await?;
    links.iter_mut().for_each(|link| link.contact_id = id);
    Ok((links, next))
}

/// Ends a link; answers whose it was.
pub(crate) async fn revoke(call: &Call) -> Result<Uuid, Problem> {
    call.require(Role::Editor)?;
    Ok(call.state.shared.store.delete_upload_link(call.by(), call.id("id", "upload link")?).await?)
}

async fn contact(call: &Call, id: Uuid) -> Result<(), Problem> {
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), GetContactRequest { id: id.to_string() });
        async move { contacts.get_contact(request).await }
    };
    Ok(idempotent(ask).await.map(drop)?)
}

/// The contact that this one is part of, or is, and its parts.
async fn whole(call: &Call, id: Uuid) -> Result<(Uuid, Vec<Uuid>), Problem> {
    let ask = || {
        let (mut contacts, request) = (call.state.contacts.clone(), GetContactRequest { id: id.to_string() });
        async move { contacts.get_whole_contact(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    let whole = found.contact.and_then(|contact| contact.id.parse().ok());
    let whole = whole.ok_or_else(|| Fault::internal("a contact without an id"))?;
    Ok((whole, found.parts.iter().filter_map(|part| part.parse().ok()).collect()))
}

async fn collection(call: &Call, id: Uuid) -> Result<(), Problem> {
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), GetCollectionRequest { id: id.to_string() });
        async move { documents.get_collection(request).await }
    };
    Ok(idempotent(ask).await.map(drop)?)
}

/// Follows the link in the path; `None` when it leads nowhere, or not any more.
pub(crate) async fn follow(call: &Call) -> Result<Option<OpenUploadLink>, Problem> {
    let shared = &call.state.shared;
    shared.limits.link(call.context.client)?;
    let hash = secret::link_hash(&call.part("token"));
    let Some(mut open) = shared.store.open_upload_link(&hash).await? else { return Ok(None) };
    let asked = on_behalf(open.maker, async {
        // Whose link it is may have been merged into another contact since.
        let (contact, _) = whole(call, open.link.contact_id).await?;
        if let Some(id) = open.link.collection_id {
            collection(call, id).await?;
        }
        Ok::<_, Problem>(contact)
    });
    match asked.await {
        Ok(contact) => {
            open.link.contact_id = contact;
            Ok(Some(open))
        }
        Err(problem) if problem.status == StatusCode::NOT_FOUND => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// What became of one file; whoever sent it reads this.
pub(crate) struct Receipt {
    /// As the sender calls it.
    pub(crate) name: String,
    pub(crate) outcome: Result<Taken, Problem>,
}

/// A file that is on disk.
pub(crate) struct Taken {
    pub(crate) size: i64,
    pub(crate) sha256: String,
}

/// Takes the files of a form: `once` (an id that tells a form that is sent twice from two forms) before any
/// number of `file`. What is wrong with a file stands in its receipt, and the others are taken all the same;
/// what is wrong with us ends it, and the same form may be sent again.
pub(crate) async fn receive(call: &Call, open: &OpenUploadLink, body: Body) -> Result<Vec<Receipt>, Problem> {
    if !body.is_multipart() {
        return Err(Fault::new(FaultKind::UnsupportedMediaType, "this page takes multipart/form-data").into());
    }
    let mut form = Multipart::new(call.request.headers(), body.payload);
    let (mut once, mut receipts, mut documents) = (None, Vec::new(), Vec::new());
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|e| malformed(&e))?;
        match field.name().unwrap_or_default() {
            "once" if receipts.is_empty() => once = field_text("once", &mut field).await?.parse::<Uuid>().ok(),
            "file" => {
                // A form in which nothing was chosen sends a file without a name.
                let Some(name) = field.content_disposition().and_then(file_name) else { continue };
                let key = once.map(|once| format!("{once}-{}", receipts.len()));
                let outcome = match take(call, open, &mut field, &name, key).await {
                    Ok((document, taken)) => {
                        documents.push(document);
                        Ok(taken)
                    }
                    Err(problem) if problem.status.is_client_error() => Err(problem),
                    Err(problem) => return Err(problem),
                };
                receipts.push(Receipt { name, outcome });
            }
            other => return Err(Fault::field(other, "is not a field of this form").into()),
        }
    }
    if !documents.is_empty() {
        metrics::counter!("gateway_link_uses_total", "kind" => "upload").increment(1);
        call.state.shared.store.note_handed_in(&call.context.request_id, &open.link, &documents).await?;
    }
    Ok(receipts)
}

/// One file: a place for it, its bytes, and its link to the contact.
async fn take(
    call: &Call,
    open: &OpenUploadLink,
    field: &mut Field,
    name: &str,
    key: Option<String>,
) -> Result<(String, Taken), Problem> {
    let (shared, link) = (&call.state.shared, &open.link);
    if !shared.store.reserve_file(link.id).await? {
        let detail = format!("by this link {} files may be handed in, and they have been", link.max_files);
        return Err(Fault::new(FaultKind::Conflict, detail).because("no-more-files").into());
    }
    let finish = api::UploadFinish {
        collection_id: link.collection_id.map(|id| id.to_string()).unwrap_or_default(),
        file_name: name.to_owned(),
        idempotency: key.map(|key| api::Idempotency { key, fingerprint: Sha256::digest(name).to_vec() }),
        ..Default::default()
    };
    let uploaded = upload::pass_on(call, open.maker, field, finish, shared.upload_link_max_bytes).await;
    let is_new = uploaded.as_ref().is_ok_and(|answer| !answer.replayed && !answer.duplicate);
    if !is_new {
        shared.store.release_file(link.id).await?;
    }
    let document = uploaded?.document.ok_or_else(|| Fault::internal("an upload without its document"))?;
    // The sender is not told whether we had these bytes already.
    let taken = Taken { size: document.size, sha256: document.sha256 };
    let request = DecideLinkRequest {
        contact_id: link.contact_id.to_string(),
        document_id: document.id.clone(),
        confirmed: true,
    };
    let decide = || {
        let (mut contacts, request) = (call.state.contacts.clone(), request.clone());
        async move { contacts.decide_link(request).await }
    };
    on_behalf(open.maker, idempotent(decide)).await?;
    Ok((document.id, taken))
}
