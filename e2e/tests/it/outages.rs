//! What the services lean on goes away and comes back: PostgreSQL, the object store, the engine.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Reply, Upload, eventually},
    pdf, words,
};
use serde_json::json;

use crate::{
    harness::tests,
    system::{HEALED, READY, System, sha256},
};

tests!(Alone:
    without_postgresql_everything_is_refused_at_once_and_heals_by_itself,
    what_was_read_before_is_shown_again_while_postgresql_is_away,
    connections_that_are_cut_and_a_database_that_is_held_pass,
    without_the_object_store_search_and_contacts_go_on,
);

/// What "at once" means, with a little room for a busy machine.
const AT_ONCE: Duration = Duration::from_millis(1250);

/// Answers 503 with a time to come back, and does so at once.
async fn refused(what: &str, request: impl Future<Output = anyhow::Result<Reply>>) -> anyhow::Result<()> {
    let began = Instant::now();
    let reply = request.await?;
    let took = began.elapsed();
    ensure!(reply.status == 503, "{what}: {reply}");
    ensure!(reply.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{what}: {:?}", reply.headers);
    reply.problem(503, "unavailable").context(what.to_owned())?;
    ensure!(took < AT_ONCE, "{what} took {took:?}");
    Ok(())
}

async fn without_postgresql_everything_is_refused_at_once_and_heals_by_itself(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let word = words::unique();
    let id = system.editor.add(&Upload::new("before.pdf", pdf::document(&[&word]))).await?;
    let body = |word: &str| json!({"name": "Before", "email": format!("{word}@example.org"), "message": "Hello"});
    let contact = system.nobody.post("/api/v1/submissions", &body(&word)).await?.expect(201)?.text_of("contact_id")?;
    let pids: Vec<_> = stack::SERVICES.map(|service| system.stack().process(service).pid()).into();

    system.kill("postgresql").await;
    let nobody = &system.nobody;
    // What serves a connection outlives its server for the moment that it takes to notice, and does
    // what it is asked until then.
    eventually(Duration::from_secs(5), "gone", async || {
        refused("a submission", nobody.post("/api/v1/submissions", &body("before"))).await
    })
    .await?;
    // Twice: the first may find a connection that does not know yet.
    for _ in 0..2 {
        refused("a submission", nobody.post("/api/v1/submissions", &body("during"))).await?;
        // What nobody asked before.
        refused("an anonymous list", nobody.get("/api/v1/documents?limit=77")).await?;
        refused("a contact", system.viewer.get(&format!("/api/v1/contacts/{contact}"))).await?;
        refused("a search", nobody.query("/api/v1/search", &[("q", &word)])).await?;
        refused("an upload", system.editor.upload(&Upload::new("during.txt", words::unique()))).await?;
        nobody.get("/api/v1/health/live").await?.expect(200)?;
    }
    eventually(Duration::from_secs(5), "known to be unready", async || {
        nobody.get("/api/v1/health/ready").await?.expect(503).map(drop)
    })
    .await?;

    system.start_again("postgresql").await?;
    let back = async || {
        nobody.get("/api/v1/documents").await?.expect(200)?;
        system.viewer.get(&format!("/api/v1/contacts/{contact}")).await?.expect(200)?;
        nobody.query("/api/v1/search", &[("q", &word)]).await?.expect(200)?;
        nobody.get("/api/v1/health/ready").await?.expect(200)?;
        nobody.post("/api/v1/submissions", &body(&words::unique())).await?.expect(201).map(drop)
    };
    eventually(HEALED, "healed", back).await?;
    system.editor.wait_ready(&id, HEALED).await?;
    system.found(&system.viewer, &word, &id).await?;
    let after: Vec<_> = stack::SERVICES.map(|service| system.stack().process(service).pid()).into();
    assert_eq!(pids, after, "no service ended");
    Ok(())
}

/// An older answer, marked as such.
fn stale(reply: Reply) -> anyhow::Result<Reply> {
    let reply = reply.expect(200)?;
    ensure!(reply.header("warning").starts_with("110 "), "{reply}: {:?}", reply.headers);
    ensure!(reply.header("age").parse::<u32>().is_ok_and(|age| age < 120), "{reply}: {:?}", reply.headers);
    Ok(reply)
}

async fn what_was_read_before_is_shown_again_while_postgresql_is_away(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let body = json!({"name": word, "email": format!("{word}@example.org"), "company": "Before"});
    let contact = system.editor.post("/api/v1/contacts", &body).await?.expect(201)?.text_of("id")?;
    let path = format!("/api/v1/contacts/{contact}");
    system.editor.get(&path).await?.expect(200)?;
    system.editor.patch(&path, &json!({"company": "After"}), None).await?.expect(200)?;
    for path in [path.as_str(), "/api/v1/documents", "/api/v1/collections", "/contacts"] {
        let fresh = system.viewer.get(path).await?.expect(200)?;
        ensure!(fresh.header("warning").is_empty(), "{fresh}: {:?}", fresh.headers);
    }
    system.viewer.query("/api/v1/search", &[("q", &word)]).await?.expect(200)?;

    system.kill("postgresql").await;
    let gone = async || stale(system.viewer.get(&path).await?);
    let again = eventually(Duration::from_secs(5), "an older answer", gone).await?;
    ensure!(again.json()?["company"] == "After", "{again}");
    for path in ["/api/v1/documents", "/api/v1/collections", "/contacts"] {
        let began = Instant::now();
        let reply = stale(system.viewer.get(path).await?)?;
        ensure!(began.elapsed() < AT_ONCE, "{path} took {:?}", began.elapsed());
        let says_so = path.starts_with("/api/") || String::from_utf8_lossy(&reply.body).contains("out of reach");
        ensure!(says_so, "a page says how old it is: {reply}");
    }
    // The editor asked before the change, and never after it; others never asked.
    refused("an answer from before one's own change", system.editor.get(&path)).await?;
    refused("somebody else's answer", system.owner.get(&path)).await?;
    system.nobody.get(&path).await?.expect(401)?;
    refused("a change", system.editor.patch(&path, &json!({"company": "Never"}), None)).await?;
    stale(system.viewer.get(&path).await?)?;

    system.start_again("postgresql").await?;
    let fresh = async || {
        let reply = system.viewer.get(&path).await?.expect(200)?;
        ensure!(reply.header("warning").is_empty(), "{reply}: {:?}", reply.headers);
        Ok(reply)
    };
    let back = eventually(HEALED, "a new answer", fresh).await?;
    ensure!(back.json()?["company"] == "After", "{back}");
    Ok(())
}

/// Seconds that each disturbance lasts; the goal has 60 (`OUTAGE_SECONDS=60`).
fn disturbed() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(6))
}

