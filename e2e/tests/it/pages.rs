//! The pages as people use them: by keyboard, without scripts, in German, on a phone, in the dark.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, ensure};
use e2e::{
    client::{Upload, send},
    pdf, words,
};
use reqwest::Method;
use serde_json::json;

use crate::{
    browser::{Browser, Look},
    harness::tests,
    system::{READY, System},
};

tests!(Shared:
    no_page_has_a_violation_that_axe_knows_of,
    the_keyboard_alone_finds_a_page_and_opens_it,
    many_files_are_sent_and_what_is_here_already_is_pointed_out,
    a_german_reader_is_spared_english,
    many_documents_are_changed_at_once_by_a_plain_form,
    a_search_that_finds_nothing_says_what_to_try,
    a_first_visit_is_light,
    every_page_has_its_picture_taken,
);

/// Every place that somebody who is signed in may open.
async fn places(system: &System) -> anyhow::Result<Vec<(&'static str, String)>> {
    let word = words::unique();
    let bytes = pdf::document(&[format!("{} {word}", words::prose(7, 60)), words::prose(8, 60)]);
    let id = system.owner.add_ready(&Upload::new("Annual report.pdf", bytes), READY).await?;
    let contact = [("name", "Ann Example"), ("email", &format!("{word}@example.org"))];
    let made = send(system.editor.request(Method::POST, "/contacts").form(&contact)).await?.expect(303)?;
    let message =
        json!({"name": "Ann Example", "email": contact[1].1, "subject": "A question", "message": words::prose(9, 60)});
    let message = system.nobody.post("/api/v1/submissions", &message).await?.expect(201)?.text_of("id")?;
    let search = json!({"name": format!("Reports {word}"), "query": {"q": word, "sort": "-created_at"}});
    system.owner.post("/api/v1/saved-searches", &search).await?.expect(201)?;
    Ok(vec![
        ("home", "/".to_owned()),
        ("results", format!("/?q={word}")),
        ("sorted", format!("/?q={word}&sort=-created_at&from=2026-01-31")),
        ("nothing", format!("/?q=nothing%20like%20{}", words::unique())),
        ("documents", "/documents".to_owned()),
        ("grid", "/documents?view=grid".to_owned()),
        ("trash", "/documents?trashed=true".to_owned()),
        ("document", format!("/documents/{id}")),
        ("inbox", "/inbox".to_owned()),
        ("contacts", "/contacts".to_owned()),
        ("contact", made.header("location").to_owned()),
        ("overview", "/overview".to_owned()),
        ("message", format!("/inbox/{message}")),
        ("import", "/contacts/import".to_owned()),
        ("settings", "/settings".to_owned()),
        ("tokens", "/settings/tokens".to_owned()),
        ("website", "/settings/website".to_owned()),
        ("index", "/settings/search".to_owned()),
        ("people", "/settings/people".to_owned()),
        ("collections", "/settings/collections".to_owned()),
        ("webhooks", "/settings/webhooks".to_owned()),
        ("backups", "/settings/backups".to_owned()),
        ("audit", "/settings/audit".to_owned()),
        ("problem", "/nothing-here".to_owned()),
        ("explained", "/problems/not-found".to_owned()),
    ])
}

async fn sign_in(browser: &Browser, system: &System) -> anyhow::Result<()> {
    browser.open(system.base()).await?;
    browser.type_into("input[name=email]", &system.owner_email).await?;
    browser.type_into("input[name=password]", &system.owner_password).await?;
    browser.click("form[action='/sign-in'] button").await?;
    browser.sees("header", &system.owner_email).await?;
    Ok(())
}

/// axe-core, as `make test` installs it, and a browser; says loudly when one is missing.
async fn no_page_has_a_violation_that_axe_knows_of(system: Arc<System>) -> anyhow::Result<()> {
    let Some(axe) = std::env::var_os("AXE").map(PathBuf::from).filter(|path| path.is_file()) else {
        eprintln!("NOTE: AXE names no axe.min.js: WHETHER THE PAGES ARE ACCESSIBLE WAS NOT TRIED");
        return Ok(());
    };
    let axe = std::fs::read_to_string(axe)?;
    let places = places(&system).await?;
    for look in [Look::default(), Look { dark: true, phone: true, plain: false }] {
        let Some(browser) = Browser::start_as(look).await? else {
            eprintln!("NOTE: chromium and chromedriver are not here: WHETHER THE PAGES ARE ACCESSIBLE WAS NOT TRIED");
            return Ok(());
        };
        browser
            .visit(async |browser| {
                browser.open(system.base()).await?;
                let mut found = violations(browser, &axe, "sign-in").await?;
                sign_in(browser, &system).await?;
                for (name, path) in &places {
                    browser.open(&format!("{}{path}", system.base())).await?;
                    found.extend(violations(browser, &axe, name).await?);
                }
                ensure!(found.is_empty(), "{look:?}:\n{}", found.join("\n"));
                browser.complaints()
            })
            .await?;
    }
    Ok(())
}

