//! Links for people without an account: to read one document, and to hand in documents.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Reply, Upload, eventually, send},
    pdf, words,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    harness::tests,
    system::{READY, System, sha256},
};

tests!(Shared:
    a_share_shows_one_document_to_whoever_has_the_link_and_nothing_else,
    a_share_shows_how_the_first_page_looks_to_whoever_may_read_it,
    a_share_with_a_password_shows_nothing_before_it,
    a_share_ends_by_time_by_hand_and_with_what_its_maker_may_see,
    only_who_may_change_the_document_shares_it,
    what_is_handed_in_is_read_and_linked_to_the_contact,
    an_upload_link_takes_no_more_than_it_was_made_for,
    a_document_is_shared_and_another_handed_in_by_a_browser_without_scripts,
);

const PAGE: (&str, &str) = ("accept", "text/html");

async fn document(system: &System, text: &str) -> anyhow::Result<String> {
    system.editor.add(&Upload::new("Offer 2026.txt", text.to_owned()).field("title", "The offer")).await
}

/// A link and its id; the path as whoever has it asks for it.
async fn share(client: &Client, document: &str, body: Value) -> anyhow::Result<(String, String)> {
    let made = client.post(&format!("/api/v1/documents/{document}/shares"), &body).await?.expect(201)?;
    Ok((path(client, &made)?, made.text_of("id")?))
}

fn path(client: &Client, made: &Reply) -> anyhow::Result<String> {
    let url = made.text_of("url")?;
    Ok(url.strip_prefix(client.base()).with_context(|| url.clone())?.to_owned())
}

fn html(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

async fn gone(system: &System, link: &str) -> anyhow::Result<()> {
    let page = system.nobody.get_with(link, &[PAGE]).await?.expect(404)?;
    ensure!(html(&page).contains("This link leads nowhere"), "{page}");
    system.nobody.get(&format!("{link}/content")).await?.expect(404)?;
    Ok(())
}

async fn a_share_shows_one_document_to_whoever_has_the_link_and_nothing_else(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let text = format!("<script>alert(1)</script> {}", words::unique());
    let id = document(&system, &text).await?;
    let (link, share_id) = share(&system.editor, &id, json!({})).await?;
    let page = system.nobody.get_with(&link, &[PAGE]).await?.expect(200)?;
    ensure!(html(&page).contains("The offer") && html(&page).contains("Offer 2026.txt"), "{page}");
    for (name, value) in
        [("x-robots-tag", "noindex, nofollow"), ("referrer-policy", "no-referrer"), ("cache-control", "no-store")]
    {
        ensure!(page.header(name) == value, "{name} is {:?}", page.header(name));
    }
    let whole = system.nobody.get(&format!("{link}/content")).await?.expect(200)?;
    ensure!(whole.body == text.as_bytes(), "other bytes: {whole}");
    ensure!(whole.header("content-disposition").starts_with("attachment"), "{:?}", whole.headers);
    ensure!(whole.header("content-security-policy").starts_with("sandbox"), "{:?}", whole.headers);
    ensure!(whole.header("cache-control") == "no-store", "{:?}", whole.headers);
    ensure!(whole.header("x-robots-tag").starts_with("noindex"), "{:?}", whole.headers);
    let part = system.nobody.get_with(&format!("{link}/content"), &[("range", "bytes=1-6")]).await?.expect(206)?;
    ensure!(part.body == b"script", "{part}");
    // Who has the link has nothing else.
    system.nobody.get(&format!("/api/v1/documents/{id}")).await?.problem(404, "not-found")?;

    let listed = system.editor.get(&format!("/api/v1/documents/{id}/shares")).await?.expect(200)?;
    let listed = listed.json()?["items"][0].clone();
    assert_eq!((&listed["id"], &listed["views"], &listed["downloads"]), (&json!(share_id), &json!(1), &json!(1)));
    ensure!(listed.get("url").is_none() && listed["last_used_at"].is_string(), "{listed}");
    let audit = system.owner.query("/api/v1/audit", &[("limit", "200")]).await?.expect(200)?.json()?;
    let of_it =
        audit["items"].as_array().context("items")?.iter().filter(|entry| entry["subject"] == share_id.as_str());
    let actions: Vec<&str> = of_it.filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["share.downloaded", "share.opened", "share.created"]);

    // The newest, or always the same.
    let (pinned, _) = share(&system.editor, &id, json!({"version": 1})).await?;
    let newer = Upload::new("Offer 2027.txt", words::unique());
    system.editor.upload_to(&format!("/api/v1/documents/{id}/versions"), &newer).await?.expect(201)?;
    ensure!(system.nobody.get(&format!("{link}/content")).await?.expect(200)?.body == newer.bytes, "not the newest");
    ensure!(
        system.nobody.get(&format!("{pinned}/content")).await?.expect(200)?.body == text.as_bytes(),
        "not the first"
    );
    let bad = json!({"version": 7});
    system.editor.post(&format!("/api/v1/documents/{id}/shares"), &bad).await?.problem(422, "unprocessable")?;
    Ok(())
}

