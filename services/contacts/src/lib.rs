//! Contacts, the submissions of the website's contact form, and visit counters.
//!
//! A submission is the one write that anybody may make. It is one transaction: the contact is found
//! by its e-mail address (however capitalised) or made, and the submission kept beside it. An
//! existing contact is never changed by a submission, since anybody can type anybody's address; and
//! what the honeypot catches is kept as spam without any contact, until somebody says it is none.
//! A contact that is merged into another stays where it is, and is read as the other one's (`store/merges`).
//! Deleting a contact deletes its submissions with it; the audit row stays, and holds ids only.
//! Everything else needs a role. [`domain`] says what values may be, `store` holds the only SQL,
//! `grpc` translates.

mod bundle;
mod config;
mod domain;
mod error;
mod grpc;
mod store;

use std::{net::SocketAddr, time::Duration};

use chassis::{CancellationToken, Dependency, Health, ProcessConfig, Service, grpc::Server};
use pg::{MigrateConfig, Pool};
use proto::contacts::contacts_server::ContactsServer;
use tonic::service::Routes;

pub use config::Config;

const SCHEMA: &str = "contacts";
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

mod schema {
    #![allow(missing_docs)]
    refinery::embed_migrations!("migrations");
}

/// The service, bound and not yet serving.
pub struct App {
    server: Server,
    pool: Pool,
    health: Health,
    database: Dependency,
}

impl Service for App {
    const NAME: &'static str = "contacts";
    const ABOUT: &'static str = "Contacts, submissions of the contact form, visit counters";
    type Config = Config;
    type Migration = MigrateConfig;

    fn process(config: &Config) -> &ProcessConfig {
        &config.process
    }

    async fn migrate(migration: MigrateConfig) -> anyhow::Result<()> {
        pg::migrate(&migration, SCHEMA, schema::migrations::runner()).await
    }

    async fn build(config: Config, health: Health) -> anyhow::Result<Self> {
        let server = Server::bind(&config.grpc).await?;
        // Declared before anybody asks whether we are ready: until it answers, we are not.
        let database = health.dependency("postgresql", true);
        Ok(Self { server, pool: Pool::new(&config.pg)?, health, database })
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let runner = schema::migrations::runner();
        let routes = Routes::new(ContactsServer::new(grpc::Api::new(self.pool.clone())));
        tokio::try_join!(
            self.server.serve(routes, self.health, shutdown.clone()),
            pg::watch(self.pool.clone(), SCHEMA, runner, self.database, shutdown.clone()),
            sweep(self.pool, shutdown),
        )?;
        Ok(())
    }
}

async fn sweep(pool: Pool, stop: CancellationToken) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let swept = async { pg::idempotency::sweep(&pool.get().await?).await };
        match swept.await {
            Ok(count) => tracing::debug!(count, "forgot old idempotency keys"),
            Err(error) => tracing::debug!(%error, "old idempotency keys were not forgotten"),
        }
    }
    Ok(())
}
