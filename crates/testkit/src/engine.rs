//! A stand-in for Meilisearch that keeps the part of its HTTP contract that is used here: what is
//! asked of it, what it answers, its error bodies, and that writes are done later than accepted.
//! The contract tests of `search-index` run against it and against the real engine.

mod filter;
mod indexes;
mod keys;
mod search;
mod tasks;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde_json::{Map, Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use filter::Filter;

/// How long a task waits, and again how long it is worked on.
const TASK_STEP: Duration = Duration::from_millis(3);
const KEY: &str = "key-for-tests-of-the-search-engine";

/// A search engine in this process.
#[derive(Debug)]
pub struct FakeMeilisearch {
    /// `http://host:port`, the same before and after [`FakeMeilisearch::stop`].
    pub url: String,
    /// The master key.
    pub key: String,
    addr: SocketAddr,
    shared: Shared,
    serving: Option<JoinHandle<()>>,
    working: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Shared {
    state: Arc<Mutex<Engine>>,
    queue: mpsc::UnboundedSender<usize>,
    hanging: Arc<watch::Sender<bool>>,
}

#[derive(Debug, Default)]
struct Engine {
    /// By uid, as they were made.
    keys: BTreeMap<String, Value>,
    indexes: BTreeMap<String, Index>,
    tasks: Vec<Task>,
    /// Tasks before this one are forgotten.
    purged: usize,
    failing: usize,
    searches: usize,
}

#[derive(Debug, Default)]
struct Index {
    settings: Value,
    documents: BTreeMap<String, Map<String, Value>>,
}

#[derive(Debug)]
struct Task {
    index: String,
    kind: &'static str,
    status: &'static str,
    error: Option<Value>,
    work: Option<Work>,
}

#[derive(Debug)]
enum Work {
    Create,
    Settings(Value),
    Synonyms(Value),
    Put(Vec<Map<String, Value>>),
    Delete(Filter),
    Drop,
    /// The second name takes what the first has, or, with `true`, the first is renamed.
    Swap(Vec<(String, String, bool)>),
}

struct Refusal(StatusCode, &'static str, String);

type Answer = Result<(StatusCode, axum::Json<Value>), Refusal>;

impl Refusal {
    fn body(code: &str, message: &str) -> Value {
        let kind = match code {
            "invalid_api_key" | "missing_authorization_header" => "auth",
            "internal" => "internal",
            _ => "invalid_request",
        };
        json!({"message": message, "code": code, "type": kind, "link": format!("https://docs.meilisearch.com/errors#{code}")})
    }

    fn no_index(uid: &str) -> Self {
        Self(StatusCode::NOT_FOUND, "index_not_found", format!("Index `{uid}` not found."))
    }

    fn bad_request(code: &'static str, message: impl ToString) -> Self {
        Self(StatusCode::BAD_REQUEST, code, message.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, axum::Json(Self::body(self.1, &self.2))).into_response()
    }
}

impl FakeMeilisearch {
    /// Empty, on a free port.
    pub async fn start() -> Self {
        let (queue, queued) = mpsc::unbounded_channel();
        let shared = Shared { state: Arc::default(), queue, hanging: Arc::new(watch::Sender::new(false)) };
        let working = tokio::spawn(tasks::work(shared.state.clone(), queued));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (addr, serving) = serve(any, shared.clone()).await;
        let (url, key) = (format!("http://{addr}"), KEY.to_owned());
        Self { url, key, addr, shared, serving: Some(serving), working }
    }

    /// Refuses connections from now on, and breaks those that stand.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    /// Back at the same address with what it held.
    pub async fn start_again(&mut self) {
        if self.serving.is_none() {
            self.serving = Some(serve(self.addr, self.shared.clone()).await.1);
        }
    }

    /// Answers nothing, or, with `false`, answers again, also what was asked meanwhile.
    pub fn hang(&self, hanging: bool) {
        self.shared.hanging.send_replace(hanging);
    }

    /// The next `n` tasks fail.
    pub fn fail_tasks(&self, n: usize) {
        self.shared.lock().failing = n;
    }

    /// Forgets all tasks so far, as the real engine does with old ones.
    pub fn forget_tasks(&self) {
        let mut engine = self.shared.lock();
        engine.purged = engine.tasks.len();
    }

    /// Cancels what is still in the queue.
    pub fn cancel_tasks(&self) {
        let mut engine = self.shared.lock();
        engine.tasks.iter_mut().filter(|t| t.status == "enqueued").for_each(|t| t.status = "canceled");
    }

    /// Loses everything it held, what it was told of keys included.
    pub fn wipe(&self) {
        let mut engine = self.shared.lock();
        engine.keys.clear();
        engine.indexes.clear();
        engine.purged = engine.tasks.len();
    }

    /// Loses the records of which `document_id` is this one.
    pub fn lose(&self, document_id: &str) {
        for index in self.shared.lock().indexes.values_mut() {
            index.documents.retain(|_, d| d.get("document_id").and_then(Value::as_str) != Some(document_id));
        }
    }

    /// Gives all its indexes another setting than they were given.
    pub fn change_settings(&self) {
        for index in self.shared.lock().indexes.values_mut() {
            index.settings["proximityPrecision"] = "byAttribute".into();
        }
    }

    /// How many searches it was asked.
    pub fn searches(&self) -> usize {
        self.shared.lock().searches
    }
}

impl Drop for FakeMeilisearch {
    fn drop(&mut self) {
        self.working.abort();
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn enqueue(&self, index: &str, kind: &'static str, work: Work) -> Answer {
        let mut engine = self.lock();
        let uid = engine.tasks.len();
        engine.tasks.push(Task { index: index.to_owned(), kind, status: "enqueued", error: None, work: Some(work) });
        let _ = self.queue.send(uid);
        let accepted = json!({
            "taskUid": uid, "indexUid": index, "status": "enqueued", "type": kind, "enqueuedAt": "2026-01-01T00:00:00Z",
        });
        Ok((StatusCode::ACCEPTED, axum::Json(accepted)))
    }
}

async fn serve(addr: SocketAddr, shared: Shared) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(addr).await.expect("the address is free");
    let addr = listener.local_addr().expect("it is bound");
    let router = Router::new()
        .route(
            "/version",
            get(|| async { ok(json!({"commitSha": "fake", "commitDate": "fake", "pkgVersion": "1.50.0"})) }),
        )
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{uid}", get(keys::get).delete(keys::delete))
        .route("/tasks", get(list_tasks))
        .route("/tasks/{uid}", get(get_task))
        .route("/indexes", post(create_index).get(indexes::list))
        .route("/indexes/{uid}", get(get_index).delete(indexes::drop_index))
        .route("/indexes/{uid}/settings/synonyms", get(indexes::get_synonyms).put(indexes::put_synonyms))
        .route("/swap-indexes", post(indexes::swap))
        .route("/indexes/{uid}/documents/fetch", post(indexes::fetch))
        .route("/indexes/{uid}/settings", get(get_settings).patch(patch_settings))
        .route("/indexes/{uid}/stats", get(stats))
        .route("/indexes/{uid}/documents", post(put_documents))
        .route("/indexes/{uid}/documents/{id}", get(get_document))
        .route("/indexes/{uid}/documents/delete", post(delete_by_filter))
        .route("/indexes/{uid}/documents/delete-batch", post(delete_batch))
        .route("/indexes/{uid}/search", post(answer_search))
        .layer(middleware::from_fn_with_state(shared.clone(), keys::authorize))
        .route("/health", get(|| async { ok(json!({"status": "available"})) }))
        .layer(middleware::from_fn_with_state(shared.clone(), wait))
        .with_state(shared);
    let serving = tokio::spawn(async move {
        // Dropped with this task, which breaks the connections.
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            connections.spawn(connection);
            while connections.try_join_next().is_some() {}
        }
    });
    (addr, serving)
}

fn ok(body: Value) -> (StatusCode, axum::Json<Value>) {
    (StatusCode::OK, axum::Json(body))
}

async fn wait(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let _ = shared.hanging.subscribe().wait_for(|hanging| !hanging).await;
    next.run(request).await
}

fn parse(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|e| Refusal::bad_request("malformed_payload", e))
}

async fn create_index(State(shared): State<Shared>, body: Bytes) -> Answer {
    let body = parse(&body)?;
    let uid = body["uid"].as_str().ok_or_else(|| Refusal::bad_request("missing_index_uid", "`uid` is missing"))?;
    shared.enqueue(uid, "indexCreation", Work::Create)
}

async fn get_index(State(shared): State<Shared>, Path(uid): Path<String>) -> Answer {
    let engine = shared.lock();
    engine.indexes.get(&uid).ok_or_else(|| Refusal::no_index(&uid))?;
    let at = "2026-01-01T00:00:00Z";
    Ok(ok(json!({"uid": uid, "primaryKey": "id", "createdAt": at, "updatedAt": at})))
}

async fn get_settings(State(shared): State<Shared>, Path(uid): Path<String>) -> Answer {
    let engine = shared.lock();
    Ok(ok(engine.indexes.get(&uid).ok_or_else(|| Refusal::no_index(&uid))?.settings.clone()))
}

async fn patch_settings(State(shared): State<Shared>, Path(uid): Path<String>, body: Bytes) -> Answer {
    shared.enqueue(&uid, "settingsUpdate", Work::Settings(parse(&body)?))
}

async fn stats(State(shared): State<Shared>, Path(uid): Path<String>) -> Answer {
    let engine = shared.lock();
    let index = engine.indexes.get(&uid).ok_or_else(|| Refusal::no_index(&uid))?;
    let busy = engine.tasks.iter().any(|t| matches!(t.status, "enqueued" | "processing"));
    Ok(ok(json!({
        "numberOfDocuments": index.documents.len(), "rawDocumentDbSize": 0, "avgDocumentSize": 0,
        "isIndexing": busy, "numberOfEmbeddings": 0, "numberOfEmbeddedDocuments": 0, "fieldDistribution": {},
    })))
}

async fn put_documents(State(shared): State<Shared>, Path(uid): Path<String>, request: Request) -> Answer {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 100 << 20)
        .await
        .map_err(|e| Refusal(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", e.to_string()))?;
    let lines: Result<Vec<Map<String, Value>>, _> = match kind.as_str() {
        "application/json" => serde_json::from_slice(&body),
        "application/x-ndjson" => serde_json::Deserializer::from_slice(&body).into_iter().collect(),
        _ => return Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_content_type", kind)),
    };
    let documents = lines.map_err(|e| Refusal::bad_request("malformed_payload", e))?;
    shared.enqueue(&uid, "documentAdditionOrUpdate", Work::Put(documents))
}

async fn get_document(State(shared): State<Shared>, Path((uid, id)): Path<(String, String)>) -> Answer {
    let engine = shared.lock();
    let index = engine.indexes.get(&uid).ok_or_else(|| Refusal::no_index(&uid))?;
    let missing = || Refusal(StatusCode::NOT_FOUND, "document_not_found", format!("Document `{id}` not found."));
    Ok(ok(index.documents.get(&id).cloned().ok_or_else(missing)?.into()))
}

async fn delete_by_filter(State(shared): State<Shared>, Path(uid): Path<String>, body: Bytes) -> Answer {
    let body = parse(&body)?;
    let text = body["filter"].as_str();
    let text = text.ok_or_else(|| Refusal::bad_request("missing_document_filter", "`filter` is missing"))?;
    let filter = Filter::parse(text).map_err(|e| Refusal::bad_request("invalid_document_filter", e))?;
    shared.enqueue(&uid, "documentDeletion", Work::Delete(filter))
}

async fn delete_batch(State(shared): State<Shared>, Path(uid): Path<String>, body: Bytes) -> Answer {
    let ids: Vec<String> = serde_json::from_slice(&body).map_err(|e| Refusal::bad_request("malformed_payload", e))?;
    shared.enqueue(&uid, "documentDeletion", Work::Delete(Filter::In("id".to_owned(), ids)))
}

fn task_body(engine: &Engine, uid: usize) -> Option<Value> {
    let task = engine.tasks.get(uid).filter(|_| uid >= engine.purged)?;
    let canceled_by = (task.status == "canceled").then_some(uid + 1);
    Some(json!({
        "uid": uid, "batchUid": uid, "indexUid": task.index, "status": task.status, "type": task.kind,
        "canceledBy": canceled_by, "details": null, "error": task.error, "enqueuedAt": "2026-01-01T00:00:00Z",
    }))
}

async fn get_task(State(shared): State<Shared>, Path(uid): Path<usize>) -> Answer {
    let missing = || Refusal(StatusCode::NOT_FOUND, "task_not_found", format!("Task `{uid}` not found."));
    Ok(ok(task_body(&shared.lock(), uid).ok_or_else(missing)?))
}

async fn list_tasks(State(shared): State<Shared>, request: Request) -> Answer {
    let query = request.uri().query().unwrap_or_default();
    let uids = query.split('&').find_map(|p| p.strip_prefix("uids=")).unwrap_or_default();
    let engine = shared.lock();
    let known: Vec<_> = uids.split(',').filter_map(|u| task_body(&engine, u.parse().ok()?)).collect();
    Ok(ok(json!({"total": known.len(), "results": known, "limit": 20, "from": null, "next": null})))
}

async fn answer_search(State(shared): State<Shared>, Path(uid): Path<String>, body: Bytes) -> Answer {
    let body = parse(&body)?;
    let mut engine = shared.lock();
    engine.searches += 1;
    let index = engine.indexes.get(&uid).ok_or_else(|| Refusal::no_index(&uid))?;
    let filter = body["filter"].as_str().filter(|f| !f.is_empty()).map(Filter::parse).transpose();
    let filter = filter.map_err(|e| Refusal::bad_request("invalid_search_filter", e))?;
    if let Some(filter) = &filter {
        check(&index.settings, filter).map_err(|e| Refusal::bad_request("invalid_search_filter", e))?;
    }
    let facets = body["facets"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for (name, code) in facets
        .map(|f| (f, "invalid_search_facets"))
        .chain(body["distinct"].as_str().map(|d| (d, "invalid_search_distinct")))
    {
        if filterable(&index.settings, name).is_none() {
            return Err(Refusal::bad_request(code, format!("Attribute `{name}` is not filterable.")));
        }
    }
    let names = |field: &str| -> Vec<String> {
        index.settings[field].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let listed = |v: &Value| -> Option<Vec<String>> { serde_json::from_value(v.clone()).ok() };
    let settings = search::Settings {
        searchable: listed(&body["attributesToSearchOn"]).unwrap_or_else(|| names("searchableAttributes")),
        numbers_exact: index.settings["typoTolerance"]["disableOnNumbers"] == true,
        sort_first: index.settings["rankingRules"][0] == "sort",
        facet_values: index.settings["faceting"]["maxValuesPerFacet"].as_u64().unwrap_or(100) as usize,
    };
    Ok(ok(search::answer(&index.documents, &settings, filter.as_ref(), &body)))
}

/// Whether the attribute may be filtered on, and if so, compared by order.
fn filterable(settings: &Value, name: &str) -> Option<bool> {
    settings["filterableAttributes"].as_array()?.iter().find_map(|entry| match entry {
        Value::String(plain) => (plain == name).then_some(true),
        entry => {
            let named = entry["attributePatterns"].as_array()?.iter().any(|p| p == name);
            let filter = &entry["features"]["filter"];
            (named && filter["equality"] == true).then(|| filter["comparison"] == true)
        }
    })
}

fn check(settings: &Value, filter: &Filter) -> Result<(), String> {
    for (name, compared) in filter.attributes() {
        match filterable(settings, name) {
            None => return Err(format!("Attribute `{name}` is not filterable.")),
            Some(false) if compared => return Err(format!("Attribute `{name}` cannot be compared.")),
            Some(_) => {}
        }
    }
    Ok(())
}
