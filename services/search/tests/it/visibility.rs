use chassis::{Caller, Role};
use proto::search::QueryRequest;
use testkit::{owner, user};
use uuid::Uuid;

use crate::world::{Doc, INTERNAL, PUBLIC, RESTRICTED, World, both, doc, hits, marked, query, records};

async fn titles(world: &World, caller: Caller, request: QueryRequest) -> Vec<String> {
    let answer = world.ask_as(caller, request).await;
    assert!(answer.estimated_total as usize >= answer.hits.len());
    let mut titles: Vec<_> = answer.hits.into_iter().map(|h| h.title).collect();
    titles.sort();
    titles
}

fn in_collection(title: &str, collection: Uuid) -> Doc {
    Doc { collection, tags: vec![format!("tag {title}")], keywords: vec!["walrus care"], ..doc(title, &["a walrus"]) }
}

#[tokio::test]
async fn everybody_finds_what_they_may_see_and_nothing_else() {
    for world in both().await {
        let documents = [
            in_collection("Public", PUBLIC),
            in_collection("Internal", INTERNAL),
            in_collection("Restricted", RESTRICTED),
        ];
        world.add(&documents).await;
        let member = Uuid::now_v7();
        world
            .owner
            .execute("INSERT INTO collection_members (collection_id, user_id) VALUES ($1, $2)", &[&RESTRICTED, &member])
            .await
            .unwrap();
        let member = Caller::User { id: member, role: Role::Viewer };
        let cases: [(Caller, &[&str]); 6] = [
            (Caller::Anonymous, &["Public"]),
            (user(Role::Viewer), &["Internal", "Public"]),
            (user(Role::Editor), &["Internal", "Public"]),
            (member, &["Internal", "Public", "Restricted"]),
            (owner(), &["Internal", "Public", "Restricted"]),
            (Caller::Service, &["Internal", "Public", "Restricted"]),
        ];
        for (caller, wanted) in cases {
            for q in ["walrus", "walrs", ""] {
                assert_eq!(titles(&world, caller, query(q)).await, wanted, "{q:?} {caller}");
                let facets = QueryRequest { facets: vec!["tag".into()], ..query(q) };
                let answer = world.ask_as(caller, facets).await;
                let mut tags: Vec<_> = answer.facets[0].values.iter().map(|v| v.value.clone()).collect();
                tags.sort();
                assert_eq!(tags, wanted.iter().map(|t| format!("tag {t}")).collect::<Vec<_>>(), "{q:?} {caller}");
                assert_eq!(answer.estimated_total as usize, wanted.len());
            }
            let restricted = QueryRequest { collection_id: RESTRICTED.to_string(), ..query("walrus") };
            let found = titles(&world, caller, restricted).await;
            assert_eq!(found.is_empty(), !wanted.contains(&"Restricted"), "{caller}");
        }
    }
}

#[tokio::test]
async fn membership_that_ends_ends_at_once() {
    for world in both().await {
        world.add(&[in_collection("Restricted", RESTRICTED)]).await;
        let id = Uuid::now_v7();
        let member = Caller::User { id, role: Role::Editor };
        let sql = "INSERT INTO collection_members (collection_id, user_id) VALUES ($1, $2)";
        world.owner.execute(sql, &[&RESTRICTED, &id]).await.unwrap();
        assert_eq!(titles(&world, member, query("walrus")).await, ["Restricted"]);
        world.owner.execute("DELETE FROM collection_members WHERE user_id = $1", &[&id]).await.unwrap();
        assert_eq!(titles(&world, member, query("walrus")).await, [""; 0]);
    }
}

