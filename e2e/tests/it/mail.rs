//! What is attached to a message, and documents that wait for a password.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload, eventually},
    words,
};
use serde_json::{Value, json};

use crate::{
    harness::tests,
    system::{READY, System},
};

tests!(Shared:
    what_is_attached_to_a_message_is_found_as_a_document_of_its_own,
    a_message_takes_its_attachments_to_the_trash_and_back,
    a_document_with_a_password_is_read_once_somebody_gives_it,
);

/// Made by another program, with the password `Schlüssel`; it says "The secret is 42".
const LOCKED: &[u8] = include_bytes!("../../../crates/extract/tests/it/locked.xlsx");

pub(crate) fn message(letter: &str, attached: &str) -> String {
    format!(
        "From: a@example.org\r\nTo: b@example.org\r\nSubject: Letter {letter}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSee the file, {letter}\r\n\
         --x\r\nContent-Type: text/plain; name=terms.txt\r\nContent-Disposition: attachment; filename=terms.txt\r\n\r\n\
         The terms are {attached}.\r\n--x--\r\n"
    )
}

/// The ids of what is attached.
pub(crate) async fn attached(client: &Client, id: &str, trashed: bool) -> anyhow::Result<Vec<Value>> {
    let path = format!("/api/v1/documents?parent_id={id}&trashed={trashed}");
    let listed = client.get(&path).await?.expect(200)?.json()?;
    Ok(listed["items"].as_array().context("items")?.clone())
}

async fn what_is_attached_to_a_message_is_found_as_a_document_of_its_own(system: Arc<System>) -> anyhow::Result<()> {
    let (letter, terms) = (words::unique(), words::unique());
    let id = system.editor.add(&Upload::new("letter.eml", message(&letter, &terms))).await?;
    let mail = system.editor.wait_ready(&id, READY).await?;
    ensure!(mail["parent_id"].is_null(), "{mail}");
    let parts = attached(&system.editor, &id, false).await?;
    ensure!(parts.len() == 1 && parts[0]["title"] == "terms.txt" && parts[0]["parent_id"] == id.as_str(), "{parts:?}");
    let part = parts[0]["id"].as_str().context("id")?;
    system.editor.wait_ready(part, READY).await?;
    for (word, found) in [(&terms, part), (&letter, id.as_str())] {
        let reply = system.editor.get(&format!("/api/v1/search?q={word}")).await?.expect(200)?.json()?;
        let hits = reply["hits"].as_array().context("hits")?;
        ensure!(hits.len() == 1 && hits[0]["document_id"] == found, "{reply}");
    }
    let page = String::from_utf8(system.viewer.get(&format!("/documents/{id}")).await?.expect(200)?.body)?;
    ensure!(page.contains("Attachments") && page.contains(&format!("/documents/{part}")), "{page}");
    let page = String::from_utf8(system.viewer.get(&format!("/documents/{part}")).await?.expect(200)?.body)?;
    ensure!(page.contains("Attached to") && page.contains(&format!("/documents/{id}")), "{page}");
    // Read again, it has no second one.
    system.editor.post_empty(&format!("/api/v1/documents/{id}/reprocess")).await?.expect(202)?;
    system.editor.wait_ready(&id, READY).await?;
    ensure!(attached(&system.editor, &id, false).await?.len() == 1, "it came twice");
    Ok(())
}

async fn a_message_takes_its_attachments_to_the_trash_and_back(system: Arc<System>) -> anyhow::Result<()> {
    let id = system.editor.add(&Upload::new("letter.eml", message(&words::unique(), &words::unique()))).await?;
    system.editor.wait_ready(&id, READY).await?;
    system.editor.delete(&format!("/api/v1/documents/{id}")).await?.expect(204)?;
    ensure!(attached(&system.editor, &id, false).await?.is_empty(), "it was left behind");
    ensure!(attached(&system.editor, &id, true).await?.len() == 1, "it is not in the trash");
    system.editor.post_empty(&format!("/api/v1/documents/{id}/restore")).await?.expect(200)?;
    ensure!(attached(&system.editor, &id, false).await?.len() == 1, "it did not come back");
    Ok(())
}

async fn a_document_with_a_password_is_read_once_somebody_gives_it(system: Arc<System>) -> anyhow::Result<()> {
    let id = system.editor.add(&Upload::new("locked.xlsx", LOCKED)).await?;
    let failed = system.editor.wait_settled(&id, READY).await?;
    assert_eq!(failed["failure"]["code"], "encrypted", "{failed}");
    let page = String::from_utf8(system.editor.get(&format!("/documents/{id}")).await?.expect(200)?.body)?;
    ensure!(page.contains(&format!("/documents/{id}/unlock")), "{page}");
    let path = format!("/api/v1/documents/{id}/unlock");
    system.viewer.post(&path, &json!({"password": "Schlüssel"})).await?.expect(403)?;
    let refused = system.editor.post(&path, &json!({"password": "something else"})).await?.expect(422)?.json()?;
    assert_eq!(refused["type"], "/problems/password-does-not-open", "{refused}");
    system.editor.post(&path, &json!({"password": "Schlüssel"})).await?.expect(202)?;
    system.editor.wait_ready(&id, READY).await?;
    let text = system.editor.get(&format!("/api/v1/documents/{id}/text")).await?.expect(200)?.json()?;
    ensure!(text["pages"][0]["text"].as_str().is_some_and(|t| t.contains("The secret is 42")), "{text}");
    let refused = system.editor.post(&path, &json!({"password": "Schlüssel"})).await?.expect(409)?.json()?;
    assert_eq!(refused["type"], "/problems/not-locked", "{refused}");
    // Read again without it, the text stays, and people are told.
    system.editor.post_empty(&format!("/api/v1/documents/{id}/reprocess")).await?.expect(202)?;
    let kept = async || {
        let document = system.editor.get(&format!("/api/v1/documents/{id}")).await?.expect(200)?.json()?;
        ensure!(document["status"] == "ready" && document["notes"][0]["code"] == "kept_encrypted", "{document}");
        Ok(())
    };
    eventually(Duration::from_secs(30), "the text was kept", kept).await?;
    let text = system.editor.get(&format!("/api/v1/documents/{id}/text")).await?.expect(200)?.json()?;
    ensure!(text["pages"][0]["text"].as_str().is_some_and(|t| t.contains("The secret is 42")), "{text}");
    Ok(())
}
