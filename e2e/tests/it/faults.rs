//! Processes that are killed, and that are asked to stop.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use e2e::{
    client::{Upload, eventually},
    pdf, words,
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

use crate::{
    harness::tests,
    system::{HEALED, READY, System, sha256},
};

tests!(Alone:
    an_indexer_killed_in_mid_document_loses_nothing_and_repeats_nothing,
    each_service_may_be_killed_and_the_others_live,
    each_service_stops_in_order_when_it_is_told_to,
    an_upload_that_is_under_way_when_a_service_stops_is_finished,
    a_restart_of_everything_keeps_the_data,
    guessing_passwords_is_slowed_down,
);

async fn an_indexer_killed_in_mid_document_loses_nothing_and_repeats_nothing(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let (first, last) = (words::unique(), words::unique());
    let mut pages: Vec<String> = (0..600).map(|page| words::prose(page, 250)).collect();
    pages[0].push_str(&format!(" {first}"));
    pages[599].push_str(&format!(" {last}"));
    let bytes = pdf::document(&pages);
    let id = system.editor.add(&Upload::new("big.pdf", bytes.clone())).await?;
    let path = format!("/api/v1/documents/{id}");
    eventually(READY, "being read", async || {
        let document = system.editor.get(&path).await?.expect(200)?.json()?;
        ensure!(document["status"] != "ready", "it was read before anything could happen to it");
        ensure!(document["status"] == "processing", "{document}");
        Ok(())
    })
    .await?;
    system.kill("indexer").await;
    let document = system.editor.get(&path).await?.expect(200)?.json()?;
    assert_ne!(document["status"], "ready", "killed too late");
    // Everything else goes on, and what comes in now waits.
    let waiting = words::unique();
    let other = system.editor.add(&Upload::new("waiting.txt", waiting.clone())).await?;
    system.viewer.query("/api/v1/search", &[("q", "anything")]).await?.expect(200)?;

    system.start_again("indexer").await?;
    let document = system.editor.wait_ready(&id, Duration::from_secs(60)).await?;
    assert_eq!(document["insights"]["pages"], 600);
    system.editor.wait_ready(&other, HEALED).await?;
    let mut numbers = Vec::new();
    while numbers.len() < 600 {
        let page = numbers.len() + 1;
        let text = system.viewer.get(&format!("{path}/text?page={page}")).await?.expect(200)?.json()?;
        let more = text["pages"].as_array().context("pages")?;
        ensure!(!more.is_empty(), "page {page} is missing: {text}");
        numbers.extend(more.iter().filter_map(|page| page["number"].as_u64()));
    }
    assert_eq!(numbers, (1..=600).collect::<Vec<_>>(), "exactly one set of pages");
    let events = system.editor.events(&id, READY).await?;
    let count = |stage: &str| events.iter().filter(|event| event.name == stage).count();
    assert_eq!((count("received"), count("extracted"), count("ready")), (1, 1, 1), "{events:?}");
    assert!(count("started") >= 2, "{events:?}");
    assert_eq!(system.found(&system.viewer, &last, &id).await?["page"], 600);
    assert_eq!(system.found(&system.viewer, &first, &id).await?["page"], 1);
    system.found(&system.viewer, &waiting, &other).await?;
    let content = system.viewer.get(&format!("{path}/content")).await?.expect(200)?;
    assert_eq!(sha256(&content.body), sha256(&bytes));
    Ok(())
}

async fn each_service_may_be_killed_and_the_others_live(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let id = system.editor.add_ready(&Upload::new("steady.txt", word.clone()), READY).await?;
    let document = format!("/api/v1/documents/{id}");
    let versions = format!("{document}/versions");
    let search = format!("/api/v1/search?q={word}");
    let other = format!("{search}&limit=7");
    for (service, gone, stays) in [
        ("contacts", "/api/v1/contacts", [document.as_str(), search.as_str()]),
        // Nobody has asked for it before, so no older answer is remembered.
        ("documents", versions.as_str(), ["/api/v1/contacts", search.as_str()]),
        ("search", other.as_str(), ["/api/v1/contacts", document.as_str()]),
    ] {
        system.kill(service).await;
        let reply = system.viewer.get(gone).await?;
        ensure!(!reply.header("retry-after").is_empty(), "{service}: {reply}: {:?}", reply.headers);
        reply.problem(503, "unavailable").context(service)?;
        for path in stays {
            system.viewer.get(path).await?.expect(200).with_context(|| format!("without {service}"))?;
        }
        system.nobody.get("/api/v1/health/live").await?.expect(200)?;
        system.start_again(service).await?;
        let back = async || system.viewer.get(gone).await?.expect(200).map(drop);
        eventually(HEALED, service, back).await?;
    }
    system.kill("gateway").await;
    let reply = system.nobody.get("/api/v1/health/live").await?;
    ensure!(reply.status == 503 || reply.status == 502, "Caddy answers for the gateway: {reply}");
    assert_eq!(reply.header("x-content-type-options"), "nosniff", "{:?}", reply.headers);
    system.start_again("gateway").await?;
    system.kill("caddy").await;
    system.start_again("caddy").await?;
    let back = async || system.viewer.get(&document).await?.expect(200).map(drop);
    eventually(HEALED, "the edge", back).await
}

