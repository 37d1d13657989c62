use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicI64, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use tonic::{Code, Status, body::Body, transport::Endpoint};
use tonic_types::StatusExt;
use tower::{BoxError, Service};

use super::{CALLER, REQUEST_ID, TIMEOUT, TRACEPARENT};
use crate::{RequestContext, telemetry};

/// For calls outside any request.
const BACKGROUND_BUDGET: Duration = Duration::from_secs(10);
/// Kept back from the deadline so that the answer still arrives in time.
const ROOM_TO_ANSWER: Duration = Duration::from_millis(20);
/// What one answer may send ahead of its reader.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// What all answers together may. Slow readers that fill it would hold up every other call on the
/// connection, so it has room for 64 of them.
const CONNECTION_WINDOW_BYTES: u32 = 64 * STREAM_WINDOW_BYTES;

/// A connection to one service, made on first use and again whenever it breaks.
#[derive(Clone, Debug)]
pub struct Channel {
    inner: tonic::transport::Channel,
    token: HeaderValue,
}

/// A channel to `url` (`http://host:port`). Connects on the first call, not now.
///
/// # Errors
/// When the URL or the token cannot be put on the wire.
pub fn connect(url: &str, token: &SecretString) -> anyhow::Result<Channel> {
    let inner = Endpoint::from_shared(url.to_owned())?
        .connect_timeout(Duration::from_secs(1))
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .http2_keep_alive_interval(Duration::from_secs(15))
        .keep_alive_timeout(Duration::from_secs(5))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .connect_lazy();
    let mut token = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))?;
    token.set_sensitive(true);
    Ok(Channel { inner, token })
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(BACKGROUND_BUDGET));
        let left = context.remaining();
        if let Err(error) = put(&mut request, &context, left, &self.token) {
            return Box::pin(async move { Err(error) });
        }
        let calling = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout(left, calling).await {
                Ok(answer) => answer.map_err(Into::into),
                Err(_) => Err(Status::deadline_exceeded("no answer before the deadline").into()),
            }
        })
    }
}

fn put(
    request: &mut Request<Body>,
    context: &RequestContext,
    left: Duration,
    token: &HeaderValue,
) -> Result<(), BoxError> {
    let micros = left.saturating_sub(ROOM_TO_ANSWER).as_micros().clamp(1, 99_999_999);
    // The unit must keep the value within eight digits.
    let timeout = match left.as_secs() {
        0..60 => format!("{micros}u"),
        _ => format!("{}m", left.saturating_sub(ROOM_TO_ANSWER).as_millis().min(99_999_999)),
    };
    let trace = telemetry::current_trace(context.trace);
    let headers = request.headers_mut();
    headers.insert("authorization", token.clone());
    headers.insert(TIMEOUT, timeout.try_into()?);
    headers.insert(REQUEST_ID, HeaderValue::from_str(&context.request_id)?);
    headers.insert(CALLER, context.caller.to_string().try_into()?);
    headers.insert(TRACEPARENT, trace.to_string().try_into()?);
    Ok(())
}

/// Tenths of a retry that the process may still spend: each success earns one, each retry costs
/// ten. So retries add at most a tenth to the load, whatever breaks.
static RETRY_BUDGET: AtomicI64 = AtomicI64::new(100);
const RETRY_BUDGET_MAX: i64 = 100;

/// Makes a call that may be repeated without harm: up to three attempts, with growing, jittered
/// pauses, while the service cannot be reached. What the service itself answered is final.
pub async fn idempotent<T, F: Future<Output = Result<T, Status>>>(mut call: impl FnMut() -> F) -> Result<T, Status> {
    let mut pause = Duration::from_millis(20);
    for attempt in 1.. {
        match call().await {
            Ok(answer) => {
                let earn = |now: i64| (now < RETRY_BUDGET_MAX).then_some(now + 1);
                let _ = RETRY_BUDGET.try_update(Ordering::Relaxed, Ordering::Relaxed, earn);
                return Ok(answer);
            }
            Err(status) => {
                let broken = matches!(status.code(), Code::Unavailable | Code::Unknown);
                let unreached = broken && status.get_details_error_info().is_none();
                let spend = |now: i64| (now >= 10).then_some(now - 10);
                let left = RequestContext::current().map_or(BACKGROUND_BUDGET, |c| c.remaining());
                if !unreached
                    || attempt == 3
                    || left < pause * 2
                    || RETRY_BUDGET.try_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_err()
                {
                    return Err(status);
                }
            }
        }
        metrics::counter!("rpc_client_retries_total").increment(1);
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
        pause *= 4;
    }
    Err(Status::unavailable("no attempt was left"))
}
