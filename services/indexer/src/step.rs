//! What is done on one document between lease and settle.

use std::{
    future::Future,
    io::Seek,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::SecretString;
use extract::{Attachment, Extraction, Extractor, FailureCode, How, Precedence};
use proto::documents::{Job, Lease, WorkKind};
use search_index::Error as EngineError;
use tokio::{
    io::AsyncWriteExt,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{
    completion,
    documents::{Documents, patiently},
    engine::{self, Engine},
    error::Error,
    parts::Part,
    pictures::Pictures,
};

/// Documents that wait for the engine at the same time, beside those that are being read. The engine
/// does what waits for it in one go.
const FEEDS: usize = 8;
/// Documents that wait for a slow worker without holding up a quick one. Each takes a lease and nothing else.
const WAITING: usize = 200;
/// How often the engine is asked within one step to do what it said no to, or lost.
const ENGINE_TRIES: u32 = 3;

/// What a step needs.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    documents: Documents,
    extractor: Extractor,
    engine: Engine,
    pictures: Pictures,
    spool: PathBuf,
    lanes: Lanes,
    feeds: Arc<Semaphore>,
}

/// Who reads what takes longer than a glance, so that ten hostile documents cost the others next to nothing.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    glance: Duration,
    slow: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    precedence: Precedence,
}

impl Lanes {
    /// `glance`: of processor time. `slow`: documents at the same time that take longer.
    pub(crate) fn new(glance: Duration, slow: usize) -> Self {
        Self {
            glance,
            slow: Arc::new(Semaphore::new(slow.max(1))),
            waiting: Arc::new(Semaphore::new(WAITING)),
            precedence: Precedence::default(),
        }
    }

    /// Gives the right to read on for the right to read slowly. While too many wait for that, nothing more
    /// is begun.
    async fn turn(&self, quick: OwnedSemaphorePermit) -> Result<OwnedSemaphorePermit, Error> {
        let waiting = self.waiting.try_acquire();
        let held = waiting.is_err().then_some(quick);
        let turn = self.slow.clone().acquire_owned().await.map_err(|_| Error::Stopping);
        drop(held);
        turn
    }
}

impl Step {
    pub(crate) fn new(
        documents: Documents,
        extractor: Extractor,
        engine: Engine,
        pictures: Pictures,
        spool: PathBuf,
        lanes: Lanes,
    ) -> Self {
        Self { documents, extractor, engine, pictures, spool, lanes, feeds: Arc::new(Semaphore::new(FEEDS)) }
    }

    /// Everything but the settle. Dropped at any point it leaves nothing behind that another attempt
    /// does not write over, and no child. `reading` is the right to read a document; it is given back
    /// once only the engine is waited for.
    pub(crate) async fn run(
        &self,
        job: &Job,
        lease: &Lease,
        mut reading: OwnedSemaphorePermit,
        password: Option<&SecretString>,
    ) -> Result<(), Error> {
        match job.kind() {
            WorkKind::Extract => reading = self.read(job, lease, reading, password).await?,
            WorkKind::Remove => self.pictures.forget(engine::id(&lease.document_id)?),
            _ => {}
        }
        if !self.engine.is_configured() {
            return Ok(());
        }
        let _feeding = self.feeds.acquire().await.map_err(|_| Error::Stopping)?;
        drop(reading);
        if !self.engine.is_up() {
            return Err(Error::EngineDown);
        }
        let fed = match job.kind() {
            WorkKind::Remove => timed("forget", self.forget(lease)).await,
            _ => timed("feed", self.feed(lease)).await,
        };
        if let Err(Error::Engine(error)) = &fed {
            self.engine.suspect(error);
        }
        fed
    }

    /// Answers by what right it went on in the end.
    async fn read(
        &self,
        job: &Job,
        lease: &Lease,
        mut turn: OwnedSemaphorePermit,
        password: Option<&SecretString>,
    ) -> Result<OwnedSemaphorePermit, Error> {
        let fetch = || timed("fetch", patiently(|| self.fetch(job, lease)));
        let apart = job.attachments.then_some(self.spool.as_path());
        let how = How { media_type: &job.media_type, password, apart, giving_way: None };
        let going_first = self.lanes.precedence.go_first();
        let file = fetch().await?;
        let mut read = match timed("glance", self.extractor.glance(file, how, self.lanes.glance)).await {
            Some(read) => read?,
            None => {
                drop(going_first);
                turn = timed("wait", self.lanes.turn(turn)).await?;
                // Fetched again, so that what waits takes no room.
                let file = fetch().await?;
                timed("extract", self.extractor.read(file, How { giving_way: Some(&self.lanes.precedence), ..how }))
                    .await?
            }
        };
        metrics::counter!("indexer_extracted_pages_total").increment(read.pages.len() as u64);
        metrics::histogram!("indexer_child_cpu_seconds").record(read.cpu_ms as f64 / 1000.0);
        metrics::histogram!("indexer_child_peak_bytes").record(read.peak_rss_bytes as f64);
        // Before the text: once that is complete, nobody would come back for what is attached.
        let attachments = std::mem::take(&mut read.attachments);
        if !attachments.is_empty() && !timed("attach", self.attach(lease, attachments)).await? {
            read.partial.get_or_insert_with(|| FailureCode::LimitExceeded.as_str().to_owned());
        }
        let (read, insights) = timed("insights", derive(read)).await?;
        let messages = Arc::new(completion::messages(lease, read, insights));
        timed("complete", self.documents.complete(messages)).await?;
        Ok(turn)
    }

