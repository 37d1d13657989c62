//! The other side of the contract `Work`, in memory: jobs, leases, what was called.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use chassis::{
    CancellationToken, Fault, FaultKind, Health, RequestContext,
    grpc::{GrpcConfig, Server, context},
};
use futures_util::stream::{self, BoxStream, StreamExt};
use proto::documents::{
    self as api, Job, WorkKind, attach_request, complete_request,
    read_pages_response::Part,
    truth_server::TruthServer,
    work_server::{Work, WorkServer},
};
use testkit::within;
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tonic::{Request, Response, Status, Streaming, service::Routes};
use uuid::Uuid;

const MAX_ATTEMPTS: i32 = 5;
const OUTAGES: [&str; 2] = ["engine_unavailable", "unavailable"];
/// Of the upload that made the work.
pub(crate) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: WorkKind,
    pub(crate) version: i32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) attempts: i32,
    pub(crate) token: Option<(String, Instant)>,
    pub(crate) pages: Vec<api::Page>,
    pub(crate) extraction: Option<api::Extraction>,
    pub(crate) settled: u32,
    /// Code and whether it is final.
    pub(crate) failures: Vec<(String, bool)>,
    /// Names and bytes of what was attached.
    pub(crate) attached: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) entries: BTreeMap<Uuid, Entry>,
    pub(crate) waiting: VecDeque<Uuid>,
    /// In order; neither heartbeats nor calls for work that brought none.
    pub(crate) calls: Vec<(&'static str, Uuid)>,
    pub(crate) contexts: Vec<RequestContext>,
    pub(crate) heartbeats: usize,
    pub(crate) extract_only: bool,
    pub(crate) refuse_complete: bool,
    pub(crate) index: crate::truths::Index,
}

#[derive(Clone, Debug)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<u64>>,
    lease: Duration,
}

/// The stand-in, served.
pub(crate) struct Documents {
    pub(crate) fake: Fake,
    pub(crate) addr: SocketAddr,
    serving: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Documents {
    pub(crate) async fn start(lease: Duration) -> Self {
        let fake = Fake { state: Arc::default(), changed: Arc::new(watch::Sender::new(0)), lease };
        let mut documents = Self { fake, addr: SocketAddr::from(([127, 0, 0, 1], 0)), serving: None };
        documents.start_again().await;
        documents
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) async fn start_again(&mut self) {
        let config = GrpcConfig { listen_addr: self.addr, rpc_token: testkit::rpc_token(), rpc_concurrency: 64 };
        let server = Server::bind(&config).await.unwrap();
        self.addr = server.addr();
        let (stop, routes) = (
            CancellationToken::new(),
            Routes::new(WorkServer::new(self.fake.clone()))
                .add_service(TruthServer::new(self.fake.clone()))
                .add_service(crate::content::Content(self.fake.clone())),
        );
        let stopped = stop.clone();
        let serving = tokio::spawn(async move { server.serve(routes, Health::default(), stopped).await.unwrap() });
        self.serving = Some((stop, serving));
    }

    /// Breaks all connections and refuses new ones.
    pub(crate) async fn stop(&mut self) {
        if let Some((stop, serving)) = self.serving.take() {
            // Connections live in tasks of their own, which end when they may.
            stop.cancel();
            self.fake.change(|_| ());
            within(Duration::from_secs(10), serving).await.unwrap();
        }
    }

    pub(crate) fn add(&self, text: &str) -> Uuid {
        self.add_bytes(text.as_bytes(), "text/plain")
    }

    pub(crate) fn add_bytes(&self, bytes: &[u8], media_type: &str) -> Uuid {
        let id = Uuid::now_v7();
        let entry = Entry {
            kind: WorkKind::Extract,
            version: 1,
            bytes: bytes.to_vec(),
            media_type: media_type.to_owned(),
            attempts: 0,
            token: None,
            pages: Vec::new(),
            extraction: None,
            settled: 0,
            failures: Vec::new(),
            attached: Vec::new(),
        };
        self.fake.change(|state| {
            state.entries.insert(id, entry);
            state.waiting.push_back(id);
        });
        id
    }

    /// Work on a document that is there already.
    pub(crate) fn again(&self, id: Uuid, kind: WorkKind, change: impl FnOnce(&mut Entry)) {
        self.fake.change(|state| {
            let entry = state.entries.get_mut(&id).unwrap();
            (entry.kind, entry.attempts, entry.token) = (kind, 0, None);
            change(entry);
            state.waiting.push_back(id);
        });
    }

    /// Somebody else has the work now, and keeps it.
    pub(crate) fn take_away(&self, id: Uuid) {
        self.fake.change(|state| state.entries.get_mut(&id).unwrap().token = None);
    }

    pub(crate) fn entry(&self, id: Uuid) -> Entry {
        self.fake.lock().entries[&id].clone()
    }

    pub(crate) fn calls(&self, id: Uuid) -> Vec<&'static str> {
        self.fake.lock().calls.iter().filter(|(_, of)| *of == id).map(|(call, _)| *call).collect()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.fake.change(change)
    }

