//! The pages of the back office: inbox, contacts, documents, overview, settings; by plain forms, and
//! in a browser that reports whatever a page's policy refuses.

use std::sync::Arc;

use anyhow::ensure;
use e2e::{
    client::{Client, Reply, Upload, send},
    words,
};
use reqwest::Method;
use serde_json::json;

use crate::{
    browser::Browser,
    harness::tests,
    system::{READY, System},
};

tests!(Shared:
    a_message_is_read_answered_and_archived,
    a_contact_is_added_changed_and_removed_by_forms,
    what_a_form_got_wrong_is_told_beside_it,
    contacts_come_in_from_a_table_once_and_go_out_again,
    a_document_goes_to_the_trash_and_comes_back,
    who_may_only_read_sees_no_form_that_changes_anything,
    a_key_is_made_shown_once_and_revoked,
    every_page_and_the_description_of_the_api_work_in_a_browser,
);

async fn html(client: &Client, path: &str) -> anyhow::Result<String> {
    Ok(String::from_utf8(client.get(path).await?.expect(200)?.body)?)
}

async fn post(client: &Client, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Reply> {
    let form = client.request(Method::POST, path).header("accept", "text/html").form(fields);
    send(form).await
}

async fn a_message_is_read_answered_and_archived(system: Arc<System>) -> anyhow::Result<()> {
    let (name, word) = (words::unique(), words::unique());
    let email = format!("{name}@example.org");
    let message =
        json!({"name": name, "email": email, "subject": "A question", "message": format!("{word} <b>bold</b>")});
    let id = system.nobody.post("/api/v1/submissions", &message).await?.expect(201)?.text_of("id")?;
    let inbox = html(&system.editor, "/inbox").await?;
    ensure!(inbox.contains(&word) && inbox.contains("&lt;b&gt;bold") && !inbox.contains("<b>bold"), "{inbox}");
    let shown = html(&system.editor, &format!("/inbox/{id}")).await?;
    ensure!(shown.contains(&format!("mailto:{name}%40example.org?subject=Re%3A%20A%20question")), "{shown}");
    ensure!(shown.contains("&lt;b&gt;bold") && !shown.contains("<b>bold"), "{shown}");

    let done =
        post(&system.editor, &format!("/inbox/{id}"), &[("back", "new"), ("status", "archived")]).await?.expect(303)?;
    assert_eq!(done.header("location"), "/inbox?status=new&done=archived&moved=1");
    ensure!(!html(&system.editor, "/inbox").await?.contains(&word), "it is still new");
    ensure!(html(&system.editor, "/inbox?status=archived").await?.contains(&word), "it is not archived");
    let contact = system.editor.query("/api/v1/contacts", &[("q", &email)]).await?.expect(200)?.json()?;
    let contact = contact["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    ensure!(html(&system.editor, &format!("/contacts/{contact}")).await?.contains(&word), "not with its contact");
    Ok(())
}

async fn a_contact_is_added_changed_and_removed_by_forms(system: Arc<System>) -> anyhow::Result<()> {
    let name = words::unique();
    let email = format!("{name}@example.org");
    let fields = [
        ("name", name.as_str()),
        ("email", &email),
        ("phone", ""),
        ("company", "Weber & Söhne"),
        ("tags", "vip, press"),
    ];
    let made = post(&system.editor, "/contacts", &fields).await?.expect(303)?;
    let path = made.header("location").to_owned();
    let shown = html(&system.editor, &path).await?;
    ensure!(shown.contains("Weber &amp; Söhne") && shown.contains("/contacts?tag=press"), "{shown}");
    ensure!(html(&system.viewer, &format!("/contacts?q={name}")).await?.contains(&path), "not in the list");

    let fields =
        [("name", name.as_str()), ("email", &email), ("phone", "030 1234"), ("company", ""), ("tags", "press")];
    post(&system.editor, &path, &fields).await?.expect(303)?;
    let shown = html(&system.editor, &path).await?;
    ensure!(shown.contains("030 1234") && !shown.contains("Weber") && !shown.contains("tag=vip"), "{shown}");
    post(&system.editor, &format!("{path}/remove"), &[]).await?.expect(303)?;
    send(system.editor.request(Method::GET, &path)).await?.expect(404)?;
    Ok(())
}

async fn what_a_form_got_wrong_is_told_beside_it(system: Arc<System>) -> anyhow::Result<()> {
    let name = words::unique();
    let email = format!("{name}@example.org");
    let fields = [("name", name.as_str()), ("email", &email), ("phone", ""), ("company", ""), ("tags", "")];
    post(&system.editor, "/contacts", &fields).await?.expect(303)?;
    let twice = post(&system.editor, "/contacts", &fields).await?.expect(409)?;
    let shown = String::from_utf8(twice.body)?;
    ensure!(shown.contains("role=\"alert\"") && shown.contains(&format!("value=\"{email}\"")), "{shown}");
    let user = [("email", "nobody"), ("name", ""), ("role", "viewer")];
    let refused = post(&system.owner, "/settings/people", &user).await?.expect(400)?;
    ensure!(String::from_utf8(refused.body)?.contains("role=\"alert\""), "nothing was told");
    Ok(())
}

async fn contacts_come_in_from_a_table_once_and_go_out_again(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let table = format!("Name;E-Mail;Telefon;Ort\r\n=Ann {word};{word}@a.ch;'+41 1;Bern\r\nBo;nowhere;;\r\n");
    let import = async |dry_run: bool| -> anyhow::Result<Vec<u64>> {
        let path = format!("/api/v1/contacts/import?dry_run={dry_run}");
        let request = system.editor.request(Method::POST, &path).header("content-type", "text/csv").body(table.clone());
        let done = send(request).await?.expect(200)?.json()?;
        Ok(["created", "updated", "unchanged", "refused"].iter().filter_map(|field| done[field].as_u64()).collect())
    };
    assert_eq!(import(true).await?, [1, 0, 0, 1]);
    assert_eq!(import(false).await?, [1, 0, 0, 1]);
    assert_eq!(import(false).await?, [0, 0, 1, 1]);
    let csv = String::from_utf8(system.viewer.get("/api/v1/contacts/export").await?.expect(200)?.body)?;
    let line = csv.lines().find(|line| line.contains(&word)).unwrap_or_default();
    ensure!(line.contains(&format!(",'=Ann {word},{word}@a.ch,'+41 1,")) && line.contains("Bern"), "{line}");
    let lines = String::from_utf8(system.viewer.get("/api/v1/contacts/export?format=ndjson").await?.expect(200)?.body)?;
    let contact = lines.lines().find(|line| line.contains(&word)).unwrap_or_default();
    let contact: serde_json::Value = serde_json::from_str(contact)?;
    ensure!(contact["name"] == format!("=Ann {word}") && contact["metadata"]["Ort"] == "Bern", "{contact}");
    Ok(())
}

async fn a_document_goes_to_the_trash_and_comes_back(system: Arc<System>) -> anyhow::Result<()> {
    let (title, tag) = (words::unique(), words::unique());
    let upload = Upload::new("a.txt", words::prose(3, 40)).field("title", &title).field("tags", &tag);
    let id = system.editor.add_ready(&upload, READY).await?;
    let (listed, trashed) = (format!("/documents?tag={tag}"), format!("/documents?trashed=true&tag={tag}"));
    ensure!(html(&system.editor, &listed).await?.contains(&title), "it is not listed");
    post(&system.editor, &format!("/documents/{id}/trash"), &[]).await?.expect(303)?;
    ensure!(!html(&system.editor, &listed).await?.contains(&title), "it is still listed");
    ensure!(html(&system.editor, &trashed).await?.contains(&title), "it is not in the trash");
    ensure!(
        html(&system.editor, &format!("/documents/{id}")).await?.contains("In the trash since"),
        "it does not say so"
    );
    post(&system.editor, &format!("/documents/{id}/restore"), &[]).await?.expect(303)?;
    ensure!(html(&system.editor, &listed).await?.contains(&title), "it did not come back");
    Ok(())
}

async fn who_may_only_read_sees_no_form_that_changes_anything(system: Arc<System>) -> anyhow::Result<()> {
    let name = words::unique();
    let contact = json!({"name": name, "email": format!("{name}@example.org")});
    let contact = system.editor.post("/api/v1/contacts", &contact).await?.expect(201)?.text_of("id")?;
    let document = system.editor.add_ready(&Upload::new("a.txt", words::prose(5, 30)), READY).await?;
    for path in
        ["/inbox", "/contacts", &format!("/contacts/{contact}"), "/documents", &format!("/documents/{document}")]
    {
        let shown = html(&system.viewer, path).await?;
        let forms = shown.matches("method=\"post\"").count();
        // Signing out, and choosing a language.
        let harmless = shown.contains("action=\"/sign-out\"") && shown.contains("action=\"/language\"");
        ensure!(forms == 2 && harmless, "{path} has {forms} forms");
        system.nobody.get_with(path, &[("accept", "text/html")]).await.and_then(|reply| {
            ensure!(path.starts_with("/documents") || reply.status == 401, "{path} is open: {reply}");
            Ok(())
        })?;
    }
    post(&system.viewer, &format!("/contacts/{contact}/remove"), &[]).await?.expect(403)?;
    post(&system.viewer, &format!("/documents/{document}/trash"), &[]).await?.expect(403)?;
    ensure!(!html(&system.viewer, "/settings").await?.contains("/settings/people"), "a viewer may add people");
    ensure!(html(&system.viewer, "/overview").await?.contains("Every part of the system answers"), "something is away");
    Ok(())
}

async fn a_key_is_made_shown_once_and_revoked(system: Arc<System>) -> anyhow::Result<()> {
    let (person, _) = system.person("viewer").await?;
    let made = post(&person, "/settings/tokens", &[("name", "the printer"), ("scope", "read"), ("days", "30")])
        .await?
        .expect(201)?;
    let shown = String::from_utf8(made.body)?;
    let key = shown.split("dsr_").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
    let program = person.with_token(&format!("dsr_{key}"));
    program.get("/api/v1/documents").await?.expect(200)?;
    let settings = html(&person, "/settings/tokens").await?;
    ensure!(settings.contains("the printer") && !settings.contains(key), "the key is shown again");
    let tokens = person.get("/api/v1/tokens").await?.expect(200)?.json()?;
    let printer =
        tokens["items"].as_array().and_then(|items| items.iter().find(|t| t["name"] == "the printer").cloned());
    let id = printer.and_then(|t| t["id"].as_str().map(str::to_owned)).unwrap_or_default();
    post(&person, &format!("/settings/tokens/{id}"), &[]).await?.expect(303)?;
    program.get("/api/v1/documents").await?.any_problem(401)?;
    Ok(())
}

async fn every_page_and_the_description_of_the_api_work_in_a_browser(system: Arc<System>) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: THE PAGES WERE NOT TRIED IN A BROWSER");
        return Ok(());
    };
    browser
        .visit(async |browser| {
            browser.open(system.base()).await?;
            browser.type_into("input[name=email]", &system.owner_email).await?;
            browser.type_into("input[name=password]", &system.owner_password).await?;
            browser.click("form[action='/sign-in'] button").await?;
            browser.sees("header", &system.owner_email).await?;
            for (place, title) in
                [("/documents", "Documents"), ("/inbox", "Inbox"), ("/contacts", "Contacts"), ("/overview", "Overview")]
            {
                browser.click(&format!("header nav a[href='{place}']")).await?;
                browser.sees("h1", title).await?;
                browser.sees("header [aria-current]", title).await?;
            }
            browser.click(".account summary").await?;
            browser.click(".account a[href='/settings']").await?;
            browser.sees("h1", "Settings").await?;
            browser.click("nav.tabs a[href='/settings/website']").await?;
            browser.sees("#snippet", "/api/v1/submissions").await?;
            browser.open(&format!("{}/api/docs", system.base())).await?;
            browser.sees("#swagger-ui .opblock-summary", "/api/v1/").await?;
            browser.complaints()
        })
        .await
}
