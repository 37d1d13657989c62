//! Somebody else's website, with what the README gives to paste into it, in a real browser.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{client::eventually, words};
use stack::External;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::AbortHandle,
};

use crate::{
    browser::Browser,
    harness::tests,
    system::{READY, System},
};

tests!(Inside: what_the_readme_gives_to_paste_works_on_another_site);

const README: &str = include_str!("../../../README.md");

/// A site that shows one page, whatever is asked for.
struct Site {
    origin: String,
    serving: AbortHandle,
}

impl Site {
    async fn listen() -> anyhow::Result<(TcpListener, String)> {
        // Another site than `localhost` to a browser, not only another port.
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        Ok((listener, origin))
    }

    fn serve(listener: TcpListener, origin: String, page: String) -> Self {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = vec![0; 16 << 10];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { origin, serving: serving.abort_handle() }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The pieces of HTML in the README, for the system at `base`.
fn pieces(base: &str) -> anyhow::Result<[String; 2]> {
    let pieces: Vec<_> = README
        .split("```html\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(|piece| piece.replace("https://your.domain", base))
        .collect();
    let pieces: [String; 2] = pieces.try_into().ok().context("the README has a form and a script")?;
    ensure!(pieces.iter().all(|piece| piece.contains(base)), "{pieces:?}");
    Ok(pieces)
}

async fn what_the_readme_gives_to_paste_works_on_another_site(_: Arc<System>) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: NO FORM OF A WEBSITE WAS SENT");
        return Ok(());
    };
    // One that has to know the site.
    let (listed, origin) = Site::listen().await?;
    let external = External { database_admin_url: None, s3: None, ..External::from_env()? };
    let told = [("ALLOWED_ORIGINS", origin.clone())];
    let system = System::start_told("website", external, &told).await?;
    let tried = async {
        let base = system.base().replace("127.0.0.1", "localhost");
        let [form, script] = pieces(&base)?;
        let page = |body: &str| format!("<!doctype html><html lang=en><title>Ours</title><body>{body}</body></html>");
        let whole = page(&format!("{form}{script}"));
        let plain = {
            let (listener, origin) = Site::listen().await?;
            Site::serve(listener, origin, page(&form))
        };
        let stranger = {
            let (listener, origin) = Site::listen().await?;
            Site::serve(listener, origin, whole.clone())
        };
        let known = Site::serve(listed, origin, whole);
        browser
            .visit(async |browser| {
                // A form alone needs no permission, and leads to a page that says thanks.
                let email = fill_in(browser, &plain.origin).await?;
                browser.sees("h1", "Thank you").await?;
                ensure!(browser.address().await?.starts_with(&base), "{}", browser.address().await?);
                arrived(&system, &email).await?;
                // A script stays where it is, and has counted the visit.
                let email = fill_in(browser, &known.origin).await?;
                browser.sees("form button", "Thank you").await?;
                ensure!(browser.address().await?.starts_with(&known.origin), "{}", browser.address().await?);
                arrived(&system, &email).await?;
                let counted = async || {
                    let visits = system.viewer.get("/api/v1/visits").await?.expect(200)?.json()?;
                    let total = ["visits", "bots"].iter().filter_map(|kind| visits["totals"][kind].as_i64()).sum::<i64>();
                    ensure!(total == 1, "{visits}");
                    Ok(())
                };
                eventually(READY, "the visit", counted).await?;
                // A site that is not listed can do neither: its page may not even ask.
                let email = fill_in(browser, &stranger.origin).await?;
                let refused = "const done = arguments[arguments.length - 1];
                    fetch(document.forms[0].action, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })
                        .then(reply => done(`answered ${reply.status}`), error => done(error.name));";
                let refused = browser.run_to_the_end(refused).await?;
                ensure!(refused == "TypeError", "{refused}");
                let found = submissions(&system).await?;
                ensure!(!found.contains(&email), "it was taken all the same: {found}");
                counted().await
            })
            .await
    };
    let outcome = tried.await;
    system.finish(outcome.is_err()).await;
    outcome
}

/// Somebody writes to the people of this site; the address that they gave.
async fn fill_in(browser: &Browser, origin: &str) -> anyhow::Result<String> {
    let email = format!("{}@example.org", words::unique());
    browser.open(&format!("{origin}/contact.html")).await?;
    browser.type_into("input[name=name]", "Anna Beispiel").await?;
    browser.type_into("input[name=email]", &email).await?;
    browser.type_into("textarea[name=message]", "Hello from another site").await?;
    browser.click("form button").await?;
    Ok(email)
}

async fn submissions(system: &System) -> anyhow::Result<String> {
    let found = system.viewer.get("/api/v1/submissions").await?.expect(200)?;
    Ok(String::from_utf8(found.body)?)
}

async fn arrived(system: &System, email: &str) -> anyhow::Result<()> {
    let arrived = async || {
        let found = submissions(system).await?;
        let found: serde_json::Value = serde_json::from_str(&found)?;
        let first = found["items"].as_array().and_then(|all| all.iter().find(|one| one["email"] == email));
        let first = first.with_context(|| format!("{email} is not there: {found}"))?;
        ensure!(first["status"] == "new" && first["message"] == "Hello from another site", "{first}");
        Ok(())
    };
    eventually(READY, "the submission", arrived).await
}
