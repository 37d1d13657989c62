//! The system under test, and the people who use it.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Reply, eventually},
    words,
};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stack::{External, Stack};

/// How long a small document may take to become ready, on a busy machine and without optimisation.
pub(crate) const READY: Duration = Duration::from_secs(25);

/// How long a part of the system may take to come back.
pub(crate) const HEALED: Duration = Duration::from_secs(30);

/// The largest document that is taken here.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 24 << 20;

/// One running system with an owner, an editor and a viewer.
pub(crate) struct System {
    /// Absent where it was started elsewhere.
    stack: Option<Arc<Stack>>,
    pub(crate) owner_email: String,
    pub(crate) owner_password: String,
    pub(crate) owner: Client,
    pub(crate) editor: Client,
    pub(crate) editor_token: String,
    pub(crate) viewer: Client,
    pub(crate) viewer_token: String,
    pub(crate) nobody: Client,
    name: &'static str,
}

impl System {
    /// Starts everything and makes the people. PostgreSQL and the object store are always its own,
    /// since tests kill them; the engine is what the environment says.
    pub(crate) async fn start(name: &'static str) -> anyhow::Result<Self> {
        let engine = External { database_admin_url: None, s3: None, ..External::from_env()? };
        Self::start_with(name, engine).await
    }

    /// The same with what runs elsewhere.
    pub(crate) async fn start_with(name: &'static str, external: External) -> anyhow::Result<Self> {
        Self::start_told(name, external, &[]).await
    }

    /// The same; the gateway is told more.
    pub(crate) async fn start_told(
        name: &'static str,
        external: External,
        gateway: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut builder = Stack::builder()
            .external(external)
            .owner("owner@dossier.localhost", Some(format!("pass {} phrase", words::unique())))
            .env("*", "RUST_LOG", "info,chassis=debug")
            // Long enough for a busy machine, short enough to be waited for.
            .env("documents", "LEASE_MS", "6000")
            .env("documents", "RETRY_BASE_MS", "300")
            .env("documents", "MAX_DOCUMENT_BYTES", MAX_DOCUMENT_BYTES.to_string());
        // All tests come from one address, faster than anybody may.
        for variable in [
            "SUBMISSIONS_PER_MINUTE",
            "ALL_SUBMISSIONS_PER_MINUTE",
            "VISITS_PER_MINUTE",
            "LINKS_PER_MINUTE",
            "REQUESTS_PER_MINUTE",
            "ADDRESS_REQUESTS_PER_MINUTE",
        ] {
            builder = builder.env("gateway", variable, "0");
        }
        if name == "alone" {
            // Soon enough to be waited for.
            builder = builder.env("gateway", "BODY_GRACE_SECONDS", "10");
        } else {
            builder = builder.env("gateway", "SIGN_INS_PER_MINUTE", "0");
        }
        if name == "shared" {
            // What is told listens on this machine.
            builder = builder.env("gateway", "WEBHOOK_PRIVATE_TARGETS", "true");
        }
        for (variable, value) in gateway {
            builder = builder.env("gateway", variable, value);
        }
        let stack = Arc::new(builder.start().await?);
        let (owner_email, owner_password) = (stack.owner().email.clone(), stack.owner().password.clone());
        let site = stack.url().to_owned();
        let system = Self::peopled(name, Some(stack), &site, owner_email, owner_password).await?;
        println!("the {name} system answers at {site} after {:.1?}", began.elapsed());
        Ok(system)
    }

    /// What runs at this address already, such as in containers; its processes are out of reach.
    pub(crate) async fn at(site: &str, owner_email: String, owner_password: String) -> anyhow::Result<Self> {
        Self::peopled("elsewhere", None, site, owner_email, owner_password).await
    }

    async fn peopled(
        name: &'static str,
        stack: Option<Arc<Stack>>,
        site: &str,
        owner_email: String,
        owner_password: String,
    ) -> anyhow::Result<Self> {
        let session = Client::sign_in(site, &owner_email, &owner_password).await?;
        let (owner, _) = token(&session).await?;
        let (editor, editor_token, _) = person(&owner, "editor").await?;
        let (viewer, viewer_token, _) = person(&owner, "viewer").await?;
        let nobody = session.nobody();
        Ok(Self { stack, owner_email, owner_password, owner, editor, editor_token, viewer, viewer_token, nobody, name })
    }

    /// The same system and people, behind another edge.
    pub(crate) fn behind(&self, base: &str) -> Self {
        Self {
            stack: self.stack.clone(),
            owner_email: self.owner_email.clone(),
            owner_password: self.owner_password.clone(),
            owner: self.owner.at(base),
            editor: self.editor.at(base),
            editor_token: self.editor_token.clone(),
            viewer: self.viewer.at(base),
            viewer_token: self.viewer_token.clone(),
            nobody: self.nobody.at(base),
            name: self.name,
        }
    }

