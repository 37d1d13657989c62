//! The only calls to documents, each with its deadline.
//!
//! What may be repeated without harm is repeated while documents cannot be reached, for a while: a
//! restart of documents costs a step a pause, not its work.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use chassis::{
    Fault, RequestContext, SecretString,
    grpc::{Channel, idempotent},
};
use futures_util::stream;
use proto::documents::{
    AttachStart, CompleteRequest, ContentHead, FailRequest, Failure, GetIndexStateRequest, GetLedgerRequest,
    HeartbeatRequest, HoldTurnRequest, HoldTurnResponse, IndexState, IndexedDocument, Lease, LeaseLockedRequest,
    LeaseRequest, LeaseResponse, ListIndexedRequest, ListIndexedResponse, Page, ReadContentRequest,
    ReadContentResponse, ReadIndexedRequest, ReadLeasedRequest, ReadLeasedResponse, ReadPagesRequest,
    ReadPagesResponse, SaveIndexStateRequest, SettleRequest, WantRebuildRequest, documents_client::DocumentsClient,
    read_content_response, read_pages_response, truth_client::TruthClient, work_client::WorkClient,
};
use tokio::time::{Instant, timeout};
use tonic::{Status, Streaming};

use crate::{
    error::{Error, refused},
    parts::Part,
};

/// Calls that answer at once.
const SHORT: Duration = Duration::from_secs(10);
/// Handing over the text of a document, which documents stores before it answers.
const LONG: Duration = Duration::from_secs(120);
/// Between two messages of a stream.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a step waits for documents to come back.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// A page has at most 1 MiB.
const MESSAGE_BYTES: usize = 8 << 20;

/// The client. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Documents(WorkClient<Channel>, TruthClient<Channel>, DocumentsClient<Channel>);

