use chassis::{Fault, FaultKind};
use pg::idempotency::Refused;

/// Why something about people, sessions and tokens fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller may not, or what was sent is not valid.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// No such record, or not for this caller.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Another person has this address.
    #[error("another user has this e-mail address")]
    EmailTaken,
    /// Somebody has another search of this name.
    #[error("you have saved another search under this name")]
    SearchNameTaken,
    /// Nobody looks through more.
    #[error("you have saved {0} searches already; remove one first")]
    TooManySearches(i64),
    /// Somebody must be able to let others in.
    #[error("this is the last owner who can sign in; make somebody else an owner first")]
    LastOwner,
    /// It changed since the caller read it.
    #[error("it has been changed since you read it")]
    Stale,
    /// Wrong address, wrong password, or an account that is disabled: which one is not said.
    #[error("the e-mail address or the password is wrong")]
    SignIn,
    /// Too many passwords are being checked.
    #[error("too many sign-ins at once")]
    Busy,
    /// The idempotency key cannot be used.
    #[error(transparent)]
    Idempotency(#[from] Refused),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] pg::Error),
    /// A mistake of ours.
    #[error("{0}")]
    Internal(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Fault(fault) => fault,
            Error::NotFound(what) => Fault::not_found(what),
            Error::EmailTaken => Fault::new(FaultKind::Conflict, detail).because("email-taken"),
            Error::SearchNameTaken => Fault::new(FaultKind::Conflict, detail).because("search-name-taken"),
            Error::TooManySearches(_) => Fault::new(FaultKind::Conflict, detail).because("too-many-searches"),
            Error::LastOwner => Fault::new(FaultKind::Conflict, detail).because("last-owner"),
            Error::Stale => Fault::new(FaultKind::PreconditionFailed, detail),
            Error::SignIn => Fault::new(FaultKind::Unauthenticated, detail).because("sign-in-failed"),
            Error::Busy => Fault::unavailable("the part of the system that checks passwords, which is busy,"),
            Error::Idempotency(refused) => refused.into(),
            Error::Database(error) => error.fault(),
            Error::Internal(cause) => Fault::internal(cause),
        }
    }
}
