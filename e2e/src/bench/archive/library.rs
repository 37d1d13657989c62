//! A system of its own with an archive in it. The documents come into PostgreSQL by SQL, as the
//! services' own statements would leave them: uploading and reading 100,000 pages is P6's and P7's
//! affair. Into the engine they come as in production, by the rebuild of the index.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, eventually},
    index_faults::Scene,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
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
const KEYWORDS: &str = "
    INSERT INTO documents.keywords (document_id, term)
    SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING";
/// As many as `insights` takes from a document at most.
const KEYWORDS_EACH: usize = 12;
const VOCABULARY: &str = "
    INSERT INTO documents.vocabulary SELECT unnest($1::text[]) ON CONFLICT DO NOTHING";
/// Made anew after much has come in: adding each page to it takes several times as long.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS pages_tsv ON documents.pages USING gin (tsv)";
/// Pages from which on that pays.
const MUCH: u64 = 5_000;
/// Sessions that documents come in by: making lexemes of text is what takes the time.
const SESSIONS: usize = 2;
const TELL_EVERY: u64 = 10_000;

pub(crate) struct Library {
    pub(crate) system: System,
    pub(crate) client: Client,
    pub(crate) database: tokio_postgres::Client,
    pub(crate) generator: Generator,
    pub(crate) collection: Uuid,
    pub(crate) documents: u64,
    pub(crate) pages: u64,
    /// All that are in the vocabulary.
    words: HashSet<String>,
}

impl Library {
    /// The indexer looks at the index every `look_ms`.
    pub(crate) async fn start(options: &Options, look_ms: u64) -> anyhow::Result<Self> {
        let system =
            System::start_with(None, options, &[("indexer", "INDEX_LOOK_MS", look_ms.to_string().as_str())]).await?;
        let client = Client::anonymous(&system.stack().gateway_url())?.with_token(&system.token().await?);
        let database = connect(&system).await?;
        let collection = json!({"name": "The archive", "visibility": "internal"});
        let collection = client.post("/api/v1/collections", &collection).await?.expect(201)?.text_of("id")?.parse()?;
        let generator = Generator::new(1);
        Ok(Self { system, client, database, generator, collection, documents: 0, pages: 0, words: HashSet::new() })
    }

    /// Adds documents until there are this many pages in PostgreSQL.
    pub(crate) async fn grow(&mut self, pages: u64) -> anyhow::Result<()> {
        let much = pages.saturating_sub(self.pages) >= MUCH;
        if much {
            self.database.batch_execute("SET maintenance_work_mem = '512MB'; DROP INDEX documents.pages_tsv").await?;
        }
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            sessions.push(Arc::new(connect(&self.system).await?));
        }
        let (mut storing, mut told) = (JoinSet::new(), self.pages);
        while self.pages < pages {
            let mut batch = Vec::new();
            while batch.len() < BATCH && self.pages < pages {
                let mut made = self.generator.document(self.documents);
                made.pages.truncate(usize::try_from(pages - self.pages)?);
                self.documents += 1;
                self.pages += made.pages.len() as u64;
                batch.push(made);
            }
            let new = self.new_words(&batch);
            while sessions.is_empty() {
                sessions.push(storing.join_next().await.context("nobody stores")???);
            }
            let (session, collection) = (sessions.pop().context("no session")?, self.collection);
            storing.spawn(async move { store(&session, &batch, &new, collection).await.map(|()| session) });
            if self.pages - told >= TELL_EVERY {
                eprintln!("  {} pages of {pages}", self.pages);
                told = self.pages;
            }
        }
        while let Some(stored) = storing.join_next().await {
            stored??;
        }
        if much {
            self.database.batch_execute(INDEX).await?;
        }
        // As the server would by and by.
        for table in ["documents", "pages", "vocabulary"] {
            self.database.batch_execute(&format!("VACUUM ANALYZE documents.{table}")).await?;
        }
        Ok(())
    }

    /// Those that no document had before.
    fn new_words(&mut self, batch: &[Made]) -> Vec<String> {
        let mut new = Vec::new();
        let texts = batch.iter().flat_map(|made| &made.pages);
        for word in texts.flat_map(|text| text.split(|c: char| !c.is_alphabetic())) {
            if word.chars().count() >= 3 && !self.words.contains(word) {
                self.words.insert(word.to_owned());
                new.push(word.to_lowercase());
            }
        }
        new
    }

    /// With words that find something.
    pub(crate) fn scene(&self) -> Scene<'_> {
        let titles = (0..self.documents.min(50)).map(|n| self.generator.document(n).title);
        let words = titles.map(|title| title.split(' ').next().unwrap_or_default().to_owned()).collect();
        Scene { stack: self.system.stack(), owner: &self.client, words }
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

async fn connect(system: &System) -> anyhow::Result<tokio_postgres::Client> {
    let (database, connection) = tokio_postgres::connect(&system.stack().database_url("owner"), NoTls).await?;
    tokio::spawn(connection);
    Ok(database)
}

async fn store(
    database: &tokio_postgres::Client,
    batch: &[Made],
    new_words: &[String],
    collection: Uuid,
) -> anyhow::Result<()> {
    let ids: Vec<Uuid> = batch.iter().map(|d| d.id).collect();
    let titles: Vec<&str> = batch.iter().map(|d| d.title.as_str()).collect();
    let languages: Vec<&str> = batch.iter().map(|d| d.language).collect();
    let counts: Vec<i32> = batch.iter().map(|d| d.pages.len() as i32).collect();
    database.execute(DOCUMENTS, &[&ids, &titles, &languages, &counts, &collection]).await?;
    database.execute(VERSIONS, &[&ids]).await?;
    let pages = || batch.iter().flat_map(|d| (1i32..).zip(&d.pages).map(move |(number, text)| (d, number, text)));
    let of: Vec<Uuid> = pages().map(|(d, ..)| d.id).collect();
    let numbers: Vec<i32> = pages().map(|(_, number, _)| number).collect();
    let texts: Vec<&str> = pages().map(|(.., text)| text.as_str()).collect();
    let languages: Vec<&str> = pages().map(|(d, ..)| d.language).collect();
    database.execute(PAGES, &[&of, &numbers, &texts, &languages]).await?;
    let keywords = batch.iter().flat_map(|d| {
        let words = d.pages.iter().flat_map(|text| text.split(' ')).filter(|word| word.len() > 4);
        words.take(KEYWORDS_EACH).map(|word| (d.id, word))
    });
    let (of, terms): (Vec<Uuid>, Vec<&str>) = keywords.unzip();
    database.execute(KEYWORDS, &[&of, &terms]).await?;
    database.execute(VOCABULARY, &[&new_words]).await?;
    Ok(())
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
