use std::{
    io::{Read, Seek, SeekFrom},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::Context;
use stack::{Home, Ports, Stack, State, Step};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{HomeArg, say};

/// A first start on a slow disk takes its time.
const DETACHED_LIMIT: Duration = Duration::from_secs(180);

#[derive(clap::Args)]
pub(crate) struct Up {
    #[command(flatten)]
    home: HomeArg,
    /// The port that Caddy listens on, on this machine only.
    #[arg(long, env = "DOSSIER_PORT", default_value_t = 8080)]
    port: u16,
    /// The first owner's e-mail address; counts at the first start only.
    #[arg(long, env = "DOSSIER_OWNER_EMAIL", default_value = "owner@dossier.localhost")]
    owner_email: String,
    /// The first owner's password; counts at the first start only, made up when absent.
    #[arg(long, env = "DOSSIER_OWNER_PASSWORD", hide_env_values = true)]
    owner_password: Option<String>,
    /// Return when everything is ready, and leave it running: `down` stops it.
    #[arg(long)]
    detach: bool,
    /// Watch it too: Prometheus, Alertmanager and exporters, as Debian packages them.
    #[arg(long)]
    observe: bool,
    /// Print one line of JSON when everything is ready, and nothing else.
    #[arg(long)]
    json: bool,
    /// A variable for one process: PROCESS:NAME=VALUE, such as gateway:RUST_LOG=debug; * is all services.
    #[arg(long = "env", value_name = "PROCESS:NAME=VALUE", value_parser = parse_variable)]
    environment: Vec<Variable>,
    /// What `--detach` starts: says no password, since a log keeps what it says.
    #[arg(long, hide = true)]
    detached: bool,
}

#[derive(Clone)]
struct Variable {
    process: String,
    name: String,
    value: String,
}

fn parse_variable(text: &str) -> Result<Variable, String> {
    let parts = text.split_once(':').and_then(|(process, rest)| Some((process, rest.split_once('=')?)));
    let (process, (name, value)) = parts.ok_or("must look like PROCESS:NAME=VALUE")?;
    if process != "*" && !stack::PROCESSES.contains(&process) {
        return Err(format!("the processes are {} and *", stack::PROCESSES.join(", ")));
    }
    Ok(Variable { process: process.to_owned(), name: name.to_owned(), value: value.to_owned() })
}

impl Up {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let home = Home::open(&self.home.home)?;
        if home.lock()?.is_none() {
            let dir = home.path().display();
            match home.state().filter(|state| state.started) {
                Some(state) => self.present(&state, &format!("Dossier is running already in {dir}."))?,
                None => say(&format!("Dossier is being started or stopped in {dir}.")),
            }
            return Ok(ExitCode::SUCCESS);
        }
        if self.detach { self.start_detached(&home).await } else { self.stay().await }
    }

    /// Starts everything and stays until it is told to stop.
    async fn stay(self) -> anyhow::Result<ExitCode> {
        let mut stop = Stop::listen()?;
        let mut builder = Stack::builder()
            .home(&self.home.home)
            .ports(Ports::Fixed(self.port))
            .observe(self.observe)
            .owner(&self.owner_email, self.owner_password.clone().filter(|p| !p.is_empty()));
        for variable in &self.environment {
            builder = builder.env(&variable.process, &variable.name, &variable.value);
        }
        if !self.json {
            say(&format!("Starting Dossier in {}", std::path::absolute(&self.home.home)?.display()));
            builder = builder.on_step(show);
        }
        let stack = builder.prepare().await?;
        let started = tokio::select! {
            started = stack.start_all() => Some(started),
            () = stop.asked() => None,
        };
        if let Some(Ok(())) = &started {
            let supervision = stack.supervise();
            self.announce(stack.home())?;
            stop.asked().await;
            drop(supervision);
        }
        if !self.json {
            say("Stopping");
        }
        tokio::select! {
            () = stack.stop_all() => (),
            () = stop.asked() => {
                for process in stack.processes() {
                    process.kill9().await;
                }
            }
        }
        started.unwrap_or(Ok(())).map(|()| ExitCode::SUCCESS)
    }

    fn announce(&self, home: &std::path::Path) -> anyhow::Result<()> {
        if self.detached {
            return Ok(());
        }
        let state = Home::existing(home).and_then(|h| h.state()).context("the state was not kept")?;
        self.present(&state, &format!("Everything is ready ({:.1} s). Ctrl-C stops it.", state.seconds))
    }

    fn present(&self, state: &State, headline: &str) -> anyhow::Result<()> {
        if self.json {
            say(&serde_json::to_string(state)?);
            return Ok(());
        }
        let file = state.owner_password_file.display();
        say(&format!("\n{headline}\n\n  address   {}\n  sign in   {}", state.url, state.owner_email));
        if state.password_is_new {
            let password = std::fs::read_to_string(&state.owner_password_file)?;
            say(&format!("  password  {}   (kept in {file})\n", password.trim_end()));
        } else {
            say(&format!("  password  the first one is kept in {file}\n"));
        }
        for name in ["prometheus", "alertmanager"] {
            if state.addresses.contains_key(name) {
                say(&format!("  {name:<14}{}/{name}/   (as {})", state.url, stack::OPERATOR));
            }
        }
        if state.addresses.contains_key("prometheus") {
            let file = state.owner_password_file.with_file_name(stack::OPERATOR_PASSWORD);
            say(&format!("  {:<14}in {}", "password", file.display()));
        }
        Ok(())
    }

    /// Starts this program once more, in a session of its own, and shows what it says until it is ready.
    async fn start_detached(&self, home: &Home) -> anyhow::Result<ExitCode> {
        // What an earlier start said does not count.
        home.forget_state()?;
        let path = home.log("stack");
        let mut log = std::fs::OpenOptions::new().create(true).append(true).read(true).open(&path)?;
        let mut shown = log.seek(SeekFrom::End(0))?;
        let mut command = Command::new("setsid");
        command.arg(std::env::current_exe()?).args(self.arguments());
        if let Some(password) = &self.owner_password {
            command.env("DOSSIER_OWNER_PASSWORD", password);
        }
        let mut child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?).spawn()?;
        let waiting = async {
            loop {
                let ended = child.try_wait()?;
                log.seek(SeekFrom::Start(shown))?;
                let mut text = String::new();
                shown += log.read_to_string(&mut text)? as u64;
                if !self.json && !text.is_empty() {
                    say(text.trim_end());
                }
                if let Some(status) = ended {
                    anyhow::bail!(
                        "it did not start ({status}); see {}\n{}",
                        path.display(),
                        if self.json { &text } else { "" }
                    );
                }
                if let (Some(state), None) = (home.state().filter(|s| s.started), home.lock()?) {
                    return Ok(state);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let state = tokio::time::timeout(DETACHED_LIMIT, waiting).await.context("it did not get ready in time")??;
        self.present(&state, &format!("Everything is ready ({:.1} s). `dossier-stack down` stops it.", state.seconds))?;
        Ok(ExitCode::SUCCESS)
    }

    fn arguments(&self) -> Vec<String> {
        let home = self.home.home.display().to_string();
        let mut arguments: Vec<_> = ["up", "--detached", "--home", &home].map(str::to_owned).into();
        arguments.extend([
            "--port".to_owned(),
            self.port.to_string(),
            "--owner-email".to_owned(),
            self.owner_email.clone(),
        ]);
        if self.observe {
            arguments.push("--observe".to_owned());
        }
        for Variable { process, name, value } in &self.environment {
            arguments.extend(["--env".to_owned(), format!("{process}:{name}={value}")]);
        }
        arguments
    }
}

fn show(step: &Step) {
    say(&format!("  {:<20}{:>7.2} s  {}", step.name, step.took.as_secs_f64(), step.detail));
}

/// Ctrl-C, `down`, or the terminal that went away.
struct Stop {
    signals: [Signal; 3],
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Self { signals: [interrupt?, terminate?, hangup?] })
    }

    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
            _ = hangup.recv() => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_variable_names_a_process_that_exists() {
        assert!(parse_variable("gateway:A=b=c").is_ok_and(|v| v.value == "b=c"));
        assert!(parse_variable("nobody:A=b").is_err());
        assert!(parse_variable("gateway").is_err());
    }

    #[test]
    fn what_is_detached_understands_its_arguments() {
        let up = |home: PathBuf| Up {
            home: HomeArg { home },
            port: 1,
            owner_email: "a@b.c".to_owned(),
            owner_password: None,
            detach: true,
            observe: true,
            json: false,
            environment: vec![parse_variable("*:A=b").unwrap()],
            detached: false,
        };
        let arguments = up("x y".into()).arguments();
        assert!(Cli::try_parse_from(["dossier-stack".to_owned()].into_iter().chain(arguments)).is_ok());
    }
}
