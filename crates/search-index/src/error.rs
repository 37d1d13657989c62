use std::error::Error as _;

use meilisearch_sdk::errors::Error as Sdk;

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not reachable, or broken inside. Trying again later may help.
    #[error("the search engine cannot be reached: {0}")]
    Unavailable(String),
    /// No answer, or no end of a task, within the limit. A write may still happen.
    #[error("the search engine took too long")]
    Timeout,
    /// It understood and said no, or a task failed or was canceled.
    #[error("the search engine refused ({code}): {message}")]
    Refused {
        /// Stable, such as `index_not_found`; `canceled` for a canceled task.
        code: String,
        /// A sentence for the operator.
        message: String,
    },
    /// It no longer knows the task: nobody can say whether it was done. Submit it again.
    #[error("the search engine no longer knows a task that was submitted to it")]
    Lost,
}

impl Error {
    /// Whether it refused with this code.
    pub fn is_code(&self, wanted: &str) -> bool {
        matches!(self, Error::Refused { code, .. } if code == wanted)
    }

    pub(crate) fn unreadable(cause: impl std::fmt::Display) -> Self {
        Error::Unavailable(format!("its answer cannot be read: {cause}"))
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Error::Timeout;
        }
        // The outermost sentence is only "error sending request"; the reason lies beneath.
        let mut reason = error.source();
        while let Some(deeper) = reason.and_then(|r| r.source()) {
            reason = Some(deeper);
        }
        Error::Unavailable(reason.map_or_else(|| "no connection".to_owned(), ToString::to_string))
    }
}

/// Our transport hands its errors through the SDK; here they come out again.
impl From<Sdk> for Error {
    fn from(error: Sdk) -> Self {
        match error {
            Sdk::Other(inner) => match inner.downcast::<Error>() {
                Ok(ours) => *ours,
                Err(other) => Error::unreadable(other),
            },
            other => Error::unreadable(other),
        }
    }
}

impl From<Error> for Sdk {
    fn from(error: Error) -> Self {
        Sdk::Other(Box::new(error))
    }
}
