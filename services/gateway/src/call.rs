//! One request as handlers see it: who, with what, under which conditions.

use std::{future::Ready, future::ready, net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse,
    dev::Payload,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web::{Bytes, BytesMut, Data},
};
use chassis::{Caller, Fault, FaultKind, RequestContext, Role};
use futures_util::StreamExt;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    domain::{Identity, Scopes},
    overload::Place,
    pace::{is_too_slow, too_slow},
    problem::{Answer, Problem},
    query::Query,
    state::State,
    store::By,
    words::Words,
};

/// A JSON body at most.
const LARGEST_JSON: usize = 1 << 20;
/// A body that is not a file must have arrived by then.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What the middleware found out about a request.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) request_id: Rc<str>,
    pub(crate) caller: Caller,
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) client: IpAddr,
}

/// One request.
pub(crate) struct Call {
    pub(crate) request: HttpRequest,
    pub(crate) context: Context,
    pub(crate) state: Data<State>,
}

impl FromRequest for Call {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let context = request.extensions().get::<Context>().cloned();
        let state = request.app_data::<Data<State>>().cloned();
        ready(match (context, state) {
            (Some(context), Some(state)) => Ok(Self { request: request.clone(), context, state }),
            _ => Err(Fault::internal("a request passed the middleware by").into()),
        })
    }
}

/// An idempotency key in the shape that each owner of such keys wants.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) key: String,
    pub(crate) fingerprint: Vec<u8>,
}

impl Call {
    /// The words of the reader's language.
    pub(crate) fn words(&self) -> Words {
        Words::of(&self.request)
    }

    /// Refuses anyone below `role`.
    pub(crate) fn require(&self, role: Role) -> Result<(), Problem> {
        Ok(self.context.caller.require(role)?)
    }

    /// Whether this call may show contacts beside what it is about.
    pub(crate) fn may_read_contacts(&self) -> bool {
        let scope = Some(Scopes::CONTACTS_READ);
        self.context.identity.as_ref().is_some_and(|identity| identity.caller(scope).is_ok())
    }

    /// Who is signed in; a 401 when nobody is.
    pub(crate) fn identity(&self) -> Result<Arc<Identity>, Problem> {
        self.context.identity.clone().ok_or_else(|| Fault::unauthenticated().into())
    }

    /// How browsers reach this path of ours.
    pub(crate) fn address(&self, path: &str) -> String {
        match self.state.shared.origin.as_str() {
            "" => format!("http://{}{path}", self.header(header::HOST).unwrap_or("localhost")),
            origin => format!("{origin}{path}"),
        }
    }

