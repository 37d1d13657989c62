//! The only calls to the search engine.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chassis::Dependency;
use search_index::{Answer, Engine, Error, Facets, PageCounts, PageHit, Query, among, quote};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    breaker::Breaker,
    config::Config,
    domain::{Filters, Order, Question},
    hedge::Hedge,
    snippet::SNIPPET_WORDS,
    store::Visible,
};

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Documents that the engine is told to leave out; when there are more, PostgreSQL answers.
pub(crate) const MOST_HIDDEN: usize = 500;

/// The engine behind its deadline and its breaker.
#[derive(Debug)]
pub(crate) struct GuardedEngine {
    engine: Engine,
    breaker: Breaker,
    pub(crate) hedge: Hedge,
    deadline: Duration,
    /// As far as is known.
    complete: AtomicBool,
}

/// What the engine found, not yet checked against what the caller may see.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) hits: Vec<PageHit>,
    pub(crate) total: u64,
    pub(crate) facets: Facets,
    /// What stands around matches in the snippets.
    pub(crate) marks: (String, String),
    /// Whether the pages hold all the words.
    pub(crate) all_words: bool,
    /// Of all documents that match, as far as they could be named.
    pages: PageCounts,
}

impl GuardedEngine {
    pub(crate) fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let pause = Duration::from_millis(config.engine_pause_ms);
        let deadline = Duration::from_millis(config.engine_deadline_ms);
        let guarded = config.engine.engine()?.map(|engine| Self {
            engine,
            breaker: Breaker::new(config.engine_failures, pause),
            hedge: Hedge::new(deadline),
            deadline,
            complete: AtomicBool::new(true),
        });
        Ok(guarded)
    }

    /// Whether it is being left alone.
    pub(crate) fn is_resting(&self) -> bool {
        self.breaker.is_open() || !self.complete.load(Ordering::Relaxed)
    }

    /// An index that lacks something is not asked: nobody is to find too little without being told.
    pub(crate) fn set_complete(&self, complete: bool) {
        if self.complete.swap(complete, Ordering::Relaxed) != complete {
            match complete {
                true => tracing::info!("the search index is complete again"),
                false => tracing::warn!("the search index is incomplete; PostgreSQL answers"),
            }
        }
        metrics::gauge!("search_index_incomplete").set(if complete { 0.0 } else { 1.0 });
    }

    /// As [`GuardedEngine::find`], apart from the caller: whoever no longer waits for the answer still
    /// lets the breaker learn what came of it.
    pub(crate) fn find_apart(
        self: &Arc<Self>,
        question: &Question,
        visible: Visible,
        relaxed: bool,
    ) -> JoinHandle<Option<Found>> {
        let (engine, question) = (self.clone(), question.clone());
        let asking = async move { engine.find(&question, &visible, relaxed).await };
        tokio::spawn(asking.in_current_span())
    }

    /// The best pages in these collections, or `None` when PostgreSQL must answer instead. With
    /// `relaxed`, pages with some of the words when none has them all.
    pub(crate) async fn find(&self, question: &Question, visible: &Visible, relaxed: bool) -> Option<Found> {
        if visible.collections.is_empty() {
            return Some(Found::default());
        }
        if !self.complete.load(Ordering::Relaxed) || visible.hidden.len() > MOST_HIDDEN || !self.breaker.allows() {
            return None;
        }
        let started = Instant::now();
        let asked = tokio::time::timeout(self.deadline, self.ask(question, visible, relaxed))
            .await
            .unwrap_or(Err(Error::Timeout));
        let outcome = match &asked {
            Ok(_) => "ok",
            Err(Error::Timeout) => "timeout",
            Err(Error::Unavailable(_)) => "unavailable",
            Err(_) => "refused",
        };
        metrics::histogram!("search_engine_duration_seconds", "outcome" => outcome).record(started.elapsed());
        match asked {
            Ok(found) => {
                self.breaker.succeeded();
                self.hedge.took(started.elapsed());
                Some(found)
            }
            Err(error) => {
                // A refusal comes at once and may be the question's fault: no reason to stop asking.
                if !matches!(error, Error::Refused { .. }) {
                    self.breaker.failed();
                }
                tracing::warn!(%error, "the search engine did not answer; PostgreSQL does");
                None
            }
        }
    }

    async fn ask(&self, question: &Question, visible: &Visible, relaxed: bool) -> Result<Found, Error> {
        let (text, filter) = (question.terms.text(), filter(&question.filters, visible));
        // Random for each query, so that no text of a document can contain them.
        let key: u128 = rand::random();
        let marks = (format!("\u{e000}{key:x}\u{e001}"), format!("\u{e001}{key:x}\u{e000}"));
        let facets: Vec<&str> = question.facets.iter().map(|f| attribute(f)).collect();
        let mut query = Query {
            text: &text,
            all_words: true,
            filter: &filter,
            sort: order(question.order),
            offset: usize::try_from(question.offset).unwrap_or_default(),
            limit: usize::try_from(question.limit).unwrap_or_default(),
            facets: &facets,
            marks: (&marks.0, &marks.1),
            snippet_words: SNIPPET_WORDS,
        };
        // The pages are counted meanwhile: it takes half as long.
        let (mut answer, mut pages) = self.search_and_count(&query).await?;
        if answer.total == 0 && relaxed && question.terms.can_be_relaxed() {
            query.all_words = false;
            (answer, pages) = self.search_and_count(&query).await?;
        }
        let all_words = query.all_words;
        Ok(Found { hits: answer.hits, total: answer.total, facets: answer.facets, marks, all_words, pages })
    }

    async fn search_and_count(&self, query: &Query<'_>) -> Result<(Answer, PageCounts), Error> {
        let counting = self.engine.count_pages(query.text, query.all_words, query.filter);
        let (answer, pages) = tokio::join!(self.engine.search(query), counting);
        Ok((answer?, pages.unwrap_or_else(uncounted)))
    }

    /// How many pages of these documents match; documents that are missing have at least one.
    pub(crate) async fn count_pages(&self, question: &Question, found: &mut Found) -> HashMap<Uuid, u64> {
        let mut counts = std::mem::take(&mut found.pages);
        if !counts.complete {
            let ids = found.hits.iter().map(|hit| hit.document_id);
            let unnamed: Vec<Uuid> = ids.filter(|id| !counts.pages.contains_key(id)).collect();
            if !unnamed.is_empty() {
                let (text, filter) = (question.terms.text(), among(&unnamed));
                let counting = self.engine.count_pages(&text, found.all_words, &filter);
                let more = tokio::time::timeout(self.deadline, counting).await.unwrap_or(Err(Error::Timeout));
                counts.pages.extend(more.unwrap_or_else(uncounted).pages);
            }
        }
        counts.pages
    }

    /// Tells `dependency` how the engine is, until `stop`.
    pub(crate) async fn watch(&self, dependency: Dependency, stop: CancellationToken) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            match self.engine.health().await {
                Ok(()) => dependency.up(),
                Err(error) => dependency.down(error),
            }
        }
    }
}

