//! Whole journeys in a real browser: files from the desktop, uploads that are paused, the first minutes of
//! an empty system, searches that are kept, the overview, another language, and all of it without scripts.

use std::{path::Path, sync::Arc};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload},
    pdf, words,
};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    harness::tests,
    system::{READY, System, sha256},
};

tests!(Shared:
    files_and_a_folder_are_dropped_from_the_desktop,
    uploads_are_paused_cancelled_and_sent_again,
    a_search_is_sorted_saved_and_found_again,
    the_overview_draws_the_days_that_are_asked_for,
    the_language_is_switched_and_the_time_is_ones_own,
    an_ordinary_day_works_without_scripts,
);

/// Those that need a system for themselves.
pub(crate) mod alone {
    use super::{Arc, System, first_minutes, tests};

    tests!(Alone: an_empty_system_leads_to_the_first_document_and_the_first_message);

    async fn an_empty_system_leads_to_the_first_document_and_the_first_message(_: Arc<System>) -> anyhow::Result<()> {
        let system = System::start("empty").await?;
        let outcome = first_minutes(&system).await;
        system.finish(outcome.is_err()).await;
        outcome
    }
}

/// Somebody who may do everything, and whose settings nobody else needs.
struct Person {
    email: String,
    password: String,
}

impl Person {
    async fn new(system: &System, role: &str) -> anyhow::Result<Self> {
        let (email, password) = (format!("{}@example.org", words::unique()), format!("{} phrase", words::unique()));
        let person = json!({"email": email, "name": "Ann", "role": role, "password": password});
        system.owner.post("/api/v1/users", &person).await?.expect(201)?;
        Ok(Self { email, password })
    }

    async fn sign_in(&self, browser: &Browser, system: &System) -> anyhow::Result<()> {
        browser.open(system.base()).await?;
        browser.type_into("input[name=email]", &self.email).await?;
        browser.type_into("input[name=password]", &self.password).await?;
        browser.click("form[action='/sign-in'] button").await?;
        browser.sees("header .who", &self.email).await.map(drop)
    }
}

/// In a browser, signed in as somebody new; says loudly when there is none.
async fn in_a_browser(
    system: &System,
    browser: Option<Browser>,
    session: impl AsyncFnOnce(&Browser) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(browser) = browser else {
        eprintln!("NOTE: chromium and chromedriver are not here: A JOURNEY WAS NOT TRIED IN A BROWSER");
        return Ok(());
    };
    let person = Person::new(system, "editor").await?;
    browser
        .visit(async |browser| {
            person.sign_in(browser, system).await?;
            session(browser).await?;
            browser.complaints()
        })
        .await
}

fn paper() -> Vec<u8> {
    pdf::document(&[format!("{} {}", words::prose(3, 40), words::unique())])
}

fn write(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = paper();
    std::fs::write(path, &bytes)?;
    Ok(bytes)
}

async fn is_here(client: &Client, bytes: &[u8]) -> anyhow::Result<bool> {
    let asked = client.head(&format!("/api/v1/documents?sha256={}", sha256(bytes))).await?;
    Ok(asked.status == 204)
}

async fn files_and_a_folder_are_dropped_from_the_desktop(system: Arc<System>) -> anyhow::Result<()> {
    let folder = tempfile::TempDir::new()?;
    let (single, papers) = (folder.path().join("single.pdf"), folder.path().join("papers"));
    std::fs::create_dir_all(papers.join("inner"))?;
    let mut sent = vec![write(&single)?];
    for name in ["first.pdf", "second.pdf", "inner/third.pdf"] {
        sent.push(write(&papers.join(name))?);
    }
    in_a_browser(&system, Browser::start().await?, async |browser| {
        // Anywhere: this page has no form for files.
        browser.open(&format!("{}/inbox", system.base())).await?;
        browser.drop_files(&[&single, &papers]).await?;
        for name in ["single", "first", "second", "third"] {
            browser.sees("#uploads li", &format!("{name} — ready")).await?;
        }
        browser.sees("#tray-said", "Everything is done").await?;
        for bytes in &sent {
            ensure!(is_here(&system.editor, bytes).await?, "one is missing");
        }
        Ok(())
    })
    .await
}

