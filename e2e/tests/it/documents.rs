//! What happens to a document once it is there.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload, eventually},
    pdf, words,
};
use serde_json::{Value, json};

use crate::{
    harness::tests,
    system::{READY, System, sha256},
};

tests!(Shared:
    a_pdf_is_read_page_by_page,
    markdown_html_and_plain_text_are_read_too,
    what_a_file_says_of_itself_and_a_page_in_another_language_are_told,
    every_stage_is_reported_in_order_until_it_is_ready,
    events_resume_after_the_last_one_seen,
    a_download_is_the_same_bytes,
    parts_of_a_download_can_be_asked_for,
    an_unchanged_download_is_not_sent_again,
    what_is_known_of_a_document_can_be_changed_by_whoever_has_seen_its_latest_state,
    a_list_is_walked_with_cursors_while_documents_are_added,
    lists_are_filtered_and_sorted,
    a_new_version_replaces_what_is_found_and_keeps_what_was,
    a_trashed_document_is_gone_until_it_is_restored_and_for_good_once_purged,
    a_document_is_read_again_on_request,
    a_document_that_cannot_be_opened_is_visibly_failed,
    a_real_corpus_is_read_and_found,
);

/// The pages' text as the API gives it.
async fn text_of(client: &Client, id: &str, page: Option<u32>) -> anyhow::Result<Value> {
    let page = page.map(|page| format!("?page={page}")).unwrap_or_default();
    client.get(&format!("/api/v1/documents/{id}/text{page}")).await?.expect(200)?.json()
}

async fn what_a_file_says_of_itself_and_a_page_in_another_language_are_told(system: Arc<System>) -> anyhow::Result<()> {
    let german = "Der Vorstand hat beschlossen, dass die Mitglieder im Herbst zu einer Versammlung eingeladen \
        werden, weil die Satzung geändert werden soll und einige Briefe noch nicht beantwortet worden sind. ";
    let rtf = format!(
        "{{\\rtf1{{\\info{{\\title The minutes}}{{\\author Anna Weber}}}}{}\\page {}}}",
        words::prose(21, 300),
        german.repeat(3).replace('ä', "\\'e4"),
    );
    let id = system.editor.add(&Upload::new("minutes.rtf", rtf)).await?;
    let insights = &system.editor.wait_ready(&id, READY).await?["insights"];
    assert_eq!(insights["properties"]["author"], "Anna Weber", "{insights}");
    assert_eq!(insights["language"]["code"], "en", "{insights}");
    let others = insights["other_languages"].as_array().context("languages")?;
    ensure!(others.len() == 1 && others[0]["page"] == 2 && others[0]["code"] == "de", "{insights}");
    let page = system.viewer.get(&format!("/documents/{id}")).await?.expect(200)?;
    ensure!(String::from_utf8(page.body)?.contains("By Anna Weber"), "not on its page");
    Ok(())
}

async fn a_pdf_is_read_page_by_page(system: Arc<System>) -> anyhow::Result<()> {
    let marks = [words::unique(), words::unique(), words::unique()];
    let bytes = pdf::ten_pages(11, &marks.each_ref().map(String::as_str));
    let upload = Upload::new("ten pages.pdf", bytes.clone())
        .field("title", "Ten pages")
        .field("tags", "letters")
        .field("metadata", json!({"shelf": 7}).to_string());
    let reply = system.editor.upload(&upload).await?.expect(201)?;
    let accepted = reply.json()?;
    let id = reply.text_of("id")?;
    assert_eq!(reply.header("location"), format!("/api/v1/documents/{id}"));
    assert_eq!(accepted["sha256"], sha256(&bytes));
    assert_eq!(accepted["size"], bytes.len());
    assert_eq!(accepted["media_type"], "application/pdf");
    assert_eq!(accepted["status"], "pending");

    let document = system.editor.wait_ready(&id, READY).await?;
    assert_eq!(document["title"], "Ten pages");
    assert_eq!(document["file_name"], "ten pages.pdf");
    assert_eq!(document["tags"], json!(["letters"]));
    assert_eq!(document["metadata"]["shelf"], 7);
    let insights = &document["insights"];
    assert_eq!(insights["pages"], 10, "{document}");
    assert_eq!(insights["language"]["code"], "en", "{insights}");
    assert!(insights["words"].as_i64() > Some(2900), "{insights}");
    assert!(insights["keywords"].as_array().is_some_and(|k| !k.is_empty()), "{insights}");

    for (index, mark) in marks.iter().enumerate() {
        let page = u32::try_from(index)? + 1;
        let text = text_of(&system.viewer, &id, Some(page)).await?;
        let first = &text["pages"][0];
        assert_eq!(first["number"], page);
        let body = first["text"].as_str().context("a page has text")?;
        assert!(body.contains(mark), "page {page} without {mark}: {body}");
        assert!(marks.iter().filter(|m| body.contains(*m)).count() == 1, "page {page} has another page's text");
    }
    let whole = text_of(&system.viewer, &id, None).await?;
    assert_eq!(whole["pages"].as_array().map(Vec::len), Some(10));
    let beyond = text_of(&system.viewer, &id, Some(11)).await?;
    assert_eq!((&beyond["pages"], &beyond["page_count"]), (&json!([]), &json!(10)));
    system.viewer.get(&format!("/api/v1/documents/{id}/text?page=one")).await?.problem(400, "invalid")?;
    Ok(())
}

