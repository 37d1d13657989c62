//! The export bundle, out and in.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use chassis::{Fault, FaultKind};
use futures_util::{StreamExt, stream};
use proto::documents::{self as api, export_response, import_request::Part};
use sha2::{Digest, Sha256};
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::Streamed;
use crate::{
    bundle::{Document, Records},
    error::Error,
    media_type::{self, HEAD_BYTES},
    objects::{Objects, Reading},
    store::{Named, Outcome, Store, Stored, count},
};

/// Without a message from the other side, an import is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// What is none of the types that are taken now is kept all the same; reading it says so.
const UNKNOWN: &str = "application/octet-stream";
const CUT_OFF: Error = Error::Unprocessable("the bundle ended before it was whole", "bundle-truncated");
const DAMAGED: Error = Error::Unprocessable("the bytes of a file are not what its record says", "bundle-damaged");

/// Where an export is.
struct Exporting {
    store: Store,
    objects: Objects,
    /// Whose bytes are still to be sent.
    files: VecDeque<Named>,
    reading: Option<Reading>,
    next: Next,
}

enum Next {
    Collections(Option<Uuid>),
    Documents(Option<Uuid>),
    Nothing,
}

impl Exporting {
    async fn part(&mut self) -> Result<Option<export_response::Part>, Error> {
        if let Some(reading) = &mut self.reading {
            match reading.next().await? {
                Some(bytes) => return Ok(Some(export_response::Part::Chunk(bytes))),
                None => self.reading = None,
            }
        }
        if let Some(Named { object_key, sha256, size }) = self.files.pop_front() {
            self.reading = Some(self.objects.read(&object_key, 0..u64::try_from(size).unwrap_or(0)).await?);
            return Ok(Some(export_response::Part::File(api::File { sha256, size })));
        }
        let records = match self.next {
            Next::Nothing => return Ok(None),
            Next::Collections(after) => {
                let (records, next) = self.store.export_collections(after).await?;
                self.next = next.map_or(Next::Documents(None), |after| Next::Collections(Some(after)));
                records
            }
            Next::Documents(after) => {
                let (records, files, next) = self.store.export_documents(after).await?;
                self.next = next.map_or(Next::Nothing, |after| Next::Documents(Some(after)));
                self.files = files.into();
                records
            }
        };
        Ok(Some(export_response::Part::Records(records)))
    }
}

/// Everything, as it is asked for; what goes wrong ends it with an error, never silently.
pub(super) fn export(store: Store, objects: Objects) -> Streamed<api::ExportResponse> {
    let start = Exporting { store, objects, files: VecDeque::new(), reading: None, next: Next::Collections(None) };
    let part = |mut exporting: Exporting| async move {
        let part = exporting.part().await?;
        Ok::<_, Error>(part.map(|part| (api::ExportResponse { part: Some(part) }, exporting)))
    };
    Box::pin(stream::try_unfold(start, part).map(|part| part.map_err(Status::from)))
}

/// Takes one batch. Nothing is kept of one that fails.
pub(super) async fn import(
    store: &Store,
    objects: &Objects,
    mut messages: Streaming<api::ImportRequest>,
) -> Result<api::ImportResponse, Error> {
    let Some(Part::Start(start)) = next(&mut messages).await? else {
        return Err(Fault::new(FaultKind::Invalid, "an import begins with its start").into());
    };
    let sent = start.records.unwrap_or_default();
    match Records::parse(start.format, &sent.kind, &sent.lines)? {
        Records::Collections(records) => store.import_collections(&records, start.dry_run).await,
        Records::Documents(records) => {
            let mut outcomes = store.judge(&records).await?;
            if !start.dry_run {
                let mut batch = Batch::new(objects, &records, &outcomes);
                let added = match batch.receive(&mut messages).await {
                    Ok(()) => batch.add(store).await,
                    Err(error) => Err(error),
                };
                batch.tidy(&added).await;
                for (index, outcome) in added? {
                    outcomes[index] = outcome;
                }
            }
            let mut done = api::ImportResponse::default();
            records.iter().zip(outcomes).for_each(|(record, outcome)| count(&mut done, record.id, outcome));
            Ok(done)
        }
    }
}

/// Documents that are to be added, and what has been stored of them.
struct Batch<'a> {
    objects: &'a Objects,
    records: &'a [Document],
    /// Of these documents, by index.
    wanted: Vec<usize>,
    /// Whose bytes they are: document and version, by index.
    places: HashMap<String, Vec<(usize, usize)>>,
    stored: HashMap<(usize, usize), Stored>,
}

