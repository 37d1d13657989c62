//! Another system is told of what happens, from the form through the outbox to its door.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use e2e::{client::Upload, words};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{harness::tests, system::System};

tests!(Inside:
    a_submission_is_told_to_whoever_asked_for_it,
    what_becomes_of_a_document_is_told_by_its_ids,
);

const PATIENCE: Duration = Duration::from_secs(40);

/// The next request: header fields by lower-case name, and the body. Answered with 204.
async fn arrived(listener: &TcpListener) -> anyhow::Result<(HashMap<String, String>, Value)> {
    let (mut stream, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.context("nothing was told")??;
    let mut bytes = Vec::new();
    loop {
        ensure!(stream.read_buf(&mut bytes).await? > 0, "the request ended early");
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let fields: HashMap<String, String> = fields.map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
        let length: usize = fields.get("content-length").context("a length")?.parse()?;
        if bytes.len() >= end + 4 + length {
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await?;
            return Ok((fields, serde_json::from_slice(&bytes[end + 4..])?));
        }
    }
}

async fn a_submission_is_told_to_whoever_asked_for_it(system: Arc<System>) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let hook = json!({"url": format!("http://{}/hook", listener.local_addr()?), "events": ["submission.created"]});
    let hook = system.owner.post("/api/v1/webhooks", &hook).await?.expect(201)?;
    let hook = format!("/api/v1/webhooks/{}", hook.text_of("id")?);

    let email = format!("{}@example.org", words::unique());
    let form = json!({"name": "Ann", "email": email, "message": "Hello", "metadata": {"page": "/about"}});
    let spam = json!({"name": "Bot", "email": email, "message": "Buy", "website": "https://spam.example"});
    system.nobody.post("/api/v1/submissions", &spam).await?.expect(201)?;
    let sent = system.nobody.post("/api/v1/submissions", &form).await?.expect(201)?;

    // Other tests send the form, too; spam is never told.
    let (fields, body) = loop {
        let (fields, body) = arrived(&listener).await?;
        ensure!(body["data"]["message"] != "Buy", "{body}");
        if body["data"]["email"] == email {
            break (fields, body);
        }
    };
    ensure!(fields.get("webhook-signature").is_some_and(|s| s.starts_with("v1,")), "{fields:?}");
    ensure!(body["type"] == "submission.created", "{body}");
    ensure!(body["data"]["id"] == sent.text_of("id")? && body["data"]["email"] == email, "{body}");
    ensure!(body["data"]["metadata"]["page"] == "/about", "{body}");
    let log = system.owner.get(&format!("{hook}/deliveries")).await?.expect(200)?.json()?;
    ensure!(
        log["items"].as_array().is_some_and(|items| items.iter().any(|d| d["subject_id"] == body["data"]["id"])),
        "{log}"
    );
    ensure!(!log.to_string().contains(&email), "the log holds ids only: {log}");
    system.editor.get(&hook).await?.problem(403, "forbidden")?;
    system.owner.delete(&hook).await?.expect(204)?;
    Ok(())
}

async fn what_becomes_of_a_document_is_told_by_its_ids(system: Arc<System>) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let events = ["document.ready", "document.failed", "document.deleted"];
    let hook = json!({"url": format!("http://{}/hook", listener.local_addr()?), "events": events});
    let hook = system.owner.post("/api/v1/webhooks", &hook).await?.expect(201)?;
    let hook = format!("/api/v1/webhooks/{}", hook.text_of("id")?);

    let title = words::unique();
    let good = system.owner.add(&Upload::new(&format!("{title}.txt"), format!("About {title}."))).await?;
    let broken = system.owner.add(&Upload::new("broken.pdf", format!("%PDF-1.7 {title} and nothing more"))).await?;
    // Other tests have documents, too, and which of these two ends first is not said.
    let mut told = HashMap::new();
    let mut wait = async |event: &str, id: &str| {
        let wanted = (event.to_owned(), id.to_owned());
        while !told.contains_key(&wanted) {
            let (_, body) = arrived(&listener).await?;
            ensure!(!body.to_string().contains(&title), "ids only: {body}");
            let key = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            told.insert((key(&body["type"]), key(&body["data"]["document_id"])), body["data"].clone());
        }
        Ok::<Value, anyhow::Error>(told[&wanted].clone())
    };
    let ready = wait("document.ready", &good).await?;
    ensure!(ready["version"] == 1 && ready["collection_id"].is_string() && ready["failure"].is_null(), "{ready}");
    let failed = wait("document.failed", &broken).await?;
    ensure!(failed["failure"]["code"].is_string(), "{failed}");
    system.owner.delete(&format!("/api/v1/documents/{good}")).await?.expect(204)?;
    wait("document.deleted", &good).await?;
    system.owner.delete(&hook).await?.expect(204)?;
    Ok(())
}
