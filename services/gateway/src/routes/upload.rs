//! A file on its way in: from the body of a request to the stream of a call, a bounded number of
//! chunks at a time, never held whole.

use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{
    HttpMessage,
    error::PayloadError,
    http::header::{self, ContentDisposition, DispositionParam},
    web::{Bytes, BytesMut},
};
use chassis::{Caller, Fault, FaultKind, RequestContext, Role};
use futures_util::{Stream, StreamExt};
use proto::documents::{self as api, upload_request::Part};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::documents::key;
use crate::{
    call::{Body, Call},
    openapi::{Parameter, kind},
    pace::{is_too_slow, too_slow},
    problem::Problem,
    query::Query,
};

/// A whole upload at most.
const TRANSFER: Duration = Duration::from_secs(3600);
/// Chunks between the request and the call.
const DEPTH: usize = 4;
/// Smaller pieces are joined, since each message costs the same.
const CHUNK: usize = 128 << 10;
/// A field that is not the file.
const LARGEST_FIELD: usize = 64 << 10;

/// What is said about a file beside its bytes.
#[derive(Debug, Default)]
struct Fields {
    collection_id: Option<String>,
    title: Option<String>,
    tags: Vec<String>,
    metadata: Option<String>,
}

impl Fields {
    /// What stands in the query.
    fn asked(call: &Call) -> Result<Self, Problem> {
        let mut query = call.query()?;
        let fields = Self {
            collection_id: query.get("collection_id"),
            title: query.get("title"),
            tags: query.all("tags"),
            metadata: query.get("metadata"),
        };
        Query::done(query)?;
        Ok(fields)
    }

    /// What is not said here, as `other` says it.
    fn or(self, other: Self) -> Self {
        Self {
            collection_id: self.collection_id.or(other.collection_id),
            title: self.title.or(other.title),
            tags: if self.tags.is_empty() { other.tags } else { self.tags },
            metadata: self.metadata.or(other.metadata),
        }
    }
}

/// All that the last message says.
struct Said {
    fields: Fields,
    file_name: String,
    expected_sha256: String,
}

/// Takes the file and answers what the documents service made of it. An early refusal ends it at
/// once; when the client goes away, nothing is kept.
pub(crate) async fn receive(call: &Call, body: Body, document_id: String) -> Result<api::UploadResponse, Problem> {
    call.require(Role::Editor)?;
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(TRANSFER));
    let (sender, receiver) = mpsc::channel(DEPTH);
    let mut documents = call.state.documents.clone();
    let uploading =
        context.with_budget(TRANSFER).scope(async move { documents.upload(ReceiverStream::new(receiver)).await });
    // Only a key makes it matter whether the same bytes came before.
    let digest = call.request.headers().contains_key("idempotency-key").then(Sha256::new);
    let feeding = feed(call, body, document_id, Sender { sender, rest: BytesMut::new(), digest, room: u64::MAX });
    together(uploading, feeding).await
}

/// A file of somebody who has no account, on behalf of whoever asked for it.
pub(super) async fn pass_on(
    call: &Call,
    maker: Caller,
    field: &mut Field,
    finish: api::UploadFinish,
    limit: u64,
) -> Result<api::UploadResponse, Problem> {
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(TRANSFER));
    let context = RequestContext { caller: maker, ..context }.with_budget(TRANSFER);
    let (sender, receiver) = mpsc::channel(DEPTH);
    let mut documents = call.state.documents.clone();
    let uploading = context.scope(async move { documents.upload(ReceiverStream::new(receiver)).await });
    let feeding = async {
        let mut sender = Sender { sender, rest: BytesMut::new(), digest: None, room: limit };
        let declared_media_type = field.content_type().map(|m| m.essence_str().to_owned()).unwrap_or_default();
        let file_name = finish.file_name.clone();
        let start = api::UploadStart { file_name, declared_media_type, ..Default::default() };
        if sender.send(Part::Start(start)).await == Line::Open && sender.copy(field, malformed).await? == Line::Open {
            sender.send(Part::Finish(finish)).await;
        }
        Ok(())
    };
    together(uploading, feeding).await
}

