use std::{borrow::Cow, collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The classes of failure. Each has one gRPC code here and one HTTP status in the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// 400: the input does not say what it must.
    Invalid,
    /// 401: nobody is signed in.
    Unauthenticated,
    /// 403: signed in, and not allowed.
    Forbidden,
    /// 404: it is not there, or the caller may not know of it.
    NotFound,
    /// 409: it contradicts what is there.
    Conflict,
    /// 412: it has changed since the caller read it.
    PreconditionFailed,
    /// 413: it is larger than the limit.
    TooLarge,
    /// 415: content of a type that is not taken.
    UnsupportedMediaType,
    /// 416: the range lies outside the content.
    RangeNotSatisfiable,
    /// 422: well-formed, and not what it claims to be.
    Unprocessable,
    /// 429: too often.
    RateLimited,
    /// 503: something it needs is down; try again.
    Unavailable,
    /// 504: the deadline passed.
    Timeout,
    /// 500: our mistake; the reason is in the log.
    Internal,
}

/// Kind, name on the wire, gRPC code: the one map.
const KINDS: [(FaultKind, &str, Code); 14] = [
    (FaultKind::Invalid, "invalid", Code::InvalidArgument),
    (FaultKind::Unauthenticated, "unauthenticated", Code::Unauthenticated),
    (FaultKind::Forbidden, "forbidden", Code::PermissionDenied),
    (FaultKind::NotFound, "not-found", Code::NotFound),
    (FaultKind::Conflict, "conflict", Code::AlreadyExists),
    (FaultKind::PreconditionFailed, "precondition-failed", Code::FailedPrecondition),
    (FaultKind::TooLarge, "too-large", Code::OutOfRange),
    (FaultKind::UnsupportedMediaType, "unsupported-media-type", Code::InvalidArgument),
    (FaultKind::RangeNotSatisfiable, "range-not-satisfiable", Code::OutOfRange),
    (FaultKind::Unprocessable, "unprocessable", Code::InvalidArgument),
    (FaultKind::RateLimited, "rate-limited", Code::ResourceExhausted),
    (FaultKind::Unavailable, "unavailable", Code::Unavailable),
    (FaultKind::Timeout, "timeout", Code::DeadlineExceeded),
    (FaultKind::Internal, "internal", Code::Internal),
];

impl FaultKind {
    /// The name on the wire; also the default reason.
    pub fn as_str(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("internal", |(_, name, _)| name)
    }

    fn code(self) -> Code {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or(Code::Internal, |(.., code)| *code)
    }

    fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_, n, _)| *n == name).map(|(kind, ..)| *kind)
    }

    /// For statuses that some library made, not us.
    fn of_code(code: Code) -> Self {
        match code {
            Code::Cancelled | Code::DeadlineExceeded => FaultKind::Timeout,
            // What our services answer has details. Without them, Unknown is a connection that broke.
            Code::Unavailable | Code::ResourceExhausted | Code::Unknown => FaultKind::Unavailable,
            _ => FaultKind::Internal,
        }
    }
}

/// One field of the input, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// Its name as the client wrote it; nested names joined by dots.
    pub field: String,
    /// A sentence for the client's developer.
    pub detail: String,
}

