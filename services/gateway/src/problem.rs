//! The only choice of an HTTP status: a [`Fault`] becomes `application/problem+json` (RFC 9457).

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use chassis::{Fault, FaultKind};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{error::Error, limits::TooOften};

/// How a request ends that cannot be answered as asked. It is written out by the middleware, which
/// knows the request's id.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) fault: Box<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A handler's result.
pub(crate) type Answer = Result<HttpResponse, Problem>;

fn status(kind: FaultKind) -> StatusCode {
    match kind {
        FaultKind::Invalid => StatusCode::BAD_REQUEST,
        FaultKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        FaultKind::Forbidden => StatusCode::FORBIDDEN,
        FaultKind::NotFound => StatusCode::NOT_FOUND,
        FaultKind::Conflict => StatusCode::CONFLICT,
        FaultKind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        FaultKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FaultKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        FaultKind::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        FaultKind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        FaultKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        FaultKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        FaultKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        FaultKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Slug, title, and a sentence that explains it, for `/problems/{slug}`.
const EXPLANATIONS: [(&str, &str, &str); 40] = [
    (
        "invalid",
        "The request is not valid",
        "A field or parameter is missing, unknown or not what it must be. `errors` names each.",
    ),
    ("unauthenticated", "Nobody is signed in", "Sign in, or send an API token as `Authorization: Bearer dsr_…`."),
    ("sign-in-failed", "Sign-in failed", "The e-mail address or the password is wrong, or the account is disabled."),
    (
        "totp-required",
        "A code is needed as well",
        "The password is right. Sign in again with it and with `totp`: a code of the authenticator app, or a recovery code.",
    ),
    (
        "totp-wrong",
        "The code is wrong",
        "Each code is good once, and for about a minute. A recovery code does as well. After five wrong ones there is a pause.",
    ),
    ("totp-enabled", "There is a second factor", "Disable it before you set up another one."),
    ("wrong-password", "The password is wrong", "What protects your account is changed only with your password."),
    ("invalid-token", "The token is not valid", "It was never made, has expired, or was revoked."),
    ("forbidden", "Not allowed", "You are signed in, and your role, or the scopes of your token, do not allow this."),
    (
        "cross-site-request",
        "Refused as cross-site",
        "A change that is authenticated by a cookie must come from this site: the request needs `Sec-Fetch-Site: same-origin` or `none`, or an `Origin` that is ours. Programs should use an API token.",
    ),
    ("not-found", "Not found", "There is no such thing, or you may not see it; which of the two is not said."),
    ("method-not-allowed", "The method does not exist here", "`Allow` lists the methods that do."),
    ("conflict", "It contradicts what is there", "The request is valid and cannot be done in the present state."),
    ("email-taken", "The e-mail address is taken", "Another record has this address already."),
    ("last-owner", "The last owner", "Somebody must be able to let others in: make another owner first."),
    ("collection-not-empty", "The collection is not empty", "Move or purge its documents first."),
    ("first-collection", "The first collection stays", "It takes the documents that name no collection."),
    ("in-trash", "It is in the trash", "Restore the document first."),
    ("not-in-trash", "It is not in the trash", "Only what is in the trash can be restored or purged."),
    ("not-completed", "It has not been read yet", "Wait until the document has been read."),
    ("no-engine", "There is no search engine", "PostgreSQL answers searches; there is no index to administer."),
    (
        "idempotency-in-flight",
        "Still in progress",
        "The first request with this idempotency key is still being worked on. Try again in a moment.",
    ),
    (
        "idempotency-mismatch",
        "The idempotency key was used for something else",
        "A key belongs to one request. Use a new one for another.",
    ),
    (
        "precondition-failed",
        "It has changed",
        "It is not in the state that `If-Match` names. Read it again and decide anew.",
    ),
    ("too-large", "Too large", "The body, or a part of it, is larger than the limit."),
    ("unsupported-media-type", "The type is not accepted", "This call does not take content of this type."),
    (
        "unsupported-type",
        "The type of document is not accepted",
        "The content, whatever its name, is of a type that is not taken.",
    ),
    ("range-not-satisfiable", "The range lies outside the content", "`Content-Range` says how long the content is."),
    ("unprocessable", "It cannot be processed", "The request is well-formed, and not what it claims to be."),
    (
        "checksum-mismatch",
        "The checksum does not match",
        "The bytes that arrived are not those that `X-Checksum-Sha256` describes. Nothing was kept.",
    ),
    ("empty-file", "The file is empty", "There is nothing in it. Nothing was kept."),
    ("cut-off", "The upload was cut off", "The body ended too early. Nothing was kept."),
    ("incomplete", "The upload was cut off", "The body ended too early. Nothing was kept."),
    ("rate-limited", "Too often", "Wait as long as `Retry-After` says."),
    (
        "unavailable",
        "Out of reach just now",
        "A part of the system cannot be reached. Nothing was changed; try again after `Retry-After` seconds.",
    ),
    (
        "storage-unavailable",
        "The storage is out of reach just now",
        "Files cannot be stored or read. Nothing was changed; try again later.",
    ),
    ("storage-full", "The storage is full", "There is no room for the file. Nothing was kept."),
    (
        "timeout",
        "It took too long",
        "The deadline passed. A change may or may not have been made: repeat it with the same `Idempotency-Key`.",
    ),
    ("request-timeout", "The request took too long to arrive", "The body did not arrive in time."),
    ("internal", "A mistake of ours", "It is in our log under the request id."),
];

/// Title and explanation of a reason.
pub(crate) fn explanation(slug: &str) -> Option<(&'static str, &'static str)> {
    EXPLANATIONS.iter().find(|(known, ..)| *known == slug).map(|(_, title, text)| (*title, *text))
}

/// What every error looks like (RFC 9457).
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Problem")]
pub(crate) struct Body<'a> {
    /// Where the error is explained; stable.
    #[schemars(extend("format" = "uri-reference"))]
    r#type: String,
    title: &'a str,
    /// The same as the response's.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What was the matter this time, for people.
    detail: &'a str,
    request_id: &'a str,
    /// What is wrong with each field, for invalid input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Option<Vec<FieldError<'static>>>")]
    errors: Vec<FieldError<'a>>,
}

#[derive(JsonSchema, Serialize)]
struct FieldError<'a> {
    field: &'a str,
    detail: &'a str,
}

