//! Processes of an earlier start that outlived the one who started them.
//!
//! A record names a process by its id, the moment it started and its program, so that a process
//! that merely got the same id later is never touched.

use std::{
    fs,
    io::{self, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use serde::{Deserialize, Serialize};

/// A process as its parent noted it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// The process id.
    pub pid: i32,
    started: u64,
    program: PathBuf,
}

/// Notes who runs.
pub(crate) fn record(path: &Path, pid: Pid, program: &Path) -> io::Result<()> {
    let pid = pid.as_raw_nonzero().get();
    // It may be gone already: then there is nothing to find later.
    let Some(started) = started(pid) else { return Ok(()) };
    let recorded = Recorded { pid, started, program: program.to_owned() };
    let temporary = path.with_extension("new");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(&recorded).map_err(io::Error::other)?)?;
    fs::rename(temporary, path)
}

impl Recorded {
    /// The process of this record, if there is a readable one and it still runs.
    pub fn read(path: &Path) -> Option<Self> {
        let recorded: Self = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        recorded.is_running().then_some(recorded)
    }

    fn is_running(&self) -> bool {
        let command = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let name = self.program.file_name().unwrap_or_default().as_encoded_bytes();
        // A name that is part of the command line: PostgreSQL rewrites its own.
        let is_ours = !name.is_empty() && command.windows(name.len()).any(|w| w == name);
        is_ours && started(self.pid) == Some(self.started)
    }

    /// Asks it to stop, waits, and kills it after `limit`. True when it stopped by itself.
    ///
    /// # Errors
    /// When it is another user's, or survives being killed for five seconds.
    pub async fn stop(&self, signal: Signal, limit: Duration) -> anyhow::Result<bool> {
        let Some(process) = self.open() else { return Ok(true) };
        pidfd_send_signal(&process, signal).with_context(|| format!("process {} cannot be stopped", self.pid))?;
        if ends_within(&process, limit).await? {
            return Ok(true);
        }
        pidfd_send_signal(&process, Signal::KILL)?;
        ensure!(ends_within(&process, Duration::from_secs(5)).await?, "process {} cannot be killed", self.pid);
        Ok(false)
    }

    /// From here on no other process can be mistaken for it.
    fn open(&self) -> Option<OwnedFd> {
        let process = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::NONBLOCK).ok()?;
        self.is_running().then_some(process)
    }
}

async fn ends_within(process: &OwnedFd, limit: Duration) -> anyhow::Result<bool> {
    let (process, limit) = (process.try_clone()?, limit.try_into()?);
    let ready = move || poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit));
    Ok(tokio::task::spawn_blocking(ready).await?? > 0)
}

/// In clock ticks since the machine started; `None` once it has ended.
fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn only_the_very_process_that_was_recorded_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sleep.json");
        let mut child = Command::new("/bin/sleep").arg("600").spawn().unwrap();
        record(&path, Pid::from_child(&child), Path::new("/bin/sleep")).unwrap();
        // For a moment after it was started, a process has no command line.
        while Recorded::read(&path).is_none() {
            tokio::task::yield_now().await;
        }

        let other = Recorded { program: "/bin/another".into(), ..Recorded::read(&path).unwrap() };
        assert!(other.stop(Signal::KILL, Duration::from_secs(1)).await.unwrap());
        let later = Recorded { started: 1, ..Recorded::read(&path).unwrap() };
        assert!(later.stop(Signal::KILL, Duration::from_secs(1)).await.unwrap());
        assert!(child.try_wait().unwrap().is_none());

        let recorded = Recorded::read(&path).unwrap();
        assert!(recorded.stop(Signal::TERM, Duration::from_secs(5)).await.unwrap());
        assert!(!child.wait().unwrap().success());
        assert!(Recorded::read(&path).is_none());
    }
}