/// Until both are done, or the call is: what it answered is the answer.
async fn together(
    uploading: impl Future<Output = Result<tonic::Response<api::UploadResponse>, tonic::Status>>,
    feeding: impl Future<Output = Result<(), Problem>>,
) -> Result<api::UploadResponse, Problem> {
    let (mut uploading, mut feeding) = (std::pin::pin!(uploading), std::pin::pin!(feeding));
    tokio::select! {
        answer = &mut uploading => return Ok(answer?.into_inner()),
        fed = &mut feeding => fed?,
    }
    Ok(uploading.await?.into_inner())
}

async fn feed(call: &Call, body: Body, document_id: String, sender: Sender) -> Result<(), Problem> {
    let expected_sha256 = match call.header(header::HeaderName::from_static("x-checksum-sha256")) {
        Some(text) => checksum("X-Checksum-Sha256", text)?,
        None => String::new(),
    };
    let start = api::UploadStart { document_id, ..Default::default() };
    match body.is_multipart() {
        true => feed_form(call, body, start, expected_sha256, sender).await,
        false => feed_raw(call, body, start, expected_sha256, sender).await,
    }
}

/// What may be said in the query; the fields of a form come before it.
pub(super) fn parameters() -> [Parameter; 4] {
    [
        Parameter::query::<kind::Id>("collection_id", "Where it goes; the first collection unless said"),
        Parameter::query::<kind::Line<1, 255>>("title", "Its name unless said"),
        Parameter::query::<Vec<kind::Line<1, 50>>>("tags", "Repeated, or separated by commas"),
        Parameter::query::<kind::Metadata>("metadata", "A JSON object").in_json(),
    ]
}

/// The same as fields of a form, with the file.
pub(super) fn form() -> serde_json::Value {
    serde_json::json!({
        "type": "object",
        "required": ["file"],
        "additionalProperties": false,
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "collection_id": {"type": "string", "format": "uuid"},
            "title": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": kind::LINE},
            "tags": {
                "type": "array", "maxItems": 50, "items": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[^\\s,\\[\\u0000-\\u001f\\u007f-\\u009f][^,\\u0000-\\u001f\\u007f-\\u009f]*$"},
                "description": "Repeated, separated by commas, or a JSON array",
            },
            "metadata": {"$ref": "#/components/schemas/Metadata"},
        },
    })
}

/// 64 hexadecimal digits, in lower case.
pub(super) fn checksum(field: &str, text: &str) -> Result<String, Fault> {
    let text = text.trim().to_ascii_lowercase();
    match text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => Ok(text),
        false => Err(Fault::field(field, "must be 64 hexadecimal digits")),
    }
}

async fn feed_raw(
    call: &Call,
    mut body: Body,
    start: api::UploadStart,
    expected_sha256: String,
    mut sender: Sender,
) -> Result<(), Problem> {
    let fields = Fields::asked(call)?;
    let disposition = call.request.headers().get(header::CONTENT_DISPOSITION);
    let file_name = match disposition.map(ContentDisposition::from_raw) {
        Some(Ok(disposition)) => file_name(&disposition),
        Some(Err(_)) => return Err(Fault::field("Content-Disposition", "is not well-formed").into()),
        None => None,
    };
    let start = api::UploadStart {
        file_name: file_name.unwrap_or_else(|| "upload".to_owned()),
        declared_media_type: call.request.content_type().to_owned(),
        size: call.header(header::CONTENT_LENGTH).and_then(|text| text.parse().ok()),
        ..start
    };
    let said = Said { fields, file_name: start.file_name.clone(), expected_sha256 };
    if sender.send(Part::Start(start)).await.is_closed() || sender.copy(&mut body.payload, broken).await?.is_closed() {
        return Ok(());
    }
    sender.finish(call, said).await
}

