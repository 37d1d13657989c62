//! A client of the public HTTP API, as a program on the other side of Caddy would have it.
//!
//! Answers are not hidden behind types: a [`Reply`] is status, headers and bytes, so that a test
//! can look at whatever it is about, and [`Reply::expect`] turns any other status into an error that
//! shows the request and the body.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{AUTHORIZATION, COOKIE, HeaderMap, ORIGIN, SET_COOKIE},
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use crate::events::{Event, EventParser};

/// No single answer may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who asks.
#[derive(Clone, Debug)]
enum Identity {
    Anonymous,
    /// A session cookie, `name=value`, and the origin that a browser would send with it.
    Session(String),
    /// An API token.
    Token(String),
}

/// Somebody who calls the API.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    identity: Identity,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What was asked, for error messages.
    pub asked: String,
    /// The HTTP status.
    pub status: StatusCode,
    /// All header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

/// What is uploaded, and what is said about it.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// The name of the file.
    pub file_name: &'a str,
    /// What the client says it is.
    pub media_type: &'a str,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Form fields besides the file: collection_id, title, tags, metadata.
    pub fields: Vec<(&'a str, String)>,
    /// Header fields.
    pub headers: Vec<(&'a str, String)>,
}

impl<'a> Upload<'a> {
    /// A file without any field. The media type follows the name's ending.
    pub fn new(file_name: &'a str, bytes: impl Into<Vec<u8>>) -> Self {
        let media_type = match file_name.rsplit('.').next() {
            Some("pdf") => "application/pdf",
            Some("md") => "text/markdown",
            Some("html") => "text/html",
            Some("txt") => "text/plain",
            _ => "application/octet-stream",
        };
        Self { file_name, media_type, bytes: bytes.into(), fields: Vec::new(), headers: Vec::new() }
    }

    /// With a form field.
    pub fn field(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// With a header field.
    pub fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn form(&self) -> anyhow::Result<Form> {
        let mut form = Form::new();
        for (name, value) in &self.fields {
            form = form.text((*name).to_owned(), value.clone());
        }
        let part = Part::bytes(self.bytes.clone()).file_name(self.file_name.to_owned()).mime_str(self.media_type)?;
        Ok(form.part("file", part))
    }
}

impl Client {
    /// Nobody in particular. `base` is such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn anonymous(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), identity: Identity::Anonymous })
    }

    /// Nobody in particular, who takes any certificate: an edge of a test has made its own.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn untrusting(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .danger_accept_invalid_certs(true)
            .build()?;
        Ok(Self { http, ..Self::anonymous(base)? })
    }

    /// Signs in; the client then has the session's cookie, as a browser would.
    ///
    /// # Errors
    /// When the system cannot be reached or refuses.
    pub async fn sign_in(base: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        let client = Self::anonymous(base)?;
        let reply =
            client.post("/api/v1/session", &json!({"email": email, "password": password})).await?.expect(201)?;
        Ok(Self { identity: Identity::Session(reply.cookie()?), ..client })
    }

    /// The same connections, with this API token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { identity: Identity::Token(token.to_owned()), ..self.clone() }
    }

    /// The same connections, with this cookie (`name=value`).
    pub fn with_session(&self, cookie: &str) -> Self {
        Self { identity: Identity::Session(cookie.to_owned()), ..self.clone() }
    }

    /// The same connections, without any identity.
    pub fn nobody(&self) -> Self {
        Self { identity: Identity::Anonymous, ..self.clone() }
    }

    /// The same identity at another address, such as another proxy before the same system.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), ..self.clone() }
    }

    /// Where the system is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request with the caller's identity on it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.identity {
            Identity::Anonymous => request,
            Identity::Session(cookie) => request.header(COOKIE, cookie).header(ORIGIN, &self.base),
            Identity::Token(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
        }
    }

    /// GET.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        send(self.request(Method::GET, path)).await
    }

    /// GET with a query, whose values are escaped here.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn query(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        send(self.request(Method::GET, path).query(query)).await
    }

    /// GET with header fields.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Reply> {
        send(with_headers(self.request(Method::GET, path), headers)).await
    }

    /// HEAD.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn head(&self, path: &str) -> anyhow::Result<Reply> {
        send(self.request(Method::HEAD, path)).await
    }

    /// POST of JSON.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// POST of JSON with header fields.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> anyhow::Result<Reply> {
        send(with_headers(self.request(Method::POST, path).json(body), headers)).await
    }

    /// POST without a body.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn post_empty(&self, path: &str) -> anyhow::Result<Reply> {
        send(self.request(Method::POST, path)).await
    }

    /// PATCH of JSON, under the condition of `if_match` when there is one.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn patch(&self, path: &str, body: &Value, if_match: Option<&str>) -> anyhow::Result<Reply> {
        let request = self.request(Method::PATCH, path).json(body);
        send(if_match.into_iter().fold(request, |r, tag| r.header("if-match", tag))).await
    }

    /// PUT without a body.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn put(&self, path: &str) -> anyhow::Result<Reply> {
        send(self.request(Method::PUT, path)).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Reply> {
        send(self.request(Method::DELETE, path)).await
    }

    /// A multipart form with the file as its last part.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn upload(&self, upload: &Upload<'_>) -> anyhow::Result<Reply> {
        self.upload_to("/api/v1/documents", upload).await
    }

    /// The same to another path, such as the versions of a document.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn upload_to(&self, path: &str, upload: &Upload<'_>) -> anyhow::Result<Reply> {
        let request = self.request(Method::POST, path).multipart(upload.form()?);
        send(with_headers(request, &borrowed(&upload.headers))).await
    }

    /// The bytes as the body, the name in `Content-Disposition`, the fields in the query.
    ///
    /// # Errors
    /// When there is no whole answer within thirty seconds.
    pub async fn upload_raw(&self, upload: &Upload<'_>) -> anyhow::Result<Reply> {
        let request = self
            .request(Method::POST, "/api/v1/documents")
            .query(&upload.fields)
            .header("content-type", upload.media_type)
            .header("content-disposition", format!("attachment; filename=\"{}\"", upload.file_name))
            .body(upload.bytes.clone());
        send(with_headers(request, &borrowed(&upload.headers))).await
    }

    /// Uploads, expects 201, and answers the id.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn add(&self, upload: &Upload<'_>) -> anyhow::Result<String> {
        self.upload(upload).await?.expect(201)?.text_of("id")
    }

    /// Uploads, waits until it is ready, and answers the id.
    ///
    /// # Errors
    /// When it is not accepted, fails, or is not ready within `limit`.
    pub async fn add_ready(&self, upload: &Upload<'_>, limit: Duration) -> anyhow::Result<String> {
        let id = self.add(upload).await?;
        self.wait_ready(&id, limit).await?;
        Ok(id)
    }

    /// Follows the document's events until one of them is the last, and answers them all.
    ///
    /// # Errors
    /// When the stream cannot be opened, breaks off, or does not end within `limit`.
    pub async fn events(&self, id: &str, limit: Duration) -> anyhow::Result<Vec<Event>> {
        let follow = async {
            let path = format!("/api/v1/documents/{id}/events");
            let reply = self.request(Method::GET, &path).timeout(limit).send().await?;
            ensure!(reply.status() == 200, "GET {path} answered {}: {}", reply.status(), reply.text().await?);
            let kind = reply.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
            ensure!(kind.starts_with("text/event-stream"), "GET {path} is of type {kind:?}");
            let (mut parser, mut stream) = (EventParser::default(), reply.bytes_stream());
            while let Some(chunk) = stream.next().await {
                parser.feed(&chunk?);
            }
            anyhow::Ok(parser.finish())
        };
        tokio::time::timeout(limit, follow)
            .await
            .with_context(|| format!("the events of {id} did not end within {limit:?}"))?
    }

    /// Waits until the document is ready, by its events, and by asking when the stream breaks.
    ///
    /// # Errors
    /// When it fails, or is not ready within `limit`.
    pub async fn wait_ready(&self, id: &str, limit: Duration) -> anyhow::Result<Value> {
        let document = self.wait_settled(id, limit).await?;
        ensure!(document["status"] == "ready", "document {id} is not ready: {document}");
        Ok(document)
    }

    /// Waits until the document is ready or failed, and answers it.
    ///
    /// # Errors
    /// When it is neither within `limit`.
    pub async fn wait_settled(&self, id: &str, limit: Duration) -> anyhow::Result<Value> {
        let until = Instant::now() + limit;
        let mut last = String::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "document {id} was not settled within {limit:?}; last seen: {last}");
            // How the stream ends does not matter: the document says what it is.
            let _ = self.events(id, left).await;
            match self.get(&format!("/api/v1/documents/{id}")).await {
                Ok(reply) if reply.status == 200 => {
                    let document = reply.json()?;
                    if document["status"] == "ready" || document["status"] == "failed" {
                        return Ok(document);
                    }
                    last = document.to_string();
                }
                Ok(reply) => last = reply.to_string(),
                Err(error) => last = format!("{error:#}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Asks again and again until `done` answers something, at most for `limit`.
///
/// # Errors
/// When `limit` has passed; the error shows what was seen last.
pub async fn eventually<T, F, R>(limit: Duration, what: &str, mut done: F) -> anyhow::Result<T>
where
    F: FnMut() -> R,
    R: Future<Output = anyhow::Result<T>>,
{
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let error = match tokio::time::timeout(left, done()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => anyhow::anyhow!("no answer"),
        };
        if Instant::now() >= until {
            return Err(error.context(format!("not within {limit:?}: {what}")));
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

impl Reply {
    /// The answer itself when it has this status, else an error that shows it.
    ///
    /// # Errors
    /// When the status is another.
    pub fn expect(self, status: u16) -> anyhow::Result<Self> {
        ensure!(self.status == status, "expected {status}: {self}");
        Ok(self)
    }

    /// The body, when the answer is a problem of this status whose type ends in `/kind`.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn problem(&self, status: u16, kind: &str) -> anyhow::Result<Value> {
        let problem = self.any_problem(status)?;
        ensure!(problem["type"] == format!("/problems/{kind}"), "expected problem {kind}: {self}");
        Ok(problem)
    }

    /// The body, when the answer is a well-formed problem of this status.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn any_problem(&self, status: u16) -> anyhow::Result<Value> {
        let reply = self;
        ensure!(reply.status == status, "expected {status}: {reply}");
        ensure!(reply.header("content-type").starts_with("application/problem+json"), "not a problem: {reply}");
        let problem = reply.json()?;
        ensure!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("/problems/")), "no type: {reply}");
        for field in ["title", "detail", "request_id"] {
            ensure!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "problem without {field}: {reply}");
        }
        ensure!(problem["status"] == status, "problem with another status inside: {reply}");
        Ok(problem)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {self}"))
    }

    /// A string field of the body.
    ///
    /// # Errors
    /// When the body is not an object with that field.
    pub fn text_of(&self, field: &str) -> anyhow::Result<String> {
        let body = self.json()?;
        let text = body[field].as_str().with_context(|| format!("no {field}: {self}"))?;
        Ok(text.to_owned())
    }

    /// A header field, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The session cookie that was set, as `name=value`.
    ///
    /// # Errors
    /// When none was.
    pub fn cookie(&self) -> anyhow::Result<String> {
        let set = self.header(SET_COOKIE.as_str());
        let pair = set.split(';').next().filter(|pair| pair.contains('='));
        Ok(pair.with_context(|| format!("no cookie: {self}"))?.to_owned())
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(1500)]);
        write!(f, "{} answered {}: {body}", self.asked, self.status)
    }
}

fn with_headers(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

fn borrowed<'a>(pairs: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// Sends a request and takes the whole answer.
///
/// # Errors
/// When there is no whole answer in time.
pub async fn send(request: RequestBuilder) -> anyhow::Result<Reply> {
    let (http, request) = request.build_split();
    let request = request?;
    let asked = format!("{} {}", request.method(), request.url());
    let answer = async {
        let response = http.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        anyhow::Ok((status, headers, response.bytes().await?))
    };
    let (status, headers, body) = answer.await.with_context(|| asked.clone())?;
    Ok(Reply { asked, status, headers, body: body.to_vec() })
}
