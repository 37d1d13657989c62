use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use chassis::{Fault, Role, grpc::idempotent};
use proto::{documents as api, indexer::UnlockDocumentRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::upload;
use crate::{
    call::{Body, Call, Key, json, no_content, replayed},
    openapi::kind,
    problem::{Answer, Problem},
    wire::{List, Micros, Object},
};

pub(crate) const STATUS: [(&str, i32); 4] = [("pending", 1), ("processing", 2), ("ready", 3), ("failed", 4)];

/// The word for a status.
pub(crate) fn status_name(status: i32) -> &'static str {
    STATUS.iter().find(|(_, number)| *number == status).map_or("pending", |(name, _)| name)
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Failure<'a> {
    code: &'a str,
    detail: &'a str,
}

/// What people should know of the text: why it is only a part of the document (the codes of failures, and
/// `ocr_unavailable`), or that a later reading was worse and the text was kept (`kept`, and
/// `kept_encrypted` when it failed for want of the password).
#[derive(JsonSchema, Serialize)]
pub(super) struct Note<'a> {
    code: &'a str,
    detail: &'a str,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Language<'a> {
    code: &'a str,
    confidence: f64,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Keyword<'a> {
    term: &'a str,
    confidence: f64,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Entity<'a> {
    kind: &'a str,
    value: &'a str,
    page: i32,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Insights<'a> {
    language: Option<Language<'a>>,
    keywords: Vec<Keyword<'a>>,
    entities: Vec<Entity<'a>>,
    summary: &'a str,
    pages: i32,
    words: i64,
    reading_minutes: i32,
    /// Of pages that are in another language than the document.
    other_languages: Vec<PageLanguage<'a>>,
    /// What the file says of itself: title, author, created, modified and the like.
    properties: BTreeMap<&'a str, &'a str>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct PageLanguage<'a> {
    page: i32,
    #[serde(flatten)]
    language: Language<'a>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Document<'a> {
    #[schemars(with = "kind::Id")]
    id: &'a str,
    #[schemars(with = "kind::Id")]
    collection_id: &'a str,
    title: &'a str,
    file_name: &'a str,
    media_type: &'a str,
    size: i64,
    #[schemars(with = "kind::Sha256")]
    sha256: &'a str,
    tags: &'a [String],
    metadata: Object<'a>,
    #[schemars(extend("enum" = ["pending", "processing", "ready", "failed"]))]
    status: &'static str,
    failure: Option<Failure<'a>>,
    /// The message that it came with.
    #[schemars(with = "Option<kind::Id>")]
    parent_id: Option<&'a str>,
    version: i32,
    page_count: i32,
    created_at: Micros,
    updated_at: Micros,
    #[schemars(with = "Option<kind::Id>")]
    created_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insights: Option<Insights<'a>>,
    notes: Vec<Note<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate: Option<bool>,
}

fn language(language: &api::insights::Language) -> Language<'_> {
    Language { code: &language.code, confidence: language.confidence }
}

fn insights(insights: &api::Insights) -> Insights<'_> {
    let others = insights.other_languages.iter();
    Insights {
        language: insights.language.as_ref().map(language),
        other_languages: others
            .filter_map(|o| Some(PageLanguage { page: o.page, language: language(o.language.as_ref()?) }))
            .collect(),
        properties: insights.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        keywords: insights.keywords.iter().map(|k| Keyword { term: &k.term, confidence: k.confidence }).collect(),
        entities: insights.entities.iter().map(|e| Entity { kind: &e.kind, value: &e.value, page: e.page }).collect(),
        summary: &insights.summary,
        pages: insights.pages,
        words: insights.words,
        reading_minutes: insights.reading_minutes,
    }
}

fn view(document: &api::Document) -> Document<'_> {
    Document {
        id: &document.id,
        collection_id: &document.collection_id,
        title: &document.title,
        file_name: &document.file_name,
        media_type: &document.media_type,
        size: document.size,
        sha256: &document.sha256,
        tags: &document.tags,
        metadata: Object(&document.metadata),
        status: status_name(document.status),
        failure: document.failure.as_ref().map(|f| Failure { code: &f.code, detail: &f.detail }),
        parent_id: Some(document.parent_id.as_str()).filter(|id| !id.is_empty()),
        notes: document.notes.iter().map(|n| Note { code: &n.code, detail: &n.detail }).collect(),
        version: document.version,
        page_count: document.page_count,
        created_at: Micros(document.created_at),
        updated_at: Micros(document.updated_at),
        created_by: Some(document.created_by.as_str()).filter(|id| !id.is_empty()),
        deleted_at: document.deleted_at.map(Micros),
        insights: document.insights.as_ref().map(insights),
        duplicate: None,
    }
}

