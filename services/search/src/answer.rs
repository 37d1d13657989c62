//! Who answers a question: the engine, checked against PostgreSQL, or PostgreSQL alone.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use chassis::{Caller, Role};
use search_index::PageHit;
use uuid::Uuid;

use crate::{
    domain::{Filters, Order, Question},
    engine::{Found, GuardedEngine, attribute},
    error::Error,
    fallback,
    snippet::{self, Match, Snippet},
    store::{Document, PagesFound, Store, Visible},
};

/// One document, at the page that matches best.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) document: Document,
    pub(crate) page: i32,
    pub(crate) pages_matched: i64,
    pub(crate) snippet: Snippet,
    pub(crate) score: f64,
}

/// An answer, whoever gave it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) hits: Vec<Hit>,
    /// In the order of the request; values by falling count.
    pub(crate) facets: Vec<(&'static str, Vec<(String, i64)>)>,
    pub(crate) total: i64,
    pub(crate) engine: &'static str,
    /// The engine should have answered and did not.
    pub(crate) degraded: bool,
}

pub(crate) const MEILISEARCH: &str = "meilisearch";
pub(crate) const POSTGRESQL: &str = "postgresql";
/// The newest documents, whether they match or not: nothing could search.
pub(crate) const RECENT: &str = "recent";

/// What answers are made with.
#[derive(Clone, Debug)]
pub(crate) struct Answerer {
    pub(crate) store: Store,
    pub(crate) engine: Option<Arc<GuardedEngine>>,
}

impl Answerer {
    pub(crate) async fn answer(&self, caller: &Caller, question: &Question) -> Result<Answer, Error> {
        let named;
        let question = match question.contact_id {
            None => question,
            Some(contact) => {
                caller.require(Role::Viewer)?;
                let documents = Some(self.store.documents_naming(contact).await?);
                let filters = Filters { documents, ..question.filters.clone() };
                named = Question { filters, ..question.clone() };
                &named
            }
        };
        if question.terms.is_empty() {
            let degraded = self.engine.as_ref().is_none_or(|engine| engine.is_resting());
            let found = self.store.newest(caller, question).await?;
            return Ok(from_postgresql(found, question, degraded));
        }
        if let Some(engine) = &self.engine {
            let visible = self.store.visible(caller).await?;
            let fresh = self.fresh(caller, question, engine, &visible).await;
            if question.order != Order::Best && fresh.total > 0 {
                // They have their places among the others, which the engine cannot know.
                return Ok(from_postgresql(self.store.find(caller, question).await?, question, false));
            }
            let rest = after(question, fresh.total);
            match self.first(caller, question, engine, &rest, visible, fresh.total == 0).await {
                First::Engine(found) => {
                    let answer = self.check(caller, &rest, engine, found).await?;
                    return Ok(behind(from_postgresql(fresh, question, false), answer, question));
                }
                First::PostgreSql(found) => return Ok(from_postgresql(found, question, true)),
                First::Neither => {}
            }
        }
        match self.store.find(caller, question).await {
            Ok(found) => Ok(from_postgresql(found, question, true)),
            Err(error) => {
                tracing::warn!(%error, "PostgreSQL did not search; the newest documents are shown instead");
                // Without facets and total: they would be those of all documents.
                let plain = Question { facets: Vec::new(), ..question.clone() };
                let found = self.store.newest(caller, &plain).await.map_err(|_| error)?;
                let answer = from_postgresql(found, &plain, true);
                Ok(Answer { engine: RECENT, total: answer.hits.len() as i64, ..answer })
            }
        }
    }

    /// Asks the engine for `rest`, and when it is slower than usual PostgreSQL for all, as long as there is
    /// a budget for that.
    async fn first(
        &self,
        caller: &Caller,
        question: &Question,
        engine: &Arc<GuardedEngine>,
        rest: &Question,
        visible: Visible,
        relaxed: bool,
    ) -> First {
        let mut asked = engine.find_apart(rest, visible, relaxed);
        let heard = |found: Result<Option<Found>, _>| found.ok().flatten().map_or(First::Neither, First::Engine);
        if let Ok(found) = tokio::time::timeout(engine.hedge.delay(), &mut asked).await {
            return heard(found);
        }
        if !engine.hedge.spend() {
            return heard(asked.await);
        }
        let mut fallback = std::pin::pin!(self.store.find(caller, question));
        let first = tokio::select! {
            found = &mut asked => match heard(found) {
                // It has begun; nobody needs to begin again.
                First::Neither => fallback.await.map_or(First::Neither, First::PostgreSql),
                first => first,
            },
            found = &mut fallback => match found {
                Ok(found) => First::PostgreSql(found),
                Err(_) => heard(asked.await),
            },
        };
        let won = if matches!(first, First::Engine(_)) { "engine" } else { "postgresql" };
        metrics::counter!("search_hedges_total", "won" => won).increment(1);
        first
    }

