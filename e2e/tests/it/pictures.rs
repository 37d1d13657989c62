//! Pages as they look.

use std::sync::Arc;

use anyhow::ensure;
use e2e::{
    client::{Client, Reply, Upload, eventually},
    pdf, words,
};

use crate::{
    harness::tests,
    system::{HEALED, READY, System},
};

tests!(Shared:
    a_page_has_a_picture_that_its_browser_may_keep,
    a_picture_is_there_before_the_document_has_been_read,
    what_has_no_picture_says_why,
    each_version_has_pictures_of_its_own,
    a_picture_goes_with_its_document,
    a_list_of_documents_is_drawn_and_then_remembered,
);

/// Those that break something.
pub(crate) mod alone {
    use super::{Arc, System, tests, without_the_indexer};

    tests!(Alone: only_pictures_are_missing_without_the_indexer);

    async fn only_pictures_are_missing_without_the_indexer(system: Arc<System>) -> anyhow::Result<()> {
        without_the_indexer(system).await
    }
}

fn path(id: &str, page: u32, query: &str) -> String {
    format!("/api/v1/documents/{id}/pages/{page}/picture?{query}")
}

/// A picture, by what it says and by how it begins.
fn shown(reply: Reply) -> anyhow::Result<Reply> {
    let reply = reply.expect(200)?;
    let begin: &[u8] = match reply.header("content-type") {
        "image/jpeg" => &[0xff, 0xd8, 0xff],
        "image/png" => b"\x89PNG\r\n\x1a\n",
        other => anyhow::bail!("{other} is no picture"),
    };
    ensure!(reply.body.starts_with(begin), "the bytes are something else");
    Ok(reply)
}

async fn picture(client: &Client, path: &str) -> anyhow::Result<Reply> {
    shown(client.get(path).await?)
}

async fn a_page_has_a_picture_that_its_browser_may_keep(system: Arc<System>) -> anyhow::Result<()> {
    let id = system.editor.add_ready(&Upload::new("two.pdf", pdf::ten_pages(5, &[])), READY).await?;
    let kept = picture(&system.viewer, &path(&id, 2, "width=400&version=1")).await?;
    assert_eq!(kept.header("cache-control"), "private, max-age=86400, immutable");
    assert_eq!(kept.header("x-content-type-options"), "nosniff");
    ensure!(kept.header("content-security-policy").starts_with("sandbox"), "{:?}", kept.headers);
    ensure!(kept.header("vary").to_ascii_lowercase().contains("cookie"), "{:?}", kept.headers);
    let tag = kept.header("etag").to_owned();
    ensure!(tag.len() > 10 && tag.starts_with('"'), "{tag}");
    // The newest one is asked for each time, and has not changed.
    let newest = picture(&system.viewer, &path(&id, 2, "")).await?;
    assert_eq!(newest.header("cache-control"), "private, no-cache");
    assert_eq!((newest.header("etag"), &newest.body), (&*tag, &kept.body));
    let again = system.viewer.get_with(&path(&id, 2, "width=399"), &[("if-none-match", &tag)]).await?.expect(304)?;
    ensure!(again.body.is_empty() && again.header("etag") == tag, "{again}");
    let head = system.viewer.head(&path(&id, 2, "")).await?.expect(200)?;
    assert_eq!(head.header("content-length"), kept.body.len().to_string());
    // A step up is another picture, and so is another page.
    let large = picture(&system.viewer, &path(&id, 2, "width=401")).await?;
    ensure!(large.body.len() > kept.body.len() && large.header("etag") != tag, "not larger");
    ensure!(picture(&system.viewer, &path(&id, 1, "")).await?.header("etag") != tag, "the same page");
    Ok(())
}

async fn a_picture_is_there_before_the_document_has_been_read(system: Arc<System>) -> anyhow::Result<()> {
    let id = system.editor.add(&Upload::new("new.pdf", pdf::document(&[words::prose(3, 100)]))).await?;
    picture(&system.viewer, &path(&id, 1, "")).await.map(drop)
}

