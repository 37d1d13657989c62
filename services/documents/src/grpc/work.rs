use std::{sync::Arc, time::Duration};

use chassis::{
    CancellationToken, Role,
    grpc::{caller, context},
};
use pg::Listener;
use proto::documents::{self as api, complete_request, work_server::Work};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tonic::{Request, Response, Streaming};
use uuid::Uuid;

use super::{Answer, Streamed, attach, id, pieces, truth::with_pages};
use crate::{
    config::Limits,
    domain::{OUTAGES, PAGE_BYTES, TEXT_BYTES, page_text},
    error::Error,
    objects::Objects,
    settling::Settling,
    store::{Extracted, LeaseKey, Store},
};

/// How often those who wait for work look for themselves.
const POLL: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(30);
const JOBS_MAX: i32 = 64;
/// Of text that all extractions together may hold in memory, in KiB.
const TEXT_KIB: usize = TEXT_BYTES / 1024;
/// Room to answer before the caller's deadline.
const MARGIN: Duration = Duration::from_millis(250);

/// Serves the indexer.
pub(crate) struct WorkApi {
    store: Store,
    objects: Objects,
    limits: Limits,
    settling: Settling,
    work: Listener,
    memory: Arc<Semaphore>,
    stop: CancellationToken,
}

impl WorkApi {
    pub(crate) fn new(
        store: Store,
        objects: Objects,
        limits: Limits,
        settling: Settling,
        work: Listener,
        stop: CancellationToken,
    ) -> Self {
        Self { store, objects, limits, settling, work, memory: Arc::new(Semaphore::new(TEXT_KIB)), stop }
    }

    async fn wait_for_work(&self, asked: &api::LeaseRequest, until: Instant) -> Result<Vec<api::Job>, Error> {
        let most = asked.max_jobs.clamp(1, JOBS_MAX).into();
        let reader = asked.extractor_version;
        let mut hints = self.work.subscribe();
        // Only who has waited in vain gets something that could have been left.
        let mut idle = false;
        loop {
            let mut jobs = self.store.lease(most, asked.extract_only).await?;
            if jobs.is_empty() && idle && !asked.extract_only && self.store.requeue_outdated(reader).await? {
                jobs = self.store.lease(most, false).await?;
            }
            let now = Instant::now();
            if !jobs.is_empty() || now >= until || self.stop.is_cancelled() {
                return Ok(jobs);
            }
            tokio::select! {
                // Missed ones and a closed channel are answered by looking.
                hint = hints.recv() => if hint.is_err() { tokio::time::sleep(Duration::from_millis(50)).await },
                () = tokio::time::sleep(POLL.min(until - now)) => idle = true,
                () = self.stop.cancelled() => return Ok(Vec::new()),
            }
        }
    }

    fn granted(&self, jobs: Vec<api::Job>) -> api::LeaseResponse {
        api::LeaseResponse { jobs, lease_ms: i32::try_from(self.limits.lease_ms).unwrap_or(i32::MAX) }
    }

    async fn extraction(&self, mut messages: Streaming<api::CompleteRequest>) -> Result<(LeaseKey, Extracted), Error> {
        let mut lease = None;
        let mut held: Vec<OwnedSemaphorePermit> = Vec::new();
        let (mut pages, mut bytes) = (Vec::<api::Page>::new(), 0);
        while let Some(message) = messages.message().await.map_err(|_| invalid("the stream broke"))? {
            match message.part {
                Some(complete_request::Part::Lease(sent)) => lease = Some(lease_key(Some(sent))?),
                Some(complete_request::Part::Page(page)) => {
                    let text = page_text(page.text);
                    bytes += text.len();
                    if bytes > TEXT_BYTES || pages.len() >= 100_000 {
                        return Err(invalid("a document has at most 64 MiB of text on 100,000 pages"));
                    }
                    if page.number <= pages.last().map_or(0, |p| p.number) {
                        return Err(invalid("page numbers start at 1 and rise"));
                    }
                    let kib = u32::try_from(text.len().min(PAGE_BYTES).div_ceil(1024)).unwrap_or(u32::MAX);
                    // Waiting while holding some would let several wait for each other.
                    let permit = self.memory.clone().try_acquire_many_owned(kib);
                    held.push(permit.map_err(|_| Error::Busy("the memory for extracted text, which is full,"))?);
                    pages.push(api::Page { number: page.number, text });
                }
                Some(complete_request::Part::Extraction(extraction)) => {
                    let lease = lease.ok_or_else(|| invalid("the lease comes first"))?;
                    return Ok((lease, Extracted { pages, extraction, memory: held }));
                }
                None => return Err(invalid("an empty message")),
            }
        }
        Err(invalid("the extraction comes last, and did not come"))
    }
}

fn invalid(detail: &str) -> Error {
    chassis::Fault::new(chassis::FaultKind::Invalid, detail).into()
}

pub(super) fn lease_key(sent: Option<api::Lease>) -> Result<LeaseKey, Error> {
    let sent = sent.unwrap_or_default();
    let parse = |text: &str| text.parse::<Uuid>().map_err(|_| Error::NotFound("lease"));
    Ok(LeaseKey { document: parse(&sent.document_id)?, version: sent.version, token: parse(&sent.token)? })
}

