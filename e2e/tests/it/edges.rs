//! The same file for every Caddy: what holds at the edge holds with Debian's and with the current one;
//! and what stands behind it for those who run the system.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::client::{Client, Reply, send};
use reqwest::Method;
use stack::{External, OPERATOR, Stack};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    browser::Browser,
    caddies::{Caddy, current},
    edge,
    harness::tests,
    raw,
    system::System,
};

tests!(Inside:
    everything_at_the_edge_holds_with_the_current_caddy_too,
    what_is_wrong_with_a_body_is_said_at_the_edge_too,
    tools_ask_for_a_password_and_their_pages_load_under_their_prefixes,
);

async fn everything_at_the_edge_holds_with_the_current_caddy_too(system: Arc<System>) -> anyhow::Result<()> {
    let Some(program) = current() else { return Ok(()) };
    let caddy = Caddy::start(system.stack(), Some(program), "http", &[]).await?;
    let behind = Arc::new(system.behind(caddy.base()));
    let tried = async {
        for test in edge::TESTS {
            (test.run)(behind.clone()).await.with_context(|| format!("{} with the current Caddy", test.name))?;
        }
        Ok(())
    };
    let outcome = tried.await;
    caddy.stop().await;
    outcome
}

async fn what_is_wrong_with_a_body_is_said_at_the_edge_too(system: Arc<System>) -> anyhow::Result<()> {
    for (name, program) in std::iter::once(("Debian's", None)).chain(current().map(|path| ("the current", Some(path))))
    {
        let caddy = Caddy::start(system.stack(), program, "http", &[("DOSSIER_MAX_BODY", "1MB".to_owned())]).await?;
        let outcome = send_what_is_wrong(&system, caddy.base()).await;
        caddy.stop().await;
        outcome.with_context(|| format!("with {name} Caddy"))?;
    }
    Ok(())
}

async fn send_what_is_wrong(system: &System, base: &str) -> anyhow::Result<()> {
    let large = vec![b'a'; 2 << 20];
    let editor = system.editor.at(base);
    let whole = editor.request(Method::POST, "/api/v1/documents").header("content-type", "text/plain");
    send(whole.body(large.clone())).await?.problem(413, "too-large")?;
    let head = format!(
        "POST /api/v1/documents HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: text/plain\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        raw::host(base),
        system.editor_token
    );
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let in_chunks = [chunk(&large), b"0\r\n\r\n".to_vec()].concat();
    for (what, body, status, kind) in [
        ("chunks that are too large", in_chunks, 413, "too-large"),
        ("a length that is none", [chunk(b"a"), b"xyz\r\n".to_vec()].concat(), 400, "invalid"),
        ("a chunk longer than its length", b"3\r\nabcdef\r\n0\r\n\r\n".to_vec(), 400, "invalid"),
        ("a length beyond all numbers", b"ffffffffffffffffff\r\nabc".to_vec(), 400, "invalid"),
    ] {
        let answer = raw::exchange(base, &[head.as_bytes(), &body].concat()).await.with_context(|| what.to_owned())?;
        ensure!(answer.status == status, "{what}: {}", answer.text);
        ensure!(answer.text.contains(&format!("\"type\":\"/problems/{kind}\"")), "{what}: {}", answer.text);
    }
    Ok(())
}

async fn tools_ask_for_a_password_and_their_pages_load_under_their_prefixes(_: Arc<System>) -> anyhow::Result<()> {
    // One of its own, which is watched, so that there is something to show.
    let stack = Stack::builder()
        .external(External { database_admin_url: None, s3: None, ..External::from_env()? })
        .observe(true)
        .start()
        .await?;
    let tried = async {
        try_tools(&stack, stack.url()).await.context("with Debian's Caddy")?;
        behind_one_of_ours(&stack, None).await.context("with Debian's Caddy")?;
        if let Some(program) = current() {
            let caddy = Caddy::start(&stack, Some(program.clone()), "http", &[]).await?;
            let outcome = try_tools(&stack, caddy.base()).await.context("with the current Caddy");
            caddy.stop().await;
            outcome?;
            behind_one_of_ours(&stack, Some(program)).await.context("with the current Caddy")?;
        }
        Ok(())
    };
    let outcome = tried.await;
    stack.stop().await;
    outcome
}

