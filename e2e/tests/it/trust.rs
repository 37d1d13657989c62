//! Signing in and out, tokens, and what a browser on another site may not do.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload, send},
    words,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{harness::tests, system::System};

tests!(Shared:
    signing_in_and_out,
    wrong_passwords_and_unknown_people_are_told_apart_by_nobody,
    a_token_works_until_it_is_taken_back,
    a_token_may_do_no_more_than_it_was_made_for,
    a_person_who_is_removed_is_out_from_the_next_request,
    posts_from_other_sites_are_refused,
);

async fn signing_in_and_out(system: Arc<System>) -> anyhow::Result<()> {
    let body = json!({"email": system.owner_email, "password": system.owner_password});
    let reply = system.nobody.post("/api/v1/session", &body).await?.expect(201)?;
    assert_eq!(reply.json()?["user"]["role"], "owner");
    let cookie = reply.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let session = system.nobody.with_session(&reply.cookie()?);
    let me = session.get("/api/v1/session").await?.expect(200)?.json()?;
    assert_eq!(me["user"]["email"], system.owner_email, "{me}");
    session.delete("/api/v1/session").await?.expect(204)?;
    session.get("/api/v1/session").await?.problem(401, "unauthenticated")?;
    session.get("/api/v1/contacts").await?.problem(401, "unauthenticated")?;
    Ok(())
}

async fn wrong_passwords_and_unknown_people_are_told_apart_by_nobody(system: Arc<System>) -> anyhow::Result<()> {
    let ask = async |email: &str, password: &str| {
        let reply = system.nobody.post("/api/v1/session", &json!({"email": email, "password": password})).await?;
        let mut problem = reply.any_problem(401)?;
        problem["request_id"] = Value::Null;
        anyhow::Ok(problem)
    };
    let wrong = ask(&system.owner_email, "not the password").await?;
    let unknown = ask(&format!("{}@example.org", words::unique()), "not the password").await?;
    assert_eq!(wrong, unknown);
    Ok(())
}

async fn make_token(client: &Client, scopes: Value) -> anyhow::Result<(String, Client)> {
    let reply =
        client.post("/api/v1/tokens", &json!({"name": words::unique(), "scopes": scopes})).await?.expect(201)?;
    let token = reply.text_of("token")?;
    ensure!(token.starts_with("dsr_"), "{reply}");
    Ok((reply.text_of("id")?, client.with_token(&token)))
}

async fn a_token_works_until_it_is_taken_back(system: Arc<System>) -> anyhow::Result<()> {
    let (id, token) = make_token(&system.owner, json!(["*"])).await?;
    token.get("/api/v1/contacts").await?.expect(200)?;
    let list = system.owner.get("/api/v1/tokens").await?.expect(200)?;
    let text = String::from_utf8_lossy(&list.body).into_owned();
    assert!(text.contains(&id) && !text.contains("dsr_"), "listed, and never shown again: {text}");
    system.owner.delete(&format!("/api/v1/tokens/{id}")).await?.expect(204)?;
    token.get("/api/v1/contacts").await?.problem(401, "invalid-token")?;
    let late = json!({"name": "late", "scopes": ["*"], "expires_at": "2020-01-01T00:00:00Z"});
    system.owner.post("/api/v1/tokens", &late).await?.problem(422, "unprocessable")?;
    Ok(())
}

async fn a_token_may_do_no_more_than_it_was_made_for(system: Arc<System>) -> anyhow::Result<()> {
    let unknown = json!({"name": "x", "scopes": ["everything"]});
    system.owner.post("/api/v1/tokens", &unknown).await?.problem(400, "invalid")?;
    // Of a viewer's rights, all is still only a viewer's.
    let (_, token) = make_token(&system.viewer, json!(["*"])).await?;
    token.get("/api/v1/documents").await?.expect(200)?;
    token.upload(&Upload::new("no.txt", words::unique())).await?.problem(403, "forbidden")?;
    let Ok((_, reader)) = make_token(&system.owner, json!(["documents:read"])).await else {
        anyhow::bail!("the scope documents:read is not known");
    };
    reader.get("/api/v1/documents").await?.expect(200)?;
    reader.upload(&Upload::new("no.txt", words::unique())).await?.problem(403, "forbidden")?;
    reader.get("/api/v1/contacts").await?.problem(403, "forbidden")?;
    Ok(())
}

async fn a_person_who_is_removed_is_out_from_the_next_request(system: Arc<System>) -> anyhow::Result<()> {
    let (person, id) = system.person("editor").await?;
    person.get("/api/v1/contacts").await?.expect(200)?;
    system.owner.patch(&format!("/api/v1/users/{id}"), &json!({"role": "viewer"}), None).await?.expect(200)?;
    person.upload(&Upload::new("no.txt", words::unique())).await?.problem(403, "forbidden")?;
    system.owner.delete(&format!("/api/v1/users/{id}")).await?.expect(204)?;
    person.get("/api/v1/contacts").await?.problem(401, "invalid-token")?;
    Ok(())
}

async fn posts_from_other_sites_are_refused(system: Arc<System>) -> anyhow::Result<()> {
    let body = json!({"email": system.owner_email, "password": system.owner_password});
    let cookie = system.nobody.post("/api/v1/session", &body).await?.expect(201)?.cookie()?;
    let post = async |fields: &[(&str, &str)]| {
        let request = system.nobody.request(Method::POST, "/api/v1/collections").header("cookie", &cookie);
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        send(request.json(&json!({"name": words::unique(), "visibility": "internal"}))).await
    };
    post(&[("origin", "https://evil.example")]).await?.problem(403, "cross-site-request").context("another origin")?;
    post(&[("origin", "null")]).await?.problem(403, "cross-site-request").context("an opaque origin")?;
    post(&[("sec-fetch-site", "cross-site")]).await?.problem(403, "cross-site-request").context("another site")?;
    post(&[("origin", system.base()), ("sec-fetch-site", "same-origin")]).await?.expect(201)?;
    Ok(())
}
