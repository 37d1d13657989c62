//! What holds for every answer: headers, request ids, problems; and what is never let out.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Reply, Upload, eventually},
    pdf, words,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::tests,
    raw,
    system::{READY, System},
};

tests!(Shared:
    metrics_are_out_of_reach_in_every_spelling,
    every_answer_carries_the_security_headers,
    what_is_not_there_is_a_problem_that_explains_itself,
    health_says_how_each_part_is,
    the_description_of_the_api_is_served,
    a_method_that_is_not_there_is_refused;
    Inside:
    every_service_counts_its_requests,
    a_request_id_is_echoed_and_found_in_the_logs_of_whoever_worked_on_it,
    a_trace_goes_through_every_service,
    nothing_private_is_in_any_log,
);

async fn every_service_counts_its_requests(system: Arc<System>) -> anyhow::Result<()> {
    system.editor.add_ready(&Upload::new("counted.txt", words::unique()), READY).await?;
    system.viewer.get("/api/v1/contacts").await?.expect(200)?;
    system.viewer.query("/api/v1/search", &[("q", "anything")]).await?.expect(200)?;
    for service in stack::SERVICES {
        let reply = system.admin(service, "/metrics").await?.expect(200)?;
        let text = String::from_utf8(reply.body)?;
        // The indexer is asked by nobody: it counts what it leased.
        let counters = match service {
            "gateway" => &["http_server_requests_total", "http_requests_total", "gateway_requests_total"][..],
            "indexer" => &["indexer_jobs_total", "indexer_documents_total", "indexer_steps_total"][..],
            _ => &["rpc_server_requests_total"][..],
        };
        let counted = text.lines().any(|line| {
            let named = counters.iter().any(|counter| line.starts_with(counter));
            named && line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok()).is_some_and(|n| n > 0.0)
        });
        ensure!(counted, "{service} counts none of {counters:?}: {text}");
        ensure!(text.contains("process_resident_memory_bytes"), "{service}: {text}");
        ensure!(system.admin(service, "/livez").await?.status == 200, "{service}");
        ensure!(system.admin(service, "/readyz").await?.status == 200, "{service}");
        // Ids in labels would make a new series for every document.
        let id = text.split('"').find(|label| uuid::Uuid::try_parse(label).is_ok());
        ensure!(id.is_none(), "{service} has the id {id:?} in a label");
    }
    Ok(())
}

async fn metrics_are_out_of_reach_in_every_spelling(system: Arc<System>) -> anyhow::Result<()> {
    for path in [
        "/metrics",
        "/metrics/",
        "//metrics",
        "/./metrics",
        "/%6detrics",
        "/%6Detrics",
        "/metric%73",
        "/METRICS",
        "/api/../metrics",
        "/api/v1/../../metrics",
        "/api/..%2fmetrics",
        "/%2e/metrics",
        "/%2e%2e/metrics",
        "/api/%2e%2e/metrics",
        "/metrics?x=1",
        "/metrics#x",
        "/metrics;x",
        "/api/v1/metrics",
        "/livez",
        "/readyz",
        "/admin/metrics",
        "\\metrics",
        "///metrics",
        "/api//..//metrics",
        "/METRICS/",
        "/%4dETRICS",
        "/%2fmetrics",
        "/metrics/../metrics",
        "/metrics%2f",
        "/metrics%00",
        "/api/openapi.json/../../metrics",
    ] {
        let answer = raw::get(system.base(), path).await.with_context(|| path.to_owned())?;
        ensure!((400..500).contains(&answer.status), "{path} answered {}", answer.text);
        ensure!(!answer.text.contains("process_"), "{path} answered {}", answer.text);
    }
    Ok(())
}

/// What a browser must be told with everything.
fn secure(reply: &Reply) -> anyhow::Result<()> {
    ensure!(reply.header("x-content-type-options") == "nosniff", "{reply}: {:?}", reply.headers);
    ensure!(!reply.header("referrer-policy").is_empty(), "{reply}: {:?}", reply.headers);
    let policy = reply.header("content-security-policy");
    ensure!(policy.contains("default-src 'none'") || policy.contains("default-src 'self'"), "{reply}: {policy}");
    ensure!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{reply}: {policy}");
    for telltale in ["server", "x-powered-by"] {
        ensure!(reply.header(telltale).is_empty(), "{reply} says {telltale}: {}", reply.header(telltale));
    }
    Ok(())
}