fn uncounted(error: Error) -> PageCounts {
    tracing::debug!(%error, "pages were not counted");
    PageCounts::default()
}

/// A facet's name in the engine.
pub(crate) fn attribute(facet: &'static str) -> &'static str {
    if facet == "tag" { "tags" } else { facet }
}

fn order(order: Order) -> &'static [&'static str] {
    match order {
        Order::Best => &[],
        Order::Newest => &["created_at:desc"],
        Order::Oldest => &["created_at:asc"],
    }
}

fn filter(filters: &Filters, visible: &Visible) -> String {
    let list = |ids: &[Uuid]| ids.iter().map(|id| quote(&id.to_string())).collect::<Vec<_>>().join(", ");
    let mut conditions = vec![format!("collection_id IN [{}]", list(&visible.collections))];
    let left_out = [&visible.hidden[..], &visible.fresh].concat();
    if !left_out.is_empty() {
        conditions.push(format!("document_id NOT IN [{}]", list(&left_out)));
    }
    conditions.extend(filters.documents.iter().map(|ids| format!("document_id IN [{}]", list(ids))));
    let equal = [
        ("collection_id", filters.collection_id.map(|id| id.to_string())),
        ("language", filters.language.clone()),
        ("media_type", filters.media_type.clone()),
        ("tags", filters.tag.clone()),
    ];
    conditions.extend(equal.into_iter().filter_map(|(name, value)| Some(format!("{name} = {}", quote(&value?)))));
    // The engine has whole seconds; PostgreSQL is exact when it checks the hits.
    conditions.extend(filters.from.map(|from| format!("created_at >= {}", from.as_second())));
    conditions.extend(filters.before.map(|before| format!("created_at <= {}", before.as_second())));
    conditions.join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_stays_in_its_quotes_beside_the_visible_collections() {
        let filters = Filters {
            tag: Some("x\" OR version > \"0".to_owned()),
            from: "2026-01-01T00:00:00.5Z".parse().ok(),
            ..Filters::default()
        };
        let wanted = format!(
            "collection_id IN [\"{}\"] AND tags = \"x\\\" OR version > \\\"0\" AND created_at >= 1767225600",
            Uuid::nil()
        );
        let visible = Visible { collections: vec![Uuid::nil()], ..Visible::default() };
        assert_eq!(filter(&filters, &visible), wanted);
        let visible = Visible { hidden: vec![Uuid::nil()], fresh: vec![Uuid::max()], ..visible };
        let left_out = format!("document_id NOT IN [\"{}\", \"{}\"]", Uuid::nil(), Uuid::max());
        assert!(filter(&filters, &visible).contains(&left_out));
    }
}
