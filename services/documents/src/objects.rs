//! The only S3. Objects have fresh UUIDs for keys and are never overwritten.
//!
//! Memory is bounded: an upload holds up to [`SMALL_BYTES`] of its own; beyond that it takes one of
//! a fixed number of buffers of [`PART_BYTES`] before it reads on. Whoever waits for a buffer holds
//! none except one that is on its way to the store, so there is always somebody who gets done.

use std::{future::Future, ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use chassis::{CancellationToken, Dependency, ExposeSecret};
use jiff::Timestamp;
use s3::{Bucket, Region, creds::Credentials, error::S3Error, serde_types::Part};
use tokio::{
    io::AsyncReadExt,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
};
use uuid::Uuid;

use crate::config::S3Config;

/// The least that S3 takes for a part.
pub(crate) const PART_BYTES: usize = 5 << 20;
const SMALL_BYTES: usize = 256 << 10;
/// Uploads at once; more are refused. They may all come over one connection, and what waits unread
/// of those that wait for a buffer must leave room in it for those that have one.
const UPLOADS: usize = 48;
/// What may wait unread of one upload. 48 of them are 3 MiB of a connection's 4.
pub(crate) const UNREAD_BYTES: u32 = 64 << 10;
/// Parts on their way at once: each is copied while it is sent.
const PARTS_IN_FLIGHT: usize = 2;
/// For one request that carries at most a part.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// For a small question, and for the first byte of an answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// Without a byte, a download is given up.
const SILENCE: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 128 << 10;
const CONTENT_TYPE: &str = "application/octet-stream";

/// Why the object store did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    /// Down, refusing, or too slow.
    #[error("the object store cannot be used: {0}")]
    Unavailable(String),
    /// As many uploads as there may be are under way.
    #[error("too many uploads at once")]
    Busy,
    /// A row names an object that the store does not have.
    #[error("the object {0} is missing")]
    Missing(String),
    /// It has something else than what was sent.
    #[error("the object {0} has the wrong size")]
    WrongSize(String),
}

impl From<S3Error> for ObjectError {
    fn from(error: S3Error) -> Self {
        match error {
            S3Error::HttpFailWithBody(status, _) => ObjectError::Unavailable(format!("HTTP status {status}")),
            other => ObjectError::Unavailable(other.to_string()),
        }
    }
}

/// The bucket.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    bucket: Arc<Bucket>,
    /// The same without a limit on the whole answer, for downloads.
    streaming: Arc<Bucket>,
    uploads: Arc<Semaphore>,
    buffers: Arc<Semaphore>,
    in_flight: Arc<Semaphore>,
}

/// One object, as a listing has it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) modified: Option<Timestamp>,
}

impl Objects {
    /// Connects when first used.
    pub(crate) fn new(config: &S3Config, buffers: usize) -> anyhow::Result<Self> {
        // The library would wait a second and ask again; callers decide that here.
        s3::set_retries(0);
        let region = Region::Custom { region: config.s3_region.clone(), endpoint: config.s3_endpoint.clone() };
        let secret = config.s3_secret_key.expose_secret();
        let credentials = Credentials::new(Some(&config.s3_access_key), Some(secret), None, None, None)?;
        let mut bucket = Bucket::new(&config.s3_bucket, region, credentials)?.with_path_style();
        bucket.set_request_timeout(None);
        let streaming = Arc::new((*bucket).clone());
        bucket.set_request_timeout(Some(REQUEST_TIME));
        Ok(Self {
            bucket: Arc::from(bucket),
            streaming,
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            buffers: Arc::new(Semaphore::new(buffers.max(2))),
            in_flight: Arc::new(Semaphore::new(PARTS_IN_FLIGHT)),
        })
    }

    /// Starts an object with a fresh key.
    pub(crate) fn create(&self) -> Result<Upload, ObjectError> {
        let slot = self.uploads.clone().try_acquire_owned().map_err(|_| ObjectError::Busy)?;
        Ok(Upload {
            objects: self.clone(),
            key: Uuid::new_v4().to_string(),
            buffer: Vec::new(),
            reserved: None,
            upload_id: None,
            parts: Vec::new(),
            sending: None,
            size: 0,
            finished: false,
            _slot: slot,
        })
    }

