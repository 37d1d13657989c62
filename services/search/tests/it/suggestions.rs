use std::time::Duration;

use chassis::{Caller, Role};
use testkit::{owner, user, within};

use crate::world::{Doc, INTERNAL, PUBLIC, RESTRICTED, World, doc};

/// A world that looks at past queries all the time.
async fn world() -> World {
    World::start_on(testkit::database().await, false, |config| config.past_queries_every_ms = 20).await
}

fn page(collection: uuid::Uuid, text: &str) -> Doc {
    Doc { collection, ..doc("Untitled", &["another page", text]) }
}

/// As if it had been asked `times` times, the last on that many different days.
async fn asked(world: &World, text: &str, hits: i64, times: i32, days: i32) {
    let sql = "INSERT INTO search.queries (id, at, text, hits, engine, degraded, took_ms)
        SELECT gen_random_uuid(), now() - make_interval(days => n % $4), $1, $2, 'meilisearch', false, 1
        FROM generate_series(1, $3) n";
    world.owner.execute(sql, &[&text, &hits, &times, &days]).await.unwrap();
}

async fn past(world: &World, caller: Caller, q: &str) -> Vec<String> {
    world.suggest(caller, q).await.into_iter().filter(|(kind, _)| kind == "query").map(|(_, text)| text).collect()
}

/// Until the past queries have been looked at again, from beginning to end.
async fn looked_again(world: &World) {
    // Whatever is looked at from now on begins after this marker is there, and ends with it.
    let marker = format!("marker{}", uuid::Uuid::new_v4().simple());
    world.add(&[page(PUBLIC, &marker)]).await;
    asked(world, &marker, 1, 3, 3).await;
    let there = async {
        while past(world, owner(), &marker[..20]).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(Duration::from_secs(20), there).await;
}

#[tokio::test]
async fn what_was_asked_often_and_found_is_suggested() {
    let world = world().await;
    world.add(&[page(PUBLIC, "On walrus care, and on walrus food."), page(INTERNAL, "More walrus care.")]).await;
    asked(&world, "walrus care", 2, 3, 2).await;
    asked(&world, "walrus food", 1, 9, 5).await;
    asked(&world, "walrus", 1, 2, 2).await;
    asked(&world, "walrus and", 1, 30, 1).await;
    asked(&world, "walrus on", 0, 30, 5).await;
    asked(&world, "walr", 2, 30, 5).await;
    looked_again(&world).await;
    assert_eq!(past(&world, Caller::Anonymous, "wal").await, ["walrus care", "walrus food"]);
    assert_eq!(past(&world, user(Role::Viewer), "WALRUS C").await, ["walrus care"], "once, though in two collections");
    assert!(past(&world, Caller::Anonymous, "walrus care").await.is_empty(), "it is what was typed");
    assert!(past(&world, Caller::Anonymous, "food").await.is_empty());

    // It is gone with the log.
    world.owner.execute("DELETE FROM search.queries WHERE text = 'walrus food'", &[]).await.unwrap();
    looked_again(&world).await;
    assert_eq!(past(&world, Caller::Anonymous, "wal").await, ["walrus care"]);
}

#[tokio::test]
async fn what_was_asked_is_suggested_only_to_whoever_can_read_it_now() {
    let world = world().await;
    let secret = page(RESTRICTED, "The merger with Acme. Dismissal of Anna.");
    let moved = page(PUBLIC, "A seal budget.");
    let documents = [
        secret.clone(),
        moved.clone(),
        // All the words are in public, but not as they were asked.
        page(PUBLIC, "Acme makes anvils. A merger of two rivers, with a bridge. Anna sings; dismissal is at noon."),
        page(INTERNAL, "The universities of the north."),
    ];
    world.add(&documents).await;
    for text in [
        "merger with acme",
        "merger -acme",
        "merger or acme",
        "merger <acme>",
        "dismissal of anna",
        "dismissal anna",
        "univers",
        "seal budget",
        "seal budget of nobody",
    ] {
        asked(&world, text, 5, 20, 10).await;
    }
    looked_again(&world).await;
    for caller in [Caller::Anonymous, user(Role::Viewer), user(Role::Editor)] {
        for q in ["mer", "merger", "dis", "dismissal", "uni", "acme"] {
            assert_eq!(past(&world, caller, q).await, [""; 0], "{q:?} {caller}");
        }
        assert_eq!(past(&world, caller, "sea").await, ["seal budget"], "{caller}");
    }
    assert_eq!(past(&world, owner(), "merger").await, ["merger with acme"]);
    assert_eq!(past(&world, owner(), "dis").await, ["dismissal of anna"]);

    // What changes holds from the next request, whenever the past queries are looked at again.
    let change = async |sql: &str, d: &Doc| world.owner.execute(sql, &[&d.id]).await.unwrap();
    change(&format!("UPDATE documents SET collection_id = '{RESTRICTED}' WHERE id = $1"), &moved).await;
    assert_eq!(past(&world, user(Role::Editor), "sea").await, [""; 0]);
    assert_eq!(past(&world, owner(), "sea").await, ["seal budget"]);
    change("UPDATE pages SET text = '', tsv = '' WHERE document_id = $1", &moved).await;
    assert_eq!(past(&world, owner(), "sea").await, [""; 0]);
    change("UPDATE documents SET deleted_at = now() WHERE id = $1", &secret).await;
    assert_eq!(past(&world, owner(), "merger").await, [""; 0]);
}

/// A contact of this name, address and company.
async fn contact(world: &World, name: &str, email: &str, company: &str) -> uuid::Uuid {
    let id = uuid::Uuid::now_v7();
    let sql = "INSERT INTO contacts.contacts (id, name, email, company) VALUES ($1, $2, $3, $4)";
    world.owner.execute(sql, &[&id, &name, &email, &company]).await.unwrap();
    id
}

#[tokio::test]
async fn contacts_are_suggested_to_those_who_may_read_them() {
    let world = World::start(false).await;
    world.add(&[doc("Annual report", &["x"])]).await;
    contact(&world, "Anna Muster", "anna@example.org", "Acme Ltd").await;
    contact(&world, "Bernd", "hannah@example.org", "").await;
    let found = async |caller: Caller, q: &str| -> Vec<String> {
        let all = world.suggest(caller, q).await.into_iter();
        all.filter(|(kind, _)| kind == "contact").map(|(_, text)| text).collect()
    };
    for caller in [user(Role::Viewer), user(Role::Editor), owner()] {
        for q in ["a", "ann", "ANNA M", "muster", "musterr", "acme", "anna@ex"] {
            assert_eq!(found(caller, q).await[0], "Anna Muster <anna@example.org>", "{q:?}");
        }
        assert_eq!(found(caller, "hannah").await, ["Bernd <hannah@example.org>"]);
        assert!(found(caller, "walrus").await.is_empty());
    }
    for q in ["a", "ann", "muster", "acme", "hannah"] {
        assert!(found(Caller::Anonymous, q).await.is_empty(), "{q:?}");
    }
    // Only where the call may show contacts at all.
    let request = proto::search::SuggestRequest { q: "ann".to_owned(), limit: 0, contacts: false };
    let plain = testkit::as_caller(owner(), world.client.clone().suggest(request)).await.unwrap().into_inner();
    assert!(plain.items.iter().all(|item| item.kind != "contact" && item.contact_id.is_empty()));
    for n in 0..30 {
        contact(&world, &format!("Annabel {n}"), &format!("annabel{n}@example.org"), "").await;
    }
    assert_eq!(world.suggest(owner(), "ann").await.len(), 10);
}
