//! Documents: their bytes, versions, collections, what was read out of them, and the work that is
//! still to be done on them.
//!
//! An upload is streamed to the object store under a fresh key while it is hashed and its type is
//! told; then one transaction makes it a document, with the work to be done on it. Bytes before
//! row: whatever breaks in between leaves at most an object that the sweeper removes. Deletes go
//! the other way: the row goes first, the bytes after a grace period.
//!
//! Work is leased with a fencing token. A new version, the trash, or the end of a lease takes the
//! token away, and whoever comes late with it changes nothing. Every document that was taken is
//! ready, failed with a reason, or has a row of work: `accepted = ready + failed + in flight`.
//!
//! Who may see what is one function in the database, `visible_collections`, which every statement
//! that reads for somebody asks, here and in the search service.

mod bundle;
mod config;
mod domain;
mod error;
mod grpc;
mod media_type;
mod objects;
mod settling;
mod store;
mod sweeper;

use std::{net::SocketAddr, time::Duration};

use chassis::{CancellationToken, Health, ProcessConfig, Service, grpc::Server};
use pg::{Listener, MigrateConfig, PgConfig, Pool};
use proto::documents::{documents_server::DocumentsServer, truth_server::TruthServer, work_server::WorkServer};
use tonic::service::Routes;

pub use config::{Config, Limits, S3Config};
use objects::Objects;
use settling::Settling;
use store::{Hints, Store};

const SCHEMA: &str = "documents";
const LEDGER_EVERY: Duration = Duration::from_secs(15);
const CRASHED_EVERY: Duration = Duration::from_secs(1);

mod schema {
    #![allow(missing_docs)]
    refinery::embed_migrations!("migrations");
}

/// The service, bound and not yet serving.
pub struct App {
    server: Server,
    pool: Pool,
    pg: PgConfig,
    objects: Objects,
    limits: Limits,
    health: Health,
}

impl Service for App {
    const NAME: &'static str = "documents";
    const ABOUT: &'static str = "Documents: bytes, versions, collections, text, and the work to be done on them";
    type Config = Config;
    type Migration = MigrateConfig;

    fn process(config: &Config) -> &ProcessConfig {
        &config.process
    }

    async fn migrate(migration: MigrateConfig) -> anyhow::Result<()> {
        pg::migrate(&migration, SCHEMA, schema::migrations::runner()).await
    }

    async fn build(config: Config, health: Health) -> anyhow::Result<Self> {
        let server = Server::bind(&config.grpc).await?.stream_window(objects::UNREAD_BYTES);
        let objects = Objects::new(&config.s3, config.limits.upload_buffers)?;
        let pool = Pool::new(&config.pg)?;
        Ok(Self { server, pool, pg: config.pg, objects, limits: config.limits, health })
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let database = self.health.dependency("postgresql", true);
        let object_store = self.health.dependency("object_store", false);
        let runner = schema::migrations::runner();
        // Helpers of requests in flight go on until the server has answered the last of them.
        let served = CancellationToken::new();
        let _served = served.clone().drop_guard();
        let hints = Hints::start(self.pool.clone(), served.clone());
        let store = Store::new(self.pool.clone(), hints, self.limits.clone());
        let settling = Settling::start(store.clone(), served);
        let events = Listener::start(&self.pg, "documents_events", shutdown.clone())?;
        let work = Listener::start(&self.pg, "documents_work", shutdown.clone())?;
        let people =
            grpc::DocumentsApi::new(store.clone(), self.objects.clone(), self.limits.clone(), events, shutdown.clone());
        let workers = grpc::WorkApi::new(
            store.clone(),
            self.objects.clone(),
            self.limits.clone(),
            settling,
            work,
            shutdown.clone(),
        );
        let truth = grpc::TruthApi::new(store.clone());
        let routes = Routes::new(DocumentsServer::new(people))
            .add_service(WorkServer::new(workers))
            .add_service(TruthServer::new(truth));
        tokio::try_join!(
            self.server.serve(routes, self.health, shutdown.clone()),
            pg::watch(self.pool.clone(), SCHEMA, runner, database, shutdown.clone()),
            self.objects.clone().watch(object_store, shutdown.clone()),
            fail_crashed(store.clone(), shutdown.clone()),
            export_ledger(store.clone(), shutdown.clone()),
            sweeper::run(store, self.objects, self.limits, shutdown),
        )?;
        Ok(())
    }
}

async fn fail_crashed(store: Store, stop: CancellationToken) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(CRASHED_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match store.fail_crashed().await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "documents failed after their last attempt ended without a word"),
            Err(error) => tracing::debug!(%error, "documents out of attempts were not looked for"),
        }
    }
    Ok(())
}

async fn export_ledger(store: Store, stop: CancellationToken) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(LEDGER_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let ledger = match store.ledger(0).await {
            Ok(ledger) => ledger,
            Err(error) => {
                tracing::debug!(%error, "the ledger was not read");
                continue;
            }
        };
        for (state, count) in [
            ("accepted", ledger.accepted),
            ("ready", ledger.ready),
            ("failed", ledger.failed),
            ("in_flight", ledger.in_flight),
        ] {
            metrics::gauge!("documents_ledger", "state" => state).set(count as f64);
        }
        metrics::gauge!("documents_work", "state" => "waiting").set(ledger.work_waiting as f64);
        metrics::gauge!("documents_work", "state" => "leased").set(ledger.work_leased as f64);
        metrics::gauge!("documents_outdated").set(ledger.outdated as f64);
        metrics::gauge!("documents_work_oldest_waiting_seconds").set(ledger.oldest_waiting_seconds);
    }
    Ok(())
}
