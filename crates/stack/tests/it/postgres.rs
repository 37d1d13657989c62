use stack::postgres::{Durability, Postgres};
use tokio_postgres::NoTls;

use crate::{close, folder};

async fn ask(postgres: &Postgres, sql: &str) -> String {
    let (client, connection) = tokio_postgres::connect(&postgres.admin_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_cluster_survives_being_killed_and_keeps_its_port_and_data() {
    let folder = folder();
    // Root's home is closed to the user that PostgreSQL runs as.
    close(folder.path());
    let (dir, log) = (folder.path().join("postgres"), folder.path().join("postgres.log"));
    let postgres = Postgres::start(&dir, 0, "secret", &log, Durability::Full).await.unwrap();
    assert_eq!(ask(&postgres, "SHOW fsync").await, "on");
    assert_eq!(ask(&postgres, "SHOW data_checksums").await, "on");
    ask(&postgres, "WITH made AS (SELECT 1) SELECT set_config('x.y', 'z', false)").await;
    let (client, connection) = tokio_postgres::connect(&postgres.admin_url(), NoTls).await.unwrap();
    let lost = tokio::spawn(connection);
    client.batch_execute("CREATE TABLE kept AS SELECT 'still here' AS what").await.unwrap();

    let (pid, port) = (postgres.pid().unwrap(), postgres.port());
    postgres.process().kill9().await;
    assert!(postgres.pid().is_none());
    assert!(lost.await.unwrap().is_err());
    postgres.start_again().await.unwrap();
    assert_ne!(postgres.pid().unwrap(), pid);
    assert_eq!(postgres.port(), port);
    assert_eq!(ask(&postgres, "SELECT what FROM kept").await, "still here");

    let status = postgres.process().stop(stack::process::Process::STOP_LIMIT).await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let folder = folder();
    let (dir, log) = (folder.path().join("postgres"), folder.path().join("postgres.log"));
    let postgres = Postgres::start(&dir, 0, "secret", &log, Durability::None).await.unwrap();
    let wrong = postgres.url("postgres", "wrong", "postgres");
    assert!(tokio_postgres::connect(&wrong, NoTls).await.is_err());
    postgres.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let folder = folder();
    let (dir, log) = (folder.path().join("postgres"), folder.path().join("postgres.log"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Postgres::start(&dir, port, "secret", &log, Durability::None).await.unwrap_err().to_string();
    assert!(error.contains("could not create any TCP/IP sockets"), "{error}");
}
