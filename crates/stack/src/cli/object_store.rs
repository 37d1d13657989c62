use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use stack::object_store::ObjectStore;
use tokio::signal::unix::{SignalKind, signal};

/// The embedded S3 server, as a process of its own.
#[derive(clap::Args)]
pub(crate) struct Serve {
    /// Where the objects are kept.
    #[arg(long)]
    dir: PathBuf,
    /// host:port.
    #[arg(long)]
    listen: SocketAddr,
}

impl Serve {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
        let mut terminate = signal(SignalKind::terminate())?;
        let (access_key, secret_key) = (secret("S3_ACCESS_KEY")?, secret("S3_SECRET_KEY")?);
        let store = ObjectStore::start(self.dir, self.listen, &access_key, &secret_key).await?;
        tracing::info!(endpoint = store.endpoint(), "serving objects");
        terminate.recv().await;
        store.stop().await;
        Ok(ExitCode::SUCCESS)
    }
}

fn secret(name: &str) -> anyhow::Result<String> {
    let file = format!("{name}_FILE");
    let path = std::env::var_os(&file).with_context(|| format!("{file} is not set"))?;
    let text = std::fs::read_to_string(path).with_context(|| format!("{file} cannot be read"))?;
    Ok(text.trim_end().to_owned())
}
