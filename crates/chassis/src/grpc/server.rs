use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Status,
    body::Body,
    service::Routes,
    transport::server::{Server as Transport, TcpIncoming},
};
use tower::{Layer, Service};
use tracing::Instrument;

use super::{CALLER, REQUEST_ID, TIMEOUT, TRACEPARENT};
use crate::{Caller, Fault, Health, RequestContext, TraceContext, telemetry, valid_request_id};

/// When a caller names no deadline.
const DEFAULT_BUDGET: Duration = Duration::from_secs(30);
const WINDOW_BYTES: u32 = 1 << 20;

/// How a gRPC service is reached.
#[derive(clap::Args, Clone, Debug)]
pub struct GrpcConfig {
    /// Where the service is served.
    #[arg(long, env, default_value = "127.0.0.1:0")]
    pub listen_addr: SocketAddr,
    /// The secret that every call between services carries.
    #[arg(long, env, hide_env_values = true, value_parser = crate::parse_secret)]
    pub rpc_token: SecretString,
    /// Calls in progress; more are refused at once with UNAVAILABLE.
    #[arg(long, env, default_value_t = 512)]
    pub rpc_concurrency: usize,
}

/// The listener of a gRPC service, bound and not yet serving.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    layer: ContextLayer,
    stream_window: u32,
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    /// When it is taken or not ours.
    pub async fn bind(config: &GrpcConfig) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen_addr)
            .await
            .map_err(|e| anyhow::anyhow!("the address {} cannot be bound: {e}", config.listen_addr))?;
        // A counter that appears with its first event would not have risen.
        refusals().increment(0);
        let layer = ContextLayer {
            authorization: format!("Bearer {}", config.rpc_token.expose_secret()).into(),
            permits: Arc::new(Semaphore::new(config.rpc_concurrency)),
        };
        Ok(Self { addr: listener.local_addr()?, listener, layer, stream_window: WINDOW_BYTES })
    }

    /// How many bytes of one request may wait unread; 1 MiB unless set. All requests of a connection
    /// share four times 1 MiB: where handlers let bodies wait, as many of them as there may be must
    /// fit in that, or those that wait starve those that do not.
    pub fn stream_window(mut self, bytes: u32) -> Self {
        self.stream_window = bytes;
        self
    }

    /// The bound address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves `routes` and gRPC health until `shutdown`, then waits for the calls in progress.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, routes: Routes, health: Health, shutdown: CancellationToken) -> anyhow::Result<()> {
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let following = tokio::spawn(async move {
            let mut ready = health.subscribe();
            loop {
                let status = match *ready.borrow_and_update() {
                    true => tonic_health::ServingStatus::Serving,
                    false => tonic_health::ServingStatus::NotServing,
                };
                reporter.set_service_status("", status).await;
                if ready.changed().await.is_err() {
                    break;
                }
            }
        });
        let served = Transport::builder()
            .initial_stream_window_size(self.stream_window)
            .initial_connection_window_size(4 * WINDOW_BYTES)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .max_concurrent_streams(1024)
            .layer(self.layer)
            .add_routes(routes.add_service(health_service))
            .serve_with_incoming_shutdown(
                TcpIncoming::from(self.listener).with_nodelay(Some(true)),
                shutdown.cancelled_owned(),
            )
            .await;
        following.abort();
        Ok(served?)
    }
}

/// On whose behalf this call is made.
pub fn caller<T>(request: &tonic::Request<T>) -> Caller {
    request.extensions().get::<RequestContext>().map_or(Caller::Anonymous, |context| context.caller)
}

/// Everything this call carries, for tasks that outlive the handler.
pub fn context<T>(request: &tonic::Request<T>) -> RequestContext {
    let carried = request.extensions().get::<RequestContext>().cloned();
    carried.unwrap_or_else(|| RequestContext::background(DEFAULT_BUDGET))
}

#[derive(Clone, Debug)]
struct ContextLayer {
    authorization: Arc<str>,
    permits: Arc<Semaphore>,
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService { inner, layer: self.clone() }
    }
}

