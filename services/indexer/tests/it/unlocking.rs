//! A document that waits for a password is read with it, once.

use chassis::{Fault, Role};
use proto::indexer::{UnlockDocumentRequest, indexer_client::IndexerClient};
use testkit::{as_caller, user};
use tonic::Status;
use uuid::Uuid;

use crate::fixture::{Fixture, Setting, start};

/// Made by another program for this format.
const LOCKED: &[u8] = include_bytes!("../../../../crates/extract/tests/it/locked.xlsx");
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

async fn unlock(fixture: &Fixture, role: Role, id: Uuid, password: &str) -> Result<bool, Status> {
    let request = UnlockDocumentRequest { document_id: id.to_string(), password: password.to_owned() };
    let mut client = IndexerClient::new(fixture.running.channel());
    Ok(as_caller(user(role), client.unlock_document(request)).await?.into_inner().done)
}

async fn locked(fixture: &Fixture) -> Uuid {
    let id = fixture.documents.add_bytes(LOCKED, XLSX);
    fixture.documents.until(|state| !state.entries[&id].failures.is_empty()).await;
    assert_eq!(fixture.documents.entry(id).failures, [("encrypted".to_owned(), true)]);
    id
}

#[tokio::test]
async fn the_password_opens_it_and_the_job_goes_its_usual_way() {
    let fixture = start(Setting::default()).await;
    let id = locked(&fixture).await;
    assert!(unlock(&fixture, Role::Editor, id, "Schlüssel").await.unwrap());
    let entry = fixture.documents.entry(id);
    assert!(entry.pages[0].text.contains("secret"), "{:?}", entry.pages);
    assert_eq!(entry.settled, 1);
    let calls = fixture.documents.calls(id);
    assert_eq!(calls[calls.len() - 4..], ["lease", "read_leased", "complete", "settle"]);
}

#[tokio::test]
async fn a_wrong_password_is_said_to_be_wrong_and_the_document_waits_on() {
    let fixture = start(Setting::default()).await;
    let id = locked(&fixture).await;
    let refused = Fault::of(&unlock(&fixture, Role::Editor, id, "another").await.unwrap_err());
    assert_eq!(refused.reason, "password-does-not-open");
    assert_eq!(fixture.documents.entry(id).failures.len(), 2);
    assert!(unlock(&fixture, Role::Editor, id, "Schlüssel").await.unwrap());
    let refused = Fault::of(&unlock(&fixture, Role::Viewer, id, "Schlüssel").await.unwrap_err());
    assert_eq!(refused.reason, "forbidden");
}

#[tokio::test]
async fn a_document_that_waits_for_none_is_left_alone() {
    let fixture = start(Setting::default()).await;
    let id = fixture.documents.add("Open to all");
    fixture.documents.until_settled(id, 1).await;
    let refused = Fault::of(&unlock(&fixture, Role::Editor, id, "key").await.unwrap_err());
    assert_eq!(refused.reason, "not-locked");
    assert_eq!(fixture.documents.entry(id).settled, 1);
}
