//! Lease → step → settle, for as many documents at a time as there are slots.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chassis::{CancellationToken, Dependency, Fault, FaultKind, RequestContext, SecretString, TraceContext};
use extract::FailureCode;
use proto::documents::{Job, Lease, WorkKind};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tonic::Status;
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    documents::{Documents, jittered},
    engine::Engine,
    error::{Error, Verdict},
    lease::Leases,
    step::{Step, timed},
};

/// How long documents holds a call for work that is not there yet. Short, because it is never broken
/// off: when we stop, and when the engine comes back, we wait for its end.
const POLL: Duration = Duration::from_secs(1);
/// For handing back what is unfinished when we stop.
const HAND_BACK: Duration = Duration::from_secs(3);
/// Between calls for work while documents cannot be reached.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What this process has done since it started, and has in hand.
#[derive(Debug, Default)]
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

/// Does the work. Clones do it together.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    name: String,
    documents: Documents,
    dependency: Dependency,
    engine: Engine,
    step: Step,
    slots: Arc<Semaphore>,
    /// One document at a time is read with a password, whatever else is being read.
    unlocking: Arc<Semaphore>,
    counts: Arc<Counts>,
    /// Steps that are still under way hand their work back.
    release: CancellationToken,
}

impl Worker {
    /// `slots`: documents read at the same time. `dependency` is told how documents is.
    pub(crate) fn new(documents: Documents, dependency: Dependency, engine: Engine, step: Step, slots: usize) -> Self {
        Self {
            name: format!("indexer-{}", Uuid::now_v7().simple()),
            documents,
            dependency,
            engine,
            step,
            slots: Arc::new(Semaphore::new(slots.max(1))),
            unlocking: Arc::new(Semaphore::new(1)),
            counts: Arc::default(),
            release: CancellationToken::new(),
        }
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Works until `stop`; then finishes what is in hand, or hands back what takes longer than
    /// `finish`.
    pub(crate) async fn run(self, stop: CancellationToken, finish: Duration) {
        let mut steps = JoinSet::new();
        let keeping = tokio::spawn(self.counts.leases.clone().keep(self.documents.clone()));
        self.lease_until(&stop, &mut steps).await;
        if !ended(&mut steps, finish).await {
            self.release.cancel();
            if !ended(&mut steps, HAND_BACK + Duration::from_secs(1)).await {
                tracing::warn!("work could not be handed back; its lease will run out");
                steps.shutdown().await;
            }
        }
        keeping.abort();
    }

    async fn lease_until(&self, stop: &CancellationToken, steps: &mut JoinSet<()>) {
        // The first answer comes at once, so that it is known at once whether documents is there.
        let (mut wait, mut pause) = (Duration::ZERO, PAUSES.0);
        loop {
            let Some(Ok(slot)) = stop.run_until_cancelled(self.slots.clone().acquire_owned()).await else { return };
            while steps.try_join_next().is_some() {}
            let free = self.slots.available_permits() + 1;
            // What can only wait for the engine is better left where it is.
            match self.documents.lease(&self.name, free, wait, !self.engine.is_up()).await {
                Ok(answer) => {
                    self.dependency.up();
                    (wait, pause) = (POLL, PAUSES.0);
                    let length = u64::try_from(answer.lease_ms).unwrap_or(0);
                    self.counts.leases.last(Duration::from_millis(length));
                    let mut worker = self.clone();
                    if stop.is_cancelled() {
                        // It came too late: back at once, beside what may still finish.
                        worker.release = CancellationToken::new();
                        worker.release.cancel();
                    }
                    let mut slot = Some(slot);
                    for job in answer.jobs {
                        // Nobody else takes slots, so those that were free still are.
                        let slot = slot.take().or_else(|| self.slots.clone().try_acquire_owned().ok());
                        if let Some(slot) = slot {
                            let working = worker.clone().work(job, slot, None);
                            steps.spawn(Box::pin(async { drop(working.await) }));
                        }
                    }
                }
                Err(status) => {
                    self.dependency.down(Fault::of(&status));
                    (wait, pause) = (Duration::ZERO, (pause * 2).min(PAUSES.1));
                    stop.run_until_cancelled(tokio::time::sleep(jittered(pause))).await;
                }
            }
            if stop.is_cancelled() {
                return;
            }
        }
    }

    /// Reads a document that waits for a password. Answers whether that has ended by `end`; if not, it goes
    /// on.
    pub(crate) async fn unlock(&self, document: &str, password: SecretString, end: Instant) -> Result<bool, Status> {
        let busy = |_| Fault::unavailable("whoever opens documents with passwords");
        let turn = timeout_at(end, self.unlocking.clone().acquire_owned()).await.map_err(busy)?;
        let turn = turn.map_err(|_| Fault::unavailable("a part that is stopping"))?;
        let granted = self.documents.lease_locked(document).await?;
        let Some(job) = granted.jobs.into_iter().next() else { return Err(Fault::not_found("document").into()) };
        // Not broken off with the call: the lease is taken, and the document must come to an end.
        let working = tokio::spawn(Box::pin(self.clone().work(job, turn, Some(password))));
        match timeout_at(end, working).await {
            Ok(Ok(Some(Error::Unreadable(failure)))) if failure.code == FailureCode::Encrypted => {
                let detail = "The password does not open the document.";
                Err(Fault::new(FaultKind::Unprocessable, detail).because("password-does-not-open").into())
            }
            // What else went wrong stands at the document.
            Ok(_) => Ok(true),
            Err(_) => Ok(false),
        }
    }

    /// Answers why the step did not come to its end.
    async fn work(self, job: Job, slot: OwnedSemaphorePermit, password: Option<SecretString>) -> Option<Error> {
        let kind = match job.kind() {
            WorkKind::Extract => "extract",
            WorkKind::Index => "index",
            WorkKind::Remove => "remove",
            // Of a later version; its lease runs out, and one who knows it may have it.
            WorkKind::Unspecified => return None,
        };
        let lease = job.lease.clone()?;
        let cause = TraceContext::parse(&job.traceparent);
        let mut context = RequestContext::background(POLL);
        context.trace = cause.unwrap_or(context.trace);
        let span = tracing::info_span!(
            "job",
            otel.name = format!("work {kind}"),
            request_id = %context.request_id,
            trace_id = %format_args!("{:032x}", context.trace.trace_id),
            document_id = lease.document_id,
            version = lease.version,
            kind,
        );
        if let Some(cause) = &cause {
            chassis::record_link(&span, cause);
        }
        let working = async {
            let (outcome, error) = self.end(&job, &lease, slot, password.as_ref()).await;
            metrics::counter!("indexer_jobs_total", "kind" => kind, "outcome" => outcome).increment(1);
            tracing::info!(outcome, attempt = job.attempt, "job ended");
            error
        };
        context.scope(working.instrument(span)).await
    }

    /// Brings a job to its end, and tells documents.
    async fn end(
        &self,
        job: &Job,
        lease: &Lease,
        slot: OwnedSemaphorePermit,
        password: Option<&SecretString>,
    ) -> (&'static str, Option<Error>) {
        let held = self.counts.leases.hold(lease);
        let stepped = tokio::select! {
            biased;
            () = held.lost() => Err(Error::LeaseLost),
            () = self.release.cancelled() => Err(Error::Stopping),
            stepped = Box::pin(self.step.run(job, lease, slot, password)) => stepped,
        };
        // Not broken off by a heartbeat that finds the work gone because this settles it.
        let settled = match stepped {
            Ok(()) => timed("settle", self.documents.settle(lease)).await,
            Err(error) => Err(error),
        };
        match settled {
            Ok(()) => {
                self.counts.settled.fetch_add(1, Ordering::Relaxed);
                ("settled", None)
            }
            Err(error) => (self.report(lease, &error).await, Some(error)),
        }
    }

    async fn report(&self, lease: &Lease, error: &Error) -> &'static str {
        match error {
            Error::Internal(_) | Error::Spool(_) => tracing::error!(%error, "the step failed"),
            _ => tracing::warn!(%error, "the step did not come to its end"),
        }
        let (failure, permanent, outcome) = match error.verdict() {
            Verdict::Silence => return "lease_lost",
            Verdict::HandBack(failure) => (failure, false, "handed_back"),
            Verdict::Failure { failure, permanent } => (failure, permanent, "failed"),
        };
        let told = match self.release.is_cancelled() {
            true => self.documents.fail_once(lease, failure, permanent, HAND_BACK).await,
            false => self.documents.fail(lease, failure, permanent).await,
        };
        match told {
            Ok(true) if outcome == "failed" => "retrying",
            Ok(true) => outcome,
            Ok(false) => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                "failed"
            }
            Err(Error::LeaseLost) => "lease_lost",
            Err(error) => {
                tracing::warn!(%error, "documents could not be told; the lease will run out");
                outcome
            }
        }
    }
}

/// Whether all steps ended within `limit`.
async fn ended(steps: &mut JoinSet<()>, limit: Duration) -> bool {
    timeout(limit, async { while steps.join_next().await.is_some() {} }).await.is_ok()
}