#[derive(Clone, Debug)]
struct ContextService<S> {
    inner: S,
    layer: ContextLayer,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<S, B> Service<Request<B>> for ContextService<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer<Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if request.uri().path().starts_with("/grpc.health.v1.Health/") {
            return Box::pin(self.inner.call(request));
        }
        let sent = request.headers().get("authorization").map_or(&b""[..], |v| v.as_bytes());
        if !equal_in_constant_time(sent, self.layer.authorization.as_bytes()) {
            return refuse(Status::unauthenticated("the RPC token is missing or wrong"));
        }
        let Ok(permit) = self.layer.permits.clone().try_acquire_owned() else {
            refusals().increment(1);
            return refuse(Fault::unavailable("this part of the system, which is busy,").into());
        };
        let rpc = request.uri().path().trim_start_matches('/').to_owned();
        let context = carried(request.headers());
        request.extensions_mut().insert(context.clone());
        let span = tracing::info_span!(
            "rpc",
            otel.name = %rpc,
            otel.kind = "server",
            request_id = %context.request_id,
            trace_id = %format_args!("{:032x}", context.trace.trace_id),
            caller = context.caller.kind(),
        );
        telemetry::record_parent(&span, &context.trace);
        let started = Instant::now();
        let left = context.remaining();
        let handling = context.scope(self.inner.call(request)).instrument(span.clone());
        Box::pin(async move {
            let answer = match tokio::time::timeout(left, handling).await {
                Ok(answer) => answer?,
                Err(_) => Status::from(Fault::timeout()).into_http(),
            };
            drop(permit);
            span.in_scope(|| measure(rpc, &answer, started));
            Ok(answer)
        })
    }
}

fn refusals() -> metrics::Counter {
    metrics::counter!("rpc_server_shed_total")
}

fn refuse(status: Status) -> Answer<Infallible> {
    Box::pin(std::future::ready(Ok(status.into_http())))
}

/// Streaming calls are measured up to the head of their answer.
fn measure(rpc: String, answer: &Response<Body>, started: Instant) {
    let code = answer.headers().get("grpc-status").map_or(Code::Ok, |v| Code::from_bytes(v.as_bytes()));
    // A path that no service has would make a new series for every misspelling.
    let rpc = if code == Code::Unimplemented { "unknown".to_owned() } else { rpc };
    let took = started.elapsed();
    // The gateway has a line for every request; one for each call made for it only helps in a hunt.
    tracing::debug!(code = code_name(code), duration_ms = took.as_secs_f64() * 1e3, "answered");
    metrics::counter!("rpc_server_requests_total", "rpc" => rpc.clone(), "code" => code_name(code)).increment(1);
    metrics::histogram!("rpc_server_duration_seconds", "rpc" => rpc).record(took);
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

fn carried(headers: &HeaderMap) -> RequestContext {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let budget = text(TIMEOUT).and_then(parse_timeout).unwrap_or(DEFAULT_BUDGET);
    let fresh = RequestContext::background(budget);
    RequestContext {
        request_id: text(REQUEST_ID).filter(|id| valid_request_id(id)).map_or(fresh.request_id, str::to_owned),
        caller: text(CALLER).and_then(|c| c.parse().ok()).unwrap_or(Caller::Anonymous),
        trace: text(TRACEPARENT).and_then(TraceContext::parse).unwrap_or(fresh.trace),
        deadline: fresh.deadline,
    }
}

/// `TimeoutValue TimeoutUnit` of the gRPC protocol over HTTP/2.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (value, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if value.len() > 8 || !value.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = value.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (x, y)| different | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_parse_as_the_protocol_says() {
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("99999999u"), Some(Duration::from_micros(99_999_999)));
        for bad in ["", "m", "1", "-1S", "123456789S", "1x", "1é"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }

    #[test]
    fn headers_that_lie_fall_back_to_nobody() {
        let mut headers = HeaderMap::new();
        headers.insert(CALLER, "user:not-a-uuid:owner".parse().unwrap());
        headers.insert(REQUEST_ID, "with space".parse().unwrap());
        let context = carried(&headers);
        assert_eq!(context.caller, Caller::Anonymous);
        assert!(valid_request_id(&context.request_id));
    }
}