    /// For the audit log.
    pub(crate) fn by(&self) -> By<'_> {
        By { actor: self.context.caller.user_id(), request_id: &self.context.request_id }
    }

    /// `scheme://host[:port]` of this system, as browsers reach it.
    pub(crate) fn origin(&self) -> String {
        let origin = &self.state.shared.origin;
        match origin.is_empty() {
            true => format!("http://{}", self.header(header::HOST).unwrap_or("localhost")),
            false => origin.clone(),
        }
    }

    /// A part of the path.
    pub(crate) fn part(&self, name: &str) -> String {
        self.request.match_info().query(name).to_owned()
    }

    /// An id in the path. What cannot be one is not there.
    pub(crate) fn id(&self, name: &str, what: &str) -> Result<uuid::Uuid, Problem> {
        self.request.match_info().query(name).parse().map_err(|_| Fault::not_found(what).into())
    }

    /// A header field that is text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The query, field by field.
    pub(crate) fn query(&self) -> Result<Query, Problem> {
        Ok(Query::parse(self.request.query_string())?)
    }

    /// The idempotency key, if one was sent; `body` is what must be the same when it is repeated.
    pub(crate) fn idempotency(&self, body: &[u8]) -> Result<Option<Key>, Problem> {
        let Some(value) = self.request.headers().get("idempotency-key") else { return Ok(None) };
        let key =
            value.to_str().ok().filter(|k| (1..=255).contains(&k.len()) && k.bytes().all(|b| b.is_ascii_graphic()));
        let key = key.ok_or_else(|| Fault::field("Idempotency-Key", "must be 1 to 255 visible ASCII characters"))?;
        let mut digest = Sha256::new();
        digest.update(self.request.method().as_str());
        digest.update(b"\n");
        digest.update(self.request.path());
        digest.update(b"\n");
        digest.update(body);
        Ok(Some(Key { key: key.to_owned(), fingerprint: digest.finalize().to_vec() }))
    }

    /// The revision that `If-Match` demands. A tag that is not one of ours never matches.
    pub(crate) fn if_match(&self) -> Option<i64> {
        let text = match self.request.headers().get(header::IF_MATCH)?.to_str() {
            Ok("*") => return None,
            Ok(text) => text.trim(),
            Err(_) => return Some(-1),
        };
        let revision = text.strip_prefix("\"r").and_then(|t| t.strip_suffix('"')).and_then(|t| t.parse().ok());
        Some(revision.unwrap_or(-1))
    }

    /// Whether `If-None-Match` names this tag.
    pub(crate) fn has_seen(&self, tag: &str) -> bool {
        let Some(sent) = self.header(header::IF_NONE_MATCH) else { return false };
        sent.split(',').map(str::trim).any(|t| t == "*" || t.strip_prefix("W/").unwrap_or(t) == tag)
    }

    /// 200 with the resource and its tag, or 304.
    pub(crate) fn entity(&self, revision: i64, body: &impl Serialize) -> Answer {
        let tag = etag(revision);
        if self.request.method().is_safe() && self.has_seen(&tag) {
            return Ok(HttpResponse::NotModified()
                .insert_header((header::ETAG, tag))
                .insert_header((header::CACHE_CONTROL, PRIVATE))
                .finish());
        }
        let mut response = json(StatusCode::OK, body)?;
        put(&mut response, header::ETAG, &tag);
        response.headers_mut().insert(header::CACHE_CONTROL, PRIVATE);
        Ok(response)
    }

    /// 201 with the resource, its address and its tag.
    pub(crate) fn created(&self, path: &str, id: &str, revision: Option<i64>, body: &impl Serialize) -> Answer {
        let mut response = json(StatusCode::CREATED, body)?;
        put(&mut response, header::LOCATION, &format!("/api/v1/{path}/{id}"));
        if let Some(revision) = revision {
            put(&mut response, header::ETAG, &etag(revision));
        }
        Ok(response)
    }
}

/// May be kept by the client itself, and must be asked about each time.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Calls the services as somebody else: whoever made the link that a request came by.
pub(crate) fn on_behalf<F: Future>(maker: Caller, future: F) -> impl Future<Output = F::Output> {
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(BODY_TIME));
    RequestContext { caller: maker, ..context }.scope(future)
}

/// The tag of a resource at this revision.
pub(crate) fn etag(revision: i64) -> String {
    format!("\"r{revision}\"")
}

/// Sets a header field whose value was made from data; what cannot stand there is left out.
pub(crate) fn put(response: &mut HttpResponse, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON response.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, body).map_err(Fault::internal)?;
    Ok(HttpResponse::build(status).insert_header((header::CONTENT_TYPE, JSON)).body(bytes))
}

/// 204.
pub(crate) fn no_content() -> Answer {
    Ok(HttpResponse::NoContent().finish())
}

/// Marks an answer that was given before.
pub(crate) fn replayed(mut response: HttpResponse, replayed: bool) -> HttpResponse {
    if replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

/// The body, not read yet, so that whoever may not send one is refused first.
pub(crate) struct Body {
    pub(crate) payload: Payload,
    media_type: String,
    place: Option<Place>,
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = request.content_type().trim().to_ascii_lowercase();
        let place = request.extensions().get::<Place>().cloned();
        ready(Ok(Self { payload: payload.take(), media_type, place }))
    }
}

/// A JSON body, and the bytes it came as.
pub(crate) struct Sent<T> {
    pub(crate) value: T,
    pub(crate) raw: Bytes,
}