    /// Bytes of an object, in pieces. Answers once the first are there, so that a store that is
    /// down is an error of the call and not of the stream.
    pub(crate) async fn read(&self, key: &str, range: Range<u64>) -> Result<Reading, ObjectError> {
        let (mut writer, reader) = tokio::io::duplex(READ_BYTES);
        let (bucket, path) = (self.streaming.clone(), key.to_owned());
        let task = tokio::spawn(async move {
            bucket.get_object_range_to_writer(&path, range.start, Some(range.end - 1), &mut writer).await
        });
        let left = range.end - range.start;
        let mut reading = Reading { key: key.to_owned(), reader, task, left, first: None };
        let first = match tokio::time::timeout(ANSWER_TIME, reading.piece()).await {
            Ok(first) => first?,
            Err(_) => return Err(ObjectError::Unavailable("no first byte in time".to_owned())),
        };
        reading.first = first;
        Ok(reading)
    }

    /// Removes an object; one that is not there is removed.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        match within(self.bucket.delete_object(key)).await {
            Err(S3Error::HttpFailWithBody(404, _)) => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// Up to a thousand objects, in the order of their keys, and where to go on.
    pub(crate) async fn list(&self, after: Option<String>) -> Result<(Vec<Listed>, Option<String>), ObjectError> {
        let (page, _) = within(self.bucket.list_page(String::new(), None, after, None, Some(1000))).await?;
        let listed = |o: s3::serde_types::Object| Listed { modified: o.last_modified.parse().ok(), key: o.key };
        Ok((page.contents.into_iter().map(listed).collect(), page.next_continuation_token))
    }

    /// Multipart uploads that began before `before` and never ended: key and upload id. At most a
    /// thousand.
    pub(crate) async fn stale_uploads(&self, before: Timestamp) -> Result<Vec<(String, String)>, ObjectError> {
        let listing = self.bucket.list_multiparts_uploads_page(None, None, None, None, Some(1000));
        let (page, _) = within(listing).await?;
        let stale = |at: &str| at.parse::<Timestamp>().is_ok_and(|at| at < before);
        Ok(page.uploads.into_iter().filter(|u| stale(&u.initiated)).map(|u| (u.key, u.id)).collect())
    }

    /// Forgets the parts of an upload.
    pub(crate) async fn abort(&self, key: &str, upload_id: &str) -> Result<(), ObjectError> {
        match within(self.bucket.abort_upload(key, upload_id)).await {
            Err(S3Error::HttpFailWithBody(404, _)) => Ok(()),
            other => Ok(other?),
        }
    }

    async fn size(&self, key: &str) -> Result<u64, ObjectError> {
        let (head, _) = within(self.bucket.head_object(key)).await?;
        u64::try_from(head.content_length.unwrap_or(-1)).map_err(|_| ObjectError::WrongSize(key.to_owned()))
    }

    /// Asks the store now and then and tells `dependency`, until `stop`.
    pub(crate) async fn watch(self, dependency: Dependency, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            // An object that nobody has: that it is missing is the good answer.
            let pause = match within(self.bucket.head_object("health")).await {
                Ok(_) | Err(S3Error::HttpFailWithBody(404, _)) => {
                    dependency.up();
                    Duration::from_secs(5)
                }
                Err(error) => {
                    dependency.down(ObjectError::from(error));
                    Duration::from_secs(1)
                }
            };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Ok(());
            }
        }
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ObjectError> {
    let closed = |_| ObjectError::Unavailable("stopping".to_owned());
    semaphore.clone().acquire_owned().await.map_err(closed)
}

async fn within<T>(asking: impl Future<Output = Result<T, S3Error>>) -> Result<T, S3Error> {
    let late = || S3Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut));
    tokio::time::timeout(ANSWER_TIME, asking).await.unwrap_or_else(|_| Err(late()))
}

/// The bytes of an object on their way to a reader.
#[derive(Debug)]
pub(crate) struct Reading {
    key: String,
    reader: tokio::io::DuplexStream,
    task: JoinHandle<Result<u16, S3Error>>,
    left: u64,
    first: Option<Bytes>,
}

