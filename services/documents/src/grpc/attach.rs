//! What is attached to a leased document, from the first message to the committed row.

use std::time::Duration;

use chassis::{Fault, FaultKind};
use proto::documents::{self as api, attach_request::Part};
use tonic::Streaming;

use super::{upload::Intake, work::lease_key};
use crate::{
    domain::{Check, Metadata, file_name},
    error::Error,
    objects::Objects,
    store::{Admission, Attached, Store, Target},
};

/// Without a message from the worker, it is given up.
const SILENCE: Duration = Duration::from_secs(30);
const CUT_OFF: Error = Error::Busy("the way of these bytes, which did not all come,");

/// Takes an attachment. Nothing is kept of one that fails.
pub(super) async fn receive(
    store: &Store,
    objects: &Objects,
    limit: u64,
    mut messages: Streaming<api::AttachRequest>,
) -> Result<api::AttachResponse, Error> {
    let Some(Part::Start(start)) = next(&mut messages).await? else {
        return Err(Fault::new(FaultKind::Invalid, "an attachment begins with its start").into());
    };
    let mut check = Check::default();
    let sha256 = check.sha256("sha256", &start.sha256);
    check.done()?;
    let attached = Attached { lease: lease_key(start.lease)?, file_name: file_name(&start.file_name), sha256 };
    if start.size <= 0 {
        return Err(Error::Unprocessable("the file is empty", "empty-file"));
    }
    if store.is_attached(&attached).await? {
        return Ok(api::AttachResponse { known: true });
    }
    let mut intake = Intake::new(objects.create()?, limit);
    while let Some(part) = next(&mut messages).await? {
        match part {
            Part::Chunk(bytes) => intake.take(&bytes, &attached.file_name).await?,
            Part::Start(_) => return Err(Fault::new(FaultKind::Invalid, "an attachment has one start").into()),
        }
    }
    let (upload, taken) = intake.end(&attached.file_name)?;
    if taken.sha256 != attached.sha256 || taken.size != start.size {
        return Err(CUT_OFF);
    }
    let mut upload = upload;
    upload.finish().await?;
    let admission = Admission {
        target: Target::Document(attached.lease.document),
        object_key: upload.keep(),
        file_name: attached.file_name.clone(),
        media_type: taken.media_type,
        size: taken.size,
        sha256: taken.sha256,
        title: String::new(),
        tags: Vec::new(),
        metadata: Metadata::new(),
        idempotency: None,
    };
    let ended = store.attach(&attached, &admission).await;
    // What went wrong with the database itself may have gone wrong after the commit.
    let unnamed = !matches!(ended, Ok(false) | Err(Error::Internal(_)));
    if unnamed && let Err(error) = objects.delete(&admission.object_key).await {
        tracing::debug!(%error, "an object that nobody names is left to the sweeper");
    }
    let known = ended?;
    if !known {
        metrics::counter!("documents_uploads_total", "outcome" => "attachment").increment(1);
        metrics::counter!("documents_upload_bytes_total").increment(u64::try_from(admission.size).unwrap_or(0));
    }
    Ok(api::AttachResponse { known })
}

async fn next(messages: &mut Streaming<api::AttachRequest>) -> Result<Option<Part>, Error> {
    let message = tokio::time::timeout(SILENCE, messages.message()).await.map_err(|_| Fault::timeout())?;
    Ok(message.map_err(|_| CUT_OFF)?.and_then(|message| message.part))
}
