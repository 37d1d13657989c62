use std::{process::ExitCode, time::Duration};

use rustix::process::Signal;
use stack::{Home, PROCESSES, Recorded};

use super::{HomeArg, say};

/// Nine processes, most of which take milliseconds.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(clap::Args)]
pub(crate) struct Down {
    #[command(flatten)]
    home: HomeArg,
}

impl Down {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let Some(home) = Home::existing(&self.home.home) else {
            say(&format!("There is nothing in {}.", self.home.home.display()));
            return Ok(ExitCode::SUCCESS);
        };
        say(if stop(&home).await? { "Everything is stopped." } else { "Nothing was running." });
        Ok(ExitCode::SUCCESS)
    }
}

/// True when something was running.
pub(crate) async fn stop(home: &Home) -> anyhow::Result<bool> {
    let supervisor = Recorded::read(&home.record("stack"));
    if let Some(supervisor) = &supervisor
        && !supervisor.stop(Signal::TERM, LIMIT).await?
    {
        say("It did not stop in time and was killed.");
    }
    let left_over = home.stop_leftovers(&PROCESSES).await?;
    Ok(supervisor.is_some() || !left_over.is_empty())
}
