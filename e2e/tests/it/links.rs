//! Contacts and the documents that name them.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload, send},
    words,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::tests,
    system::{READY, System},
};

tests!(Shared:
    a_letter_is_linked_to_whom_it_names_and_peoples_word_stays,
    a_link_is_confirmed_and_refused_on_the_pages,
);

async fn contact(system: &System, name: &str) -> anyhow::Result<String> {
    let body = json!({"name": name, "email": format!("{}@example.org", words::unique()), "phone": "+49 30 1234567"});
    system.editor.post("/api/v1/contacts", &body).await?.expect(201)?.text_of("id")
}

/// A page that does not matter, and one with the text.
async fn letter(system: &System, text: &str) -> anyhow::Result<String> {
    let upload = Upload::new("letter.txt", format!("{}\u{c}{text}", words::prose(7, 30)));
    let id = system.editor.add(&upload).await?;
    system.editor.wait_ready(&id, READY).await?;
    Ok(id)
}

async fn links(client: &Client, path: &str) -> anyhow::Result<Vec<Value>> {
    let found = client.get(&format!("/api/v1{path}")).await?.expect(200)?.json()?;
    Ok(found["items"].as_array().context("items")?.clone())
}

async fn a_letter_is_linked_to_whom_it_names_and_peoples_word_stays(system: Arc<System>) -> anyhow::Result<()> {
    let name = format!("Ann {}", words::unique());
    let contact = contact(&system, &name).await?;
    let document = letter(&system, &format!("To {name}: your letter has come.")).await?;
    let (documents, contacts) = (format!("/contacts/{contact}/documents"), format!("/documents/{document}/contacts"));

    let found = links(&system.viewer, &documents).await?;
    let link = found.first().context("a link")?;
    assert_eq!((&link["document_id"], &link["state"]), (&json!(document), &json!("suggested")), "{link}");
    let evidence = &link["evidence"][0];
    assert_eq!((&evidence["kind"], &evidence["page"]), (&json!("name"), &json!(2)), "{link}");
    ensure!(evidence["snippet"].as_str().is_some_and(|s| s.contains(&name)), "{link}");
    let back = links(&system.viewer, &contacts).await?;
    ensure!(back.iter().any(|link| link["contact_id"] == contact && link["name"] == name), "{back:?}");

    let decision = format!("/api/v1{documents}/{document}");
    let decide = async |client: &Client, method: Method| send(client.request(method, &decision)).await;
    decide(&system.viewer, Method::PUT).await?.problem(403, "forbidden")?;
    decide(&system.editor, Method::PUT).await?.expect(204)?;
    let confirmed = links(&system.viewer, &documents).await?;
    assert_eq!((&confirmed[0]["state"], &confirmed[0]["confidence"]), (&json!("confirmed"), &json!(1.0)));
    decide(&system.editor, Method::DELETE).await?.expect(204)?;
    // Read again, it still names the contact; what somebody said counts.
    system.editor.post(&format!("/api/v1/documents/{document}/reprocess"), &json!({})).await?.expect(202)?;
    system.editor.wait_ready(&document, READY).await?;
    ensure!(links(&system.viewer, &documents).await?.is_empty());
    ensure!(links(&system.viewer, &contacts).await?.iter().all(|link| link["contact_id"] != contact));

    let nowhere = format!("/api/v1{documents}/{}", words::unique());
    send(system.editor.request(Method::PUT, &nowhere)).await?.problem(404, "not-found")?;
    Ok(())
}

async fn a_link_is_confirmed_and_refused_on_the_pages(system: Arc<System>) -> anyhow::Result<()> {
    let name = format!("Bo {}", words::unique());
    let contact = contact(&system, &name).await?;
    let document = letter(&system, &format!("With regards, {name}")).await?;
    let page = async |client: &Client, path: &str| -> anyhow::Result<String> {
        Ok(String::from_utf8(client.get(path).await?.expect(200)?.body)?)
    };
    let (of_contact, of_document) = (format!("/contacts/{contact}"), format!("/documents/{document}"));
    let shown = page(&system.viewer, &of_contact).await?;
    ensure!(shown.contains(&format!("{of_document}?page=2")) && shown.contains("likely (60%)"), "{shown}");
    ensure!(!shown.contains("No, it is not"), "a viewer is asked");
    ensure!(page(&system.viewer, &of_document).await?.contains(&of_contact), "not on the document's page");

    let decide = async |decision: &str, from: &str| -> anyhow::Result<String> {
        let request = system.editor.request(Method::POST, &format!("{of_contact}{of_document}"));
        let form = request.header("accept", "text/html").form(&[("decision", decision), ("from", from)]);
        Ok(send(form).await?.expect(303)?.header("location").to_owned())
    };
    assert_eq!(decide("confirm", "document").await?, of_document);
    ensure!(page(&system.editor, &of_document).await?.contains("· confirmed"), "not confirmed");
    assert_eq!(decide("refuse", "contact").await?, of_contact);
    let shown = page(&system.editor, &of_contact).await?;
    ensure!(!shown.contains(&of_document) && shown.contains("No document names this contact."), "{shown}");
    Ok(())
}