/// What an error of this kind may look like, for the description of the API.
pub(crate) fn example(status: u16, slug: &str, title: &str) -> serde_json::Value {
    let errors = match slug {
        "invalid" => vec![FieldError { field: "email", detail: "is not an e-mail address" }],
        _ => Vec::new(),
    };
    let body = Body {
        r#type: format!("/problems/{slug}"),
        title,
        status,
        detail: title,
        request_id: "0198c0de-7e57-7000-8000-000000000001",
        errors,
    };
    serde_json::to_value(&body).unwrap_or_default()
}

impl Problem {
    /// 405.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let fault =
            Fault::new(FaultKind::NotFound, format!("this resource answers {allow}")).because("method-not-allowed");
        let allow = (header::ALLOW, HeaderValue::from_static(allow));
        Self { status: StatusCode::METHOD_NOT_ALLOWED, fault: fault.into(), headers: vec![allow] }
    }

    /// 408.
    pub(crate) fn request_timeout() -> Self {
        let fault = Fault::new(FaultKind::Timeout, "the request did not arrive in time").because("request-timeout");
        Self { status: StatusCode::REQUEST_TIMEOUT, fault: fault.into(), headers: Vec::new() }
    }

    /// With one more header field.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What actix says about a request that no handler saw.
    pub(crate) fn of(error: &actix_web::Error) -> Self {
        if let Some(problem) = error.as_error::<Problem>() {
            return problem.clone();
        }
        let status = error.as_response_error().status_code();
        let fault = match status {
            StatusCode::NOT_FOUND => Fault::not_found("resource"),
            StatusCode::PAYLOAD_TOO_LARGE => Fault::new(FaultKind::TooLarge, "the body is larger than the limit"),
            StatusCode::REQUEST_TIMEOUT => return Self::request_timeout(),
            status if status.is_client_error() => Fault::new(FaultKind::Invalid, "the request cannot be understood"),
            _ => Fault::internal(error),
        };
        fault.into()
    }

    /// The stable name, the last part of `type`.
    pub(crate) fn slug(&self) -> String {
        self.fault.reason.replace('_', "-")
    }

    pub(crate) fn title(&self) -> &'static str {
        let known = explanation(&self.slug()).or_else(|| explanation(self.fault.kind.as_str()));
        known.map_or("The request failed", |(title, _)| title)
    }

    /// Status and header fields, without a body.
    pub(crate) fn head(&self) -> actix_web::HttpResponseBuilder {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        if let Some(wait) = self.fault.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds(wait)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        response
    }

    /// The whole response for programs.
    pub(crate) fn to_json(&self, request_id: &str) -> HttpResponse {
        let of = |f: &'_ chassis::FieldFault| (f.field.clone(), f.detail.clone());
        let fields: Vec<_> = self.fault.fields.iter().map(of).collect();
        let body = Body {
            r#type: format!("/problems/{}", self.slug()),
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.fault.detail,
            request_id,
            errors: fields.iter().map(|(field, detail)| FieldError { field, detail }).collect(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        self.head().insert_header((header::CONTENT_TYPE, "application/problem+json")).body(body)
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.fault)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.head().finish()
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let status = match &*fault.reason {
            "storage-full" | "storage_full" => StatusCode::INSUFFICIENT_STORAGE,
            _ => status(fault.kind),
        };
        Self { status, fault: fault.into(), headers: Vec::new() }
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        Fault::of(&status).into()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

impl From<TooOften> for Problem {
    fn from(refused: TooOften) -> Self {
        let number = |n: u64| HeaderValue::from(n);
        Problem::from(refused.fault())
            .with(HeaderName::from_static("ratelimit-limit"), number(refused.limit.into()))
            .with(HeaderName::from_static("ratelimit-remaining"), number(0))
            .with(HeaderName::from_static("ratelimit-reset"), number(seconds(refused.wait)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_explained() {
        for kind in [
            FaultKind::Invalid,
            FaultKind::Unauthenticated,
            FaultKind::Forbidden,
            FaultKind::NotFound,
            FaultKind::Conflict,
            FaultKind::PreconditionFailed,
            FaultKind::TooLarge,
            FaultKind::UnsupportedMediaType,
            FaultKind::RangeNotSatisfiable,
            FaultKind::Unprocessable,
            FaultKind::RateLimited,
            FaultKind::Unavailable,
            FaultKind::Timeout,
            FaultKind::Internal,
        ] {
            assert!(explanation(kind.as_str()).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(5)), 5);
    }
}
