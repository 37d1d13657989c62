use meilisearch_sdk::settings::{
    FacetSortValue, FacetingSettings, FilterFeatureModes, FilterFeatures, FilterableAttribute,
    FilterableAttributesSettings, MinWordSizeForTypos, PaginationSetting, Settings, TypoToleranceSettings,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One page of one document, as the engine holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRecord {
    /// `{document_id}-{page}`; see [`PageRecord::id_of`].
    pub id: String,
    /// The document.
    pub document_id: Uuid,
    /// The version that the text is of, from 1.
    pub version: i32,
    /// From 1.
    pub page: i32,
    /// Pages of this version.
    pub page_count: i32,
    /// The collection that the document is in.
    pub collection_id: Uuid,
    /// The document's title, the same in each of its records.
    pub title: String,
    /// The name that the file was uploaded with.
    pub file_name: String,
    /// The page's text. The engine ignores words past 65,535.
    pub text: String,
    /// ISO 639-1 where there is one, else ISO 639-3; `und` when it is not known.
    pub language: String,
    /// Such as `application/pdf`.
    pub media_type: String,
    /// The document's tags.
    pub tags: Vec<String>,
    /// When the document was added, in seconds since 1970-01-01 UTC.
    pub created_at: i64,
}

impl PageRecord {
    /// The id of a page's record: the engine takes only a–z, A–Z, 0–9, `-` and `_`. A later version
    /// of the document writes over the pages of the earlier one.
    pub fn id_of(document_id: Uuid, page: i32) -> String {
        format!("{document_id}-{page}")
    }
}

/// The attribute that identifies a record.
pub(crate) const PRIMARY_KEY: &str = "id";
/// Distinct by this attribute; pages are counted by it as well.
pub(crate) const DOCUMENT: &str = "document_id";

/// What can be reached with offset and limit, in documents.
const REACHABLE_HITS: usize = 1_200;
/// Values named for each facet. Pages are counted by a facet on the document: with so many, whoever asks for the
/// pages of all documents that match mostly hears of all, and of a word that is everywhere soon enough hears that it is.
pub(crate) const FACET_VALUES: usize = 1_000;

/// How the index is set up. `distinct` is left to the query, which also counts pages.
pub(crate) fn settings() -> Settings {
    let list = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
    Settings {
        // In the order of their weight.
        searchable_attributes: list(&["title", "file_name", "tags", "text"]),
        filterable_attributes: Some(vec![
            filterable(&[DOCUMENT, "collection_id", "language", "media_type", "tags"], false),
            filterable(&["version", "created_at"], true),
        ]),
        // By default the engine takes `<b>word</b>` or `key=word` for one word.
        separator_tokens: list(&["<", "=", ">", "\\", "^", "`", "|", "~"]),
        sortable_attributes: list(&["created_at"]),
        // An order that is asked for comes before how well something matches; the engine's own place for it is fifth.
        ranking_rules: list(&["sort", "words", "typo", "proximity", "attribute", "exactness"]),
        // "byAttribute" indexes in bulk two and a half times as fast, but then a phrase is found
        // wherever its words stand in the same page, in any order.
        proximity_precision: Some("byWord".to_owned()),
        typo_tolerance: Some(TypoToleranceSettings {
            enabled: Some(true),
            disable_on_attributes: Some(Vec::new()),
            disable_on_words: Some(Vec::new()),
            min_word_size_for_typos: Some(MinWordSizeForTypos { one_typo: Some(5), two_typos: Some(9) }),
            // 2019 is not 2018.
            disable_on_numbers: Some(true),
        }),
        pagination: Some(PaginationSetting { max_total_hits: REACHABLE_HITS }),
        faceting: Some(FacetingSettings {
            max_values_per_facet: FACET_VALUES,
            sort_facet_values_by: Some(
                // For values by count the engine goes through all documents that there are, whatever the
                // filter leaves.
                [("*", FacetSortValue::Count), (DOCUMENT, FacetSortValue::Alpha)]
                    .map(|(n, by)| (n.to_owned(), by))
                    .into(),
            ),
        }),
        ..Settings::new()
    }
}

fn filterable(names: &[&str], comparison: bool) -> FilterableAttribute {
    FilterableAttribute::Settings(FilterableAttributesSettings {
        attribute_patterns: names.iter().map(|n| (*n).to_owned()).collect(),
        // Searching within the values of a facet is never asked for and costs space.
        features: FilterFeatures { facet_search: false, filter: FilterFeatureModes { equality: true, comparison } },
    })
}