async fn markdown_html_and_plain_text_are_read_too(system: Arc<System>) -> anyhow::Result<()> {
    let mark = words::unique();
    let cases = [
        (
            "notes.md",
            format!("# A heading\n\nSome *emphasised* {mark} words and a [link](https://example.org).\n"),
            "text/markdown",
        ),
        (
            "page.html",
            format!(
                "<!doctype html><html><head><title>Title</title><script>var hidden = 'neverseen';</script></head>\
                 <body><h1>Heading</h1><p>Words with <b>{mark}</b> inside &amp; outside.</p></body></html>"
            ),
            "text/html",
        ),
        ("plain.txt", format!("Just a few lines.\nAnd {mark} among them, with an é.\n"), "text/plain"),
    ];
    for (name, content, media_type) in cases {
        let reply = system.editor.upload(&Upload::new(name, content)).await?.expect(201)?;
        assert!(reply.text_of("media_type")?.starts_with(media_type), "{reply}");
        let id = reply.text_of("id")?;
        system.editor.wait_ready(&id, READY).await.with_context(|| name.to_owned())?;
        let text = text_of(&system.viewer, &id, None).await?;
        let page = text["pages"][0]["text"].as_str().context("a page has text")?;
        assert!(page.contains(&mark), "{name}: {page}");
        assert!(!page.contains("neverseen"), "{name}: scripts are not text: {page}");
        assert!(!page.contains("<b>"), "{name}: markup is not text: {page}");
    }
    Ok(())
}

async fn every_stage_is_reported_in_order_until_it_is_ready(system: Arc<System>) -> anyhow::Result<()> {
    let id = system.editor.add(&Upload::new("staged.pdf", pdf::document(&[words::unique()]))).await?;
    let events = system.editor.events(&id, READY).await?;
    let stages: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(stages.first(), Some(&"received"), "{events:?}");
    assert_eq!(stages.last(), Some(&"ready"), "{events:?}");
    let place = |stage| stages.iter().position(|s| *s == stage).with_context(|| format!("no {stage}: {stages:?}"));
    assert!(place("received")? < place("started")? && place("started")? < place("extracted")?, "{stages:?}");
    let mut before = String::new();
    for event in &events {
        let data: Value = serde_json::from_str(&event.data)?;
        let at = data["at"].as_str().context("an event has a time")?.to_owned();
        assert!(at.ends_with('Z') && at >= before, "times go forward: {events:?}");
        assert!(!event.id.is_empty(), "an event has an id to resume from: {events:?}");
        before = at;
    }
    // Whoever comes late is told all of it, and the stream ends.
    assert_eq!(system.editor.events(&id, READY).await?, events);
    Ok(())
}

