//! What the description of the API says, held against what the system does: by Schemathesis, which
//! makes up requests from it, and by asking every call as everybody.

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use e2e::client::Client;
use reqwest::Method;
use tokio::process::Command;

use crate::{
    harness::tests,
    system::{System, token},
};

tests!(Alone:
    requests_made_up_from_the_description_are_answered_as_it_says,
    every_call_refuses_everybody_who_may_not_make_it,
    a_revoked_token_opens_nothing_from_the_next_request,
);

/// Made-up requests for each call and phase.
const EXAMPLES: &str = "15";
/// The same requests every time; others are tried with `SCHEMATHESIS_SEED`.
const SEED: &str = "1";

/// `SCHEMATHESIS` names the program.
fn schemathesis() -> Option<PathBuf> {
    std::env::var_os("SCHEMATHESIS").map(PathBuf::from).filter(|path| path.is_file())
}

async fn requests_made_up_from_the_description_are_answered_as_it_says(_: Arc<System>) -> anyhow::Result<()> {
    let Some(program) = schemathesis() else {
        println!("NOT TESTED with Schemathesis: SCHEMATHESIS names no program");
        return Ok(());
    };
    // Made-up requests change and remove whatever they find.
    let system = System::start("made-up").await?;
    let asked = async {
        for (who, token) in [("owner", &token(&system.owner).await?.1), ("viewer", &system.viewer_token)] {
            ask(&program, &system, who, token).await?;
        }
        Ok(())
    };
    let outcome = asked.await;
    system.finish(outcome.is_err()).await;
    outcome
}

async fn ask(program: &PathBuf, system: &System, who: &str, token: &str) -> anyhow::Result<()> {
    let seed = std::env::var("SCHEMATHESIS_SEED").unwrap_or_else(|_| SEED.to_owned());
    let running = Command::new(program)
        .args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/schemathesis.toml"), "run"])
        .arg(format!("{}/api/openapi.json", system.base()))
        .args(["--max-examples", EXAMPLES, "--seed", &seed, "--workers", "1", "--continue-on-failure"])
        .args(["--output-truncate", "false"])
        .env("DOSSIER_TOKEN", token)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(240), running).await??;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary = told.split_once("= SUMMARY =").map_or(told.as_str(), |(_, summary)| summary);
    let generated = summary.lines().find(|line| line.contains("generated")).unwrap_or("nothing").trim();
    println!("Schemathesis as {who}, seed {seed}: {generated}");
    ensure!(output.status.success(), "as {who}, seed {seed}:\n{told}");
    Ok(())
}

/// One call of the description.
struct Operation {
    method: Method,
    path: String,
    /// "" when anybody may.
    role: String,
}

async fn operations(client: &Client) -> anyhow::Result<Vec<Operation>> {
    let description = client.get("/api/openapi.json").await?.expect(200)?.json()?;
    let paths = description["paths"].as_object().context("paths")?;
    let mut operations = Vec::new();
    for (path, item) in paths {
        let item = item.as_object().context("a path")?;
        for (method, operation) in item.iter().filter(|(name, _)| *name != "parameters") {
            let segments = path.split('/').map(|part| match part.starts_with('{') {
                true => uuid::Uuid::now_v7().to_string(),
                false => part.to_owned(),
            });
            operations.push(Operation {
                method: method.to_uppercase().parse()?,
                path: segments.collect::<Vec<_>>().join("/"),
                role: operation["x-required-role"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    ensure!(operations.len() > 40, "only {} calls are described", operations.len());
    Ok(operations)
}

/// The status of a call without a body, of things that do not exist.
async fn status(client: &Client, operation: &Operation) -> anyhow::Result<u16> {
    let request = client.request(operation.method.clone(), &operation.path).header("sec-fetch-site", "none");
    let reply = e2e::client::send(request).await?;
    Ok(reply.status.as_u16())
}

async fn every_call_refuses_everybody_who_may_not_make_it(system: Arc<System>) -> anyhow::Result<()> {
    let rank = |role: &str| ["", "viewer", "editor", "owner"].iter().position(|known| *known == role);
    let everybody =
        [("", &system.nobody), ("viewer", &system.viewer), ("editor", &system.editor), ("owner", &system.owner)];
    let (mut allowed, mut refused) = (0, 0);
    for operation in &operations(&system.nobody).await? {
        for (role, client) in everybody {
            // The conditions of signing in and out are tested where they belong.
            if operation.path.ends_with("/session") && operation.method != Method::GET {
                continue;
            }
            let status = status(client, operation).await?;
            let name = format!("{} {} as {role:?}", operation.method, operation.path);
            if rank(role) >= rank(&operation.role) {
                allowed += 1;
                ensure!(![401, 403].contains(&status), "{name} is refused: {status}");
                ensure!(status < 500, "{name}: {status}");
            } else {
                refused += 1;
                ensure!(status == if role.is_empty() { 401 } else { 403 }, "{name} is not refused: {status}");
            }
        }
    }
    println!("{allowed} calls were allowed and {refused} refused, as described");
    ensure!(refused > 40, "only {refused} were refused");
    Ok(())
}

async fn a_revoked_token_opens_nothing_from_the_next_request(system: Arc<System>) -> anyhow::Result<()> {
    let (client, id) = system.person("owner").await?;
    client.get("/api/v1/users").await?.expect(200)?;
    let request = system.owner.request(Method::DELETE, &format!("/api/v1/users/{id}"));
    e2e::client::send(request).await?.expect(204)?;
    for operation in &operations(&system.nobody).await? {
        let status = status(&client, operation).await?;
        ensure!(status == 401, "{} {}: {status}", operation.method, operation.path);
    }
    Ok(())
}