async fn every_answer_carries_the_security_headers(system: Arc<System>) -> anyhow::Result<()> {
    for path in [
        "/",
        "/api/v1/health/live",
        "/api/v1/documents",
        "/api/v1/contacts",
        "/nowhere",
        "/api/v1/nowhere",
        "/metrics",
        "/api/openapi.json",
    ] {
        let reply = system.nobody.get(path).await;
        secure(&reply?).with_context(|| path.to_owned())?;
    }
    secure(&system.nobody.post("/api/v1/submissions", &json!({})).await?.expect(400)?)?;
    secure(&system.nobody.get("/api/v1/contacts").await?.expect(401)?)?;
    secure(&system.viewer.get("/api/v1/users").await?.expect(403)?)?;
    secure(&system.nobody.delete("/api/v1/contacts").await?.expect(405)?)?;
    let request = system.nobody.request(Method::POST, "/api/v1/submissions").header("content-type", "text/plain");
    secure(&e2e::client::send(request.body("x")).await?.expect(415)?)?;
    let large = json!({"name": "x".repeat(2 << 20), "email": "large@example.org", "message": "x"});
    let large = system.nobody.post("/api/v1/submissions", &large).await?;
    large.problem(413, "too-large")?;
    secure(&large)?;
    let id = system.editor.add(&Upload::new("headers.txt", words::unique())).await?;
    secure(&system.viewer.get(&format!("/api/v1/documents/{id}")).await?.expect(200)?)?;
    let content = system.viewer.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    assert_eq!(content.header("x-content-type-options"), "nosniff");
    Ok(())
}

async fn what_is_not_there_is_a_problem_that_explains_itself(system: Arc<System>) -> anyhow::Result<()> {
    let problem = system.viewer.get("/api/v1/nowhere").await?.problem(404, "not-found")?;
    let page = system.nobody.get(problem["type"].as_str().context("a type")?).await?.expect(200)?;
    assert!(page.header("content-type").starts_with("text/html"), "{page}");
    system.viewer.get(&format!("/api/v1/documents/{}", uuid::Uuid::now_v7())).await?.problem(404, "not-found")?;
    system.viewer.get("/api/v1/documents/not-an-id").await?.problem(404, "not-found")?;
    Ok(())
}

async fn a_request_id_is_echoed_and_found_in_the_logs_of_whoever_worked_on_it(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let made = system.nobody.get("/api/v1/health/live").await?;
    assert!(!made.header("x-request-id").is_empty(), "{:?}", made.headers);
    // The edge's own answers say which they are, too.
    let own = system.nobody.get_with("/metrics", &[("x-request-id", "of-mine.1")]).await?.expect(404)?;
    assert_eq!((own.header("x-request-id"), own.json()?["request_id"].as_str()), ("of-mine.1", Some("of-mine.1")));
    let ill = system.nobody.get_with("/metrics", &[("x-request-id", "\"},{<b>")]).await?.expect(404)?;
    ensure!(!ill.header("x-request-id").contains('<') && ill.json().is_ok(), "{ill}: {:?}", ill.headers);
    let id = format!("e2e-{}", words::unique());
    let problem = system.viewer.get_with("/api/v1/nowhere", &[("x-request-id", &id)]).await?;
    assert_eq!(problem.header("x-request-id"), id);
    assert_eq!(problem.problem(404, "not-found")?["request_id"], *id);
    let ill = system.nobody.get_with("/api/v1/health/live", &[("x-request-id", "a b <c>")]).await?;
    assert_ne!(ill.header("x-request-id"), "a b <c>");

    let upload = Upload::new("traced.txt", words::unique()).header("x-request-id", id.clone());
    let reply = system.editor.upload(&upload).await?.expect(201)?;
    assert_eq!(reply.header("x-request-id"), id);
    for process in ["gateway", "documents"] {
        let logged = async || {
            let log = system.log(process)?;
            let line =
                log.lines().find(|line| line.contains(&id)).with_context(|| format!("not in {process}'s log"))?;
            let line: Value = serde_json::from_str(line).context("a log line is JSON")?;
            for field in ["timestamp", "level"] {
                ensure!(line[field].is_string(), "no {field}: {line}");
            }
            Ok(())
        };
        eventually(READY, "the request id in the log", logged).await?;
    }
    Ok(())
}

