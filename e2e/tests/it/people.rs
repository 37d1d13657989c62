//! Inbox and contacts as people use them: in a browser with scripts, and by plain forms without; and the
//! calls of the API behind them.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Reply, Upload, send},
    words,
};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    harness::tests,
    system::{READY, System},
};

tests!(Shared:
    two_contacts_become_one_and_two_again_by_the_api,
    a_timeline_has_messages_changes_and_documents,
    an_address_book_comes_in_once_and_goes_out_again,
    contacts_are_merged_with_a_preview_and_parted_in_a_browser,
    an_address_book_is_previewed_and_imported_in_a_browser,
    a_message_is_read_archived_and_marked_as_spam_in_a_browser,
    contacts_are_found_while_one_types,
    without_scripts_everything_is_done_by_plain_forms,
);

const CONTACTS: &str = "/api/v1/contacts";

async fn contact(system: &System, name: &str, more: Value) -> anyhow::Result<(String, String)> {
    let email = format!("{}@example.org", words::unique());
    let mut body = json!({"name": name, "email": email});
    body.as_object_mut().context("an object")?.extend(more.as_object().cloned().unwrap_or_default());
    Ok((system.editor.post(CONTACTS, &body).await?.expect(201)?.text_of("id")?, email))
}

async fn message(system: &System, name: &str, email: &str, subject: &str) -> anyhow::Result<String> {
    let body = json!({"name": name, "email": email, "subject": subject, "message": "Good morning"});
    system.nobody.post("/api/v1/submissions", &body).await?.expect(201)?.text_of("id")
}

async fn html(client: &Client, path: &str) -> anyhow::Result<String> {
    Ok(String::from_utf8(client.get(path).await?.expect(200)?.body)?)
}

async fn form(client: &Client, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Reply> {
    send(client.request(Method::POST, path).header("accept", "text/html").form(fields)).await
}

/// A session in a browser, or a note that there was none.
async fn in_a_browser(
    system: &System,
    session: impl AsyncFnOnce(&Browser) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: THE PAGES WERE NOT TRIED IN A BROWSER");
        return Ok(());
    };
    let visit = async |browser: &Browser| {
        browser.open(system.base()).await?;
        browser.type_into("input[name=email]", &system.owner_email).await?;
        browser.type_into("input[name=password]", &system.owner_password).await?;
        browser.click("form[action='/sign-in'] button").await?;
        browser.sees("header", &system.owner_email).await?;
        session(browser).await?;
        browser.complaints()
    };
    browser.visit(visit).await
}

async fn two_contacts_become_one_and_two_again_by_the_api(system: Arc<System>) -> anyhow::Result<()> {
    let (target, _) = contact(&system, "Ann Target", json!({"tags": ["a"]})).await?;
    let (source, old) = contact(&system, "Ann Source", json!({"tags": ["b"], "phone": "+41 1"})).await?;
    let sent = message(&system, "Ann", &old, "before").await?;
    let (merge, body) = (format!("{CONTACTS}/{source}/merge"), json!({"into": target}));

    system.viewer.post(&merge, &body).await?.problem(403, "forbidden")?;
    let tried = system.editor.post(&format!("{merge}?dry_run=true"), &body).await?.expect(200)?.json()?;
    assert_eq!((&tried["id"], &tried["merged_at"], &tried["submissions"]), (&Value::Null, &Value::Null, &json!(1)));
    assert_eq!(tried["contact"]["tags"], json!(["a", "b"]));
    assert_eq!(tried["taken"], json!({"fields": ["phone"], "tags": ["b"], "metadata": []}));
    system.viewer.get(&format!("{CONTACTS}/{source}")).await?.expect(200)?;

    let key = [("idempotency-key", &*words::unique())].map(|(name, key)| (name, key.to_owned()));
    let keyed: Vec<_> = key.iter().map(|(name, key)| (*name, key.as_str())).collect();
    let done = system.editor.post_with(&merge, &body, &keyed).await?.expect(200)?.json()?;
    let id = done["id"].as_str().context("a merge")?.to_owned();
    system.viewer.get(&format!("{CONTACTS}/{source}")).await?.problem(404, "not-found")?;
    let kept = system.viewer.get(&format!("/api/v1/submissions/{sent}")).await?.expect(200)?.json()?;
    assert_eq!(kept["contact_id"], target);
    let again = system.editor.post_with(&merge, &body, &keyed).await?.expect(200)?;
    assert_eq!((again.header("idempotency-replayed"), &again.json()?), ("true", &done));

    let timeline = system.viewer.get(&format!("{CONTACTS}/{target}/timeline")).await?.expect(200)?.json()?;
    let change = &timeline["items"][0]["change"];
    assert_eq!((&change["action"], &change["merge"]["id"]), (&json!("merge"), &json!(id)), "{timeline}");
    assert_eq!(change["merge"]["in_force"], true);

    let undo = format!("{CONTACTS}/merges/{id}/undo");
    system.viewer.post_empty(&undo).await?.problem(403, "forbidden")?;
    let undone = system.editor.post_empty(&undo).await?.expect(200)?.json()?;
    assert_eq!((&undone["restored"]["id"], &undone["contact"]["tags"]), (&json!(source), &json!(["a"])));
    assert_eq!(system.editor.post_empty(&undo).await?.expect(200)?.json()?["undone_at"], undone["undone_at"]);
    let kept = system.viewer.get(&format!("/api/v1/submissions/{sent}")).await?.expect(200)?.json()?;
    assert_eq!(kept["contact_id"], source);

    let second = system.editor.post(&merge, &body).await?.expect(200)?.text_of("id")?;
    system.editor.delete(&format!("{CONTACTS}/{target}")).await?.expect(204)?;
    system.editor.post_empty(&format!("{CONTACTS}/merges/{second}/undo")).await?.problem(409, "merge-gone")?;
    Ok(())
}

