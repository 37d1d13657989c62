//! What one decides, in a real browser and without one: people who are invited, keys, sessions, the index.

use std::sync::Arc;

use anyhow::ensure;
use e2e::{
    client::{Client, send},
    words,
};
use reqwest::Method;
use serde_json::json;

use crate::{browser::Browser, harness::tests, system::System};

tests!(Shared:
    somebody_is_invited_accepts_and_comes_in,
    a_key_is_made_and_another_session_ended,
    an_owner_looks_after_the_index_collections_and_webhooks,
    every_page_of_the_settings_says_only_what_the_reader_may_know,
);

/// In a browser, signed in as the owner.
async fn as_owner(system: &System, session: impl AsyncFnOnce(&Browser) -> anyhow::Result<()>) -> anyhow::Result<()> {
    signed_in(system, &system.owner_email, &system.owner_password, session).await
}

/// In a browser, signed in.
async fn signed_in(
    system: &System,
    email: &str,
    password: &str,
    session: impl AsyncFnOnce(&Browser) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: THE SETTINGS WERE NOT TRIED IN A BROWSER");
        return Ok(());
    };
    browser
        .visit(async |browser| {
            browser.open(system.base()).await?;
            browser.type_into("input[name=email]", email).await?;
            browser.type_into("input[name=password]", password).await?;
            browser.click("form[action='/sign-in'] button").await?;
            browser.sees("header", email).await?;
            session(browser).await?;
            browser.complaints()
        })
        .await
}

async fn somebody_is_invited_accepts_and_comes_in(system: Arc<System>) -> anyhow::Result<()> {
    let email = format!("{}@example.org", words::unique());
    as_owner(&system, async |browser| {
        browser.open(&format!("{}/settings/people", system.base())).await?;
        browser.type_into("#user-email", &email).await?;
        browser.type_into("#user-name", "Ann").await?;
        browser.click("#new-person button").await?;
        let link = browser.find("#link").await?.text().await?;
        ensure!(link.contains("/invitation/"), "{link}");
        browser.sees("table", &email).await?;
        browser.sees(".badge", "invited").await?;
        // As Ann, in the same browser: whoever accepts is signed in, and nobody else any more.
        let path = link.find("/invitation/").map_or("", |at| &link[at..]);
        browser.open(&format!("{}{path}", system.base())).await?;
        browser.type_into("#password", "password1").await?;
        browser.click("main form button").await?;
        browser.sees("[role=alert]", "tried first").await?;
        browser.type_into("#password", "four words in a row").await?;
        browser.click("main form button").await?;
        browser.sees("header .who", &email).await?;
        browser.open(&format!("{}{path}", system.base())).await?;
        browser.sees("main", "another one took its place").await.map(drop)
    })
    .await
}

async fn a_key_is_made_and_another_session_ended(system: Arc<System>) -> anyhow::Result<()> {
    // Somebody whose sessions nobody else needs.
    let (email, password) = (format!("{}@example.org", words::unique()), format!("{} phrase", words::unique()));
    let person = json!({"email": email, "name": "Ann", "role": "editor", "password": password});
    system.owner.post("/api/v1/users", &person).await?.expect(201)?;
    let elsewhere = Client::sign_in(system.base(), &email, &password).await?;
    elsewhere.get("/api/v1/session").await?.expect(200)?;
    signed_in(&system, &email, &password, async |browser| {
        browser.open(&format!("{}/settings/tokens", system.base())).await?;
        let name = words::unique();
        browser.type_into("#token-name", &name).await?;
        browser.click("#new-token button").await?;
        let key = browser.find("#key").await?.text().await?;
        system.nobody.with_token(&key).get("/api/v1/documents").await?.expect(200)?;
        browser.sees("table", &name).await?;

        browser.open(&format!("{}/settings", system.base())).await?;
        browser.sees("#sessions + table", "Chrome, Linux").await?;
        browser.click("form[action='/settings/sessions'] button").await?;
        browser.sees(".badge", "here").await?;
        elsewhere.get("/api/v1/session").await?.problem(401, "unauthenticated").map(drop)
    })
    .await
}

async fn an_owner_looks_after_the_index_collections_and_webhooks(system: Arc<System>) -> anyhow::Result<()> {
    as_owner(&system, async |browser| {
        let name = words::unique();
        browser.open(&format!("{}/settings/collections", system.base())).await?;
        browser.type_into("#name-new", &name).await?;
        browser.click("#new-collection button").await?;
        browser.sees("section.card h2", &name).await?;

        browser.open(&format!("{}/settings/search", system.base())).await?;
        if system.has_engine() {
            browser.click("form[action='/settings/search/rebuild'] button").await?;
            // It shows how far it is, and by itself that it is done.
            browser.find("form[action='/settings/search/rebuild']").await?;
            browser.click("form[action='/settings/search/verify'] button").await?;
            browser.sees(".told", "document").await?;
        } else {
            browser.sees("main", "There is no search engine").await?;
        }
        browser.type_into("#synonym-word", &name).await?;
        browser.type_into("#synonym-others", "invoice, bill").await?;
        browser.click("#new-synonym button").await?;
        browser.sees("table", "bill, invoice").await?;

        browser.open(&format!("{}/settings/webhooks", system.base())).await?;
        browser.type_into("#hook-url", "http://127.0.0.1:9/hook").await?;
        browser.type_into("#hook-description", &name).await?;
        browser.click("#new-webhook button").await?;
        browser.sees("#secret", "whsec_").await?;
        browser.click(".told a").await?;
        browser.click("form[action$='/test'] button").await?;
        browser.sees("#deliveries", "webhook.test").await?;
        browser.click("form[action$='/remove'] button").await?;

        browser.open(&format!("{}/settings/audit", system.base())).await?;
        browser.sees("table", "webhook.deleted").await.map(drop)
    })
    .await
}

async fn every_page_of_the_settings_says_only_what_the_reader_may_know(system: Arc<System>) -> anyhow::Result<()> {
    let pages = [
        ("", ""),
        ("/tokens", ""),
        ("/website", ""),
        ("/search", "editor"),
        ("/people", "owner"),
        ("/collections", "owner"),
        ("/webhooks", "owner"),
        ("/backups", "owner"),
        ("/audit", "owner"),
    ];
    for (page, role) in pages {
        let path = format!("/settings{page}");
        for language in ["en", "de"] {
            let request = system.owner.request(Method::GET, &path).header("accept-language", language);
            let shown = String::from_utf8(send(request).await?.expect(200)?.body)?;
            ensure!(shown.contains(&format!("lang=\"{language}\"")), "{path} in {language}");
        }
        system.nobody.get(&path).await?.any_problem(401)?;
        let (editor, viewer) = (system.editor.get(&path).await?, system.viewer.get(&path).await?);
        ensure!(editor.status == if role == "owner" { 403 } else { 200 }, "{path}: {editor}");
        ensure!(viewer.status == if role.is_empty() { 200 } else { 403 }, "{path}: {viewer}");
    }
    Ok(())
}
