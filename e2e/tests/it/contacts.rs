//! The contact form, the contacts, and the visit counter.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Reply, send},
    words,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{harness::tests, system::System};

tests!(Shared:
    a_submission_makes_a_contact_and_waits_in_the_inbox,
    a_second_submission_with_the_same_key_is_the_first,
    the_same_address_in_other_letters_is_the_same_contact,
    a_form_post_is_answered_with_a_redirect_within_the_site,
    a_form_that_is_sent_twice_with_one_key_is_one_submission,
    whoever_fills_in_the_honeypot_is_told_the_same_and_kept_as_spam,
    submissions_that_say_too_little_are_refused_with_every_field_to_blame,
    the_inbox_is_read_and_tidied,
    contacts_are_made_read_changed_and_removed,
    contacts_are_found_by_part_of_a_name_with_a_typo_by_tag_and_by_metadata,
    contact_lists_are_walked_with_cursors,
    two_hundred_visits_at_once_are_all_counted,
    bots_are_counted_apart,
);

const SUBMISSIONS: &str = "/api/v1/submissions";
const CONTACTS: &str = "/api/v1/contacts";

fn address() -> String {
    format!("{}@example.org", words::unique())
}

fn submission(email: &str) -> Value {
    json!({"name": "Ada Writer", "email": email, "message": "Good morning", "metadata": {"page": "/about"}})
}

async fn a_submission_makes_a_contact_and_waits_in_the_inbox(system: Arc<System>) -> anyhow::Result<()> {
    let email = address();
    let reply = system.nobody.post(SUBMISSIONS, &submission(&email)).await?.expect(201)?;
    let made = reply.json()?;
    assert!(made["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{made}");
    let contact = made["contact_id"].as_str().context("a contact")?;
    let contact = system.viewer.get(&format!("{CONTACTS}/{contact}")).await?.expect(200)?.json()?;
    assert_eq!(contact["email"], email);
    assert_eq!(contact["name"], "Ada Writer");
    let kept = system.viewer.get(&format!("{SUBMISSIONS}/{}", reply.text_of("id")?)).await?.expect(200)?.json()?;
    assert_eq!(kept["status"], "new");
    assert_eq!(kept["message"], "Good morning");
    assert_eq!(kept["metadata"]["page"], "/about");
    Ok(())
}

async fn a_second_submission_with_the_same_key_is_the_first(system: Arc<System>) -> anyhow::Result<()> {
    let (email, key) = (address(), words::unique());
    let body = submission(&email);
    let post = async |body: &Value| system.nobody.post_with(SUBMISSIONS, body, &[("idempotency-key", &key)]).await;
    let first = post(&body).await?.expect(201)?;
    for _ in 0..20 {
        let again = post(&body).await?.expect(201)?;
        assert_eq!(first.json()?, again.json()?);
    }
    let other = json!({"name": "Ada Writer", "email": email, "message": "Something else"});
    post(&other).await?.any_problem(422)?;
    // Ten at once with a new key: one of them is kept, and nobody is told anything else.
    let key = words::unique();
    let posts = (0..10).map(|_| {
        let (system, body, key) = (system.clone(), body.clone(), key.clone());
        tokio::spawn(async move { system.nobody.post_with(SUBMISSIONS, &body, &[("idempotency-key", &key)]).await })
    });
    let mut ids = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        let reply = post.await??;
        match reply.status.as_u16() {
            201 => ids.push(reply.text_of("id")?),
            409 => {}
            _ => anyhow::bail!("{reply}"),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let query = [("contact_id", first.text_of("contact_id")?)];
    let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let list = system.viewer.query(SUBMISSIONS, &query).await?.expect(200)?.json()?;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2), "{list}");
    Ok(())
}