async fn connections_that_are_cut_and_a_database_that_is_held_pass(system: Arc<System>) -> anyhow::Result<()> {
    let admin = system.stack().database_admin_url();
    let pids: Vec<_> = stack::SERVICES.map(|service| system.stack().process(service).pid()).into();
    let (mut asked, mut answered) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < disturbed() {
        let (client, connection) = tokio_postgres::connect(&admin, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'dossier%'";
        client.execute(cut, &[]).await?;
        drop(client);
        connection.await??;
        let next = Instant::now() + Duration::from_secs(1);
        while Instant::now() < next {
            let sent = Instant::now();
            let reply = system.viewer.get("/api/v1/contacts?limit=3").await?;
            ensure!(reply.status == 200 || reply.status == 503, "{reply}");
            ensure!(sent.elapsed() < AT_ONCE * 2, "{reply} took {:?}", sent.elapsed());
            system.nobody.get("/api/v1/health/live").await?.expect(200)?;
            asked += 1;
            answered += usize::from(reply.status == 200);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    println!("connections cut every second: {answered} of {asked} reads were answered");
    ensure!(answered * 2 > asked, "only {answered} of {asked} were answered");

    // The table is held by somebody else, and with it every connection that asks for it.
    let (holder, connection) =
        tokio_postgres::connect(&system.stack().database_url("owner"), tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    holder.batch_execute("BEGIN; LOCK TABLE contacts.contacts IN ACCESS EXCLUSIVE MODE").await?;
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let viewer = system.viewer.clone();
            tokio::spawn(async move { viewer.get("/api/v1/contacts?limit=4").await })
        })
        .collect();
    let began = Instant::now();
    while began.elapsed() < disturbed() {
        system.nobody.get("/api/v1/health/live").await?.expect(200)?;
        system.viewer.get("/api/v1/documents").await?.expect(200).context("another service suffers")?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for reply in waiting {
        let reply = reply.await??;
        ensure!([503, 504].contains(&reply.status.as_u16()), "{reply}");
    }
    holder.batch_execute("ROLLBACK").await?;
    drop(holder);
    connection.await??;
    eventually(HEALED, "healed", async || system.viewer.get("/api/v1/contacts?limit=4").await?.expect(200).map(drop))
        .await?;
    let after: Vec<_> = stack::SERVICES.map(|service| system.stack().process(service).pid()).into();
    ensure!(pids == after, "a service ended");
    Ok(())
}

async fn without_the_object_store_search_and_contacts_go_on(system: Arc<System>) -> anyhow::Result<()> {
    let (word, bytes) = (words::unique(), pdf::ten_pages(3, &[]));
    let id = system.editor.add_ready(&Upload::new("stored.txt", word.clone()), READY).await?;
    let content = format!("/api/v1/documents/{id}/content");
    system.viewer.get(&content).await?.expect(200)?;

    system.kill("object-store").await;
    for reply in [
        system.viewer.get(&content).await?,
        system.editor.upload(&Upload::new("during.pdf", bytes.clone())).await?,
        system.editor.upload_raw(&Upload::new("during.pdf", bytes.clone())).await?,
    ] {
        ensure!(!reply.header("retry-after").is_empty(), "{reply}: {:?}", reply.headers);
        reply.any_problem(503)?;
    }
    system.found(&system.viewer, &word, &id).await?;
    system.viewer.get(&format!("/api/v1/documents/{id}")).await?.expect(200)?;
    system.viewer.get(&format!("/api/v1/documents/{id}/text")).await?.expect(200)?;
    let body = json!({"name": "During", "email": format!("{word}@example.org"), "message": "Hello"});
    system.nobody.post("/api/v1/submissions", &body).await?.expect(201)?;
    system.viewer.get("/api/v1/contacts").await?.expect(200)?;

    system.start_again("object-store").await?;
    let back = async || system.viewer.get(&content).await?.expect(200);
    assert_eq!(eventually(HEALED, "downloads", back).await?.body, word.as_bytes());
    let upload =
        async || system.editor.upload(&Upload::new("after.pdf", bytes.clone())).await?.expect(201)?.text_of("id");
    let after = eventually(HEALED, "uploads", upload).await?;
    system.editor.wait_ready(&after, READY).await?;
    let stored = system.viewer.get(&format!("/api/v1/documents/{after}/content")).await?.expect(200)?;
    assert_eq!(sha256(&stored.body), sha256(&bytes));
    Ok(())
}
