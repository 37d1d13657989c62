//! What people write is nobody else's business: neither logs nor metrics have any of it.

use std::{fs, sync::Arc};

use anyhow::ensure;
use e2e::{client::Upload, words};
use serde_json::json;

use crate::{
    harness::tests,
    system::{READY, System},
};

tests!(Inside: nothing_that_people_write_is_in_logs_or_metrics);

async fn nothing_that_people_write_is_in_logs_or_metrics(system: Arc<System>) -> anyhow::Result<()> {
    let canary = words::unique();
    write_everywhere(&system, &canary).await?;
    let stack = system.stack();
    for process in stack.processes() {
        // The database and the object store log no contents; what they keep is another matter.
        let log = fs::read_to_string(process.log()).unwrap_or_default().to_lowercase();
        let found = log.lines().find(|line| line.contains(&canary));
        ensure!(found.is_none(), "{} logs what people write: {found:?}", process.name());
    }
    for service in stack::SERVICES {
        let metrics = reqwest::get(stack.admin_url(service) + "/metrics").await?.text().await?.to_lowercase();
        ensure!(metrics.contains("process_"), "{service} exports nothing");
        ensure!(!metrics.contains(&canary), "{service} measures what people write");
    }
    Ok(())
}

/// Where people can write something, right and wrong.
async fn write_everywhere(system: &System, canary: &str) -> anyhow::Result<()> {
    let email = format!("{canary}@example.org");
    let (nobody, owner) = (&system.nobody, &system.owner);
    let form = json!({"name": canary, "email": email, "message": canary, "subject": canary, "metadata": {"a": canary}});
    nobody.post("/api/v1/submissions", &form).await?.expect(201)?;
    nobody.post("/api/v1/submissions", &json!({"name": canary, "email": canary, "message": canary})).await?;
    nobody.post("/api/v1/visits", &json!({"path": format!("/{canary}"), "referrer": canary})).await?;
    nobody.post("/api/v1/session", &json!({"email": email, "password": canary})).await?.expect(401)?;
    let contact = json!({"name": canary, "email": format!("c{email}"), "company": canary, "tags": [canary], "metadata": {"a": canary}});
    owner.post("/api/v1/contacts", &contact).await?.expect(201)?;
    owner.post("/api/v1/contacts", &contact).await?.expect(409)?;
    owner.query("/api/v1/contacts", &[("q", canary)]).await?.expect(200)?;
    let collection = json!({"name": canary, "visibility": "internal", "description": canary});
    owner.post("/api/v1/collections", &collection).await?.expect(201)?;
    owner.post("/api/v1/tokens", &json!({"name": canary, "scopes": ["read"]})).await?.expect(201)?;
    let user = json!({"email": format!("u{email}"), "name": canary, "role": "viewer", "password": format!("{} phrase", words::unique())});
    owner.post("/api/v1/users", &user).await?.expect(201)?;
    let (good, broken) = (format!("{canary}.txt"), format!("{canary}.pdf"));
    let text = format!("{canary} wrote from {email} about {}", words::prose(3, 40));
    owner.add_ready(&Upload::new(&good, text).field("title", canary).field("tags", canary), READY).await?;
    let id = owner.add(&Upload::new(&broken, format!("%PDF-1.7\n{canary}")).field("title", canary)).await?;
    owner.wait_settled(&id, READY).await?;
    for q in [canary.to_owned(), format!("\"{canary}\" -{canary}x"), format!("{canary} (")] {
        owner.query("/api/v1/search", &[("q", &q), ("facets", "tag")]).await?.expect(200)?;
        owner.query("/api/v1/search/suggest", &[("q", &q)]).await?;
        nobody.query("/", &[("q", &q)]).await?;
    }
    owner.get(&format!("/api/v1/{canary}")).await?.expect(404)?;
    owner.query("/api/v1/search", &[(canary, canary)]).await?;
    Ok(())
}
