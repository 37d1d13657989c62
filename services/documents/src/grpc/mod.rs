//! Proto ↔ domain; who may call what.

mod attach;
mod bundle;
mod collections;
mod documents;
mod truth;
mod upload;
mod work;

use std::pin::Pin;

use chassis::Fault;
use futures_util::{Stream, StreamExt, stream};
use pg::Idempotency;
use proto::documents as api;
use tonic::{Response, Status};
use uuid::Uuid;

pub(crate) use documents::DocumentsApi;
pub(crate) use truth::TruthApi;
pub(crate) use work::WorkApi;

use crate::{error::Error, objects::Reading};

type Answer<T> = Result<Response<T>, Status>;
type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn id(text: &str, what: &'static str) -> Result<Uuid, Error> {
    // An id that cannot exist is an id that does not exist.
    text.parse().map_err(|_| Error::NotFound(what))
}

fn key(sent: Option<api::Idempotency>) -> Option<Idempotency> {
    sent.map(|i| Idempotency { key: i.key, fingerprint: i.fingerprint })
}

/// The column to sort by, and whether upwards. Newest first when nothing is said.
fn ascending(sort: &str, columns: &[&'static str]) -> Result<(&'static str, bool), Error> {
    let (name, up) = match sort.strip_prefix('-') {
        _ if sort.is_empty() => ("created_at", false),
        Some(name) => (name, false),
        None => (sort, true),
    };
    let column = columns.iter().find(|column| **column == name);
    let column = column.ok_or_else(|| {
        Fault::field("sort", format!("must be one of {}, with - before it for descending", columns.join(", ")))
    })?;
    Ok((column, up))
}

/// An object's bytes as messages.
fn pieces<T: Send + 'static>(reading: Reading, message: fn(bytes::Bytes) -> T) -> Streamed<T> {
    let piece = async |mut reading: Reading| match reading.next().await {
        Ok(piece) => Ok(piece.map(|bytes| (bytes, reading))),
        Err(error) => Err(Status::from(Error::from(error))),
    };
    Box::pin(stream::try_unfold(reading, piece).map(move |piece| piece.map(message)))
}
