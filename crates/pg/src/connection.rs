use std::{
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use anyhow::Context;
use chassis::{Dependency, ExposeSecret, SecretString};
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime};
use tokio_postgres::{NoTls, Row, types::ToSql};
use tokio_util::sync::CancellationToken;

use crate::Error;

/// How a service reaches its part of the database.
#[derive(clap::Args, Clone, Debug)]
pub struct PgConfig {
    /// postgres://role:password@host:port/database, with the service's own role.
    #[arg(long, env, hide_env_values = true, value_parser = chassis::parse_secret)]
    pub database_url: SecretString,
    /// Connections held open at most.
    #[arg(long, env, default_value_t = 8)]
    pub database_pool_size: usize,
    /// How long a request waits for a free connection, and for a new one to be made.
    #[arg(long, env, default_value_t = 900)]
    pub database_wait_ms: u64,
    /// How long one statement may run.
    #[arg(long, env, default_value_t = 15_000)]
    pub database_statement_ms: u64,
}

impl PgConfig {
    /// The defaults with this URL.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self {
            database_url: SecretString::from(database_url.into()),
            database_pool_size: 8,
            database_wait_ms: 900,
            database_statement_ms: 15_000,
        }
    }

    pub(crate) fn parsed(&self) -> anyhow::Result<tokio_postgres::Config> {
        let mut config = tokio_postgres::Config::from_str(self.database_url.expose_secret())
            // The error would repeat the URL, and with it the password.
            .map_err(|_| anyhow::anyhow!("DATABASE_URL does not parse"))?;
        let wait = Duration::from_millis(self.database_wait_ms);
        config.connect_timeout(wait).tcp_user_timeout(Duration::from_secs(10)).keepalives_idle(Duration::from_secs(30));
        let timeout = format!("-c statement_timeout={}", self.database_statement_ms);
        let options = config.get_options().map_or(timeout.clone(), |set| format!("{set} {timeout}"));
        config.options(options);
        Ok(config)
    }
}

/// The connections of one service.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: deadpool_postgres::Pool,
    shared: Arc<RwLock<Option<Arc<Connection>>>>,
}

impl Pool {
    /// Prepares the pool; connects when a connection is first wanted.
    ///
    /// # Errors
    /// When the URL does not parse.
    pub fn new(config: &PgConfig) -> anyhow::Result<Self> {
        let wait = Some(Duration::from_millis(config.database_wait_ms));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.parsed()?, NoTls, recycling);
        let inner = deadpool_postgres::Pool::builder(manager)
            .max_size(config.database_pool_size)
            .wait_timeout(wait)
            .create_timeout(wait)
            .recycle_timeout(wait)
            .runtime(Runtime::Tokio1)
            .build()
            .context("the pool cannot be built")?;
        metrics::gauge!("pg_pool_connections_max").set(config.database_pool_size as f64);
        Ok(Self { inner, shared: Arc::default() })
    }

    /// A connection, for statements that are each their own transaction.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none can be had in time.
    pub async fn get(&self) -> Result<Connection, Error> {
        let started = Instant::now();
        let got = {
            let _waiting = Waiting::begin();
            self.inner.get().await
        };
        metrics::histogram!("pg_pool_wait_seconds").record(started.elapsed());
        let status = self.inner.status();
        metrics::gauge!("pg_pool_connections_in_use").set(status.size.saturating_sub(status.available) as f64);
        Ok(Connection { inner: got? })
    }

    /// The only row, or none, of a statement that reads a row by its key. All of these share one
    /// connection and travel together, where a connection each would cost the database a change of
    /// process each. What may take long would hold up the others and does not belong here.
    ///
    /// # Errors
    /// As [`Pool::get`] and [`Connection::query_opt`].
    pub async fn look_up(&self, sql: &str, parameters: Parameters<'_>) -> Result<Option<Row>, Error> {
        let shared = self.shared.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(connection) = shared.filter(|c| !c.inner.is_closed()) {
            return connection.query_opt(sql, parameters).await;
        }
        let connection = Arc::new(self.get().await?);
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        connection.query_opt(sql, parameters).await
    }

    /// Asks the database every second (less often while it is well) and tells `dependency`, until
    /// `stop`.
    pub(crate) async fn watch(self, dependency: Dependency, stop: CancellationToken) {
        loop {
            let pause = match self.probe().await {
                Ok(()) => {
                    dependency.up();
                    Duration::from_secs(3)
                }
                Err(error) => {
                    dependency.down(error);
                    Duration::from_millis(500)
                }
            };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// One round trip.
    ///
    /// # Errors
    /// When there is no answer within two seconds.
    pub async fn probe(&self) -> Result<(), Error> {
        let ask = async { self.get().await?.inner.simple_query("SELECT 1").await.map_err(Error::from) };
        match tokio::time::timeout(Duration::from_secs(2), ask).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(Error::Unavailable("no answer within 2 s".to_owned())),
        }
    }
}

