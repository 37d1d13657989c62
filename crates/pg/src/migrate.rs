use std::{str::FromStr, time::Duration};

use anyhow::Context;
use chassis::{CancellationToken, Dependency, ExposeSecret, SecretString};
use refinery::Runner;
use tokio_postgres::NoTls;

use crate::{Error, Pool};

const RETRY: Duration = Duration::from_millis(200);
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// How `migrate` reaches the database.
#[derive(clap::Args, Clone, Debug)]
pub struct MigrateConfig {
    /// postgres://… with the role that owns the schemas; the serving roles may not change them.
    #[arg(long, env, hide_env_values = true, value_parser = chassis::parse_secret)]
    pub migrate_database_url: SecretString,
}

/// Brings `schema` to the version of `runner`'s last migration, one process at a time.
///
/// # Errors
/// When a migration fails (it is rolled back, the earlier ones stay), or the lock is not had
/// within a minute.
pub async fn migrate(config: &MigrateConfig, schema: &str, runner: Runner) -> anyhow::Result<()> {
    let mut target = tokio_postgres::Config::from_str(config.migrate_database_url.expose_secret())
        .map_err(|_| anyhow::anyhow!("MIGRATE_DATABASE_URL does not parse"))?;
    target.connect_timeout(Duration::from_secs(5));
    let (mut client, connection) = target.connect(NoTls).await.context("PostgreSQL cannot be reached")?;
    let driving = tokio::spawn(connection);
    client
        .batch_execute(&format!(
            "SET search_path = {schema}, public; SET lock_timeout = {}; SELECT pg_advisory_lock(hashtext('migrate {schema}'))",
            LOCK_WAIT.as_millis()
        ))
        .await
        .context("another migration holds the lock")?;
    let report = runner.run_async(&mut client).await.context("a migration failed")?;
    client
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA {schema} TO dossier_{schema};
             GRANT SELECT ON {schema}.refinery_schema_history TO dossier_{schema}"
        ))
        .await?;
    match report.applied_migrations().as_slice() {
        [] => println!("{schema}: already up to date"),
        applied => applied.iter().for_each(|m| println!("{schema}: applied {m}")),
    }
    drop(client);
    driving.await?.context("the connection broke")
}

/// Follows the database until `stop`, telling `dependency` how it is. The schema's version is
/// checked first, so that no request meets tables that this program does not know. A newer schema
/// is fine: migrations expand before they contract.
///
/// # Errors
/// When the schema is older than this program or was never made. A database that cannot be reached
/// is no error: it is waited for.
pub async fn watch(
    pool: Pool,
    schema: &'static str,
    runner: Runner,
    dependency: Dependency,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let wanted = runner.get_migrations().iter().map(|m| i64::from(m.version())).max().unwrap_or(0);
    loop {
        match version(&pool, schema).await {
            Ok(found) if found >= wanted => break,
            Ok(found) => anyhow::bail!(
                "the schema {schema} has version {found} and this program needs {wanted}: run the `migrate` subcommand first"
            ),
            Err(Error::Unavailable(cause)) => dependency.down(cause),
            Err(Error::Timeout) => dependency.down("no answer in time"),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("the version of the schema {schema} cannot be read: run the `migrate` subcommand first")
                });
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
            return Ok(());
        }
    }
    pool.watch(dependency, stop).await;
    Ok(())
}

async fn version(pool: &Pool, schema: &str) -> Result<i64, Error> {
    let sql = format!("SELECT coalesce(max(version), 0)::bigint FROM {schema}.refinery_schema_history");
    Ok(pool.get().await?.query_one(&sql, &[]).await?.get(0))
}
