use std::{sync::OnceLock, time::Duration};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{ProcessConfig, TraceContext};

/// Seconds; from a cache hit to a slow upload.
const DURATION_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// What must be flushed before the process ends.
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Logs to standard output; spans to the OTLP endpoint when one is configured.
    pub(crate) fn start(service: &'static str, config: &ProcessConfig) -> anyhow::Result<Self> {
        let traces = config.otlp_endpoint.as_deref().map(|url| exporter(service, url)).transpose()?;
        let spans =
            traces.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(service)));
        let filter = EnvFilter::try_new(&config.log_filter).context("RUST_LOG does not parse")?;
        let lines = tracing_subscriber::fmt::layer();
        let lines = match config.log_format.as_str() {
            "text" => lines.with_target(false).boxed(),
            _ => lines.json().flatten_event(true).with_current_span(false).with_span_list(true).boxed(),
        };
        tracing_subscriber::registry().with(filter).with(lines).with(spans).try_init()?;
        Ok(Self { traces })
    }

    /// Sends what is still buffered.
    pub(crate) fn flush(self) {
        if let Some(provider) = self.traces
            && let Err(error) = provider.shutdown_with_timeout(Duration::from_secs(3))
        {
            tracing::warn!(%error, "the last traces were not delivered");
        }
    }
}

fn exporter(service: &'static str, url: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(url)
        .with_timeout(Duration::from_secs(5))
        .build()?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}

/// The process's metrics registry; made once, so that tests can run several services in one process.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    match metrics::set_global_recorder(recorder) {
        Ok(()) => Ok(HANDLE.get_or_init(|| handle).clone()),
        // Another thread was faster; its handle appears in a moment or is there already.
        Err(_) => HANDLE.get().cloned().context("the metrics recorder was installed twice"),
    }
}

/// Makes `span` a child of the remote span in `trace`.
pub fn record_parent(span: &tracing::Span, trace: &TraceContext) {
    // Fails only where no exporter is configured: then there is no span to have a parent.
    let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote(trace)));
}

/// Links `span` to the remote span in `trace`: work that a request caused and did not wait for.
pub fn record_link(span: &tracing::Span, trace: &TraceContext) {
    span.add_link(remote(trace));
}

fn remote(trace: &TraceContext) -> SpanContext {
    let flags = if trace.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    SpanContext::new(TraceId::from(trace.trace_id), SpanId::from(trace.span_id), flags, true, TraceState::default())
}

/// The trace as seen from the current span, or `fallback` when spans are not exported.
pub(crate) fn current_trace(fallback: TraceContext) -> TraceContext {
    let context = tracing::Span::current().context();
    let span = context.span().span_context().clone();
    if !span.is_valid() {
        return fallback;
    }
    TraceContext {
        trace_id: u128::from_be_bytes(span.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(span.span_id().to_bytes()),
        sampled: span.is_sampled(),
    }
}
