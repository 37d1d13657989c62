//! Other Caddies than the one that the system was started with, before the same system.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use e2e::client::{Client, eventually};
use stack::{
    Stack, ports,
    process::{Process, Program},
};
use tempfile::TempDir;

/// How long a proxy may take to answer first.
const READY: Duration = Duration::from_secs(15);

/// The current release, next to Debian's: `CADDY_CURRENT` names it.
pub(crate) fn current() -> Option<PathBuf> {
    let named = std::env::var_os("CADDY_CURRENT").map(PathBuf::from).filter(|path| path.is_file());
    if named.is_none() {
        println!("NOT TESTED with the current Caddy: CADDY_CURRENT names no program");
    }
    named
}

/// A Caddy that is told what the system's own is told.
pub(crate) struct Caddy {
    process: Process,
    base: String,
    // Goes away with it.
    _folder: TempDir,
}

impl Caddy {
    /// `program` in place of the system's own, which goes on; `changed` is what else is different.
    pub(crate) async fn start(
        stack: &Stack,
        program: Option<PathBuf>,
        scheme: &str,
        changed: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let (folder, port) = (TempDir::new()?, ports::free()?);
        let own = stack.process("caddy").program();
        let mut like = Program { record: None, log: folder.path().join("caddy.log"), ..own.clone() };
        if let Some(program) = program {
            like.path = program;
            // Debian's calls it otherwise.
            like.environment.remove("CADDY_AUTH_DIRECTIVE");
        }
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME"] {
            like.environment.insert(name.to_owned(), folder.path().into());
        }
        let base = format!("{scheme}://localhost:{port}");
        like.environment.insert("DOSSIER_SITE".to_owned(), base.clone().into());
        for (name, value) in changed {
            like.environment.insert((*name).to_owned(), value.into());
        }
        let caddy = Self { process: Process::new(like), base, _folder: folder };
        caddy.process.start()?;
        let client = Client::untrusting(&caddy.base)?;
        let ready = async || client.get("/metrics").await?.expect(404).map(drop);
        let ready = eventually(READY, "another Caddy", ready).await;
        if let Err(error) = ready {
            let log = caddy.process.log_tail();
            caddy.stop().await;
            return Err(error).context(log);
        }
        Ok(caddy)
    }

    /// Where it is, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) async fn stop(self) {
        self.process.stop(Duration::from_secs(5)).await;
    }
}
