//! What happens around every request, once: a place to work in, request id, trace, the body's pace, limits, caller,
//! deadline, problem, header fields, one log line, metrics.

use std::{
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    Error, HttpMessage,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use chassis::{Caller, Fault, FaultKind, RequestContext, TraceContext, valid_request_id};
use tracing::Instrument;

use crate::{
    call::Context,
    domain::{Identity, needed_scope},
    limits::Allowance,
    pace::{HANG_UP, Paced},
    pages,
    problem::Problem,
    secret::{COOKIE, Credential},
    state::{Shared, State},
};

/// From the request's arrival to the head of its answer. Transfers set their own.
const BUDGET: Duration = Duration::from_secs(10);

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// On every response that does not say otherwise.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", CSP),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// The whole of it; see the module.
pub(crate) async fn around(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let Some(state) = request.app_data::<Data<State>>().cloned() else {
        return Err(Problem::from(Fault::internal("no state")).into());
    };
    let request_id = request_id(&request);
    let trace = text(&request, &HeaderName::from_static("traceparent")).and_then(TraceContext::parse);
    let trace = trace.unwrap_or_else(TraceContext::start);
    // First, and without a line in the log: a refusal must cost next to nothing.
    let place = match state.shared.load.enter(request.method(), request.path()) {
        Ok(place) => place,
        Err(fault) => {
            let mut response = finish(request.error_response(Problem::from(fault)), &request_id);
            put_headers(&mut response, &state.shared, &request_id, &trace);
            return Ok(response);
        }
    };
    let span = tracing::info_span!(
        "http",
        otel.kind = "server",
        request_id = &*request_id,
        trace_id = %format_args!("{:032x}", trace.trace_id),
    );
    chassis::record_parent(&span, &trace);
    let method = request.method().clone();
    let body = Paced::before(&mut request, state.shared.pace);
    request.extensions_mut().insert(place.clone());
    let answering = answer(request, next, &state.shared, request_id.clone(), trace);
    let (caller, allowance, response) = answering.instrument(span.clone()).await;
    place.leave();
    let mut response = finish(response?, &request_id);
    if let Some(body) = body
        && !body.finish().await
    {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        response.headers_mut().insert(HANG_UP, HeaderValue::from_static("1"));
    }
    put_headers(&mut response, &state.shared, &request_id, &trace);
    if let Some(allowance) = allowance {
        allowance.put(response.headers_mut());
    }
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let _entered = span.enter();
    measure(route, &method, &response, caller, started);
    Ok(response)
}

fn request_id(request: &ServiceRequest) -> Rc<str> {
    match text(request, &HeaderName::from_static("x-request-id")).filter(|id| valid_request_id(id)) {
        Some(id) => id.into(),
        None => uuid::Uuid::now_v7().hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned().into(),
    }
}

fn text<'a>(request: &'a ServiceRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

async fn answer(
    request: ServiceRequest,
    next: Next<BoxBody>,
    shared: &Shared,
    request_id: Rc<str>,
    trace: TraceContext,
) -> (&'static str, Option<Allowance>, Result<ServiceResponse<BoxBody>, Error>) {
    let client = client(&request, shared);
    let (caller, identity, allowance) = match admit(&request, shared, client).await {
        Ok(admitted) => admitted,
        Err(problem) => return ("refused", None, Ok(request.error_response(problem))),
    };
    let context = RequestContext {
        request_id: request_id.to_string(),
        caller,
        trace,
        deadline: tokio::time::Instant::now() + BUDGET,
    };
    let people = shared.access.generation();
    let question = shared.stale.ask(request.request(), caller, identity.as_deref(), people);
    request.extensions_mut().insert(Context { request_id, caller, identity, client });
    let response = context.scope(next.call(request)).await.map(|response| match question {
        Some(question) => shared.stale.settle(question, shared.access.generation(), response),
        None => {
            let asked = response.request();
            let signed_in = caller.user_id().is_some();
            shared.stale.changed(asked.method(), asked.path(), response.status(), signed_in);
            response
        }
    });
    (caller.kind(), allowance, response)
}

type Admitted = (Caller, Option<Arc<Identity>>, Option<Allowance>);

/// Who calls, unless they or their address ask too often. The address comes first: it also bounds how
/// many tokens can be tried.
async fn admit(request: &ServiceRequest, shared: &Shared, client: IpAddr) -> Result<Admitted, Problem> {
    let path = request.path();
    if path.starts_with("/assets/") || path.starts_with("/api/v1/health/") {
        let (caller, identity) = resolve(request, shared).await?;
        return Ok((caller, identity, None));
    }
    let of_address = shared.limits.request_from(client)?;
    let (caller, identity) = resolve(request, shared).await?;
    let own = match &identity {
        Some(identity) => shared.limits.request_with(identity.via)?,
        None => None,
    };
    Ok((caller, identity, own.or(of_address)))
}

/// Who calls: by token, by cookie, or nobody.
async fn resolve(request: &ServiceRequest, shared: &Shared) -> Result<(Caller, Option<Arc<Identity>>), Problem> {
    let changes = !request.method().is_safe();
    let path = request.path();
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let bearer =
            value.to_str().ok().and_then(|v| v.split_once(' ')).filter(|(s, _)| s.eq_ignore_ascii_case("bearer"));
        let credential = bearer.and_then(|(_, token)| Credential::token(token.trim()));
        let identity = match &credential {
            Some(credential) => shared.access.resolve(credential).await?,
            None => None,
        };
        let Some(identity) = identity else {
            let fault = Fault::new(FaultKind::Unauthenticated, "the token is unknown, expired or revoked");
            return Err(fault.because("invalid-token").into());
        };
        return Ok((identity.caller(needed_scope(path, changes))?, Some(identity)));
    }
    let Some(cookie) = request.cookie(COOKIE) else { return Ok((Caller::Anonymous, None)) };
    let Some(identity) = shared.access.resolve(&Credential::session(cookie.value())).await? else {
        return Ok((Caller::Anonymous, None));
    };
    if changes && provenance(request.headers(), shared) != Provenance::Own {
        // What anybody may do needs no session, so none is used.
        if needed_scope(path, changes).is_none() {
            return Ok((Caller::Anonymous, None));
        }
        return Err(cross_site());
    }
    Ok((identity.caller(None)?, Some(identity)))
}

