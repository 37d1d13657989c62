//! Queries over documents: the search engine, with PostgreSQL behind it.
//!
//! A question goes to the engine, within a short deadline, restricted to the collections that the
//! caller may see. What comes back are ids, pages and snippets; PostgreSQL then says, in one
//! statement, which of these documents the caller may see *now* and whether the version is still
//! the current one, and only those are shown. When the engine is absent, slow or down, PostgreSQL
//! answers the same question by full-text search, and the answer is marked as degraded. A circuit
//! breaker keeps a dead engine from costing every user its deadline.
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
mod log;
mod snippet;
mod store;

use std::{net::SocketAddr, sync::Arc};

use chassis::{CancellationToken, Dependency, Health, ProcessConfig, Service, grpc::Server};
use pg::{MigrateConfig, Pool};
use proto::search::search_server::SearchServer;
use tonic::service::Routes;

pub use config::Config;

use crate::{answer::Answerer, engine::GuardedEngine, grpc::Api, log::Log, store::Store};

const SCHEMA: &str = "search";

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
        Ok(Self { server, pool: Pool::new(&config.pg)?, engine, health, database })
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let store = Store::new(self.pool.clone());
        let (log, writing) = Log::new(store.clone());
        let engine = self.engine.as_ref().map(|(engine, _)| engine.clone());
        let routes = Routes::new(SearchServer::new(Api { answerer: Answerer { store, engine }, log }));
        let (stop, runner) = (shutdown.clone(), schema::migrations::runner());
        let watching_engine = async {
            if let Some((engine, dependency)) = self.engine {
                engine.watch(dependency, stop).await;
            }
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
            writing,
        )?;
        Ok(())
    }
}
