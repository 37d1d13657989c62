use chassis::{Fault, FaultKind};
use proto::search::QueryRequest;
use testkit::{as_caller, owner};

use crate::world::{Doc, World, both, doc, hits, marked, query};

async fn library(world: &World) {
    let documents = [
        doc("Annual report", &["Foreword by the board", "The quarterly forecast for the Zürich office was good."]),
        doc(
            "Minutes",
            &[
                "The board met in Bern.",
                "Companies offering walrus tours were discussed: walrus!",
                "Of the seals nobody saw a walrus.",
            ],
        ),
        doc("Walrus handbook", &["How to feed them", "How to wash them"]),
        Doc { language: "de", ..doc("Rechnung 2019", &["Die Rechnungen über 4711 Franken sind offen."]) },
    ];
    world.add(&documents).await;
}

#[tokio::test]
async fn both_engines_find_the_same_page() {
    for world in both().await {
        library(&world).await;
        let cases = [
            ("forecast", ("Annual report", 2)),
            ("forecast quarterly", ("Annual report", 2)),
            ("\"zürich office\"", ("Annual report", 2)),
            ("board -foreword", ("Minutes", 1)),
            ("forec", ("Annual report", 2)),
            ("forcast", ("Annual report", 2)),
            ("zurich", ("Annual report", 2)),
            ("walrus tours", ("Minutes", 2)),
            ("handbok", ("Walrus handbook", 1)),
            ("feed handbook", ("Walrus handbook", 1)),
            ("wash handbook", ("Walrus handbook", 2)),
            ("4711", ("Rechnung 2019", 1)),
            ("forecast submarine", ("Annual report", 2)),
        ];
        for (q, first) in cases {
            let answer = world.ask(q).await;
            assert_eq!(hits(&answer).first(), Some(&first), "{q:?} on {}", answer.engine);
            assert!(answer.estimated_total >= 1 && answer.hits[0].score > 0.0, "{q:?} on {}", answer.engine);
            assert_eq!(answer.degraded, answer.engine == "postgresql");
        }
        for nothing in ["\"office zürich\"", "4712", "submarine", "forecast -office"] {
            let answer = world.ask(nothing).await;
            assert_eq!((hits(&answer), answer.estimated_total), (vec![], 0), "{nothing:?} on {}", answer.engine);
        }
    }
}

#[tokio::test]
async fn a_hit_says_where_and_how_often() {
    for world in both().await {
        library(&world).await;
        let answer = world.ask("walrus").await;
        assert_eq!(answer.hits.len(), 2, "one hit for each document on {}", answer.engine);
        let minutes = answer.hits.iter().find(|h| h.title == "Minutes").unwrap();
        assert_eq!((minutes.page, minutes.pages_matched, minutes.page_count), (2, 2, 3), "{}", answer.engine);
        assert_eq!(marked(minutes), ["walrus", "walrus"], "{}", answer.engine);
        let handbook = answer.hits.iter().find(|h| h.title == "Walrus handbook").unwrap();
        assert_eq!((handbook.page, handbook.pages_matched), (1, 1), "{}", answer.engine);
        assert_eq!((handbook.snippet.as_str(), handbook.ranges.len()), ("How to feed them", 0));
        assert_eq!((handbook.language.as_str(), handbook.media_type.as_str()), ("en", "application/pdf"));
    }
}

#[tokio::test]
async fn snippets_are_plain_text_with_ranges_in_characters() {
    for world in both().await {
        let text = "Ärger 𝒳𝒴: <script>alert('walrus')</script> & <b>Größe</b>\n\n der\tWalrusse 🦭 ende";
        world.add(&[doc("<i>T</i>", &[text])]).await;
        for (q, wanted) in [("walrus", vec!["walrus", "Walrus"]), ("walrsu", vec!["walrus"]), ("größe", vec!["Größe"])]
        {
            let answer = world.ask(q).await;
            assert_eq!(answer.hits.len(), 1, "{q:?} on {}", answer.engine);
            let hit = &answer.hits[0];
            assert!(hit.snippet.contains("<script>alert('walrus')</script> & <b>Größe</b> der"), "{}", hit.snippet);
            let marked = marked(hit);
            assert_eq!(&marked[..wanted.len()], wanted, "{q:?} on {}", answer.engine);
            assert_eq!(hit.title, "<i>T</i>");
        }
    }
}

