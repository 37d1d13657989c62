use chassis::Fault;
use tokio_postgres::error::SqlState;

/// What went wrong with the database, as far as it changes what happens next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not reachable, shutting down, or no connection free in time. Nothing was changed, unless
    /// the connection broke during a commit.
    #[error("PostgreSQL cannot be reached: {0}")]
    Unavailable(String),
    /// A statement ran into its time limit.
    #[error("a statement took too long")]
    Timeout,
    /// A unique, foreign-key, check or exclusion constraint refused it.
    #[error("the constraint {constraint} refused it")]
    Constraint {
        /// The constraint's name.
        constraint: String,
        /// The SQLSTATE, such as `23505`.
        state: String,
    },
    /// Two transactions got in each other's way; trying again may help.
    #[error("serialization failure or deadlock")]
    Contention,
    /// Anything else, which is a mistake of ours.
    #[error(transparent)]
    Other(anyhow::Error),
}

impl Error {
    /// Whether the constraint of this name refused the statement.
    pub fn is_constraint(&self, name: &str) -> bool {
        matches!(self, Error::Constraint { constraint, .. } if constraint == name)
    }

    /// What a caller is told. Logs what is our own mistake.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Unavailable(cause) => {
                tracing::warn!(error = %cause, "PostgreSQL cannot be reached");
                Fault::unavailable("the database")
            }
            Error::Timeout => Fault::timeout(),
            Error::Contention => Fault::unavailable("the record, which others are changing,"),
            Error::Constraint { .. } | Error::Other(_) => Fault::internal(format_args!("{self:#}")),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        error.fault()
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let broken =
                error.is_closed() || std::error::Error::source(&error).is_some_and(|s| s.is::<std::io::Error>());
            return match broken {
                true => Error::Unavailable(error.to_string()),
                false => Error::Other(error.into()),
            };
        };
        match db.code() {
            &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => Error::Timeout,
            &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Error::Contention,
            code if code.code().starts_with("23") => Error::Constraint {
                constraint: db.constraint().unwrap_or_default().to_owned(),
                state: code.code().to_owned(),
            },
            // Connection exceptions, insufficient resources, operator intervention, system errors.
            code if ["08", "53", "57", "58"].contains(&&code.code()[..2]) => {
                Error::Unavailable(db.message().to_owned())
            }
            _ => Error::Other(
                anyhow::anyhow!("{db}: {}", db.code().code())
                    .context(db.where_().or(db.detail()).unwrap_or("no further detail").to_owned()),
            ),
        }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(e) => match Error::from(e) {
                // Whatever keeps us from connecting (a refused password too) is an unreachable
                // database to the caller.
                Error::Other(e) => Error::Unavailable(e.to_string()),
                other => other,
            },
            other => Error::Unavailable(other.to_string()),
        }
    }
}
