//! Who may see and do what. Every way of reading is tried by everybody.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload},
    pdf, words,
};
use serde_json::json;

use crate::{
    harness::tests,
    system::{READY, System},
};

tests!(Shared:
    a_public_document_is_seen_by_anyone,
    an_internal_document_is_seen_by_whoever_is_signed_in,
    a_restricted_document_is_seen_by_its_members_and_owners,
    membership_holds_from_the_next_request_and_ends_with_it,
    a_collection_that_changes_its_visibility_changes_what_is_found,
    roles_decide_what_may_be_changed,
    nobody_in_particular_may_only_what_the_website_needs,
    collections_are_made_read_changed_and_removed,
);

/// A ready document of two pages in a collection of its own.
struct Subject {
    collection: String,
    id: String,
    word: String,
    sha256: String,
}

impl Subject {
    async fn make(system: &System, visibility: &str) -> anyhow::Result<Self> {
        let (collection, word) = (system.collection(visibility).await?, words::unique());
        let bytes = pdf::document(&[words::prose(8, 30), word.clone()]);
        let sha256 = crate::system::sha256(&bytes);
        let upload = Upload::new("subject.pdf", bytes).field("collection_id", &*collection);
        let upload = upload.field("title", format!("{word} title")).field("tags", &*word);
        let id = system.owner.add_ready(&upload, READY).await?;
        Ok(Self { collection, id, word, sha256 })
    }

    /// Tries every way of reading; all must agree.
    async fn seen_by(&self, client: &Client, who: &str, expected: bool) -> anyhow::Result<()> {
        let (id, word) = (self.id.as_str(), self.word.as_str());
        let one = format!("/api/v1/documents/{id}");
        for path in [
            one.clone(),
            format!("{one}/content"),
            format!("{one}/pages/1/picture"),
            format!("{one}/text"),
            format!("{one}/versions"),
            format!("{one}/events"),
        ] {
            let reply = client.get(&path).await?;
            if expected {
                ensure!(reply.status == 200, "{who} should see it: {reply}");
            } else {
                // As if it were not there at all.
                reply.problem(404, "not-found").with_context(|| format!("{who} {path}"))?;
            }
        }
        let reply = client.head(&format!("/api/v1/documents?sha256={}", self.sha256)).await?;
        ensure!((reply.status == 204) == expected, "{who} asks by hash: {reply}");
        let collection = self.collection.as_str();
        for (path, query) in [
            ("/api/v1/documents", vec![("tag", word)]),
            ("/api/v1/documents", vec![("collection_id", collection)]),
            ("/api/v1/search", vec![("q", word)]),
            ("/api/v1/search", vec![("q", word), ("collection_id", collection)]),
        ] {
            let reply = client.query(path, &query).await?;
            if !expected && reply.status == 404 {
                continue;
            }
            let reply = reply.expect(200)?;
            let there = String::from_utf8_lossy(&reply.body).contains(id);
            ensure!(there == expected, "{who} with {query:?}: {reply}");
        }
        let facets = client
            .query("/api/v1/search", &[("q", word), ("facets", "tag,collection_id")])
            .await?
            .expect(200)?
            .json()?;
        let counted = facets["facets"].to_string().contains(&format!("\"{word}\""));
        ensure!(counted == expected, "{who} counts facets: {facets}");
        ensure!((facets["estimated_total"] == 1) == expected, "{who} counts hits: {facets}");
        let suggested = client.query("/api/v1/search/suggest", &[("q", &word[..8])]).await?.expect(200)?;
        let there = String::from_utf8_lossy(&suggested.body).contains(word);
        ensure!(there == expected, "{who} is suggested: {suggested}");
        let collection = client.get(&format!("/api/v1/collections/{collection}")).await?;
        ensure!((collection.status == 200) == expected, "{who} and the collection: {collection}");
        Ok(())
    }
}

async fn a_public_document_is_seen_by_anyone(system: Arc<System>) -> anyhow::Result<()> {
    let subject = Subject::make(&system, "public").await?;
    subject.seen_by(&system.owner, "owner", true).await?;
    subject.seen_by(&system.viewer, "viewer", true).await?;
    subject.seen_by(&system.nobody, "nobody", true).await
}

async fn an_internal_document_is_seen_by_whoever_is_signed_in(system: Arc<System>) -> anyhow::Result<()> {
    let subject = Subject::make(&system, "internal").await?;
    subject.seen_by(&system.editor, "editor", true).await?;
    subject.seen_by(&system.viewer, "viewer", true).await?;
    subject.seen_by(&system.nobody, "nobody", false).await
}

async fn a_restricted_document_is_seen_by_its_members_and_owners(system: Arc<System>) -> anyhow::Result<()> {
    let subject = Subject::make(&system, "restricted").await?;
    subject.seen_by(&system.owner, "owner", true).await?;
    subject.seen_by(&system.editor, "editor", false).await?;
    subject.seen_by(&system.viewer, "viewer", false).await?;
    subject.seen_by(&system.nobody, "nobody", false).await?;
    // What one cannot see one cannot change either, nor learn of by trying.
    let one = format!("/api/v1/documents/{}", subject.id);
    system.editor.patch(&one, &json!({"title": "mine"}), None).await?.problem(404, "not-found")?;
    system.editor.delete(&one).await?.problem(404, "not-found")?;
    system.editor.post_empty(&format!("{one}/reprocess")).await?.problem(404, "not-found")?;
    let upload = Upload::new("in.txt", words::unique()).field("collection_id", &*subject.collection);
    let refused = system.editor.upload(&upload).await?;
    ensure!(refused.status == 404 || refused.status == 400, "{refused}");
    Ok(())
}