#[tokio::test]
async fn a_long_page_is_cut_around_the_match() {
    for world in both().await {
        let filler = "lorem ipsum dolor sit amet ".repeat(200);
        world.add(&[doc("Long", &[&format!("{filler} the walrus sleeps {filler}")])]).await;
        let answer = world.ask("walrus sleeps").await;
        let hit = &answer.hits[0];
        assert_eq!(marked(hit), ["walrus", "sleeps"], "{}", answer.engine);
        assert!(hit.snippet.starts_with('…') && hit.snippet.ends_with('…'), "{}", hit.snippet);
        assert!(hit.snippet.split(' ').count() < 40, "{}", hit.snippet);
    }
}

#[tokio::test]
async fn filters_and_facets_agree() {
    for world in both().await {
        let tagged = |title: &str, tags: &[&str], language, media_type, created_at| Doc {
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            language,
            media_type,
            created_at,
            ..doc(title, &["a walrus", "two walrus"])
        };
        world
            .add(&[
                tagged("One", &["red", "big \"x\""], "en", "application/pdf", 1_767_225_600),
                tagged("Two", &["red"], "de", "text/html", 1_767_312_000),
                tagged("Three", &[], "de", "text/html", 1_767_398_400),
            ])
            .await;
        let titles = async |request: QueryRequest| {
            let answer = world.ask_as(owner(), request).await;
            let mut titles: Vec<_> = answer.hits.into_iter().map(|h| h.title).collect();
            titles.sort();
            titles
        };
        for q in ["walrus", ""] {
            let ask = || query(q);
            assert_eq!(titles(QueryRequest { tag: "red".into(), ..ask() }).await, ["One", "Two"]);
            assert_eq!(titles(QueryRequest { tag: "big \"x\"".into(), ..ask() }).await, ["One"]);
            assert_eq!(titles(QueryRequest { language: "de".into(), tag: "red".into(), ..ask() }).await, ["Two"]);
            assert_eq!(titles(QueryRequest { media_type: "text/html".into(), ..ask() }).await, ["Three", "Two"]);
            assert_eq!(titles(QueryRequest { from: "2026-01-02".into(), ..ask() }).await, ["Three", "Two"]);
            assert_eq!(titles(QueryRequest { to: "2026-01-01".into(), ..ask() }).await, ["One"]);
            assert_eq!(titles(QueryRequest { from: "2026-01-02T00:00:01Z".into(), ..ask() }).await, ["Three"]);
            assert_eq!(titles(QueryRequest { limit: 1, offset: 3, ..ask() }).await, [""; 0]);

            let facets = ["tag", "language", "collection_id"].map(str::to_owned).to_vec();
            let answer = world.ask_as(owner(), QueryRequest { facets, limit: 1, ..ask() }).await;
            assert_eq!((answer.estimated_total, answer.hits.len()), (3, 1), "{q:?} on {}", answer.engine);
            let counts: Vec<(&str, Vec<(&str, i64)>)> = answer
                .facets
                .iter()
                .map(|f| (f.name.as_str(), f.values.iter().map(|v| (v.value.as_str(), v.count)).collect()))
                .collect();
            let collection = crate::world::PUBLIC.to_string();
            let wanted = [
                ("tag", vec![("red", 2), ("big \"x\"", 1)]),
                ("language", vec![("de", 2), ("en", 1)]),
                ("collection_id", vec![(collection.as_str(), 3)]),
            ];
            assert_eq!(counts, wanted, "{q:?} on {}", answer.engine);
        }
    }
}

