//! The only place that talks to the search engine, and that knows how it is.

use std::time::Duration;

use chassis::{CancellationToken, Dependency, Health};
use proto::documents::{IndexedDocument, Page};
use search_index::{EngineConfig, Feed, Keyring, PageRecord};
use tokio::{sync::watch, time::sleep};
use uuid::Uuid;

use crate::error::Error;

/// How often the engine is looked at: while it is well, and while it is not.
const LOOK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(1));

/// The engine, or the absence of one, which is a state like any other.
#[derive(Clone, Debug)]
pub(crate) struct Engine(Option<Configured>);

#[derive(Clone, Debug)]
struct Configured {
    client: search_index::Engine,
    /// Absent: the keys are somebody else's affair.
    keyring: Option<Keyring>,
    dependency: Dependency,
    up: watch::Sender<bool>,
}

impl Engine {
    pub(crate) fn new(config: &EngineConfig, keyring: Option<Keyring>, health: &Health) -> anyhow::Result<Self> {
        let configured = config.engine()?.map(|client| Configured {
            client,
            keyring,
            dependency: health.dependency("meilisearch", false),
            up: watch::Sender::new(true),
        });
        Ok(Self(configured))
    }

    pub(crate) fn is_configured(&self) -> bool {
        self.0.is_some()
    }

    /// Whether work that needs the engine can be done: it answered last time, or there is none.
    pub(crate) fn is_up(&self) -> bool {
        self.0.as_ref().is_none_or(|engine| *engine.up.borrow())
    }

    /// The index's name, empty without an engine.
    pub(crate) fn index(&self) -> &str {
        self.0.as_ref().map_or("", |engine| engine.client.index())
    }

    /// Records in the index; none when nobody can say.
    pub(crate) async fn records(&self) -> u64 {
        match &self.0 {
            Some(engine) if *engine.up.borrow() => engine.client.stats().await.map_or(0, |stats| stats.records),
            _ => 0,
        }
    }

    /// Looks at the engine until `stop`. An engine that was down counts as up again when it names its
    /// indexes, which also shows that the key is good.
    pub(crate) async fn watch(self, stop: CancellationToken) {
        let Some(engine) = self.0 else { return };
        let mut up = engine.up.subscribe();
        let looking = async {
            let mut well = false;
            loop {
                let found = match well {
                    true => engine.client.health().await,
                    false => engine.greet().await,
                };
                well = found.is_ok();
                engine.found(found.as_ref().err());
                well &= *up.borrow_and_update();
                let pause = if well { LOOK.0 } else { LOOK.1 };
                tokio::select! {
                    () = sleep(pause) => {}
                    // Somebody who wanted to use it found it down.
                    _ = up.changed() => {
                        well = false;
                        sleep(LOOK.1).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(looking).await;
    }

    /// Remembers that it did not do what it was asked, so that nobody else tries for now.
    pub(crate) fn suspect(&self, error: &search_index::Error) {
        if let Some(engine) = &self.0 {
            engine.found(Some(error));
        }
    }

    /// The client, while the engine answers.
    pub(crate) fn client(&self) -> Option<&search_index::Engine> {
        self.0.as_ref().filter(|engine| *engine.up.borrow()).map(|engine| &engine.client)
    }

    /// Returns when the engine has forgotten the document.
    pub(crate) async fn forget(&self, document: Uuid) -> Result<(), Error> {
        match &self.0 {
            Some(engine) => Ok(engine.client.delete_document(document).await?),
            None => Ok(()),
        }
    }

    /// Begins to write what the engine is to know of a document; `None` without an engine.
    pub(crate) async fn replace(&self, document: &IndexedDocument) -> Result<Option<Replacing<'_>>, Error> {
        let Some(engine) = &self.0 else { return Ok(None) };
        let template = template(document)?;
        Ok(Some(Replacing { client: &engine.client, feed: engine.client.feed().await?, template, fed: 0 }))
    }
}

impl Configured {
    /// Whether it knows our keys, having been told again where it had forgotten, and names its indexes.
    async fn greet(&self) -> Result<(), search_index::Error> {
        if let Some(keyring) = &self.keyring
            && keyring.ensure().await? > 0
        {
            tracing::info!("the search engine has been told what each key may do");
        }
        self.client.presence().await.map(drop)
    }

    fn found(&self, trouble: Option<&search_index::Error>) {
        match trouble {
            None => self.dependency.up(),
            Some(error) => self.dependency.down(error),
        }
        self.up.send_if_modified(|up| std::mem::replace(up, trouble.is_none()) != trouble.is_none());
    }
}

pub(crate) fn id(text: &str) -> Result<Uuid, Error> {
    text.parse().map_err(|_| Error::Internal("documents sent an id that is none".to_owned()))
}

/// What all records of the document have in common.
pub(crate) fn template(document: &IndexedDocument) -> Result<PageRecord, Error> {
    Ok(PageRecord {
        id: String::new(),
        document_id: id(&document.document_id)?,
        version: document.version,
        page: 0,
        page_count: document.page_count,
        collection_id: id(&document.collection_id)?,
        title: document.title.clone(),
        file_name: document.file_name.clone(),
        text: String::new(),
        language: document.language.clone(),
        media_type: document.media_type.clone(),
        tags: document.tags.clone(),
        created_at: document.created_at.div_euclid(1_000_000),
    })
}

/// Writes one record of the document into `feed`.
pub(crate) async fn push(
    feed: &mut Feed,
    template: &mut PageRecord,
    number: i32,
    text: String,
) -> Result<(), search_index::Error> {
    template.id = PageRecord::id_of(template.document_id, number);
    template.page = number;
    template.text = text;
    feed.push(template).await
}

/// A document on its way into the engine.
pub(crate) struct Replacing<'a> {
    client: &'a search_index::Engine,
    feed: Feed,
    template: PageRecord,
    fed: i64,
}

impl Replacing<'_> {
    /// Pages without text as well: the number of records is then the number of pages, which is how
    /// it is told that none is missing.
    pub(crate) async fn page(&mut self, page: Page) -> Result<(), Error> {
        self.fed += 1;
        Ok(push(&mut self.feed, &mut self.template, page.number, page.text).await?)
    }

    /// Returns when the engine has done all of it, and has forgotten earlier versions. Answers
    /// whether that is now all that it has of the document: a version that was read again may have
    /// had text on more pages before.
    pub(crate) async fn finish(mut self) -> Result<bool, Error> {
        if self.fed == 0 {
            // Its title can still be looked for.
            self.page(Page { number: 1, text: String::new() }).await?;
        }
        let (document, version) = (self.template.document_id, self.template.version);
        self.feed.finish().await?;
        if version > 1 {
            self.client.delete_older_versions(document, version).await?;
        }
        match self.client.held_of(&[document]).await {
            Ok(held) => Ok(held.get(&document).is_none_or(|held| held.records <= self.fed)),
            // It is being built anew, from what documents has.
            Err(error) if error.is_code("index_not_found") => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}
