use std::process::ExitCode;

use serde::Serialize;
use stack::{Home, PROCESSES, Recorded};

use super::{HomeArg, say};

#[derive(clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    home: HomeArg,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    name: String,
    pid: Option<i32>,
    ready: bool,
    address: String,
    detail: String,
}

impl Status {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let state = Home::existing(&self.home.home).and_then(|home| Some((home.state()?, home)));
        let Some((state, home)) = state else {
            say(if self.json { "[]" } else { "Dossier was never started here." });
            return Ok(ExitCode::FAILURE);
        };
        let mut lines = Vec::new();
        for name in PROCESSES.iter().rev() {
            let Some(address) = state.addresses.get(*name) else { continue };
            let pid = Recorded::read(&home.record(name)).map(|recorded| recorded.pid);
            let (ready, detail) = match pid {
                None => (false, "is not running".to_owned()),
                Some(_) => stack::readiness(name, address, state.probes.get(*name).map(String::as_str)).await,
            };
            lines.push(Line { name: (*name).to_owned(), pid, ready, address: address.clone(), detail });
        }
        if self.json {
            say(&serde_json::to_string(&lines)?);
        } else {
            print(&lines, &state.url);
        }
        let all_ready = lines.iter().all(|line| line.ready);
        Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(lines: &[Line], url: &str) {
    say(&format!("{:<14}{:>9}  {:<7}{:<24}", "process", "pid", "ready", "address"));
    for Line { name, pid, ready, address, detail } in lines {
        let pid = pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let ready = if *ready { "yes" } else { "no" };
        say(format!("{name:<14}{pid:>9}  {ready:<7}{address:<24}{detail}").trim_end());
    }
    say(&format!("\n{url}"));
}