async fn a_share_shows_how_the_first_page_looks_to_whoever_may_read_it(system: Arc<System>) -> anyhow::Result<()> {
    let id = system.editor.add(&Upload::new("offer.pdf", pdf::document(&[words::unique()]))).await?;
    let (link, share_id) = share(&system.editor, &id, json!({})).await?;
    let page = system.nobody.get_with(&link, &[PAGE]).await?.expect(200)?;
    ensure!(html(&page).contains(&format!("src=\"{link}/picture\"")), "{page}");
    let picture = system.nobody.get(&format!("{link}/picture")).await?.expect(200)?;
    ensure!(picture.header("content-type").starts_with("image/"), "{:?}", picture.headers);
    ensure!(picture.header("content-security-policy").starts_with("sandbox"), "{:?}", picture.headers);
    ensure!(picture.header("cache-control") == "no-store", "{:?}", picture.headers);
    ensure!(picture.header("x-robots-tag").starts_with("noindex"), "{:?}", picture.headers);
    // Looking at the picture is no other use.
    let listed = system.editor.get(&format!("/api/v1/documents/{id}/shares")).await?.expect(200)?.json()?;
    assert_eq!((&listed["items"][0]["views"], &listed["items"][0]["downloads"]), (&json!(1), &json!(0)), "{listed}");
    // What has no picture shows none, and behind a password there is none yet.
    let text = document(&system, &words::unique()).await?;
    let (plain, _) = share(&system.editor, &text, json!({})).await?;
    let page = system.nobody.get_with(&plain, &[PAGE]).await?.expect(200)?;
    ensure!(!html(&page).contains("/picture"), "{page}");
    system.nobody.get(&format!("{plain}/picture")).await?.expect(404)?;
    let (locked, _) = share(&system.editor, &id, json!({"password": words::unique()})).await?;
    system.nobody.get(&format!("{locked}/picture")).await?.expect(403)?;
    system.editor.delete(&format!("/api/v1/shares/{share_id}")).await?.expect(204)?;
    system.nobody.get(&format!("{link}/picture")).await?.expect(404)?;
    Ok(())
}

async fn a_share_with_a_password_shows_nothing_before_it(system: Arc<System>) -> anyhow::Result<()> {
    let id = document(&system, &words::unique()).await?;
    let password = words::unique();
    let (link, _) = share(&system.editor, &id, json!({"password": password})).await?;
    let short = json!({"password": "short"});
    system.editor.post(&format!("/api/v1/documents/{id}/shares"), &short).await?.problem(400, "invalid")?;
    let page = system.nobody.get_with(&link, &[PAGE]).await?.expect(200)?;
    ensure!(html(&page).contains("type=\"password\"") && !html(&page).contains("The offer"), "{page}");
    system.nobody.get(&format!("{link}/content")).await?.expect(403)?;
    let give = async |link: &str, password: &str| {
        let form = system.nobody.request(Method::POST, link).header("accept", "text/html");
        send(form.form(&[("password", password)])).await
    };
    let wrong = give(&link, "not the password").await?.expect(403)?;
    ensure!(html(&wrong).contains("role=\"alert\"") && wrong.header("set-cookie").is_empty(), "{wrong}");
    let opened = give(&link, &password).await?.expect(303)?;
    let cookie = opened.header("set-cookie").to_owned();
    ensure!(cookie.contains("HttpOnly") && cookie.contains(&format!("Path={link}")), "{cookie}");
    let cookie = cookie.split(';').next().unwrap_or_default();
    let page = system.nobody.get_with(&link, &[PAGE, ("cookie", cookie)]).await?.expect(200)?;
    ensure!(html(&page).contains("The offer"), "{page}");
    system.nobody.get_with(&format!("{link}/content"), &[("cookie", cookie)]).await?.expect(200)?;
    // Good for this link only.
    let (other, _) = share(&system.editor, &id, json!({"password": password})).await?;
    let page = system.nobody.get_with(&other, &[PAGE, ("cookie", cookie)]).await?.expect(200)?;
    ensure!(html(&page).contains("type=\"password\""), "{page}");
    give(&format!("/s/{}", words::unique()), &password).await?.expect(404)?;
    Ok(())
}

