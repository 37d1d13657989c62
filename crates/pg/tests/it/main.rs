//! What the services rely on, on a real PostgreSQL.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use chassis::{Caller, CancellationToken};
use pg::{
    Connection, Error, Idempotency, Listener, PgConfig, Pool,
    idempotency::{Claim, Refused},
};
use testkit::{Database, within};

const TABLE: &str = "
    CREATE TABLE idempotency (caller text NOT NULL, operation text NOT NULL, key text NOT NULL,
        fingerprint bytea NOT NULL, answer bytea NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (caller, operation, key));
    GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency TO dossier_contacts;
    CREATE TABLE things (name text CONSTRAINT things_name UNIQUE);
    GRANT SELECT, INSERT ON things TO dossier_contacts;";

async fn pool(database: &Database) -> Pool {
    database.apply("contacts", TABLE).await;
    Pool::new(&PgConfig::new(database.url("contacts"))).unwrap()
}

fn key(fingerprint: u8) -> Idempotency {
    Idempotency { key: "k".to_owned(), fingerprint: vec![fingerprint] }
}

async fn claim(connection: &mut Connection, fingerprint: u8, answer: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
    let tx = connection.begin("test").await?;
    let key = key(fingerprint);
    match key.claim(&tx, &Caller::Anonymous, "op").await? {
        Claim::Replay(kept) => Ok(Some(kept)),
        Claim::Fresh => {
            key.keep(&tx, &Caller::Anonymous, "op", answer).await?;
            tx.commit().await?;
            Ok(None)
        }
    }
}

#[tokio::test]
async fn a_key_answers_again_what_it_answered_first() {
    let database = testkit::database().await;
    let mut connection = pool(&database).await.get().await.unwrap();
    assert_eq!(claim(&mut connection, 1, b"first").await.unwrap(), None);
    assert_eq!(claim(&mut connection, 1, b"second").await.unwrap(), Some(b"first".to_vec()));
    assert!(matches!(claim(&mut connection, 2, b"third").await, Err(Refused::Different)));
}

#[tokio::test]
async fn a_key_is_refused_while_its_first_request_is_in_flight() {
    let database = testkit::database().await;
    let pool = pool(&database).await;
    let (mut first, mut second) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let tx = first.begin("test").await.unwrap();
    assert!(matches!(key(1).claim(&tx, &Caller::Anonymous, "op").await.unwrap(), Claim::Fresh));
    assert!(matches!(claim(&mut second, 1, b"x").await, Err(Refused::InFlight)));
    drop(tx);
    // The rollback is only on its way; what is asked after it is answered after it.
    first.query("SELECT 1", &[]).await.unwrap();
    assert_eq!(claim(&mut second, 1, b"x").await.unwrap(), None, "a rolled-back claim leaves nothing");
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let database = testkit::database().await;
    let mut connection = pool(&database).await.get().await.unwrap();
    claim(&mut connection, 1, b"old").await.unwrap();
    connection.execute("UPDATE idempotency SET created_at = now() - interval '25 hours'", &[]).await.unwrap();
    assert_eq!(claim(&mut connection, 2, b"new").await.unwrap(), None);
    connection.execute("UPDATE idempotency SET created_at = now() - interval '25 hours'", &[]).await.unwrap();
    assert_eq!(pg::idempotency::sweep(&connection).await.unwrap(), 1);
}

#[tokio::test]
async fn a_constraint_is_told_by_its_name() {
    let database = testkit::database().await;
    let connection = pool(&database).await.get().await.unwrap();
    connection.execute("INSERT INTO things VALUES ($1)", &[&"a"]).await.unwrap();
    let error = connection.execute("INSERT INTO things VALUES ($1)", &[&"a"]).await.unwrap_err();
    assert!(error.is_constraint("things_name") && !error.is_constraint("other"));
}

#[tokio::test]
async fn a_pool_that_is_used_up_refuses_in_time() {
    let database = testkit::database().await;
    let config = PgConfig { database_pool_size: 1, database_wait_ms: 100, ..PgConfig::new(database.url("contacts")) };
    let pool = Pool::new(&config).unwrap();
    let held = pool.get().await.unwrap();
    let asked = Instant::now();
    assert!(matches!(pool.get().await, Err(Error::Unavailable(_))));
    assert!(asked.elapsed() < Duration::from_secs(1));
    drop(held);
    pool.get().await.unwrap();
}

#[tokio::test]
async fn a_statement_ends_at_its_limit() {
    let database = testkit::database().await;
    let config = PgConfig { database_statement_ms: 50, ..PgConfig::new(database.url("contacts")) };
    let connection = Pool::new(&config).unwrap().get().await.unwrap();
    assert!(matches!(connection.query("SELECT pg_sleep(5)", &[]).await, Err(Error::Timeout)));
}

#[tokio::test]
async fn a_listener_hears_and_says_when_it_may_have_missed_something() {
    let database = Database::alone().await;
    let stop = CancellationToken::new();
    let config = PgConfig::new(database.url("contacts"));
    let listener = Listener::start(&config, "things", stop.clone()).unwrap();
    let mut heard = listener.subscribe();
    let hear = |payload: &'static str| {
        let mut heard = listener.subscribe();
        async move { while heard.recv().await.unwrap() != payload {} }
    };
    assert_eq!(within(Duration::from_secs(10), heard.recv()).await.unwrap(), "", "it stands");
    let hearing = hear("one");
    database.client("contacts").await.execute("NOTIFY things, 'one'", &[]).await.unwrap();
    within(Duration::from_secs(10), hearing).await;
    let hearing = hear("");
    database.server().process().kill9().await;
    database.server().start_again().await.unwrap();
    within(Duration::from_secs(10), hearing).await;
    stop.cancel();
}

#[tokio::test]
async fn setting_up_twice_changes_nothing_and_roles_keep_to_their_schema() {
    let database = testkit::database().await;
    database.apply("contacts", "CREATE TABLE secret (x int)").await;
    for role in ["access", "documents", "search"] {
        let client = database.client(role).await;
        assert!(client.query("SELECT * FROM contacts.secret", &[]).await.is_err(), "{role}");
        assert!(client.execute("CREATE TABLE public.mine (x int)", &[]).await.is_err(), "{role}");
    }
}
