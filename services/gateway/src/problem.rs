//! The only choice of an HTTP status: a [`Fault`] becomes `application/problem+json` (RFC 9457).

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};
use chassis::{Fault, FaultKind};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    error::Error,
    limits::{Allowance, TooOften},
    pace,
    words::problems::meaning,
};

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
        pace::too_slow().into()
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
        let known = meaning(&self.slug()).or_else(|| meaning(self.fault.kind.as_str()));
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
            "request-timeout" => StatusCode::REQUEST_TIMEOUT,
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

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

impl From<TooOften> for Problem {
    fn from(refused: TooOften) -> Self {
        let number = |n: u64| HeaderValue::from(n);
        Problem::from(refused.fault())
            .with(LIMIT, number(refused.limit.into()))
            .with(REMAINING, number(0))
            .with(RESET, number(seconds(refused.wait)))
    }
}

impl Allowance {
    /// Says so to whoever asked, unless they were told of another limit.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        if !headers.contains_key(LIMIT) {
            headers.insert(LIMIT, HeaderValue::from(self.limit));
            headers.insert(REMAINING, HeaderValue::from(self.remaining));
            headers.insert(RESET, HeaderValue::from(seconds(self.reset)));
        }
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
            assert!(meaning(kind.as_str()).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(5)), 5);
    }
}
