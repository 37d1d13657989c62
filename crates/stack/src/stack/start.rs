use std::{net::SocketAddr, time::Instant};

use anyhow::{Context, bail};

use super::{DATABASE, MIGRATION_LIMIT, PAUSE, READY_LIMIT, STARTED, Stack};
use crate::{
    OBSERVERS, http,
    observe::{self, PROBER},
    process::Process,
    programs::admin,
};

impl Stack {
    /// Starts everything that does not run, side by side where nothing has to wait, and waits until
    /// the whole answers through Caddy.
    ///
    /// # Errors
    /// When something does not get ready; the rest may be running then.
    pub async fn start_all(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let services = async {
            self.start_if_ours("postgresql").await?;
            self.set_up_database().await?;
            let documents = async {
                self.migrate("documents").await?;
                // Search reads what documents publishes, so its tables come second.
                let search = async {
                    self.migrate("search").await?;
                    self.start("search").await
                };
                let documents = async {
                    self.start("documents").await?;
                    self.start("indexer").await
                };
                tokio::try_join!(documents, search)
            };
            let contacts = async {
                self.migrate("contacts").await?;
                self.start("contacts").await
            };
            tokio::try_join!(Box::pin(documents), contacts, self.migrate("gateway"))?;
            // Last, for it looks at the others at once and then only now and again.
            self.start("gateway").await
        };
        tokio::try_join!(
            Box::pin(services),
            self.start_if_ours("object-store"),
            self.start_if_ours("meilisearch"),
            self.start("caddy")
        )?;
        self.wait_until_answering().await?;
        self.start_observers().await?;
        self.secrets.put(STARTED, "the owner's first sign-in counts")?;
        self.keep_state(true, began.elapsed())
    }

    /// Last, so that what is only starting is not taken for what is broken.
    async fn start_observers(&self) -> anyhow::Result<()> {
        if self.processes.contains_key("postgres-exporter") {
            observe::make_role(&self.database_admin_url(), &self.secrets).await?;
        }
        futures_util::future::try_join_all(OBSERVERS.map(|name| self.start_if_ours(name))).await?;
        Ok(())
    }

    async fn start_if_ours(&self, name: &str) -> anyhow::Result<()> {
        if self.processes.contains_key(name) { self.start(name).await } else { Ok(()) }
    }

    async fn set_up_database(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        pg::bootstrap(&self.database_admin_url(), DATABASE, &self.passwords.0).await?;
        self.tell("database", "roles and schemas are there", began);
        Ok(())
    }

    /// Brings the tables of a service to its version.
    async fn migrate(&self, service: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        let process = Process::new(self.surroundings().migration(service));
        process.start()?;
        let ended = tokio::time::timeout(MIGRATION_LIMIT, process.ended()).await;
        let ended = ended.with_context(|| format!("{service} migrate takes longer than {MIGRATION_LIMIT:?}"))?;
        if !ended.is_some_and(|status| status.success()) {
            bail!("{service} migrate failed:\n{}", process.log_tail());
        }
        self.tell(&format!("{service} migrate"), "tables are there", began);
        Ok(())
    }

    /// Starts one process, unless it runs, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready within thirty seconds.
    ///
    /// # Panics
    /// As [`Stack::process`].
    pub async fn start(&self, name: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        if let (Some(postgres), "postgresql") = (&self.postgres, name) {
            postgres.start_again().await?;
        } else {
            self.process(name).start()?;
            self.wait_ready(name).await?;
        }
        self.tell(name, &format!("ready at {}", self.address(name)), began);
        Ok(())
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready within thirty seconds; with what it says and the end of its log.
    ///
    /// # Panics
    /// As [`Stack::process`].
    pub async fn wait_ready(&self, name: &str) -> anyhow::Result<()> {
        let process = self.process(name);
        let (addr, path, wanted) = self.probe(name);
        let mut said = "nothing".to_owned();
        let asking = async {
            loop {
                match http::get(addr, &addr.to_string(), path).await {
                    Ok((status, _)) if wanted.is_none_or(|w| w == status) => return,
                    Ok((status, body)) => said = format!("{status} {body}"),
                    Err(_) => (),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            ready = tokio::time::timeout(READY_LIMIT, asking) => if ready.is_err() {
                bail!("{name} is not ready after {READY_LIMIT:?}; {path} says {said}\n{}", process.log_tail());
            },
            status = process.ended() => {
                let how = status.map_or_else(|| "was not started".to_owned(), |s| format!("ended with {s}"));
                bail!("{name} {how}\n{}", process.log_tail());
            }
        }
        Ok(())
    }

    /// Where to ask, and the status that means yes; `None`: any.
    pub(super) fn probe(&self, name: &str) -> (SocketAddr, &'static str, Option<u16>) {
        let at = |port: &str| SocketAddr::from(([127, 0, 0, 1], self.ports[port]));
        match name {
            "object-store" => (at(name), "/", None),
            "meilisearch" => (at(name), "/health", Some(200)),
            "caddy" => (at(name), "/metrics", Some(404)),
            "prometheus" => (at(name), "/prometheus/-/ready", Some(200)),
            "alertmanager" => (at(name), "/alertmanager/-/ready", Some(200)),
            PROBER => (at(&admin(name)), "/readyz", Some(200)),
            // Not /metrics, which asks what is measured.
            exporter if OBSERVERS.contains(&exporter) => (at(name), "/", Some(200)),
            _ => (at(&admin(name)), "/readyz", Some(200)),
        }
    }

    /// The first request, as everybody makes it.
    async fn wait_until_answering(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let addr = SocketAddr::from(([127, 0, 0, 1], self.ports["caddy"]));
        let host = format!("localhost:{}", self.ports["caddy"]);
        let mut said = "nothing".to_owned();
        while began.elapsed() < READY_LIMIT {
            match http::get(addr, &host, "/api/v1/health/ready").await {
                Ok((200, _)) => return Ok(()),
                Ok((status, body)) => said = format!("{status} {body}"),
                Err(error) => said = error.to_string(),
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{}/api/v1/health/ready does not say 200 after {READY_LIMIT:?}; it says {said}", self.url)
    }
}
