//! What the dashboards, alerts and runbooks ask is asked of a real Prometheus that watches a real system.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload},
    words,
};
use serde_json::{Value, json};
use stack::{External, Stack};

use crate::{
    harness::tests,
    system::{READY, System},
};

tests!(Inside: what_is_measured_is_named_and_every_panel_shows_something);

/// Three scrapes, ten seconds apart, and what they are late by on a busy machine.
const MEASURED: Duration = Duration::from_secs(70);

/// It needs a system of its own, which is watched.
async fn what_is_measured_is_named_and_every_panel_shows_something(_: Arc<System>) -> anyhow::Result<()> {
    let stack = Stack::builder()
        .external(External { database_admin_url: None, s3: None, ..External::from_env()? })
        .observe(true)
        .env("prober", "PROBE_EVERY_SECONDS", "5")
        .start()
        .await?;
    let asked = ask_everything(&stack).await;
    stack.stop().await;
    let (panels, runbooks) = asked?;
    println!("{panels} queries of panels show something, {runbooks} queries of runbooks are well-formed");
    ensure!(panels > 100 && runbooks > 30, "the dashboards or runbooks were not found");
    Ok(())
}

async fn ask_everything(stack: &Stack) -> anyhow::Result<(usize, usize)> {
    let owner = Client::sign_in(stack.url(), &stack.owner().email, &stack.owner().password).await?;
    let prometheus = Prometheus::of(stack)?;
    // As a backup and its trial would leave it.
    let report = "dossier_backup_last_success_timestamp_seconds 1\n\
                  dossier_restore_check_success 1\ndossier_restore_check_timestamp_seconds 1\n";
    fs::write(stack.home().join("observe/textfile/backup.prom"), report)?;
    let page = String::from_utf8(owner.get("/settings/backups").await?.expect(200)?.body)?;
    ensure!(page.contains("1970"), "the settings do not say when the last backup was: {page}");
    let panels = panels()?;
    // Rates need two scrapes with something in them, so there is traffic until every panel has a number.
    let until = Instant::now() + MEASURED;
    let shown = loop {
        use_everything(&owner).await?;
        let (mut shown, mut empty) = (Vec::new(), Vec::new());
        for (panel, query) in &panels {
            match prometheus.ask(query).await.with_context(|| panel.clone())?.len() {
                0 => empty.push(format!("{panel}: {query}")),
                series => shown.push(format!("{panel}: {series} series")),
            }
        }
        if empty.is_empty() {
            break shown;
        }
        ensure!(Instant::now() < until, "nothing to show after {MEASURED:?}:\n{}", empty.join("\n"));
    };
    println!("{}", shown.join("\n"));
    every_name_is_known(&prometheus).await?;
    journeys_succeed(&prometheus, &owner).await?;
    let queries = runbook_queries()?;
    for (runbook, query) in &queries {
        prometheus.ask(query).await.with_context(|| format!("{runbook}: {query}"))?;
    }
    Ok((panels.len(), queries.len()))
}

/// What the services export stands in names.md.
async fn every_name_is_known(prometheus: &Prometheus) -> anyhow::Result<()> {
    let known = fs::read_to_string(repository().join("observability/names.md"))?;
    let services = format!("{}|prober", stack::SERVICES.join("|"));
    // What Prometheus itself says of a scrape, or has recorded, is not exported.
    let exported = format!("count by (__name__) ({{job=~\"{services}\", __name__!~\"up|scrape_.*|ALERTS.*|.*:.*\"}})");
    let names = prometheus.ask(&exported).await?;
    ensure!(names.len() > 30, "the services export only {names:?}");
    for name in &names {
        let name = name["metric"]["__name__"].as_str().context("a name")?;
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let named = |name: &str| known.contains(&format!("`{name}`"));
        ensure!(named(name) || base.is_some_and(named), "{name} is exported and not in names.md");
    }
    println!("{} names are exported and known", names.len());
    Ok(())
}