async fn each_service_stops_in_order_when_it_is_told_to(system: Arc<System>) -> anyhow::Result<()> {
    for service in stack::SERVICES {
        let load = light_load(&system);
        let status = system.stack().process(service).stop(Duration::from_secs(30)).await;
        load.abort();
        let status = status.with_context(|| format!("{service} did not run"))?;
        ensure!(status.success(), "{service} ended with {status}: {}", system.stack().process(service).log_tail());
        system.start_again(service).await?;
    }
    system.whole().await
}

async fn an_upload_that_is_under_way_when_a_service_stops_is_finished(system: Arc<System>) -> anyhow::Result<()> {
    for service in ["gateway", "documents"] {
        let bytes = pdf::with_ballast(&[&words::unique()], 10 << 20);
        let (first, second) = (bytes[..8 << 20].to_vec(), bytes[8 << 20..].to_vec());
        let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Vec<u8>>>(1);
        let body = futures_util::stream::unfold(receiver, async |mut parts| Some((parts.recv().await?, parts)));
        let request = system.editor.request(Method::POST, "/api/v1/documents");
        let request = request
            .header("content-type", "application/pdf")
            .header("content-disposition", "attachment; filename=\"slow.pdf\"")
            .body(reqwest::Body::wrap_stream(body));
        let uploading = tokio::spawn(e2e::client::send(request));
        let objects = system.stack().home().join("objects");
        let before = files(&objects);
        sender.send(Ok(first)).await?;
        // Some of it has gone all the way.
        eventually(READY, "under way", async || {
            ensure!(files(&objects) > before, "nothing was stored");
            Ok(())
        })
        .await?;
        system.stack().process(service).signal(Signal::TERM);
        sender.send(Ok(second)).await?;
        drop(sender);
        let id = uploading.await??.expect(201).context(service)?.text_of("id")?;
        let status = tokio::time::timeout(Duration::from_secs(30), system.stack().process(service).ended()).await?;
        ensure!(status.is_some_and(|status| status.success()), "{service} ended with {status:?}");
        system.start_again(service).await?;
        system.whole().await?;
        let content = system.editor.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
        assert_eq!(sha256(&content.body), sha256(&bytes), "{service}");
    }
    Ok(())
}

/// How many files there are in a folder and all that is in it.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// A little of everything, until aborted.
fn light_load(system: &Arc<System>) -> tokio::task::JoinHandle<()> {
    let system = system.clone();
    tokio::spawn(async move {
        loop {
            let email = format!("{}@example.org", words::unique());
            let body = json!({"name": "Load", "email": email, "message": "Hello"});
            let upload = Upload::new("load.txt", words::unique());
            // Some of it fails while a service is away.
            let _ = tokio::join!(
                system.nobody.post("/api/v1/submissions", &body),
                system.editor.upload(&upload),
                system.viewer.get("/api/v1/documents"),
                system.viewer.query("/api/v1/search", &[("q", "anything")]),
            );
        }
    })
}

async fn a_restart_of_everything_keeps_the_data(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let bytes = pdf::ten_pages(5, &["first", &word]);
    let id = system.editor.add_ready(&Upload::new("kept.pdf", bytes.clone()), READY).await?;
    let body = json!({"name": "Kept", "email": format!("{word}@example.org"), "message": "Remember me"});
    let contact = system.nobody.post("/api/v1/submissions", &body).await?.expect(201)?.text_of("contact_id")?;
    let late = system.editor.add(&Upload::new("late.txt", words::unique())).await?;

    system.stack().stop_all().await;
    system.whole().await?;

    let hit = system.found(&system.viewer, &word, &id).await?;
    assert_eq!(hit["page"], 2);
    let content = system.viewer.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    assert_eq!(sha256(&content.body), sha256(&bytes));
    system.viewer.get(&format!("/api/v1/contacts/{contact}")).await?.expect(200)?;
    system.editor.wait_ready(&late, HEALED).await?;
    Ok(())
}

async fn guessing_passwords_is_slowed_down(system: Arc<System>) -> anyhow::Result<()> {
    let email = format!("{}@example.org", words::unique());
    for guess in 0..30 {
        let body = json!({"email": email, "password": format!("guess number {guess}")});
        let reply = system.nobody.post("/api/v1/session", &body).await?;
        if reply.status == 401 {
            continue;
        }
        reply.problem(429, "rate-limited")?;
        for field in ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"] {
            ensure!(reply.header(field).parse::<u64>().is_ok(), "{field}: {:?}", reply.headers);
        }
        return Ok(());
    }
    anyhow::bail!("thirty guesses were answered")
}
