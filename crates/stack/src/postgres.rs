//! A PostgreSQL cluster of our own, in a folder of our own.

use std::{
    ffi::OsString,
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_postgres::NoTls;

use crate::{
    ports,
    process::{HANDED, Process, Program, handing, is_root},
};

const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const START_LIMIT: Duration = Duration::from_secs(60);
/// PostgreSQL refuses to run as root; Debian's package makes this user.
const USER: &str = "postgres";
/// What the server says when the one before it was killed and its children are not all gone yet.
const STILL_IN_USE: &str = "is still in use";

/// What a client sends that would like to speak TLS.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Whether the server there answers in time. It is asked whether it speaks TLS, which it tells anybody; connections
/// are taken by the machine, also for a server that hangs.
pub(crate) async fn answers(addr: SocketAddr) -> anyhow::Result<()> {
    let asked = async {
        let mut server = TcpStream::connect(addr).await?;
        server.write_all(&TLS_REQUEST).await?;
        server.read_u8().await?;
        anyhow::Ok(())
    };
    tokio::time::timeout(ANSWER_LIMIT, asked).await?
}

/// How much safety may be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A commit is on disk.
    Full,
    /// For tests that do not ask for it: faster. A power cut may lose everything, a killed server nothing.
    None,
}

/// A server, from its first start until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    process: Arc<Process>,
    dir: PathBuf,
    port: u16,
    password: String,
    binaries: PathBuf,
    durability: Durability,
}

impl Postgres {
    /// Makes the cluster in `dir` when it is not there, starts it on `port` (0: a free one), and
    /// waits until it answers. When we are root, the server runs as the user postgres.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, the cluster cannot be made, or the server does not answer
    /// within a minute; the message has the end of its log.
    pub async fn start(
        dir: &Path,
        port: u16,
        password: &str,
        log: &Path,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let port = if port == 0 { ports::free()? } else { port };
        let postgres = Self::prepare(dir, port, password, log, None, durability)?;
        postgres.start_again().await?;
        Ok(postgres)
    }

    /// Not started, and the cluster perhaps not made yet.
    pub(crate) fn prepare(
        dir: &Path,
        port: u16,
        password: &str,
        log: &Path,
        record: Option<PathBuf>,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let binaries = binaries()?;
        let dir = std::path::absolute(dir)?;
        let process = Process::new(Program {
            arguments: arguments(&dir, port, durability),
            environment: [("TZ".to_owned(), "UTC".into())].into(),
            user: Some(USER),
            stop_signal: Signal::INT,
            // The home of root, for one, is closed to the user postgres.
            handed: Some(dir.clone()),
            directory: Some("/".into()),
            record,
            ..Program::new("postgresql", binaries.join("postgres"), log.to_owned())
        });
        Ok(Self { process: Arc::new(process), dir, port, password: password.to_owned(), binaries, durability })
    }

    /// Starts it on the same port, also after it was killed, and waits until it answers.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_again(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        if !self.dir.join("PG_VERSION").exists() {
            let (dir, password, binaries) = (self.dir.clone(), self.password.clone(), self.binaries.clone());
            let durability = self.durability;
            tokio::task::spawn_blocking(move || make_cluster(&dir, &password, &binaries, durability)).await??;
        }
        remove_stale_lock(&self.dir)?;
        self.process.start()?;
        loop {
            // Somebody else who has the port may never answer.
            let url = self.admin_url();
            let answer = tokio::time::timeout(ANSWER_LIMIT, tokio_postgres::connect(&url, NoTls)).await;
            let error = match answer {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {ANSWER_LIMIT:?}"),
            };
            let tail = self.process.log_tail();
            let ended = self.process.pid().is_none();
            if Instant::now() > deadline || ended && !tail.contains(STILL_IN_USE) {
                bail!("PostgreSQL does not answer: {error}\n{tail}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            if ended {
                self.process.start()?;
            }
        }
    }

    /// Stops it in an orderly way: open connections are cut, nothing needs recovery. Kills it after
    /// twenty seconds.
    pub async fn stop(&self) {
        self.process.stop(Duration::from_secs(20)).await;
    }

    /// While it runs.
    pub fn pid(&self) -> Option<i32> {
        self.process.pid()
    }

    /// For a role that may do everything.
    pub fn admin_url(&self) -> String {
        self.url("postgres", &self.password, "postgres")
    }

    /// For a role of this server.
    pub fn url(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The server process, for signals and faults.
    pub fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn shared_process(&self) -> Arc<Process> {
        Arc::clone(&self.process)
    }

    /// Where psql, pgbench and pg_dump are.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// Its TCP port on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The newest installed version.
fn binaries() -> anyhow::Result<PathBuf> {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path());
    let newest = installed.filter(|p| p.join("bin/postgres").exists()).max_by_key(version);
    if let Some(newest) = newest {
        return Ok(newest.join("bin"));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|p| p.join("postgres").exists() && p.join("initdb").exists())
        .context("PostgreSQL is not installed: apt-get install postgresql")
}