impl Documents {
    /// Connects when it is first used.
    pub(crate) fn new(url: &str, token: &SecretString) -> anyhow::Result<Self> {
        let channel = chassis::grpc::connect(url, token).context("DOCUMENTS_URL")?;
        let truth = TruthClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES);
        let people = DocumentsClient::new(channel.clone());
        Ok(Self(WorkClient::new(channel).max_decoding_message_size(MESSAGE_BYTES), truth, people))
    }

    /// Waits up to `wait` for work. Never dropped before it has answered: what had been granted
    /// would be nobody's until the lease runs out.
    pub(crate) async fn lease(
        &self,
        worker: &str,
        most: usize,
        wait: Duration,
        extract_only: bool,
    ) -> Result<LeaseResponse, Status> {
        let extractor_version = extract::EXTRACTOR_VERSION;
        let request = LeaseRequest {
            worker: worker.to_owned(),
            max_jobs: i32::try_from(most).unwrap_or(i32::MAX),
            wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
            extract_only,
            extractor_version,
        };
        let mut client = self.0.clone();
        Ok(within(wait + SHORT / 2).scope(client.lease(request)).await?.into_inner())
    }

    /// The tokens that are still good.
    pub(crate) async fn heartbeat(&self, leases: Vec<Lease>, limit: Duration) -> Result<Vec<String>, Error> {
        let mut client = self.0.clone();
        Ok(within(limit).scope(client.heartbeat(HeartbeatRequest { leases })).await?.into_inner().held)
    }

    /// The bytes of the leased version, from the first.
    pub(crate) async fn read_leased(&self, lease: &Lease) -> Result<Chunks, Error> {
        let mut client = self.0.clone();
        let request = ReadLeasedRequest { lease: Some(lease.clone()) };
        Ok(Chunks(within(SHORT).scope(client.read_leased(request)).await?.into_inner()))
    }

    /// The work on a document that waits for a password, for the person who makes the current call.
    pub(crate) async fn lease_locked(&self, document_id: &str) -> Result<LeaseResponse, Status> {
        let request = LeaseLockedRequest { document_id: document_id.to_owned() };
        Ok(self.0.clone().lease_locked(request).await?.into_inner())
    }

    /// Makes a document of something that is attached to the leased one, unless it is known. Done twice
    /// it is as done once. Answers the reason when documents does not take such.
    pub(crate) async fn attach(&self, lease: &Lease, part: &Part) -> Result<Option<String>, Error> {
        patiently(|| async {
            let start = AttachStart {
                lease: Some(lease.clone()),
                file_name: part.name.clone(),
                sha256: part.sha256.clone(),
                size: i64::try_from(part.size).unwrap_or(i64::MAX),
            };
            let messages = part.messages(start).await?;
            match within(LONG).scope(self.0.clone().attach(messages)).await {
                Ok(_) => Ok(None),
                Err(status) => refused(status).map(Some),
            }
        })
        .await
    }

    /// Documents that an older reader read.
    pub(crate) async fn outdated(&self) -> Result<i64, Error> {
        let request = GetLedgerRequest { extractor_version: extract::EXTRACTOR_VERSION };
        Ok(within(SHORT).scope(self.0.clone().get_ledger(request)).await?.into_inner().outdated)
    }

    /// Hands over what was read. Done twice it is as done once.
    pub(crate) async fn complete(&self, parts: Arc<Vec<CompleteRequest>>) -> Result<(), Error> {
        patiently(|| async {
            let (mut client, parts) = (self.0.clone(), parts.clone());
            // Copied one by one as they are sent, so that they can be sent again.
            let sent = (0..parts.len()).map(move |n| parts[n].clone());
            within(LONG).scope(client.complete(stream::iter(sent))).await?;
            Ok(())
        })
        .await
    }

    /// The document as it now stands, and its pages.
    pub(crate) async fn read_pages(&self, lease: &Lease) -> Result<(IndexedDocument, Pages), Error> {
        patiently(|| async {
            let mut client = self.0.clone();
            let request = ReadPagesRequest { lease: Some(lease.clone()) };
            let mut parts = within(SHORT).scope(client.read_pages(request)).await?.into_inner();
            match next(&mut parts).await?.and_then(|first| first.part) {
                Some(read_pages_response::Part::Document(document)) => Ok((document, Pages(parts))),
                _ => Err(Error::Internal("documents sent pages without their document".to_owned())),
            }
        })
        .await
    }

    /// The work is done.
    pub(crate) async fn settle(&self, lease: &Lease) -> Result<(), Error> {
        patiently(|| async {
            let mut client = self.0.clone();
            within(SHORT).scope(client.settle(SettleRequest { lease: Some(lease.clone()) })).await?;
            Ok(())
        })
        .await
    }

    /// The step failed. Answers whether it will be tried again.
    pub(crate) async fn fail(&self, lease: &Lease, failure: Failure, permanent: bool) -> Result<bool, Error> {
        patiently(|| self.fail_once(lease, failure.clone(), permanent, SHORT)).await
    }

    /// The same for those who have no time to wait.
    pub(crate) async fn fail_once(
        &self,
        lease: &Lease,
        failure: Failure,
        permanent: bool,
        limit: Duration,
    ) -> Result<bool, Error> {
        let mut client = self.0.clone();
        let request = FailRequest {
            lease: Some(lease.clone()),
            failure: Some(failure),
            permanent,
            extractor_version: extract::EXTRACTOR_VERSION,
        };
        Ok(within(limit).scope(client.fail(request)).await?.into_inner().will_retry)
    }
}

/// What the index must hold.
impl Documents {
    /// The right to mend the index, for `lease`, if nobody else has it.
    pub(crate) async fn hold_turn(&self, holder: &str, lease: Duration) -> Result<HoldTurnResponse, Error> {
        let request = HoldTurnRequest { holder: holder.to_owned(), lease_ms: millis(lease) };
        Ok(within(SHORT).scope(self.1.clone().hold_turn(request)).await?.into_inner())
    }

    /// Keeps the turn and notes how the index is.
    pub(crate) async fn save_index_state(&self, holder: &str, lease: Duration, state: IndexState) -> Result<(), Error> {
        let request = SaveIndexStateRequest { holder: holder.to_owned(), lease_ms: millis(lease), state: Some(state) };
        within(SHORT).scope(self.1.clone().save_index_state(request)).await?;
        Ok(())
    }

    pub(crate) async fn index_state(&self) -> Result<IndexState, Error> {
        Ok(within(SHORT).scope(self.1.clone().get_index_state(GetIndexStateRequest {})).await?.into_inner())
    }

    pub(crate) async fn want_rebuild(&self) -> Result<(), Error> {
        within(SHORT).scope(self.1.clone().want_rebuild(WantRebuildRequest {})).await?;
        Ok(())
    }