impl<'a> Batch<'a> {
    fn new(objects: &'a Objects, records: &'a [Document], judged: &[Outcome]) -> Self {
        let wanted: Vec<usize> =
            judged.iter().enumerate().filter(|(_, o)| **o == Outcome::Created).map(|(index, _)| index).collect();
        let mut places: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
        for document in &wanted {
            for (version, of) in records[*document].versions.iter().enumerate() {
                places.entry(of.sha256.clone()).or_default().push((*document, version));
            }
        }
        Self { objects, records, wanted, places, stored: HashMap::new() }
    }

    /// All files, until the end of the batch.
    async fn receive(&mut self, messages: &mut Streaming<api::ImportRequest>) -> Result<(), Error> {
        loop {
            match next(messages).await? {
                Some(Part::File(file)) => self.file(messages, &file).await?,
                Some(Part::Finish(_)) => return Ok(()),
                Some(_) => return Err(Fault::new(FaultKind::Invalid, "this is no place for that").into()),
                None => return Err(CUT_OFF),
            }
        }
    }

    /// One file: kept when a version is still without it, else only read past.
    async fn file(&mut self, messages: &mut Streaming<api::ImportRequest>, file: &api::File) -> Result<(), Error> {
        let places = self.places.remove(&file.sha256).unwrap_or_default();
        let mut upload = if places.is_empty() { None } else { Some(self.objects.create()?) };
        let (mut hasher, mut head, mut left) = (Sha256::new(), Vec::new(), file.size);
        while left > 0 {
            let Some(Part::Chunk(bytes)) = next(messages).await? else { return Err(CUT_OFF) };
            left -= i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            if let Some(upload) = &mut upload {
                hasher.update(&bytes);
                let room = HEAD_BYTES - head.len();
                head.extend_from_slice(&bytes[..bytes.len().min(room)]);
                upload.write(&bytes).await?;
            }
        }
        let Some(mut upload) = upload else { return Ok(()) };
        if left != 0 || hex::encode(hasher.finalize()) != file.sha256 {
            return Err(DAMAGED);
        }
        upload.finish().await?;
        let first = upload.keep();
        for (index, place) in places.into_iter().enumerate() {
            let version = &self.records[place.0].versions[place.1];
            let media_type = media_type::detect(&head, &version.file_name).unwrap_or(UNKNOWN);
            self.stored.insert(place, Stored { object_key: first.clone(), media_type });
            if index > 0 {
                // Each version has an object of its own, so that it can be removed by itself.
                let object_key = copy(self.objects, &first, file.size).await?;
                self.stored.insert(place, Stored { object_key, media_type });
            }
            if version.size != file.size {
                return Err(DAMAGED);
            }
        }
        Ok(())
    }

    /// One transaction for all of them; what became of each, by index.
    async fn add(&self, store: &Store) -> Result<Vec<(usize, Outcome)>, Error> {
        let mut records = Vec::with_capacity(self.wanted.len());
        for index in &self.wanted {
            let record = &self.records[*index];
            let stored: Option<Vec<Stored>> =
                (0..record.versions.len()).map(|version| self.stored.get(&(*index, version)).cloned()).collect();
            records.push((record, stored.ok_or(CUT_OFF)?));
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = store.import_documents(&records).await?;
        Ok(self.wanted.iter().copied().zip(outcomes).collect())
    }

    /// Removes what no row names; what cannot be removed now is left to the sweeper.
    async fn tidy(&self, added: &Result<Vec<(usize, Outcome)>, Error>) {
        let unnamed = |document: &usize| match added {
            Ok(outcomes) => outcomes.iter().any(|(index, o)| index == document && *o != Outcome::Created),
            // What went wrong with the database itself may have gone wrong after the commit.
            Err(Error::Internal(_)) => false,
            Err(_) => true,
        };
        for ((document, _), stored) in &self.stored {
            if unnamed(document)
                && let Err(error) = self.objects.delete(&stored.object_key).await
            {
                tracing::debug!(%error, "an object that nobody names is left to the sweeper");
            }
        }
    }
}

async fn copy(objects: &Objects, key: &str, size: i64) -> Result<String, Error> {
    let mut reading = objects.read(key, 0..u64::try_from(size).unwrap_or(0)).await?;
    let mut upload = objects.create()?;
    while let Some(bytes) = reading.next().await? {
        upload.write(&bytes).await?;
    }
    upload.finish().await?;
    Ok(upload.keep())
}

async fn next(messages: &mut Streaming<api::ImportRequest>) -> Result<Option<Part>, Error> {
    let message = tokio::time::timeout(SILENCE, messages.message()).await.map_err(|_| Fault::timeout())?;
    // A stream that breaks is a bundle that was cut off; there is hardly anybody left to tell.
    Ok(message.map_err(|_| CUT_OFF)?.and_then(|message| message.part))
}