    /// Waits for a state.
    pub(crate) async fn until(&self, reached: impl Fn(&State) -> bool) {
        let mut changed = self.fake.changed.subscribe();
        let waiting = async {
            while !reached(&self.fake.lock()) {
                changed.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), waiting).await.is_err() {
            panic!("it never came to that: {:?}", self.fake.lock());
        }
    }

    pub(crate) async fn until_settled(&self, id: Uuid, times: u32) {
        self.until(|state| state.entries[&id].settled == times).await;
    }
}

impl Entry {
    /// The document and its pages, as the engine is to know them.
    pub(crate) fn parts(&self, id: Uuid) -> Vec<Part> {
        let document = api::IndexedDocument {
            document_id: id.to_string(),
            version: self.version,
            collection_id: Uuid::nil().to_string(),
            title: "A letter".to_owned(),
            file_name: "letter.txt".to_owned(),
            media_type: self.media_type.clone(),
            language: "en".to_owned(),
            tags: vec!["post".to_owned()],
            created_at: 1_767_225_600_000_000,
            page_count: i32::try_from(self.pages.len()).unwrap(),
        };
        std::iter::once(Part::Document(document)).chain(self.pages.iter().cloned().map(Part::Page)).collect()
    }
}

pub(crate) fn streamed(parts: Vec<Part>) -> BoxStream<'static, Result<api::ReadPagesResponse, Status>> {
    let messages = parts.into_iter().map(|part| Ok(api::ReadPagesResponse { part: Some(part) }));
    stream::iter(messages.collect::<Vec<_>>()).boxed()
}

impl Fake {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.send_modify(|n| *n += 1);
        changed
    }

    fn grant(&self, extract_only: bool, most: usize) -> Vec<Job> {
        let (now, mut jobs) = (Instant::now(), Vec::new());
        let mut state = self.lock();
        state.extract_only = extract_only;
        let state = &mut *state;
        let run_out = |e: &Entry| e.token.as_ref().is_some_and(|(_, until)| *until <= now);
        for (id, entry) in state.entries.iter_mut().filter(|(_, e)| run_out(e)) {
            entry.token = None;
            state.waiting.push_back(*id);
        }
        for _ in 0..state.waiting.len() {
            let Some(id) = state.waiting.pop_front() else { break };
            let entry = state.entries.get_mut(&id).unwrap();
            if jobs.len() == most || (extract_only && entry.kind != WorkKind::Extract) {
                state.waiting.push_back(id);
                continue;
            }
            let token = Uuid::new_v4().to_string();
            entry.attempts += 1;
            entry.token = Some((token.clone(), now + self.lease));
            jobs.push(Job {
                lease: Some(api::Lease { document_id: id.to_string(), version: entry.version, token }),
                kind: entry.kind.into(),
                attempt: entry.attempts,
                max_attempts: MAX_ATTEMPTS,
                media_type: entry.media_type.clone(),
                file_name: "letter.txt".to_owned(),
                size: i64::try_from(entry.bytes.len()).unwrap(),
                traceparent: TRACEPARENT.to_owned(),
                attachments: true,
            });
            state.calls.push(("lease", id));
        }
        jobs
    }

    /// What a call that names a lease does while the lease holds.
    fn held<T>(
        &self,
        call: &'static str,
        lease: Option<api::Lease>,
        act: impl FnOnce(Uuid, &mut Entry) -> T,
    ) -> Result<T, Status> {
        let lease = lease.unwrap();
        let id: Uuid = lease.document_id.parse().unwrap();
        self.change(|state| {
            state.calls.push((call, id));
            let entry = state.entries.get_mut(&id).unwrap();
            let good = |(token, until): &(String, Instant)| *token == lease.token && *until > Instant::now();
            if !entry.token.as_ref().is_some_and(good) {
                return Err(Fault::not_found("lease").into());
            }
            Ok(act(id, entry))
        })
    }

    fn note<T>(&self, request: &Request<T>) {
        self.lock().contexts.push(context(request));
    }
}