async fn events_resume_after_the_last_one_seen(system: Arc<System>) -> anyhow::Result<()> {
    let id = system.editor.add_ready(&Upload::new("resumed.txt", words::unique()), READY).await?;
    let events = system.editor.events(&id, READY).await?;
    let path = format!("/api/v1/documents/{id}/events");
    let rest = system.editor.get_with(&path, &[("last-event-id", events[0].id.as_str())]).await?.expect(200)?;
    let rest = String::from_utf8(rest.body)?;
    assert!(!rest.contains("event: received"), "{rest}");
    assert!(rest.contains("event: ready"), "{rest}");
    Ok(())
}

async fn a_download_is_the_same_bytes(system: Arc<System>) -> anyhow::Result<()> {
    // More than one chunk of every buffer on the way.
    let bytes = pdf::with_ballast(&[&words::unique()], 6 << 20);
    let id = system.editor.add(&Upload::new("grüße \"quoted\".pdf", bytes.clone())).await?;
    let reply = system.viewer.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    assert_eq!(sha256(&reply.body), sha256(&bytes));
    assert_eq!(reply.header("content-length"), bytes.len().to_string());
    assert_eq!(reply.header("accept-ranges"), "bytes");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(reply.header("content-security-policy").contains("sandbox"), "{:?}", reply.headers);
    let disposition = reply.header("content-disposition");
    assert!(disposition.starts_with("attachment"), "{disposition}");
    assert!(disposition.contains("filename*=UTF-8''gr%C3%BC%C3%9Fe%20%22quoted%22.pdf"), "{disposition}");
    let head = system.viewer.head(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    assert_eq!(head.header("content-length"), bytes.len().to_string());
    assert!(head.body.is_empty());
    Ok(())
}

async fn parts_of_a_download_can_be_asked_for(system: Arc<System>) -> anyhow::Result<()> {
    let bytes = pdf::document(&[words::prose(5, 200)]);
    let (id, size) = (system.editor.add(&Upload::new("parts.pdf", bytes.clone())).await?, bytes.len());
    let path = format!("/api/v1/documents/{id}/content");
    let part = async |range: &str| system.viewer.get_with(&path, &[("range", range)]).await;

    for (range, first, last) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=100-299".to_owned(), 100, 299),
        ("bytes=500-".to_owned(), 500, size - 1),
        ("bytes=-7".to_owned(), size - 7, size - 1),
        (format!("bytes=10-{}", size * 2), 10, size - 1),
    ] {
        let reply = part(&range).await?.expect(206)?;
        assert_eq!(reply.body, &bytes[first..=last], "{range}");
        assert_eq!(reply.header("content-range"), format!("bytes {first}-{last}/{size}"), "{range}");
    }
    let beyond = part(&format!("bytes={size}-")).await?;
    assert_eq!(beyond.header("content-range"), format!("bytes */{size}"));
    beyond.problem(416, "range-not-satisfiable")?;
    // What is no range is no condition either (RFC 9110, 14.2).
    assert_eq!(part("pages=1-2").await?.expect(200)?.body, bytes);
    Ok(())
}

async fn an_unchanged_download_is_not_sent_again(system: Arc<System>) -> anyhow::Result<()> {
    let bytes = pdf::document(&[words::unique()]);
    let id = system.editor.add(&Upload::new("cached.pdf", bytes.clone())).await?;
    let path = format!("/api/v1/documents/{id}/content");
    let tag = system.viewer.get(&path).await?.expect(200)?.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 2, "a strong tag: {tag}");
    let again = system.viewer.get_with(&path, &[("if-none-match", tag.as_str())]).await?.expect(304)?;
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), tag);
    system.viewer.get_with(&path, &[("if-none-match", "\"other\"")]).await?.expect(200)?;
    // A part is only good beside the rest of the same bytes.
    let same = [("range", "bytes=0-3"), ("if-range", tag.as_str())];
    system.viewer.get_with(&path, &same).await?.expect(206)?;
    system.viewer.get_with(&path, &[("range", "bytes=0-3"), ("if-range", "\"other\"")]).await?.expect(200)?;
    Ok(())
}

