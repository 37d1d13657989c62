//! Lease → step → settle.

use std::{
    io::Seek,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chassis::{CancellationToken, Dependency, Fault, FaultKind, RequestContext, TraceContext, grpc::Channel};
use extract::{EXTRACTOR_VERSION, Extraction, Extractor};
use futures_util::stream;
use proto::documents::{
    self as api, Job, WorkKind, complete_request::Part, read_pages_response, work_client::WorkClient,
};
use tokio::{io::AsyncWriteExt, sync::Semaphore, task::JoinSet};
use tonic::Status;
use tracing::Instrument;

use crate::{config::Config, context, engine::Engine, leases::Leases};

/// The long poll for work.
const WAIT: Duration = Duration::from_secs(5);
/// Calls that answer at once.
const SHORT: Duration = Duration::from_secs(10);
/// Moving the bytes of a document, or its text, or feeding the engine.
const LONG: Duration = Duration::from_secs(300);
/// From being asked to stop until what is unfinished is handed back.
const FINISH: Duration = Duration::from_secs(15);
/// Between attempts to lease while documents cannot be reached.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Until documents says otherwise.
const LEASE: Duration = Duration::from_secs(30);

/// What this process has done since it started.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) settled: AtomicI64,
    pub(crate) failed: AtomicI64,
    leases: Leases,
}

impl Counts {
    pub(crate) fn in_hand(&self) -> i64 {
        i64::try_from(self.leases.count()).unwrap_or(i64::MAX)
    }
}

/// Why a step did not come to its end.
#[derive(Debug)]
enum Stop {
    /// The document is the reason.
    Document(api::Failure, bool),
    /// Something that we need is down; the document is as good as before.
    Outage(&'static str),
    /// Somebody else has the work now.
    LeaseLost,
}

impl From<Status> for Stop {
    fn from(status: Status) -> Self {
        match Fault::of(&status).kind {
            FaultKind::NotFound => Stop::LeaseLost,
            _ => Stop::Outage("unavailable"),
        }
    }
}

impl From<search_index::Error> for Stop {
    fn from(error: search_index::Error) -> Self {
        tracing::warn!(%error, "the search engine did not take a document");
        Stop::Outage("engine_unavailable")
    }
}

/// Works on as many documents at a time as it is told.
#[derive(Clone)]
pub(crate) struct Worker {
    documents: WorkClient<Channel>,
    extractor: Extractor,
    engine: Engine,
    dependency: Dependency,
    workers: usize,
    spool: PathBuf,
    name: String,
    counts: Arc<Counts>,
}

impl Worker {
    pub(crate) fn new(
        config: &Config,
        documents: WorkClient<Channel>,
        extractor: Extractor,
        engine: Engine,
        dependency: Dependency,
    ) -> Self {
        let (workers, spool) = (config.workers.max(1), config.spool());
        let name = format!("indexer-{}", std::process::id());
        Self { documents, extractor, engine, dependency, workers, spool, name, counts: Arc::default() }
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Works until `stop`; then finishes what is in hand, or hands it back.
    pub(crate) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut steps = JoinSet::new();
        let beating = {
            let (leases, documents) = (self.counts.leases.clone(), self.documents.clone());
            tokio::spawn(async move { leases.beat(documents, LEASE).await })
        };
        stop.run_until_cancelled(self.lease_for_ever(&mut steps)).await;
        let finishing = async { while steps.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH, finishing).await.is_err() {
            let unfinished = self.counts.leases.all();
            steps.shutdown().await;
            for lease in unfinished {
                self.hand_back(lease, "unavailable").await;
            }
        }
        beating.abort();
        Ok(())
    }