async fn the_same_address_in_other_letters_is_the_same_contact(system: Arc<System>) -> anyhow::Result<()> {
    let email = address();
    let first = system.nobody.post(SUBMISSIONS, &submission(&email)).await?.expect(201)?;
    let again = system.nobody.post(SUBMISSIONS, &submission(&email.to_uppercase())).await?.expect(201)?;
    assert_eq!(first.text_of("contact_id")?, again.text_of("contact_id")?);
    assert_ne!(first.text_of("id")?, again.text_of("id")?);
    Ok(())
}

async fn form(system: &System, query: &str, fields: &[(&str, &str)]) -> anyhow::Result<Reply> {
    send(form_request(system, query, fields)).await
}

fn form_request(system: &System, query: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let body: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", value.replace('@', "%40").replace(' ', "+"))).collect();
    let request = system.nobody.request(Method::POST, &format!("{SUBMISSIONS}{query}"));
    request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"))
}

async fn a_form_that_is_sent_twice_with_one_key_is_one_submission(system: Arc<System>) -> anyhow::Result<()> {
    let (email, key) = (address(), Uuid::new_v4().to_string());
    let fields = [("name", "Form Filler"), ("email", email.as_str()), ("message", "Once")];
    let keyed = || form_request(&system, "", &fields).header("idempotency-key", &key);
    send(keyed()).await?.expect(200)?;
    let again = send(keyed()).await?.expect(200)?;
    assert_eq!(again.header("idempotency-replayed"), "true");
    let found = system.viewer.query(CONTACTS, &[("q", &email)]).await?.expect(200)?;
    let contact = found.json()?["items"][0]["id"].as_str().context("a contact")?.to_owned();
    let query = [("contact_id", contact.as_str())];
    let list = system.viewer.query(SUBMISSIONS, &query).await?.expect(200)?.json()?;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    let unfit = form_request(&system, "", &fields).header("idempotency-key", "ü");
    send(unfit).await?.problem(400, "invalid")?;
    Ok(())
}

async fn a_form_post_is_answered_with_a_redirect_within_the_site(system: Arc<System>) -> anyhow::Result<()> {
    let email = address();
    let fields = [("name", "Form Filler"), ("email", email.as_str()), ("message", "From a form")];
    let reply = form(&system, "?next=/thanks", &fields).await?.expect(303)?;
    assert_eq!(reply.header("location"), "/thanks");
    let found = system.viewer.query(CONTACTS, &[("q", &email)]).await?.expect(200)?.json()?;
    assert_eq!(found["items"][0]["name"], "Form Filler", "{found}");
    // Nobody is sent to another site by way of ours.
    for elsewhere in ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"] {
        let reply = form(&system, &format!("?next={elsewhere}"), &fields).await?;
        let target = reply.header("location");
        ensure!(!target.contains("evil") && !target.contains("javascript"), "{reply} → {target}");
    }
    Ok(())
}

async fn whoever_fills_in_the_honeypot_is_told_the_same_and_kept_as_spam(system: Arc<System>) -> anyhow::Result<()> {
    let mut body = submission(&address());
    body["website"] = json!("http://spam.example");
    let reply = system.nobody.post(SUBMISSIONS, &body).await?.expect(201)?;
    let made = reply.json()?;
    let fields: Vec<_> = made.as_object().context("an object")?.keys().cloned().collect();
    assert_eq!(fields, ["contact_id", "created_at", "id"]);
    let kept = system.viewer.get(&format!("{SUBMISSIONS}/{}", reply.text_of("id")?)).await?.expect(200)?.json()?;
    assert_eq!(kept["status"], "spam");
    Ok(())
}

async fn submissions_that_say_too_little_are_refused_with_every_field_to_blame(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let reply = system.nobody.post(SUBMISSIONS, &json!({"name": "", "email": "nowhere", "message": ""})).await?;
    let problem = reply.problem(400, "invalid")?;
    let errors = problem["errors"].as_array().context("errors")?;
    let blamed: Vec<_> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
    for field in ["name", "email", "message"] {
        assert!(blamed.contains(&field), "{problem}");
    }
    let mut unknown = submission(&address());
    unknown["colour"] = json!("red");
    system.nobody.post(SUBMISSIONS, &unknown).await?.problem(400, "invalid")?;
    let request = system.nobody.request(Method::POST, SUBMISSIONS).header("content-type", "application/json");
    send(request.body("{\"name\": ")).await?.problem(400, "invalid")?;
    Ok(())
}