async fn what_has_no_picture_says_why(system: Arc<System>) -> anyhow::Result<()> {
    let text = system.editor.add(&Upload::new("a.txt", words::unique())).await?;
    let said = system.viewer.get(&path(&text, 1, "")).await?;
    said.problem(404, "no-picture")?;
    assert_eq!(said.header("cache-control"), "no-store");
    let broken = system.editor.add(&Upload::new("a.pdf", format!("%PDF-1.7 {}", words::unique()))).await?;
    system.viewer.get(&path(&broken, 1, "")).await?.problem(404, "picture-failed")?;
    let id = system.editor.add(&Upload::new("b.pdf", pdf::document(&[words::unique()]))).await?;
    for page in ["0", "2", "-1", "x", "99999999999"] {
        let path = format!("/api/v1/documents/{id}/pages/{page}/picture");
        system.viewer.get(&path).await?.problem(404, "not-found")?;
    }
    for query in ["width=0", "width=1601", "version=0", "colour=red"] {
        system.viewer.get(&path(&id, 1, query)).await?.problem(400, "invalid")?;
    }
    system.viewer.get(&path(&id, 1, "version=2")).await?.problem(404, "not-found")?;
    Ok(())
}

async fn each_version_has_pictures_of_its_own(system: Arc<System>) -> anyhow::Result<()> {
    let upload = |seed: u64| Upload::new("v.pdf", pdf::document(&[words::prose(seed, 80), words::unique()]));
    let id = system.editor.add_ready(&upload(1), READY).await?;
    let first = picture(&system.viewer, &path(&id, 1, "version=1")).await?;
    assert_eq!(picture(&system.viewer, &path(&id, 1, "")).await?.body, first.body);
    system.editor.upload_to(&format!("/api/v1/documents/{id}/versions"), &upload(2)).await?.expect(201)?;
    let newest = picture(&system.viewer, &path(&id, 1, "")).await?;
    ensure!(newest.body != first.body, "the picture of the old version");
    assert_eq!(picture(&system.viewer, &path(&id, 1, "version=2")).await?.body, newest.body);
    assert_eq!(picture(&system.viewer, &path(&id, 1, "version=1")).await?.body, first.body);
    Ok(())
}

async fn a_picture_goes_with_its_document(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("public").await?;
    let upload = Upload::new("gone.pdf", pdf::document(&[words::unique()])).field("collection_id", collection);
    let id = system.owner.add_ready(&upload, READY).await?;
    let one = path(&id, 1, "version=1");
    picture(&system.nobody, &one).await?;
    system.owner.delete(&format!("/api/v1/documents/{id}")).await?.expect(204)?;
    for client in [&system.nobody, &system.viewer] {
        client.get(&one).await?.problem(404, "not-found")?;
    }
    // Whoever may look into the trash sees what is in it.
    picture(&system.owner, &one).await?;
    system.purge(&id).await?;
    system.owner.get(&one).await?.problem(404, "not-found")?;
    Ok(())
}

async fn a_list_of_documents_is_drawn_and_then_remembered(system: Arc<System>) -> anyhow::Result<()> {
    let mut ids = Vec::new();
    for n in 0..50 {
        ids.push(
            system
                .editor
                .add(&Upload::new("n.pdf", pdf::document(&[format!("{} {}", words::unique(), words::prose(n, 200))])))
                .await?,
        );
    }
    let draw = async || {
        let began = std::time::Instant::now();
        let pictures = ids.iter().map(|id| async { picture(&system.viewer, &path(id, 1, "width=200")).await });
        let drawn: Vec<Reply> = futures_util::future::try_join_all(pictures).await?;
        anyhow::Ok((began.elapsed(), drawn))
    };
    let (cold, first) = draw().await?;
    let (warm, second) = draw().await?;
    println!("50 pictures took {cold:.1?} the first time and {warm:.1?} the second");
    ensure!(first.iter().zip(&second).all(|(a, b)| a.body == b.body), "not the same pictures");
    Ok(())
}

async fn without_the_indexer(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let id = system.editor.add_ready(&Upload::new("k.pdf", pdf::document(&[&word])), READY).await?;
    let before = picture(&system.viewer, &path(&id, 1, "")).await?;
    system.kill("indexer").await;
    let refused = system.viewer.get(&path(&id, 1, "")).await?;
    refused.problem(503, "unavailable")?;
    ensure!(!refused.header("retry-after").is_empty(), "{:?}", refused.headers);
    system.viewer.get(&format!("/api/v1/documents/{id}")).await?.expect(200)?;
    system.viewer.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    system.found(&system.viewer, &word, &id).await?;
    system.start_again("indexer").await?;
    let after = eventually(HEALED, "drawn again", async || picture(&system.viewer, &path(&id, 1, "")).await).await?;
    assert_eq!((after.header("etag"), &after.body), (before.header("etag"), &before.body));
    Ok(())
}
