use std::{ffi::OsString, future::Future, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::FromArgMatches;
use secrecy::SecretString;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{Health, admin, telemetry};

/// From SIGTERM to the end of the process, at most.
pub const DRAIN: Duration = Duration::from_secs(25);

/// What every service is told.
#[derive(clap::Args, Clone, Debug)]
pub struct ProcessConfig {
    /// Where /metrics, /livez and /readyz are served; keep it off the public network.
    #[arg(long, env, default_value = "127.0.0.1:0")]
    pub admin_addr: SocketAddr,
    /// Which log lines are written (tracing's filter syntax).
    #[arg(long = "log-filter", env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
    /// "json" or "text".
    #[arg(long, env, default_value = "json", value_parser = ["json", "text"])]
    pub log_format: String,
    /// Where traces are sent by OTLP over gRPC; absent: nowhere.
    #[arg(long = "otlp-endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// Threads that serve; 0: half as many as there are cores, since the other services and the
    /// database want theirs, and a request that stays on one thread is a quick one.
    #[arg(long, env, default_value_t = 0)]
    pub worker_threads: usize,
}

impl ProcessConfig {
    fn threads(&self) -> usize {
        match self.worker_threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            threads => threads,
        }
    }
}

impl Default for ProcessConfig {
    fn default() -> Self {
        Self {
            admin_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            log_filter: "info".to_owned(),
            log_format: "json".to_owned(),
            otlp_endpoint: None,
            worker_threads: 0,
        }
    }
}

/// For clap: a value that is never printed.
pub fn parse_secret(text: &str) -> Result<SecretString, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        secret => Ok(SecretString::from(secret.to_owned())),
    }
}

/// A service as the chassis runs it.
pub trait Service: Sized + Send + 'static {
    /// Such as "contacts".
    const NAME: &'static str;
    /// One line for `--help`.
    const ABOUT: &'static str;
    /// What `serve` is told.
    type Config: clap::Args + Send;
    /// What `migrate` is told.
    type Migration: clap::Args + Send;

    /// The part of the configuration that is the chassis's.
    fn process(config: &Self::Config) -> &ProcessConfig;
    /// Brings the service's tables to this version; says what it did.
    fn migrate(migration: Self::Migration) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// Binds the address and prepares everything; serves nothing yet.
    fn build(config: Self::Config, health: Health) -> impl Future<Output = anyhow::Result<Self>> + Send;
    /// The bound address.
    fn addr(&self) -> SocketAddr;
    /// Serves until `shutdown`, then finishes what is in flight.
    fn run(self, shutdown: CancellationToken) -> impl Future<Output = anyhow::Result<()>> + Send;
}

#[derive(clap::Subcommand)]
enum Command<C: clap::Args, M: clap::Args> {
    /// Serve until SIGTERM or SIGINT.
    Serve(C),
    /// Bring the database to this version's schema, then exit.
    Migrate(M),
    /// Exit 0 when the service on this machine is ready, 1 when it is not.
    Healthcheck(Healthcheck),
}

#[derive(clap::Args)]
struct Healthcheck {
    /// The service's admin address.
    #[arg(long, env)]
    admin_addr: SocketAddr,
}

/// The whole `main` of a service.
pub fn run<S: Service>() -> ExitCode {
    match execute::<S>() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", S::NAME);
            ExitCode::FAILURE
        }
    }
}

fn execute<S: Service>() -> anyhow::Result<()> {
    let command = <Command<S::Config, S::Migration> as clap::Subcommand>::augment_subcommands(
        clap::Command::new(S::NAME)
            .bin_name(format!("dossier-{}", S::NAME))
            .about(S::ABOUT)
            .version(env!("CARGO_PKG_VERSION"))
            .after_help("A variable X that holds a secret may be given as X_FILE, the path of a file that holds it.")
            .subcommand_required(true)
            .arg_required_else_help(true),
    );
    let arguments = with_secret_files(&command, std::env::args_os().collect())?;
    let matches = command.get_matches_from(arguments);
    let command = Command::<S::Config, S::Migration>::from_arg_matches(&matches)?;
    let runtime = |threads| tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    match command {
        Command::Serve(config) => runtime(S::process(&config).threads())?.block_on(serve::<S>(config)),
        Command::Migrate(migration) => runtime(1)?.block_on(S::migrate(migration)),
        Command::Healthcheck(check) => runtime(1)?.block_on(admin::healthcheck(check.admin_addr)),
    }
}

