//! What can befall the search index, and how it comes right again: drifts that nobody announced (R9), an
//! engine that is down and then empty, and processes killed while the index is rebuilt (R6). The tests do
//! it with a stand-in for the engine, the benchmark with a real one.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use stack::Stack;
use testkit::engine::FakeMeilisearch;
use tokio::{sync::oneshot, task::JoinHandle, time::MissedTickBehavior};
use uuid::Uuid;

use crate::client::{Client, eventually};

/// How often somebody searches meanwhile.
const SEARCH_EVERY: Duration = Duration::from_millis(20);
const BACK: Duration = Duration::from_secs(60);
const INDEX: &str = "pages";
const AT_ONCE: usize = 1_000;

/// What can be taken away and given back.
#[derive(Debug)]
pub enum Engine {
    /// A process of the system.
    Real,
    /// Keeps Meilisearch's contract, in this process.
    StandIn(FakeMeilisearch),
}

impl Engine {
    /// Without a chance to tidy up.
    pub async fn stop(&mut self, stack: &Stack) {
        match self {
            Engine::Real => stack.process("meilisearch").kill9().await,
            Engine::StandIn(engine) => engine.stop().await,
        }
    }

    /// With what it held.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self, stack: &Stack) -> anyhow::Result<()> {
        match self {
            Engine::Real => stack.start("meilisearch").await,
            Engine::StandIn(engine) => {
                engine.start_again().await;
                Ok(())
            }
        }
    }

    /// While it is stopped: throws away everything that it held, what it was told of keys included.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn wipe(&self, stack: &Stack) -> anyhow::Result<()> {
        match self {
            Engine::Real => {
                let data = stack.home().join("meilisearch/data");
                std::fs::remove_dir_all(&data).with_context(|| format!("{} stays", data.display()))
            }
            Engine::StandIn(engine) => {
                engine.wipe();
                Ok(())
            }
        }
    }
}

/// A system with documents in it, and who looks at it.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The system.
    pub stack: &'a Stack,
    /// Its owner.
    pub owner: &'a Client,
    /// Words that find something, each.
    pub words: Vec<String>,
}

/// What somebody saw who searched all the time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Searches.
    pub searches: u64,
    /// Not answered with 200, or without a hit.
    pub failed: u64,
    /// Answered by PostgreSQL.
    pub degraded: u64,
}

