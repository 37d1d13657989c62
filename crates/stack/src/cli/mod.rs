//! The commands.

mod down;
mod install;
mod object_store;
mod reset;
mod status;
mod up;

use std::{path::PathBuf, process::ExitCode};

/// Runs Dossier on this machine without containers: PostgreSQL, an S3 server, the search engine
/// where there is one, the five services, and Caddy in front.
#[derive(clap::Parser)]
#[command(version, after_help = HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Further variables:
  DATABASE_ADMIN_URL        use this PostgreSQL server instead of one of our own; the role must be
                            allowed to create roles and databases
  S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY
                            use this S3 server instead of the embedded one; the bucket must exist
  MEILISEARCH_BIN           start this Meilisearch program as the search engine
  MEILI_URL, MEILI_MASTER_KEY  or use the Meilisearch that runs there (MEILI_KEY: with this one key for all);
                            without either, PostgreSQL
                            answers searches alone
  DOSSIER_BIN_DIR           where the services' programs are (default: beside this one)
  DOSSIER_CADDYFILE         another configuration for Caddy; CADDY_BIN: another Caddy
  DOSSIER_OBSERVABILITY     another configuration for what `up --observe` starts
  RUST_LOG, LOG_FORMAT, OTEL_EXPORTER_OTLP_ENDPOINT
                            are passed on to the services

Everything is kept in the home: data, passwords (secrets/), logs (log/). What ends by itself while
the system is up is started again.";

#[derive(clap::Subcommand)]
enum Command {
    /// Start everything, show its address, and stop it all on Ctrl-C.
    Up(Box<up::Up>),
    /// Stop everything that runs in the home.
    Down(down::Down),
    /// Show each process and whether it is ready; exit 1 when something is down.
    Status(status::Status),
    /// Stop everything and delete the home: documents, contacts, passwords, logs.
    Reset(reset::Reset),
    /// Install the Debian packages that are missing: PostgreSQL, Caddy, a C compiler.
    Install(install::Install),
    #[command(hide = true)]
    ObjectStore(object_store::Serve),
}

#[derive(clap::Args, Clone)]
struct HomeArg {
    /// Where everything is kept.
    #[arg(long, env = "DOSSIER_HOME", default_value = ".dossier")]
    home: PathBuf,
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Up(up) => up.run().await,
            Command::Down(down) => down.run().await,
            Command::Status(status) => status.run().await,
            Command::Reset(reset) => reset.run().await,
            Command::Install(install) => install.run(),
            Command::ObjectStore(serve) => serve.run().await,
        }
    }
}

/// Writes a line; whether somebody reads it does not matter.
fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
