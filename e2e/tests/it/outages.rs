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
