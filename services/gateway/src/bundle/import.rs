//! What is missing in, an entry at a time.
//!
//! Each entry is checked before anything of it is used; records go in whole or not at all, documents together
//! with their bytes. So a bundle that turns out to be cut off or damaged has brought in whole entries up to there,
//! which is told, and a good copy brings in the rest.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{rt::task::JoinHandle, web::Bytes};
use chassis::{Fault, FaultKind, RequestContext};
use futures_util::Stream;
use jiff::Timestamp;
use proto::{
    contacts,
    documents::{self as api, import_request::Part},
};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    FORMAT, HEAD, Head, LARGEST_MANIFEST, LARGEST_RECORDS, Manifest, Named, Seal, named,
    tar::{Reader, damaged, truncated},
};
use crate::{call::Call, problem::Problem};

/// One batch, with the bytes of its documents.
const TRANSFER: Duration = Duration::from_secs(3600);
const DEPTH: usize = 4;
/// Refused records of which the reason is told.
const REASONS: usize = 100;

/// What became of the records of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) created: i64,
    pub(crate) unchanged: i64,
    pub(crate) kept: i64,
    pub(crate) refused: i64,
}

/// How an import is going, or went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) running: bool,
    pub(crate) dry_run: bool,
    pub(crate) started_at: Timestamp,
    /// When the bundle was written.
    pub(crate) written_at: Option<Timestamp>,
    /// Of the bundle, read so far.
    pub(crate) bytes: u64,
    pub(crate) files: u64,
    pub(crate) kinds: BTreeMap<String, Tally>,
    pub(crate) reasons: Vec<String>,
    /// Why it ended early.
    pub(crate) failure: Option<String>,
}

impl Report {
    fn add(&mut self, kind: &str, tally: Tally, reasons: Vec<String>) {
        let sum = self.kinds.entry(kind.to_owned()).or_default();
        sum.created += tally.created;
        sum.unchanged += tally.unchanged;
        sum.kept += tally.kept;
        sum.refused += tally.refused;
        let room = REASONS - self.reasons.len();
        self.reasons.extend(reasons.into_iter().take(room).map(|reason| format!("{kind} {reason}")));
    }

    fn created(&self) -> i64 {
        self.kinds.values().map(|tally| tally.created).sum()
    }
}

/// The import that this process is at, or was at last: there is one at a time.
#[derive(Debug)]
pub(crate) struct Imports {
    turn: Arc<Semaphore>,
    report: Mutex<Option<Report>>,
}

impl Imports {
    pub(crate) fn new() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), report: Mutex::default() }
    }

    /// How it is going, or went.
    pub(crate) fn report(&self) -> Option<Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell(&self, report: Option<Report>) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
}

/// Ends what is told of an import, also of one whose client went away.
struct Running<'a> {
    imports: &'a Imports,
    report: Report,
    _turn: OwnedSemaphorePermit,
}

impl Running<'_> {
    fn tell(&self) {
        self.imports.tell(Some(self.report.clone()));
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.report.running = false;
        self.tell();
    }
}

/// Brings in what is missing, and checks the whole bundle on the way.
///
/// # Errors
/// `bundle-format`: written by a later release. `bundle-truncated`, `bundle-damaged`: the detail says what was
/// brought in before that was noticed; it stays. `import-running`: one at a time.
pub(crate) async fn import(
    call: &Call,
    source: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    dry_run: bool,
) -> Result<Report, Problem> {
    let imports = &call.state.shared.imports;
    let Ok(turn) = imports.turn.clone().try_acquire_owned() else {
        let fault = Fault::new(FaultKind::Conflict, "another bundle is being brought in; one at a time");
        return Err(fault.because("import-running").into());
    };
    let started_at = Timestamp::now();
    let report = Report { running: true, dry_run, started_at, ..Default::default() };
    let mut running = Running { imports, report, _turn: turn };
    running.tell();
    let read = read(call, Reader::new(source), &mut running).await;
    let shared = &call.state.shared;
    if !dry_run {
        shared.store.note(call.by(), if read.is_ok() { "bundle.imported" } else { "bundle.import_failed" }).await?;
    }
    if let Err(mut problem) = read {
        if !dry_run && running.report.created() > 0 {
            let detail = &mut problem.fault.detail;
            detail.push_str(&format!(
                ". {} records before that were brought in and stay; a good copy brings in the rest",
                running.report.created()
            ));
        }
        running.report.failure = Some(problem.fault.detail.clone());
        return Err(problem);
    }
    running.report.running = false;
    Ok(running.report.clone())
}

