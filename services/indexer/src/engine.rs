//! The only place that talks to the search engine.

use proto::documents::{IndexedDocument, Page};
use search_index::{EngineConfig, Error, Feed, PageRecord, Stats};
use uuid::Uuid;

/// The engine, or the absence of one, which is a state like any other.
#[derive(Clone)]
pub(crate) struct Engine(Option<search_index::Engine>);

impl Engine {
    pub(crate) fn new(config: &EngineConfig) -> anyhow::Result<Self> {
        Ok(Self(config.engine()?))
    }

    pub(crate) fn is_configured(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn index(&self) -> &str {
        self.0.as_ref().map_or("", search_index::Engine::index)
    }

    pub(crate) async fn health(&self) -> Result<(), Error> {
        match &self.0 {
            Some(engine) => engine.health().await,
            None => Ok(()),
        }
    }

    pub(crate) async fn stats(&self) -> Result<Option<Stats>, Error> {
        match &self.0 {
            Some(engine) => engine.stats().await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn forget(&self, document: Uuid) -> Result<(), Error> {
        match &self.0 {
            Some(engine) => engine.delete_document(document).await,
            None => Ok(()),
        }
    }

    /// Begins to replace what the engine has of a document; `None` without an engine.
    pub(crate) async fn replace(&self, document: &IndexedDocument) -> Result<Option<Replacing<'_>>, Error> {
        let Some(engine) = &self.0 else { return Ok(None) };
        let id = |text: &str| text.parse::<Uuid>().map_err(|e| Error::Unavailable(format!("an id is malformed: {e}")));
        let template = PageRecord {
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
        };
        Ok(Some(Replacing { engine, feed: engine.feed().await?, template, fed: 0 }))
    }
}

/// A document on its way into the engine.
pub(crate) struct Replacing<'a> {
    engine: &'a search_index::Engine,
    feed: Feed<'a>,
    template: PageRecord,
    fed: u32,
}

impl Replacing<'_> {
    /// Pages without text are left out: nothing could find them.
    pub(crate) async fn page(&mut self, page: Page) -> Result<(), Error> {
        if page.text.trim().is_empty() {
            return Ok(());
        }
        self.record(page.number, page.text).await
    }

    async fn record(&mut self, number: i32, text: String) -> Result<(), Error> {
        self.template.id = PageRecord::id_of(self.template.document_id, number);
        self.template.page = number;
        self.template.text = text;
        self.fed += 1;
        self.feed.push(&self.template).await
    }

    /// Returns when the engine has done all of it, and has forgotten earlier versions.
    pub(crate) async fn finish(mut self) -> Result<(), Error> {
        if self.fed == 0 {
            // Its title can still be looked for.
            self.record(1, String::new()).await?;
        }
        self.feed.finish().await?;
        if self.template.version > 1 {
            self.engine.delete_older_versions(self.template.document_id, self.template.version).await?;
        }
        Ok(())
    }
}
