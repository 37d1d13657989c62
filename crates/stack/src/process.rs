//! One child process: started, watched, stopped, killed, started again.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, OnceLock, mpsc},
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use crate::leftovers;

/// Where a program finds [`Program::handed`].
pub const HANDED: &str = "/proc/self/fd/3";
const LOG_BYTES: u64 = 16 * 1024 * 1024;

type Exit = watch::Receiver<Option<ExitStatus>>;
type Job = Box<dyn FnOnce() + Send>;

/// How to start a child.
#[derive(Clone, Debug)]
pub struct Program {
    /// Such as "gateway"; names its log file.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The whole environment, besides PATH and the locale.
    pub environment: BTreeMap<String, OsString>,
    /// The user to become, when we are root.
    pub user: Option<&'static str>,
    /// What stops it in an orderly way.
    pub stop_signal: Signal,
    /// Where its output goes.
    pub log: PathBuf,
    /// Where it starts; ours, when `None`.
    pub directory: Option<PathBuf>,
    /// A folder that it finds as [`HANDED`], whatever its user may see.
    pub handed: Option<PathBuf>,
    /// Where to note who it is while it runs, so that it can be found when we are gone.
    pub record: Option<PathBuf>,
}

impl Program {
    /// Without arguments and environment, as the same user, stopped by SIGTERM.
    pub fn new(name: &str, path: PathBuf, log: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            path,
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            user: None,
            stop_signal: Signal::TERM,
            log,
            directory: None,
            handed: None,
            record: None,
        }
    }
}

struct Child {
    pid: Pid,
    exit: Exit,
}

/// A child process that can be ended and started again, for supervision and for fault tests.
pub struct Process {
    program: Program,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// How long something may take to finish what is in flight; a service gives itself less.
    pub const STOP_LIMIT: Duration = Duration::from_secs(30);

    /// What stops the process of this name in an orderly way.
    pub(crate) fn stop_signal_of(name: &str) -> Signal {
        if name == "postgresql" { Signal::INT } else { Signal::TERM }
    }

    /// Not started yet.
    pub fn new(program: Program) -> Self {
        Self { program, child: Mutex::new(None) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.program.name
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.program.log
    }

    /// How it is started.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Starts it, unless it runs.
    ///
    /// # Errors
    /// When the program cannot be executed or its log not be opened.
    pub fn start(&self) -> anyhow::Result<()> {
        if self.pid().is_some() {
            return Ok(());
        }
        let program = self.program.clone();
        let name = program.name.clone();
        let (answer, started) = mpsc::channel();
        let job: Job = Box::new(move || {
            let _ = answer.send(spawn(&program));
        });
        launcher()?.send(job).map_err(|_| anyhow::anyhow!("the launcher is gone"))?;
        let child = started.recv()?.with_context(|| format!("{name} cannot be started"))?;
        *self.lock() = Some(child);
        Ok(())
    }

    /// While it runs.
    pub fn pid(&self) -> Option<i32> {
        let child = self.lock();
        child.as_ref().filter(|c| c.exit.borrow().is_none()).map(|c| c.pid.as_raw_nonzero().get())
    }

    /// Sends a signal, when it runs.
    pub fn signal(&self, signal: Signal) {
        if let Some(child) = self.lock().as_ref().filter(|c| c.exit.borrow().is_none()) {
            // It may end at this very moment; then there is nothing to tell.
            let _ = kill_process(child.pid, signal);
        }
    }

    /// Ends it at once, without a chance to tidy up, and waits until it is gone.
    pub async fn kill9(&self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Asks it to stop and waits; kills it after `limit`. Answers how it ended, if it ran.
    pub async fn stop(&self, limit: Duration) -> Option<ExitStatus> {
        self.signal(self.program.stop_signal);
        match tokio::time::timeout(limit, self.ended()).await {
            Ok(status) => status,
            Err(_) => {
                tracing::warn!(name = self.name(), "did not stop in time and is killed");
                self.signal(Signal::KILL);
                self.ended().await
            }
        }
    }

    /// For a process whose data will not be missed: ends it and waits without a runtime.
    pub(crate) fn kill_and_wait(&self, limit: Duration) {
        // PostgreSQL's way of stopping at once takes its children along.
        let at_once = if self.program.stop_signal == Signal::INT { Signal::QUIT } else { Signal::KILL };
        self.signal(at_once);
        let deadline = Instant::now() + limit;
        while self.pid().is_some() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.signal(Signal::KILL);
    }

    /// Waits until it is gone; at once when it was never started.
    pub async fn ended(&self) -> Option<ExitStatus> {
        let mut exit = self.lock().as_ref().map(|c| c.exit.clone())?;
        let status = exit.wait_for(Option::is_some).await.ok()?;
        *status
    }

    /// The last lines of its log, for error messages.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.program.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).into_owned();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.program.stop_signal);
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("name", &self.program.name).field("pid", &self.pid()).finish()
    }
}

/// Children ask the kernel to be signalled when the thread that started them ends. So all are
/// started by one thread, which lives exactly as long as this process.
fn launcher() -> anyhow::Result<&'static mpsc::Sender<Job>> {
    static LAUNCHER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    if let Some(sender) = LAUNCHER.get() {
        return Ok(sender);
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new().name("launcher".to_owned()).spawn(move || {
        for job in jobs {
            job();
        }
    })?;
    Ok(LAUNCHER.get_or_init(|| sender))
}

fn spawn(program: &Program) -> io::Result<Child> {
    let log = open_log(&program.log)?;
    let signal = match program.stop_signal {
        Signal::INT => "INT",
        _ => "TERM",
    };
    let mut command = handing(program.handed.as_deref());
    command.args(["setpriv", "--pdeathsig", signal]);
    if let (Some(user), true) = (program.user, is_root()) {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.arg(&program.path).args(&program.arguments).env_clear().envs(&program.environment);
    for kept in ["PATH", "LANG", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    // A group of its own: Ctrl-C in the terminal reaches only us, and we stop the children in order.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    if let Some(directory) = &program.directory {
        command.current_dir(directory);
    }
    let mut child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let pid = Pid::from_child(&child);
    if let Some(record) = &program.record {
        leftovers::record(record, pid, &program.path)?;
    }
    let (sender, exit) = watch::channel(None);
    std::thread::Builder::new().name(format!("wait-{}", program.name)).spawn(move || {
        // Nobody may be left to hear it.
        let _ = sender.send(Some(child.wait().unwrap_or_default()));
    })?;
    Ok(Child { pid, exit })
}

/// A command that runs the command it is given, with this folder opened for it beforehand.
pub(crate) fn handing(folder: Option<&Path>) -> Command {
    let Some(folder) = folder else { return Command::new("env") };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"exec "$@" 3<"$0""#]).arg(folder);
    command
}

/// What has grown large is set aside, one generation deep.
fn open_log(path: &Path) -> io::Result<File> {
    if path.metadata().is_ok_and(|m| m.len() > LOG_BYTES) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// Whether we may become other users.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
