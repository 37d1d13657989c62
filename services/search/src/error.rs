use chassis::Fault;
use pg::Error as Pg;

/// Why a call of this service fails. A failing engine is no reason: PostgreSQL answers then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What was asked is not valid.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The database failed, and with it everything.
    #[error(transparent)]
    Internal(#[from] Pg),
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        let fault = match error {
            Error::Fault(fault) => fault,
            Error::Internal(Pg::Unavailable(cause)) => {
                tracing::warn!(error = %cause, "PostgreSQL cannot be reached");
                Fault::unavailable("search")
            }
            Error::Internal(error) => error.fault(),
        };
        fault.into()
    }
}
