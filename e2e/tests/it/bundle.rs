//! Everything out of one system and into another.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Reply, Upload, eventually, send},
    pdf, words,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::tests,
    system::{READY, System, sha256},
};

tests!(Alone: everything_goes_into_an_empty_system_once_and_whole);

/// Made by this release's format 1, and read by every later one. `UPDATE_BUNDLE=1` writes it anew from the system
/// under test, which must hold little; only before the format is released.
fn fixture() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/bundle-v1.tar").into()
}

/// An export, taken apart.
struct Bundle {
    records: BTreeMap<String, BTreeSet<String>>,
    files: BTreeSet<String>,
    manifest: Value,
}

fn take_apart(bytes: &[u8]) -> anyhow::Result<Bundle> {
    let (mut records, mut files, mut manifest) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeSet::new(), None);
    for entry in tar::Archive::new(bytes).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        match name.split_once('/') {
            Some(("files", hash)) => {
                ensure!(sha256(&content) == hash, "{name} holds something else");
                files.insert(hash.to_owned());
            }
            Some((kind, rest)) => {
                ensure!(rest.ends_with(&format!("-{}.ndjson", sha256(&content))), "{name} holds something else");
                let lines = String::from_utf8(content)?.lines().map(str::to_owned).collect::<Vec<_>>();
                records.entry(kind.to_owned()).or_default().extend(lines);
            }
            None if name == "manifest.json" => manifest = Some(serde_json::from_slice(&content)?),
            None => ensure!(name == "dossier.json" && manifest.is_none(), "{name}"),
        }
    }
    Ok(Bundle { records, files, manifest: manifest.context("no manifest")? })
}

async fn export(client: &Client) -> anyhow::Result<Vec<u8>> {
    let reply = client.get("/api/v1/export").await?.expect(200)?;
    ensure!(reply.header("content-type") == "application/x-tar", "{:?}", reply.headers);
    Ok(reply.body)
}

async fn import(client: &Client, bytes: &[u8], query: &str) -> anyhow::Result<Reply> {
    let request = client.request(Method::POST, &format!("/api/v1/import{query}"));
    send(request.header("content-type", "application/x-tar").body(bytes.to_vec())).await
}

fn sum(report: &Value, column: &str) -> i64 {
    let kinds = report["records"].as_object().into_iter().flatten();
    kinds.filter_map(|(_, tally)| tally[column].as_i64()).sum()
}

/// Something of every kind, and its document and word.
async fn fill(system: &System) -> anyhow::Result<(String, String)> {
    let word = words::unique();
    let submission = json!({"name": "Bund Ler", "email": format!("{word}@example.org"), "message": "Hello\nthere", "metadata": {"n": 1.5}});
    let contact = system.nobody.post("/api/v1/submissions", &submission).await?.expect(201)?.text_of("contact_id")?;
    send(system.nobody.request(Method::POST, "/api/v1/visits").header("user-agent", "Mozilla/5.0").json(&json!({})))
        .await?
        .expect(200)?;
    let collection = system.collection("restricted").await?;
    system.owner.put(&format!("/api/v1/collections/{collection}/members/{}", system.person("viewer").await?.1)).await?;
    let bytes = pdf::document(&[words::prose(3, 30), word.clone()]);
    let upload = Upload::new("bundled.pdf", bytes.clone()).field("collection_id", &*collection).field("tags", "a,b");
    let id = system.owner.add_ready(&upload, READY).await?;
    // The same bytes in two versions of another document, and one in the trash.
    let other = system.owner.add(&Upload::new("other.txt", words::unique())).await?;
    let newer = Upload::new("newer.pdf", bytes);
    system.owner.upload_to(&format!("/api/v1/documents/{other}/versions"), &newer).await?.expect(201)?;
    let trashed = system.owner.add(&Upload::new("old.txt", words::unique())).await?;
    system.owner.delete(&format!("/api/v1/documents/{trashed}")).await?.expect(204)?;
    system.owner.put(&format!("/api/v1/contacts/{contact}/documents/{id}")).await?.expect(204)?;
    for document in [&other, &id] {
        system.owner.wait_settled(document, READY).await?;
    }
    Ok((id, word))
}

async fn everything_goes_into_an_empty_system_once_and_whole(from: Arc<System>) -> anyhow::Result<()> {
    let (id, word) = fill(&from).await?;
    from.editor.get("/api/v1/export").await?.problem(403, "forbidden")?;
    let bytes = export(&from.owner).await?;
    if std::env::var_os("UPDATE_BUNDLE").is_some() {
        std::fs::write(fixture(), &bytes)?;
    }
    let out = take_apart(&bytes)?;
    for kind in ["users", "collections", "contacts", "submissions", "visits", "links", "documents"] {
        let (listed, counted) = (out.records.get(kind).map_or(0, BTreeSet::len), &out.manifest["counts"][kind]);
        ensure!(listed > 0 && *counted == listed, "{listed} {kind}, and the manifest says {counted}");
    }
    let text = String::from_utf8_lossy(&bytes);
    ensure!(!text.contains("argon2") && !text.contains(&from.editor_token), "a secret is in it");

    let to = System::start("bundle").await?;
    let outcome = bring_in(&to, &bytes, &out, &id, &word).await;
    to.finish(outcome.is_err()).await;
    outcome
}