impl Reading {
    /// The next piece, or `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ObjectError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match tokio::time::timeout(SILENCE, self.piece()).await {
            Ok(piece) => piece,
            Err(_) => Err(ObjectError::Unavailable("silent in the middle of an object".to_owned())),
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, ObjectError> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut buffer = bytes::BytesMut::with_capacity(READ_BYTES);
        let read = self.reader.read_buf(&mut buffer).await.unwrap_or(0) as u64;
        if read == 0 {
            return Err(match (&mut self.task).await {
                Ok(Err(S3Error::HttpFailWithBody(404 | 416, _))) => ObjectError::Missing(self.key.clone()),
                Ok(Err(error)) => error.into(),
                _ => ObjectError::WrongSize(self.key.clone()),
            });
        }
        if read > self.left {
            return Err(ObjectError::WrongSize(self.key.clone()));
        }
        self.left -= read;
        Ok(Some(buffer.freeze()))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Sending = JoinHandle<Result<Part, S3Error>>;

/// An object being written. Dropped before [`Upload::keep`], it is removed.
#[derive(Debug)]
pub(crate) struct Upload {
    objects: Objects,
    key: String,
    buffer: Vec<u8>,
    /// The right to a whole part's memory, once the buffer is more than small.
    reserved: Option<OwnedSemaphorePermit>,
    upload_id: Option<String>,
    parts: Vec<Part>,
    sending: Option<Sending>,
    size: u64,
    finished: bool,
    _slot: OwnedSemaphorePermit,
}

impl Upload {
    /// Appends bytes; waits while the store, or the memory, is behind.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), ObjectError> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.reserved.is_none() && self.buffer.len() + bytes.len() > SMALL_BYTES {
                self.reserved = Some(permit(&self.objects.buffers).await?);
                self.buffer.reserve_exact(PART_BYTES - self.buffer.len());
            }
            let room = if self.reserved.is_some() { PART_BYTES } else { SMALL_BYTES } - self.buffer.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == PART_BYTES {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    /// Hands the buffer to a task, after the part before it has arrived.
    async fn send_part(&mut self) -> Result<(), ObjectError> {
        self.arrived().await?;
        let upload_id = match &self.upload_id {
            Some(id) => id.clone(),
            None => {
                let started = within(self.objects.bucket.initiate_multipart_upload(&self.key, CONTENT_TYPE)).await?;
                self.upload_id.insert(started.upload_id).clone()
            }
        };
        let number = u32::try_from(self.parts.len() + 1).unwrap_or(u32::MAX);
        let (part, reserved) = (std::mem::take(&mut self.buffer), self.reserved.take());
        let (bucket, key, in_flight) = (self.objects.bucket.clone(), self.key.clone(), self.objects.in_flight.clone());
        self.sending = Some(tokio::spawn(async move {
            let _turn = in_flight.acquire_owned().await;
            let sent = bucket.put_multipart_chunk(part, &key, number, &upload_id, CONTENT_TYPE).await;
            drop(reserved);
            sent
        }));
        Ok(())
    }

    async fn arrived(&mut self) -> Result<(), ObjectError> {
        if let Some(sending) = &mut self.sending {
            let sent = sending.await;
            self.sending = None;
            let part = sent.map_err(|_| ObjectError::Unavailable("a part was given up".to_owned()))??;
            self.parts.push(part);
        }
        Ok(())
    }

    /// Everything was written: makes the object, and asks the store what it now has.
    pub(crate) async fn finish(&mut self) -> Result<(), ObjectError> {
        if self.upload_id.is_none() {
            // Also when the answer is lost, there may be an object to remove.
            self.finished = true;
            self.objects.bucket.put_object_with_content_type(&self.key, &self.buffer, CONTENT_TYPE).await?;
        } else {
            if !self.buffer.is_empty() {
                self.send_part().await?;
            }
            self.arrived().await?;
            let (parts, id) = (std::mem::take(&mut self.parts), self.upload_id.clone().unwrap_or_default());
            self.objects.bucket.complete_multipart_upload(&self.key, &id, parts).await?;
            self.upload_id = None;
            self.finished = true;
        }
        self.buffer = Vec::new();
        self.reserved = None;
        if self.objects.size(&self.key).await? != self.size {
            return Err(ObjectError::WrongSize(self.key.clone()));
        }
        Ok(())
    }

    /// From here on the object stays, whatever happens; if no row comes to name it, the sweeper
    /// finds it. Called before the transaction, because nobody knows how a commit ended whose
    /// answer was lost.
    pub(crate) fn keep(mut self) -> String {
        self.finished = false;
        std::mem::take(&mut self.key)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (objects, key) = (self.objects.clone(), std::mem::take(&mut self.key));
        let (upload_id, sending, finished) = (self.upload_id.take(), self.sending.take(), self.finished);
        if upload_id.is_none() && !finished {
            return;
        }
        tokio::spawn(async move {
            if let Some(sending) = sending {
                // A part that arrives after the abort would stay.
                let _ = sending.await;
            }
            let removed = match &upload_id {
                Some(id) => objects.abort(&key, id).await,
                None => objects.delete(&key).await,
            };
            if let Err(error) = removed {
                tracing::debug!(%error, "what was left of an upload is left to the sweeper");
            }
        });
    }
}