async fn a_timeline_has_messages_changes_and_documents(system: Arc<System>) -> anyhow::Result<()> {
    let (target, _) = contact(&system, "Tim Line", json!({})).await?;
    let (source, old) = contact(&system, "Tim L.", json!({})).await?;
    message(&system, "Tim", &old, "hello").await?;
    let upload = Upload::new("letter.txt", format!("{} Write to {old} again.", words::prose(7, 30)));
    let document = system.editor.add(&upload).await?;
    system.editor.wait_ready(&document, READY).await?;
    system.editor.post(&format!("{CONTACTS}/{source}/merge"), &json!({"into": target})).await?.expect(200)?;

    let (mut kinds, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", "2")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = system.viewer.query(&format!("{CONTACTS}/{target}/timeline"), &query).await?.expect(200)?.json()?;
        for item in page["items"].as_array().context("items")? {
            let kind = item["kind"].as_str().context("a kind")?;
            kinds.push(item["change"]["action"].as_str().unwrap_or(kind).to_owned());
            if kind == "document" {
                assert_eq!(item["document"]["document_id"], document, "the old address is its own, too");
            }
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        ensure!(kinds.len() <= 5, "{kinds:?}");
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(kinds, ["merge", "document", "submission", "create", "create"]);
    system.viewer.query(&format!("{CONTACTS}/{target}/timeline"), &[("cursor", "x!")]).await?.any_problem(422)?;
    system.viewer.get(&format!("{CONTACTS}/{source}/timeline")).await?.problem(404, "not-found")?;
    Ok(())
}

fn cards(word: &str) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann {word}\r\nEMAIL;TYPE=INTERNET:{word}@a.ch\r\nTEL:+41 1\r\n\
         NOTE:one\\ntwo\r\n  and three\r\nCATEGORIES:vip\r\nEND:VCARD\r\n\
         BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Nobody {word}\r\nTEL:1\r\nEND:VCARD\r\n"
    )
}

async fn an_address_book_comes_in_once_and_goes_out_again(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let import = async |dry_run: bool| -> anyhow::Result<Value> {
        let path = format!("{CONTACTS}/import?dry_run={dry_run}");
        let request =
            system.editor.request(Method::POST, &path).header("content-type", "text/vcard").body(cards(&word));
        send(request).await?.expect(200)?.json()
    };
    let numbers = |done: &Value| ["created", "unchanged", "refused"].map(|field| done[field].as_u64().unwrap_or(99));
    let tried = import(true).await?;
    assert_eq!((numbers(&tried), &tried["rows"][0]["contact_id"]), ([1, 0, 1], &Value::Null));
    ensure!(tried["rows"][1]["detail"].as_str().is_some_and(|detail| detail.contains("email")), "{tried}");
    assert_eq!(numbers(&import(false).await?), [1, 0, 1]);
    assert_eq!(numbers(&import(false).await?), [0, 1, 1]);
    let reply = system.viewer.get(&format!("{CONTACTS}/export?format=vcard")).await?.expect(200)?;
    ensure!(reply.header("content-type").starts_with("text/vcard"), "{reply}");
    let file = String::from_utf8(reply.body)?;
    let card = file.split("BEGIN:VCARD").find(|card| card.contains(&word)).context("no card")?;
    for line in ["VERSION:4.0", &format!("FN:Ann {word}"), "TEL:+41 1", "CATEGORIES:vip", "NOTE:one\\ntwo and three"] {
        ensure!(card.contains(&format!("\r\n{line}\r\n")), "{line} is not in {card}");
    }
    let other = system.editor.request(Method::POST, &format!("{CONTACTS}/import"));
    send(other.header("content-type", "text/plain").body("x")).await?.problem(415, "unsupported-media-type")?;
    Ok(())
}