impl Scene<'_> {
    /// Where the index differs from the documents: missing, stale and phantom ones.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn differences(&self) -> anyhow::Result<[u64; 3]> {
        let found: Value = self.owner.post_empty("/api/v1/index/verify").await?.expect(200)?.json()?;
        Ok(["missing", "stale", "phantom"].map(|kind| found[kind].as_u64().unwrap_or_default()))
    }

    async fn index(&self) -> anyhow::Result<Value> {
        self.owner.get("/api/v1/index").await?.expect(200)?.json()
    }

    /// Returns when the engine answers again, the index holds as many records as it must and differs in
    /// nothing.
    ///
    /// # Errors
    /// When that takes longer than `limit`.
    pub async fn whole(&self, records: u64, limit: Duration) -> anyhow::Result<()> {
        let whole = async || {
            let index = self.index().await?;
            ensure!(index["rebuild"].is_null() && index["records"] == records, "{index}");
            let answer = self.ask(&self.words[0]).await?;
            ensure!(answer["engine"] == "meilisearch", "{} answers", answer["engine"]);
            let differences = self.differences().await?;
            ensure!(differences == [0; 3], "missing, stale, phantom: {differences:?}");
            Ok(())
        };
        eventually(limit, "the index is whole", whole).await
    }

    async fn ask(&self, word: &str) -> anyhow::Result<Value> {
        self.owner.query("/api/v1/search", &[("q", word)]).await?.expect(200)?.json()
    }

    /// Injects `count` drifts, a third of each kind, behind everybody's back; answers how long it took
    /// until they were found and mended, without anybody asking for it.
    ///
    /// # Errors
    /// When there are too few documents, or it takes longer than `limit`.
    pub async fn drift(&self, count: usize, limit: Duration) -> anyhow::Result<Duration> {
        let before = self.index().await?;
        let records = before["records"].as_u64().context("records")?;
        let engine = Direct::of(self.stack)?;
        let documents: Vec<Uuid> = engine.documents(2 * count.div_ceil(3)).await?.into_iter().collect();
        let each = count / 3;
        ensure!(documents.len() >= 2 * each, "{} documents are too few for {count} drifts", documents.len());
        let (missing, stale) = documents.split_at(each);
        let phantoms = count - 2 * each;
        engine.age(&stale[..each]).await?;
        engine.forget(missing).await?;
        engine.invent(phantoms).await?;
        let began = Instant::now();
        let checked = |index: &Value| index["drift"]["checked_at"].clone();
        let mended = async || {
            let index = self.index().await?;
            let drift = &index["drift"];
            ensure!(checked(&index) != checked(&before) && index["records"] == records, "{index}");
            ensure!(["missing", "stale", "phantom"].iter().all(|kind| drift[kind] == 0), "{index}");
            Ok(())
        };
        eventually(limit, "the drifts are mended", mended).await?;
        let took = began.elapsed();
        let differences = self.differences().await?;
        ensure!(differences == [0; 3], "missing, stale, phantom are left: {differences:?}");
        Ok(took)
    }

    /// The engine is down for `down`, then back; then empty. Answers what was seen while it was down.
    ///
    /// # Errors
    /// When a search failed or was not marked as degraded, or the index is not whole again within `limit`.
    pub async fn outage(&self, engine: &mut Engine, down: Duration, limit: Duration) -> anyhow::Result<Seen> {
        let records = self.index().await?["records"].as_u64().context("records")?;
        engine.stop(self.stack).await;
        let searching = self.search();
        tokio::time::sleep(down).await;
        let seen = searching.end().await?;
        ensure!(seen.failed == 0 && seen.degraded == seen.searches && seen.searches > 0, "{seen:?}");
        engine.start_again(self.stack).await?;
        self.whole(records, limit).await?;

        engine.stop(self.stack).await;
        engine.wipe(self.stack)?;
        let searching = self.search();
        engine.start_again(self.stack).await?;
        self.whole(records, limit).await?;
        let refilled = searching.end().await?;
        ensure!(refilled.failed == 0 && refilled.degraded > 0, "while it was filled again: {refilled:?}");
        Ok(seen)
    }

    /// Rebuilds the index while somebody searches, and kills the indexer and then the engine meanwhile.
    ///
    /// # Errors
    /// When a search failed, or the index is not whole within `limit`.
    pub async fn killed_while_rebuilding(&self, engine: &mut Engine, limit: Duration) -> anyhow::Result<Seen> {
        let records = self.index().await?["records"].as_u64().context("records")?;
        let searching = self.search();
        self.owner.post_empty("/api/v1/index/rebuild").await?.expect(202)?;
        self.progress(limit).await?;
        self.stack.process("indexer").kill9().await;
        self.stack.start("indexer").await?;
        self.progress(limit).await?;
        engine.stop(self.stack).await;
        engine.start_again(self.stack).await?;
        self.whole(records, limit).await?;
        let seen = searching.end().await?;
        ensure!(seen.failed == 0 && seen.searches > 0, "{seen:?}");
        Ok(seen)
    }

    /// Returns when part of the rebuild is done, or it is over.
    async fn progress(&self, limit: Duration) -> anyhow::Result<()> {
        let progress = async || {
            let index = self.index().await?;
            let rebuild = &index["rebuild"];
            ensure!(rebuild.is_null() || rebuild["documents_done"].as_u64() > Some(0), "{rebuild}");
            Ok(())
        };
        eventually(limit, "part of the rebuild is done", progress).await
    }

    /// Fifty searches a second, as long as answers are quick enough.
    pub fn search(&self) -> Searching {
        let (stop, mut stopped) = oneshot::channel();
        let (client, words) = (self.owner.clone(), self.words.clone());
        let task = tokio::spawn(async move {
            let (mut tick, mut seen) = (tokio::time::interval(SEARCH_EVERY), Seen::default());
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for word in words.iter().cycle() {
                tokio::select! {
                    _ = &mut stopped => break,
                    _ = tick.tick() => {}
                }
                let answer =
                    client.query("/api/v1/search", &[("q", word)]).await.and_then(|reply| reply.expect(200)?.json());
                seen.searches += 1;
                match answer {
                    Ok(answer) if answer["hits"].as_array().is_some_and(|hits| !hits.is_empty()) => {
                        seen.degraded += u64::from(answer["degraded"] == true);
                    }
                    _ => seen.failed += 1,
                }
            }
            seen
        });
        Searching { stop, task }
    }
}

