//! Answers of every kind, scored as the Mozilla HTTP Observatory scores a site (R18).
//!
//! The rules and numbers are those published at <https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring>
//! and in `src/grader/charts.js` of mdn/mdn-http-observatory: 100, less what is missing; what goes beyond counts
//! from 90 on. What needs the outside world is taken at its least: no preloading, no subresource integrity.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Reply, Upload, send},
    words,
};
use reqwest::Method;
use serde_json::json;
use stack::External;

use crate::{
    caddies::{Caddy, current},
    harness::tests,
    system::{READY, System},
};

tests!(Inside: every_kind_of_answer_scores_as_an_a_plus);

const GOAL: i32 = 130;

/// What one rule said.
type Verdict = (&'static str, i32);

fn score(verdicts: &[Verdict]) -> i32 {
    let less: i32 = verdicts.iter().map(|(_, modifier)| (*modifier).min(0)).sum();
    let more: i32 = verdicts.iter().map(|(_, modifier)| (*modifier).max(0)).sum();
    let base = 100 + less;
    if base >= 90 { base + more } else { base.max(0) }
}

/// The sources of a directive, or of what stands in for it.
fn sources<'a>(policy: &'a str, directive: &str) -> Option<Vec<&'a str>> {
    let find = |name: &str| {
        policy.split(';').map(str::trim).find_map(|part| {
            let mut words = part.split_whitespace();
            (words.next() == Some(name)).then(|| words.collect::<Vec<_>>())
        })
    };
    let falls_back = directive.ends_with("-src");
    find(directive).or_else(|| find("default-src").filter(|_| falls_back))
}

fn content_security_policy(reply: &Reply) -> Verdict {
    let policy = reply.header("content-security-policy");
    if policy.is_empty() {
        return ("csp-not-implemented", -25);
    }
    let broad =
        |sources: &[&str]| sources.iter().any(|s| ["'unsafe-inline'", "data:", "https:", "http:", "*"].contains(s));
    let active = |name| sources(policy, name).is_none_or(|sources| broad(&sources));
    if active("script-src") || active("object-src") {
        return ("csp-implemented-with-unsafe-inline", -20);
    }
    if policy.contains("http:") {
        return ("csp-implemented-with-insecure-scheme", -20);
    }
    if policy.contains("'unsafe-eval'") {
        return ("csp-implemented-with-unsafe-eval", -10);
    }
    if sources(policy, "style-src").is_none_or(|sources| broad(&sources)) {
        return ("csp-implemented-with-unsafe-inline-in-style-src-only", 0);
    }
    let only = |name, allowed: &[&str]| sources(policy, name).is_some_and(|s| s.iter().all(|s| allowed.contains(s)));
    match only("default-src", &["'none'"]) && only("form-action", &["'none'", "'self'"]) {
        true => ("csp-implemented-with-no-unsafe-default-src-none", 10),
        false => ("csp-implemented-with-no-unsafe", 5),
    }
}

fn cookies(reply: &Reply) -> Verdict {
    let set: Vec<_> = reply.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    if set.is_empty() {
        return ("cookies-not-found", 0);
    }
    let all =
        |flag: &str| set.iter().all(|cookie| cookie.split(';').any(|part| part.trim().eq_ignore_ascii_case(flag)));
    if !all("Secure") {
        ("cookies-session-without-secure-flag", -40)
    } else if !all("HttpOnly") {
        ("cookies-session-without-httponly-flag", -30)
    } else if all("SameSite=Lax") || all("SameSite=Strict") {
        ("cookies-secure-with-httponly-sessions-and-samesite", 5)
    } else {
        ("cookies-secure-with-httponly-sessions", 0)
    }
}

fn sharing(reply: &Reply) -> Verdict {
    match (reply.header("access-control-allow-origin"), reply.header("access-control-allow-credentials")) {
        ("", _) => ("cross-origin-resource-sharing-not-implemented", 0),
        (_, "true") => ("cross-origin-resource-sharing-implemented-with-universal-access", -50),
        _ => ("cross-origin-resource-sharing-implemented-with-restricted-access", 0),
    }
}

