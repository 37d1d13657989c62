use std::{
    io::Write,
    process::{Command, ExitCode, Stdio},
};

use anyhow::Context;

const SCRIPT: &str = include_str!("../../packages.sh");

#[derive(clap::Args)]
pub(crate) struct Install {
    /// Also what the tests need: a browser.
    #[arg(long)]
    tests: bool,
}

impl Install {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let purpose = if self.tests { "test" } else { "up" };
        let mut shell = Command::new("sh").args(["-s", "--", purpose]).stdin(Stdio::piped()).spawn()?;
        shell.stdin.take().context("the shell takes no script")?.write_all(SCRIPT.as_bytes())?;
        Ok(if shell.wait()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
