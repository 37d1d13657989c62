use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;

use crate::{External, Home, Stack, ports, postgres::Durability};

/// Which ports are listened on, all of them on the loopback address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Free ones everywhere.
    Free,
    /// Caddy on this one; free ones behind it, the same as last time where possible.
    Fixed(u16),
}

/// Something that was done, to be shown.
#[derive(Clone, Debug)]
pub struct Step {
    /// Mostly a process, such as "gateway".
    pub name: String,
    /// Such as "ready at 127.0.0.1:8081".
    pub detail: String,
    /// How long it took.
    pub took: Duration,
}

pub(crate) type Progress = Arc<dyn Fn(&Step) + Send + Sync>;

/// How a [`Stack`] is to be.
pub struct Builder {
    pub(crate) home: Option<PathBuf>,
    pub(crate) ports: Ports,
    pub(crate) external: Option<External>,
    pub(crate) durability: Durability,
    pub(crate) owner_email: String,
    pub(crate) owner_password: Option<String>,
    pub(crate) environment: BTreeMap<String, BTreeMap<String, OsString>>,
    pub(crate) binaries: Option<PathBuf>,
    pub(crate) caddyfile: Option<PathBuf>,
    pub(crate) observe: bool,
    pub(crate) progress: Progress,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("home", &self.home).field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Default for Builder {
    /// A folder that is thrown away, free ports, a full `fsync`, what the environment says runs
    /// elsewhere, and an owner with a password made up at random.
    fn default() -> Self {
        Self {
            home: None,
            ports: Ports::Free,
            external: None,
            durability: Durability::Full,
            owner_email: "owner@dossier.localhost".to_owned(),
            owner_password: None,
            environment: BTreeMap::new(),
            binaries: None,
            caddyfile: None,
            observe: false,
            progress: Arc::new(|_| ()),
        }
    }
}

impl Builder {
    /// Keeps everything in this folder. Without it: in a folder that goes away with the stack.
    pub fn home(mut self, dir: impl Into<PathBuf>) -> Self {
        self.home = Some(dir.into());
        self
    }

    /// Which ports.
    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// What runs elsewhere, instead of what the environment says.
    pub fn external(mut self, external: External) -> Self {
        self.external = Some(external);
        self
    }

    /// Whether a commit of our own PostgreSQL is on disk.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Who owns the system. Without a password one is made up. Both only count at the first start
    /// in a home.
    pub fn owner(mut self, email: impl Into<String>, password: Option<String>) -> Self {
        self.owner_email = email.into();
        self.owner_password = password;
        self
    }

    /// A variable in the environment of one process, such as "gateway"; "*" for all services.
    pub fn env(mut self, process: &str, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.entry(process.to_owned()).or_default().insert(name.to_owned(), value.into());
        self
    }

    /// Where the programs are. Without it: `DOSSIER_BIN_DIR`, or else beside the running program
    /// (for tests and benchmarks: in the folder above).
    pub fn binaries(mut self, dir: impl Into<PathBuf>) -> Self {
        self.binaries = Some(dir.into());
        self
    }

    /// Caddy's configuration. Without it: `DOSSIER_CADDYFILE`, or else the repository's.
    pub fn caddyfile(mut self, path: impl Into<PathBuf>) -> Self {
        self.caddyfile = Some(path.into());
        self
    }

    /// Whether Prometheus, Alertmanager and exporters watch the rest.
    pub fn observe(mut self, observe: bool) -> Self {
        self.observe = observe;
        self
    }

    /// Is told of every step as it is done.
    pub fn on_step(mut self, tell: impl Fn(&Step) + Send + Sync + 'static) -> Self {
        self.progress = Arc::new(tell);
        self
    }

    /// Prepares everything and starts it; stops it again when something does not get ready.
    ///
    /// # Errors
    /// When another system runs in this home, a program or port is missing, or something does not
    /// get ready in time; the message says what, and has the end of its log.
    pub async fn start(self) -> anyhow::Result<Stack> {
        let stack = self.prepare().await?;
        match stack.start_all().await {
            Ok(()) => Ok(stack),
            Err(error) => {
                stack.stop().await;
                Err(error)
            }
        }
    }

    /// Prepares everything and starts nothing: [`Stack::start_all`] does.
    ///
    /// # Errors
    /// When another system runs in this home, or a program or port is missing.
    pub async fn prepare(self) -> anyhow::Result<Stack> {
        Stack::prepare(self).await
    }

    pub(crate) fn open_home(&self) -> anyhow::Result<Home> {
        match &self.home {
            Some(dir) => Home::open(dir),
            None => Home::temporary(),
        }
    }

    /// The folder that has the services' programs.
    pub(crate) fn find_binaries(&self) -> anyhow::Result<PathBuf> {
        let named = self.binaries.clone().or_else(|| std::env::var_os("DOSSIER_BIN_DIR").map(PathBuf::from));
        let has_them = |dir: &&Path| dir.join("dossier-gateway").is_file();
        let found = match &named {
            Some(dir) => Some(dir.as_path()).filter(has_them).map(Path::to_owned),
            None => {
                let exe = std::env::current_exe()?;
                exe.ancestors().skip(1).take(2).find(has_them).map(Path::to_owned)
            }
        };
        let found = found.context("the services' programs are not built: cargo build --workspace --bins, or name their folder in DOSSIER_BIN_DIR")?;
        Ok(std::path::absolute(found)?)
    }

    pub(crate) fn find_caddyfile(&self) -> anyhow::Result<PathBuf> {
        let named = self.caddyfile.clone().or_else(|| std::env::var_os("DOSSIER_CADDYFILE").map(PathBuf::from));
        let path = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Caddyfile"));
        std::fs::canonicalize(&path).with_context(|| format!("Caddy's configuration {} is missing", path.display()))
    }

    /// The configuration of what watches: `DOSSIER_OBSERVABILITY`, or else the repository's.
    pub(crate) fn find_observability(&self) -> anyhow::Result<PathBuf> {
        let named = std::env::var_os("DOSSIER_OBSERVABILITY").map(PathBuf::from);
        let path = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../observability"));
        std::fs::canonicalize(&path).with_context(|| format!("the folder {} is missing", path.display()))
    }

    pub(crate) fn site_port(&self) -> anyhow::Result<u16> {
        match self.ports {
            Ports::Free => Ok(ports::free()?),
            Ports::Fixed(port) => {
                anyhow::ensure!(
                    ports::is_free(port),
                    "port {port} is taken by another program; name another in DOSSIER_PORT"
                );
                Ok(port)
            }
        }
    }
}