async fn a_share_ends_by_time_by_hand_and_with_what_its_maker_may_see(system: Arc<System>) -> anyhow::Result<()> {
    let id = document(&system, &words::unique()).await?;
    let one = format!("/api/v1/documents/{id}");
    gone(&system, &format!("/s/{}", words::unique())).await?;

    let soon = (Timestamp::now() + SignedDuration::from_secs(2)).to_string();
    let (link, _) = share(&system.editor, &id, json!({"expires_at": soon})).await?;
    system.nobody.get(&link).await?.expect(200)?;
    eventually(Duration::from_secs(15), "expired", async || gone(&system, &link).await).await?;
    let past = json!({"expires_at": "2020-01-01T00:00:00Z"});
    system.editor.post(&format!("{one}/shares"), &past).await?.problem(422, "unprocessable")?;

    let (link, share_id) = share(&system.editor, &id, json!({})).await?;
    system.viewer.delete(&format!("/api/v1/shares/{share_id}")).await?.problem(403, "forbidden")?;
    system.editor.delete(&format!("/api/v1/shares/{share_id}")).await?.expect(204)?;
    gone(&system, &link).await?;

    let (maker, maker_id) = system.person("editor").await?;
    let (link, _) = share(&maker, &id, json!({})).await?;
    system.nobody.get(&link).await?.expect(200)?;
    let (closed, open) = (system.collection("restricted").await?, system.collection("internal").await?);
    system.owner.patch(&one, &json!({"collection_id": closed}), None).await?.expect(200)?;
    gone(&system, &link).await?;
    system.owner.patch(&one, &json!({"collection_id": open}), None).await?.expect(200)?;
    system.nobody.get(&link).await?.expect(200)?;
    system.owner.delete(&one).await?.expect(204)?;
    gone(&system, &link).await?;
    system.editor.post(&format!("{one}/shares"), &json!({})).await?.problem(409, "in-trash")?;
    system.owner.post_empty(&format!("{one}/restore")).await?.expect(200)?;
    system.nobody.get(&link).await?.expect(200)?;

    let person = format!("/api/v1/users/{maker_id}");
    system.owner.patch(&person, &json!({"role": "viewer"}), None).await?.expect(200)?;
    gone(&system, &link).await?;
    system.owner.patch(&person, &json!({"role": "editor", "disabled": true}), None).await?.expect(200)?;
    gone(&system, &link).await?;
    system.owner.patch(&person, &json!({"disabled": false}), None).await?.expect(200)?;
    system.nobody.get(&link).await?.expect(200)?;
    system.owner.delete(&person).await?.expect(204)?;
    gone(&system, &link).await
}

async fn only_who_may_change_the_document_shares_it(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("restricted").await?;
    let upload = Upload::new("secret.txt", words::unique()).field("collection_id", &*collection);
    let id = system.owner.add(&upload).await?;
    let shares = format!("/api/v1/documents/{id}/shares");
    system.nobody.post(&shares, &json!({})).await?.problem(401, "unauthenticated")?;
    system.viewer.post(&shares, &json!({})).await?.problem(403, "forbidden")?;
    system.editor.post(&shares, &json!({})).await?.problem(404, "not-found")?;
    let (link, share_id) = share(&system.owner, &id, json!({})).await?;
    system.nobody.get(&link).await?.expect(200)?;
    system.editor.get(&shares).await?.problem(404, "not-found")?;
    system.editor.delete(&format!("/api/v1/shares/{share_id}")).await?.problem(404, "not-found")?;
    // The same key answers the same link.
    let key = [("idempotency-key", "one and only".replace(' ', "-"))];
    let key: Vec<(&str, &str)> = key.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let first = system.owner.post_with(&shares, &json!({}), &key).await?.expect(201)?;
    let again = system.owner.post_with(&shares, &json!({}), &key).await?.expect(201)?;
    assert_eq!(first.text_of("url")?, again.text_of("url")?);
    Ok(())
}

async fn contact(system: &System) -> anyhow::Result<String> {
    let body = json!({"name": "Handy Sender", "email": format!("{}@example.org", words::unique())});
    system.editor.post("/api/v1/contacts", &body).await?.expect(201)?.text_of("id")
}

