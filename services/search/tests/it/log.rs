use std::time::Duration;

use proto::search::{QueryRequest, RecordClickRequest};
use testkit::{as_caller, owner, within};
use uuid::Uuid;

use crate::world::{World, doc, query};

async fn rows(world: &World, sql: &str, wanted: usize) -> Vec<tokio_postgres::Row> {
    let reading = async {
        loop {
            let rows = world.owner.query(sql, &[]).await.unwrap();
            if rows.len() >= wanted {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(Duration::from_secs(10), reading).await
}

async fn click(world: &World, query_id: &str, document_id: &str, rank: i32) -> Result<(), tonic::Status> {
    let request = RecordClickRequest { query_id: query_id.to_owned(), document_id: document_id.to_owned(), rank };
    as_caller(owner(), world.client.clone().record_click(request)).await.map(drop)
}

#[tokio::test]
async fn queries_and_clicks_are_logged_without_who_made_them() {
    let world = World::start(true).await;
    world.add(&[doc("Walrus", &["a walrus"])]).await;
    let found = world.ask("  WALRUS ").await;
    let missed = world.ask("submarine").await;
    world.ask_as(owner(), QueryRequest { offset: 20, ..query("walrus") }).await;
    click(&world, &found.query_id, &found.hits[0].document_id, 1).await.unwrap();
    click(&world, &found.query_id, &found.hits[0].document_id, 1).await.unwrap();
    click(&world, &Uuid::now_v7().to_string(), &found.hits[0].document_id, 1).await.unwrap();

    let queries = rows(&world, "SELECT * FROM search.queries ORDER BY id", 2).await;
    let told: Vec<(String, String, i64, String, bool)> = queries
        .iter()
        .map(|r| (r.get::<_, Uuid>("id").to_string(), r.get("text"), r.get("hits"), r.get("engine"), r.get("degraded")))
        .collect();
    let engine = || "meilisearch".to_owned();
    let wanted = [
        (found.query_id.clone(), "walrus".to_owned(), 1, engine(), false),
        (missed.query_id, "submarine".to_owned(), 0, engine(), false),
    ];
    assert_eq!(told, wanted, "the second page is no search of its own");
    let shown: Vec<Vec<Uuid>> = queries.iter().map(|r| r.get("found")).collect();
    assert_eq!(shown, [vec![found.hits[0].document_id.parse::<Uuid>().unwrap()], Vec::new()]);
    let columns: Vec<_> = queries[0].columns().iter().map(tokio_postgres::Column::name).collect();
    assert_eq!(columns, ["id", "at", "text", "hits", "engine", "degraded", "took_ms", "found"]);

    let clicks = rows(&world, "SELECT query_id, rank FROM search.clicks", 1).await;
    assert_eq!((clicks.len(), clicks[0].get::<_, i32>("rank")), (1, 1), "once, and only on a query that is known");
    assert_eq!(clicks[0].get::<_, Uuid>("query_id").to_string(), found.query_id);
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_written() {
    let world = World::start(false).await;
    for n in 0..50 {
        world.ask(&format!("word{n}")).await;
    }
    world.running.stop().await.unwrap();
    let count: i64 = world.owner.query_one("SELECT count(*) FROM search.queries", &[]).await.unwrap().get(0);
    assert_eq!(count, 50);
}

#[tokio::test]
async fn a_click_that_makes_no_sense_is_refused() {
    let world = World::start(false).await;
    assert!(click(&world, "x", "y", 0).await.is_err());
}

#[tokio::test]
async fn the_service_reads_only_what_is_published_to_it() {
    let world = World::start(false).await;
    let search = world.database.client("search").await;
    for table in ["documents", "pages", "collections", "collection_members", "insights", "vocabulary", "audit", "work"]
    {
        let refused = search.query(&format!("SELECT FROM documents.{table}"), &[]).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{table}");
    }
    for sql in ["UPDATE queries SET hits = 0", "DELETE FROM clicks"] {
        assert_eq!(search.execute(sql, &[]).await.unwrap_err().code().unwrap().code(), "42501", "{sql}");
    }
}