impl Body {
    /// Whether a form of a web page sent it.
    pub(crate) fn is_form(&self) -> bool {
        self.media_type == "application/x-www-form-urlencoded"
    }

    /// Whether it is a table.
    pub(crate) fn is_csv(&self) -> bool {
        self.media_type == "text/csv"
    }

    /// Whether it is an archive.
    pub(crate) fn is_archive(&self) -> bool {
        ["application/x-tar", "application/octet-stream"].contains(&self.media_type.as_str())
    }

    /// Whether it is cards of an address book.
    pub(crate) fn is_vcard(&self) -> bool {
        ["text/vcard", "text/x-vcard", "text/directory"].contains(&self.media_type.as_str())
    }

    /// Whether it is a form with files.
    pub(crate) fn is_multipart(&self) -> bool {
        self.media_type == "multipart/form-data"
    }

    /// The whole body, up to the limit for what is no file.
    pub(crate) async fn bytes(self) -> Result<Bytes, Problem> {
        self.bytes_within(LARGEST_JSON, BODY_TIME).await
    }

    /// The whole body, which must have no more bytes than this and arrive within this time.
    pub(crate) async fn bytes_within(mut self, largest: usize, time: Duration) -> Result<Bytes, Problem> {
        if let Some(place) = &self.place {
            place.step_aside();
        }
        let read = async {
            let mut whole = BytesMut::new();
            while let Some(chunk) = self.payload.next().await {
                let chunk = chunk.map_err(|error| match is_too_slow(&error) {
                    true => too_slow(),
                    false => Fault::new(FaultKind::Invalid, "the body ended too early").because("incomplete"),
                })?;
                if whole.len() + chunk.len() > largest {
                    let detail = format!("the body is larger than {} MiB", largest >> 20);
                    return Err(Fault::new(FaultKind::TooLarge, detail).into());
                }
                whole.extend_from_slice(&chunk);
            }
            Ok(whole.freeze())
        };
        let whole = tokio::time::timeout(time, read).await.unwrap_or_else(|_| Err(Problem::request_timeout()))?;
        if let Some(place) = &self.place {
            place.come_back()?;
        }
        Ok(whole)
    }

    /// The body as JSON. Unknown fields are refused by the types.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<Sent<T>, Problem> {
        if self.media_type != "application/json" && !self.media_type.ends_with("+json") {
            let fault = Fault::new(FaultKind::UnsupportedMediaType, "this call takes application/json");
            return Err(fault.into());
        }
        let raw = self.bytes().await?;
        // serde would also take an array, field after field.
        if raw.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[') {
            return Err(Fault::field("body", "must be an object").into());
        }
        let value = serde_json::from_slice(&raw).map_err(|e| blame(&e))?;
        Ok(Sent { value, raw })
    }

    /// The same, where a call may come without a body.
    pub(crate) async fn json_or_nothing<T: DeserializeOwned + Default>(self) -> Result<Sent<T>, Problem> {
        match self.media_type.as_str() {
            "" => {
                let raw = self.bytes().await?;
                match raw.is_empty() {
                    true => Ok(Sent { value: T::default(), raw }),
                    false => {
                        Err(Fault::new(FaultKind::UnsupportedMediaType, "this call takes application/json").into())
                    }
                }
            }
            _ => self.json().await,
        }
    }

    /// The body as the fields of a form.
    pub(crate) async fn form(self) -> Result<Query, Problem> {
        Ok(Query::form(&self.bytes().await?)?)
    }
}

/// Names the field that serde complains about.
fn blame(error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    let quoted = |start: &str| text.strip_prefix(start).and_then(|rest| rest.split('`').next()).map(str::to_owned);
    if let Some(field) = quoted("unknown field `") {
        return Fault::field(field, "is not a field of this request");
    }
    if let Some(field) = quoted("missing field `") {
        return Fault::field(field, "is missing");
    }
    if let Some(field) = quoted("duplicate field `") {
        return Fault::field(field, "is there twice");
    }
    Fault::field("body", text)
}
