use std::{path::Path, sync::OnceLock};

use pg::RolePasswords;
use stack::postgres::{Durability, Postgres};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

struct Server {
    postgres: Postgres,
    _folder: TempDir,
}

/// Started for the first test that wants a database; the kernel ends it with this process.
static SERVER: OnceCell<Server> = OnceCell::const_new();

const PASSWORD: &str = "for-tests";

async fn server() -> &'static Server {
    let start = async || {
        let folder = folder();
        let (dir, log) = (folder.path().join("postgres"), folder.path().join("postgres.log"));
        let postgres = Postgres::start(&dir, 0, PASSWORD, &log, Durability::None).await.expect("PostgreSQL starts");
        bootstrap(&postgres, "dossier").await;
        Server { postgres, _folder: folder }
    };
    SERVER.get_or_init(start).await
}

/// A folder that names our process: what lives in a static is never dropped, so the next test
/// process removes what those before it left. PostgreSQL runs as another user when we are root, and
/// must get into it.
fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    const PREFIX: &str = "dossier-test-";
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            // Another test process may be removing it as well.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a temporary folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("permissions are set");
    folder
}

async fn bootstrap(postgres: &Postgres, database: &str) {
    let password = || PASSWORD.to_owned();
    let passwords = RolePasswords {
        owner: password(),
        access: password(),
        contacts: password(),
        documents: password(),
        search: password(),
    };
    pg::bootstrap(&postgres.admin_url(), database, &passwords).await.expect("the database is set up");
}

/// A database of one test, with roles, schemas and extensions, and no tables yet.
#[derive(Debug)]
pub struct Database {
    name: String,
    own: OnceLock<Own>,
}

#[derive(Debug)]
struct Own {
    postgres: Postgres,
    _folder: TempDir,
}

/// A fresh database on the server that all tests of this process share.
pub async fn database() -> Database {
    let name = format!("test_{}", Uuid::new_v4().simple());
    bootstrap(&server().await.postgres, &name).await;
    Database { name, own: OnceLock::new() }
}

impl Database {
    /// A database on a server of its own, for tests that stop it.
    pub async fn alone() -> Database {
        let folder = folder();
        let (dir, log) = (folder.path().join("postgres"), folder.path().join("postgres.log"));
        let postgres = Postgres::start(&dir, 0, PASSWORD, &log, Durability::None).await.expect("PostgreSQL starts");
        bootstrap(&postgres, "dossier").await;
        let own = OnceLock::from(Own { postgres, _folder: folder });
        Database { name: "dossier".to_owned(), own }
    }

    /// The server of a database made by [`Database::alone`].
    pub fn server(&self) -> &Postgres {
        match self.own.get() {
            Some(own) => &own.postgres,
            None => &SERVER.get().expect("it was started to make this database").postgres,
        }
    }

    /// For "owner", "access", "contacts", "documents" or "search".
    pub fn url(&self, role: &str) -> String {
        self.server().url(&format!("dossier_{role}"), PASSWORD, &self.name)
    }

    /// The owner's URL, as `migrate` takes it.
    pub fn migration(&self) -> pg::MigrateConfig {
        pg::MigrateConfig { migrate_database_url: self.url("owner").into() }
    }

    /// A plain connection with this role, for looking at what happened.
    pub async fn client(&self, role: &str) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url(role), tokio_postgres::NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }

    /// Runs a migration file of another service, for tests that read its views.
    pub async fn apply(&self, schema: &str, sql: &str) {
        let client = self.client("owner").await;
        let sql =
            format!("SET search_path = {schema}, public; GRANT USAGE ON SCHEMA {schema} TO dossier_{schema}; {sql}");
        client.batch_execute(&sql).await.expect("the migration runs");
    }
}

/// Panics unless the serving role of a schema may neither change nor remove rows of a table.
pub async fn append_only(database: &Database, role: &str, table: &str) {
    let client = database.client(role).await;
    let column =
        "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 AND is_identity = 'NO' LIMIT 1";
    let column: String = client.query_one(column, &[&table]).await.expect("the table is there").get(0);
    let change = format!("UPDATE {table} SET {column} = {column}");
    for sql in [change, format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
        let refused = client.execute(&sql, &[]).await.expect_err("it is refused");
        assert_eq!(refused.code().map(|c| c.code()), Some("42501"), "{sql}");
    }
}