async fn feed_form(
    call: &Call,
    body: Body,
    start: api::UploadStart,
    expected_sha256: String,
    mut sender: Sender,
) -> Result<(), Problem> {
    let asked = Fields::asked(call)?;
    let mut form = Multipart::new(call.request.headers(), body.payload);
    let (mut fields, mut file_name_sent) = (Fields::default(), None);
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|e| malformed(&e))?;
        let name = field.name().unwrap_or_default().to_owned();
        let place = match name.as_str() {
            "file" if file_name_sent.is_some() => return Err(Fault::field("file", "is there twice").into()),
            "file" => {
                let name = field.content_disposition().and_then(file_name).unwrap_or_else(|| "upload".to_owned());
                let declared_media_type = field.content_type().map(|m| m.essence_str().to_owned()).unwrap_or_default();
                file_name_sent = Some(name.clone());
                let start = api::UploadStart { file_name: name, declared_media_type, ..start.clone() };
                if sender.send(Part::Start(start)).await.is_closed()
                    || sender.copy(&mut field, malformed).await?.is_closed()
                {
                    return Ok(());
                }
                continue;
            }
            "tags" => {
                fields.tags.push(field_text(&name, &mut field).await?);
                continue;
            }
            "collection_id" => &mut fields.collection_id,
            "title" => &mut fields.title,
            "metadata" => &mut fields.metadata,
            _ => return Err(Fault::field(name, "is not a field of this form").into()),
        };
        if place.is_some() {
            return Err(Fault::field(name, "is there twice").into());
        }
        let text = field_text(&name, &mut field).await?;
        // Also where it plays no part, as with a new version.
        if name == "collection_id" && !text.is_empty() && text.parse::<uuid::Uuid>().is_err() {
            return Err(Fault::field(name, "must be an id").into());
        }
        *place = Some(text);
    }
    let Some(file_name) = file_name_sent else { return Err(Fault::field("file", "is missing").into()) };
    sender.finish(call, Said { fields: fields.or(asked), file_name, expected_sha256 }).await
}

pub(super) async fn field_text(name: &str, field: &mut Field) -> Result<String, Problem> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = field.next().await {
        whole.extend_from_slice(&chunk.map_err(|e| malformed(&e))?);
        if whole.len() > LARGEST_FIELD {
            return Err(Fault::field(name, "is longer than 64 KiB").into());
        }
    }
    String::from_utf8(whole.into()).map_err(|_| Fault::field(name, "is not UTF-8").into())
}

/// Repeated fields, commas, or a JSON array.
fn tags(sent: Vec<String>) -> Vec<String> {
    let mut tags = Vec::new();
    for text in sent {
        match serde_json::from_str::<Vec<String>>(&text) {
            Ok(listed) => tags.extend(listed),
            // A word may begin with a bracket.
            Err(_) => tags.extend(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)),
        }
    }
    tags
}

/// The extended form (RFC 8187) is preferred to the plain one.
pub(super) fn file_name(disposition: &ContentDisposition) -> Option<String> {
    let extended = disposition.parameters.iter().find_map(|parameter| match parameter {
        DispositionParam::FilenameExt(value) => String::from_utf8(value.value.clone()).ok(),
        _ => None,
    });
    let name = extended.or_else(|| disposition.get_filename().map(str::to_owned))?;
    // Some clients send a path; only its last part is a name.
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn cut_off() -> Fault {
    Fault::new(FaultKind::Invalid, "the body ended before the file did; nothing was kept").because("incomplete")
}

fn too_large() -> Fault {
    Fault::new(FaultKind::TooLarge, "the file is larger than what is taken here; nothing of it was kept")
}

/// Why a body ended that is a file.
fn broken(error: &PayloadError) -> Fault {
    if is_too_slow(error) { too_slow() } else { cut_off() }
}

/// Why a form with files ended.
pub(crate) fn malformed(error: &MultipartError) -> Fault {
    match error {
        MultipartError::Payload(error) => broken(error),
        MultipartError::Incomplete => cut_off(),
        _ => Fault::field("body", "is not a well-formed multipart/form-data body"),
    }
}

/// Whether the other side still wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Open,
    Closed,
}