#[tokio::test]
async fn by_age_the_documents_come_in_that_order_at_their_best_page() {
    for world in both().await {
        world
            .add(&[
                Doc { created_at: 2_000, ..doc("Middle", &["walrus", "a walrus is a walrus"]) },
                Doc { created_at: 3_000, ..doc("Walrus", &["a walrus", "nothing"]) },
                Doc { created_at: 1_000, ..doc("Oldest", &["nothing", "walruss"]) },
            ])
            .await;
        let sorted = async |q: &str, sort: &str, offset| {
            let facets = vec!["language".to_owned()];
            let request = QueryRequest { sort: sort.into(), limit: 2, offset, facets, ..query(q) };
            let answer = world.ask_as(owner(), request).await;
            assert_eq!((answer.estimated_total, answer.facets[0].values[0].count), (3, 3), "on {}", answer.engine);
            let dates: Vec<i64> = answer.hits.iter().map(|hit| hit.created_at / 1_000_000).collect();
            (answer.hits.into_iter().map(|hit| hit.title).collect::<Vec<_>>(), dates)
        };
        for q in ["walrus", ""] {
            let all =
                |titles: &[&str], dates: &[i64]| (titles.iter().map(|t| (*t).to_owned()).collect(), dates.to_vec());
            assert_eq!(sorted(q, "-created_at", 0).await, all(&["Walrus", "Middle"], &[3_000, 2_000]));
            assert_eq!(sorted(q, "-created_at", 2).await, all(&["Oldest"], &[1_000]));
            assert_eq!(sorted(q, "created_at", 0).await, all(&["Oldest", "Middle"], &[1_000, 2_000]));
        }
        let answer = world.ask_as(owner(), QueryRequest { sort: "created_at".into(), ..query("walrus") }).await;
        assert_eq!(hits(&answer)[0], ("Oldest", 2), "on {}", answer.engine);
        assert!(answer.hits.iter().all(|hit| hit.version == 1), "{answer:?}");
    }
}

#[tokio::test]
async fn asked_for_nothing_the_newest_come_first() {
    for world in both().await {
        world
            .add(&[
                Doc { created_at: 1_000, ..doc("Old", &["x"]) },
                Doc { created_at: 3_000, ..doc("New", &["the first page of it"]) },
                Doc { created_at: 2_000, pages: Vec::new(), ..doc("Without text", &[]) },
            ])
            .await;
        let answer = world.ask("  ").await;
        assert_eq!(hits(&answer), [("New", 1), ("Without text", 1), ("Old", 1)]);
        assert_eq!((answer.estimated_total, answer.hits[0].snippet.as_str()), (3, "the first page of it"));
    }
}

#[tokio::test]
async fn a_document_without_text_is_found_by_its_title_in_postgresql() {
    let world = World::start(false).await;
    world.add(&[doc("Photograph of a walrus.jpg", &[])]).await;
    assert_eq!(hits(&world.ask("photograph walrus").await), [("Photograph of a walrus.jpg", 1)]);
    assert_eq!(hits(&world.ask("photograhp").await), [("Photograph of a walrus.jpg", 1)]);
}

#[tokio::test]
async fn odd_questions_are_answered() {
    for world in both().await {
        library(&world).await;
        for q in [
            "'",
            "\\",
            "a:*",
            "!",
            "& | !",
            "<->",
            "-",
            "\"",
            "-walrus",
            "report's",
            "%_",
            "\u{0}",
            "walrus:*A",
            "𝒳",
            "http://a.b/c?d=e",
        ] {
            world.ask(q).await;
        }
        assert!(!hits(&world.ask("-walrus").await).iter().any(|(title, _)| *title == "Walrus handbook"));
    }
}

#[tokio::test]
async fn a_question_that_is_not_valid_is_refused_with_its_fields() {
    let world = World::start(false).await;
    let request = QueryRequest { limit: 101, facets: vec!["title".into()], ..query(&"x".repeat(501)) };
    let refused = as_caller(owner(), world.client.clone().query(request)).await.unwrap_err();
    let fault = Fault::of(&refused);
    assert_eq!((fault.kind, fault.fields.len()), (FaultKind::Invalid, 3));
}
