use std::{str::FromStr, time::Duration};

use anyhow::Context;
use tokio_postgres::{Client, NoTls};

/// The passwords of the roles, all made by whoever sets the system up.
#[derive(Clone)]
pub struct RolePasswords {
    /// Owns the database; runs migrations.
    pub owner: String,
    /// The gateway.
    pub access: String,
    /// The contacts service.
    pub contacts: String,
    /// The documents service.
    pub documents: String,
    /// The search service.
    pub search: String,
}

const SCHEMAS: [&str; 4] = ["access", "contacts", "documents", "search"];

/// Makes roles, database, schemas and extensions where they are missing, and sets the passwords.
/// Safe to repeat. `admin_url` belongs to a role that may create roles and databases.
///
/// # Errors
/// When the server cannot be reached or the role may not do this.
pub async fn bootstrap(admin_url: &str, database: &str, passwords: &RolePasswords) -> anyhow::Result<()> {
    anyhow::ensure!(
        database.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
        "a database name has only a–z, 0–9 and _"
    );
    let mut target = tokio_postgres::Config::from_str(admin_url)
        .map_err(|_| anyhow::anyhow!("the administrator's database URL does not parse"))?;
    target.connect_timeout(Duration::from_secs(5));
    let admin = connect(&target).await?;
    // One setting-up at a time, also from another machine.
    admin.batch_execute("SELECT pg_advisory_lock(hashtext('dossier bootstrap'))").await?;
    role(&admin, "dossier_owner", &passwords.owner, None).await?;
    for (schema, password) in
        SCHEMAS.into_iter().zip([&passwords.access, &passwords.contacts, &passwords.documents, &passwords.search])
    {
        role(&admin, &format!("dossier_{schema}"), password, Some(schema)).await?;
    }
    let exists = admin.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&database]).await?;
    if exists.is_none() {
        // Membership lets an administrator who is no superuser make a database for another owner.
        admin.batch_execute("GRANT dossier_owner TO current_user").await?;
        admin
            .batch_execute(&format!(
                "CREATE DATABASE {database} OWNER dossier_owner ENCODING 'UTF8' TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
            ))
            .await
            .context("the database cannot be created")?;
    }
    let inside = connect(target.dbname(database)).await?;
    inside
        .batch_execute(&format!(
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        ))
        .await?;
    for extension in ["fuzzystrmatch", "pg_trgm", "unaccent"] {
        inside.batch_execute(&format!("CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA public")).await?;
    }
    for schema in SCHEMAS {
        inside
            .batch_execute(&format!(
                "CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION dossier_owner;
                 GRANT CONNECT ON DATABASE {database} TO dossier_{schema}"
            ))
            .await?;
    }
    Ok(())
}

async fn role(admin: &Client, name: &str, password: &str, schema: Option<&str>) -> anyhow::Result<()> {
    let exists = admin.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&name]).await?;
    let verb = if exists.is_some() { "ALTER" } else { "CREATE" };
    let password = password.replace('\'', "''");
    admin
        .batch_execute(&format!(
            "{verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '{password}'"
        ))
        .await
        // The error would repeat the statement, and with it the password.
        .map_err(|e| anyhow::anyhow!("the role {name} cannot be made: {:?}", e.code()))?;
    if let Some(schema) = schema {
        admin.batch_execute(&format!("ALTER ROLE {name} SET search_path = {schema}, public")).await?;
    }
    Ok(())
}

async fn connect(target: &tokio_postgres::Config) -> anyhow::Result<Client> {
    let (client, connection) = target.connect(NoTls).await.context("PostgreSQL cannot be reached")?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the administrator's connection broke");
        }
    });
    Ok(client)
}