    /// What matches among the documents that the engine does not have yet. They are few: it is a
    /// matter of a second.
    async fn fresh(
        &self,
        caller: &Caller,
        question: &Question,
        engine: &GuardedEngine,
        visible: &Visible,
    ) -> PagesFound {
        if engine.is_resting() {
            return PagesFound::default();
        }
        let found = self.store.find_fresh(caller, question, &visible.fresh).await;
        found.unwrap_or_else(|error| {
            tracing::warn!(%error, "documents that are not in the search index yet were not looked at");
            PagesFound::default()
        })
    }

    /// The engine is a cache and may be behind: what is shown is what PostgreSQL says now. A hit of
    /// another version, in the trash, or no longer for this caller is left out.
    async fn check(
        &self,
        caller: &Caller,
        question: &Question,
        engine: &GuardedEngine,
        mut found: Found,
    ) -> Result<Answer, Error> {
        let ids: Vec<Uuid> = found.hits.iter().map(|hit| hit.document_id).collect();
        let (current, counts) =
            tokio::join!(self.store.current(caller, &question.filters, &ids), engine.count_pages(question, &mut found));
        let mut current = current?;
        let Found { hits, total, mut facets, marks, .. } = found;
        let (asked, seen) = (fallback::plain_matches(&question.terms), hits.len());
        let mut shown: Vec<Hit> = hits
            .into_iter()
            .filter_map(|hit| {
                let document = current.remove(&hit.document_id).filter(|d| d.version == hit.version)?;
                Some(from_engine(hit, document, &counts, (&marks.0, &marks.1), &asked))
            })
            .collect();
        // The engine knows whole seconds.
        match question.order {
            Order::Best => {}
            Order::Newest => shown.sort_by_key(|hit| Reverse(hit.document.created_at)),
            Order::Oldest => shown.sort_by_key(|hit| hit.document.created_at),
        }
        let left_out = seen - shown.len();
        if left_out > 0 {
            metrics::counter!("search_stale_hits_total").increment(left_out as u64);
        }
        let facets = question.facets.iter().map(|name| {
            let values = facets.remove(attribute(name)).unwrap_or_default();
            (*name, values.into_iter().map(|(value, count)| (value, to_i64(count))).collect())
        });
        Ok(Answer {
            facets: facets.collect(),
            total: (to_i64(total) - left_out as i64).max(shown.len() as i64),
            hits: shown,
            engine: MEILISEARCH,
            degraded: false,
        })
    }
}

/// Who answered first.
enum First {
    Engine(Found),
    PostgreSql(PagesFound),
    /// PostgreSQL is still to be asked.
    Neither,
}

/// What is still asked for when `before` hits come first.
fn after(question: &Question, before: i64) -> Question {
    let shown = (before - question.offset).clamp(0, question.limit);
    Question { offset: (question.offset - before).max(0), limit: question.limit - shown, ..question.clone() }
}

/// `answer`, with all of `fresh` before it: whoever has just added a document looks for that.
fn behind(fresh: Answer, answer: Answer, question: &Question) -> Answer {
    let from = usize::try_from(question.offset).unwrap_or_default();
    let most = usize::try_from(question.limit).unwrap_or_default();
    let mut facets = answer.facets;
    for ((_, values), (_, more)) in facets.iter_mut().zip(fresh.facets) {
        for (value, count) in more {
            match values.iter_mut().find(|(known, _)| *known == value) {
                Some((_, sum)) => *sum += count,
                None => values.push((value, count)),
            }
        }
        values.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    }
    Answer {
        hits: fresh.hits.into_iter().skip(from).chain(answer.hits).take(most).collect(),
        facets,
        total: answer.total + fresh.total,
        ..answer
    }
}

fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn from_engine(
    hit: PageHit,
    document: Document,
    counts: &HashMap<Uuid, u64>,
    marks: (&str, &str),
    asked: &[Match],
) -> Hit {
    Hit {
        // A match in the title alone belongs to no page in particular.
        page: if hit.in_text { hit.page } else { 1 },
        pages_matched: to_i64(counts.get(&hit.document_id).copied().unwrap_or(1)).max(1),
        snippet: snippet::from_marked(&hit.snippet, marks, asked),
        score: hit.score,
        document,
    }
}

fn from_postgresql(mut found: PagesFound, question: &Question, degraded: bool) -> Answer {
    let matches = std::mem::take(&mut found.matches);
    let hits = found.pages.into_iter().map(|page| Hit {
        snippet: snippet::around(&page.text, &matches),
        page: page.page,
        pages_matched: page.pages_matched,
        score: page.score,
        document: page.document,
    });
    let facets = question.facets.iter().map(|name| (*name, found.facets.remove(*name).unwrap_or_default()));
    Answer { hits: hits.collect(), facets: facets.collect(), total: found.total, engine: POSTGRESQL, degraded }
}