#[tokio::test]
async fn what_the_engine_still_holds_is_not_shown_when_the_truth_has_changed() {
    let world = World::start(true).await;
    let names = ["Kept", "Trashed", "Reread", "Moved away", "Moved near", "Purged"];
    let documents = names.map(|title| in_collection(title, PUBLIC));
    world.add(&documents).await;
    assert_eq!(titles(&world, Caller::Anonymous, query("walrus")).await.len(), 6);

    let [_, trashed, reread, away, near, purged] = &documents;
    let change = async |sql: &str, d: &Doc| world.owner.execute(sql, &[&d.id]).await.unwrap();
    change("UPDATE documents SET deleted_at = now() WHERE id = $1", trashed).await;
    change("UPDATE documents SET version = 2, extracted_version = 2 WHERE id = $1", reread).await;
    change("UPDATE insights SET version = 2 WHERE document_id = $1", reread).await;
    change(&format!("UPDATE documents SET collection_id = '{RESTRICTED}' WHERE id = $1"), away).await;
    change(&format!("UPDATE documents SET collection_id = '{INTERNAL}' WHERE id = $1"), near).await;
    change("DELETE FROM documents WHERE id = $1", purged).await;

    let answer = world.ask_as(Caller::Anonymous, query("walrus")).await;
    assert_eq!((answer.engine.as_str(), answer.estimated_total), ("meilisearch", 1));
    assert_eq!(titles(&world, Caller::Anonymous, query("walrus")).await, ["Kept"]);
    assert_eq!(titles(&world, user(Role::Viewer), query("walrus")).await, ["Kept", "Moved near"]);
    let in_public = QueryRequest { collection_id: PUBLIC.to_string(), ..query("walrus") };
    assert_eq!(titles(&world, user(Role::Viewer), in_public).await, ["Kept"], "it is no longer there");

    world.engine.put_pages(&records(reread, 2)).await.unwrap();
    assert_eq!(titles(&world, Caller::Anonymous, query("walrus")).await, ["Kept", "Reread"]);
}

#[tokio::test]
async fn suggestions_are_of_what_the_caller_may_see() {
    let world = World::start(false).await;
    let titled = |title: &str, collection, keywords: &[&'static str]| Doc {
        collection,
        keywords: keywords.to_vec(),
        ..doc(title, &["text"])
    };
    world
        .add(&[
            titled("Walrus handbook", PUBLIC, &["walrus feeding", "tusks"]),
            titled("Internal walrus plan", INTERNAL, &["walrus budget"]),
            titled("Walrus secrets", RESTRICTED, &["walrus password", "tuskless"]),
        ])
        .await;
    let texts = async |caller, q: &str| {
        let mut texts: Vec<_> = world.suggest(caller, q).await.into_iter().map(|(_, text)| text).collect();
        texts.sort();
        texts
    };
    assert_eq!(texts(Caller::Anonymous, "wal").await, ["Walrus handbook", "walrus feeding"]);
    assert_eq!(texts(Caller::Anonymous, "TUSK").await, ["tusks"]);
    assert_eq!(texts(Caller::Anonymous, "walrsu handbok").await, ["Walrus handbook"]);
    let viewer = texts(user(Role::Viewer), "walrus").await;
    assert_eq!(viewer, ["Internal walrus plan", "Walrus handbook", "walrus budget", "walrus feeding"]);
    assert_eq!(texts(owner(), "walrus").await.len(), 6);
    assert!(texts(owner(), " ").await.is_empty() && texts(owner(), "%").await.is_empty());
    let first = world.suggest(owner(), "walrus h").await.remove(0);
    assert_eq!(first, ("title".to_owned(), "Walrus handbook".to_owned()));
}