/// GET as the operator, with this password; without one, as nobody.
async fn ask(base: &str, path: &str, password: Option<&str>) -> anyhow::Result<Reply> {
    let request = Client::anonymous(base)?.request(Method::GET, path);
    send(match password {
        Some(password) => request.basic_auth(OPERATOR, Some(password)),
        None => request,
    })
    .await
}

/// Real ones: Prometheus and Alertmanager.
async fn try_tools(stack: &Stack, base: &str) -> anyhow::Result<()> {
    let password = stack.operator_password()?;
    for path in [
        "/prometheus/",
        "/prometheus/api/v1/query?query=up",
        "/prometheus/metrics",
        "/alertmanager/",
        "/alertmanager/api/v2/alerts",
    ] {
        for wrong in [None, Some("guessed"), Some("")] {
            let refused = ask(base, path, wrong).await?.expect(401)?;
            ensure!(refused.header("www-authenticate").starts_with("Basic"), "{:?}", refused.headers);
            ensure!(refused.header("content-security-policy").contains("default-src 'none'"), "{:?}", refused.headers);
            ensure!(refused.header("content-type") == "application/problem+json", "{:?}", refused.headers);
        }
    }
    ask(base, "/prometheus/api/v1/query?query=up", Some(&password)).await?.expect(200)?;
    ask(base, "/alertmanager/api/v2/alerts", Some(&password)).await?.expect(200)?;
    for path in ["/prometheus", "/alertmanager"] {
        let led = ask(base, path, None).await?.expect(308)?;
        ensure!(led.header("location") == format!("{path}/"), "{:?}", led.headers);
    }
    let credentials = format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{OPERATOR}:{password}")));
    for path in [
        "/prometheus/metrics",
        "//prometheus/metrics",
        "/prometheus//metrics",
        "/prometheus/%6detrics",
        "/PROMETHEUS/metrics",
        "/prometheus/METRICS",
        "/prometheus/x/../metrics",
        "/x/../prometheus/metrics",
        "/prometheus/metrics/",
        "/prometheus/./metrics",
        "/%70rometheus/metrics",
        "/prometheus/-/quit",
        "/prometheus/debug/pprof/",
        "/alertmanager/metrics",
        "/alertmanager//metrics",
        "/alertmanager/-/reload",
    ] {
        let answer = raw::get_with(base, path, &credentials).await?;
        ensure!((300..500).contains(&answer.status), "{path} answered {}", answer.text);
        ensure!(!answer.text.contains("process_") && !answer.text.contains("goroutine"), "{path}: {}", answer.text);
    }
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: THE TOOLS WERE NOT TRIED IN A BROWSER");
        return Ok(());
    };
    browser
        .visit(async |browser| {
            let with_password = base.replacen("http://", &format!("http://{OPERATOR}:{password}@"), 1);
            browser.open(&format!("{with_password}/prometheus/")).await?;
            browser.open(&format!("{base}/prometheus/")).await?;
            browser.find("a[href*='/prometheus/']").await?;
            let loaded = all_loaded(browser, &format!("{base}/prometheus/")).await?;
            ensure!(loaded >= 5, "only {loaded} files were loaded");
            // Debian's has other pages than those that are published elsewhere.
            let targets = browser.run("return document.querySelector(\"a[href$='/targets']\")?.href").await?;
            browser.open(targets.as_str().context("a link to what is watched")?).await?;
            browser.sees("body", "gateway").await?;
            browser.open(&format!("{with_password}/alertmanager/")).await?;
            browser.sees("body", "Alertmanager").await?;
            let more = all_loaded(browser, &format!("{base}/alertmanager/")).await?;
            println!("{loaded} files of Prometheus and {more} of Alertmanager were loaded, all under their prefixes");
            // The password belongs to the tools: were it sent to the gateway, that would refuse it.
            browser.open(base).await?;
            browser.find("input[name=password]").await?;
            browser.complaints()
        })
        .await
}

