//! Leases work from `documents`, extracts text, derives insights, feeds the search engine.
//!
//! Owns no table and no state that matters: killed at any instant it loses nothing, since the work
//! is a row that somebody else leases when this lease runs out, and repeats nothing visible, since
//! only the holder of the lease can complete or settle. [`worker`] is lease → step → settle;
//! [`leases`] keeps the leases in hand and stops a step whose lease is lost; [`engine`] is the only
//! place that talks to the search engine.
//!
//! A search engine that is down fails no document. The job is handed back with the code
//! `engine_unavailable`, which `documents` retries without counting an attempt; meanwhile
//! PostgreSQL finds the document.

mod config;
mod engine;
mod grpc;
mod leases;
mod worker;

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use chassis::{CancellationToken, Dependency, Health, ProcessConfig, RequestContext, Service, grpc::Server};
use extract::Extractor;
use proto::{documents::work_client::WorkClient, indexer::indexer_server::IndexerServer};
use tonic::service::Routes;

pub use config::{Config, Nothing};
use engine::Engine;
use worker::Worker;

const LOOK_EVERY: Duration = Duration::from_secs(3);

/// The service, bound and not yet working.
pub struct App {
    server: Server,
    worker: Worker,
    engine: Engine,
    health: Health,
}

impl Service for App {
    const NAME: &'static str = "indexer";
    const ABOUT: &'static str = "Leases work, extracts text, derives insights, feeds the search engine";
    type Config = Config;
    type Migration = Nothing;

    fn process(config: &Config) -> &ProcessConfig {
        &config.process
    }

    async fn migrate(_: Nothing) -> anyhow::Result<()> {
        println!("indexer: owns no table, nothing to migrate");
        Ok(())
    }

    async fn build(config: Config, health: Health) -> anyhow::Result<Self> {
        let server = Server::bind(&config.grpc).await?;
        let program = config.program()?;
        let extractor = Extractor::new(program, config.limits());
        let channel = chassis::grpc::connect(&config.documents_url, &config.grpc.rpc_token)
            .context("DOCUMENTS_URL cannot be used")?;
        let documents = WorkClient::new(channel).max_decoding_message_size(8 * 1024 * 1024);
        let engine = Engine::new(&config.engine)?;
        let dependency = health.dependency("documents", true);
        let worker = Worker::new(&config, documents, extractor, engine.clone(), dependency);
        Ok(Self { server, worker, engine, health })
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let api = grpc::Api::new(self.engine.clone(), self.worker.counts());
        let routes = Routes::new(IndexerServer::new(api));
        let dependency = self.engine.is_configured().then(|| self.health.dependency("meilisearch", false));
        tokio::try_join!(
            self.server.serve(routes, self.health, shutdown.clone()),
            self.worker.run(shutdown.clone()),
            watch(self.engine, dependency, shutdown),
        )?;
        Ok(())
    }
}

async fn watch(engine: Engine, dependency: Option<Dependency>, stop: CancellationToken) -> anyhow::Result<()> {
    let Some(dependency) = dependency else { return Ok(()) };
    let mut tick = tokio::time::interval(LOOK_EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match engine.health().await {
            Ok(()) => dependency.up(),
            Err(error) => dependency.down(error),
        }
    }
    Ok(())
}

/// What each call of a job is: ours, in the trace of the upload that made the work.
fn context(traceparent: &str, budget: Duration) -> RequestContext {
    let fresh = RequestContext::background(budget);
    RequestContext { trace: chassis::TraceContext::parse(traceparent).unwrap_or(fresh.trace), ..fresh }
}
