//! The web page, in a browser and without one.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, eventually, send},
    pdf, words,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};

use crate::{
    browser::Browser,
    harness::tests,
    system::{READY, System},
};

tests!(Shared:
    a_person_signs_in_chooses_a_file_and_finds_the_page_it_is_on,
    everything_works_by_plain_forms_too,
    a_wrong_password_is_told_in_the_page,
);

async fn a_person_signs_in_chooses_a_file_and_finds_the_page_it_is_on(system: Arc<System>) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: THE WEB PAGE WAS NOT TRIED IN A BROWSER");
        return Ok(());
    };
    let folder = tempfile::TempDir::new()?;
    let (file, word) = (folder.path().join("dropped letter.pdf"), words::unique());
    std::fs::write(&file, pdf::document(&[words::prose(1, 40), format!("{} {word}", words::prose(2, 40))]))?;
    browser
        .visit(async |browser| {
            browser.open(system.base()).await?;
            browser.type_into("input[name=email]", &system.owner_email).await?;
            browser.type_into("input[name=password]", &system.owner_password).await?;
            browser.click("form[action='/sign-in'] button").await?;
            browser.sees("header", &system.owner_email).await?;

            browser.type_into("#upload input[type=file]", &file.to_string_lossy()).await?;
            browser.sees("#uploads li", "dropped letter").await?;
            browser.sees("#uploads li", "— ready").await?;

            // Typing is enough; nothing is submitted.
            browser.type_into("input[name=q]", &words::misspelt(&word)).await?;
            let hit = browser.sees("#results li", "page 2 of 2").await?;
            ensure!(hit.text().await?.contains("dropped letter"), "another document");
            browser.sees("#results mark", &word).await?;
            browser.click("#results li a").await?;
            browser.sees("h2", "Page 2 of 2").await?;
            browser.sees("pre", &word).await?;
            browser.sees("#state", "Ready, 2 pages").await?;
            let address = browser.address().await?;
            ensure!(address.contains("/documents/") && address.ends_with("page=2"), "{address}");
            browser.complaints()
        })
        .await
}

/// A browser without scripts: forms, a cookie, redirects.
async fn everything_works_by_plain_forms_too(system: Arc<System>) -> anyhow::Result<()> {
    let visitor = &system.nobody;
    let home = String::from_utf8(visitor.get("/").await?.expect(200)?.body)?;
    ensure!(home.contains("action=\"/sign-in\"") && !home.contains("action=\"/upload\""), "{home}");
    let fields = [("email", system.owner_email.as_str()), ("password", system.owner_password.as_str())];
    let signed_in = send(visitor.request(Method::POST, "/sign-in").form(&fields)).await?.expect(303)?;
    assert_eq!(signed_in.header("location"), "/");
    let person = visitor.with_session(&signed_in.cookie()?);
    let home = String::from_utf8(person.get("/").await?.expect(200)?.body)?;
    ensure!(home.contains(&system.owner_email) && home.contains("action=\"/upload\""), "{home}");

    let word = words::unique();
    let bytes = pdf::document(&[words::prose(2, 40), format!("{} {word}", words::prose(4, 40))]);
    let part = Part::bytes(bytes).file_name("plain form.pdf").mime_str("application/pdf")?;
    let request = person.request(Method::POST, "/upload").multipart(Form::new().part("file", part));
    let uploaded = send(request).await?.expect(303)?;
    let document = uploaded.header("location").to_owned();
    ensure!(document.starts_with("/documents/"), "{document}");
    let id = document.rsplit('/').next().unwrap_or_default();
    person.wait_ready(id, READY).await?;
    let shown = String::from_utf8(person.get(&format!("{document}?page=2")).await?.expect(200)?.body)?;
    ensure!(shown.contains(&word) && shown.contains("Page 2 of 2"), "{shown}");

    let found = async || {
        let results = String::from_utf8(person.query("/", &[("q", &words::misspelt(&word))]).await?.expect(200)?.body)?;
        ensure!(results.contains(&format!("{document}?page=2")), "{results}");
        Ok(())
    };
    eventually(READY, "found", found).await?;
    inline_nothing(&shown)?;

    let out = send(person.request(Method::POST, "/sign-out")).await?.expect(303)?;
    ensure!(out.header("set-cookie").contains("Max-Age=0"), "{:?}", out.headers);
    person.get(&format!("/api/v1/documents/{id}")).await?.any_problem(404)?;
    Ok(())
}

/// The content security policy would refuse it.
fn inline_nothing(html: &str) -> anyhow::Result<()> {
    for inline in ["<style", "style=", "onclick=", "onload=", "javascript:", "<script>"] {
        ensure!(!html.contains(inline), "{inline} in {html}");
    }
    Ok(())
}

async fn a_wrong_password_is_told_in_the_page(system: Arc<System>) -> anyhow::Result<()> {
    let fields = [("email", system.owner_email.as_str()), ("password", "not the password")];
    let visitor = Client::anonymous(system.base())?;
    let request = visitor.request(Method::POST, "/sign-in").header("accept", "text/html").form(&fields);
    let reply = send(request).await?.expect(401)?;
    let html = String::from_utf8(reply.body.clone()).context("a page")?;
    ensure!(html.contains("role=\"alert\"") && html.contains("action=\"/sign-in\""), "{html}");
    ensure!(reply.header("set-cookie").is_empty(), "{:?}", reply.headers);
    Ok(())
}
