//! What the operator's guide says of secrets (`docs/operating/secrets.md`): each can be replaced by another while
//! the system is down, and nothing is lost by it.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload, eventually},
    words,
};
use serde_json::json;
use stack::{External, OPERATOR, Stack};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::{
    harness::tests,
    system::{READY, System, token},
};

tests!(Inside: every_secret_is_replaced_by_another_and_nothing_is_lost);

const EMAIL: &str = "owner@dossier.localhost";

async fn start(home: &Path, password: &str) -> anyhow::Result<Stack> {
    // With everything beside it, so that there is every secret; without an engine, whose keys are made of one.
    let builder = Stack::builder().home(home).external(External::default()).observe(true);
    builder.owner(EMAIL, Some(password.to_owned())).env("prober", "PROBE_EVERY_SECONDS", "2").start().await
}

/// A secret like this one, and another.
fn another(old: &str) -> String {
    let digits = old.trim_start_matches("dsr_").trim_start_matches("GK");
    let prefix = &old[..old.len() - digits.len()];
    let fresh = hex::encode(rand::random::<[u8; 32]>());
    format!("{prefix}{}", &fresh[..digits.len().min(fresh.len())])
}

async fn opens(url: &str) -> bool {
    tokio_postgres::connect(url, NoTls).await.is_ok()
}

/// Whether Caddy lets the operator with this password to a tool.
async fn operator(stack: &Stack, password: &str) -> anyhow::Result<u16> {
    let url = format!("{}/prometheus/", stack.url());
    let request = reqwest::Client::new().get(url).basic_auth(OPERATOR, Some(password)).timeout(Duration::from_secs(10));
    Ok(request.send().await?.status().as_u16())
}

/// It needs a system of its own, which is started twice.
async fn every_secret_is_replaced_by_another_and_nothing_is_lost(_: Arc<System>) -> anyhow::Result<()> {
    let home = TempDir::with_prefix("dossier-secrets-")?;
    let password = format!("pass {} phrase", words::unique());
    let stack = start(home.path(), &password).await?;
    let before = Client::sign_in(stack.url(), EMAIL, &password).await?;
    let (owner, api_token) = token(&before).await?;
    let word = words::unique();
    let bytes = format!("A note about {word}");
    let id = owner.add_ready(&Upload::new("kept.txt", bytes.clone()), READY).await?;
    let roles = ["owner", "access", "contacts", "documents", "search"];
    let old_urls = roles.map(|role| stack.database_url(role));
    let old_operator = stack.operator_password()?;
    ensure!(operator(&stack, &old_operator).await? == 200, "the operator is let in");

    // The superuser's is the only one that is told to somebody who keeps it.
    let superuser = another(&fs::read_to_string(home.path().join("secrets/postgres-password"))?);
    let (client, connection) = tokio_postgres::connect(&stack.database_admin_url(), NoTls).await?;
    let running = tokio::spawn(connection);
    client.batch_execute(&format!("ALTER ROLE postgres PASSWORD '{superuser}'")).await?;
    drop(client);
    running.await??;
    stack.stop().await;

    let mut replaced = Vec::new();
    for name in [
        "postgres-password",
        "database-password-owner",
        "database-password-access",
        "database-password-contacts",
        "database-password-documents",
        "database-password-search",
        "rpc-token",
        "s3-access-key",
        "s3-secret-key",
        "prober-token",
        "operator-password",
    ] {
        let file = home.path().join("secrets").join(name);
        let old = fs::read_to_string(&file).with_context(|| format!("the secret {name}"))?;
        let new = if name == "postgres-password" { superuser.clone() } else { another(old.trim_end()) };
        ensure!(new != old.trim_end(), "{name} is another one");
        fs::write(&file, &new)?;
        replaced.push((name, new));
    }

    let stack = start(home.path(), &password).await?;
    for (name, new) in &replaced {
        let kept = fs::read_to_string(home.path().join("secrets").join(name))?;
        ensure!(kept == *new, "{name} was made anew");
    }
    for (role, old) in roles.iter().zip(&old_urls) {
        let new = stack.database_url(role);
        ensure!(new != *old && opens(&new).await, "the new password of {role} opens the database");
        // On whichever port it is now.
        let (_, place) = new.rsplit_once('@').context("a URL with a password")?;
        let (old_password, _) = old.rsplit_once('@').context("a URL with a password")?;
        ensure!(!opens(&format!("{old_password}@{place}")).await, "the old password of {role} opens the database");
    }
    let new_operator = stack.operator_password()?;
    ensure!(operator(&stack, &new_operator).await? == 200, "the operator is let in with the new password");
    ensure!(operator(&stack, &old_operator).await? == 401, "the operator is let in with the old password");

    // People keep their passwords, programs their tokens, documents their bytes.
    Client::sign_in(stack.url(), EMAIL, &password).await?;
    let owner = Client::anonymous(stack.url())?.with_token(&api_token);
    let content = owner.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    ensure!(content.body == bytes.as_bytes(), "{content}");
    let found = owner.query("/api/v1/search", &[("q", &word)]).await?.expect(200)?;
    ensure!(String::from_utf8_lossy(&found.body).contains(&id), "{found}");
    owner.add_ready(&Upload::new("new.txt", words::unique()), READY).await?;
    let form = json!({"name": "Ann", "email": format!("{word}@example.org"), "message": "Hello"});
    owner.nobody().post("/api/v1/submissions", &form).await?.expect(201)?;
    // And the prober comes in with its new one.
    let figures = Client::anonymous(&stack.admin_url("prober"))?;
    let came_in = async || {
        let text = String::from_utf8(figures.get("/metrics").await?.expect(200)?.body)?;
        let done = text.lines().find(|line| line.starts_with("prober_journeys_total{outcome=\"done\"}"));
        ensure!(done.is_some_and(|line| !line.ends_with(" 0")), "no journey is done: {done:?}");
        Ok(())
    };
    eventually(READY, "a journey of the prober", came_in).await?;
    stack.stop().await;
    Ok(())
}
