//! An upload from its first message to the committed row.

use std::time::Duration;

use bytes::Bytes;
use chassis::{Caller, Fault};
use proto::documents::{self as api, upload_request::Part};
use sha2::{Digest, Sha256};
use tonic::Streaming;

use super::{id, key};
use crate::{
    domain::{Check, FIRST_COLLECTION, file_name},
    error::Error,
    media_type::{self, HEAD_BYTES},
    objects::{Objects, Upload},
    store::{Admission, Store, Target},
};

/// Without a message from the client, an upload is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// Bytes on their way to the object store, looked at as they pass.
pub(super) struct Intake {
    upload: Upload,
    hasher: Sha256,
    /// The first bytes, which tell the type.
    head: Vec<u8>,
    size: u64,
    limit: u64,
}

/// What came.
pub(super) struct Taken {
    pub(super) media_type: &'static str,
    pub(super) size: i64,
    pub(super) sha256: String,
}

impl Intake {
    /// `limit`: bytes at most.
    pub(super) fn new(upload: Upload, limit: u64) -> Self {
        Self { upload, hasher: Sha256::new(), head: Vec::new(), size: 0, limit }
    }

    /// All bytes have come. The upload is still to be finished.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`].
    pub(super) fn end(self, name: &str) -> Result<(Upload, Taken), Error> {
        let media_type = media_type::detect(&self.head, name).map_err(Error::UnsupportedType)?;
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        let sha256 = hex::encode(self.hasher.finalize());
        Ok((self.upload, Taken { media_type, size, sha256 }))
    }

    pub(super) async fn take(&mut self, bytes: &Bytes, name: &str) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(Error::TooLarge(self.limit));
        }
        let known = self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(HEAD_BYTES - known)]);
        if known < HEAD_BYTES && self.head.len() == HEAD_BYTES {
            // Refused before the rest is sent. An archive may still turn out, by a name that comes
            // last, to be an office document.
            match media_type::detect(&self.head, name) {
                Err("application/zip") | Ok(_) => {}
                Err(other) => return Err(Error::UnsupportedType(other)),
            }
        }
        self.hasher.update(bytes);
        Ok(self.upload.write(bytes).await?)
    }
}

/// What the last message says, checked.
struct Wanted {
    admission: Admission,
    expected_sha256: String,
}

/// Takes an upload. Nothing is kept of one that fails.
pub(super) async fn receive(
    store: &Store,
    objects: &Objects,
    limit: u64,
    caller: &Caller,
    mut messages: Streaming<api::UploadRequest>,
) -> Result<api::UploadResponse, Error> {
    let Some(Part::Start(start)) = next(&mut messages).await? else {
        return Err(Fault::new(chassis::FaultKind::Invalid, "an upload begins with its start").into());
    };
    let version_of = match start.document_id.as_str() {
        "" => None,
        text => Some(id(text, "document")?),
    };
    match start.size {
        Some(0) => return Err(EMPTY),
        Some(size) if u64::try_from(size).is_ok_and(|size| size > limit) => return Err(Error::TooLarge(limit)),
        _ => {}
    }
    if let Some(document) = version_of {
        store.writable(caller, &Target::Document(document)).await?;
    }
    let mut intake = Intake::new(objects.create()?, limit);
    let finish = loop {
        match next(&mut messages).await? {
            Some(Part::Chunk(bytes)) => intake.take(&bytes, &start.file_name).await?,
            Some(Part::Finish(finish)) => break finish,
            Some(Part::Start(_)) => {
                return Err(Fault::new(chassis::FaultKind::Invalid, "an upload has one start").into());
            }
            None => return Err(CUT_OFF),
        }
    };
    let Wanted { mut admission, expected_sha256 } = wanted(&start, finish, version_of)?;
    if intake.size == 0 {
        return Err(EMPTY);
    }
    if start.size.is_some_and(|size| u64::try_from(size) != Ok(intake.size)) {
        return Err(CUT_OFF);
    }
    let (mut upload, taken) = intake.end(&admission.file_name)?;
    (admission.media_type, admission.size, admission.sha256) = (taken.media_type, taken.size, taken.sha256);
    if let Some(key) = &mut admission.idempotency {
        // The caller's fingerprint is of what was said about the bytes; only now are they known.
        key.fingerprint.extend_from_slice(admission.sha256.as_bytes());
    }
    if !expected_sha256.is_empty() && expected_sha256 != admission.sha256 {
        return Err(Error::Unprocessable("the bytes do not have the checksum that was announced", "checksum-mismatch"));
    }
    upload.finish().await?;
    admission.object_key = upload.keep();
    admit(store, objects, caller, &admission).await
}

async fn admit(
    store: &Store,
    objects: &Objects,
    caller: &Caller,
    new: &Admission,
) -> Result<api::UploadResponse, Error> {
    let admitted = store.admit(caller, new).await;
    // What went wrong with the database itself may have gone wrong after the commit.
    let unnamed = match &admitted {
        Ok(answer) => answer.duplicate || answer.replayed,
        Err(Error::Internal(_) | Error::Idempotency(pg::idempotency::Refused::Database(_))) => false,
        Err(_) => true,
    };
    if unnamed && let Err(error) = objects.delete(&new.object_key).await {
        tracing::debug!(%error, "an object that nobody names is left to the sweeper");
    }
    let answer = admitted?;
    let outcome = match (answer.replayed, answer.duplicate, &new.target) {
        (true, ..) => "replayed",
        (_, true, _) => "duplicate",
        (_, _, Target::Document(_)) => "version",
        _ => "document",
    };
    metrics::counter!("documents_uploads_total", "outcome" => outcome).increment(1);
    metrics::counter!("documents_upload_bytes_total").increment(u64::try_from(new.size).unwrap_or(0));
    Ok(answer)
}

const EMPTY: Error = Error::Unprocessable("the file is empty", "empty-file");
const CUT_OFF: Error = Error::Unprocessable("the upload ended before the file did", "cut-off");

fn wanted(start: &api::UploadStart, sent: api::UploadFinish, version_of: Option<uuid::Uuid>) -> Result<Wanted, Error> {
    let mut check = Check::default();
    let named = if sent.file_name.is_empty() { &start.file_name } else { &sent.file_name };
    let expected_sha256 = check.sha256("sha256", &sent.expected_sha256);
    let admission = Admission {
        target: match (version_of, sent.collection_id.as_str()) {
            (Some(document), _) => Target::Document(document),
            (None, "") => Target::Collection(FIRST_COLLECTION),
            (None, text) => Target::Collection(id(text, "collection")?),
        },
        object_key: String::new(),
        file_name: file_name(named),
        media_type: "",
        size: 0,
        sha256: String::new(),
        title: check.line("title", &sent.title, false, 300),
        tags: check.tags(&sent.tags),
        metadata: check.metadata(&sent.metadata),
        idempotency: key(sent.idempotency),
    };
    check.done()?;
    Ok(Wanted { admission, expected_sha256 })
}

async fn next(messages: &mut Streaming<api::UploadRequest>) -> Result<Option<Part>, Error> {
    let message = tokio::time::timeout(SILENCE, messages.message()).await.map_err(|_| Fault::timeout())?;
    // A stream that breaks is an upload that was cut off; there is hardly anybody left to tell.
    let message = message.map_err(|_| CUT_OFF)?;
    Ok(message.and_then(|message| message.part))
}