async fn read<S>(call: &Call, mut reader: Reader<S>, running: &mut Running<'_>) -> Result<(), Problem>
where
    S: Stream<Item = Result<Bytes, Problem>> + Unpin,
{
    let mut seal = Seal::default();
    let dry_run = running.report.dry_run;
    let head = head(&mut reader, &mut seal).await?;
    running.report.written_at = Some(head.created_at);
    let mut batch: Option<Batch> = None;
    let mut files = super::Files::default();
    while let Some(entry) = reader.next().await? {
        running.report.bytes = reader.bytes;
        running.tell();
        match named(&entry.name) {
            Some(Named::Records { kind, sha256 }) => {
                settle(batch.take(), running).await?;
                seal.add(&entry.name, entry.size);
                let lines = reader.whole(LARGEST_RECORDS).await?;
                if hex::encode(Sha256::digest(&lines)) != sha256 {
                    return Err(damaged(&format!("{} is not what was written", entry.name)).into());
                }
                batch = records(call, running, head.format, kind, lines).await?;
            }
            Some(Named::File { sha256 }) => {
                seal.add(&entry.name, entry.size);
                (files.count, files.bytes) = (files.count + 1, files.bytes + entry.size);
                file(&mut reader, batch.as_mut().filter(|_| !dry_run), sha256, entry.size).await?;
                running.report.files = files.count;
            }
            Some(Named::Manifest) => {
                settle(batch.take(), running).await?;
                let manifest = reader.whole(LARGEST_MANIFEST).await?;
                let manifest: Manifest =
                    serde_json::from_slice(&manifest).map_err(|_| damaged("its manifest is none"))?;
                if manifest.seal != seal.hex() || manifest.files != files {
                    return Err(damaged("its entries are not those that its manifest names").into());
                }
                if reader.next().await?.is_some() {
                    return Err(damaged("something follows its manifest").into());
                }
                running.report.bytes = reader.bytes;
                return Ok(());
            }
            None => return Err(damaged("an entry is none that is written").into()),
        }
    }
    Err(truncated().into())
}

async fn head<S>(reader: &mut Reader<S>, seal: &mut Seal) -> Result<Head, Problem>
where
    S: Stream<Item = Result<Bytes, Problem>> + Unpin,
{
    let entry = reader.next().await?.ok_or_else(truncated)?;
    if entry.name != HEAD {
        return Err(damaged("it does not begin as one").into());
    }
    seal.add(&entry.name, entry.size);
    let text = reader.whole(LARGEST_RECORDS).await?;
    /// Of whatever format: only this is sure to be in it.
    #[derive(serde::Deserialize)]
    struct Format {
        format: i32,
    }
    let Format { format } = serde_json::from_slice(&text).map_err(|_| damaged("its head is none"))?;
    if !bundle_format::is_known(format) {
        let detail = format!("the bundle has format {format}, and this release reads formats up to {FORMAT}");
        return Err(Fault::new(FaultKind::Unprocessable, detail).because("bundle-format").into());
    }
    Ok(serde_json::from_slice(&text).map_err(|_| damaged("its head is none"))?)
}

/// Records of one kind, to whom they belong. Of the documents service it is a batch that goes on with files.
async fn records(
    call: &Call,
    running: &mut Running<'_>,
    format: i32,
    kind: &str,
    lines: Bytes,
) -> Result<Option<Batch>, Problem> {
    let dry_run = running.report.dry_run;
    match kind {
        "users" => {
            let (tally, reasons) = call.state.shared.store.import_users(format, &lines, dry_run).await?;
            running.report.add(kind, tally, reasons);
            Ok(None)
        }
        "collections" | "documents" => {
            let records = api::Records { kind: kind.to_owned(), lines, count: 0 };
            Batch::open(call, api::ImportStart { format, records: Some(records), dry_run }).await.map(Some)
        }
        _ => {
            let request = contacts::ImportRequest { format, kind: kind.to_owned(), lines, dry_run };
            let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(TRANSFER));
            let mut contacts = call.state.contacts.clone();
            let asked = context.with_budget(TRANSFER).scope(async move { contacts.import(request).await });
            let done = asked.await?.into_inner();
            let contacts::ImportResponse { created, unchanged, kept, refused, reasons } = done;
            running.report.add(kind, Tally { created, unchanged, kept, refused }, reasons);
            Ok(None)
        }
    }
}