/// The prober gets through, leaves nothing behind, and is in no count of searches.
async fn journeys_succeed(prometheus: &Prometheus, owner: &Client) -> anyhow::Result<()> {
    let journeys = prometheus.ask("prober_journeys_total > 0").await?;
    let outcomes: Vec<_> = journeys.iter().map(|series| series["metric"]["outcome"].as_str()).collect();
    ensure!(outcomes == [Some("done")], "{journeys:?}");
    let asked = owner.query("/api/v1/analytics/searches", &[("limit", "100")]).await?.expect(200)?.json()?.to_string();
    ensure!(!asked.contains("selftest"), "the prober's queries are among those of people");
    let trash = owner
        .query("/api/v1/documents", &[("trashed", "true"), ("limit", "200")])
        .await?
        .expect(200)?
        .json()?
        .to_string();
    ensure!(!trash.contains("self-test.txt"), "the prober leaves its documents in the trash");
    Ok(())
}

/// A little of what people do, so that every counter moves.
async fn use_everything(owner: &Client) -> anyhow::Result<()> {
    let word = words::unique();
    let email = format!("{word}@example.org");
    let nobody = owner.nobody();
    nobody.post("/api/v1/submissions", &json!({"name": "A", "email": email, "message": "Hello"})).await?;
    let person = [("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")];
    nobody.post_with("/api/v1/visits", &json!({"path": "/"}), &person).await?;
    let contact = json!({"name": "B", "email": format!("b{email}")});
    let contact = owner.post("/api/v1/contacts", &contact).await?.expect(201)?.text_of("id")?;
    owner.patch(&format!("/api/v1/contacts/{contact}"), &json!({"company": word}), None).await?.expect(200)?;
    owner.add_ready(&Upload::new("a.txt", format!("{word} {}", words::prose(1, 50))), READY).await?;
    owner.query("/api/v1/search", &[("q", &word)]).await?.expect(200)?;
    owner.query("/api/v1/search", &[("q", &words::unique())]).await?.expect(200)?;
    owner.query("/api/v1/search/suggest", &[("q", &word[..4])]).await?.expect(200)?;
    owner.get("/api/v1/index").await?.expect(200)?;
    owner.get("/api/v1/contacts").await?.expect(200)?;
    // The gateway's own transactions.
    let user =
        json!({"email": format!("d{email}"), "name": "D", "role": "viewer", "password": format!("pass {word} phrase")});
    owner.post("/api/v1/users", &user).await?.expect(201)?;
    Ok(())
}

struct Prometheus {
    http: reqwest::Client,
    url: String,
}

impl Prometheus {
    fn of(stack: &Stack) -> anyhow::Result<Self> {
        let url = format!("http://{}/prometheus/api/v1/query", stack.address("prometheus"));
        Ok(Self { http: reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?, url })
    }

    /// The series that this query answers; an error when it is no query.
    async fn ask(&self, query: &str) -> anyhow::Result<Vec<Value>> {
        let answer: Value = self.http.get(&self.url).query(&[("query", query)]).send().await?.json().await?;
        ensure!(answer["status"] == "success", "{answer}");
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &str, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let folder = repository().join(folder);
    let all = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let all = all.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(all.into_iter().filter(|path| path.extension().is_some_and(|e| e == extension)).collect())
}

/// "dashboard / panel" and a query, for each query.
fn panels() -> anyhow::Result<Vec<(String, String)>> {
    let mut queries = Vec::new();
    for path in files("observability/grafana/dashboards", "json")? {
        let dashboard: Value = serde_json::from_slice(&fs::read(&path)?)?;
        for panel in dashboard["panels"].as_array().context("panels")? {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let name = format!("{} / {}", dashboard["title"], panel["title"]);
                let query = target["expr"].as_str().context("expr")?.replace("$__rate_interval", "1m");
                queries.push((name, query));
            }
        }
    }
    Ok(queries)
}

/// What stands in blocks of PromQL.
fn runbook_queries() -> anyhow::Result<Vec<(String, String)>> {
    let mut queries = Vec::new();
    for path in files("docs/runbooks", "md")? {
        let text = fs::read_to_string(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let blocks = text.split("```promql\n").skip(1).filter_map(|rest| rest.split("```").next());
        queries.extend(blocks.map(|block| (name.clone(), block.trim().to_owned())));
    }
    Ok(queries)
}