async fn what_is_known_of_a_document_can_be_changed_by_whoever_has_seen_its_latest_state(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let upload = Upload::new("patched.txt", words::unique()).field("metadata", json!({"a": 1, "b": 2}).to_string());
    let id = system.editor.add_ready(&upload, READY).await?;
    let path = format!("/api/v1/documents/{id}");
    let seen = system.editor.get(&path).await?.expect(200)?;
    let tag = seen.header("etag").to_owned();
    assert!(!tag.is_empty(), "{seen}");
    system.editor.get_with(&path, &[("if-none-match", tag.as_str())]).await?.expect(304)?;

    let change = json!({"title": "Another", "tags": ["x", "y"], "metadata": {"a": null, "c": [3]}});
    let changed = system.editor.patch(&path, &change, Some(&tag)).await?.expect(200)?;
    let document = changed.json()?;
    assert_eq!(document["title"], "Another");
    assert_eq!(document["tags"], json!(["x", "y"]));
    assert_eq!(document["metadata"], json!({"b": 2, "c": [3]}));
    assert_ne!(changed.header("etag"), tag);

    system.editor.patch(&path, &json!({"title": "Late"}), Some(&tag)).await?.problem(412, "precondition-failed")?;
    let unknown = system.editor.patch(&path, &json!({"titel": "x"}), None).await?;
    unknown.problem(400, "invalid")?;
    system.viewer.patch(&path, &json!({"title": "Mine"}), None).await?.problem(403, "forbidden")?;
    assert_eq!(system.editor.get(&path).await?.text_of("title")?, "Another");
    Ok(())
}

async fn a_list_is_walked_with_cursors_while_documents_are_added(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    let add = async |n: u32| {
        let upload = Upload::new("listed.txt", format!("{} {n}", words::unique())).field("collection_id", &*collection);
        system.editor.add(&upload.field("title", format!("number {n}"))).await
    };
    let mut expected = Vec::new();
    for n in 0..5 {
        expected.insert(0, add(n).await?);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let query = [("collection_id", collection.as_str()), ("limit", "2"), ("count", "true"), ("cursor", &cursor)];
        let query = if cursor.is_empty() { &query[..3] } else { &query[..] };
        let list = system.viewer.query("/api/v1/documents", query).await?.expect(200)?.json()?;
        let items = list["items"].as_array().context("items")?;
        seen.extend(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)));
        ensure!(items.len() <= 2 && seen.len() <= 5, "more than there is: {list}");
        match list["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
        // Newest first: what comes in now is before where we are.
        add(5).await?;
    }
    assert_eq!(seen, expected);
    let bad =
        system.viewer.query("/api/v1/documents", &[("cursor", "nonsense")]).await?.problem(422, "unprocessable")?;
    assert_eq!(bad["errors"][0]["field"], "cursor");
    for limit in ["0", "201", "many"] {
        system.viewer.query("/api/v1/documents", &[("limit", limit)]).await?.problem(400, "invalid")?;
    }
    Ok(())
}

async fn lists_are_filtered_and_sorted(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    for (title, name, tag) in [("b", "b.txt", "odd"), ("a", "a.md", "even"), ("c", "c.txt", "odd")] {
        let upload = Upload::new(name, words::unique()).field("title", title).field("tags", tag);
        system.editor.add_ready(&upload.field("collection_id", &*collection), READY).await?;
    }
    let titles = async |extra: (&str, &str)| {
        let query = [("collection_id", collection.as_str()), ("sort", "title"), extra];
        let list = system.viewer.query("/api/v1/documents", &query).await?.expect(200)?.json()?;
        let items = list["items"].as_array().context("items")?;
        anyhow::Ok(items.iter().filter_map(|item| item["title"].as_str().map(str::to_owned)).collect::<String>())
    };
    assert_eq!(titles(("limit", "50")).await?, "abc");
    assert_eq!(titles(("tag", "odd")).await?, "bc");
    assert_eq!(titles(("media_type", "text/markdown")).await?, "a");
    assert_eq!(titles(("status", "ready")).await?, "abc");
    assert_eq!(titles(("status", "failed")).await?, "");
    let query = [("collection_id", collection.as_str()), ("sort", "-title"), ("count", "true")];
    let list = system.viewer.query("/api/v1/documents", &query).await?.expect(200)?.json()?;
    assert_eq!(list["items"][0]["title"], "c");
    assert_eq!(list["count"], 3);
    system.viewer.query("/api/v1/documents", &[("sort", "colour")]).await?.problem(400, "invalid")?;
    system.viewer.query("/api/v1/documents", &[("colour", "red")]).await?.problem(400, "invalid")?;
    Ok(())
}

