use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use pg::RolePasswords;

use crate::{
    Builder, External, Home, PROCESSES, SERVICES, State, Step, Supervision,
    builder::Progress,
    edge, engine_keys,
    external::ExternalS3,
    leftovers, object_store,
    observe::{Observed, PROBER},
    postgres::Postgres,
    process::Process,
    programs::{Surroundings, admin, database_url, local},
    secrets::Secrets,
};

mod access;
mod start;

pub use access::readiness;

const DATABASE: &str = "dossier";
/// There once a start has succeeded.
const STARTED: &str = "started";
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
        for name in ["rpc-token", "sealing-key"] {
            secrets.get_or_make(name)?;
        }
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
        self.settle_engine_keys()?;
        self.settle_prober(builder.observe)?;
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
            let configuration = self.secrets.path("meilisearch.toml");
            programs.push(("meilisearch", surroundings.meilisearch(bin, &configuration)));
        }
        let (caddy, caddyfile) = (find_caddy()?, builder.find_caddyfile()?);
        let mut edge = surroundings.caddy(&caddy, &caddyfile);
        if builder.observe {
            edge.environment.extend(edge::tools(&self.home, &self.secrets, &self.ports, &caddy, &caddyfile)?);
            let observed = Observed {
                home: &self.home,
                secrets: &self.secrets,
                ports: &self.ports,
                url: &self.url,
                database_admin_url: &self.database_admin_url(),
                engine: self.engine_metrics(),
                configuration: &builder.find_observability()?,
            };
            programs.extend(observed.programs()?);
            let extra: Vec<_> = ["*", PROBER].iter().filter_map(|n| builder.environment.get(*n)).collect();
            programs.push((PROBER, self.surroundings().service(PROBER, &extra)));
        }
        programs.push(("caddy", edge));
        for (name, mut program) in programs {
            let is_service = SERVICES.contains(&name) || name == PROBER;
            if let (Some(extra), false) = (builder.environment.get(name), is_service) {
                program.environment.extend(extra.clone());
            }
            self.processes.insert(name, Arc::new(Process::new(program)));
        }
        Ok(())
    }

    /// The gateway makes its account when there is a token for it.
    fn settle_prober(&self, wanted: bool) -> anyhow::Result<()> {
        match wanted {
            true if !self.secrets.path("prober-token").exists() => {
                let token = format!("dsr_{}", self.secrets.get_or_make("prober-token.random")?);
                self.secrets.put("prober-token", &token)?;
            }
            true => {}
            false => self.secrets.remove("prober-token")?,
        }
        Ok(())
    }

    /// Before the services are set up, for they are told of their keys when there are any.
    fn settle_engine_keys(&self) -> anyhow::Result<()> {
        let mut master = self.external.meili_url.as_ref().and(self.external.meili_master_key.clone());
        if self.external.meilisearch_bin.is_some() {
            let key = self.secrets.get_or_make("meili-own-key")?;
            self.secrets.put("meilisearch.toml", &format!("master_key = \"{key}\"\n"))?;
            fs::create_dir_all(self.home.path().join("meilisearch"))?;
            master = Some(key);
        }
        let given = self.external.meili_url.as_ref().and(self.external.meili_key.clone());
        let keys = [
            ("meili-master-key", master.clone()),
            ("meili-search-key", master.as_deref().map(engine_keys::search)),
            ("meili-metrics-key", master.as_deref().map(engine_keys::metrics)),
            ("meili-key", given.filter(|_| master.is_none())),
        ];
        for (name, key) in keys {
            match key {
                Some(key) => _ = self.secrets.put(name, &key)?,
                None => self.secrets.remove(name)?,
            }
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
    alone.chain(SERVICES.map(admin)).chain([admin(PROBER)]).collect()
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

/// What was said stays, once a start has succeeded with it.
fn owner(builder: &Builder, secrets: &Secrets) -> anyhow::Result<Owner> {
    ensure!(builder.owner_email.contains('@'), "DOSSIER_OWNER_EMAIL is no e-mail address");
    let counts = secrets.path(STARTED).exists();
    let settle = |name: &str, given: Option<&str>, otherwise: &dyn Fn() -> String| match given {
        Some(given) if !counts => secrets.put(name, given).map(|_| given.to_owned()),
        _ if secrets.path(name).exists() => secrets.get_or_make(name),
        given => {
            let value = given.map_or_else(otherwise, str::to_owned);
            secrets.put(name, &value).map(|_| value)
        }
    };
    let email = settle("owner-email", Some(&builder.owner_email), &String::new)?;
    let password = settle("owner-password", builder.owner_password.as_deref(), &crate::secrets::readable)?;
    Ok(Owner { email, password, password_is_new: !counts && builder.owner_password.is_none() })
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