impl Line {
    fn is_closed(self) -> bool {
        self == Line::Closed
    }
}

struct Sender {
    sender: mpsc::Sender<api::UploadRequest>,
    rest: BytesMut,
    digest: Option<Sha256>,
    /// Bytes that may still come.
    room: u64,
}

impl Sender {
    async fn send(&mut self, part: Part) -> Line {
        match self.sender.send(api::UploadRequest { part: Some(part) }).await {
            Ok(()) => Line::Open,
            // The call has ended: what it answered is the answer.
            Err(_) => Line::Closed,
        }
    }

    /// Sends all of `source`; `fault` says why it broke off.
    async fn copy<E>(
        &mut self,
        source: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
        fault: fn(&E) -> Fault,
    ) -> Result<Line, Problem> {
        while let Some(piece) = source.next().await {
            let piece = piece.map_err(|error| fault(&error))?;
            self.room = self.room.checked_sub(piece.len() as u64).ok_or_else(too_large)?;
            if let Some(digest) = &mut self.digest {
                digest.update(&piece);
            }
            if self.rest.is_empty() && piece.len() >= CHUNK {
                if self.send(Part::Chunk(piece)).await.is_closed() {
                    return Ok(Line::Closed);
                }
                continue;
            }
            self.rest.extend_from_slice(&piece);
            if self.rest.len() >= CHUNK && self.flush().await.is_closed() {
                return Ok(Line::Closed);
            }
        }
        Ok(self.flush().await)
    }

    async fn flush(&mut self) -> Line {
        match self.rest.is_empty() {
            true => Line::Open,
            false => {
                let chunk = std::mem::replace(&mut self.rest, BytesMut::with_capacity(CHUNK + (32 << 10)));
                self.send(Part::Chunk(chunk.freeze())).await
            }
        }
    }

    async fn finish(mut self, call: &Call, said: Said) -> Result<(), Problem> {
        let Said { fields, file_name, expected_sha256 } = said;
        let content = self.digest.take().map(Digest::finalize);
        let repeated = format!("{fields:?}{file_name:?}{content:x?}");
        let finish = api::UploadFinish {
            idempotency: key(call.idempotency(repeated.as_bytes())?),
            collection_id: fields.collection_id.unwrap_or_default(),
            title: fields.title.unwrap_or_default(),
            tags: tags(fields.tags),
            metadata: fields.metadata.unwrap_or_default(),
            expected_sha256,
            file_name,
        };
        self.send(Part::Finish(finish)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_from_wherever_it_stands() {
        let name = |text: &str| {
            let value = header::HeaderValue::from_bytes(text.as_bytes()).unwrap();
            file_name(&ContentDisposition::from_raw(&value).unwrap())
        };
        assert_eq!(name("attachment; filename=\"a b.pdf\"").as_deref(), Some("a b.pdf"));
        assert_eq!(
            name("attachment; filename=\"x\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.pdf").as_deref(),
            Some("grüße.pdf")
        );
        assert_eq!(name("attachment; filename=\"grüße.pdf\"").as_deref(), Some("grüße.pdf"));
        assert_eq!(name("attachment; filename=\"C:\\\\tmp\\\\x.pdf\"").as_deref(), Some("x.pdf"));
        assert_eq!(name("attachment; filename=\"../../etc/passwd\"").as_deref(), Some("passwd"));
        assert_eq!(name("attachment"), None);
    }

    #[test]
    fn tags_come_in_three_shapes() {
        let of = |sent: &[&str]| tags(sent.iter().map(|s| (*s).to_owned()).collect());
        assert_eq!(of(&["a, b", "c"]), ["a", "b", "c"]);
        assert_eq!(of(&[r#"["a, b"]"#]), ["a, b"]);
        assert_eq!(of(&["[1]"]), ["[1]"]);
    }
}
