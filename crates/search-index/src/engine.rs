use std::time::Duration;

use anyhow::Context;
use meilisearch_sdk::client::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{EngineConfig, Error, Feed, PageRecord, query, schema, task, task::Accepted, transport::Transport};

/// The search engine. Cheap to clone; calls nothing until it is used.
#[derive(Clone, Debug)]
pub struct Engine {
    host: String,
    index: String,
    transport: Transport,
    pub(crate) sdk: Client<Transport>,
    task_limit: Duration,
}

/// What the index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Records: pages, over all documents.
    #[serde(rename = "numberOfDocuments")]
    pub records: u64,
    /// Whether writes are in the engine's queue.
    #[serde(rename = "isIndexing")]
    pub indexing: bool,
}

impl Engine {
    /// Prepares the client; connects when it is first used.
    ///
    /// # Errors
    /// When `meili_url` is absent or is not http:// or https://, when the key cannot be sent, or the
    /// index's name has other characters than a–z, A–Z, 0–9, `-` and `_`.
    pub fn connect(config: &EngineConfig) -> anyhow::Result<Engine> {
        let url = config.meili_url.as_deref().context("MEILI_URL is missing")?;
        let host = url.trim().trim_end_matches('/').to_owned();
        anyhow::ensure!(
            host.starts_with("http://") || host.starts_with("https://"),
            "MEILI_URL must begin with http:// or https://"
        );
        let index = config.meili_index.clone();
        anyhow::ensure!(
            !index.is_empty() && index.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')),
            "MEILI_INDEX may have only a–z, A–Z, 0–9, - and _"
        );
        let transport = Transport::new(config.meili_key.as_ref(), config.call_limit())?;
        let sdk = Client::new_with_client(&host, None::<String>, transport.clone());
        Ok(Engine { host, index, transport, sdk, task_limit: config.task_limit() })
    }

    /// The name of the index.
    pub fn index(&self) -> &str {
        &self.index
    }

    /// The same engine with another index.
    #[must_use]
    pub(crate) fn at(&self, index: &str) -> Self {
        Self { index: index.to_owned(), ..self.clone() }
    }

    /// Makes the index with our settings where it is missing or set up differently, and waits
    /// until that is done. Cheap when everything is in order.
    ///
    /// What is made like this is empty, and whoever reads from it finds too little until it is
    /// filled: a service fills a [`Engine::successor`] and promotes that.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ensure_index(&self) -> Result<(), Error> {
        let present: Result<Value, Error> = self.transport.get(&self.url("")).await;
        match present {
            Ok(_) => {}
            Err(e) if e.is_code("index_not_found") => self.create_index().await?,
            Err(e) => return Err(e),
        }
        if !self.is_in_order().await? {
            let wanted = serde_json::to_value(schema::settings()).map_err(Error::unreadable)?;
            let accepted = self.transport.patch_json(&self.url("/settings"), &wanted).await?;
            self.follow(vec![accepted]).await?;
            tracing::info!(index = self.index, "the search index has its settings");
        }
        Ok(())
    }

    /// Whether the index has our settings.
    ///
    /// # Errors
    /// [`Error`]; `index_not_found` when there is none.
    pub async fn is_in_order(&self) -> Result<bool, Error> {
        let wanted = serde_json::to_value(schema::settings()).map_err(Error::unreadable)?;
        let found: Value = self.transport.get(&self.url("/settings")).await?;
        Ok(holds(&found, &wanted))
    }

    pub(crate) async fn create_index(&self) -> Result<(), Error> {
        let body = json!({"uid": self.index, "primaryKey": schema::PRIMARY_KEY});
        let accepted = self.transport.post_json(&format!("{}/indexes", self.host), &body).await?;
        match self.follow(vec![accepted]).await {
            // Another process was faster.
            Err(e) if e.is_code("index_already_exists") => Ok(()),
            created => created,
        }
    }

    /// Writes records, into a new index where there is none; returns when the engine has **done**
    /// it. For more records than fit into memory use [`Engine::feed`].
    ///
    /// # Errors
    /// [`Error`]; some of the records may have been written. Writing them again does no harm.
    pub async fn put_pages(&self, records: &[PageRecord]) -> Result<(), Error> {
        self.ensure_index().await?;
        let mut feed = self.feed().await?;
        for record in records {
            feed.push(record).await?;
        }
        feed.finish().await
    }

    /// Begins a write of many records, into the index and its successor, as far as they are there.
    /// Where neither is, nothing is written: whoever makes one fills it from the truth.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn feed(&self) -> Result<Feed, Error> {
        Ok(Feed::new(self.present().await?))
    }

    /// Begins a write of many records into the successor alone.
    pub fn feed_successor(&self) -> Feed {
        Feed::new(vec![self.successor()])
    }

    /// Forgets all pages of a document; returns when that is **done**.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_document(&self, document_id: Uuid) -> Result<(), Error> {
        self.delete(&format!("document_id = {}", query::quote(&document_id.to_string()))).await
    }

    /// Forgets the pages of a document that are of an earlier version than `version`; returns when
    /// that is **done**.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_older_versions(&self, document_id: Uuid, version: i32) -> Result<(), Error> {
        let id = query::quote(&document_id.to_string());
        self.delete(&format!("document_id = {id} AND version < {version}")).await
    }

    /// Forgets all pages of these documents; returns when that is **done**.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_documents(&self, documents: &[Uuid]) -> Result<(), Error> {
        match documents {
            [] => Ok(()),
            some => self.delete(&query::among(some)).await,
        }
    }

    async fn delete(&self, filter: &str) -> Result<(), Error> {
        let mut tasks = Vec::new();
        for index in self.present().await? {
            let url = index.url("/documents/delete");
            tasks.push(self.transport.post_json(&url, &json!({"filter": filter})).await?);
        }
        self.follow(tasks).await
    }

    /// Whether it answers and is well.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn health(&self) -> Result<(), Error> {
        let health = self.sdk.health().await?;
        match health.status.as_str() {
            "available" => Ok(()),
            other => Err(Error::Unavailable(format!("it says that it is {other}"))),
        }
    }

    /// What the index holds now.
    ///
    /// # Errors
    /// [`Error`]; `index_not_found` before the first write.
    pub async fn stats(&self) -> Result<Stats, Error> {
        self.transport.get(&self.url("/stats")).await
    }

    pub(crate) async fn submit_records(&self, lines: Vec<u8>) -> Result<Accepted, Error> {
        let url = self.url(&format!("/documents?primaryKey={}", schema::PRIMARY_KEY));
        self.transport.post(&url, "application/x-ndjson", lines).await
    }

    pub(crate) async fn follow(&self, tasks: Vec<Accepted>) -> Result<(), Error> {
        task::follow(&self.transport, &self.host, tasks, self.task_limit).await
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/indexes/{}{path}", self.host, self.index)
    }

    pub(crate) fn host_url(&self, path: &str) -> String {
        format!("{}{path}", self.host)
    }
}

/// Whether everything in `wanted` stands in `found`. Lists must be equal, because their order has a
/// meaning; the engine's defaults for what is not named do not matter.
fn holds(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| found.get(key).is_some_and(|f| holds(f, value)))
        }
        _ => found == wanted,
    }
}
