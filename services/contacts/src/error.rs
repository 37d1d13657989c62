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
    /// It went into yet another one.
    #[error("it has been merged into another contact")]
    Merged,
    /// One of the two contacts is not there any more.
    #[error("one of the two contacts has been removed since")]
    MergeGone,
    /// What it went into has itself gone into another contact.
    #[error("the contact that it went into has itself been merged since; undo that first")]
    MergeNested,
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
            Error::Merged => Fault::new(FaultKind::Conflict, detail).because("already-merged"),
            Error::MergeGone => Fault::new(FaultKind::Conflict, detail).because("merge-gone"),
            Error::MergeNested => Fault::new(FaultKind::Conflict, detail).because("merge-nested"),
            Error::Stale => Fault::new(FaultKind::PreconditionFailed, detail),
            Error::Idempotency(refused) => refused.into(),
            Error::Internal(error) => error.fault(),
        };
        fault.into()
    }
}