fn arguments(dir: &Path, port: u16, durability: Durability) -> Vec<OsString> {
    // A socket's path has at most 107 bytes; without one there is still TCP.
    let socket_fits = dir.as_os_str().len() < 80;
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        format!("unix_socket_directories={}", if socket_fits { "." } else { "" }),
        "max_connections=150".to_owned(),
        "shared_buffers=128MB".to_owned(),
        "work_mem=8MB".to_owned(),
        "maintenance_work_mem=64MB".to_owned(),
        "max_wal_size=1GB".to_owned(),
        "checkpoint_timeout=15min".to_owned(),
        "checkpoint_completion_target=0.9".to_owned(),
        "random_page_cost=1.1".to_owned(),
        "jit=off".to_owned(),
        "password_encryption=scram-sha-256".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        "log_min_messages=warning".to_owned(),
        // Neither the statement nor the row that it is about belongs in a log.
        "log_min_error_statement=panic".to_owned(),
        "log_error_verbosity=terse".to_owned(),
    ];
    if durability == Durability::None {
        settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
    }
    let mut arguments = vec!["-D".into(), HANDED.into()];
    for setting in settings {
        arguments.extend(["-c".into(), setting.into()]);
    }
    arguments
}

/// A machine that lost power leaves the lock file of a server behind, and its process id may
/// belong to another program by now; the server would refuse to start.
fn remove_stale_lock(dir: &Path) -> std::io::Result<()> {
    let lock = dir.join("postmaster.pid");
    let Ok(text) = std::fs::read_to_string(&lock) else { return Ok(()) };
    let pid = text.lines().next().unwrap_or_default().trim();
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.starts_with("postgres") { Ok(()) } else { std::fs::remove_file(lock) }
}

fn make_cluster(dir: &Path, password: &str, binaries: &Path, durability: Durability) -> anyhow::Result<()> {
    // What an interrupted attempt left is no cluster yet: the version file comes with the rename.
    let unfinished = dir.with_extension("unfinished");
    for path in [dir, &unfinished] {
        if path.exists() {
            std::fs::remove_dir_all(path)?;
        }
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&unfinished)?;
    // Not in the home: the user postgres may not be able to read there.
    let mut password_file = tempfile::NamedTempFile::new()?;
    password_file.write_all(password.as_bytes())?;
    let mut initdb = handing(Some(&unfinished));
    if is_root() {
        let given = Command::new("chown")
            .arg(format!("{USER}:"))
            .args([unfinished.as_path(), password_file.path()])
            .status()?;
        ensure!(given.success(), "{} cannot be given to the user {USER}", unfinished.display());
        initdb.args(["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"]);
    }
    let made = initdb
        .arg(binaries.join("initdb"))
        .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"])
        .args(["--data-checksums", "--no-sync", "--no-instructions", "-D", HANDED, "--pwfile"])
        .arg(password_file.path())
        .current_dir("/")
        .output()?;
    password_file.close()?;
    if !made.status.success() {
        bail!("initdb failed in {}: {}", dir.display(), String::from_utf8_lossy(&made.stderr));
    }
    if durability == Durability::Full {
        // initdb ran without syncing each file, which takes seconds; one sync of all does the same.
        rustix::fs::syncfs(fs::File::open(&unfinished)?)?;
    }
    fs::rename(&unfinished, dir)?;
    if let (Durability::Full, Some(parent)) = (durability, dir.parent()) {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}
