//! Ways in which a document arrives, and ways in which it does not.

use std::sync::Arc;

use anyhow::{Context, ensure};
use e2e::{
    client::{Upload, eventually},
    pdf, words,
};
use serde_json::{Value, json};

use crate::{
    harness::tests,
    raw,
    system::{MAX_DOCUMENT_BYTES, READY, System, sha256},
};

tests!(Shared:
    a_raw_body_is_taken_with_its_name_and_fields_from_around_it,
    fields_may_come_after_the_file,
    the_content_decides_the_type_not_the_name,
    a_wrong_checksum_is_refused_and_a_right_one_is_not,
    an_empty_file_is_refused,
    a_file_of_an_unknown_type_is_refused,
    an_oversize_file_is_refused_before_it_is_sent,
    an_oversize_file_of_unknown_length_is_refused_and_leaves_nothing,
    malformed_forms_are_refused_with_the_field_to_blame,
    an_upload_that_is_cut_off_leaves_no_document,
    the_same_bytes_in_the_same_collection_are_one_document,
    a_repeated_upload_with_the_same_key_is_the_same_document,
    twenty_uploads_at_once_all_become_ready,
);

/// How many documents a collection holds.
async fn count(system: &System, collection: &str) -> anyhow::Result<i64> {
    let query = [("collection_id", collection), ("count", "true")];
    let list = system.owner.query("/api/v1/documents", &query).await?.expect(200)?.json()?;
    let count = list["count"].as_i64().context("a count")?;
    ensure!(list["items"].as_array().map(Vec::len) == Some(usize::try_from(count)?), "{list}");
    Ok(count)
}

async fn a_raw_body_is_taken_with_its_name_and_fields_from_around_it(system: Arc<System>) -> anyhow::Result<()> {
    let (collection, bytes) = (system.collection("internal").await?, pdf::document(&[words::unique()]));
    let upload = Upload::new("raw.pdf", bytes.clone())
        .field("collection_id", &*collection)
        .field("title", "Raw & ready")
        .field("tags", "one")
        .field("metadata", json!({"from": "a script"}).to_string())
        .header("x-checksum-sha256", sha256(&bytes));
    let reply = system.editor.upload_raw(&upload).await?.expect(201)?;
    let document = system.editor.wait_ready(&reply.text_of("id")?, READY).await?;
    assert_eq!(document["file_name"], "raw.pdf");
    assert_eq!(document["title"], "Raw & ready");
    assert_eq!(document["tags"], json!(["one"]));
    assert_eq!(document["metadata"]["from"], "a script");
    assert_eq!(document["collection_id"], *collection);
    assert_eq!(document["sha256"], sha256(&bytes));
    Ok(())
}

async fn fields_may_come_after_the_file(system: Arc<System>) -> anyhow::Result<()> {
    let text = words::unique();
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"first.txt\"\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nAfterwards\r\n--b--\r\n"
    );
    let request = system.editor.request(reqwest::Method::POST, "/api/v1/documents");
    let request = request.header("content-type", "multipart/form-data; boundary=b").body(body);
    let reply = e2e::client::send(request).await?.expect(201)?;
    assert_eq!(reply.text_of("title")?, "Afterwards");
    Ok(())
}

async fn the_content_decides_the_type_not_the_name(system: Arc<System>) -> anyhow::Result<()> {
    let mut upload = Upload::new("looks-like.txt", pdf::document(&[words::unique()]));
    upload.media_type = "text/plain";
    let reply = system.editor.upload(&upload).await?.expect(201)?;
    assert_eq!(reply.text_of("media_type")?, "application/pdf");
    system.editor.wait_ready(&reply.text_of("id")?, READY).await?;
    Ok(())
}

async fn a_wrong_checksum_is_refused_and_a_right_one_is_not(system: Arc<System>) -> anyhow::Result<()> {
    let (collection, text) = (system.collection("internal").await?, words::unique());
    let upload = Upload::new("sum.txt", text.clone()).field("collection_id", &*collection);
    for reply in [
        system.editor.upload(&upload.clone().header("x-checksum-sha256", sha256(b"other"))).await?,
        system.editor.upload_raw(&upload.clone().header("x-checksum-sha256", sha256(b"other"))).await?,
    ] {
        reply.problem(422, "checksum-mismatch")?;
    }
    let nonsense = system.editor.upload(&upload.clone().header("x-checksum-sha256", "abc")).await?;
    nonsense.problem(400, "invalid")?;
    assert_eq!(count(&system, &collection).await?, 0);
    system.editor.upload(&upload.header("x-checksum-sha256", sha256(text.as_bytes()))).await?.expect(201)?;
    assert_eq!(count(&system, &collection).await?, 1);
    Ok(())
}