fn referrer_policy(reply: &Reply) -> Verdict {
    match reply.header("referrer-policy") {
        "" => ("referrer-policy-not-implemented", 0),
        "no-referrer" | "same-origin" | "strict-origin" | "strict-origin-when-cross-origin" => {
            ("referrer-policy-private", 5)
        }
        _ => ("referrer-policy-unsafe", -5),
    }
}

fn transport_security(reply: &Reply) -> Verdict {
    let said = reply.header("strict-transport-security");
    let age = said.split(';').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<u64>().ok());
    match age {
        None => ("hsts-not-implemented", -20),
        Some(age) if age < 15_768_000 => ("hsts-implemented-max-age-less-than-six-months", -10),
        Some(_) => ("hsts-implemented-max-age-at-least-six-months", 0),
    }
}

fn integrity(reply: &Reply) -> Verdict {
    if !reply.header("content-type").starts_with("text/html") {
        return ("sri-not-implemented-response-not-html", 0);
    }
    let page = String::from_utf8_lossy(&reply.body);
    let scripts: Vec<_> =
        page.split("<script").skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect();
    match scripts.iter().any(|script| script.contains("src=\"http") || script.contains("src=\"//")) {
        true => ("sri-not-implemented-but-external-scripts-loaded-securely", -5),
        false if !scripts.is_empty() && scripts.iter().all(|script| script.contains("integrity=")) => {
            ("sri-implemented-and-all-scripts-loaded-securely", 5)
        }
        false => ("sri-not-implemented-but-all-scripts-loaded-from-secure-origin", 0),
    }
}

fn sniffing(reply: &Reply) -> Verdict {
    match reply.header("x-content-type-options") {
        "nosniff" => ("x-content-type-options-nosniff", 0),
        _ => ("x-content-type-options-not-implemented", -5),
    }
}

fn frames(reply: &Reply) -> Verdict {
    let policy = reply.header("content-security-policy");
    if sources(policy, "frame-ancestors").is_some_and(|s| s.iter().all(|s| ["'none'", "'self'"].contains(s))) {
        return ("x-frame-options-implemented-via-csp", 5);
    }
    match reply.header("x-frame-options") {
        "DENY" | "SAMEORIGIN" => ("x-frame-options-sameorigin-or-deny", 0),
        _ => ("x-frame-options-not-implemented", -20),
    }
}

fn resource_policy(reply: &Reply) -> Verdict {
    match reply.header("cross-origin-resource-policy") {
        "same-origin" | "same-site" => ("cross-origin-resource-policy-implemented-with-same-origin", 10),
        _ => ("cross-origin-resource-policy-not-implemented", 0),
    }
}

/// A browser takes the first, or none, of what is said twice.
fn said_once(reply: &Reply) -> anyhow::Result<()> {
    for name in [
        "content-security-policy",
        "strict-transport-security",
        "referrer-policy",
        "x-content-type-options",
        "x-frame-options",
        "cross-origin-resource-policy",
    ] {
        ensure!(reply.headers.get_all(name).iter().count() == 1, "{name} is not said once: {:?}", reply.headers);
    }
    Ok(())
}

fn judge(reply: &Reply) -> Vec<Verdict> {
    let rules = [
        content_security_policy,
        cookies,
        sharing,
        referrer_policy,
        transport_security,
        integrity,
        sniffing,
        frames,
        resource_policy,
    ];
    rules.into_iter().map(|rule| rule(reply)).collect()
}