#[tokio::test]
async fn what_has_been_moved_away_is_not_counted_while_the_engine_still_has_it() {
    let world = World::start(true).await;
    let documents = ["Kept", "Moved away", "Trashed"].map(|title| in_collection(title, PUBLIC));
    world.add(&documents).await;
    let [_, moved, trashed] = &documents;
    for (d, change, work) in [
        (moved, format!("collection_id = '{RESTRICTED}'"), "index"),
        (trashed, "deleted_at = now()".to_owned(), "remove"),
    ] {
        world.owner.execute(&format!("UPDATE documents SET {change} WHERE id = $1"), &[&d.id]).await.unwrap();
        let sql = "INSERT INTO work (document_id, version, kind) VALUES ($1, 1, $2)";
        world.owner.execute(sql, &[&d.id, &work]).await.unwrap();
    }
    let request = QueryRequest { facets: vec!["tag".into(), "collection_id".into()], limit: 1, ..query("walrus") };
    let answer = world.ask_as(Caller::Anonymous, request).await;
    assert_eq!((answer.engine.as_str(), answer.estimated_total, answer.hits.len()), ("meilisearch", 1, 1));
    let values = |n: usize| answer.facets[n].values.iter().map(|v| (v.value.clone(), v.count)).collect::<Vec<_>>();
    assert_eq!(values(0), [("tag Kept".to_owned(), 1)]);
    assert_eq!(values(1), [(PUBLIC.to_string(), 1)]);
}

#[tokio::test]
async fn what_the_engine_does_not_have_yet_is_found_before_the_rest() {
    let world = World::start(true).await;
    world.add(&[in_collection("Old", PUBLIC), in_collection("Older", PUBLIC)]).await;
    let letter = |title: &str, collection| Doc {
        pages: vec!["a seal".into(), "a walrus".into()],
        ..in_collection(title, collection)
    };
    let (new, secret) = (letter("New", PUBLIC), letter("Secret", RESTRICTED));
    for fresh in [&new, &secret] {
        world.store(fresh).await;
        let settling = "WITH w AS (INSERT INTO work (document_id, version, kind) VALUES ($1, 1, 'index'))
            UPDATE documents SET status = 'processing' WHERE id = $1";
        world.owner.execute(settling, &[&fresh.id]).await.unwrap();
    }
    let facets = || vec!["tag".to_owned(), "language".to_owned()];
    let answer = world.ask_as(Caller::Anonymous, QueryRequest { facets: facets(), ..query("walrs") }).await;
    assert_eq!((answer.engine.as_str(), answer.degraded, answer.estimated_total), ("meilisearch", false, 3));
    assert_eq!(hits(&answer)[0], ("New", 2));
    assert_eq!((marked(&answer.hits[0]), answer.hits[0].pages_matched), (vec!["walrus".to_owned()], 1));
    let values = |n: usize| answer.facets[n].values.iter().map(|v| (v.value.as_str(), v.count)).collect::<Vec<_>>();
    assert_eq!(values(0), [("tag New", 1), ("tag Old", 1), ("tag Older", 1)]);
    assert_eq!(values(1), [("en", 3)]);
    // Page by page, nothing is there twice and nothing is left out.
    let mut walked = Vec::new();
    for offset in 0..4 {
        let page = world.ask_as(Caller::Anonymous, QueryRequest { offset, limit: 1, ..query("walrus") }).await;
        assert_eq!(page.estimated_total, 3);
        walked.extend(page.hits.into_iter().map(|hit| hit.title));
    }
    walked[1..].sort();
    assert_eq!(walked, ["New", "Old", "Older"]);
    // Whoever may see it finds the other one too.
    assert_eq!(titles(&world, owner(), query("walrus")).await, ["New", "Old", "Older", "Secret"]);
    assert!(titles(&world, owner(), query("walrus -seal")).await.contains(&"New".to_owned()));
    // Once the engine has it, it is one among the others.
    world.engine.put_pages(&records(&new, 1)).await.unwrap();
    world.owner.execute("DELETE FROM work WHERE document_id = $1", &[&new.id]).await.unwrap();
    world.owner.execute("UPDATE documents SET status = 'ready' WHERE id = $1", &[&new.id]).await.unwrap();
    assert_eq!(titles(&world, Caller::Anonymous, query("walrus")).await, ["New", "Old", "Older"]);
}
