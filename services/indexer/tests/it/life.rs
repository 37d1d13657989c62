use std::time::{Duration, Instant};

use indexer::App;
use testkit::{Running, serve, within};

use crate::{
    documents::Documents,
    fixture::{Setting, config, start},
};

async fn until_documents_are(running: &Running, up: bool) {
    let waiting = async {
        while running.health.report()["documents"].is_none() != up {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(Duration::from_secs(10), waiting).await;
}

#[tokio::test]
async fn it_waits_for_documents_and_is_not_ready_meanwhile() {
    let mut documents = Documents::start(Duration::from_secs(30)).await;
    documents.stop().await;
    let id = documents.add("A letter.");
    let folder = tempfile::tempdir().unwrap();
    let running = serve::<App>(config(&documents.url(), folder.path(), &Setting::default())).await;
    assert!(!running.health.is_ready());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!running.health.is_ready());
    documents.start_again().await;
    documents.until_settled(id, 1).await;
    assert!(running.health.is_ready());
    documents.stop().await;
    until_documents_are(&running, false).await;
    assert!(!running.health.is_ready());
}

#[tokio::test]
async fn a_restart_of_documents_costs_a_step_a_pause_and_no_attempt() {
    let mut fixture = start(Setting { before: "echo > $FOLDER/begun; /bin/sleep 2", ..Setting::default() }).await;
    let id = fixture.documents.add("A letter.");
    let begun = async {
        while !fixture.folder.path().join("begun").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(Duration::from_secs(10), begun).await;
    fixture.documents.stop().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    fixture.documents.start_again().await;
    fixture.documents.until_settled(id, 1).await;
    let entry = fixture.documents.entry(id);
    assert_eq!((entry.attempts, entry.failures.len()), (1, 0));
}

#[tokio::test]
async fn work_that_comes_is_begun_at_once() {
    let fixture = start(Setting::default()).await;
    until_documents_are(&fixture.running, true).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let added = Instant::now();
    let id = fixture.documents.add("A letter.");
    fixture.documents.until(|state| state.calls.contains(&("read_leased", id))).await;
    assert!(added.elapsed() < Duration::from_millis(200), "{:?}", added.elapsed());
}

#[tokio::test]
async fn with_nothing_to_do_it_stops_soon() {
    let fixture = start(Setting::default()).await;
    until_documents_are(&fixture.running, true).await;
    let asked = Instant::now();
    fixture.running.stop().await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn without_its_reader_or_a_place_for_bytes_it_does_not_start() {
    use chassis::Service;
    let folder = tempfile::tempdir().unwrap();
    let good = config("http://127.0.0.1:1", folder.path(), &Setting::default());
    let mut without_reader = good.clone();
    without_reader.reading.extract_program = Some(folder.path().join("missing"));
    let mut without_spool = good;
    without_spool.reading.spool_dir = Some(folder.path().join("missing"));
    for (config, named) in [(without_reader, "EXTRACT_PROGRAM"), (without_spool, "SPOOL_DIR")] {
        let error = App::build(config, chassis::Health::default()).await.unwrap_err();
        assert!(format!("{error:#}").contains(named), "{error:#}");
    }
}