async fn membership_holds_from_the_next_request_and_ends_with_it(system: Arc<System>) -> anyhow::Result<()> {
    let subject = Subject::make(&system, "restricted").await?;
    let (member, id) = system.person("viewer").await?;
    let membership = format!("/api/v1/collections/{}/members/{id}", subject.collection);
    subject.seen_by(&member, "not yet a member", false).await?;
    system.editor.put(&membership).await?.problem(403, "forbidden")?;
    let added = system.owner.put(&membership).await?;
    ensure!(added.status.is_success(), "{added}");
    subject.seen_by(&member, "member", true).await?;
    subject.seen_by(&system.viewer, "another viewer", false).await?;
    system.owner.delete(&membership).await?.expect(204)?;
    subject.seen_by(&member, "no longer a member", false).await
}

async fn a_collection_that_changes_its_visibility_changes_what_is_found(system: Arc<System>) -> anyhow::Result<()> {
    let subject = Subject::make(&system, "public").await?;
    let collection = format!("/api/v1/collections/{}", subject.collection);
    subject.seen_by(&system.nobody, "nobody", true).await?;
    system.owner.patch(&collection, &json!({"visibility": "restricted"}), None).await?.expect(200)?;
    subject.seen_by(&system.nobody, "nobody", false).await?;
    subject.seen_by(&system.viewer, "viewer", false).await?;
    system.owner.patch(&collection, &json!({"visibility": "internal"}), None).await?.expect(200)?;
    subject.seen_by(&system.viewer, "viewer", true).await?;
    subject.seen_by(&system.nobody, "nobody", false).await
}

async fn roles_decide_what_may_be_changed(system: Arc<System>) -> anyhow::Result<()> {
    let upload = Upload::new("no.txt", words::unique());
    system.viewer.upload(&upload).await?.problem(403, "forbidden")?;
    let contact = json!({"name": "No", "email": format!("{}@example.org", words::unique())});
    system.viewer.post("/api/v1/contacts", &contact).await?.problem(403, "forbidden")?;
    let collection = json!({"name": words::unique(), "visibility": "internal"});
    system.viewer.post("/api/v1/collections", &collection).await?.problem(403, "forbidden")?;
    for client in [&system.viewer, &system.editor] {
        client.get("/api/v1/users").await?.problem(403, "forbidden")?;
        client.get("/api/v1/audit").await?.problem(403, "forbidden")?;
    }
    system.owner.get("/api/v1/users").await?.expect(200)?;
    system.viewer.get("/api/v1/contacts").await?.expect(200)?;
    Ok(())
}

async fn nobody_in_particular_may_only_what_the_website_needs(system: Arc<System>) -> anyhow::Result<()> {
    let nobody = &system.nobody;
    for path in ["/contacts", "/submissions", "/visits", "/users", "/tokens", "/audit"] {
        nobody
            .get(&format!("/api/v1{path}"))
            .await?
            .problem(401, "unauthenticated")
            .with_context(|| path.to_owned())?;
    }
    nobody.upload(&Upload::new("no.txt", words::unique())).await?.problem(401, "unauthenticated")?;
    nobody
        .post("/api/v1/collections", &json!({"name": "x", "visibility": "public"}))
        .await?
        .problem(401, "unauthenticated")?;
    nobody.get("/api/v1/documents").await?.expect(200)?;
    nobody.query("/api/v1/search", &[("q", "anything")]).await?.expect(200)?;
    nobody.with_token("dsr_nonsense").get("/api/v1/documents").await?.problem(401, "invalid-token")?;
    Ok(())
}

async fn collections_are_made_read_changed_and_removed(system: Arc<System>) -> anyhow::Result<()> {
    let name = words::unique();
    let body = json!({"name": name, "visibility": "internal", "description": "For a while"});
    let made = system.owner.post("/api/v1/collections", &body).await?.expect(201)?;
    let path = format!("/api/v1/collections/{}", made.text_of("id")?);
    assert_eq!(made.header("location"), path);
    let seen = system.viewer.get(&path).await?.expect(200)?;
    assert_eq!(seen.text_of("visibility")?, "internal");
    let tag = seen.header("etag").to_owned();
    system.owner.patch(&path, &json!({"description": "Changed"}), Some(&tag)).await?.expect(200)?;
    system
        .owner
        .patch(&path, &json!({"description": "Late"}), Some(&tag))
        .await?
        .problem(412, "precondition-failed")?;
    system.owner.patch(&path, &json!({"visibility": "secret"}), None).await?.problem(400, "invalid")?;
    let list = system.viewer.get("/api/v1/collections").await?.expect(200)?;
    assert!(String::from_utf8_lossy(&list.body).contains(&name), "{list}");

    let collection = made.text_of("id")?;
    let id = system.owner.add(&Upload::new("in.txt", words::unique()).field("collection_id", collection)).await?;
    system.owner.delete(&path).await?.any_problem(409)?;
    system.owner.wait_settled(&id, READY).await?;
    system.owner.delete(&format!("/api/v1/documents/{id}")).await?;
    system.purge(&id).await?;
    system.owner.delete(&path).await?.expect(204)?;
    system.owner.get(&path).await?.problem(404, "not-found")?;
    Ok(())
}