/// Appends `--x=<contents>` for each variable `X_FILE` that is set while `X` is not.
fn with_secret_files(command: &clap::Command, mut arguments: Vec<OsString>) -> anyhow::Result<Vec<OsString>> {
    let Some(chosen) = arguments.get(1).and_then(|a| a.to_str()).and_then(|a| command.find_subcommand(a)) else {
        return Ok(arguments);
    };
    for argument in chosen.get_arguments() {
        let (Some(name), Some(flag)) = (argument.get_env().and_then(|e| e.to_str()), argument.get_long()) else {
            continue;
        };
        let file = format!("{name}_FILE");
        if let (None, Some(path)) = (std::env::var_os(name), std::env::var_os(&file)) {
            let contents = std::fs::read_to_string(&path)
                .with_context(|| format!("{file} names {}, which cannot be read", path.display()))?;
            arguments.push(format!("--{flag}={}", contents.trim_end()).into());
        }
    }
    Ok(arguments)
}

async fn serve<S: Service>(config: S::Config) -> anyhow::Result<()> {
    let process = S::process(&config).clone();
    let telemetry = telemetry::Telemetry::start(S::NAME, &process)?;
    let metrics = telemetry::metrics()?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);

    let health = Health::default();
    let listener = TcpListener::bind(process.admin_addr)
        .await
        .with_context(|| format!("the admin address {} cannot be bound", process.admin_addr))?;
    let admin_addr = listener.local_addr()?;
    let stop_admin = CancellationToken::new();
    let admin = tokio::spawn(admin::serve(listener, health.clone(), metrics.clone(), stop_admin.clone()));
    let upkeep = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(5));
        loop {
            tick.tick().await;
            metrics.run_upkeep();
        }
    });

    let service = S::build(config, health.clone()).await?;
    health.evaluate();
    tracing::info!(service = S::NAME, addr = %service.addr(), %admin_addr, version = env!("CARGO_PKG_VERSION"), "serving");

    let shutdown = CancellationToken::new();
    let mut running = Box::pin(service.run(shutdown.clone()));
    let ended = tokio::select! {
        ended = &mut running => ended,
        _ = terminate.recv() => drain(&mut running, &health, &shutdown).await,
        _ = interrupt.recv() => drain(&mut running, &health, &shutdown).await,
    };
    stop_admin.cancel();
    upkeep.abort();
    if tokio::time::timeout(Duration::from_secs(1), admin).await.is_err() {
        tracing::warn!("the admin listener did not stop in time");
    }
    tracing::info!(service = S::NAME, "stopped");
    tokio::task::spawn_blocking(move || telemetry.flush()).await?;
    ended
}

async fn drain(
    running: &mut (impl Future<Output = anyhow::Result<()>> + Unpin),
    health: &Health,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    tracing::info!("asked to stop; finishing what is in flight");
    health.drain();
    shutdown.cancel();
    match tokio::time::timeout(DRAIN, running).await {
        Ok(ended) => ended,
        Err(_) => {
            tracing::warn!(limit_seconds = DRAIN.as_secs(), "gave up waiting for what was in flight");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Args)]
    struct Config {
        #[arg(long, env = "CHASSIS_TEST_SECRET", value_parser = parse_secret)]
        chassis_test_secret: SecretString,
    }

    #[test]
    fn a_subcommand_without_a_secret_file_is_left_alone() {
        let command = Config::augment(clap::Command::new("serve"));
        let root = clap::Command::new("x").subcommand(command);
        let arguments = vec![OsString::from("x"), OsString::from("serve")];
        assert_eq!(with_secret_files(&root, arguments.clone()).unwrap(), arguments);
        let config = Config::command_for_update_matches(&["serve", "--chassis-test-secret=abc"]);
        assert!(!format!("{:?}", config.chassis_test_secret).contains("abc"));
    }

    impl Config {
        fn augment(command: clap::Command) -> clap::Command {
            <Self as clap::Args>::augment_args(command)
        }

        fn command_for_update_matches(arguments: &[&str]) -> Self {
            let matches = Self::augment(clap::Command::new("serve")).get_matches_from(arguments);
            Self::from_arg_matches(&matches).unwrap()
        }
    }
}
