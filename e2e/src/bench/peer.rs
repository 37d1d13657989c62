//! Others that answer the same calls: given by URL, or the FastAPI baseline started from its folder.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use stack::{
    ports,
    process::{Process, Program},
};
use tokio::process::Command;

use super::{load::Target, s3::Bucket};

const START_LIMIT: Duration = Duration::from_secs(60);

/// Somebody else who answers the same calls.
pub(crate) struct Peer {
    pub(crate) target: Target,
    /// When it was started here.
    process: Option<Process>,
}

impl Peer {
    /// `given` is `name=url`.
    pub(crate) async fn given(given: &str) -> anyhow::Result<Self> {
        let (name, url) = given.split_once('=').context("a peer is given as name=url")?;
        Ok(Self { target: Target::new(name, url, None).await?, process: None })
    }

    /// Starts the baseline in `dir` with two workers, on a database of its own on the same
    /// PostgreSQL and with the same object store. Its packages go into `cache`, once.
    pub(crate) async fn baseline(
        dir: &Path,
        cache: &Path,
        scratch: &Path,
        admin_url: &str,
        s3: &Bucket,
    ) -> anyhow::Result<Self> {
        let dir = std::path::absolute(dir)?;
        let uvicorn = packages(&dir, cache).await?;
        let database = database(admin_url).await?;
        let port = ports::free()?;
        let mut program = Program::new("baseline", uvicorn, scratch.join("baseline.log"));
        let port_text = port.to_string();
        let arguments = ["app:app", "--workers", "2", "--host", "127.0.0.1", "--port", &port_text, "--no-access-log"];
        program.arguments = arguments.map(Into::into).into();
        program.directory = Some(dir);
        let environment = [
            ("DATABASE_URL", database.as_str()),
            ("S3_ENDPOINT", &s3.0.endpoint),
            ("S3_REGION", &s3.0.region),
            ("S3_BUCKET", &s3.0.bucket),
            ("S3_ACCESS_KEY", &s3.0.access_key),
            ("S3_SECRET_KEY", &s3.0.secret_key),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ];
        program.environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let process = Process::new(program);
        process.start()?;
        let url = format!("http://127.0.0.1:{port}");
        answering(&format!("{url}/health"), &process).await?;
        Ok(Self { target: Target::new("baseline", &url, None).await?, process: Some(process) })
    }

    /// Its main process, when it was started here.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.process.as_ref()?.pid()
    }

    /// Ends it, when it was started here.
    pub(crate) async fn stop(&self) {
        if let Some(process) = &self.process {
            process.stop(Duration::from_secs(10)).await;
        }
    }
}

/// Installs what the baseline needs; answers where uvicorn is.
async fn packages(dir: &Path, cache: &Path) -> anyhow::Result<PathBuf> {
    let environment = cache.join("dossier-baseline-venv");
    let (uvicorn, done) = (environment.join("bin/uvicorn"), environment.join("installed"));
    if done.exists() {
        return Ok(uvicorn);
    }
    eprintln!("installing the baseline's packages into {}", environment.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment)).await?;
    let requirements = dir.join("requirements.txt");
    run(Command::new(environment.join("bin/pip")).args(["install", "--quiet", "-r"]).arg(requirements)).await?;
    tokio::fs::write(done, "").await?;
    Ok(uvicorn)
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).status().await?;
    ensure!(status.success(), "{:?} ended with {status}", command.as_std());
    Ok(())
}

/// An empty database `baseline`; answers its URL.
async fn database(admin_url: &str) -> anyhow::Result<String> {
    let (client, connection) = tokio_postgres::connect(admin_url, tokio_postgres::NoTls).await?;
    let driving = tokio::spawn(connection);
    client.batch_execute("DROP DATABASE IF EXISTS baseline WITH (FORCE)").await?;
    client.batch_execute("CREATE DATABASE baseline TEMPLATE template0 ENCODING 'UTF8'").await?;
    drop(client);
    driving.await??;
    let (server, _) = admin_url.rsplit_once('/').context("the administrator's URL names no database")?;
    Ok(format!("{server}/baseline"))
}

async fn answering(url: &str, process: &Process) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
    let asking = async {
        while !http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            ensure!(process.pid().is_some(), "the baseline ended: {}", process.log_tail());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    tokio::time::timeout(START_LIMIT, asking)
        .await
        .with_context(|| format!("the baseline does not answer: {}", process.log_tail()))?
}