async fn violations(browser: &Browser, axe: &str, name: &str) -> anyhow::Result<Vec<String>> {
    browser.run(axe).await?;
    let found = browser
        .run_to_the_end(
            "const done = arguments[arguments.length - 1];
             for (const one of document.querySelectorAll('details')) one.open = true;
             axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
               .then((r) => done(r.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target} ${n.failureSummary}`))))
               .catch((e) => done([String(e)]));",
        )
        .await?;
    let found = found.as_array().context("axe answered no list")?;
    Ok(found.iter().filter_map(|one| one.as_str()).map(|one| format!("{name}: {one}")).collect())
}

async fn the_keyboard_alone_finds_a_page_and_opens_it(system: Arc<System>) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: THE KEYBOARD WAS NOT TRIED");
        return Ok(());
    };
    let word = words::unique();
    let bytes = pdf::document(&[words::prose(3, 40), format!("{} {word}", words::prose(4, 40))]);
    system.owner.add_ready(&Upload::new("by keyboard.pdf", bytes), READY).await?;
    browser
        .visit(async |browser| {
            sign_in(browser, &system).await?;
            browser.open(&format!("{}/documents", system.base())).await?;
            browser.press("?").await?;
            browser.sees("dialog[open] h2", "keyboard").await?;
            browser.press("\u{e00c}").await?;
            browser.gone("dialog[open]").await?;
            // From anywhere to the field, on the start page into it.
            browser.press("/").await?;
            browser.find("#q").await?;
            browser.press("/").await?;
            browser.press(&word).await?;
            browser.sees("#results li", "page 2 of 2").await?;
            browser.press("\u{e015}").await?;
            ensure!(browser.focused().await?.contains("by keyboard"), "the first result has no focus");
            browser.press("\u{e00c}").await?;
            ensure!(browser.focused().await?.is_empty(), "Escape leads back to the field");
            browser.press("\u{e015}").await?;
            browser.press("\u{e007}").await?;
            browser.sees("h2", "Page 2 of 2").await?;
            browser.complaints()
        })
        .await
}

async fn many_files_are_sent_and_what_is_here_already_is_pointed_out(system: Arc<System>) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: SENDING MANY FILES WAS NOT TRIED");
        return Ok(());
    };
    let folder = tempfile::TempDir::new()?;
    let bytes = |seed| pdf::document(&[format!("{} {}", words::prose(seed, 40), words::unique())]);
    let mut files = Vec::new();
    for number in 1..=5 {
        let file = folder.path().join(format!("file {number}.pdf"));
        std::fs::write(&file, bytes(number))?;
        files.push(file);
    }
    // The same bytes by another name, later.
    let again = folder.path().join("again.pdf");
    std::fs::copy(&files[0], &again)?;
    browser
        .visit(async |browser| {
            sign_in(browser, &system).await?;
            browser.open(&format!("{}/documents", system.base())).await?;
            let all: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
            browser.type_into("#file", &all.join("\n")).await?;
            for number in 1..=5 {
                browser.sees("#uploads li", &format!("file {number} — ready")).await?;
            }
            browser.type_into("#file", &again.to_string_lossy()).await?;
            browser.sees("#uploads li .badge", "it was here already").await?;
            browser.sees("#tray-said", "Everything is done").await?;
            browser.complaints()
        })
        .await
}

/// Every pair of the catalogue, from its source.
fn catalogue() -> anyhow::Result<Vec<(String, String)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../services/gateway/src/words");
    let mut pairs = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let source = std::fs::read_to_string(file?.path())?;
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let Some((english, german)) = line.split_once("\" / \"") else { continue };
            let start = english
                .find("= \"")
                .or_else(|| english.find("other \""))
                .map(|at| english[at..].find('"').map_or(at, |q| at + q + 1));
            let Some(start) = start else { continue };
            let german = german.split("\";").next().unwrap_or_default();
            pairs.push((english[start..].to_owned(), german.to_owned()));
        }
    }
    ensure!(pairs.len() > 200, "the catalogue was not understood: {} messages", pairs.len());
    Ok(pairs)
}

async fn a_german_reader_is_spared_english(system: Arc<System>) -> anyhow::Result<()> {
    let pairs = catalogue()?;
    let german: Vec<&str> = pairs.iter().map(|(_, german)| german.as_str()).collect();
    let plain = pairs.iter().map(|(english, _)| english.as_str()).filter(|e| !e.contains('{') && !german.contains(e));
    let plain: Vec<&str> = plain.collect();
    // What people call their collections is theirs, and nobody translates it.
    let collections = system.owner.get("/api/v1/collections").await?.expect(200)?.json()?;
    let named = |said: &str| collections["items"].as_array().is_some_and(|all| all.iter().any(|c| c["name"] == said));
    for (name, path) in places(&system).await? {
        let reply =
            system.owner.get_with(&path, &[("accept-language", "de-DE,de;q=0.9"), ("accept", "text/html")]).await?;
        let page = String::from_utf8(reply.body)?;
        ensure!(page.contains("<html lang=\"de\">"), "{name}: {page}");
        let parts: Vec<&str> = page.split(['<', '>', '"']).map(str::trim).collect();
        for (before, said) in parts.iter().zip(&parts[1..]) {
            // Names for programs are the same in every language.
            let unseen = ["value=", "name=", "class=", "id=", "for=", "labelledby="]
                .iter()
                .any(|attribute| before.ends_with(attribute));
            ensure!(unseen || !plain.contains(said) || named(said), "{name} says {said:?}");
        }
    }
    Ok(())
}

async fn many_documents_are_changed_at_once_by_a_plain_form(system: Arc<System>) -> anyhow::Result<()> {
    let tag = words::unique();
    let mut ids = Vec::new();
    for seed in 0..3 {
        let bytes = pdf::document(&[format!("{} {}", words::prose(seed, 20), words::unique())]);
        ids.push(system.owner.add_ready(&Upload::new("bulk.pdf", bytes), READY).await?);
    }
    let change = async |action: &str| {
        let mut fields: Vec<(&str, &str)> = ids.iter().map(|id| ("ids", id.as_str())).collect();
        fields.extend([("action", action), ("tag", &tag), ("back", "/documents")]);
        send(system.editor.request(Method::POST, "/documents/bulk").form(&fields)).await?.expect(303)
    };
    assert_eq!(change("tag").await?.header("location"), "/documents?done=3");
    let listed = String::from_utf8(system.editor.get(&format!("/documents?tag={tag}")).await?.expect(200)?.body)?;
    ensure!(ids.iter().all(|id| listed.contains(id)), "{listed}");
    change("trash").await?;
    let listed = String::from_utf8(system.editor.get(&format!("/documents?tag={tag}")).await?.expect(200)?.body)?;
    ensure!(!ids.iter().any(|id| listed.contains(&format!("/documents/{id}"))), "{listed}");
    let none = [("action", "trash"), ("back", "/documents")];
    let refused = system.editor.request(Method::POST, "/documents/bulk").header("accept", "text/html").form(&none);
    let refused = send(refused).await?.expect(422)?;
    ensure!(String::from_utf8(refused.body)?.contains("You have chosen no document."), "not said");
    let unasked = [("action", "trash"), ("ids", ids[0].as_str())];
    send(system.viewer.request(Method::POST, "/documents/bulk").form(&unasked)).await?.expect(403)?;
    Ok(())
}

async fn a_search_that_finds_nothing_says_what_to_try(system: Arc<System>) -> anyhow::Result<()> {
    let (one, two) = (words::unique(), words::unique());
    let reply = system.editor.query("/", &[("q", &format!("{one} {two}"))]).await?.expect(200)?;
    let page = String::from_utf8(reply.body)?;
    ensure!(page.contains("Nothing found for") && page.contains(&format!("href=\"/?q={two}\"")), "{page}");
    let taught = [("word", one.as_str()), ("other", &two)];
    let reply = send(system.editor.request(Method::POST, "/overview/synonyms").form(&taught)).await?.expect(303)?;
    assert_eq!(reply.header("location"), format!("/overview?taught={one}"));
    let synonyms = system.editor.get("/api/v1/index/synonyms").await?.expect(200)?;
    ensure!(String::from_utf8(synonyms.body)?.contains(&two), "it was not taught");
    Ok(())
}

/// What a first visit of the page that is shown has brought: bytes of all but pictures, bytes of pictures.
const BROUGHT: &str = "
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const sum = (some) => some.reduce((bytes, one) => bytes + one.transferSize, 0);
    const [pictures, rest] = [true, false].map((of) => all.filter((one) => one.name.includes('/picture?') === of));
    return [sum(rest), sum(pictures), rest.length];";

/// From the first letter to the first result, in milliseconds.
const UNTIL_FOUND: &str = "
    const [word, done] = [document.body.dataset.word, arguments[arguments.length - 1]];
    const field = document.getElementById('q');
    const results = document.getElementById('results');
    const began = performance.now();
    new MutationObserver(() => { if (results.querySelector('a[data-rank]')) done(performance.now() - began); })
      .observe(results, { childList: true, subtree: true });
    field.value = word;
    field.dispatchEvent(new Event('input', { bubbles: true }));";

async fn a_first_visit_is_light(system: Arc<System>) -> anyhow::Result<()> {
    let asset = system.owner.get("/").await?.expect(200)?.body;
    let asset = String::from_utf8(asset)?;
    let assets =
        asset.split('"').filter(|part| part.starts_with("/assets/")).collect::<std::collections::BTreeSet<_>>();
    ensure!(assets.len() > 3, "{assets:?}");
    for asset in assets {
        let reply = system.owner.get(asset).await?.expect(200)?;
        ensure!(reply.header("cache-control").contains("immutable"), "{asset} is not kept");
    }
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: HOW HEAVY THE PAGES ARE WAS NOT TRIED");
        return Ok(());
    };
    let places = places(&system).await?;
    let word = places.iter().find_map(|(_, path)| path.strip_prefix("/?q=")).context("no word")?.to_owned();
    browser
        .visit(async |browser| {
            sign_in(browser, &system).await?;
            for (name, path) in &places {
                browser.forget_files().await?;
                browser.open(&format!("{}{path}", system.base())).await?;
                let brought: Vec<u64> = serde_json::from_value(browser.run(BROUGHT).await?)?;
                eprintln!(
                    "A first visit of {name} brings {} bytes by {} requests, and {} of pictures.",
                    brought[0], brought[2], brought[1]
                );
                ensure!(brought[0] > 5_000 && brought[0] < 100_000, "{name}: {brought:?}");
            }
            for _ in 0..3 {
                browser.open(system.base()).await?;
                browser.run(&format!("document.body.dataset.word = '{word}'")).await?;
                let took = browser.run_to_the_end(UNTIL_FOUND).await?;
                eprintln!("The first result was there {took} ms after the first letter.");
            }
            Ok(())
        })
        .await
}

/// For people to look at: `make screenshots`.
async fn every_page_has_its_picture_taken(system: Arc<System>) -> anyhow::Result<()> {
    let Some(folder) = std::env::var_os("SCREENSHOTS").map(PathBuf::from) else { return Ok(()) };
    std::fs::create_dir_all(&folder)?;
    let places = places(&system).await?;
    let look = |phone, dark| Look { dark, phone, plain: false };
    let kinds = [
        ("desktop-light", look(false, false), "en"),
        ("desktop-dark", look(false, true), "en"),
        ("phone-light", look(true, false), "en"),
        ("phone-dark", look(true, true), "en"),
        ("desktop-german", look(false, false), "de"),
        ("phone-german", look(true, false), "de"),
    ];
    for (kind, look, language) in kinds {
        let Some(browser) = Browser::start_as(look).await? else {
            anyhow::bail!("chromium and chromedriver are needed to take pictures")
        };
        browser
            .visit(async |browser| {
                browser.open(system.base()).await?;
                browser.click(&format!(".bottom button[lang={language}]")).await?;
                browser.find(&format!("html[lang={language}]")).await?;
                std::fs::write(folder.join(format!("sign-in-{kind}.png")), browser.picture().await?)?;
                sign_in(browser, &system).await?;
                for (name, path) in &places {
                    browser.open(&format!("{}{path}", system.base())).await?;
                    std::fs::write(folder.join(format!("{name}-{kind}.png")), browser.picture().await?)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(())
}