    pub(crate) async fn list_indexed(&self, request: ListIndexedRequest) -> Result<ListIndexedResponse, Error> {
        Ok(within(SHORT).scope(self.1.clone().list_indexed(request)).await?.into_inner())
    }

    /// The document as it now stands, and its pages; `None`: the index must not hold it.
    pub(crate) async fn read_indexed(&self, document_id: &str) -> Result<Option<(IndexedDocument, Pages)>, Error> {
        let request = ReadIndexedRequest { document_id: document_id.to_owned() };
        let mut parts = match within(SHORT).scope(self.1.clone().read_indexed(request)).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => {
                return match Error::from(status) {
                    // What is not found is no lease here.
                    Error::LeaseLost => Ok(None),
                    error => Err(error),
                };
            }
        };
        match next(&mut parts).await?.and_then(|first| first.part) {
            Some(read_pages_response::Part::Document(document)) => Ok(Some((document, Pages(parts)))),
            _ => Err(Error::Internal("documents sent pages without their document".to_owned())),
        }
    }
}

/// What people may see. These calls are made on behalf of whoever asks, so documents decides.
impl Documents {
    /// What a version is; 0: the current one.
    ///
    /// # Errors
    /// What documents says, for the one who asks.
    pub(crate) async fn content_head(&self, id: &str, version: i32) -> Result<ContentHead, Status> {
        let request = ReadContentRequest { id: id.to_owned(), version, head_only: true, ..Default::default() };
        let ask = || {
            let (mut client, request) = (self.2.clone(), request.clone());
            async move { client.read_content(request).await }
        };
        Content(idempotent(ask).await?.into_inner()).head().await
    }

    /// The bytes of a version, from the first.
    ///
    /// # Errors
    /// As [`content_head`](Self::content_head).
    pub(crate) async fn content(&self, id: &str, version: i32) -> Result<Content, Status> {
        let request = ReadContentRequest { id: id.to_owned(), version, ..Default::default() };
        let ask = || {
            let (mut client, request) = (self.2.clone(), request.clone());
            async move { client.read_content(request).await }
        };
        let mut content = Content(idempotent(ask).await?.into_inner());
        content.head().await?;
        Ok(content)
    }
}

/// Bytes as they come in, for those who ask.
pub(crate) struct Content(Streaming<ReadContentResponse>);

impl Content {
    async fn head(&mut self) -> Result<ContentHead, Status> {
        match self.0.message().await?.and_then(|first| first.part) {
            Some(read_content_response::Part::Head(head)) => Ok(head),
            _ => Err(Fault::internal("content came without its head").into()),
        }
    }

    /// `None` after the last. Who asks has a deadline.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        match self.0.message().await?.map(|message| message.part) {
            None => Ok(None),
            Some(Some(read_content_response::Part::Chunk(chunk))) => Ok(Some(chunk)),
            Some(_) => Err(Fault::internal("content came without bytes").into()),
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Bytes as they come in.
pub(crate) struct Chunks(Streaming<ReadLeasedResponse>);

impl Chunks {
    /// `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(next(&mut self.0).await?.map(|message| message.chunk))
    }
}

/// Pages as they come in.
pub(crate) struct Pages(Streaming<ReadPagesResponse>);

impl Pages {
    /// `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, Error> {
        match next(&mut self.0).await?.map(|message| message.part) {
            None => Ok(None),
            Some(Some(read_pages_response::Part::Page(page))) => Ok(Some(page)),
            Some(_) => Err(Error::Internal("documents sent something else than a page".to_owned())),
        }
    }
}

async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Error> {
    match timeout(SILENCE, stream.message()).await {
        Ok(message) => Ok(message?),
        Err(_) => Err(Error::Unavailable("a stream fell silent".to_owned())),
    }
}

/// The job's context, or that of nobody, with this much time.
fn within(limit: Duration) -> RequestContext {
    RequestContext::current().unwrap_or_else(|| RequestContext::background(limit)).with_budget(limit)
}

/// Repeats `call` while documents cannot be reached.
pub(crate) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let end = Instant::now() + PATIENCE;
    let mut pause = PAUSES.0;
    loop {
        match call().await {
            Err(Error::Unavailable(_)) if Instant::now() + pause < end => {}
            answered => return answered,
        }
        tokio::time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Half of it to all of it, so that those who wait for the same thing do not come back together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.0))
}