async fn an_empty_file_is_refused(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    let upload = Upload::new("empty.pdf", Vec::new()).field("collection_id", &*collection);
    for reply in [system.editor.upload(&upload).await?, system.editor.upload_raw(&upload).await?] {
        reply.problem(422, "empty-file")?;
    }
    assert_eq!(count(&system, &collection).await?, 0);
    Ok(())
}

async fn a_file_of_an_unknown_type_is_refused(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    let mut program = b"\x7fELF\x02\x01\x01\x00".to_vec();
    program.extend((0..5000_u32).map(|n| (n * 7 % 251) as u8));
    for name in ["program.bin", "invoice.pdf"] {
        let upload = Upload::new(name, program.clone()).field("collection_id", &*collection);
        for reply in [system.editor.upload(&upload).await?, system.editor.upload_raw(&upload).await?] {
            reply.problem(415, "unsupported-type")?;
        }
    }
    assert_eq!(count(&system, &collection).await?, 0);
    Ok(())
}

async fn an_oversize_file_is_refused_before_it_is_sent(system: Arc<System>) -> anyhow::Result<()> {
    let (base, token) = (system.base(), system.editor_token.as_str());
    // A hundred gigabytes are announced and a hundred bytes sent; nobody waits for the rest.
    let request = format!(
        "POST /api/v1/documents HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"huge.pdf\"\r\n\
         Content-Length: 107374182400\r\n\r\n%PDF-1.5\n{}",
        raw::host(base),
        "x".repeat(100),
    );
    let answer = raw::exchange(base, request.as_bytes()).await?;
    assert_eq!(answer.status, 413, "{}", answer.text);
    assert!(answer.text.contains("/problems/too-large"), "{}", answer.text);
    Ok(())
}

async fn an_oversize_file_of_unknown_length_is_refused_and_leaves_nothing(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    let bytes = pdf::with_ballast(&[&words::unique()], MAX_DOCUMENT_BYTES);
    let multipart = Upload::new("large.pdf", bytes.clone()).field("collection_id", &*collection);
    system.editor.upload(&multipart).await?.problem(413, "too-large")?;
    let chunks: Vec<_> = bytes.chunks(1 << 18).map(|chunk| std::io::Result::Ok(chunk.to_vec())).collect();
    let request = system.editor.request(reqwest::Method::POST, "/api/v1/documents");
    let request = request
        .query(&[("collection_id", &collection)])
        .header("content-type", "application/pdf")
        .header("content-disposition", "attachment; filename=\"large.pdf\"")
        .body(reqwest::Body::wrap_stream(futures_util::stream::iter(chunks)));
    e2e::client::send(request).await?.problem(413, "too-large")?;
    assert_eq!(count(&system, &collection).await?, 0);
    Ok(())
}

async fn malformed_forms_are_refused_with_the_field_to_blame(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    let upload = || Upload::new("field.txt", words::unique()).field("collection_id", &*collection);
    for (field, value) in [("metadata", "not json"), ("metadata", "[1]"), ("colour", "red")] {
        let problem = system.editor.upload(&upload().field(field, value)).await?.problem(400, "invalid")?;
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let elsewhere = Upload::new("field.txt", words::unique()).field("collection_id", uuid::Uuid::now_v7().to_string());
    let reply = system.editor.upload(&elsewhere).await?;
    ensure!(reply.status == 404 || reply.status == 400, "{reply}");
    let nothing = system.editor.request(reqwest::Method::POST, "/api/v1/documents");
    let form = reqwest::multipart::Form::new().text("title", "no file");
    e2e::client::send(nothing.multipart(form)).await?.problem(400, "invalid")?;
    system.editor.post("/api/v1/documents", &json!({"file": "?"})).await?;
    assert_eq!(count(&system, &collection).await?, 0);
    Ok(())
}

async fn an_upload_that_is_cut_off_leaves_no_document(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    let bytes = pdf::with_ballast(&[&words::unique()], 3 << 20);
    let head = |target: &str, more: &str| {
        format!(
            "POST /api/v1/documents{target} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{more}\r\n",
            raw::host(system.base()),
            system.editor_token
        )
    };
    let sized = |half: usize| {
        let fields = format!(
            "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"cut.pdf\"\r\nContent-Length: {}\r\n",
            bytes.len()
        );
        let mut request = head(&format!("?collection_id={collection}"), &fields).into_bytes();
        request.extend_from_slice(&bytes[..half]);
        request
    };
    let chunked = || {
        let fields = "Content-Type: application/pdf\r\nTransfer-Encoding: chunked\r\nContent-Disposition: attachment; filename=\"cut.pdf\"\r\n";
        let mut request = head(&format!("?collection_id={collection}"), fields).into_bytes();
        for part in bytes[..1 << 20].chunks(65536) {
            request.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            request.extend_from_slice(part);
            request.extend_from_slice(b"\r\n");
        }
        request
    };
    let multipart = || {
        let fields =
            format!("Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n", bytes.len() + 1000);
        let mut request = head("", &fields).into_bytes();
        request.extend_from_slice(
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"collection_id\"\r\n\r\n{collection}\r\n\
                 --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cut.pdf\"\r\n\r\n"
            )
            .as_bytes(),
        );
        request.extend_from_slice(&bytes[..2 << 20]);
        request
    };
    for request in [sized(100), sized(2 << 20), sized(bytes.len() - 1), chunked(), multipart()] {
        raw::send_and_hang_up(system.base(), &request).await?;
    }
    // One that is whole, after them: had one of the others been kept, it would be there by now.
    let whole = Upload::new("whole.pdf", bytes.clone()).field("collection_id", &*collection);
    let id = system.editor.add_ready(&whole, READY).await?;
    assert_eq!(count(&system, &collection).await?, 1);
    let content = system.editor.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    assert_eq!(sha256(&content.body), sha256(&bytes));
    Ok(())
}

