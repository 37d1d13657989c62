use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use pg::RolePasswords;

use crate::{
    Builder, External, Home, PROCESSES, SERVICES, State, Step, Supervision,
    builder::Progress,
    external::{ExternalS3, with_role},
    http, leftovers, object_store,
    postgres::Postgres,
    process::Process,
    programs::{Surroundings, admin, database_url, local},
    secrets::Secrets,
};

const DATABASE: &str = "dossier";
const READY_LIMIT: Duration = Duration::from_secs(30);
const MIGRATION_LIMIT: Duration = Duration::from_secs(120);
/// Between two questions whether something is ready.
const PAUSE: Duration = Duration::from_millis(10);

/// Who may do everything from the first start on.
#[derive(Clone)]
pub struct Owner {
    /// The name to sign in with.
    pub email: String,
    /// The first password.
    pub password: String,
    /// It was made up at this start.
    pub password_is_new: bool,
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner").field("email", &self.email).finish_non_exhaustive()
    }
}

/// The whole system. Dropped without [`Stack::stop`], it stops in no particular order; in a folder
/// that is thrown away, at once.
#[derive(Debug)]
pub struct Stack {
    // Dropped first, while the folder is still there.
    processes: BTreeMap<&'static str, Arc<Process>>,
    postgres: Option<Postgres>,
    external: External,
    secrets: Secrets,
    passwords: Passwords,
    owner: Owner,
    ports: BTreeMap<String, u16>,
    url: String,
    s3: ExternalS3,
    meili_url: Option<String>,
    binaries: PathBuf,
    progress: Shown,
    _lock: File,
    home: Home,
}

/// Neither has anything that may be printed.
struct Shown(Progress);
struct Passwords(RolePasswords);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("progress")
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("passwords")
    }
}

impl Stack {
    /// See [`Builder`].
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn prepare(builder: Builder) -> anyhow::Result<Self> {
        let home = builder.open_home()?;
        let lock = home.lock()?.with_context(|| format!("it is running already in {}", home.path().display()))?;
        let progress = builder.progress.clone();
        let began = Instant::now();
        let stopped = home.stop_leftovers(&PROCESSES).await?;
        if !stopped.is_empty() {
            let detail = format!("stopped from an earlier start: {}", stopped.join(", "));
            progress(&Step { name: "leftovers".to_owned(), detail, took: began.elapsed() });
        }
        leftovers::record(&home.record("stack"), rustix::process::getpid(), &std::env::current_exe()?)?;

        let external = builder.external.clone().map_or_else(External::from_env, Ok)?;
        let secrets = Secrets::open(home.path().join("secrets"))?;
        let passwords = Passwords(role_passwords(&secrets)?);
        let mut ports = home.ports(&port_names())?;
        ports.insert("caddy".to_owned(), builder.site_port()?);
        let url = format!("http://localhost:{}", ports["caddy"]);
        let s3 = objects(&external, &secrets, &ports)?;
        let engine = external.meilisearch_bin.as_ref().map(|_| format!("http://{}", local(ports["meilisearch"])));
        let mut stack = Self {
            processes: BTreeMap::new(),
            postgres: None,
            owner: owner(&builder, &secrets)?,
            binaries: builder.find_binaries()?,
            progress: Shown(progress),
            meili_url: engine.or(external.meili_url.clone()),
            _lock: lock,
            s3,
            external,
            secrets,
            passwords,
            ports,
            url,
            home,
        };
        stack.set_up(&builder)?;
        stack.keep_state(false, Duration::ZERO)?;
        Ok(stack)
    }

