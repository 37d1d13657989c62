//! The steps of a journey, each of which must succeed.

use std::time::{Duration, Instant};

use anyhow::Context;
use chassis::{ExposeSecret, SecretString};
use reqwest::{
    Client, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::Deserialize;
use tokio::time::{Instant as Deadline, timeout_at};
use uuid::Uuid;

/// A journey that came to its end.
pub(crate) const DONE: &str = "done";
/// How a journey can end: at its end, or at one of its steps.
pub(crate) const OUTCOMES: [&str; 6] = [DONE, "collection", "upload", "read", "find", "remove"];
/// Its collection; the gateway makes it.
const COLLECTION: &str = "Self-test";
/// A server-sent event, or a JSON answer, at most.
const LARGEST_ANSWER: usize = 1 << 20;

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it took too long")]
    Slow,
    #[error("no answer: {0}")]
    Transport(#[from] reqwest::Error),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Wrong(&'static str),
}

/// The step at which a journey ended.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) step: &'static str,
    pub(crate) error: Error,
}

/// The system, from outside.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    client: Client,
    api: String,
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Named {
    id: Uuid,
    name: String,
    visibility: String,
}

#[derive(Deserialize)]
struct Made {
    id: Uuid,
}

#[derive(Deserialize)]
struct Found {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    document_id: Uuid,
}

impl Site {
    pub(crate) fn new(url: &str, token: &SecretString, limit: Duration) -> anyhow::Result<Self> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).context("PROBER_TOKEN")?;
        bearer.set_sensitive(true);
        let client = Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .connect_timeout(Duration::from_secs(5).min(limit))
            .timeout(limit)
            // As somebody who comes for the first time.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client, api: format!("{}/api/v1", url.trim_end_matches('/')) })
    }

    /// All of it, within `limit`; what it made is removed however it ends.
    pub(crate) async fn journey(&self, limit: Duration) -> Result<(), Stopped> {
        let deadline = Deadline::now() + limit;
        let collection = step("collection", deadline, self.collection()).await?;
        let word = format!("selftest{}", Uuid::now_v7().simple());
        let document = step("upload", deadline, self.upload(collection, &word)).await?;
        let used = async {
            step("read", deadline, self.read(document)).await?;
            step("find", deadline, self.find(document, &word)).await
        };
        let used = used.await;
        let removed = step("remove", Deadline::now() + limit, self.remove(document)).await;
        used.and(removed)
    }

    async fn collection(&self) -> Result<Uuid, Error> {
        let mut cursor: Option<String> = None;
        loop {
            #[derive(Deserialize)]
            struct Page {
                #[serde(flatten)]
                list: Items<Named>,
                next_cursor: Option<String>,
            }
            let query = [("limit", "200")].into_iter().chain(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let query: Vec<_> = query.collect();
            let answer = self.client.get(format!("{}/collections", self.api)).query(&query).send().await?;
            let page: Page = json(answer).await?;
            if let Some(own) = page.list.items.iter().find(|c| c.name == COLLECTION && c.visibility == "restricted") {
                return Ok(own.id);
            }
            let next = page.next_cursor.ok_or(Error::Wrong("its collection is not there, or not for it"))?;
            cursor = Some(next);
        }
    }

    async fn upload(&self, collection: Uuid, word: &str) -> Result<Uuid, Error> {
        let text = format!("The prober hands this in to see whether it can be found by {word}.\n");
        let request = self
            .client
            .post(format!("{}/documents", self.api))
            .query(&[("collection_id", collection.to_string()), ("title", COLLECTION.to_owned())])
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(CONTENT_DISPOSITION, "attachment; filename=\"self-test.txt\"")
            .body(text);
        Ok(json::<Made>(request.send().await?).await?.id)
    }

    /// Follows its events until it is ready.
    async fn read(&self, document: Uuid) -> Result<(), Error> {
        let answer = self.client.get(format!("{}/documents/{document}/events", self.api)).send().await?;
        let mut answer = success(answer)?;
        let mut told = String::new();
        while let Some(part) = answer.chunk().await? {
            told.push_str(&String::from_utf8_lossy(&part));
            if told.lines().any(|line| line == "event: ready") {
                return Ok(());
            }
            if told.lines().any(|line| line == "event: failed") || told.len() > LARGEST_ANSWER {
                return Err(Error::Wrong("it could not be read"));
            }
        }
        Err(Error::Wrong("its events ended before it was ready"))
    }

    async fn find(&self, document: Uuid, word: &str) -> Result<(), Error> {
        let answer = self.client.get(format!("{}/search", self.api)).query(&[("q", word)]).send().await?;
        let found: Found = json(answer).await?;
        let there = found.hits.iter().any(|hit| hit.document_id == document);
        there.then_some(()).ok_or(Error::Wrong("it was not found"))
    }

    /// To the trash, and out of it for good.
    async fn remove(&self, document: Uuid) -> Result<(), Error> {
        let url = format!("{}/documents/{document}", self.api);
        success(self.client.delete(&url).send().await?)?;
        success(self.client.delete(&url).query(&[("purge", "true")]).send().await?)?;
        Ok(())
    }
}

async fn step<T>(
    step: &'static str,
    deadline: Deadline,
    doing: impl Future<Output = Result<T, Error>>,
) -> Result<T, Stopped> {
    let began = Instant::now();
    let ended = timeout_at(deadline, doing).await.unwrap_or(Err(Error::Slow));
    if ended.is_ok() {
        metrics::histogram!("prober_step_duration_seconds", "step" => step).record(began.elapsed());
    }
    ended.map_err(|error| Stopped { step, error })
}

fn success(answer: Response) -> Result<Response, Error> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status => Err(Error::Status(status)),
    }
}

async fn json<T: for<'de> Deserialize<'de>>(answer: Response) -> Result<T, Error> {
    Ok(success(answer)?.json().await?)
}