async fn a_new_version_replaces_what_is_found_and_keeps_what_was(system: Arc<System>) -> anyhow::Result<()> {
    let (before, after) = (words::unique(), words::unique());
    let old = pdf::document(&[&before]);
    let new = pdf::document(&[words::prose(1, 20), after.clone()]);
    let id = system.editor.add_ready(&Upload::new("contract.pdf", old.clone()), READY).await?;
    let versions = format!("/api/v1/documents/{id}/versions");
    let reply = system.editor.upload_to(&versions, &Upload::new("contract-2.pdf", new.clone())).await?.expect(201)?;
    assert_eq!(reply.json()?["version"], 2, "{reply}");
    let document = system.editor.wait_ready(&id, READY).await?;
    assert_eq!(document["version"], 2);
    assert_eq!(document["sha256"], sha256(&new));
    assert_eq!(document["insights"]["pages"], 2);

    let content = format!("/api/v1/documents/{id}/content");
    assert_eq!(system.viewer.get(&content).await?.expect(200)?.body, new);
    assert_eq!(system.viewer.get(&format!("{content}?version=1")).await?.expect(200)?.body, old);
    assert_eq!(system.viewer.get(&format!("{content}?version=2")).await?.expect(200)?.body, new);
    system.viewer.get(&format!("{content}?version=3")).await?.problem(404, "not-found")?;
    let list = system.viewer.get(&versions).await?.expect(200)?.json()?;
    let sums: Vec<_> =
        list["items"].as_array().context("items")?.iter().map(|v| (v["number"].clone(), v["sha256"].clone())).collect();
    assert!(
        sums.contains(&(json!(1), json!(sha256(&old)))) && sums.contains(&(json!(2), json!(sha256(&new)))),
        "{list}"
    );

    system.found(&system.viewer, &after, &id).await?;
    system.never_found(&system.viewer, &before, &id).await?;
    system.viewer.upload_to(&versions, &Upload::new("x.pdf", old)).await?.problem(403, "forbidden")?;
    Ok(())
}

async fn a_trashed_document_is_gone_until_it_is_restored_and_for_good_once_purged(
    system: Arc<System>,
) -> anyhow::Result<()> {
    let word = words::unique();
    let id = system.editor.add_ready(&Upload::new("trashed.pdf", pdf::document(&[&word])), READY).await?;
    let path = format!("/api/v1/documents/{id}");
    system.found(&system.viewer, &word, &id).await?;

    system.viewer.delete(&path).await?.problem(403, "forbidden")?;
    let deleted = system.editor.delete(&path).await?;
    assert!(deleted.status == 200 || deleted.status == 204, "{deleted}");
    system.never_found(&system.viewer, &word, &id).await?;
    for part in ["/content", "/text"] {
        system.viewer.get(&format!("{path}{part}")).await?.problem(404, "not-found")?;
    }
    let trash = system.editor.query("/api/v1/documents", &[("trashed", "true")]).await?.expect(200)?.json()?;
    assert!(trash["items"].as_array().is_some_and(|items| items.iter().any(|item| item["id"] == id)), "{trash}");
    let list = system.editor.query("/api/v1/documents", &[]).await?.expect(200)?;
    assert!(!String::from_utf8_lossy(&list.body).contains(&id), "{list}");

    system.editor.post_empty(&format!("{path}/restore")).await?.expect(200)?;
    system.editor.wait_ready(&id, READY).await?;
    system.found(&system.viewer, &word, &id).await?;
    system.viewer.get(&format!("{path}/content")).await?.expect(200)?;

    system.editor.delete(&path).await?;
    system.purge(&id).await?;
    system.owner.get(&path).await?.problem(404, "not-found")?;
    system.editor.post_empty(&format!("{path}/restore")).await?.problem(404, "not-found")?;
    system.never_found(&system.owner, &word, &id).await?;
    Ok(())
}