async fn a_trace_goes_through_every_service(system: Arc<System>) -> anyhow::Result<()> {
    let trace = uuid::Uuid::new_v4().simple().to_string();
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let upload = Upload::new("traced.txt", words::unique()).header("traceparent", parent);
    let reply = system.editor.upload(&upload).await?.expect(201)?;
    ensure!(reply.header("traceparent").contains(&trace), "{:?}", reply.headers);
    let id = reply.text_of("id")?;
    system.editor.wait_ready(&id, READY).await?;
    for process in ["gateway", "documents"] {
        let logged = async || {
            ensure!(system.log(process)?.contains(&trace), "not in {process}'s log");
            Ok(())
        };
        eventually(READY, "the trace in the log", logged).await?;
    }
    Ok(())
}

async fn nothing_private_is_in_any_log(system: Arc<System>) -> anyhow::Result<()> {
    let (canary, secret) = (words::unique(), words::unique());
    let email = format!("{canary}@example.org");
    let body = json!({"name": canary, "email": email, "message": canary, "subject": canary, "metadata": {"k": canary}});
    system.nobody.post("/api/v1/submissions", &body).await?.expect(201)?;
    system.nobody.post("/api/v1/submissions", &json!({"name": canary, "email": canary, "message": ""})).await?;
    system.nobody.post("/api/v1/session", &json!({"email": email, "password": secret})).await?.expect(401)?;
    let contact = json!({"name": canary, "email": format!("2{email}"), "company": canary, "phone": "+49 1"});
    system.editor.post("/api/v1/contacts", &contact).await?.expect(201)?;
    system.editor.post("/api/v1/contacts", &contact).await?.expect(409)?;
    system.viewer.query("/api/v1/contacts", &[("q", &canary)]).await?.expect(200)?;
    let text = format!("{} {canary} {email}", words::prose(6, 30));
    let id = system.editor.add_ready(&Upload::new("private.pdf", pdf::document(&[&text])), READY).await?;
    system.editor.add(&Upload::new("private.txt", text.clone())).await?;
    let broken = system.editor.add(&Upload::new("broken.pdf", format!("%PDF-1.5\n{text}"))).await?;
    system.editor.wait_settled(&broken, READY).await?;
    system.found(&system.viewer, &canary, &id).await?;
    system.viewer.query("/api/v1/search/suggest", &[("q", &canary)]).await?.expect(200)?;
    system.editor.upload_raw(&Upload::new("x.txt", text).header("x-checksum-sha256", "0".repeat(64))).await?;
    system.editor.get_with("/api/v1/nowhere", &[("x-request-id", "last-line")]).await?;
    system.nobody.with_token(&format!("dsr_{secret}")).get("/api/v1/contacts").await?.expect(401)?;

    for process in stack::PROCESSES {
        let Ok(log) = system.log(process) else { continue };
        for private in [&canary, &secret, &system.owner_password, &system.editor_token] {
            let line = log.lines().find(|line| line.contains(private.as_str()));
            ensure!(line.is_none(), "{process} logs what is private: {line:?}");
        }
        let line = log.lines().find(|line| line.contains("@example.org") || line.contains("%40example.org"));
        ensure!(line.is_none(), "{process} logs an e-mail address: {line:?}");
    }
    for service in stack::SERVICES {
        let metrics = system.admin(service, "/metrics").await?.expect(200)?;
        ensure!(!String::from_utf8_lossy(&metrics.body).contains(&canary), "{service} has it in its metrics");
    }
    Ok(())
}

async fn health_says_how_each_part_is(system: Arc<System>) -> anyhow::Result<()> {
    system.nobody.get("/api/v1/health/live").await?.expect(200)?;
    let ready = system.nobody.get("/api/v1/health/ready").await?.expect(200)?;
    ensure!(ready.json()?.to_string().contains("documents"), "each dependency's state: {ready}");
    Ok(())
}

async fn the_description_of_the_api_is_served(system: Arc<System>) -> anyhow::Result<()> {
    let reply = system.nobody.get("/api/openapi.json").await?.expect(200)?;
    let description = reply.json()?;
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{reply}");
    let paths = description["paths"].as_object().context("paths")?;
    for path in ["/documents", "/documents/{id}", "/search", "/submissions", "/contacts/{id}", "/session"] {
        ensure!(paths.keys().any(|known| known.ends_with(path)), "{path} is not described");
    }
    Ok(())
}

async fn a_method_that_is_not_there_is_refused(system: Arc<System>) -> anyhow::Result<()> {
    for method in [Method::PUT, Method::TRACE] {
        let reply = e2e::client::send(system.owner.request(method.clone(), "/api/v1/contacts")).await?;
        ensure!(reply.status == 405, "{method}: {reply}");
    }
    Ok(())
}