async fn upload_link(system: &System, contact: &str, body: Value) -> anyhow::Result<(String, String)> {
    let made = system.editor.post(&format!("/api/v1/contacts/{contact}/upload-links"), &body).await?.expect(201)?;
    Ok((path(&system.editor, &made)?, made.text_of("id")?))
}

/// A form as a browser sends it.
async fn hand_in(system: &System, link: &str, once: &str, files: &[(&str, Vec<u8>)]) -> anyhow::Result<Reply> {
    let mut form = Form::new().text("once", once.to_owned());
    for (name, bytes) in files {
        form = form.part("file", Part::bytes(bytes.clone()).file_name((*name).to_owned()));
    }
    send(system.nobody.request(Method::POST, link).header("accept", "text/html").multipart(form)).await
}

/// As many documents as are linked to the contact, once they have been read.
async fn linked(system: &System, contact: &str, count: usize) -> anyhow::Result<Vec<Value>> {
    let look = async || {
        let found = system.owner.get(&format!("/api/v1/contacts/{contact}/documents")).await?.expect(200)?.json()?;
        let items = found["items"].as_array().context("items")?.clone();
        ensure!(items.len() == count, "{found}");
        Ok(items)
    };
    eventually(READY, "linked", look).await
}

async fn what_is_handed_in_is_read_and_linked_to_the_contact(system: Arc<System>) -> anyhow::Result<()> {
    let (contact, collection) = (contact(&system).await?, system.collection("internal").await?);
    let note = format!("Your papers of {}", words::unique());
    let (link, id) = upload_link(&system, &contact, json!({"note": note, "collection_id": collection})).await?;
    let page = system.nobody.get_with(&link, &[PAGE]).await?.expect(200)?;
    ensure!(html(&page).contains(&note) && html(&page).contains("Somebody asks you"), "{page}");
    ensure!(page.header("referrer-policy") == "no-referrer", "{:?}", page.headers);

    let (first, second) = (words::unique().into_bytes(), words::unique().into_bytes());
    let files =
        [("one.txt", first.clone()), ("two.txt", second.clone()), ("bad.exe", b"MZ\x90\0\x03\0\0\0\x04".to_vec())];
    let once = uuid::Uuid::new_v4().to_string();
    let receipt = hand_in(&system, &link, &once, &files).await?.expect(201)?;
    for bytes in [&first, &second] {
        ensure!(html(&receipt).contains(&sha256(bytes)), "{receipt}");
    }
    ensure!(html(&receipt).contains("bad.exe") && html(&receipt).contains("role=\"alert\""), "{receipt}");
    // Sent twice, it is taken once, and the receipt is the same.
    let again = hand_in(&system, &link, &once, &files).await?.expect(201)?;
    ensure!(html(&again).contains(&sha256(&first)), "{again}");

    let documents = linked(&system, &contact, 2).await?;
    for document in &documents {
        assert_eq!((&document["state"], &document["collection_id"]), (&json!("confirmed"), &json!(collection)));
        system.viewer.wait_ready(document["document_id"].as_str().context("an id")?, READY).await?;
    }
    let listed = system.editor.get(&format!("/api/v1/contacts/{contact}/upload-links")).await?.expect(200)?.json()?;
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["files"]), (&json!(id), &json!(2)), "{listed}");
    system.viewer.get(&format!("/api/v1/contacts/{contact}/upload-links")).await?.problem(403, "forbidden")?;

    // The contact turns out to be another one: the link leads there.
    let other = self::contact(&system).await?;
    let merge = json!({"into": other});
    system.editor.post(&format!("/api/v1/contacts/{contact}/merge"), &merge).await?.expect(200)?;
    let third = [("three.txt", words::unique().into_bytes())];
    hand_in(&system, &link, &uuid::Uuid::new_v4().to_string(), &third).await?.expect(201)?;
    linked(&system, &other, 3).await?;
    let listed = system.editor.get(&format!("/api/v1/contacts/{other}/upload-links")).await?.expect(200)?.json()?;
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["contact_id"]), (&json!(id), &json!(other)), "{listed}");

    system.editor.delete(&format!("/api/v1/upload-links/{id}")).await?.expect(204)?;
    system.nobody.get(&link).await?.expect(404)?;
    hand_in(&system, &link, &once, &files).await?.expect(404)?;
    Ok(())
}