    /// Stops everything and removes its data; the logs are kept when `keep`.
    pub(crate) async fn finish(&self, keep: bool) {
        let Some(stack) = &self.stack else { return };
        stack.stop_all().await;
        if keep {
            let kept = std::env::temp_dir().join(format!("dossier-e2e-{}-{}", self.name, std::process::id()));
            match copy(&stack.home().join("log"), &kept) {
                Ok(()) => println!("the logs of the {} system are in {}", self.name, kept.display()),
                Err(error) => println!("the logs of the {} system are lost: {error:#}", self.name),
            }
        }
        // The systems live as long as the program, so nothing drops them.
        if let Err(error) = std::fs::remove_dir_all(stack.home()) {
            println!("{} is left behind: {error}", stack.home().display());
        }
    }

    /// What started it. Tests of a system that runs elsewhere do not ask (`Room::Shared`).
    pub(crate) fn stack(&self) -> &Stack {
        self.stack.as_ref().expect("a test that needs the processes is in the room Inside or Alone")
    }

    /// Where it is, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        self.nobody.base()
    }

    /// Whether there is a search engine beside PostgreSQL.
    pub(crate) fn has_engine(&self) -> bool {
        match &self.stack {
            Some(stack) => stack.meilisearch().is_some(),
            None => std::env::var("E2E_ENGINE").is_ok_and(|engine| engine == "meilisearch"),
        }
    }

    /// Whether that engine is ours to kill.
    pub(crate) fn runs(&self, process: &str) -> bool {
        self.stack().processes().any(|running| running.name() == process)
    }

    /// Everything runs and says so; what an earlier test left broken is started.
    pub(crate) async fn whole(&self) -> anyhow::Result<()> {
        self.stack().start_all().await?;
        let ready = async || self.nobody.get("/api/v1/health/ready").await?.expect(200).map(drop);
        eventually(HEALED, "ready", ready).await
    }

    /// Ends a process without a chance to tidy up.
    pub(crate) async fn kill(&self, process: &str) {
        self.stack().process(process).kill9().await;
    }

    /// Starts it again and waits until it answers.
    pub(crate) async fn start_again(&self, process: &str) -> anyhow::Result<()> {
        self.stack().start(process).await
    }

    /// What a process wrote so far.
    pub(crate) fn log(&self, process: &str) -> anyhow::Result<String> {
        ensure!(self.runs(process), "{process} does not run here");
        let path = self.stack().process(process).log().to_owned();
        let bytes = std::fs::read(&path).with_context(|| format!("the log {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What a service's admin port answers.
    pub(crate) async fn admin(&self, service: &str, path: &str) -> anyhow::Result<Reply> {
        let client = Client::anonymous(&self.stack().admin_url(service))?;
        client.get(path).await
    }

    /// A new collection of the owner's.
    pub(crate) async fn collection(&self, visibility: &str) -> anyhow::Result<String> {
        let body = json!({"name": words::unique(), "visibility": visibility});
        self.owner.post("/api/v1/collections", &body).await?.expect(201)?.text_of("id")
    }

    /// Somebody new with this role, and their id.
    pub(crate) async fn person(&self, role: &str) -> anyhow::Result<(Client, String)> {
        let (client, _, id) = person(&self.owner, role).await?;
        Ok((client, id))
    }

    /// The hit for this document, which must be among the first.
    pub(crate) async fn found(&self, client: &Client, q: &str, id: &str) -> anyhow::Result<Value> {
        let answer = client.query("/api/v1/search", &[("q", q)]).await?.expect(200)?.json()?;
        let hits = answer["hits"].as_array().context("hits")?;
        let hit = hits.iter().find(|hit| hit["document_id"] == id);
        hit.cloned().with_context(|| format!("{q:?} does not find {id}: {answer}"))
    }

    /// This document is not among the hits, now.
    pub(crate) async fn never_found(&self, client: &Client, q: &str, id: &str) -> anyhow::Result<()> {
        let answer = client.query("/api/v1/search", &[("q", q)]).await?.expect(200)?;
        ensure!(!String::from_utf8_lossy(&answer.body).contains(id), "{q:?} finds {id}: {answer}");
        Ok(())
    }

    /// The web page of a search, as the viewer sees it without JavaScript.
    pub(crate) async fn search_page(&self, q: &str) -> anyhow::Result<Reply> {
        self.viewer.query("/", &[("q", q)]).await
    }

    /// Out of the trash, for good.
    pub(crate) async fn purge(&self, id: &str) -> anyhow::Result<()> {
        let request = self.owner.request(Method::DELETE, &format!("/api/v1/documents/{id}?purge=true"));
        e2e::client::send(request).await?.expect(204).map(drop)
    }
}

impl std::fmt::Debug for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("System").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A token for everything that its maker may do.
pub(crate) async fn token(client: &Client) -> anyhow::Result<(Client, String)> {
    let body = json!({"name": "end to end", "scopes": ["*"]});
    let token = client.post("/api/v1/tokens", &body).await?.expect(201)?.text_of("token")?;
    Ok((client.with_token(&token), token))
}

async fn person(owner: &Client, role: &str) -> anyhow::Result<(Client, String, String)> {
    let (email, password) = (format!("{}@example.org", words::unique()), format!("pass {} phrase", words::unique()));
    let body = json!({"email": email, "name": "Somebody", "role": role, "password": password});
    let id = owner.post("/api/v1/users", &body).await?.expect(201)?.text_of("id")?;
    let session = Client::sign_in(owner.base(), &email, &password).await?;
    let (client, token) = token(&session).await?;
    Ok((client, token, id))
}

/// Lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