async fn the_same_bytes_in_the_same_collection_are_one_document(system: Arc<System>) -> anyhow::Result<()> {
    let (here, there) = (system.collection("internal").await?, system.collection("internal").await?);
    let bytes = pdf::document(&[words::unique()]);
    let sum = sha256(&bytes);
    let known = format!("/api/v1/documents?sha256={sum}");
    system.editor.head(&known).await?.expect(404)?;
    let upload = |collection: &str| Upload::new("twice.pdf", bytes.clone()).field("collection_id", collection);
    let id = system.editor.add(&upload(&here)).await?;
    system.editor.head(&known).await?.expect(204)?;

    let again = system.editor.upload(&upload(&here)).await?.expect(200)?;
    assert_eq!(again.text_of("id")?, id);
    assert_eq!(again.json()?["duplicate"], true);
    assert_eq!(count(&system, &here).await?, 1);
    let elsewhere = system.editor.upload(&upload(&there)).await?.expect(201)?;
    assert_ne!(elsewhere.text_of("id")?, id);

    // What nobody may know of is not given away by its hash either.
    let hidden = system.collection("restricted").await?;
    let secret = words::unique();
    system.owner.add(&Upload::new("secret.txt", secret.clone()).field("collection_id", &*hidden)).await?;
    let known = format!("/api/v1/documents?sha256={}", sha256(secret.as_bytes()));
    system.owner.head(&known).await?.expect(204)?;
    system.viewer.head(&known).await?.expect(404)?;
    Ok(())
}

async fn a_repeated_upload_with_the_same_key_is_the_same_document(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    let key = words::unique();
    let upload = |text: &str| {
        Upload::new("keyed.txt", text).field("collection_id", &*collection).header("idempotency-key", &*key)
    };
    let text = words::unique();
    let first = system.editor.upload(&upload(&text)).await?.expect(201)?;
    let replay = system.editor.upload(&upload(&text)).await?;
    ensure!(replay.status.is_success(), "{replay}");
    assert_eq!(replay.text_of("id")?, first.text_of("id")?);
    system.editor.upload(&upload(&words::unique())).await?.any_problem(422)?;
    assert_eq!(count(&system, &collection).await?, 1);
    Ok(())
}

async fn twenty_uploads_at_once_all_become_ready(system: Arc<System>) -> anyhow::Result<()> {
    let collection = system.collection("internal").await?;
    let uploads = (0..20_u64).map(|n| {
        let (system, collection) = (system.clone(), collection.clone());
        tokio::spawn(async move {
            let bytes = pdf::many_pages(n, 3, 80, &[&words::unique()]);
            let id = system.editor.add(&Upload::new("many.pdf", bytes).field("collection_id", collection)).await?;
            system.editor.wait_ready(&id, 2 * READY).await
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        let document: Value = upload.await??;
        assert_eq!(document["insights"]["pages"], 3);
    }
    eventually(READY, "all twenty listed", async || {
        let count = count(&system, &collection).await?;
        ensure!(count == 20, "{count}");
        Ok(())
    })
    .await
}