/// What a caller is told when a call fails. Holds nothing internal: what went wrong inside is
/// logged where the fault is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// Decides the status on either wire.
    pub kind: FaultKind,
    /// Stable and machine-readable, in kebab case, such as `checksum-mismatch`; the kind's own
    /// name when there is nothing more to say.
    pub reason: Cow<'static, str>,
    /// A sentence for people.
    pub detail: String,
    /// The fields to blame, for invalid input.
    pub fields: Vec<FieldFault>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault whose reason is its kind.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            reason: Cow::Borrowed(kind.as_str()),
            detail: detail.into(),
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// The same with a reason of its own.
    pub fn because(mut self, reason: &'static str) -> Self {
        self.reason = Cow::Borrowed(reason);
        self
    }

    /// One field is wrong.
    pub fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldFault { field: field.into(), detail: detail.into() }])
    }

    /// Several fields are wrong.
    pub fn fields(fields: Vec<FieldFault>) -> Self {
        let detail = match fields.as_slice() {
            [only] => format!("{}: {}", only.field, only.detail),
            _ => "some fields are not valid".to_owned(),
        };
        Self { fields, ..Self::new(FaultKind::Invalid, detail) }
    }

    /// 422: each field is well-formed, and what they ask for cannot be.
    pub fn unprocessable(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let kind = FaultKind::Unprocessable;
        Self { kind, reason: Cow::Borrowed(kind.as_str()), ..Self::field(field, detail) }
    }

    /// 401.
    pub fn unauthenticated() -> Self {
        Self::new(FaultKind::Unauthenticated, "sign in, or send a valid token")
    }

    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(FaultKind::Forbidden, detail)
    }

    /// 404; `what` is a noun such as "document".
    pub fn not_found(what: &str) -> Self {
        Self::new(FaultKind::NotFound, format!("there is no such {what}, or you may not see it"))
    }

    /// 503, to be tried again in a few seconds; `what` is the thing that is missing.
    pub fn unavailable(what: &str) -> Self {
        Self {
            retry_after: Some(Duration::from_secs(5)),
            ..Self::new(FaultKind::Unavailable, format!("{what} cannot be reached just now; nothing was changed"))
        }
    }

    /// 504.
    pub fn timeout() -> Self {
        Self::new(FaultKind::Timeout, "this took too long and was given up")
    }

    /// 500, after logging the cause.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "internal error");
        Self::new(FaultKind::Internal, "something went wrong on our side; the log has it under the request id")
    }

    /// What a service answered, or what the transport made of its silence.
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let named = details.error_info().and_then(|info| Some((FaultKind::named(info.metadata.get("kind")?)?, info)));
        let Some((kind, info)) = named else {
            return match FaultKind::of_code(status.code()) {
                FaultKind::Timeout => Self::timeout(),
                FaultKind::Unavailable => {
                    tracing::warn!(error = %status.message(), "a service cannot be reached");
                    Self::unavailable("a part of the system")
                }
                _ => Self::internal(status),
            };
        };
        let fields = details.bad_request().map(|bad| {
            let of = |v: &FieldViolation| FieldFault { field: v.field.clone(), detail: v.description.clone() };
            bad.field_violations.iter().map(of).collect()
        });
        Self {
            kind,
            reason: Cow::Owned(info.reason.clone()),
            detail: status.message().to_owned(),
            fields: fields.unwrap_or_default(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
        }
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let mut details = ErrorDetails::new();
        let kind = HashMap::from([("kind".to_owned(), fault.kind.as_str().to_owned())]);
        details.set_error_info(fault.reason, "dossier", kind);
        if !fault.fields.is_empty() {
            let violation = |f: FieldFault| FieldViolation::new(f.field, f.detail);
            details.set_bad_request(fault.fields.into_iter().map(violation).collect::<Vec<_>>());
        }
        if fault.retry_after.is_some() {
            details.set_retry_info(fault.retry_after);
        }
        Status::with_error_details(fault.kind.code(), fault.detail, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_the_wire() {
        let fault = Fault {
            retry_after: Some(Duration::from_secs(3)),
            ..Fault::field("email", "has no @").because("bad-email")
        };
        assert_eq!(Fault::of(&Status::from(fault.clone())), fault);
        for (kind, ..) in KINDS {
            assert_eq!(Fault::of(&Status::from(Fault::new(kind, "x"))).kind, kind);
        }
    }

    #[test]
    fn a_status_of_the_transport_says_nothing_internal() {
        let fault = Fault::of(&Status::unavailable("tcp connect error: 10.0.0.7:5432"));
        assert_eq!(fault.kind, FaultKind::Unavailable);
        assert!(!fault.detail.contains("10.0"));
        assert!(fault.retry_after.is_some());
    }
}
