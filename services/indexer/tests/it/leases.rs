use std::{path::Path, time::Duration};

use testkit::within;
use uuid::Uuid;

use crate::fixture::{Fixture, Setting, start};

/// A reader that never ends, and says who it is.
const ENDLESS: &str = "echo $$ > $FOLDER/pid.new; /bin/mv $FOLDER/pid.new $FOLDER/pid; exec /bin/sleep 100";

async fn reader_of(fixture: &Fixture) -> String {
    let written = async {
        loop {
            match std::fs::read_to_string(fixture.folder.path().join("pid")) {
                Ok(pid) => return pid.trim().to_owned(),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    within(Duration::from_secs(10), written).await
}

async fn until_gone(pid: &str) {
    let gone = async {
        while Path::new("/proc").join(pid).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(Duration::from_secs(10), gone).await;
}

fn told(fixture: &Fixture, id: Uuid) -> Vec<&'static str> {
    fixture.documents.calls(id)
}

#[tokio::test]
async fn a_lost_lease_stops_the_step_and_its_reader_and_nothing_is_completed() {
    let lease = Duration::from_millis(900);
    let fixture = start(Setting { lease, before: ENDLESS, ..Setting::default() }).await;
    let id = fixture.documents.add("A letter.");
    let pid = reader_of(&fixture).await;
    fixture.documents.take_away(id);
    until_gone(&pid).await;
    fixture.running.stop().await.unwrap();
    assert_eq!(fixture.documents.calls(id), ["lease", "read_leased"]);
}

#[tokio::test]
async fn heartbeats_keep_the_lease_of_a_document_that_takes_long() {
    let lease = Duration::from_millis(900);
    let fixture = start(Setting { lease, before: "/bin/sleep 3", ..Setting::default() }).await;
    let ids = [fixture.documents.add("A letter."), fixture.documents.add("Another letter.")];
    fixture.documents.until(|state| state.entries.values().all(|e| e.settled == 1)).await;
    assert!(ids.iter().all(|id| fixture.documents.entry(*id).attempts == 1));
    // One call keeps both.
    let beats = fixture.documents.change(|state| state.heartbeats);
    assert!((8..=30).contains(&beats), "{beats}");
}

#[tokio::test]
async fn a_lease_that_cannot_be_kept_is_given_up_by_our_own_clock() {
    let lease = Duration::from_millis(900);
    let mut fixture = start(Setting { lease, before: ENDLESS, ..Setting::default() }).await;
    let id = fixture.documents.add("A letter.");
    let pid = reader_of(&fixture).await;
    fixture.documents.stop().await;
    until_gone(&pid).await;
    assert!(!told(&fixture, id).contains(&"fail"));
}

#[tokio::test]
async fn stopping_hands_back_what_is_not_done_in_time() {
    let fixture = start(Setting { before: ENDLESS, finish_seconds: 1, ..Setting::default() }).await;
    let id = fixture.documents.add("A letter.");
    let pid = reader_of(&fixture).await;
    fixture.running.stop().await.unwrap();
    until_gone(&pid).await;
    let entry = fixture.documents.entry(id);
    assert_eq!((entry.failures, entry.attempts), (vec![("unavailable".to_owned(), false)], 0));
}

#[tokio::test]
async fn stopping_lets_what_is_in_hand_finish() {
    let fixture = start(Setting { before: "echo $$ > $FOLDER/pid; /bin/sleep 2", ..Setting::default() }).await;
    let id = fixture.documents.add("A letter.");
    reader_of(&fixture).await;
    fixture.running.stop().await.unwrap();
    let entry = fixture.documents.entry(id);
    assert_eq!((entry.settled, entry.failures.len()), (1, 0));
}
