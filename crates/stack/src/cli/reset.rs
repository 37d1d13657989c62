use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use anyhow::Context;
use stack::Home;

use super::{HomeArg, down, say};

#[derive(clap::Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    home: HomeArg,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

impl Reset {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let Some(home) = Home::existing(&self.home.home) else {
            say(&format!("There is nothing in {}.", self.home.home.display()));
            return Ok(ExitCode::SUCCESS);
        };
        let dir = home.path().display();
        say(&format!("This deletes {dir}: every document and contact, the passwords and the logs."));
        if !self.yes && !agreed()? {
            say("Nothing was deleted.");
            return Ok(ExitCode::FAILURE);
        }
        down::stop(&home).await?;
        std::fs::remove_dir_all(home.path()).with_context(|| format!("{dir} cannot be deleted"))?;
        say("Deleted. The next start is the first.");
        Ok(ExitCode::SUCCESS)
    }
}

fn agreed() -> anyhow::Result<bool> {
    anyhow::ensure!(std::io::stdin().is_terminal(), "nobody is there to ask; --yes says it beforehand");
    write!(std::io::stdout(), "Type yes to go on: ")?;
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