async fn uploads_are_paused_cancelled_and_sent_again(system: Arc<System>) -> anyhow::Result<()> {
    let folder = tempfile::TempDir::new()?;
    let file = |name: &str| folder.path().join(name);
    let large = format!("{} {}", words::unique(), words::prose(5, 300_000)).into_bytes();
    std::fs::write(file("large.txt"), &large)?;
    write(&file("held.pdf"))?;
    write(&file("broken.pdf"))?;
    in_a_browser(&system, Browser::start().await?, async |browser| {
        browser.open(&format!("{}/documents", system.base())).await?;
        let add = async |name: &str| browser.type_into("#file", &file(name).to_string_lossy()).await;
        browser.send_slowly(Some(20_000)).await?;
        add("large.txt").await?;
        browser.sees("#uploads li", "sending").await?;
        browser.click("[data-pause]").await?;
        add("held.pdf").await?;
        browser.sees("#uploads li", "held.pdf — paused").await?;
        browser.click("[aria-label='Cancel: large.txt']").await?;
        browser.sees("#uploads li", "large.txt — cancelled").await?;
        browser.send_slowly(None).await?;
        browser.sees("[data-pause]", "Go on").await?;
        browser.click("[data-pause]").await?;
        browser.sees("#uploads li", "held — ready").await?;
        ensure!(!is_here(&system.editor, &large).await?, "what was cancelled arrived");

        browser.disconnect(true).await?;
        add("broken.pdf").await?;
        browser.sees("#uploads li", "cannot be reached").await?;
        browser.disconnect(false).await?;
        browser.click("[aria-label='Retry: broken.pdf']").await?;
        browser.sees("#uploads li", "broken — ready").await?;
        browser.click("[data-clear]").await?;
        browser.gone("#uploads li").await
    })
    .await
}

async fn a_search_is_sorted_saved_and_found_again(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    // The older one says it more often, and so matches better.
    let texts = [format!("{word} {word} {word}"), format!("{} {word} {}", words::prose(1, 40), words::prose(2, 40))];
    for (title, text) in ["older", "newer"].into_iter().zip(texts) {
        system.owner.add_ready(&Upload::new(&format!("{title}.pdf"), pdf::document(&[text])), READY).await?;
    }
    in_a_browser(&system, Browser::start().await?, async |browser| {
        browser.open(&format!("{}/?q={word}", system.base())).await?;
        browser.sees(".hits li:nth-child(2)", "newer").await?;
        browser.click(".order a:nth-child(2)").await?;
        browser.sees(".order [aria-current]", "Newest first").await?;
        browser.sees(".hits li:nth-child(1)", "newer").await?;
        browser.click(".order a:nth-child(3)").await?;
        browser.sees(".hits li:nth-child(1)", "older").await?;
        // It stays while other words are looked for.
        browser.find("#search input[name=sort][value=created_at]").await?;

        browser.click(".save summary").await?;
        browser.type_into("#search-name", " old ones").await?;
        browser.click(".save button").await?;
        browser.sees(".saved li", &format!("{word} old ones")).await?;
        browser.click(".saved a").await?;
        browser.sees(".hits li:nth-child(1)", "older").await?;
        browser.sees(".order [aria-current]", "Oldest first").await?;
        browser.open(system.base()).await?;
        browser.click(".saved button").await?;
        browser.find("#newest").await?;
        browser.gone(".saved").await
    })
    .await
}

async fn the_overview_draws_the_days_that_are_asked_for(system: Arc<System>) -> anyhow::Result<()> {
    system.editor.add(&Upload::new("today.pdf", paper())).await?;
    in_a_browser(&system, Browser::start().await?, async |browser| {
        browser.open(&format!("{}/overview", system.base())).await?;
        browser.sees("[aria-current=page]", "30 days").await?;
        for (days, said) in [(7, "7 days"), (90, "90 days")] {
            browser.click(&format!("a[href='/overview?days={days}']")).await?;
            browser.sees("nav.tabs [aria-current=page]", said).await?;
            let drawn = "return [document.querySelectorAll('.plots svg.plot[role=img]').length, \
                         document.querySelectorAll('.scroll tbody tr').length]";
            assert_eq!(browser.run(drawn).await?, json!([6, days]));
        }
        let today = browser.run("return document.querySelector('.scroll tbody tr').children[3].textContent").await?;
        ensure!(today.as_str().is_some_and(|added| added != "0"), "today's document is missing: {today}");
        // As wide as a place has room for, and no wider.
        let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.run(fits).await?, Value::from(true));
        Ok(())
    })
    .await
}