async fn a_document_is_read_again_on_request(system: Arc<System>) -> anyhow::Result<()> {
    let word = words::unique();
    let id = system.editor.add_ready(&Upload::new("again.pdf", pdf::document(&[&word, &word])), READY).await?;
    let path = format!("/api/v1/documents/{id}");
    system.viewer.post_empty(&format!("{path}/reprocess")).await?.problem(403, "forbidden")?;
    let reply = system.editor.post_empty(&format!("{path}/reprocess")).await?;
    assert!(reply.status == 200 || reply.status == 202, "{reply}");
    let twice = async || {
        let events = system.editor.events(&id, READY).await?;
        let readies = events.iter().filter(|event| event.name == "ready").count();
        ensure!(readies == 2, "{events:?}");
        Ok(())
    };
    eventually(READY, "a second reading", twice).await?;
    let text = text_of(&system.viewer, &id, None).await?;
    assert_eq!(text["pages"].as_array().map(Vec::len), Some(2), "one set of pages: {text}");
    system.found(&system.viewer, &word, &id).await?;
    Ok(())
}

async fn a_document_that_cannot_be_opened_is_visibly_failed(system: Arc<System>) -> anyhow::Result<()> {
    let broken = format!("%PDF-1.5\n{} this is not a document at all", words::unique());
    let id = system.editor.add(&Upload::new("broken.pdf", broken.clone())).await?;
    let document = system.editor.wait_settled(&id, READY).await?;
    assert_eq!(document["status"], "failed", "{document}");
    assert_eq!(document["failure"]["code"], "corrupt", "{document}");
    assert!(document["failure"]["detail"].as_str().is_some_and(|d| d.len() > 10), "a sentence: {document}");
    let events = system.editor.events(&id, Duration::from_secs(5)).await?;
    assert_eq!(events.last().map(|event| event.name.as_str()), Some("failed"), "{events:?}");
    // The bytes are what was accepted, whatever they are.
    let content = system.viewer.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    assert_eq!(content.body, broken.as_bytes());
    Ok(())
}

/// Real documents of several programs, one of them of many pages.
const CORPUS: [&str; 3] = [
    "pdf/pdfplumber__pdfs__senate-expenditures.pdf",
    "pdf/pypdf__GeoBase_NHNC1_Data_Model_UML_EN.pdf",
    "pdf/pdfjs__tracemonkey_a11y.pdf",
];

async fn a_real_corpus_is_read_and_found(system: Arc<System>) -> anyhow::Result<()> {
    let Some(folder) = std::env::var_os("DOSSIER_CORPUS").map(std::path::PathBuf::from) else {
        eprintln!("DOSSIER_CORPUS is not set: no real documents are tried");
        return Ok(());
    };
    let folder = if folder.join("files").is_dir() { folder.join("files") } else { folder };
    for name in CORPUS {
        let bytes = std::fs::read(folder.join(name)).with_context(|| format!("{name} in DOSSIER_CORPUS"))?;
        let file_name = name.rsplit('/').next().unwrap_or(name);
        let id = system
            .editor
            .add_ready(&Upload::new(file_name, bytes), 2 * READY)
            .await
            .with_context(|| name.to_owned())?;
        let text = text_of(&system.viewer, &id, None).await?;
        let pages: Vec<&str> =
            text["pages"].as_array().context("pages")?.iter().filter_map(|p| p["text"].as_str()).collect();
        let (page, word) = telling_word(&pages).with_context(|| format!("{name} has no word to look for"))?;
        let hit = system.found(&system.viewer, &words::misspelt(&word), &id).await.with_context(|| name.to_owned())?;
        assert_eq!(hit["page"], page, "{name}: {word}: {hit}");
    }
    Ok(())
}

/// The longest word of plain letters that stands on one page only, in lower case, and its page.
fn telling_word(pages: &[&str]) -> Option<(usize, String)> {
    let pages: Vec<String> = pages.iter().map(|page| page.to_lowercase()).collect();
    let mut found: Option<(usize, &str)> = None;
    for (index, page) in pages.iter().enumerate() {
        for word in page.split(|c: char| !c.is_alphanumeric()) {
            let plain = (7..20).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase());
            let longer = found.is_none_or(|(_, best)| word.len() > best.len());
            if plain && longer && pages.iter().enumerate().all(|(i, p)| i == index || !p.contains(word)) {
                found = Some((index + 1, word));
            }
        }
    }
    found.map(|(page, word)| (page, word.to_owned()))
}
