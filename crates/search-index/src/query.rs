use std::collections::{BTreeMap, HashMap};

use meilisearch_sdk::search::{MatchingStrategies, SearchQuery, SearchResults, Selectors};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Engine, Error, PageRecord,
    schema::{DOCUMENT, FACET_VALUES},
};

/// Value → number of documents, for each facet: the 100 most frequent.
pub type Facets = BTreeMap<String, Vec<(String, u64)>>;

/// A question to the engine. Hits are one page for each document: the one that matches best.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// Words, `"phrases"`, `-without`; the last word may be a prefix.
    pub text: &'a str,
    /// Whether a page must hold all words, or may lack words from the end.
    pub all_words: bool,
    /// In the engine's syntax; [`quote`] every value.
    pub filter: &'a str,
    /// Such as `created_at:desc`; none: the best first.
    pub sort: &'a [&'a str],
    /// Documents to skip.
    pub offset: usize,
    /// Documents to return.
    pub limit: usize,
    /// Attributes whose values are counted.
    pub facets: &'a [&'a str],
    /// What is put around each match. Make it random for each query and strip it from the answer:
    /// the engine escapes nothing.
    pub marks: (&'a str, &'a str),
    /// Words of the snippet.
    pub snippet_words: usize,
}

/// One page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageHit {
    /// The document.
    pub document_id: Uuid,
    /// The version that the record is of.
    pub version: i32,
    /// From 1.
    pub page: i32,
    /// The collection that the document was in when the record was written.
    pub collection_id: Uuid,
    /// Part of the page's text, with marks around the matches.
    pub snippet: String,
    /// Whether the page's text holds a match; else only title, file name or tags do.
    pub in_text: bool,
    /// 0 to 1.
    pub score: f64,
}

/// What the engine found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// In the order that was asked for.
    pub hits: Vec<PageHit>,
    /// Documents that match.
    pub total: u64,
    /// For the facets that were asked for.
    pub facets: Facets,
}

/// Pages that match by their own text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageCounts {
    /// By document.
    pub pages: HashMap<Uuid, u64>,
    /// Whether no page matches of a document that is missing; else there were too many to name.
    pub complete: bool,
}

#[derive(Deserialize)]
struct Retrieved {
    document_id: Uuid,
    version: i32,
    page: i32,
    collection_id: Uuid,
}

/// Values that an answer names for each facet.
const SHOWN_VALUES: usize = 100;
const CROP_MARK: &str = "…";

impl Engine {
    /// Searches, one hit for each document.
    ///
    /// # Errors
    /// [`Error`]; `index_not_found` when the index is gone.
    pub async fn search(&self, query: &Query<'_>) -> Result<Answer, Error> {
        let Window { page, hits, before } = window(query.offset, query.limit);
        let index = self.sdk.index(self.index());
        let mut search = SearchQuery::new(&index);
        search
            .with_query(query.text)
            .with_filter(query.filter)
            // By pages of hits and not by offset: only then are documents counted, and not, for those that are not
            // shown, their pages.
            .with_page(page)
            .with_hits_per_page(hits)
            .with_distinct(DOCUMENT)
            .with_matching_strategy(strategy(query.all_words))
            .with_attributes_to_retrieve(Selectors::Some(&[DOCUMENT, "version", "page", "collection_id"]))
            .with_attributes_to_highlight(Selectors::Some(&["text"]))
            .with_attributes_to_crop(Selectors::Some(&[("text", None)]))
            .with_crop_length(query.snippet_words)
            .with_crop_marker(CROP_MARK)
            .with_highlight_pre_tag(query.marks.0)
            .with_highlight_post_tag(query.marks.1)
            .with_show_ranking_score(true);
        if !query.sort.is_empty() {
            search.with_sort(query.sort);
        }
        if !query.facets.is_empty() {
            search.with_facets(Selectors::Some(query.facets));
        }
        let found: SearchResults<Retrieved> = search.execute().await?;
        Ok(answer(found, before, query))
    }