async fn settle(batch: Option<Batch>, running: &mut Running<'_>) -> Result<(), Problem> {
    let Some(batch) = batch else { return Ok(()) };
    let kind = batch.kind.clone();
    let api::ImportResponse { created, unchanged, kept, refused, reasons } = batch.finish().await?;
    running.report.add(&kind, Tally { created, unchanged, kept, refused }, reasons);
    Ok(())
}

/// One file, to the batch it belongs to. Its bytes are checked, whether anybody wants them or not.
async fn file<S>(reader: &mut Reader<S>, mut batch: Option<&mut Batch>, sha256: &str, size: u64) -> Result<(), Problem>
where
    S: Stream<Item = Result<Bytes, Problem>> + Unpin,
{
    if let Some(batch) = &mut batch {
        let file = api::File { sha256: sha256.to_owned(), size: i64::try_from(size).unwrap_or(i64::MAX) };
        batch.send(Part::File(file)).await?;
    }
    let mut hasher = Sha256::new();
    while let Some(piece) = reader.chunk().await? {
        hasher.update(&piece);
        if let Some(batch) = &mut batch {
            batch.send(Part::Chunk(piece)).await?;
        }
    }
    match hex::encode(hasher.finalize()) == sha256 {
        true => Ok(()),
        false => Err(damaged(&format!("files/{sha256} is not what was written")).into()),
    }
}

/// A call to the documents service that is under way. Dropped before [`Batch::finish`], nothing of it is kept.
struct Batch {
    kind: String,
    sender: mpsc::Sender<api::ImportRequest>,
    answer: JoinHandle<Result<api::ImportResponse, tonic::Status>>,
}

impl Batch {
    async fn open(call: &Call, start: api::ImportStart) -> Result<Self, Problem> {
        let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(TRANSFER));
        let (sender, receiver) = mpsc::channel(DEPTH);
        let mut documents = call.state.documents.clone();
        let calling = async move { Ok(documents.import(ReceiverStream::new(receiver)).await?.into_inner()) };
        let answer = actix_web::rt::spawn(context.with_budget(TRANSFER).scope(calling));
        let kind = start.records.as_ref().map(|records| records.kind.clone()).unwrap_or_default();
        let mut batch = Self { kind, sender, answer };
        batch.send(Part::Start(start)).await?;
        Ok(batch)
    }

    async fn send(&mut self, part: Part) -> Result<(), Problem> {
        if self.sender.send(api::ImportRequest { part: Some(part) }).await.is_ok() {
            return Ok(());
        }
        // The call has ended: an error of it is the answer. A rehearsal is done before its end is sent.
        match (&mut self.answer).await.map_err(Fault::internal)? {
            Err(status) => Err(status.into()),
            Ok(_) => Err(Fault::internal("a batch ended before it was whole").into()),
        }
    }

    async fn finish(self) -> Result<api::ImportResponse, Problem> {
        let finish = Part::Finish(api::ImportFinish {});
        let _ = self.sender.send(api::ImportRequest { part: Some(finish) }).await;
        drop(self.sender);
        Ok(self.answer.await.map_err(Fault::internal)??)
    }
}
