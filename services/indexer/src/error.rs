use chassis::{Fault, FaultKind};
use proto::documents as api;
use tonic::{Code, Status};

/// Why a step did not come to its end. It decides what documents is told, in [`Error::verdict`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The document could not be read.
    #[error("the document could not be read: {}", .0.code.as_str())]
    Unreadable(#[from] extract::Failure),
    /// The lease is lost: whoever has the work now goes on with it.
    #[error("the lease is lost")]
    LeaseLost,
    /// Documents, or what it needs, cannot be reached.
    #[error("documents cannot be reached: {0}")]
    Unavailable(String),
    /// The search engine did not take it.
    #[error(transparent)]
    Engine(#[from] search_index::Error),
    /// The search engine is known to be down and was not asked.
    #[error("the search engine is down")]
    EngineDown,
    /// No room for the bytes.
    #[error("the spool folder cannot be written: {0}")]
    Spool(#[from] std::io::Error),
    /// Asked to stop before it was done.
    #[error("the service is stopping")]
    Stopping,
    /// Our mistake.
    #[error("{0}")]
    Internal(String),
}

/// What documents is told of a step that did not come to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing: the work is somebody else's.
    Silence,
    /// Something that is needed was missing; the document is as good as before. Documents knows the
    /// two codes `unavailable` and `engine_unavailable`, and counts no attempt.
    HandBack(api::Failure),
    /// The document is, or may be, the reason.
    Failure {
        /// What people are told.
        failure: api::Failure,
        /// Whether no other attempt would end otherwise.
        permanent: bool,
    },
}

impl Error {
    pub(crate) fn verdict(&self) -> Verdict {
        let told = |code: &str, detail: &str| api::Failure { code: code.to_owned(), detail: detail.to_owned() };
        let missing = "Something that is needed for this is down just now. It will be tried again.";
        match self {
            Error::LeaseLost => Verdict::Silence,
            Error::Unreadable(failure) => Verdict::Failure {
                failure: told(failure.code.as_str(), &failure.detail),
                permanent: failure.is_permanent(),
            },
            Error::Unavailable(_) | Error::Spool(_) | Error::Stopping => {
                Verdict::HandBack(told("unavailable", missing))
            }
            Error::Engine(_) | Error::EngineDown => Verdict::HandBack(told("engine_unavailable", missing)),
            Error::Internal(_) => Verdict::Failure {
                failure: told("internal", "Something went wrong on our side while this was worked on."),
                permanent: false,
            },
        }
    }
}

/// What documents answered, or what the transport made of its silence.
impl From<Status> for Error {
    fn from(status: Status) -> Self {
        use tonic_types::StatusExt;
        if status.get_details_error_info().is_none() {
            return match status.code() {
                // The codec's own: a message that is too large, or that cannot be read.
                Code::OutOfRange | Code::Unimplemented => Error::Internal(status.to_string()),
                // A connection that breaks has many names.
                _ => Error::Unavailable(status.to_string()),
            };
        }
        match Fault::of(&status).kind {
            FaultKind::NotFound => Error::LeaseLost,
            FaultKind::Unavailable | FaultKind::Timeout | FaultKind::RateLimited => {
                Error::Unavailable(status.message().to_owned())
            }
            _ => Error::Internal(format!("documents refused ({:?}): {}", status.code(), status.message())),
        }
    }
}

/// Why documents does not take something that was attached: that is its right, and no error of ours.
pub(crate) fn refused(status: Status) -> Result<String, Error> {
    let fault = Fault::of(&status);
    match fault.kind {
        FaultKind::UnsupportedMediaType | FaultKind::Unprocessable | FaultKind::TooLarge => {
            Ok(fault.reason.into_owned())
        }
        _ => Err(status.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: Error) -> String {
        match error.verdict() {
            Verdict::Silence => String::new(),
            Verdict::HandBack(failure) => format!("hand back {}", failure.code),
            Verdict::Failure { failure, permanent } => format!("{} {permanent}", failure.code),
        }
    }

    #[test]
    fn an_outage_is_never_blamed_on_the_document() {
        assert_eq!(code(Status::unavailable("tcp connect error").into()), "hand back unavailable");
        assert_eq!(code(Status::unknown("h2 protocol error").into()), "hand back unavailable");
        assert_eq!(code(Status::from(Fault::unavailable("the object store")).into()), "hand back unavailable");
        assert_eq!(code(search_index::Error::Timeout.into()), "hand back engine_unavailable");
        assert_eq!(code(std::io::Error::other("no space left on device").into()), "hand back unavailable");
    }

    #[test]
    fn what_would_fail_again_is_counted() {
        assert_eq!(code(Status::from(Fault::field("page", "rises")).into()), "internal false");
        assert_eq!(code(Status::out_of_range("message too large").into()), "internal false");
        assert_eq!(code(Error::Unreadable(extract::Failure::new(extract::FailureCode::Encrypted))), "encrypted true");
        assert_eq!(code(Error::Unreadable(extract::Failure::new(extract::FailureCode::Timeout))), "timeout false");
    }

    #[test]
    fn a_lost_lease_is_nobodys_failure() {
        assert_eq!(code(Status::from(Fault::not_found("lease")).into()), "");
    }
}