    async fn lease_for_ever(&self, steps: &mut JoinSet<()>) {
        let slots = Arc::new(Semaphore::new(self.workers));
        let mut pause = PAUSE.0;
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            while steps.try_join_next().is_some() {}
            let free = i32::try_from(slots.available_permits() + 1).unwrap_or(1);
            let wait_ms = i32::try_from(WAIT.as_millis()).unwrap_or(0);
            let request = api::LeaseRequest { worker: self.name.clone(), max_jobs: free, wait_ms };
            let mut documents = self.documents.clone();
            match RequestContext::background(WAIT + SHORT).scope(documents.lease(request)).await {
                Ok(answer) => {
                    self.dependency.up();
                    pause = PAUSE.0;
                    let mut slot = Some(slot);
                    for job in answer.into_inner().jobs {
                        // The first job has the slot that was waited for; the others were counted.
                        let slot = match slot.take() {
                            Some(slot) => Some(slot),
                            None => slots.clone().try_acquire_owned().ok(),
                        };
                        let worker = self.clone();
                        steps.spawn(async move {
                            worker.work(job).await;
                            drop(slot);
                        });
                    }
                }
                Err(status) => {
                    self.dependency.down(Fault::of(&status));
                    tokio::time::sleep(pause.mul_f64(0.5 + f64::from(std::process::id() % 100) / 200.0)).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }

    async fn work(&self, job: Job) {
        let kind = match job.kind() {
            WorkKind::Extract => "extract",
            WorkKind::Index => "index",
            WorkKind::Remove => "remove",
            WorkKind::Unspecified => return,
        };
        let Some(lease) = job.lease.clone() else { return };
        let context = context(&job.traceparent, LONG);
        let span = tracing::info_span!(
            "job",
            otel.name = format!("work {kind}"),
            request_id = %context.request_id,
            trace_id = %format_args!("{:032x}", context.trace.trace_id),
            document_id = lease.document_id,
            kind,
        );
        if let Some(upload) = TraceContext::parse(&job.traceparent) {
            chassis::record_link(&span, &upload);
        }
        let working = async {
            let held = self.counts.leases.hold(&lease);
            metrics::gauge!("indexer_jobs_in_hand").set(self.counts.in_hand() as f64);
            let stepped = tokio::select! {
                stepped = self.step(&job, &lease) => stepped,
                () = held.lost() => Err(Stop::LeaseLost),
            };
            let outcome = self.conclude(lease, stepped).await;
            drop(held);
            metrics::gauge!("indexer_jobs_in_hand").set(self.counts.in_hand() as f64);
            metrics::counter!("indexer_jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
            tracing::info!(outcome, attempt = job.attempt, "job ended");
        };
        context.scope(working.instrument(span)).await;
    }

    /// Tells documents how it went.
    async fn conclude(&self, lease: api::Lease, stepped: Result<(), Stop>) -> &'static str {
        match stepped {
            Ok(()) => {
                self.counts.settled.fetch_add(1, Ordering::Relaxed);
                "settled"
            }
            Err(Stop::LeaseLost) => "lease_lost",
            Err(Stop::Outage(code)) => {
                self.hand_back(lease, code).await;
                "outage"
            }
            Err(Stop::Document(failure, permanent)) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                self.fail(lease, failure, permanent).await;
                "failed"
            }
        }
    }

    /// Uses up no attempt: documents knows these codes.
    async fn hand_back(&self, lease: api::Lease, code: &str) {
        let detail = "Something that is needed for reading the document is down; it will be tried again.".to_owned();
        self.fail(lease, api::Failure { code: code.to_owned(), detail }, false).await;
    }

    async fn fail(&self, lease: api::Lease, failure: api::Failure, permanent: bool) {
        let request = api::FailRequest { lease: Some(lease), failure: Some(failure), permanent };
        let mut documents = self.documents.clone();
        if let Err(status) = RequestContext::background(SHORT).scope(documents.fail(request)).await {
            // The lease runs out by itself.
            tracing::warn!(code = ?status.code(), "a failure could not be reported");
        }
    }

    /// Everything between lease and settle.
    async fn step(&self, job: &Job, lease: &api::Lease) -> Result<(), Stop> {
        match job.kind() {
            WorkKind::Remove => {
                let document = lease.document_id.parse().map_err(|_| Stop::LeaseLost)?;
                timed("engine", self.engine.forget(document)).await?;
            }
            kind => {
                if kind == WorkKind::Extract {
                    self.extract(job, lease).await?;
                }
                if self.engine.is_configured() {
                    timed("engine", self.feed(lease)).await?;
                }
            }
        }
        let mut documents = self.documents.clone();
        timed("settle", documents.settle(api::SettleRequest { lease: Some(lease.clone()) })).await?;
        Ok(())
    }

    async fn extract(&self, job: &Job, lease: &api::Lease) -> Result<(), Stop> {
        let file = timed("fetch", self.fetch(lease)).await?;
        let extraction = timed("extract", self.extractor.extract(file, &job.media_type)).await.map_err(|failure| {
            let told = api::Failure { code: failure.code.as_str().to_owned(), detail: failure.detail.clone() };
            Stop::Document(told, failure.is_permanent())
        })?;
        metrics::counter!("indexer_extracted_pages_total").increment(extraction.pages.len() as u64);
        metrics::histogram!("indexer_child_cpu_seconds").record(extraction.cpu_ms as f64 / 1000.0);
        metrics::gauge!("indexer_child_peak_bytes").set(extraction.peak_rss_bytes as f64);
        // Derived on a thread of its own: it is all computing.
        let derived = timed("insights", tokio::task::spawn_blocking(move || {
            let pages: Vec<(u32, &str)> = extraction.pages.iter().map(|p| (p.number, p.text.as_str())).collect();
            let insights = insights::derive(&pages);
            (extraction, insights)
        }));
        let (extraction, insights) = derived.await.map_err(|_| crashed())?;
        let parts = parts(lease, extraction, insights);
        let mut documents = self.documents.clone();
        timed("complete", documents.complete(stream::iter(parts))).await?;
        Ok(())
    }

    /// To a file without a name: it goes away with the process, however that ends.
    async fn fetch(&self, lease: &api::Lease) -> Result<std::fs::File, Stop> {
        let broken = |error: std::io::Error| {
            tracing::error!(%error, "the spool folder cannot be written");
            Stop::Outage("unavailable")
        };
        let mut file = tokio::fs::File::from_std(tempfile::tempfile_in(&self.spool).map_err(broken)?);
        let mut documents = self.documents.clone();
        let request = api::ReadLeasedRequest { lease: Some(lease.clone()) };
        let mut bytes = documents.read_leased(request).await?.into_inner();
        while let Some(message) = bytes.message().await? {
            file.write_all(&message.chunk).await.map_err(broken)?;
        }
        file.flush().await.map_err(broken)?;
        let mut file = file.into_std().await;
        file.rewind().map_err(broken)?;
        Ok(file)
    }

    async fn feed(&self, lease: &api::Lease) -> Result<(), Stop> {
        let mut documents = self.documents.clone();
        let request = api::ReadPagesRequest { lease: Some(lease.clone()) };
        let mut parts = documents.read_pages(request).await?.into_inner();
        let mut replacing = None;
        while let Some(message) = parts.message().await? {
            match (message.part, &mut replacing) {
                (Some(read_pages_response::Part::Document(document)), None) => {
                    replacing = self.engine.replace(&document).await?;
                }
                (Some(read_pages_response::Part::Page(page)), Some(replacing)) => replacing.page(page).await?,
                _ => return Err(Stop::Outage("unavailable")),
            }
        }
        match replacing {
            Some(replacing) => Ok(replacing.finish().await?),
            None => Err(Stop::Outage("unavailable")),
        }
    }
}

fn crashed() -> Stop {
    let failure = extract::Failure::new(extract::FailureCode::Crashed);
    Stop::Document(api::Failure { code: failure.code.as_str().to_owned(), detail: failure.detail }, false)
}

fn parts(lease: &api::Lease, read: Extraction, derived: insights::Insights) -> Vec<api::CompleteRequest> {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let insights = api::Insights {
        language: Some(api::insights::Language {
            code: derived.language.code,
            confidence: derived.language.confidence,
        }),
        keywords: derived
            .keywords
            .into_iter()
            .map(|k| api::insights::Keyword { term: k.term, confidence: k.confidence })
            .collect(),
        entities: derived
            .entities
            .into_iter()
            .map(|e| api::insights::Entity { kind: e.kind.to_owned(), value: e.value, page: number(e.page) })
            .collect(),
        summary: derived.summary,
        pages: number(derived.pages),
        words: i64::try_from(derived.words).unwrap_or(i64::MAX),
        reading_minutes: number(derived.reading_minutes),
    };
    let extraction = api::Extraction {
        insights: Some(insights),
        extractor_version: EXTRACTOR_VERSION,
        partial: read.partial.unwrap_or_default(),
        engine: read.engine,
    };
    let pages = read.pages.into_iter().map(|p| Part::Page(api::Page { number: number(p.number), text: p.text }));
    std::iter::once(Part::Lease(lease.clone()))
        .chain(pages)
        .chain(std::iter::once(Part::Extraction(extraction)))
        .map(|part| api::CompleteRequest { part: Some(part) })
        .collect()
}

async fn timed<F: Future>(step: &'static str, future: F) -> F::Output {
    let started = Instant::now();
    let output = future.await;
    metrics::histogram!("indexer_step_duration_seconds", "step" => step).record(started.elapsed());
    output
}
