use std::time::Duration;

use chassis::{Caller, Fault, FaultKind, Role};
use proto::search::{
    GetOverviewRequest, GetSearchesRequest, RecordClickRequest, Synonym, analytics_client::AnalyticsClient,
};
use testkit::{as_caller, owner, user, within};

use crate::world::{World, doc, hits};

/// Waits until a query answers this number.
async fn until(world: &World, sql: &str, wanted: i64) {
    let asking = async {
        while world.owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) != wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(Duration::from_secs(10), asking).await;
}

#[tokio::test]
async fn what_happened_is_counted_by_day_and_in_all() {
    let world = World::start(true).await;
    let walrus = doc("Walrus", &["a walrus"]);
    world.add(std::slice::from_ref(&walrus)).await;
    let sql = format!(
        "SET search_path = contacts, public;
         INSERT INTO visit_days VALUES (current_date, '', 3, 0), (current_date, '', 4, 1), (current_date, 'agent', 9, 0);
         INSERT INTO contacts (id, name, email) VALUES (gen_random_uuid(), 'A', 'a@example.org');
         INSERT INTO submissions (id, contact_id, name, email, message, status)
         SELECT gen_random_uuid(), c.id, 'A', 'a@example.org', 'x', s FROM contacts c, unnest(ARRAY['new', 'spam']) s;
         SET search_path = documents, public;
         INSERT INTO versions (document_id, number, object_key, file_name, media_type, size, sha256)
         VALUES ('{id}', 1, 'k', 'f', 't', 1, '');
         INSERT INTO events (document_id, version, stage, at) VALUES ('{id}', 1, 'extracted', now() + interval '2 s'),
            ('{id}', 1, 'ready', now() + interval '3 s')",
        id = walrus.id
    );
    world.owner.batch_execute(&sql).await.unwrap();
    let found = world.ask("walrus").await;
    world.ask("submarine").await;
    world.ask("submarine").await;
    let click = RecordClickRequest {
        query_id: found.query_id.clone(),
        document_id: found.hits[0].document_id.clone(),
        rank: 1,
    };
    until(&world, "SELECT count(*) FROM search.queries", 3).await;
    as_caller(owner(), world.client.clone().record_click(click)).await.unwrap();
    until(&world, "SELECT count(*) FROM search.clicks", 1).await;

    let mut rpc = AnalyticsClient::new(world.running.channel());
    let seen = as_caller(owner(), rpc.get_overview(GetOverviewRequest::default())).await.unwrap().into_inner();
    assert_eq!(seen.days.len(), 30);
    let (totals, today) = (seen.totals.unwrap(), seen.days[29].numbers.unwrap());
    assert_eq!((totals.visits, totals.submissions, totals.uploads, totals.ready, totals.failed), (7, 1, 1, 1, 0));
    assert_eq!((totals.searches, totals.zero_results, totals.clicks), (3, 2, 1));
    let seconds = totals.seconds_to_searchable.unwrap();
    assert!((1.0..4.0).contains(&seconds), "{seconds}");
    assert_eq!(today, totals, "all of it was today");
    assert_eq!(seen.days[0].numbers.unwrap().visits, 0);

    let seen = as_caller(owner(), rpc.get_searches(GetSearchesRequest::default())).await.unwrap().into_inner();
    let told: Vec<_> = seen.top.iter().map(|q| (q.text.as_str(), q.searches, q.zero_results, q.mean_rank)).collect();
    assert_eq!(told, [("submarine", 2, 2, None), ("walrus", 1, 0, Some(1.0))]);
    assert_eq!(seen.zero.iter().map(|q| q.text.as_str()).collect::<Vec<_>>(), ["submarine"]);
    assert_eq!((seen.ranks[0].rank, seen.ranks[0].clicks), (1, 1));
    for (caller, kind) in [(user(Role::Viewer), FaultKind::Forbidden), (Caller::Anonymous, FaultKind::Unauthenticated)]
    {
        let refused = as_caller(caller, rpc.get_overview(GetOverviewRequest::default())).await.unwrap_err();
        assert_eq!(Fault::of(&refused).kind, kind);
    }
}

#[tokio::test]
async fn days_older_than_the_log_keep_their_numbers_and_lose_their_words() {
    let database = testkit::database().await;
    let world = World::start_on(database, false, |_| {}).await;
    let sql = "INSERT INTO search.queries
        SELECT gen_random_uuid(), now() - make_interval(days => d), 'old words', d % 2, 'postgresql', true, 1
        FROM unnest(ARRAY[100, 100, 101, 89, 1]) d";
    world.owner.batch_execute(sql).await.unwrap();
    drop(world.running);
    // It is done when the service starts, and every hour.
    let config = world.config.clone();
    let running = testkit::serve::<search::App>(config).await;
    let waiting = async {
        while world.owner.query_one("SELECT count(*) FROM search.queries", &[]).await.unwrap().get::<_, i64>(0) != 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(Duration::from_secs(10), waiting).await;
    let sql = "SELECT searches, zero_results, degraded FROM search.days ORDER BY day";
    let days = world.owner.query(sql, &[]).await.unwrap();
    let told: Vec<(i64, i64, i64)> = days.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect();
    assert_eq!(told, [(1, 0, 1), (2, 2, 2)]);
    drop(running);
}

#[tokio::test]
async fn a_synonym_finds_what_is_written_with_another_word() {
    let world = World::start(false).await;
    world.add(&[doc("Leaflet", &["the automobile in the garage"])]).await;
    assert!(hits(&world.ask("kfz").await).is_empty());
    let mut rpc = AnalyticsClient::new(world.running.channel());
    let synonym = Synonym { word: "KFZ".to_owned(), others: vec!["Automobile".to_owned()] };
    let all = as_caller(owner(), rpc.put_synonym(synonym)).await.unwrap().into_inner().items;
    assert_eq!(all, [Synonym { word: "kfz".to_owned(), others: vec!["automobile".to_owned()] }]);
    assert_eq!(hits(&world.ask("kfz").await), [("Leaflet", 1)]);
    let none = Synonym { word: "kfz".to_owned(), others: Vec::new() };
    assert!(as_caller(owner(), rpc.put_synonym(none)).await.unwrap().into_inner().items.is_empty());
    assert!(hits(&world.ask("kfz").await).is_empty());
}