async fn contacts_are_merged_with_a_preview_and_parted_in_a_browser(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let (target, _) = contact(&system, &format!("Bea {word}"), json!({"company": "Harbour Ltd"})).await?;
    let (source, old) = contact(&system, &format!("B. {word}"), json!({"phone": "+41 77"})).await?;
    message(&system, "Bea", &old, "Order 12").await?;
    in_a_browser(&system, async |browser| {
        browser.open(&format!("{}/contacts/{source}", system.base())).await?;
        browser.sees(".timeline", "Order 12").await?;
        browser.click(&format!("a[href='/contacts/{source}/merge']")).await?;
        // Who is called alike is there at once, and others while one types.
        let field = browser.find("#q").await?;
        field.clear().await?;
        field.send_keys(&format!("Bea {word}")).await?;
        browser.click(&format!("#found a[href$='into={target}']")).await?;
        browser.sees("table", "+41 77").await?;
        browser.sees("table", &format!("from B. {word}")).await?;
        browser.sees("main", "One message moves with it.").await?;
        browser.click("#merge button").await?;
        browser.sees(".told", "They are one contact now.").await?;
        browser.sees(".timeline", "Order 12").await?;
        browser.sees(".timeline", "was merged into this contact").await?;
        browser.click(".told form button").await?;
        browser.sees(".told", "two contacts again").await?;
        browser.click(".told a").await?;
        browser.sees("h1", &format!("B. {word}")).await?;
        browser.sees(".timeline", "Order 12").await?;
        Ok(())
    })
    .await
}

async fn an_address_book_is_previewed_and_imported_in_a_browser(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("people.vcf");
    std::fs::write(&file, cards(&word))?;
    in_a_browser(&system, async |browser| {
        browser.open(&format!("{}/contacts/import", system.base())).await?;
        browser.type_into("#file", &file.to_string_lossy()).await?;
        browser.click("form[enctype] button").await?;
        browser.sees("h1", "What would happen").await?;
        browser.sees("tbody tr:nth-child(1)", "new").await?;
        browser.sees("tbody tr:nth-child(2)", "refused").await?;
        let found = system.viewer.query(CONTACTS, &[("q", &word)]).await?.expect(200)?.json()?;
        assert_eq!(found["items"], json!([]), "nothing has happened");
        browser.click("#import button").await?;
        browser.sees("h1", "Imported").await?;
        browser.click("tbody tr:nth-child(1) a").await?;
        browser.sees("h1", &format!("Ann {word}")).await?;
        browser.sees("dl", "one\ntwo and three").await?;
        Ok(())
    })
    .await
}

async fn a_message_is_read_archived_and_marked_as_spam_in_a_browser(system: Arc<System>) -> anyhow::Result<()> {
    let (name, word) = (words::unique(), words::unique());
    let id = message(&system, &name, &format!("{name}@example.org"), &word).await?;
    let status = async || -> anyhow::Result<String> {
        system.viewer.get(&format!("/api/v1/submissions/{id}")).await?.expect(200)?.text_of("status")
    };
    in_a_browser(&system, async |browser| {
        let inbox = format!("{}/inbox", system.base());
        browser.open(&format!("{inbox}?status=new&q={word}")).await?;
        browser.click(&format!(".unread a[href='/inbox/{id}']")).await?;
        // Opening it is reading it.
        browser.sees("#message .badge", "Read").await?;
        assert_eq!(status().await?, "read");
        let mail = browser.find("a.button.primary").await?.attr("href").await?.unwrap_or_default();
        assert_eq!(mail, format!("mailto:{name}%40example.org?subject=Re%3A%20{word}"));

        browser.open(&format!("{inbox}?status=read&q={word}")).await?;
        browser.click(&format!("input[value='{id}']")).await?;
        browser.click("#chosen button[value=archived]").await?;
        browser.sees(".told", "One message is archived.").await?;
        assert_eq!(status().await?, "archived");
        browser.open(&format!("{inbox}?status=archived&q={word}")).await?;
        browser.click("#all").await?;
        browser.click("#chosen button[value=spam]").await?;
        browser.sees(".told", "One message is in spam.").await?;
        assert_eq!(status().await?, "spam");
        browser.open(&format!("{inbox}/{id}")).await?;
        browser.click("button[value=new]").await?;
        browser.sees(".told", "new again").await?;
        assert_eq!(status().await?, "new");
        Ok(())
    })
    .await
}