async fn the_inbox_is_read_and_tidied(system: Arc<System>) -> anyhow::Result<()> {
    let id = system.nobody.post(SUBMISSIONS, &submission(&address())).await?.expect(201)?.text_of("id")?;
    let path = format!("{SUBMISSIONS}/{id}");
    let tag = system.editor.get(&path).await?.expect(200)?.header("etag").to_owned();
    system.editor.patch(&path, &json!({"status": "read"}), Some(&tag)).await?.expect(200)?;
    system
        .editor
        .patch(&path, &json!({"status": "archived"}), Some(&tag))
        .await?
        .problem(412, "precondition-failed")?;
    system.editor.patch(&path, &json!({"status": "lost"}), None).await?.problem(400, "invalid")?;
    system.editor.patch(&path, &json!({"status": "archived"}), None).await?.expect(200)?;
    let list = system.viewer.query(SUBMISSIONS, &[("status", "archived")]).await?.expect(200)?.json()?;
    assert!(list["items"].as_array().is_some_and(|items| items.iter().any(|item| item["id"] == id)), "{list}");
    system.editor.delete(&path).await?.expect(204)?;
    system.editor.get(&path).await?.problem(404, "not-found")?;
    Ok(())
}

async fn contacts_are_made_read_changed_and_removed(system: Arc<System>) -> anyhow::Result<()> {
    let email = address();
    let body = json!({"name": "Grace", "email": email, "phone": "+49 30 1234", "company": "Harbour Ltd",
                      "tags": ["supplier"], "metadata": {"number": 12, "nested": {"deep": true}}});
    let reply = system.editor.post(CONTACTS, &body).await?.expect(201)?;
    let (id, made) = (reply.text_of("id")?, reply.json()?);
    for field in ["name", "email", "phone", "company", "tags", "metadata"] {
        assert_eq!(made[field], body[field], "{field}");
    }
    let path = format!("{CONTACTS}/{id}");
    assert_eq!(reply.header("location"), path);
    system.editor.post(CONTACTS, &body).await?.any_problem(409)?;

    let seen = system.viewer.get(&path).await?.expect(200)?;
    let tag = seen.header("etag").to_owned();
    system.viewer.get_with(&path, &[("if-none-match", tag.as_str())]).await?.expect(304)?;
    let change = json!({"company": "Harbour & Sons", "tags": [], "metadata": {"number": null, "more": [1, 2]}});
    let changed = system.editor.patch(&path, &change, Some(&tag)).await?.expect(200)?.json()?;
    assert_eq!(changed["company"], "Harbour & Sons");
    assert_eq!(changed["name"], "Grace");
    assert_eq!(changed["metadata"], json!({"nested": {"deep": true}, "more": [1, 2]}));
    system.editor.patch(&path, &json!({"name": "Late"}), Some(&tag)).await?.problem(412, "precondition-failed")?;
    system.editor.patch(&path, &json!({"email": "nowhere"}), None).await?.problem(400, "invalid")?;
    system.editor.patch(&path, &json!({"shoe": 44}), None).await?.problem(400, "invalid")?;
    system.viewer.patch(&path, &json!({"name": "x"}), None).await?.problem(403, "forbidden")?;

    system.editor.delete(&path).await?.expect(204)?;
    system.editor.get(&path).await?.problem(404, "not-found")?;
    system.editor.get(&format!("{CONTACTS}/not-an-id")).await?.problem(404, "not-found")?;
    Ok(())
}

