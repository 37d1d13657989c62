use std::{net::SocketAddr, time::Duration};

use axum::{Json, Router, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::Health;

/// Serves `/metrics`, `/livez` and `/readyz` until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let process = metrics_process::Collector::default();
    process.describe();
    let render = move || {
        process.collect();
        let text = metrics.render();
        async move { ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text) }
    };
    let router = Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(async move || readiness(&health)));
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn readiness(health: &Health) -> (StatusCode, Json<serde_json::Value>) {
    let ready = health.is_ready();
    let of = |trouble: Option<String>| match trouble {
        None => json!({"up": true}),
        Some(detail) => json!({"up": false, "detail": detail}),
    };
    let dependencies: serde_json::Map<_, _> =
        health.report().into_iter().map(|(name, trouble)| (name.to_owned(), of(trouble))).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": ready, "dependencies": dependencies})))
}

/// Asks a running service whether it is ready; for container health checks, without curl.
pub(crate) async fn healthcheck(admin: SocketAddr) -> anyhow::Result<()> {
    let ask = async {
        let mut stream = TcpStream::connect(admin).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut answer).await?;
        anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(Duration::from_secs(3), ask).await??;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "not ready: {answer}");
    Ok(())
}