fn version_view(version: &api::Version) -> Version<'_> {
    Version {
        number: version.number,
        file_name: &version.file_name,
        media_type: &version.media_type,
        size: version.size,
        sha256: &version.sha256,
        created_at: Micros(version.created_at),
        created_by: Some(version.created_by.as_str()).filter(|id| !id.is_empty()),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DocumentPatch")]
pub(super) struct Patch {
    #[schemars(with = "Option<kind::Line<1, 255>>")]
    title: Option<String>,
    #[schemars(with = "Option<kind::Tags>")]
    tags: Option<Vec<String>>,
    #[schemars(with = "Option<kind::Metadata>")]
    metadata: Option<Box<RawValue>>,
    #[schemars(with = "Option<kind::Id>")]
    collection_id: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Page<'a> {
    number: i32,
    text: &'a str,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DocumentText")]
pub(super) struct Text<'a> {
    pages: Vec<Page<'a>>,
    page_count: i32,
    version: i32,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DocumentVersion")]
pub(super) struct Version<'a> {
    number: i32,
    file_name: &'a str,
    media_type: &'a str,
    size: i64,
    #[schemars(with = "kind::Sha256")]
    sha256: &'a str,
    created_at: Micros,
    #[schemars(with = "Option<kind::Id>")]
    created_by: Option<&'a str>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Versions<'a> {
    items: Vec<Version<'a>>,
    next_cursor: Option<String>,
}

pub(super) fn key(key: Option<Key>) -> Option<api::Idempotency> {
    key.map(|k| api::Idempotency { key: k.key, fingerprint: k.fingerprint })
}

pub(super) async fn list(call: Call) -> Answer {
    let mut query = call.query()?;
    let request = api::ListDocumentsRequest {
        collection_id: query.value("collection_id"),
        parent_id: query.value("parent_id"),
        status: query.word("status", &STATUS),
        media_type: query.text("media_type"),
        tag: query.text("tag"),
        language: query.text("language"),
        trashed: query.flag("trashed"),
        cursor: query.value("cursor"),
        limit: query.number("limit", 1, 200),
        sort: query.text("sort"),
        count: query.flag("count"),
    };
    query.done()?;
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.list_documents(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    json(StatusCode::OK, &List::new(found.items.iter().map(view).collect(), found.next_cursor, found.count))
}

/// Whether bytes with this checksum are here already.
pub(super) async fn has(call: Call) -> Answer {
    let mut query = call.query()?;
    let sha256 = query.get("sha256").ok_or_else(|| Fault::field("sha256", "is missing"))?;
    query.done()?;
    let request = api::FindByHashRequest { sha256: upload::checksum("sha256", &sha256)? };
    let found = call.state.documents.clone().find_by_hash(request).await?.into_inner().found;
    if found { no_content() } else { Err(Fault::not_found("document").into()) }
}

pub(super) async fn create(call: Call, body: Body) -> Answer {
    uploaded(&call, upload::receive(&call, body, String::new()).await?)
}

pub(super) async fn create_version(call: Call, body: Body) -> Answer {
    let id = call.id("id", "document")?;
    uploaded(&call, upload::receive(&call, body, id.to_string()).await?)
}

fn uploaded(call: &Call, answer: api::UploadResponse) -> Answer {
    let document = answer.document.ok_or_else(|| Fault::internal("an upload was answered without its document"))?;
    let view = Document { duplicate: Some(answer.duplicate), ..view(&document) };
    let mut response = call.created("documents", &document.id, Some(document.revision), &view)?;
    if answer.duplicate {
        *response.status_mut() = StatusCode::OK;
    }
    Ok(replayed(response, answer.replayed))
}

/// One document; the pages ask for it too.
pub(crate) async fn fetch(call: &Call) -> Result<api::Document, Problem> {
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), api::GetDocumentRequest { id: call.part("id") });
        async move { documents.get_document(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

pub(super) async fn get(call: Call) -> Answer {
    call.query()?.done()?;
    let document = fetch(&call).await?;
    call.entity(document.revision, &view(&document))
}

pub(super) async fn update(call: Call, body: Body) -> Answer {
    call.require(Role::Editor)?;
    let sent = body.json::<Patch>().await?.value;
    let request = api::UpdateDocumentRequest {
        id: call.part("id"),
        title: sent.title,
        tags: sent.tags.map(|values| api::Tags { values }),
        metadata: sent.metadata.map(|raw| raw.get().to_owned()),
        collection_id: sent.collection_id,
        if_revision: call.if_match(),
    };
    let document = call.state.documents.clone().update_document(request).await?.into_inner();
    call.entity(document.revision, &view(&document))
}

/// To the trash; with `?purge=true`, out of it for good.
pub(super) async fn delete(call: Call) -> Answer {
    call.require(Role::Editor)?;
    let mut query = call.query()?;
    let purge = query.flag("purge");
    query.done()?;
    let mut documents = call.state.documents.clone();
    let id = call.part("id");
    match purge {
        true => drop(documents.purge_document(api::PurgeDocumentRequest { id }).await?),
        false => drop(documents.trash_document(api::TrashDocumentRequest { id, if_revision: call.if_match() }).await?),
    }
    no_content()
}

pub(super) async fn restore(call: Call) -> Answer {
    call.require(Role::Editor)?;
    let request = api::RestoreDocumentRequest { id: call.part("id") };
    let document = call.state.documents.clone().restore_document(request).await?.into_inner();
    call.entity(document.revision, &view(&document))
}

pub(super) async fn reprocess(call: Call) -> Answer {
    call.require(Role::Editor)?;
    let request = api::ReprocessDocumentRequest { id: call.part("id") };
    let document = call.state.documents.clone().reprocess_document(request).await?.into_inner();
    json(StatusCode::ACCEPTED, &view(&document))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DocumentPassword")]
pub(super) struct Password {
    #[schemars(with = "kind::Line<1, 1024>")]
    password: String,
}

/// Has a document read with its password, which is kept nowhere; the pages do it too. Answers the document
/// as it is then: it may still be being read.
pub(crate) async fn open(call: &Call, password: String) -> Result<api::Document, Problem> {
    call.require(Role::Editor)?;
    let request = UnlockDocumentRequest { document_id: call.part("id"), password };
    call.state.indexer.clone().unlock_document(request).await?;
    fetch(call).await
}

pub(super) async fn unlock(call: Call, body: Body) -> Answer {
    call.require(Role::Editor)?;
    let sent = body.json::<Password>().await?.value;
    let document = open(&call, sent.password).await?;
    json(StatusCode::ACCEPTED, &view(&document))
}

/// Pages of text, all of them when `page` is 0; the pages ask for them too.
pub(crate) async fn pages(call: &Call, page: i32) -> Result<api::GetTextResponse, Problem> {
    let request = api::GetTextRequest { id: call.part("id"), page, limit: i32::from(page > 0) };
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        async move { documents.get_text(request).await }
    };
    Ok(idempotent(ask).await?.into_inner())
}

pub(super) async fn text(call: Call) -> Answer {
    let mut query = call.query()?;
    let page = query.number("page", 1, i32::MAX);
    query.done()?;
    let found = pages(&call, page).await?;
    let view = Text {
        pages: found.pages.iter().map(|p| Page { number: p.number, text: &p.text }).collect(),
        page_count: found.page_count,
        version: found.version,
    };
    json(StatusCode::OK, &view)
}

pub(super) async fn versions(call: Call) -> Answer {
    call.query()?.done()?;
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), api::ListVersionsRequest { id: call.part("id") });
        async move { documents.list_versions(request).await }
    };
    let found = idempotent(ask).await?.into_inner();
    json(StatusCode::OK, &Versions { items: found.items.iter().map(version_view).collect(), next_cursor: None })
}

/// A redirect of a page's form to the document.
pub(crate) fn see(document: &api::Document) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, format!("/documents/{}", document.id))).finish()
}