async fn contacts_are_found_while_one_types(system: Arc<System>) -> anyhow::Result<()> {
    let (word, tag) = (words::unique(), words::unique());
    let (id, _) = contact(&system, &format!("Typ {word}"), json!({"tags": [tag]})).await?;
    in_a_browser(&system, async |browser| {
        browser.open(&format!("{}/contacts", system.base())).await?;
        browser.type_into("#q", &words::misspelt(&word)).await?;
        browser.sees("#found", "One contact.").await?;
        let address = browser.address().await?;
        ensure!(address.contains("/contacts?q="), "{address}");
        browser.find(&format!("#found a[href='/contacts/{id}']")).await?;
        browser.click(&format!("#found a[href='/contacts?tag={tag}']")).await?;
        browser.sees("#found", &format!("With the tag “{tag}”.")).await?;
        browser.type_into("#q", &words::unique()).await?;
        browser.sees("#found", "Nobody is called that.").await?;
        Ok(())
    })
    .await
}

async fn without_scripts_everything_is_done_by_plain_forms(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let (target, _) = contact(&system, &format!("Cleo {word}"), json!({})).await?;
    let (source, old) = contact(&system, &format!("Cleo {word}"), json!({})).await?;
    let sent = message(&system, &word, &old, &word).await?;
    let person = &system.editor;

    // The inbox: bulk, and one by one.
    let list = html(person, &format!("/inbox?q={word}")).await?;
    ensure!(list.contains(&format!("href=\"/inbox/{sent}\"")) && list.contains(&format!("value=\"{sent}\"")), "{list}");
    ensure!(!html(&system.viewer, &format!("/inbox?q={word}")).await?.contains("name=\"id\""), "a viewer may choose");
    let moved =
        form(person, "/inbox", &[("back", "new"), ("q", ""), ("id", &sent), ("status", "read")]).await?.expect(303)?;
    assert_eq!(moved.header("location"), "/inbox?status=new&done=read&moved=1");
    ensure!(html(person, moved.header("location")).await?.contains("One message is marked as read."), "nothing said");
    form(&system.viewer, "/inbox", &[("id", &sent), ("status", "spam")]).await?.expect(403)?;
    form(person, &format!("/inbox/{sent}"), &[("back", "read"), ("status", "spam")]).await?.expect(303)?;
    ensure!(html(person, "/inbox?status=spam").await?.contains(&word), "not in spam");

    // Merging: who is called alike, the preview, the deed, the undoing.
    let alike = html(person, &format!("/contacts/{source}/merge")).await?;
    ensure!(alike.contains(&format!("/contacts/{source}/merge?into={target}")), "{alike}");
    let preview = html(person, &format!("/contacts/{source}/merge?into={target}")).await?;
    ensure!(preview.contains("One message moves with it.") && preview.contains(&old), "{preview}");
    html(person, &format!("/contacts/{source}")).await?;
    let merged = form(person, &format!("/contacts/{source}/merge"), &[("into", &target)]).await?.expect(303)?;
    let shown = html(person, merged.header("location")).await?;
    let undo = shown
        .split("action=\"")
        .find_map(|rest| rest.split_once('"').map(|(path, _)| path).filter(|path| path.ends_with("/undo")));
    let undone = form(person, undo.context("no way back")?, &[]).await?.expect(303)?;
    assert_eq!(undone.header("location"), format!("/contacts/{target}?undone={source}"));
    html(person, &format!("/contacts/{source}")).await?;

    // An import, in German, with a row that is refused.
    let file = Part::text(format!("name,email\nZoe {word},{word}@z.ch\nBad,nowhere\n")).file_name("a.csv");
    let request = person.request(Method::POST, "/contacts/import").header("accept-language", "de");
    let preview = send(request.multipart(Form::new().part("file", file).text("text", ""))).await?.expect(200)?;
    let preview = String::from_utf8(preview.body)?;
    ensure!(
        preview.contains("Was geschehen würde") && preview.contains("E-Mail-Adresse: ist keine E-Mail-Adresse."),
        "{preview}"
    );
    let rows = preview.split("hidden>").nth(1).and_then(|rest| rest.split_once("</textarea>")).context("no rows")?.0;
    let rows = rows.replace("&quot;", "\"").replace("&amp;", "&");
    let done = String::from_utf8(form(person, "/contacts/import", &[("rows", &rows)]).await?.expect(200)?.body)?;
    ensure!(done.contains("Imported") && done.contains("One is new."), "{done}");
    let again = String::from_utf8(form(person, "/contacts/import", &[("rows", &rows)]).await?.expect(200)?.body)?;
    ensure!(again.contains("One stays as it is."), "{again}");
    form(person, "/contacts/import", &[("rows", "nonsense")]).await?.expect(400)?;
    form(&system.viewer, "/contacts/import", &[("rows", &rows)]).await?.expect(403)?;
    Ok(())
}