    /// How many pages of each document that `filter` leaves match by their own text.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn count_pages(&self, text: &str, all_words: bool, filter: &str) -> Result<PageCounts, Error> {
        let index = self.sdk.index(self.index());
        let mut search = SearchQuery::new(&index);
        search
            .with_query(text)
            .with_filter(filter)
            .with_limit(0)
            // The title is in every record and would make every page count.
            .with_attributes_to_search_on(&["text"])
            .with_matching_strategy(strategy(all_words))
            .with_facets(Selectors::Some(&[DOCUMENT]));
        let found: SearchResults<Map<String, Value>> = search.execute().await?;
        let counts = found.facet_distribution.and_then(|mut all| all.remove(DOCUMENT)).unwrap_or_default();
        let complete = counts.len() < FACET_VALUES;
        let pages = counts.into_iter().filter_map(|(id, count)| Some((id.parse().ok()?, count as u64))).collect();
        Ok(PageCounts { pages, complete })
    }

    /// The record of one page, if the engine has it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get_page(&self, document_id: Uuid, page: i32) -> Result<Option<PageRecord>, Error> {
        let index = self.sdk.index(self.index());
        let got: Result<PageRecord, _> = index.get_document(&PageRecord::id_of(document_id, page)).await;
        match got.map_err(Error::from) {
            Ok(record) => Ok(Some(record)),
            Err(e) if e.is_code("document_not_found") => Ok(None),
            Err(e) => Err(e),
        }
    }
}

fn strategy(all_words: bool) -> MatchingStrategies {
    if all_words { MatchingStrategies::ALL } else { MatchingStrategies::LAST }
}

/// What the engine is asked for instead of an offset and a limit.
#[derive(Debug, PartialEq)]
struct Window {
    /// From 1.
    page: usize,
    hits: usize,
    /// Hits to drop.
    before: usize,
}

/// The smallest page of hits that has all that is wanted.
fn window(offset: usize, limit: usize) -> Window {
    let Some(last) = (offset + limit).checked_sub(1).filter(|_| limit > 0) else {
        return Window { page: 1, hits: 0, before: 0 };
    };
    let hits = (limit..=last).find(|hits| offset / hits == last / hits).unwrap_or(last + 1);
    Window { page: offset / hits + 1, hits, before: offset % hits }
}

fn answer(found: SearchResults<Retrieved>, before: usize, query: &Query<'_>) -> Answer {
    let hits = found.hits.into_iter().skip(before).take(query.limit).map(|hit| {
        let formatted = hit.formatted_result.as_ref().and_then(|f| f.get("text")).and_then(Value::as_str);
        let snippet = formatted.unwrap_or_default().to_owned();
        PageHit {
            document_id: hit.result.document_id,
            version: hit.result.version,
            page: hit.result.page,
            collection_id: hit.result.collection_id,
            in_text: snippet.contains(query.marks.0),
            snippet,
            score: hit.ranking_score.unwrap_or_default(),
        }
    });
    let facets = found.facet_distribution.unwrap_or_default().into_iter().map(|(name, values)| {
        let mut values: Vec<_> = values.into_iter().map(|(value, count)| (value, count as u64)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values.truncate(SHOWN_VALUES);
        (name, values)
    });
    Answer { hits: hits.collect(), total: found.total_hits.unwrap_or_default() as u64, facets: facets.collect() }
}

/// The filter that leaves these documents.
pub fn among(documents: &[Uuid]) -> String {
    let ids = documents.iter().map(|id| quote(&id.to_string())).collect::<Vec<_>>().join(", ");
    format!("{DOCUMENT} IN [{ids}]")
}

/// A value as the filter syntax takes it.
pub fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_is_reached_by_pages() {
        assert_eq!(window(0, 10), Window { page: 1, hits: 10, before: 0 });
        assert_eq!(window(20, 10), Window { page: 3, hits: 10, before: 0 });
        assert_eq!(window(997, 20), Window { page: 34, hits: 30, before: 7 });
        assert_eq!(window(7, 10), Window { page: 1, hits: 17, before: 7 });
        assert_eq!(window(1, 2), Window { page: 1, hits: 3, before: 1 });
        assert_eq!(window(7, 0), Window { page: 1, hits: 0, before: 0 });
        for (offset, limit) in (0..300).flat_map(|offset| (1..30).map(move |limit| (offset, limit))) {
            let Window { page, hits, before } = window(offset, limit);
            assert!((page - 1) * hits + before == offset && before + limit <= hits, "{offset} {limit}");
        }
    }

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        assert_eq!(quote(r#"a" OR b = "c\"#), r#""a\" OR b = \"c\\""#);
    }
}