async fn an_upload_link_takes_no_more_than_it_was_made_for(system: Arc<System>) -> anyhow::Result<()> {
    let contact = contact(&system).await?;
    let (link, _) = upload_link(&system, &contact, json!({"max_files": 1})).await?;
    let file = |name| (name, words::unique().into_bytes());
    let once = uuid::Uuid::new_v4().to_string();
    let empty = hand_in(&system, &link, &once, &[]).await?.expect(400)?;
    ensure!(html(&empty).contains("role=\"alert\""), "{empty}");
    let both = hand_in(&system, &link, &once, &[file("a.txt"), file("b.txt")]).await?.expect(201)?;
    ensure!(html(&both).contains("Not taken"), "{both}");
    let page = system.nobody.get_with(&link, &[PAGE]).await?.expect(200)?;
    ensure!(
        html(&page).contains("All files have been handed in") && !html(&page).contains("<input type=\"file\""),
        "{page}"
    );
    hand_in(&system, &link, &uuid::Uuid::new_v4().to_string(), &[file("c.txt")]).await?.expect(409)?;

    let links = format!("/api/v1/contacts/{contact}/upload-links");
    for bad in [json!({"max_files": 0}), json!({"max_files": 1000}), json!({"note": "a\u{7}"})] {
        system.editor.post(&links, &bad).await?.problem(400, "invalid")?;
    }
    system.editor.post(&links, &json!({"expires_at": "2099-01-01T00:00:00Z"})).await?.problem(422, "unprocessable")?;
    system.editor.post(&links, &json!({"collection_id": uuid::Uuid::now_v7()})).await?.problem(404, "not-found")?;
    // Whose contact is gone has no link.
    let (link, _) = upload_link(&system, &contact, json!({})).await?;
    system.nobody.get(&link).await?.expect(200)?;
    system.editor.delete(&format!("/api/v1/contacts/{contact}")).await?.expect(204)?;
    system.nobody.get(&link).await?.expect(404)?;
    Ok(())
}

async fn a_document_is_shared_and_another_handed_in_by_a_browser_without_scripts(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let Some(browser) = Browser::start_plain().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: LINKS WERE NOT TRIED IN A BROWSER");
        return Ok(());
    };
    let (word, password) = (words::unique(), words::unique());
    let (id, contact) = (document(&system, &word).await?, contact(&system).await?);
    let folder = tempfile::TempDir::new()?;
    let (first, second) = (folder.path().join("first paper.txt"), folder.path().join("second paper.txt"));
    std::fs::write(&first, words::unique())?;
    std::fs::write(&second, words::unique())?;
    let text = async |browser: &Browser, css: &str| anyhow::Ok(browser.find(css).await?.text().await?);
    browser
        .visit(async |browser| {
            browser.open(system.base()).await?;
            browser.type_into("input[name=email]", &system.owner_email).await?;
            browser.type_into("input[name=password]", &system.owner_password).await?;
            browser.click("form[action='/sign-in'] button").await?;
            browser.find("form[action='/sign-out']").await?;

            browser.open(&format!("{}/documents/{id}", system.base())).await?;
            browser.click("section[aria-labelledby=share] summary").await?;
            browser.type_into("#share-password", &password).await?;
            browser.click(&format!("form[action='/documents/{id}/shares'] button")).await?;
            let link = text(browser, "#link").await?;
            browser.open(&link).await?;
            browser.type_into("input[name=password]", "not the password").await?;
            browser.click("main button.primary").await?;
            browser.sees("p.notice", "The password is wrong").await?;
            browser.type_into("input[name=password]", &password).await?;
            browser.click("main button.primary").await?;
            browser.sees("h1", "The offer").await?;
            browser.find("a[href$='/content']").await?;

            browser.open(&format!("{}/contacts/{contact}", system.base())).await?;
            browser.click("section[aria-labelledby=ask] summary").await?;
            browser.type_into("#ask-note", "Both papers, please").await?;
            browser.click(&format!("form[action='/contacts/{contact}/upload-links'] button")).await?;
            let link = text(browser, "#link").await?;
            browser.open(&link).await?;
            browser.sees("main", "Both papers, please").await?;
            let both = format!("{}\n{}", first.display(), second.display());
            browser.type_into("#files", &both).await?;
            browser.click("#hand-in button").await?;
            browser.sees("#receipt", "first paper.txt").await?;
            browser.sees("#receipt", "second paper.txt").await?;
            browser.complaints()
        })
        .await?;
    linked(&system, &contact, 2).await.map(drop)
}