    /// Makes documents of what is attached. Answers whether there was room for all of it; what documents
    /// does not take for what it is stays a name in its message.
    async fn attach(&self, lease: &Lease, attachments: Vec<Attachment>) -> Result<bool, Error> {
        let mut room = true;
        for attachment in attachments {
            let part = Part::new(attachment).await?;
            let refused = self.documents.attach(lease, &part).await?;
            room &= refused.as_deref() != Some("too-many-attachments");
            let outcome = if refused.is_some() { "refused" } else { "taken" };
            metrics::counter!("indexer_attachments_total", "outcome" => outcome).increment(1);
        }
        Ok(room)
    }

    /// Into a file without a name: it is gone with the process, however that ends.
    async fn fetch(&self, job: &Job, lease: &Lease) -> Result<std::fs::File, Error> {
        let mut file = tokio::fs::File::from_std(tempfile::tempfile_in(&self.spool)?);
        let mut chunks = self.documents.read_leased(lease).await?;
        let mut bytes = 0;
        while let Some(chunk) = chunks.next().await? {
            bytes += chunk.len() as u64;
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        if i64::try_from(bytes) != Ok(job.size) {
            return Err(Error::Unavailable(format!("{bytes} bytes came of {}", job.size)));
        }
        let mut file = file.into_std().await;
        file.rewind()?;
        Ok(file)
    }

    async fn forget(&self, lease: &Lease) -> Result<(), Error> {
        let document = engine::id(&lease.document_id)?;
        let mut tries = 1;
        loop {
            match self.engine.forget(document).await {
                Err(Error::Engine(error)) if tries < ENGINE_TRIES && may_do(&error) => {}
                ended => return ended,
            }
            tries += 1;
        }
    }

    async fn feed(&self, lease: &Lease) -> Result<(), Error> {
        let mut tries = 1;
        loop {
            match patiently(|| self.feed_once(lease)).await {
                Ok(true) => return Ok(()),
                // It holds pages that the document no longer has.
                Ok(false) if tries < ENGINE_TRIES => self.forget(lease).await?,
                Ok(false) => return Err(Error::Internal("the engine does not forget pages".to_owned())),
                Err(Error::Engine(error)) if tries < ENGINE_TRIES && may_do(&error) => {
                    tracing::warn!(%error, "the search engine is asked again");
                }
                Err(error) => return Err(error),
            }
            tries += 1;
        }
    }

    /// Whether the engine now holds just what the document has.
    async fn feed_once(&self, lease: &Lease) -> Result<bool, Error> {
        let (document, mut pages) = self.documents.read_pages(lease).await?;
        let Some(mut replacing) = self.engine.replace(&document).await? else { return Ok(true) };
        while let Some(page) = pages.next().await? {
            replacing.page(page).await?;
        }
        replacing.finish().await
    }
}

/// Whether asking again at once makes sense: a task was lost, or failed where another may not, as
/// when somebody dropped the index meanwhile.
fn may_do(error: &EngineError) -> bool {
    matches!(error, EngineError::Lost | EngineError::Refused { .. })
}

/// On a thread where computing holds up nobody.
async fn derive(read: Extraction) -> Result<(Extraction, insights::Insights), Error> {
    let deriving = tokio::task::spawn_blocking(move || {
        let read = completion::bounded(read);
        let pages: Vec<(u32, &str)> = read.pages.iter().map(|page| (page.number, page.text.as_str())).collect();
        let insights = insights::derive(&pages);
        (read, insights)
    });
    deriving.await.map_err(|error| Error::Internal(format!("insights: {error}")))
}

pub(crate) async fn timed<F: Future>(step: &'static str, future: F) -> F::Output {
    let started = Instant::now();
    let output = future.await;
    metrics::histogram!("indexer_step_duration_seconds", "step" => step).record(started.elapsed());
    output
}