async fn contacts_are_found_by_part_of_a_name_with_a_typo_by_tag_and_by_metadata(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let (name, tag, company) = (words::unique(), words::unique(), words::unique());
    let body = json!({"name": format!("Maria {name}"), "email": address(), "company": company, "tags": [tag],
                      "metadata": {"source": tag, "level": "gold"}});
    let id = system.editor.post(CONTACTS, &body).await?.expect(201)?.text_of("id")?;
    let typo = words::misspelt(&name);
    for query in [
        ("q", &name[..6]),
        ("q", name.as_str()),
        ("q", typo.as_str()),
        ("q", company.as_str()),
        ("tag", tag.as_str()),
        ("metadata.source", tag.as_str()),
    ] {
        let list = system.viewer.query(CONTACTS, &[query]).await?.expect(200)?.json()?;
        let items = list["items"].as_array().context("items")?;
        assert!(items.iter().any(|item| item["id"] == id), "{query:?}: {list}");
    }
    let list = system.viewer.query(CONTACTS, &[("metadata.source", &tag), ("metadata.level", "silver")]).await?;
    assert_eq!(list.expect(200)?.json()?["items"], json!([]));
    let list = system.viewer.query(CONTACTS, &[("q", &words::unique())]).await?.expect(200)?.json()?;
    assert!(!list["items"].as_array().is_some_and(|items| items.iter().any(|item| item["id"] == id)), "{list}");
    Ok(())
}

async fn contact_lists_are_walked_with_cursors(system: Arc<System>) -> anyhow::Result<()> {
    let tag = words::unique();
    for n in 0..5 {
        let body = json!({"name": format!("person {n}"), "email": address(), "tags": [tag]});
        system.editor.post(CONTACTS, &body).await?.expect(201)?;
    }
    let (mut names, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("tag", tag.as_str()), ("sort", "name"), ("limit", "2"), ("count", "true")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let list = system.viewer.query(CONTACTS, &query).await?.expect(200)?.json()?;
        assert_eq!(list["count"], 5);
        let items = list["items"].as_array().context("items")?;
        names.extend(items.iter().filter_map(|item| item["name"].as_str().map(str::to_owned)));
        cursor = list["next_cursor"].as_str().map(str::to_owned);
        ensure!(names.len() <= 5, "{names:?}");
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["person 0", "person 1", "person 2", "person 3", "person 4"]);
    Ok(())
}

async fn two_hundred_visits_at_once_are_all_counted(system: Arc<System>) -> anyhow::Result<()> {
    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let total = async || {
        let visits = system.viewer.get("/api/v1/visits").await?.expect(200)?.json()?;
        // Whatever the totals are called, they are numbers.
        visits["total_visits"]
            .as_i64()
            .or(visits["totals"]["visits"].as_i64())
            .with_context(|| format!("no total: {visits}"))
    };
    let before = total().await?;
    let posts = (0..200).map(|_| {
        let system = system.clone();
        tokio::spawn(async move {
            let body = json!({"path": "/a-page", "referrer": "https://example.org/"});
            let reply = system.nobody.post_with("/api/v1/visits", &body, &[("user-agent", BROWSER)]).await?;
            ensure!(reply.status.is_success(), "{reply}");
            reply.json()?["count"].as_i64().with_context(|| format!("no count: {reply}"))
        })
    });
    for post in posts.collect::<Vec<_>>() {
        let count = post.await??;
        assert!(count > before, "{before} → {count}");
    }
    // Nothing else visits as a person meanwhile.
    assert_eq!(total().await?, before + 200);
    Ok(())
}

async fn bots_are_counted_apart(system: Arc<System>) -> anyhow::Result<()> {
    let bots = async || {
        let visits = system.viewer.get("/api/v1/visits").await?.expect(200)?.json()?;
        let bots = visits["total_bots"].as_i64().or(visits["totals"]["bots"].as_i64());
        bots.with_context(|| format!("no bots: {visits}"))
    };
    let before = bots().await?;
    let agent = [("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")];
    let reply = system.nobody.post_with("/api/v1/visits", &json!({"path": "/"}), &agent).await?;
    ensure!(reply.status.is_success(), "{reply}");
    assert!(bots().await? > before);
    Ok(())
}