/// Somebody who searches.
#[derive(Debug)]
pub struct Searching {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Seen>,
}

impl Searching {
    /// Stops, and tells.
    ///
    /// # Errors
    /// When it died.
    pub async fn end(self) -> anyhow::Result<Seen> {
        // It may have ended already; then the task says so.
        let _ = self.stop.send(());
        Ok(self.task.await?)
    }
}

/// The engine without us, with the key that may do everything.
struct Direct {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Direct {
    fn of(stack: &Stack) -> anyhow::Result<Self> {
        let (url, key) = stack.meilisearch().context("there is no engine")?;
        Ok(Self { http: reqwest::Client::builder().no_proxy().build()?, url, key: key.unwrap_or_default() })
    }

    async fn read(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let response = request.bearer_auth(&self.key).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&response.bytes().await?)?)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.read(self.http.post(format!("{}/indexes/{INDEX}{path}", self.url)).json(body)).await
    }

    /// Returns when the engine has done it.
    async fn write(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let task = self.post(path, body).await?["taskUid"].as_u64().context("no task")?;
        let done = async || {
            let task = self.read(self.http.get(format!("{}/tasks/{task}", self.url))).await?;
            ensure!(task["status"] == "succeeded", "{task}");
            Ok(())
        };
        eventually(BACK, "the engine has done it", done).await
    }

    /// At least `count` documents that it holds, if it holds as many.
    async fn documents(&self, count: usize) -> anyhow::Result<BTreeSet<Uuid>> {
        let (mut found, mut offset) = (BTreeSet::new(), 0);
        while found.len() < count {
            let body = json!({"offset": offset, "limit": AT_ONCE, "fields": ["document_id"]});
            let page = self.post("/documents/fetch", &body).await?;
            let Some(records) = page["results"].as_array().filter(|records| !records.is_empty()) else { break };
            offset += records.len();
            found.extend(records.iter().filter_map(|r| r["document_id"].as_str()?.parse::<Uuid>().ok()));
        }
        Ok(found)
    }

    fn among(documents: &[Uuid]) -> String {
        let ids: Vec<String> = documents.iter().map(|id| format!("\"{id}\"")).collect();
        format!("document_id IN [{}]", ids.join(", "))
    }

    /// Loses these documents.
    async fn forget(&self, documents: &[Uuid]) -> anyhow::Result<()> {
        for some in documents.chunks(100).filter(|some| !some.is_empty()) {
            self.write("/documents/delete", &json!({"filter": Self::among(some)})).await?;
        }
        Ok(())
    }

    /// Has another version of these documents.
    async fn age(&self, documents: &[Uuid]) -> anyhow::Result<()> {
        for some in documents.chunks(20) {
            let body = json!({"filter": Self::among(some), "offset": 0, "limit": 20 * AT_ONCE});
            let mut records = self.post("/documents/fetch", &body).await?["results"].take();
            for record in records.as_array_mut().context("no records")? {
                let Some(version) = record["version"].as_i64() else { bail!("a record without version: {record}") };
                record["version"] = (version + 1).into();
            }
            self.write("/documents", &records).await?;
        }
        Ok(())
    }

    /// Has documents that do not exist.
    async fn invent(&self, count: usize) -> anyhow::Result<()> {
        let records: Vec<Value> = (0..count)
            .map(|_| {
                let id = Uuid::new_v4();
                json!({
                    "id": format!("{id}-1"), "document_id": id, "version": 1, "page": 1, "page_count": 1,
                    "collection_id": Uuid::nil(), "title": "Phantom", "file_name": "phantom.pdf", "text": "phantom",
                    "language": "en", "media_type": "application/pdf", "tags": [], "created_at": 0,
                })
            })
            .collect();
        self.write("/documents", &records.into()).await
    }
}
