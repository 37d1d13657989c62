use std::time::Duration;

use secrecy::SecretString;

use crate::Engine;

/// How the search engine is reached.
#[derive(clap::Args, Clone, Debug)]
pub struct EngineConfig {
    /// Meilisearch, as http://host:port; absent: there is no engine, and PostgreSQL answers.
    #[arg(long, env)]
    pub meili_url: Option<String>,
    /// A key for Meilisearch that may do what this service does there.
    #[arg(long, env, hide_env_values = true, value_parser = parse_secret)]
    pub meili_key: Option<SecretString>,
    /// The index that holds the pages.
    #[arg(long, env, default_value = "pages")]
    pub meili_index: String,
    /// How long one call may take, in milliseconds.
    #[arg(long, env, default_value_t = 5_000)]
    pub meili_timeout_ms: u64,
    /// How long a write may stay in the engine's queue until it is done, in milliseconds.
    #[arg(long, env, default_value_t = 300_000)]
    pub meili_task_timeout_ms: u64,
}

fn parse_secret(text: &str) -> Result<SecretString, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        secret => Ok(SecretString::from(secret.to_owned())),
    }
}

impl EngineConfig {
    /// The defaults for the engine at `url`; `None`: there is none.
    pub fn new(url: Option<&str>, key: Option<&str>) -> Self {
        Self {
            meili_url: url.map(str::to_owned),
            meili_key: key.map(SecretString::from),
            meili_index: "pages".to_owned(),
            meili_timeout_ms: 5_000,
            meili_task_timeout_ms: 300_000,
        }
    }

    /// The engine, when one is configured. Does not call it.
    ///
    /// # Errors
    /// When the URL, the key or the name of the index is malformed.
    pub fn engine(&self) -> anyhow::Result<Option<Engine>> {
        match &self.meili_url {
            Some(url) if !url.trim().is_empty() => Engine::connect(self).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn call_limit(&self) -> Duration {
        Duration::from_millis(self.meili_timeout_ms)
    }

    pub(crate) fn task_limit(&self) -> Duration {
        Duration::from_millis(self.meili_task_timeout_ms)
    }
}
