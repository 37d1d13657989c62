//! A system of its own with an archive in it. The documents come into PostgreSQL by SQL, as the
//! services' own statements would leave them: uploading and reading 100,000 pages is P6's and P7's
//! affair. Into the engine they come as in production, by the rebuild of the index.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use e2e::client::{Client, eventually};
use serde_json::{Value, json};
use tokio_postgres::NoTls;
use uuid::Uuid;

use super::{
    super::{Options, system::System},
    generator::{Generator, Made},
};

const BATCH: usize = 100;
const REBUILD_LIMIT: Duration = Duration::from_secs(3 * 3600);
const BREAKER_LIMIT: Duration = Duration::from_secs(60);

const DOCUMENTS: &str = "
    INSERT INTO documents.documents (id, collection_id, title, file_name, media_type, size, sha256, tags, status,
        extracted_version, page_count, language, created_at)
    SELECT id, $5, title, 'scan.pdf', 'application/pdf', 1, '', ARRAY[language], 'ready', 1, pages, language,
        now() - make_interval(secs => random() * 1e8)
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) AS d (id, title, language, pages)";
const VERSIONS: &str = "
    INSERT INTO documents.versions (document_id, number, object_key, file_name, media_type, size, sha256)
    SELECT id, 1, id::text, 'scan.pdf', 'application/pdf', 1, '' FROM unnest($1::uuid[]) AS id";
const PAGES: &str = "
    INSERT INTO documents.pages (document_id, version, number, text, language, tsv)
    SELECT id, 1, number, text, language, documents.page_tsv(text, language)
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) AS p (id, number, text, language)";
const VOCABULARY: &str = "
    INSERT INTO documents.vocabulary
    SELECT DISTINCT lower(w) FROM unnest($1::text[]) t, regexp_split_to_table(t, '[^[:alpha:]]+') w
    WHERE length(w) >= 3 ON CONFLICT DO NOTHING";

pub(crate) struct Library {
    pub(crate) system: System,
    pub(crate) client: Client,
    pub(crate) database: tokio_postgres::Client,
    pub(crate) generator: Generator,
    pub(crate) collection: Uuid,
    pub(crate) documents: u64,
    pub(crate) pages: u64,
}

impl Library {
    pub(crate) async fn start(options: &Options) -> anyhow::Result<Self> {
        // The index is compared when it is rebuilt, and not while documents come in behind its back.
        let system = System::start_with(None, options, &[("indexer", "INDEX_LOOK_MS", "86400000")]).await?;
        let client = Client::anonymous(&system.stack().gateway_url())?.with_token(&system.token().await?);
        let (database, connection) = tokio_postgres::connect(&system.stack().database_url("owner"), NoTls).await?;
        tokio::spawn(connection);
        let collection = json!({"name": "The archive", "visibility": "internal"});
        let collection = client.post("/api/v1/collections", &collection).await?.expect(201)?.text_of("id")?.parse()?;
        Ok(Self { system, client, database, generator: Generator::new(1), collection, documents: 0, pages: 0 })
    }

    /// Adds documents until there are this many pages in PostgreSQL.
    pub(crate) async fn grow(&mut self, pages: u64) -> anyhow::Result<()> {
        while self.pages < pages {
            let mut batch = Vec::new();
            while batch.len() < BATCH && self.pages < pages {
                let mut made = self.generator.document(self.documents);
                made.pages.truncate(usize::try_from(pages - self.pages)?);
                self.documents += 1;
                self.pages += made.pages.len() as u64;
                batch.push(made);
            }
            self.store(&batch).await?;
        }
        // As the server would by and by.
        for table in ["documents", "pages", "vocabulary"] {
            self.database.batch_execute(&format!("VACUUM ANALYZE documents.{table}")).await?;
        }
        Ok(())
    }

