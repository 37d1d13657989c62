use chassis::{Fault, FaultKind};
use pg::{Error as Pg, idempotency::Refused};

/// Why a call of this service fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller may not, or what was sent is not valid.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// No such record, or not for this caller.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Another contact has this address.
    #[error("another contact has this e-mail address")]
    EmailTaken,
    /// It changed since the caller read it.
    #[error("it has been changed since you read it")]
    Stale,
    /// The idempotency key cannot be used.
    #[error(transparent)]
    Idempotency(#[from] Refused),
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
            Error::EmailTaken => Fault::new(FaultKind::Conflict, detail).because("email-taken"),
            Error::Stale => Fault::new(FaultKind::PreconditionFailed, detail),
            Error::Idempotency(refused) => refused.into(),
            Error::Internal(error) => error.fault(),
        };
        fault.into()
    }
}