/// Behind TLS, with a certificate of the edge's own, as a site would be.
async fn every_kind_of_answer_scores_as_an_a_plus(_: Arc<System>) -> anyhow::Result<()> {
    // One that knows that browsers come by TLS.
    let external = External { database_admin_url: None, s3: None, ..External::from_env()? };
    let system = System::start_told("https", external, &[("PUBLIC_URL", "https://localhost".to_owned())]).await?;
    let scored = with_every_caddy(&system).await;
    system.finish(scored.is_err()).await;
    scored
}

async fn with_every_caddy(system: &System) -> anyhow::Result<()> {
    let programs =
        std::iter::once(("Debian's Caddy", None)).chain(current().map(|path| ("the current Caddy", Some(path))));
    for (name, program) in programs {
        let port = stack::ports::free()?.to_string();
        let caddy = Caddy::start(system.stack(), program, "https", &[("CADDY_HTTP_PORT", port)]).await?;
        let tried = score_everything(system, caddy.base()).await.context(name);
        caddy.stop().await;
        let (answers, least) = tried?;
        println!("with {name}: {answers} answers, none scores less than {least} (A+ from 100)");
    }
    Ok(())
}

async fn score_everything(system: &System, base: &str) -> anyhow::Result<(usize, i32)> {
    let client = e2e::client::Client::untrusting(base)?;
    let body = json!({"email": system.owner_email, "password": system.owner_password});
    let signed_in = client.post_with("/api/v1/session", &body, &[("origin", base)]).await?.expect(201)?;
    let owner = client.with_session(&signed_in.cookie()?);
    let id = system.editor.add_ready(&Upload::new("scored.html", format!("<p>{}</p>", words::unique())), READY).await?;
    let asset = {
        let page = client.get("/").await?.expect(200)?;
        let page = String::from_utf8_lossy(&page.body).into_owned();
        let begin = page.find("/assets/").context("a page without assets")?;
        page[begin..].split('"').next().unwrap_or_default().to_owned()
    };
    let upload = json!({"name": "x".repeat(2 << 20), "email": "large@example.org", "message": "x"});
    let (document, content, text) =
        (format!("/documents/{id}"), format!("/api/v1/documents/{id}/content"), format!("/api/v1/documents/{id}/text"));
    let mut answers = vec![
        ("signing in".to_owned(), signed_in),
        ("a body that is too large".to_owned(), client.post("/api/v1/submissions", &upload).await?),
    ];
    for path in [
        "/",
        "/documents",
        document.as_str(),
        "/contacts",
        "/inbox",
        "/overview",
        "/settings",
        "/api/docs/",
        "/api/docs/swagger-ui-bundle.js",
        "/problems/not-found",
        &asset,
        "/favicon.ico",
        "/api/openapi.json",
        "/api/v1/health/live",
        "/api/v1/contacts",
        "/api/v1/search?q=x",
        content.as_str(),
        text.as_str(),
        "/nowhere",
        "/api/v1/nowhere",
        "/metrics",
        "/s/nobody-made-this",
    ] {
        answers.push((format!("{path}, signed in"), owner.get(path).await?));
        answers.push((format!("{path}, by nobody"), client.get(path).await?));
    }
    answers
        .push(("a method that is not there".to_owned(), send(owner.request(Method::PUT, "/api/v1/contacts")).await?));
    let mut least = i32::MAX;
    for (what, reply) in &answers {
        said_once(reply).with_context(|| what.clone())?;
        let verdicts = judge(reply);
        let score = score(&verdicts);
        let told: Vec<_> = verdicts.iter().map(|(rule, modifier)| format!("{rule} {modifier:+}")).collect();
        println!("{score} {what} ({}): {}", reply.status.as_u16(), told.join(", "));
        ensure!(score >= GOAL, "{what} scores {score}: {told:?}; {:?}", reply.headers);
        let unsafe_inline =
            reply.headers.values().any(|value| value.as_bytes().windows(13).any(|w| w == b"unsafe-inline"));
        ensure!(!unsafe_inline, "{what}: {:?}", reply.headers);
        least = least.min(score);
    }
    Ok((answers.len(), least))
}