#[tonic::async_trait]
impl Work for Fake {
    async fn lease(&self, request: Request<api::LeaseRequest>) -> Result<Response<api::LeaseResponse>, Status> {
        let sent = request.into_inner();
        let end = Instant::now() + Duration::from_millis(u64::try_from(sent.wait_ms).unwrap());
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let jobs = self.grant(sent.extract_only, usize::try_from(sent.max_jobs).unwrap());
            if !jobs.is_empty() || Instant::now() >= end {
                self.change(|_| ());
                let lease_ms = i32::try_from(self.lease.as_millis()).unwrap();
                return Ok(Response::new(api::LeaseResponse { jobs, lease_ms }));
            }
            let _ =
                tokio::time::timeout_at(end.min(Instant::now() + Duration::from_millis(200)), changed.changed()).await;
        }
    }

    async fn heartbeat(
        &self,
        request: Request<api::HeartbeatRequest>,
    ) -> Result<Response<api::HeartbeatResponse>, Status> {
        let now = Instant::now();
        let held = self.change(|state| {
            state.heartbeats += 1;
            let mut held = Vec::new();
            for lease in request.into_inner().leases {
                let entry = state.entries.get_mut(&lease.document_id.parse().unwrap()).unwrap();
                match &mut entry.token {
                    Some((token, until)) if *token == lease.token && *until > now => {
                        *until = now + self.lease;
                        held.push(lease.token);
                    }
                    _ => {}
                }
            }
            held
        });
        Ok(Response::new(api::HeartbeatResponse { held }))
    }

    type ReadLeasedStream = BoxStream<'static, Result<api::ReadLeasedResponse, Status>>;

    async fn read_leased(
        &self,
        request: Request<api::ReadLeasedRequest>,
    ) -> Result<Response<Self::ReadLeasedStream>, Status> {
        self.note(&request);
        let bytes = self.held("read_leased", request.into_inner().lease, |_, entry| entry.bytes.clone())?;
        let chunks: Vec<_> =
            bytes.chunks(7).map(|c| Ok(api::ReadLeasedResponse { chunk: c.to_vec().into() })).collect();
        Ok(Response::new(stream::iter(chunks).boxed()))
    }

    async fn complete(
        &self,
        request: Request<Streaming<api::CompleteRequest>>,
    ) -> Result<Response<api::CompleteResponse>, Status> {
        self.note(&request);
        let mut messages = request.into_inner();
        let (mut lease, mut pages) = (None, Vec::new());
        while let Some(message) = messages.message().await? {
            match message.part.unwrap() {
                complete_request::Part::Lease(sent) => lease = Some(sent),
                complete_request::Part::Page(page) => pages.push(page),
                complete_request::Part::Extraction(extraction) => {
                    if self.lock().refuse_complete {
                        return Err(Fault::field("page", "is not to our liking").into());
                    }
                    let count = i32::try_from(pages.len()).unwrap();
                    self.held("complete", lease.take(), |_, entry| {
                        entry.kind = WorkKind::Index;
                        entry.pages = std::mem::take(&mut pages);
                        entry.extraction = Some(extraction);
                    })?;
                    return Ok(Response::new(api::CompleteResponse { pages: count }));
                }
            }
        }
        Err(Status::invalid_argument("the extraction did not come"))
    }

    async fn attach(
        &self,
        request: Request<Streaming<api::AttachRequest>>,
    ) -> Result<Response<api::AttachResponse>, Status> {
        let mut messages = request.into_inner();
        let (mut start, mut bytes) = (None, Vec::new());
        while let Some(message) = messages.message().await? {
            match message.part.unwrap() {
                attach_request::Part::Start(sent) => start = Some(sent),
                attach_request::Part::Chunk(chunk) => bytes.extend_from_slice(&chunk),
            }
        }
        let start = start.unwrap();
        assert_eq!(start.size, i64::try_from(bytes.len()).unwrap());
        if start.file_name.ends_with(".exe") {
            return Err(Fault::new(FaultKind::UnsupportedMediaType, "no programs").because("unsupported-type").into());
        }
        let known = self.held("attach", start.lease, |_, entry| {
            let part = (start.file_name, bytes);
            let known = entry.attached.contains(&part);
            entry.attached.push(part);
            known
        })?;
        Ok(Response::new(api::AttachResponse { known }))
    }

    /// What has failed as `encrypted` waits for a password.
    async fn lease_locked(
        &self,
        request: Request<api::LeaseLockedRequest>,
    ) -> Result<Response<api::LeaseResponse>, Status> {
        assert!(matches!(context(&request).caller, chassis::Caller::User { .. }));
        let id: Uuid = request.into_inner().document_id.parse().unwrap();
        let locked = self.change(|state| {
            let entry = state.entries.get_mut(&id).unwrap();
            let locked = entry.failures.last().is_some_and(|(code, last)| code == "encrypted" && *last);
            if locked {
                state.waiting.push_front(id);
            }
            locked
        });
        if !locked {
            return Err(Fault::new(FaultKind::Conflict, "it waits for none").because("not-locked").into());
        }
        let lease_ms = i32::try_from(self.lease.as_millis()).unwrap();
        Ok(Response::new(api::LeaseResponse { jobs: self.grant(false, 1), lease_ms }))
    }

    type ReadPagesStream = BoxStream<'static, Result<api::ReadPagesResponse, Status>>;

    async fn read_pages(
        &self,
        request: Request<api::ReadPagesRequest>,
    ) -> Result<Response<Self::ReadPagesStream>, Status> {
        self.note(&request);
        let parts = self.held("read_pages", request.into_inner().lease, |id, entry| entry.parts(id))?;
        Ok(Response::new(streamed(parts)))
    }

    async fn settle(&self, request: Request<api::SettleRequest>) -> Result<Response<api::SettleResponse>, Status> {
        self.note(&request);
        self.held("settle", request.into_inner().lease, |_, entry| {
            entry.settled += 1;
            entry.token = None;
        })?;
        Ok(Response::new(api::SettleResponse {}))
    }

    async fn fail(&self, request: Request<api::FailRequest>) -> Result<Response<api::FailResponse>, Status> {
        self.note(&request);
        let sent = request.into_inner();
        let code = sent.failure.unwrap().code;
        let (id, will_retry) = self.held("fail", sent.lease, |id, entry| {
            let outage = OUTAGES.contains(&code.as_str());
            let will_retry = outage || (!sent.permanent && entry.attempts < MAX_ATTEMPTS);
            entry.token = None;
            entry.attempts -= i32::from(outage);
            entry.failures.push((code, !will_retry));
            (id, will_retry)
        })?;
        if will_retry {
            self.change(|state| state.waiting.push_back(id));
        }
        Ok(Response::new(api::FailResponse { will_retry }))
    }

    async fn get_ledger(&self, _: Request<api::GetLedgerRequest>) -> Result<Response<api::Ledger>, Status> {
        Ok(Response::new(api::Ledger::default()))
    }
}