/// Counts one that waits for a connection, until it has one or gives up.
struct Waiting(metrics::Gauge);

impl Waiting {
    fn begin() -> Self {
        let gauge = metrics::gauge!("pg_pool_waiting");
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// One connection, given back when dropped. Statements are prepared once per connection.
#[derive(Debug)]
pub struct Connection {
    inner: deadpool_postgres::Object,
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Connection {
    /// Starts a transaction. It is rolled back when dropped without [`Transaction::commit`].
    /// `name` stands in metrics; it says what the transaction does, such as "upload_document".
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn begin(&mut self, name: &'static str) -> Result<Transaction<'_>, Error> {
        let started = Instant::now();
        Ok(Transaction { inner: self.inner.transaction().await?, name, started })
    }

    /// All rows.
    ///
    /// # Errors
    /// As the database says.
    pub async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.inner.prepare_cached(sql).await?;
        Ok(self.inner.query(&statement, parameters).await?)
    }

    /// The only row, or none.
    ///
    /// # Errors
    /// As the database says, or when there are several.
    pub async fn query_opt(&self, sql: &str, parameters: Parameters<'_>) -> Result<Option<Row>, Error> {
        let statement = self.inner.prepare_cached(sql).await?;
        Ok(self.inner.query_opt(&statement, parameters).await?)
    }

    /// The only row.
    ///
    /// # Errors
    /// As the database says, or when there is not exactly one.
    pub async fn query_one(&self, sql: &str, parameters: Parameters<'_>) -> Result<Row, Error> {
        let statement = self.inner.prepare_cached(sql).await?;
        Ok(self.inner.query_one(&statement, parameters).await?)
    }

    /// How many rows it changed.
    ///
    /// # Errors
    /// As the database says.
    pub async fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64, Error> {
        let statement = self.inner.prepare_cached(sql).await?;
        Ok(self.inner.execute(&statement, parameters).await?)
    }

    /// For what the methods above do not cover (streams, COPY).
    pub fn raw(&self) -> &deadpool_postgres::ClientWrapper {
        &self.inner
    }
}

/// A named transaction.
pub struct Transaction<'a> {
    inner: deadpool_postgres::Transaction<'a>,
    name: &'static str,
    started: Instant,
}

impl Transaction<'_> {
    /// All rows.
    ///
    /// # Errors
    /// As the database says.
    pub async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        let statement = self.inner.prepare_cached(sql).await?;
        Ok(self.inner.query(&statement, parameters).await?)
    }

    /// The only row, or none.
    ///
    /// # Errors
    /// As the database says, or when there are several.
    pub async fn query_opt(&self, sql: &str, parameters: Parameters<'_>) -> Result<Option<Row>, Error> {
        let statement = self.inner.prepare_cached(sql).await?;
        Ok(self.inner.query_opt(&statement, parameters).await?)
    }

    /// The only row.
    ///
    /// # Errors
    /// As the database says, or when there is not exactly one.
    pub async fn query_one(&self, sql: &str, parameters: Parameters<'_>) -> Result<Row, Error> {
        let statement = self.inner.prepare_cached(sql).await?;
        Ok(self.inner.query_one(&statement, parameters).await?)
    }

    /// How many rows it changed.
    ///
    /// # Errors
    /// As the database says.
    pub async fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64, Error> {
        let statement = self.inner.prepare_cached(sql).await?;
        Ok(self.inner.execute(&statement, parameters).await?)
    }

    /// For what the methods above do not cover (COPY).
    pub fn raw(&self) -> &deadpool_postgres::Transaction<'_> {
        &self.inner
    }

    /// Makes it durable. Only after this may anyone be told that it happened.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached; then it may or may not have happened, which
    /// is what idempotency keys are for.
    pub async fn commit(self) -> Result<(), Error> {
        let committed = self.inner.commit().await;
        let outcome = if committed.is_ok() { "committed" } else { "failed" };
        metrics::histogram!("pg_transaction_duration_seconds", "transaction" => self.name, "outcome" => outcome)
            .record(self.started.elapsed());
        Ok(committed?)
    }
}
