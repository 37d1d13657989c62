//! Queries over documents: the search engine, with PostgreSQL behind it.
//!
//! A question goes to the engine, within a short deadline, restricted to the collections that the
//! caller may see. What comes back are ids, pages and snippets; PostgreSQL then says, in one
//! statement, which of these documents the caller may see *now* and whether the version is still
//! the current one, and only those are shown. When the engine is absent, slow or down, PostgreSQL
//! answers the same question by full-text search, and the answer is marked as degraded. A circuit
//! breaker keeps a dead engine from costing every user its deadline, and a slow one is overtaken.
//!
//! `domain` parses, `answer` decides who answers, `engine` and `store` hold the only calls to the
//! engine and the only SQL, `fallback` makes a full-text query of a question, `snippet` makes plain
//! text with ranges, `log` keeps what was searched for. Nothing is stored about who searched.

mod answer;
mod breaker;
mod config;
mod domain;
mod engine;
mod error;
mod fallback;
mod grpc;
mod hedge;
mod links;
mod log;
mod snippet;
mod store;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chassis::{CancellationToken, Dependency, Health, ProcessConfig, Service, grpc::Server};
use pg::{MigrateConfig, Pool};
use proto::search::{analytics_server::AnalyticsServer, search_server::SearchServer};
use tonic::service::Routes;

pub use config::Config;

use crate::{
    answer::Answerer,
    engine::GuardedEngine,
    grpc::{AnalyticsApi, Api},
    log::Log,
    store::Store,
};

const SCHEMA: &str = "search";
/// How often it is asked whether the index is complete.
const INDEX_EVERY: Duration = Duration::from_secs(1);
/// How often the query log is shortened.
const ROLL_UP_EVERY: Duration = Duration::from_secs(3_600);

mod schema {
    #![allow(missing_docs)]
    refinery::embed_migrations!("migrations");
}

/// The service, bound and not yet serving.
#[derive(Debug)]
pub struct App {
    server: Server,
    pool: Pool,
    engine: Option<(Arc<GuardedEngine>, Dependency)>,
    past_queries_every: Duration,
    health: Health,
    database: Dependency,
}

impl Service for App {
    const NAME: &'static str = "search";
    const ABOUT: &'static str = "Queries over documents: the search engine, with PostgreSQL behind it";
    type Config = Config;
    type Migration = MigrateConfig;

    fn process(config: &Config) -> &ProcessConfig {
        &config.process
    }

    async fn migrate(migration: MigrateConfig) -> anyhow::Result<()> {
        pg::migrate(&migration, SCHEMA, schema::migrations::runner()).await
    }

    async fn build(config: Config, health: Health) -> anyhow::Result<Self> {
        // Declared before anybody asks whether we are ready: until it answers, we are not.
        let database = health.dependency("postgresql", true);
        let engine = GuardedEngine::new(&config)?.map(|e| (Arc::new(e), health.dependency("meilisearch", false)));
        let server = Server::bind(&config.grpc).await?;
        let past_queries_every = Duration::from_millis(config.past_queries_every_ms);
        Ok(Self { server, pool: Pool::new(&config.pg)?, engine, past_queries_every, health, database })
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let store = Store::new(self.pool.clone());
        let (log, writing) = Log::new(store.clone());
        let (watched, rolled, remembered) = (store.clone(), store.clone(), store.clone());
        let engine = self.engine.as_ref().map(|(engine, _)| engine.clone());
        let analytics = AnalyticsServer::new(AnalyticsApi { store: store.clone() });
        let routes =
            Routes::new(SearchServer::new(Api { answerer: Answerer { store, engine }, log })).add_service(analytics);
        let (stop, runner) = (shutdown.clone(), schema::migrations::runner());
        let watching_engine = async {
            if let Some((engine, dependency)) = self.engine {
                tokio::join!(engine.watch(dependency, stop.clone()), watch_index(&engine, &watched, stop));
            }
            Ok(())
        };
        let ended = shutdown.clone();
        let rolling_up = async {
            tokio::join!(roll_up(&rolled, ended.clone()), remember(&remembered, self.past_queries_every, ended));
            Ok(())
        };
        // The log is written until the server, and with it whoever puts entries into it, is gone.
        let writing = async {
            writing.await;
            Ok(())
        };
        tokio::try_join!(
            self.server.serve(routes, self.health, shutdown.clone()),
            pg::watch(self.pool, SCHEMA, runner, self.database, shutdown),
            watching_engine,
            rolling_up,
            writing,
        )?;
        Ok(())
    }
}

/// Tells the engine's guard whether the index holds all it must, until `stop`. While PostgreSQL cannot say, what it said last counts.
async fn watch_index(engine: &GuardedEngine, store: &Store, stop: CancellationToken) {
    let mut tick = tokio::time::interval(INDEX_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match store.index_is_complete().await {
            Ok(complete) => engine.set_complete(complete),
            Err(error) => tracing::debug!(%error, "the state of the index is not known"),
        }
    }
}

/// Shortens the query log, until `stop`. Several replicas may do it at the same time.
async fn roll_up(store: &Store, stop: CancellationToken) {
    let mut tick = tokio::time::interval(ROLL_UP_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match store.roll_up().await {
            Ok(0) => {}
            Ok(days) => tracing::info!(days, "old days of the query log are rolled up"),
            Err(error) => tracing::debug!(%error, "the query log was not rolled up"),
        }
    }
}

/// Keeps the past queries that may be suggested, until `stop`. Several replicas may do it at the same
/// time.
async fn remember(store: &Store, every: Duration, stop: CancellationToken) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match stop.run_until_cancelled(store.remember_queries()).await {
            Some(Ok(())) | None => {}
            Some(Err(error)) => tracing::debug!(%error, "the past queries were not looked at"),
        }
    }
}