async fn bring_in(to: &System, bytes: &[u8], out: &Bundle, id: &str, word: &str) -> anyhow::Result<()> {
    to.editor.post("/api/v1/import", &json!({})).await?.problem(403, "forbidden")?;
    to.owner.post("/api/v1/import", &json!({})).await?.problem(415, "unsupported-media-type")?;
    damaged_ones_are_refused(to, bytes).await?;

    let would = import(&to.owner, bytes, "?dry_run=true").await?.expect(200)?.json()?;
    to.owner.get(&format!("/api/v1/documents/{id}")).await?.problem(404, "not-found")?;
    let did = import(&to.owner, bytes, "").await?.expect(200)?.json()?;
    assert_eq!(sum(&did, "refused"), 0, "{did}");
    ensure!(would["dry_run"] == true && would["records"] == did["records"], "{would} and {did}");
    assert_eq!(did["records"]["documents"]["created"], out.records["documents"].len(), "{did}");

    // Read again, and found.
    to.owner.wait_ready(id, READY).await?;
    eventually(READY, "found", async || to.found(&to.owner, word, id).await.map(drop)).await?;
    let content = to.owner.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
    ensure!(out.files.contains(&sha256(&content.body)), "other bytes");

    // The same comes out again, besides what was here: the people of this system.
    let back = take_apart(&export(&to.owner).await?)?;
    for (kind, records) in &out.records {
        let missing: Vec<_> = records.difference(&back.records[kind]).collect();
        ensure!(kind == "users" || missing.is_empty(), "{kind} differ: {missing:?}");
    }
    ensure!(back.files == out.files && back.manifest["files"] == out.manifest["files"], "other files");

    // Twice is once.
    let again = import(&to.owner, bytes, "").await?.expect(200)?.json()?;
    assert_eq!((sum(&again, "created"), sum(&again, "refused")), (0, 0), "{again}");
    assert_eq!(to.owner.get("/api/v1/import").await?.expect(200)?.json()?, again);
    let after = take_apart(&export(&to.owner).await?)?;
    ensure!(after.records == back.records && after.files == back.files, "the second import changed something");

    // What an earlier release wrote is read.
    let old = std::fs::read(fixture()).context("the committed bundle")?;
    let counts = take_apart(&old)?.manifest["counts"].clone();
    let did = import(&to.owner, &old, "").await?.expect(200)?.json()?;
    assert_eq!(sum(&did, "refused"), 0, "{did}");
    let documents = &did["records"]["documents"];
    let seen = ["created", "unchanged"].iter().filter_map(|column| documents[column].as_i64()).sum::<i64>();
    assert_eq!(counts["documents"], seen, "{did}");
    Ok(())
}

async fn damaged_ones_are_refused(to: &System, bytes: &[u8]) -> anyhow::Result<()> {
    let find = |text: &str| bytes.windows(text.len()).position(|w| w == text.as_bytes()).context(text.to_owned());
    let refused = async |bytes: &[u8], why: &str| -> anyhow::Result<()> {
        import(&to.owner, bytes, "?dry_run=true").await?.problem(422, why)?;
        let report = to.owner.get("/api/v1/import").await?.expect(200)?.json()?;
        ensure!(report["running"] == false && report["failure"].is_string(), "{report}");
        Ok(())
    };
    refused(&bytes[..bytes.len() / 2], "bundle-truncated").await?;
    refused(&bytes[..find("manifest.json")?], "bundle-truncated").await?;
    refused(b"no bundle at all", "bundle-truncated").await?;
    refused(&[b'x'; 4096], "bundle-damaged").await?;
    let changed = |text: &str, by: u8| {
        let mut changed = bytes.to_vec();
        changed[find(text)?] = by;
        anyhow::Ok(changed)
    };
    refused(&changed("%PDF-", b'X')?, "bundle-damaged").await?;
    refused(&changed("Hello\\nthere", b'J')?, "bundle-damaged").await?;
    refused(&changed("\"seal\"", b'#')?, "bundle-damaged").await?;
    let head = find("{\"format\":1")?;
    let mut later = bytes.to_vec();
    later[head + 10] = b'9';
    refused(&later, "bundle-format").await?;
    // An entry that was left out: its head, and its content in whole blocks.
    let file = find("files/")?;
    let size = u64::from_str_radix(std::str::from_utf8(&bytes[file + 124..file + 135])?, 8)?;
    let end = file + 512 + usize::try_from(size.next_multiple_of(512))?;
    refused(&[&bytes[..file], &bytes[end..]].concat(), "bundle-damaged").await
}
