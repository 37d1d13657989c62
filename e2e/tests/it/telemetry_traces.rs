//! The spans that the services send, received here: who called whom for one upload and one search.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload, eventually},
    words,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
};
use stack::{External, Stack};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

use crate::{
    harness::tests,
    system::{READY, System},
};

tests!(Inside: the_spans_of_an_upload_and_a_search_say_who_called_whom);

/// Spans are sent in batches, every half a second here.
const SENT: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
struct Span {
    service: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
    /// Traces that caused this one.
    links: Vec<String>,
    start: u64,
    nanoseconds: u64,
}

/// Keeps what is sent to it.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        for sent in request.into_inner().resource_spans {
            let attributes = sent.resource.map(|r| r.attributes).unwrap_or_default();
            let name = attributes.into_iter().find(|a| a.key == "service.name").and_then(|a| a.value?.value);
            let service = if let Some(Value::StringValue(name)) = name { name } else { String::new() };
            for span in sent.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                seen.push(Span {
                    service: service.clone(),
                    name: span.name,
                    trace: hex::encode(&span.trace_id),
                    id: hex::encode(&span.span_id),
                    parent: hex::encode(&span.parent_span_id),
                    links: span.links.iter().map(|link| hex::encode(&link.trace_id)).collect(),
                    start: span.start_time_unix_nano,
                    nanoseconds: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Receiver {
    fn trace(&self, trace: &str) -> Vec<Span> {
        let seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        seen.iter().filter(|span| span.trace == trace).cloned().collect()
    }

    /// The traces that the trace of an upload caused.
    fn caused_by(&self, trace: &str) -> Vec<Span> {
        let seen = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let heads: Vec<_> =
            seen.iter().filter(|span| span.links.iter().any(|link| link == trace)).map(|s| s.trace.clone()).collect();
        seen.iter().filter(|span| heads.contains(&span.trace)).cloned().collect()
    }
}

/// It needs a system of its own, which sends its spans here.
async fn the_spans_of_an_upload_and_a_search_say_who_called_whom(_: Arc<System>) -> anyhow::Result<()> {
    let receiver = Receiver::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(receiver.clone()));
    let serving = tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let stack = Stack::builder()
        .external(External { database_admin_url: None, s3: None, ..External::from_env()? })
        .env("*", "OTEL_EXPORTER_OTLP_ENDPOINT", address)
        .env("*", "OTEL_BSP_SCHEDULE_DELAY", "500")
        .start()
        .await?;
    let outcome = follow(&stack, &receiver).await;
    stack.stop().await;
    serving.abort();
    outcome
}

async fn follow(stack: &Stack, receiver: &Receiver) -> anyhow::Result<()> {
    let owner = Client::sign_in(stack.url(), &stack.owner().email, &stack.owner().password).await?;
    let (uploaded, searched) = (trace(), trace());
    let word = words::unique();
    let upload = Upload::new("traced.txt", format!("{word} in a text")).header("traceparent", parent(&uploaded));
    let id = owner.upload(&upload).await?.expect(201)?.text_of("id")?;
    owner.wait_ready(&id, READY).await?;
    let found = owner.get_with(&format!("/api/v1/search?q={word}"), &[("traceparent", &parent(&searched))]).await?;
    ensure!(found.expect(200)?.json()?["hits"][0]["document_id"] == id, "the document is not found");

    let upload = [("gateway", "documents", "dossier.documents.v1.Documents/Upload")];
    edges(receiver, "the upload", &upload, || receiver.trace(&uploaded)).await?;
    let work = [
        ("indexer", "documents", "dossier.documents.v1.Work/ReadLeased"),
        ("indexer", "documents", "dossier.documents.v1.Work/Complete"),
        ("indexer", "documents", "dossier.documents.v1.Work/Settle"),
    ];
    edges(receiver, "the work that the upload caused", &work, || receiver.caused_by(&uploaded)).await?;
    let search = [("gateway", "search", "dossier.search.v1.Search/Query")];
    edges(receiver, "the search", &search, || receiver.trace(&searched)).await
}

/// Waits until the spans hold each edge: a span of the callee whose parent is a span of the caller.
async fn edges(
    receiver: &Receiver,
    what: &str,
    expected: &[(&str, &str, &str)],
    spans: impl Fn() -> Vec<Span>,
) -> anyhow::Result<()> {
    let all = async || {
        let spans = spans();
        for (caller, callee, name) in expected {
            let called = spans.iter().filter(|span| span.service == *callee && span.name == *name);
            let parents = called.filter_map(|called| spans.iter().find(|span| span.id == called.parent));
            let edge = parents.clone().any(|parent| parent.service == *caller);
            ensure!(edge, "no edge {caller} → {callee} {name} in\n{}", tree(&spans));
        }
        Ok(())
    };
    eventually(SENT, what, all)
        .await
        .with_context(|| format!("{what}; {} spans in all", receiver.0.lock().map_or(0, |s| s.len())))?;
    println!("{what}:\n{}", tree(&spans()));
    Ok(())
}

fn trace() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn parent(trace: &str) -> String {
    format!("00-{trace}-00f067aa0ba902b7-01")
}

/// As text, callees under their callers, in the order of time.
fn tree(spans: &[Span]) -> String {
    let mut below: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        let known = spans.iter().any(|other| other.id == span.parent);
        below.entry(if known { &span.parent } else { "" }).or_default().push(span);
    }
    below.values_mut().for_each(|spans| spans.sort_by_key(|span| span.start));
    let mut text = String::new();
    let mut next: Vec<(usize, &Span)> = below.get("").into_iter().flatten().rev().map(|span| (0, *span)).collect();
    while let Some((depth, span)) = next.pop() {
        let milliseconds = span.nanoseconds as f64 / 1e6;
        let linked = if span.links.is_empty() { "" } else { " (linked to the upload)" };
        let _ = writeln!(text, "{}{} {} {milliseconds:.1} ms{linked}", "  ".repeat(depth), span.service, span.name);
        next.extend(below.get(span.id.as_str()).into_iter().flatten().rev().map(|span| (depth + 1, *span)));
    }
    text
}
