use chassis::{Fault, FaultKind};
use pg::{Error as Pg, idempotency::Refused};

use crate::objects::ObjectError;

/// Why a call of this service fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller may not, or what was sent is not valid.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// No such record, or not for this caller.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It changed since the caller read it.
    #[error("it has been changed since you read it")]
    Stale,
    /// It contradicts what is there: a sentence, and the stable reason.
    #[error("{0}")]
    Conflict(&'static str, &'static str),
    /// What was uploaded is not what it should be: a sentence, and the stable reason.
    #[error("{0}")]
    Unprocessable(&'static str, &'static str),
    /// More bytes than are taken.
    #[error("a document may have at most {0} bytes")]
    TooLarge(u64),
    /// Content of a kind that is not taken.
    #[error("content of the type {0} is not accepted")]
    UnsupportedType(&'static str),
    /// The range lies outside the content, which has so many bytes.
    #[error("the range lies outside the {0} bytes of the content")]
    Range(i64),
    /// Too much is going on; the noun is what is busy.
    #[error("{0} busy")]
    Busy(&'static str),
    /// The idempotency key cannot be used.
    #[error(transparent)]
    Idempotency(#[from] Refused),
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The database failed.
    #[error(transparent)]
    Internal(#[from] Pg),
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let fault = match error {
            Error::Fault(fault) => fault,
            Error::NotFound(what) => Fault::not_found(what),
            Error::Stale => Fault::new(FaultKind::PreconditionFailed, detail),
            Error::Conflict(_, reason) => Fault::new(FaultKind::Conflict, detail).because(reason),
            Error::Unprocessable(_, reason) => Fault::new(FaultKind::Unprocessable, detail).because(reason),
            Error::TooLarge(_) => Fault::new(FaultKind::TooLarge, detail),
            Error::UnsupportedType(_) => {
                Fault::new(FaultKind::UnsupportedMediaType, detail).because("unsupported-type")
            }
            Error::Range(_) => Fault::new(FaultKind::RangeNotSatisfiable, detail),
            Error::Busy(what) => Fault::unavailable(what),
            Error::Idempotency(refused) => refused.into(),
            Error::Objects(ObjectError::Unavailable(cause)) => {
                tracing::warn!(error = %cause, "the object store cannot be reached");
                Fault::unavailable("the object store")
            }
            Error::Objects(ObjectError::Busy) => Fault::unavailable("a place for another upload"),
            Error::Objects(error) => Fault::internal(error),
            Error::Internal(error) => error.fault(),
        };
        fault.into()
    }
}
