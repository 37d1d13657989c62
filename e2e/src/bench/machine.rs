//! What it was measured on, and the memory of processes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use serde::Serialize;

/// The machine and the versions of what ran on it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) versions: BTreeMap<String, String>,
}

impl Machine {
    pub(crate) fn look(postgres_binaries: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (processor, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let model = processor.lines().find(|line| line.starts_with("model name"));
        let programs = [
            ("postgresql", postgres_binaries.join("postgres"), "--version"),
            ("caddy", PathBuf::from("caddy"), "version"),
            ("rustc", PathBuf::from("rustc"), "--version"),
            ("revision", PathBuf::from("git"), "describe --always --dirty"),
        ];
        let mut versions: BTreeMap<String, String> = programs
            .into_iter()
            .filter_map(|(name, program, ask)| Some((name.to_owned(), first_line(&program, ask)?)))
            .collect();
        versions.insert("dossier".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        Self {
            processor: model.and_then(|line| line.split(':').nth(1)).unwrap_or("unknown").trim().to_owned(),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_gib: field(&memory, "MemTotal").unwrap_or_default() as f64 / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            versions,
        }
    }

    pub(crate) fn text(&self) -> String {
        let versions: Vec<_> = self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        format!(
            "{}, {} cores, {:.1} GiB, Linux {}\n{}",
            self.processor,
            self.cores,
            self.memory_gib,
            self.kernel,
            versions.join(" · ")
        )
    }
}

fn first_line(program: &Path, ask: &str) -> Option<String> {
    let output = Command::new(program).args(ask.split(' ')).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Memory of one process, in MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    /// The highest `resident` since the start, or since [`reset_peak`].
    pub(crate) peak: f64,
}

/// As the kernel has it for this process.
pub(crate) fn memory(pid: i32) -> anyhow::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} is gone"))?;
    let mib = |name| Some(field(&status, name)? as f64 / 1024.0);
    Ok(Memory { resident: mib("VmRSS").context("no VmRSS")?, peak: mib("VmHWM").context("no VmHWM")? })
}

/// Starts the peak anew. Where the kernel does not let us, the peak since the start stays, which
/// can only be higher.
pub(crate) fn reset_peak(pid: i32) {
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// The processes that this one started, and theirs.
pub(crate) fn descendants(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let children = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<i32> = children.flat_map(|text| numbers(&text)).collect();
    children.iter().flat_map(|child| std::iter::once(*child).chain(descendants(*child))).collect()
}

fn numbers(text: &str) -> Vec<i32> {
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// A line such as `VmRSS:   1234 kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory() {
        let own = i32::try_from(std::process::id()).unwrap();
        let memory = memory(own).unwrap();
        assert!(memory.resident > 0.0 && memory.peak > 0.0);
        assert_eq!(field("VmRSS:\t  12 kB\n", "VmRSS"), Some(12));
    }
}
