//! PostgreSQL's own load generator, as the limit that a service in front of it can reach.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::process::Command;

/// The same two statements as a submission, in one transaction, on the same tables.
const SUBMISSION: &str = r"\set n random(1, 100000)
BEGIN;
INSERT INTO contacts AS c (id, name, email) VALUES (gen_random_uuid(), 'Anna Muster', 'bench-' || :n || '@example.org')
  ON CONFLICT (lower(email)) DO UPDATE SET revision = c.revision RETURNING id AS contact \gset
INSERT INTO submissions (id, contact_id, name, email, subject, message, status)
  VALUES (gen_random_uuid(), :contact::uuid, 'Anna Muster', 'bench-' || :n || '@example.org', '', 'Good morning, I would like to hear more about the archive and when it can be visited.', 'new');
COMMIT;
";

/// pgbench, when the machine has it.
#[derive(Clone, Debug)]
pub(crate) struct Pgbench {
    program: PathBuf,
    folder: PathBuf,
}

impl Pgbench {
    pub(crate) fn find(postgres_binaries: &Path, folder: &Path) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::iter::once(postgres_binaries.to_owned()).chain(std::env::split_paths(&path));
        let program = places.map(|place| place.join("pgbench")).find(|program| program.is_file())?;
        Some(Self { program, folder: folder.to_owned() })
    }

    /// Submissions each second that the database itself reaches.
    pub(crate) async fn submissions(&self, url: &str, clients: usize, duration: Duration) -> anyhow::Result<f64> {
        let script = self.folder.join("submission.sql");
        tokio::fs::write(&script, SUBMISSION).await?;
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol=prepared", "--jobs=1"])
            .arg(format!("--client={clients}"))
            .arg(format!("--time={}", duration.as_secs().max(1)))
            .arg("--file")
            .arg(&script)
            .arg(url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("pgbench cannot be run")?;
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "pgbench failed: {complained:.300}");
        tps(&said).with_context(|| format!("pgbench did not say its rate: {said}"))
    }
}

fn tps(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_report() {
        let said = "number of failed transactions: 0 (0.000%)\nlatency average = 1.5 ms\ntps = 20312.5 (without initial connection time)\n";
        assert_eq!(tps(said), Some(20312.5));
    }
}