async fn the_language_is_switched_and_the_time_is_ones_own(system: Arc<System>) -> anyhow::Result<()> {
    let language = "return document.documentElement.lang";
    in_a_browser(&system, Browser::start().await?, async |browser| {
        browser.open(&format!("{}/documents", system.base())).await?;
        browser.click(".bottom button[lang=de]").await?;
        browser.sees("h1", "Dokumente").await?;
        ensure!(browser.address().await?.ends_with("/documents"), "elsewhere");
        assert_eq!(browser.run(language).await?, "de");

        // What the settings say holds everywhere, and is said later than the switch.
        browser.open(&format!("{}/settings", system.base())).await?;
        browser.click("#profile-language option[value=en]").await?;
        browser.click("#profile-zone option[value='Asia/Tokyo']").await?;
        browser.click("form[action='/settings/profile'] button").await?;
        browser.sees("h2", "Profile").await?;
        assert_eq!(browser.run(language).await?, "en");
        let told = "const time = document.querySelector('#sessions + table time');
                    const there = new Date(Date.parse(time.dateTime) + 9 * 3600e3);
                    const minutes = (text) => text.match(/(\\d+):(\\d\\d)/);
                    const [, hour, minute] = minutes(time.textContent);
                    return there.getUTCHours() % 12 === hour % 12 && there.getUTCMinutes() === Number(minute)";
        assert_eq!(browser.run(told).await?, Value::from(true));
        Ok(())
    })
    .await
}

async fn an_ordinary_day_works_without_scripts(system: Arc<System>) -> anyhow::Result<()> {
    let (word, folder) = (words::unique(), tempfile::TempDir::new()?);
    let file = folder.path().join("by form.pdf");
    std::fs::write(&file, pdf::document(&[words::prose(6, 40), format!("{} {word}", words::prose(7, 40))]))?;
    let Some(browser) = Browser::start_plain().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: A DAY WITHOUT SCRIPTS WAS NOT TRIED");
        return Ok(());
    };
    let person = Person::new(&system, "editor").await?;
    browser
        .visit(async |browser| {
            person.sign_in(browser, &system).await?;
            browser.open(&format!("{}/documents", system.base())).await?;
            browser.type_into("#file", &file.to_string_lossy()).await?;
            browser.click("#upload button[type=submit]").await?;
            browser.sees("h1", "by form").await?;
            let address = browser.address().await?;
            let id = address.rsplit('/').next().context("an id")?.to_owned();
            system.editor.wait_ready(&id, READY).await?;
            system.found(&system.editor, &word, &id).await?;

            browser.open(system.base()).await?;
            browser.type_into("#q", &word).await?;
            browser.click("#search button").await?;
            browser.sees(".hits li", "page 2 of 2").await?;
            browser.click(".order a:nth-child(2)").await?;
            browser.sees(".order [aria-current]", "Newest first").await?;
            browser.click(".save summary").await?;
            browser.click(".save button").await?;
            browser.sees(".saved li", &word).await?;
            browser.click(".saved a").await?;
            browser.click(".hits li div a").await?;
            browser.sees("h2", "Page 2 of 2").await?;
            browser.sees("pre", &word).await?;

            browser.open(&format!("{}/contacts", system.base())).await?;
            browser.sees("h1", "Contacts").await?;
            browser.open(&format!("{}/inbox", system.base())).await?;
            browser.click(".bottom button[lang=de]").await?;
            browser.sees("h1", "Posteingang").await?;
            browser.complaints()
        })
        .await
}

async fn first_minutes(system: &System) -> anyhow::Result<()> {
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("the very first.pdf");
    write(&file)?;
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: THE FIRST MINUTES WERE NOT TRIED");
        return Ok(());
    };
    let owner = Person { email: system.owner_email.clone(), password: system.owner_password.clone() };
    browser
        .visit(async |browser| {
            owner.sign_in(browser, system).await?;
            browser.sees("#welcome", "Welcome").await?;
            browser.type_into(".guide #file", &file.to_string_lossy()).await?;
            browser.sees("#uploads li", "the very first — ready").await?;
            browser.open(system.base()).await?;
            browser.sees(".guide li:nth-child(1) h3", "done").await?;
            browser.sees("#snippet", "/api/v1/submissions").await?;
            browser.click("#trial button").await?;
            browser.sees("h1", "Inbox").await?;
            browser.sees("main", "This is a trial of my contact form").await?;
            browser.open(system.base()).await?;
            browser.sees("article.document", "the very first").await?;
            browser.gone(".guide").await?;
            browser.complaints()
        })
        .await
}