/// Whatever the page asked for came, and came from under the prefix.
async fn all_loaded(browser: &Browser, prefix: &str) -> anyhow::Result<usize> {
    let script = "return performance.getEntriesByType('resource').map(e => [e.name, String(e.responseStatus)])";
    let loaded: Vec<(String, String)> = serde_json::from_value(browser.run(script).await?)?;
    // Browsers ask for that by themselves, where a page names no other.
    for (url, status) in loaded.iter().filter(|(url, _)| !url.ends_with("/favicon.ico")) {
        ensure!(url.starts_with(prefix), "{url} is outside of {prefix}");
        ensure!(["200", "304"].contains(&status.as_str()), "{url} answered {status}");
    }
    Ok(loaded.len())
}

/// Grafana and the console of an object store are not on every machine: one of ours says what they are asked.
async fn behind_one_of_ours(stack: &Stack, program: Option<PathBuf>) -> anyhow::Result<()> {
    let (addr, asked) = listen().await?;
    let edge = tempfile::TempDir::new()?;
    let files = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../compose/edge"));
    for tool in ["grafana", "storage"] {
        fs::copy(files.join(tool).with_extension("caddy"), edge.path().join(tool).with_extension("caddy"))?;
    }
    let changed = [
        ("DOSSIER_EDGE", edge.path().display().to_string()),
        ("GRAFANA_UPSTREAM", addr.clone()),
        ("STORAGE_UPSTREAM", addr),
    ];
    let caddy = Caddy::start(stack, program, "http", &changed).await?;
    let password = stack.operator_password()?;
    let tried = async {
        for path in ["/grafana/", "/grafana/api/health", "/storage/", "/storage/login"] {
            ask(caddy.base(), path, None).await?.expect(401)?;
        }
        ensure!(asked.lock().map_or(0, |a| a.len()) == 0, "they were asked by nobody in particular");
        for (path, seen) in
            [("/grafana/d/x", "GET /grafana/d/x "), ("/storage/login", "GET /login "), ("/storage/", "GET / ")]
        {
            let reply = ask(caddy.base(), path, Some(&password)).await?.expect(200)?;
            ensure!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{:?}", reply.headers);
            ensure!(reply.header("x-content-type-options") == "nosniff", "{:?}", reply.headers);
            ensure!(reply.header("x-powered-by").is_empty(), "{:?}", reply.headers);
            let last = asked.lock().ok().and_then(|a| a.last().cloned()).context("nobody was asked")?;
            ensure!(last.starts_with(seen), "{path} became {last}");
            ensure!(!last.to_lowercase().contains("\nauthorization:"), "{path} hands the password on: {last}");
        }
        ask(caddy.base(), "/grafana/metrics", Some(&password)).await?.expect(404).map(drop)
    };
    let outcome = tried.await;
    caddy.stop().await;
    outcome
}

type Asked = Arc<Mutex<Vec<String>>>;

/// Answers everything with 200, and keeps what it was asked.
async fn listen() -> anyhow::Result<(String, Asked)> {
    let (listener, asked) = (TcpListener::bind("127.0.0.1:0").await?, Asked::default());
    let (addr, kept) = (listener.local_addr()?.to_string(), asked.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 16 << 10];
                let read = stream.read(&mut request).await.unwrap_or(0);
                if let Ok(mut kept) = kept.lock() {
                    kept.push(String::from_utf8_lossy(&request[..read]).into_owned());
                }
                let answer = b"HTTP/1.1 200 OK\r\nx-powered-by: us\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    Ok((addr, asked))
}