    async fn store(&self, batch: &[Made]) -> anyhow::Result<()> {
        let ids: Vec<Uuid> = batch.iter().map(|d| d.id).collect();
        let titles: Vec<&str> = batch.iter().map(|d| d.title.as_str()).collect();
        let languages: Vec<&str> = batch.iter().map(|d| d.language).collect();
        let counts: Vec<i32> = batch.iter().map(|d| d.pages.len() as i32).collect();
        self.database.execute(DOCUMENTS, &[&ids, &titles, &languages, &counts, &self.collection]).await?;
        self.database.execute(VERSIONS, &[&ids]).await?;
        let pages = || batch.iter().flat_map(|d| (1i32..).zip(&d.pages).map(move |(number, text)| (d, number, text)));
        let of: Vec<Uuid> = pages().map(|(d, ..)| d.id).collect();
        let numbers: Vec<i32> = pages().map(|(_, number, _)| number).collect();
        let texts: Vec<&str> = pages().map(|(.., text)| text.as_str()).collect();
        let languages: Vec<&str> = pages().map(|(d, ..)| d.language).collect();
        self.database.execute(PAGES, &[&of, &numbers, &texts, &languages]).await?;
        self.database.execute(VOCABULARY, &[&texts]).await?;
        Ok(())
    }

    pub(crate) fn has_engine(&self) -> bool {
        self.system.stack().meilisearch().is_some()
    }

    /// Has the index built anew from PostgreSQL, and answers how long that took.
    pub(crate) async fn rebuild(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        self.client.post_empty("/api/v1/index/rebuild").await?.expect(202)?;
        let done = async || {
            let index: Value = self.client.get("/api/v1/index").await?.expect(200)?.json()?;
            ensure!(index["rebuild"].is_null() && index["records"] == self.pages, "{index}");
            Ok(())
        };
        eventually(REBUILD_LIMIT, "the index is built anew", done).await?;
        Ok(began.elapsed())
    }

    /// Waits until this engine answers.
    pub(crate) async fn answers_by(&self, engine: &str) -> anyhow::Result<()> {
        let asked = async || {
            let answer = self.client.get("/api/v1/search?q=a").await?.expect(200)?.json()?;
            ensure!(answer["engine"] == engine, "{} answers", answer["engine"]);
            Ok(())
        };
        eventually(BREAKER_LIMIT, &format!("{engine} answers"), asked).await
    }

    pub(crate) async fn stop_engine(&self) -> anyhow::Result<()> {
        if self.has_engine() {
            self.system.stack().process("meilisearch").kill9().await;
        }
        self.answers_by("postgresql").await
    }

    pub(crate) async fn start_engine(&self) -> anyhow::Result<()> {
        self.system.stack().start("meilisearch").await?;
        self.answers_by("meilisearch").await
    }

    /// What the engine is asked directly with.
    pub(crate) fn engine(&self) -> anyhow::Result<EngineApi> {
        let (url, key) = self.system.stack().meilisearch().context("there is no engine")?;
        Ok(EngineApi { http: reqwest::Client::builder().no_proxy().build()?, url, key: key.unwrap_or_default() })
    }
}

/// The engine without us.
pub(crate) struct EngineApi {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl EngineApi {
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.read(self.http.get(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.read(self.http.post(format!("{}{path}", self.url)).json(body)).await
    }

    /// Loads lines of JSON, and waits until that is done.
    pub(crate) async fn load(&self, index: &str, lines: Vec<u8>) -> anyhow::Result<u64> {
        let url = format!("{}/indexes/{index}/documents?primaryKey=id", self.url);
        let request = self.http.post(url).header("content-type", "application/x-ndjson").body(lines);
        self.read(request).await?["taskUid"].as_u64().context("no task")
    }

    pub(crate) async fn done(&self, task: u64) -> anyhow::Result<()> {
        let done = async || {
            let task = self.get(&format!("/tasks/{task}")).await?;
            ensure!(task["status"] == "succeeded", "{task}");
            Ok(())
        };
        eventually(REBUILD_LIMIT, "the engine has loaded it", done).await
    }

    pub(crate) async fn drop_index(&self, index: &str) -> anyhow::Result<()> {
        let answer = self.read(self.http.delete(format!("{}/indexes/{index}", self.url))).await?;
        self.done(answer["taskUid"].as_u64().context("no task")?).await
    }

    async fn read(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let response = request.bearer_auth(&self.key).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&response.bytes().await?)?)
    }
}
