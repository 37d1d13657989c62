//! P14: how long a build takes: everything from nothing, and again after one service was touched.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Instant, SystemTime},
};

use anyhow::ensure;
use tokio::process::Command;

use super::figures::{Goal, Row, Sample};

const TOUCHED: &str = "services/contacts/src/lib.rs";

/// Builds in a folder of its own, which is thrown away. Only the time stamp of a source file is
/// touched, and put back.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = tempfile::Builder::new().prefix("dossier-build-").tempdir()?;
    let clean = build(&repository, target.path()).await?;
    let touched = Touched::now(repository.join(TOUCHED))?;
    let again = build(&repository, target.path()).await?;
    drop(touched);
    Ok(vec![
        Row::new("P14", "release build from nothing", Sample::one("s", clean), None, Goal::AtMost(720.0)),
        Row::new("P14", "release build after touching one service", Sample::one("s", again), None, Goal::AtMost(30.0)),
    ])
}

async fn build(repository: &Path, target: &Path) -> anyhow::Result<f64> {
    let started = Instant::now();
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--workspace", "--bins", "--quiet"])
        .env("CARGO_TARGET_DIR", target)
        .current_dir(repository)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await?;
    ensure!(status.success(), "cargo build ended with {status}");
    Ok(started.elapsed().as_secs_f64())
}

/// A file that seems to have changed just now, until this is dropped.
struct Touched {
    path: PathBuf,
    before: SystemTime,
}

impl Touched {
    fn now(path: PathBuf) -> anyhow::Result<Self> {
        let before = path.metadata()?.modified()?;
        std::fs::File::options().append(true).open(&path)?.set_modified(SystemTime::now())?;
        Ok(Self { path, before })
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        if let Ok(file) = std::fs::File::options().append(true).open(&self.path) {
            // Cargo then builds once more than it must, nothing worse.
            let _ = file.set_modified(self.before);
        }
    }
}