    /// Decides how each process is started.
    fn set_up(&mut self, builder: &Builder) -> anyhow::Result<()> {
        if self.external.database_admin_url.is_none() {
            let postgres = Postgres::prepare(
                &self.home.path().join("postgres"),
                self.ports["postgresql"],
                &self.secrets.get_or_make("postgres-password")?,
                &self.home.log("postgresql"),
                Some(self.home.record("postgresql")),
                builder.durability,
            )?;
            self.processes.insert("postgresql", postgres.shared_process());
            self.postgres = Some(postgres);
        }
        for role in ["owner", "access", "contacts", "documents", "search"] {
            self.secrets.put(&database_url(role), &self.role_url(role)?)?;
        }
        let mut programs = Vec::new();
        let surroundings = self.surroundings();
        for name in SERVICES {
            let extra: Vec<_> = ["*", name].iter().filter_map(|n| builder.environment.get(*n)).collect();
            programs.push((name, surroundings.service(name, &extra)));
        }
        if self.external.s3.is_none() {
            programs.push(("object-store", surroundings.object_store()));
        }
        if let Some(bin) = &self.external.meilisearch_bin {
            let key = self.secrets.get_or_make("meili-key")?;
            let configuration = self.secrets.put("meilisearch.toml", &format!("master_key = \"{key}\"\n"))?;
            fs::create_dir_all(self.home.path().join("meilisearch"))?;
            programs.push(("meilisearch", surroundings.meilisearch(bin, &configuration)));
        } else if let (Some(key), Some(_)) = (&self.external.meili_key, &self.external.meili_url) {
            self.secrets.put("meili-key", key)?;
        } else {
            self.secrets.remove("meili-key")?;
        }
        programs.push(("caddy", surroundings.caddy(&find_caddy()?, &builder.find_caddyfile()?)));
        for (name, mut program) in programs {
            if let (Some(extra), false) = (builder.environment.get(name), SERVICES.contains(&name)) {
                program.environment.extend(extra.clone());
            }
            self.processes.insert(name, Arc::new(Process::new(program)));
        }
        Ok(())
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            home: &self.home,
            secrets: &self.secrets,
            ports: &self.ports,
            binaries: &self.binaries,
            url: &self.url,
            owner_email: &self.owner.email,
            s3: &self.s3,
            meili_url: self.meili_url.as_deref(),
        }
    }

    /// Starts everything that does not run, side by side where nothing has to wait, and waits until
    /// the whole answers through Caddy.
    ///
    /// # Errors
    /// When something does not get ready; the rest may be running then.
    pub async fn start_all(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let services = async {
            self.start_if_ours("postgresql").await?;
            self.set_up_database().await?;
            let documents = async {
                self.migrate("documents").await?;
                // Search reads what documents publishes, so its tables come second.
                let search = async {
                    self.migrate("search").await?;
                    self.start("search").await
                };
                tokio::try_join!(self.start("documents"), search)
            };
            let contacts = async {
                self.migrate("contacts").await?;
                self.start("contacts").await
            };
            let gateway = async {
                self.migrate("gateway").await?;
                self.start("gateway").await
            };
            tokio::try_join!(Box::pin(documents), contacts, gateway, self.start("indexer"))
        };
        tokio::try_join!(
            Box::pin(services),
            self.start_if_ours("object-store"),
            self.start_if_ours("meilisearch"),
            self.start("caddy")
        )?;
        self.wait_until_answering().await?;
        self.keep_state(true, began.elapsed())
    }

    async fn start_if_ours(&self, name: &str) -> anyhow::Result<()> {
        if self.processes.contains_key(name) { self.start(name).await } else { Ok(()) }
    }

    async fn set_up_database(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        pg::bootstrap(&self.database_admin_url(), DATABASE, &self.passwords.0).await?;
        self.tell("database", "roles and schemas are there", began);
        Ok(())
    }

    /// Brings the tables of a service to its version.
    async fn migrate(&self, service: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        let process = Process::new(self.surroundings().migration(service));
        process.start()?;
        let ended = tokio::time::timeout(MIGRATION_LIMIT, process.ended()).await;
        let ended = ended.with_context(|| format!("{service} migrate takes longer than {MIGRATION_LIMIT:?}"))?;
        if !ended.is_some_and(|status| status.success()) {
            bail!("{service} migrate failed:\n{}", process.log_tail());
        }
        self.tell(&format!("{service} migrate"), "tables are there", began);
        Ok(())
    }

    /// Starts one process, unless it runs, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready within thirty seconds.
    ///
    /// # Panics
    /// As [`Stack::process`].
    pub async fn start(&self, name: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        if let (Some(postgres), "postgresql") = (&self.postgres, name) {
            postgres.start_again().await?;
        } else {
            self.process(name).start()?;
            self.wait_ready(name).await?;
        }
        self.tell(name, &format!("ready at {}", self.address(name)), began);
        Ok(())
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready within thirty seconds; with what it says and the end of its log.
    ///
    /// # Panics
    /// As [`Stack::process`].
    pub async fn wait_ready(&self, name: &str) -> anyhow::Result<()> {
        let process = self.process(name);
        let (addr, path, wanted) = self.probe(name);
        let mut said = "nothing".to_owned();
        let asking = async {
            loop {
                match http::get(addr, &addr.to_string(), path).await {
                    Ok((status, _)) if wanted.is_none_or(|w| w == status) => return,
                    Ok((status, body)) => said = format!("{status} {body}"),
                    Err(_) => (),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            ready = tokio::time::timeout(READY_LIMIT, asking) => if ready.is_err() {
                bail!("{name} is not ready after {READY_LIMIT:?}; {path} says {said}\n{}", process.log_tail());
            },
            status = process.ended() => {
                let how = status.map_or_else(|| "was not started".to_owned(), |s| format!("ended with {s}"));
                bail!("{name} {how}\n{}", process.log_tail());
            }
        }
        Ok(())
    }

    /// Where to ask, and the status that means yes; `None`: any.
    fn probe(&self, name: &str) -> (SocketAddr, &'static str, Option<u16>) {
        let at = |port: &str| SocketAddr::from(([127, 0, 0, 1], self.ports[port]));
        match name {
            "object-store" => (at(name), "/", None),
            "meilisearch" => (at(name), "/health", Some(200)),
            "caddy" => (at(name), "/metrics", Some(404)),
            _ => (at(&admin(name)), "/readyz", Some(200)),
        }
    }

    /// The first request, as everybody makes it.
    async fn wait_until_answering(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let addr = SocketAddr::from(([127, 0, 0, 1], self.ports["caddy"]));
        let host = format!("localhost:{}", self.ports["caddy"]);
        let mut said = "nothing".to_owned();
        while began.elapsed() < READY_LIMIT {
            match http::get(addr, &host, "/api/v1/health/ready").await {
                Ok((200, _)) => return Ok(()),
                Ok((status, body)) => said = format!("{status} {body}"),
                Err(error) => said = error.to_string(),
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{}/api/v1/health/ready does not say 200 after {READY_LIMIT:?}; it says {said}", self.url)
    }

    /// From now on, what ends is started again, until the answer is dropped.
    #[must_use]
    pub fn supervise(&self) -> Supervision {
        Supervision::of(self.processes.values().cloned(), &self.progress.0)
    }

    /// Stops everything in order, from the edge to the data.
    pub async fn stop(self) {
        self.stop_all().await;
    }

    /// As [`Stack::stop`]; [`Stack::start_all`] starts it again.
    pub async fn stop_all(&self) {
        for name in PROCESSES {
            let Some(process) = self.processes.get(name).filter(|p| p.pid().is_some()) else { continue };
            let began = Instant::now();
            let how = process.stop(Process::STOP_LIMIT).await;
            let how = how.map_or_else(|| "stopped".to_owned(), |status| format!("stopped ({status})"));
            self.tell(name, &how, began);
        }
    }

    fn tell(&self, name: &str, detail: &str, began: Instant) {
        (self.progress.0)(&Step { name: name.to_owned(), detail: detail.to_owned(), took: began.elapsed() });
    }

    fn keep_state(&self, started: bool, took: Duration) -> anyhow::Result<()> {
        let ready = |name: &str| {
            let (addr, path, _) = self.probe(name);
            (name.to_owned(), format!("http://{addr}{path}"))
        };
        self.home.keep_state(&State {
            url: self.url.clone(),
            owner_email: self.owner.email.clone(),
            owner_password_file: self.secrets.path("owner-password"),
            password_is_new: self.owner.password_is_new,
            started,
            seconds: took.as_secs_f64(),
            addresses: self.processes.keys().map(|name| ((*name).to_owned(), self.address(name))).collect(),
            probes: self.processes.keys().filter(|n| **n != "postgresql").map(|n| ready(n)).collect(),
        })
    }

    /// Where it is kept.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where users enter: Caddy, `http://localhost:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The gateway itself, behind Caddy.
    pub fn gateway_url(&self) -> String {
        format!("http://{}", self.address("gateway"))
    }

    /// `host:port` of a process, where others reach it.
    ///
    /// # Panics
    /// When there is no process of this name.
    pub fn address(&self, name: &str) -> String {
        local(self.ports[name])
    }

    /// Where a service serves `/metrics`, `/livez` and `/readyz`.
    ///
    /// # Panics
    /// When there is no service of this name.
    pub fn admin_url(&self, service: &str) -> String {
        format!("http://{}", local(self.ports[&admin(service)]))
    }

    /// For the role "owner", "access", "contacts", "documents" or "search".
    ///
    /// # Panics
    /// When there is no role of this name.
    pub fn database_url(&self, role: &str) -> String {
        self.role_url(role).unwrap_or_else(|error| panic!("{error:#}"))
    }

    fn role_url(&self, role: &str) -> anyhow::Result<String> {
        let passwords = &self.passwords.0;
        let password = match role {
            "owner" => &passwords.owner,
            "access" => &passwords.access,
            "contacts" => &passwords.contacts,
            "documents" => &passwords.documents,
            "search" => &passwords.search,
            _ => bail!("there is no database role {role:?}"),
        };
        with_role(&self.database_admin_url(), &format!("dossier_{role}"), password, DATABASE)
    }

    /// For a role that may do everything with the server.
    pub fn database_admin_url(&self) -> String {
        match (&self.postgres, &self.external.database_admin_url) {
            (Some(postgres), _) => postgres.admin_url(),
            (None, url) => url.clone().unwrap_or_default(),
        }
    }

    /// Our own PostgreSQL; `None` when it runs elsewhere.
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// Endpoint, bucket and keys of the object store, ours or not.
    pub fn s3(&self) -> &ExternalS3 {
        &self.s3
    }

    /// URL and key of the search engine, when there is one.
    pub fn meilisearch(&self) -> Option<(String, Option<String>)> {
        let key = fs::read_to_string(self.secrets.path("meili-key")).ok();
        self.meili_url.clone().map(|url| (url, key.map(|k| k.trim_end().to_owned())))
    }

    /// What the services show each other.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rpc_token(&self) -> std::io::Result<String> {
        self.secrets.get_or_make("rpc-token")
    }

    /// Who may do everything.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// One of [`PROCESSES`].
    ///
    /// # Panics
    /// When it does not run here: an unknown name, or something that runs elsewhere.
    pub fn process(&self, name: &str) -> &Process {
        self.processes.get(name).unwrap_or_else(|| panic!("no {name:?} runs here"))
    }

    /// Everything that runs here.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        PROCESSES.iter().filter_map(|name| self.processes.get(name)).map(AsRef::as_ref)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Nothing of a folder that is thrown away needs an orderly end.
        if self.home.is_temporary() {
            for process in self.processes() {
                process.kill_and_wait(Duration::from_secs(5));
            }
        }
        // Or else somebody might wait for the one that keeps the note.
        let _ = fs::remove_file(self.home.record("stack"));
    }
}

fn port_names() -> Vec<String> {
    let alone = PROCESSES.into_iter().filter(|name| *name != "caddy").map(str::to_owned);
    alone.chain(SERVICES.map(admin)).collect()
}

fn role_passwords(secrets: &Secrets) -> anyhow::Result<RolePasswords> {
    let of = |role: &str| secrets.get_or_make(&format!("database-password-{role}"));
    Ok(RolePasswords {
        owner: of("owner")?,
        access: of("access")?,
        contacts: of("contacts")?,
        documents: of("documents")?,
        search: of("search")?,
    })
}

fn objects(external: &External, secrets: &Secrets, ports: &BTreeMap<String, u16>) -> anyhow::Result<ExternalS3> {
    if let Some(s3) = &external.s3 {
        secrets.put("s3-access-key", &s3.access_key)?;
        secrets.put("s3-secret-key", &s3.secret_key)?;
        return Ok(s3.clone());
    }
    Ok(ExternalS3 {
        endpoint: format!("http://{}", local(ports["object-store"])),
        region: object_store::REGION.to_owned(),
        bucket: object_store::BUCKET.to_owned(),
        access_key: secrets.get_or_make("s3-access-key")?,
        secret_key: secrets.get_or_make("s3-secret-key")?,
    })
}

/// What was said at the first start in this home stays.
fn owner(builder: &Builder, secrets: &Secrets) -> anyhow::Result<Owner> {
    let kept = |name: &str, first: &dyn Fn() -> String| {
        let is_new = !secrets.path(name).exists();
        if is_new {
            secrets.put(name, &first())?;
        }
        anyhow::Ok((secrets.get_or_make(name)?, is_new))
    };
    let (email, _) = kept("owner-email", &|| builder.owner_email.clone())?;
    let given = || builder.owner_password.clone().unwrap_or_else(crate::secrets::readable);
    let (password, is_new) = kept("owner-password", &given)?;
    ensure!(email.contains('@'), "DOSSIER_OWNER_EMAIL is no e-mail address");
    Ok(Owner { email, password, password_is_new: is_new && builder.owner_password.is_none() })
}

fn find_caddy() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("CADDY_BIN") {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin"), PathBuf::from("/usr/local/bin")]);
    let found = folders.map(|dir| dir.join("caddy")).find(|file| file.is_file());
    found.context("Caddy is not installed: apt-get install caddy, or name its program in CADDY_BIN")
}

/// Whether a process of a [`State`] is ready, asked from outside, and what it says when it is not.
pub async fn readiness(name: &str, address: &str, probe: Option<&str>) -> (bool, String) {
    let url = probe.unwrap_or(address).trim_start_matches("http://");
    let (host, path) = url.find('/').map_or((url, "/"), |slash| url.split_at(slash));
    let Ok(addr) = host.parse::<SocketAddr>() else { return (false, format!("{host} is no address")) };
    if probe.is_none() {
        let connected = tokio::net::TcpStream::connect(addr).await;
        return connected.map_or_else(|error| (false, error.to_string()), |_| (true, String::new()));
    }
    match http::get(addr, host, path).await {
        Ok((status, body)) if (name == "meilisearch" || path == "/readyz") && status != 200 => (false, format!("{status} {body}")),
        Ok(_) => (true, String::new()),
        Err(error) => (false, error.to_string()),
    }
}