fn cross_site() -> Problem {
    let detail = "a change that a session authenticates must be asked for by a page of this site";
    Fault::forbidden(detail).because("cross-site-request").into()
}

/// Where the browser says that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provenance {
    Own,
    Foreign,
    Unknown,
}

fn provenance(headers: &HeaderMap, shared: &Shared) -> Provenance {
    let field = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match field(HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin" | "none") => return Provenance::Own,
        Some(_) => return Provenance::Foreign,
        None => {}
    }
    let Some(origin) = field(header::ORIGIN) else { return Provenance::Unknown };
    let host = field(header::HOST).unwrap_or_default();
    let own =
        origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host) && !host.is_empty());
    match own || (!shared.origin.is_empty() && origin == shared.origin) {
        true => Provenance::Own,
        false => Provenance::Foreign,
    }
}

/// Refuses a sign-in that another site's page sends, which would put its visitor into an account of
/// the attacker's.
pub(crate) fn refuse_foreign(headers: &HeaderMap, shared: &Shared) -> Result<(), Problem> {
    match provenance(headers, shared) {
        Provenance::Foreign => Err(cross_site()),
        Provenance::Own | Provenance::Unknown => Ok(()),
    }
}

/// The address of whoever is behind our own proxy.
fn client(request: &ServiceRequest, shared: &Shared) -> IpAddr {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let mut address = request.peer_addr().map_or(nowhere, |peer| peer.ip());
    let trusted = |address: &IpAddr| address.is_loopback() || shared.trusted_proxies.contains(address);
    let name = HeaderName::from_static("x-forwarded-for");
    let forwarded = request.headers().get_all(name).filter_map(|value| value.to_str().ok());
    let mut hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    // Only what a proxy of ours has added may be believed: from the right, as far as they go.
    while trusted(&address)
        && let Some(hop) = hops.pop()
    {
        match hop.trim().parse() {
            Ok(before) => address = before,
            Err(_) => break,
        }
    }
    address
}

/// Writes out the problem that a handler, or actix itself, ended with.
fn finish(response: ServiceResponse<BoxBody>, request_id: &str) -> ServiceResponse<BoxBody> {
    let Some(problem) = response.response().error().map(Problem::of) else { return response };
    let request = response.request();
    let accepts = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let by_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"application/x-www-form"));
    let page = accepts.contains("text/html") && (by_form || !request.path().starts_with("/api/"));
    let whole = if page { pages::problem(request, &problem, request_id) } else { problem.to_json(request_id) };
    response.into_response(whole)
}

fn put_headers(response: &mut ServiceResponse<BoxBody>, shared: &Shared, request_id: &str, trace: &TraceContext) {
    let request = response.request().clone();
    let api = request.path().starts_with("/api/");
    let headers = response.headers_mut();
    shared.allowed_origins.answer(request.method(), request.path(), request.headers(), headers);
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if shared.secure() {
        let year = HeaderValue::from_static("max-age=63072000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if let Ok(trace) = HeaderValue::from_str(&trace.to_string()) {
        headers.insert(HeaderName::from_static("traceparent"), trace);
    }
}

fn measure(
    route: String,
    method: &Method,
    response: &ServiceResponse<BoxBody>,
    caller: &'static str,
    started: Instant,
) {
    let (took, status) = (started.elapsed(), response.status());
    let known =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].into_iter().find(|m| *m == method.as_str());
    let method = known.unwrap_or("other");
    tracing::info!(
        method,
        route,
        status = status.as_u16(),
        duration_ms = (took.as_secs_f64() * 1e5).round() / 100.0,
        caller,
        "answered"
    );
    metrics::counter!(
        "http_server_requests_total", "route" => route.clone(), "method" => method, "status" => status_text(status.as_u16())
    )
    .increment(1);
    metrics::histogram!("http_server_duration_seconds", "route" => route, "method" => method).record(took);
}

fn status_text(status: u16) -> std::borrow::Cow<'static, str> {
    match status {
        200 => "200".into(),
        201 => "201".into(),
        204 => "204".into(),
        304 => "304".into(),
        other => other.to_string().into(),
    }
}