#[tonic::async_trait]
impl Work for WorkApi {
    async fn lease(&self, request: Request<api::LeaseRequest>) -> Answer<api::LeaseResponse> {
        caller(&request).require_service()?;
        let left = context(&request).remaining().saturating_sub(MARGIN);
        let sent = request.into_inner();
        let wait = Duration::from_millis(u64::try_from(sent.wait_ms).unwrap_or(0)).min(WAIT_MAX).min(left);
        self.store.meet_extractor(sent.extractor_version);
        let jobs = self.wait_for_work(&sent, Instant::now() + wait).await?;
        Ok(Response::new(self.granted(jobs)))
    }

    async fn lease_locked(&self, request: Request<api::LeaseLockedRequest>) -> Answer<api::LeaseResponse> {
        let caller = caller(&request);
        caller.require(Role::Editor)?;
        let id = id(&request.into_inner().document_id, "document")?;
        let job = self.store.lease_locked(&caller, id).await?;
        Ok(Response::new(self.granted(vec![job])))
    }

    async fn attach(&self, request: Request<Streaming<api::AttachRequest>>) -> Answer<api::AttachResponse> {
        caller(&request).require_service()?;
        let limit = self.limits.max_document_bytes;
        let receiving = attach::receive(&self.store, &self.objects, limit, request.into_inner());
        Ok(Response::new(Box::pin(receiving).await?))
    }

    async fn heartbeat(&self, request: Request<api::HeartbeatRequest>) -> Answer<api::HeartbeatResponse> {
        caller(&request).require_service()?;
        let leases = request.into_inner().leases.into_iter().map(|lease| lease_key(Some(lease)));
        let leases: Vec<LeaseKey> = leases.collect::<Result<_, _>>()?;
        Ok(Response::new(api::HeartbeatResponse { held: self.store.heartbeat(&leases).await? }))
    }

    type ReadLeasedStream = Streamed<api::ReadLeasedResponse>;

    async fn read_leased(&self, request: Request<api::ReadLeasedRequest>) -> Answer<Self::ReadLeasedStream> {
        caller(&request).require_service()?;
        let lease = lease_key(request.into_inner().lease)?;
        let object = self.store.leased_object(&lease).await?;
        let bytes = 0..u64::try_from(object.size).unwrap_or(0);
        let reading = self.objects.read(&object.object_key, bytes).await.map_err(Error::from)?;
        Ok(Response::new(pieces(reading, |chunk| api::ReadLeasedResponse { chunk })))
    }

    async fn complete(&self, request: Request<Streaming<api::CompleteRequest>>) -> Answer<api::CompleteResponse> {
        caller(&request).require_service()?;
        let (lease, extracted) = self.extraction(request.into_inner()).await?;
        let pages = i32::try_from(extracted.pages.len()).unwrap_or(i32::MAX);
        self.store.complete(&lease, extracted).await?;
        metrics::counter!("documents_pages_total").increment(u64::try_from(pages).unwrap_or(0));
        Ok(Response::new(api::CompleteResponse { pages }))
    }

    type ReadPagesStream = Streamed<api::ReadPagesResponse>;

    async fn read_pages(&self, request: Request<api::ReadPagesRequest>) -> Answer<Self::ReadPagesStream> {
        caller(&request).require_service()?;
        let lease = lease_key(request.into_inner().lease)?;
        let document = self.store.indexed_document(&lease).await?;
        Ok(Response::new(with_pages(self.store.clone(), lease.document, document)))
    }

    async fn settle(&self, request: Request<api::SettleRequest>) -> Answer<api::SettleResponse> {
        caller(&request).require_service()?;
        let lease = lease_key(request.into_inner().lease)?;
        if !self.settling.settle(lease).await? {
            let refused = match self.store.holds(&lease).await? {
                true => Error::Conflict("the document has not been completed", "not-completed"),
                false => Error::NotFound("lease"),
            };
            return Err(refused.into());
        }
        metrics::counter!("documents_jobs_total", "outcome" => "settled").increment(1);
        Ok(Response::new(api::SettleResponse {}))
    }

    async fn fail(&self, request: Request<api::FailRequest>) -> Answer<api::FailResponse> {
        caller(&request).require_service()?;
        let sent = request.into_inner();
        let lease = lease_key(sent.lease)?;
        let mut failure = sent.failure.unwrap_or_default();
        failure.detail.retain(|c| c != '\0');
        let well_formed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if failure.code.is_empty() || !failure.code.bytes().all(well_formed) {
            return Err(invalid("a failure has a code of a–z, 0–9 and _").into());
        }
        let outage = !sent.permanent && OUTAGES.contains(&failure.code.as_str());
        let will_retry = self.store.fail(&lease, &failure, sent.permanent, outage, sent.extractor_version).await?;
        let outcome = if will_retry { "retrying" } else { "failed" };
        metrics::counter!("documents_jobs_total", "outcome" => outcome).increment(1);
        Ok(Response::new(api::FailResponse { will_retry }))
    }

    async fn get_ledger(&self, request: Request<api::GetLedgerRequest>) -> Answer<api::Ledger> {
        caller(&request).require_service()?;
        Ok(Response::new(self.store.ledger(request.into_inner().extractor_version).await?))
    }
}
