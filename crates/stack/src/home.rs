//! The folder where everything is kept.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{leftovers::Recorded, ports, process::Process, secrets};

const NOTE: &str = "README";
const NOTE_TEXT: &str = "\
This folder belongs to Dossier and was made by `dossier-stack up`.

postgres/  the database            objects/      the documents' bytes
secrets/   passwords and tokens    meilisearch/  the search index, which can be rebuilt
log/       one file per process    run/          what is running now
observe/   measurements of `up --observe`
";

/// The folder where everything is kept. Only one system at a time runs in it.
#[derive(Debug)]
pub struct Home {
    dir: PathBuf,
    thrown_away: Option<TempDir>,
}

/// What runs, or ran last, in a home.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Where people and programs enter.
    pub url: String,
    /// The first owner's e-mail address.
    pub owner_email: String,
    /// Where that owner's first password is kept.
    pub owner_password_file: PathBuf,
    /// The password was made at this start, and nobody has seen it yet.
    pub password_is_new: bool,
    /// Everything has been ready at least once.
    pub started: bool,
    /// From the first step to the first answered request.
    pub seconds: f64,
    /// By name; the address is `host:port`, or the URL of what runs elsewhere.
    pub addresses: BTreeMap<String, String>,
    /// By name, the URL that says whether it is ready.
    pub probes: BTreeMap<String, String>,
}

impl Home {
    /// A folder that is kept; made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or holds something else.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let home = Self { dir: std::path::absolute(dir)?, thrown_away: None };
        home.make()?;
        Ok(home)
    }

    /// Where a backup writes down how it went, for the gateway and the node exporter.
    pub(crate) fn measured(&self) -> PathBuf {
        self.dir.join("observe/textfile")
    }

    /// A folder that goes away with this value.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temporary() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("dossier-").tempdir()?;
        let home = Self { dir: folder.path().to_owned(), thrown_away: Some(folder) };
        home.make()?;
        Ok(home)
    }

    /// A folder that [`Home::open`] made before, or `None`.
    pub fn existing(dir: &Path) -> Option<Self> {
        let dir = std::path::absolute(dir).ok()?;
        dir.join(NOTE).is_file().then_some(Self { dir, thrown_away: None })
    }

    fn make(&self) -> anyhow::Result<()> {
        let dir = self.dir.display();
        if !self.dir.join(NOTE).exists() && fs::read_dir(&self.dir).is_ok_and(|mut d| d.next().is_some()) {
            bail!("{dir} holds something else; name another folder in DOSSIER_HOME");
        }
        for part in ["log", "objects", "run", "caddy", "tmp"] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(self.dir.join(part));
            made.with_context(|| format!("{dir} cannot be made"))?;
        }
        if !self.dir.join(NOTE).exists() {
            fs::write(self.dir.join(NOTE), NOTE_TEXT)?;
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Whether nothing of it will be missed.
    pub(crate) fn is_temporary(&self) -> bool {
        self.thrown_away.is_some()
    }

    /// The file that this process writes to.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("log").join(format!("{name}.log"))
    }

    /// Where it is noted that this process runs; see [`Recorded::read`].
    pub fn record(&self, name: &str) -> PathBuf {
        self.dir.join("run").join(format!("{name}.pid"))
    }

    /// Nobody else runs in this folder while the file is held; `None` when somebody does.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self) -> anyhow::Result<Option<File>> {
        let file = File::create(self.dir.join("run/lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// What runs or ran here, as far as it is known.
    pub fn state(&self) -> Option<State> {
        serde_json::from_slice(&fs::read(self.dir.join("run/state.json")).ok()?).ok()
    }

    /// From now on nothing is known of what ran here.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget_state(&self) -> std::io::Result<()> {
        match fs::remove_file(self.dir.join("run/state.json")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn keep_state(&self, state: &State) -> anyhow::Result<()> {
        Ok(secrets::write(&self.dir.join("run/state.json"), &serde_json::to_string_pretty(state)?)?)
    }

    /// Stops what an earlier start left running; answers the names.
    ///
    /// # Errors
    /// When something cannot be stopped.
    pub async fn stop_leftovers(&self, order: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut stopped = Vec::new();
        for name in order {
            let path = self.record(name);
            let Some(recorded) = Recorded::read(&path) else { continue };
            recorded.stop(Process::stop_signal_of(name), Process::STOP_LIMIT).await?;
            stopped.push((*name).to_owned());
        }
        Ok(stopped)
    }

    /// The same port as last time where it is still free, so that addresses stay.
    ///
    /// # Errors
    /// When no port is free or the choice cannot be kept.
    pub(crate) fn ports(&self, names: &[String]) -> anyhow::Result<BTreeMap<String, u16>> {
        let path = self.dir.join("run/ports.json");
        let kept = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let kept: BTreeMap<String, u16> = kept.unwrap_or_default();
        let mut chosen = BTreeMap::new();
        for name in names {
            let mut port = kept.get(name).copied().filter(|p| ports::is_free(*p)).map_or_else(ports::free, Ok)?;
            while chosen.values().any(|taken| *taken == port) {
                port = ports::free()?;
            }
            chosen.insert(name.clone(), port);
        }
        secrets::write(&path, &serde_json::to_string_pretty(&chosen)?)?;
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_runs_in_a_home() {
        let home = Home::temporary().unwrap();
        let held = home.lock().unwrap().unwrap();
        assert!(home.lock().unwrap().is_none());
        drop(held);
        assert!(home.lock().unwrap().is_some());
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
        assert!(Home::open(folder.path()).is_err());
        assert!(Home::existing(folder.path()).is_none());
    }

    #[test]
    fn ports_stay_the_same_while_they_are_free() {
        let home = Home::temporary().unwrap();
        let names = ["a".to_owned(), "b".to_owned()];
        let first = home.ports(&names).unwrap();
        assert_eq!(home.ports(&names).unwrap(), first);
        let _taken = std::net::TcpListener::bind(("127.0.0.1", first["a"])).unwrap();
        let second = home.ports(&names).unwrap();
        assert_eq!(second["b"], first["b"]);
        assert_ne!(second["a"], first["a"]);
    }
}
